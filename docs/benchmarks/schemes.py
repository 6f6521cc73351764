"""What sees each violation scheme: the AUC of every single feature and rule against the truth.

In: a simulated county, made here from a seed, or its files and the store they were loaded into.
Out: a page with the best claim feature, insured feature, institution feature and rule of every
scheme. AUC (Mann and Whitney) compares a scheme's units with others of their kind: claims of the
claim type, people with or without a stay, institutions of the class; the kinds' AUC are averaged by
the scheme's units. Claims and people are compared with those that took part in no scheme, the few
institutions with all that did not take part in this one. 0.5 is chance, 1 tells them apart. A value
that is not known counts as the least suspicious. Where a feature suspects neither end, the better
one counts, and the name has a ±.

    python docs/benchmarks/schemes.py --insured 4000 --seed 1 --out docs/schemes.md
    python docs/benchmarks/schemes.py --files DIR --home HOME --out docs/schemes.md

Text between the page's two comment lines is kept when the page is made again.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from claims.engine import run
from claims.load import load
from claims.mapping import source_mapping
from claims.pseudonyms import pseudonym
from claims.simulator.county import simulate
from claims.simulator.schemes import NAMES
from claims.store import StoreVersion, open_store
from claims.vault import pseudonym_key
from features.as_of import default_as_of
from features.build import Build, build
from features.catalogue import catalogue
from features.matrix import Matrix

#: Unit -> (file of the truth, its column of ids).
TRUTH = {
    "claim": ("claims.csv", "setl_id"),
    "insured": ("insured.csv", "psn_no"),
    "institution": ("institutions.csv", "fixmedins_code"),
}
#: Units of a scheme below which its AUC is not shown.
LEAST = 3
KEEP = ("<!-- discussion begins -->", "<!-- discussion ends -->")
Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Seen:
    """How well one column tells a scheme's units from innocent ones."""

    unit: str
    column: str
    auc: float
    either: bool

    def text(self) -> str:
        """Return it as a cell of the table."""
        return f"`{self.column}`{' ±' if self.either else ''} {self.auc:.3f}"


def guilty(files: Path, unit: str) -> dict[str, set[str]]:
    """Return the pseudonyms of a unit that took part in each scheme."""
    name, column = TRUTH[unit]
    key = pseudonym_key()
    found = defaultdict(set)
    with (files / "truth" / name).open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            found[row["scheme"]].add(pseudonym(unit, row[column], key))
    return found


def places(matrix: Matrix, named: Mapping[str, set[str]]) -> dict[str, Rows]:
    """Return the rows of each scheme."""
    where = {unit_id: place for place, unit_id in enumerate(matrix.unit_ids)}
    return {
        scheme: np.array(sorted(where[u] for u in ids if u in where), dtype=np.intp)
        for scheme, ids in named.items()
    }


def kinds(made: Build, matrix: Matrix) -> npt.NDArray[np.str_]:
    """Return of each unit the kind inside which it is compared."""
    text = {
        "claim": "SELECT claim_id, claim_type FROM facts",
        "insured": "SELECT insured_id, CAST(MAX(inpatient) AS TEXT) FROM facts GROUP BY insured_id",
        "institution": "SELECT institution_id, institution_class FROM institution_rows",
    }[matrix.unit]
    found = dict(run(made.con, text))
    return np.array([found.get(unit_id, "unknown") for unit_id in matrix.unit_ids])


def auc(positives: Array, ordered: Array) -> float:
    """Return the pairs in which the positive is higher, ties being half, per negative."""
    below = np.searchsorted(ordered, positives, "left")
    upto = np.searchsorted(ordered, positives, "right")
    return float((below + upto).sum() / (2.0 * len(ordered)))


def compared(
    rows: Mapping[str, Rows], kind: npt.NDArray[np.str_], unit: str
) -> dict[str, list[tuple[Rows, Rows]]]:
    """Return of each scheme with enough units the rows to compare, and with which, by kind."""
    everybody = np.ones(len(kind), dtype=bool)
    innocent = everybody.copy()
    for found in rows.values():
        innocent[found] = False
    pairs = {}
    for scheme, found in rows.items():
        others = innocent
        if unit == "institution":
            others = everybody.copy()
            others[found] = False
        parts = [
            (found[kind[found] == one], np.flatnonzero(others & (kind == one)))
            for one in np.unique(kind[found])
        ]
        parts = [(mine, against) for mine, against in parts if len(against)]
        if sum(len(mine) for mine, _ in parts) >= LEAST:
            pairs[scheme] = parts
    return pairs


def measured(
    matrix: Matrix, pairs: Mapping[str, list[tuple[Rows, Rows]]]
) -> Iterator[tuple[str, Seen]]:
    """Yield what every column sees of every scheme."""
    for column, name in enumerate(matrix.names):
        values, direction = matrix.values[:, column], matrix.directions[column]
        for end in [direction] if direction else [1, -1]:
            signed = np.where(np.isnan(values), -np.inf, end * values)
            for scheme, parts in pairs.items():
                total = sum(auc(signed[mine], np.sort(signed[other])) for mine, other in parts)
                share = total / sum(len(mine) for mine, _ in parts)
                yield scheme, Seen(matrix.unit, name, share, direction == 0)


def best(seen: Sequence[Seen], allowed: set[str], unit: str | None = None) -> Seen | None:
    """Return the highest of the allowed columns; among equals the first by name."""
    chosen = [s for s in seen if s.column in allowed and unit in (None, s.unit)]
    return min(chosen, key=lambda s: (-s.auc, s.column), default=None)


def table(made: Build, files: Path) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Return a row per scheme, and the best AUC of each."""
    found: dict[str, list[Seen]] = defaultdict(list)
    sizes: dict[tuple[str, str], int] = {}
    for unit in TRUTH:
        matrix, named = made.matrix(unit), guilty(files, unit)
        rows_of = places(matrix, named)
        sizes |= {(scheme, unit): len(rows) for scheme, rows in rows_of.items()}
        for scheme, seen in measured(matrix, compared(rows_of, kinds(made, matrix), unit)):
            found[scheme].append(seen)
    own = {u: {f.name for f in catalogue() if f.entity == u} for u in TRUTH}
    ruled = {rule.column for rule in made.rules}
    rows: list[dict[str, Any]] = []
    highest: dict[str, float] = {}
    for scheme in NAMES:
        cells = {unit: best(found[scheme], own[unit], unit) for unit in TRUTH}
        cells["rule"] = best(found[scheme], ruled)
        rows.append({"scheme": scheme, **{f"n_{u}": sizes.get((scheme, u), 0) for u in TRUTH},
                     **cells})  # fmt: skip
        highest[scheme] = max((s.auc for s in cells.values() if s), default=0.0)
    return rows, highest


def page(
    rows: Sequence[Mapping[str, Any]],
    highest: Mapping[str, float],
    made: Build,
    county: Mapping[str, object],
    kept: str,
) -> str:
    """Return the page."""
    sizes = cast("Mapping[str, int]", county["sizes"])
    lines = [
        "# What sees each scheme",
        "",
        "Made by `docs/benchmarks/schemes.py`: of every scheme of the simulated county "
        "([simulator.md](simulator.md)) the single feature of each entity, and the rule, that best "
        "tells its claims, people and institutions from others of their kind (AUC; 0.5 is chance): "
        "claims of the type and people with or without a stay that took part in no scheme, "
        "institutions of the class that did not take part in this one.",
        "± marks a feature that suspects neither end by itself. A scheme with fewer than "
        f"{LEAST} units of a kind is left out (–). Few institutions take part in a scheme, and "
        "most of them in several: their AUC is rough, and the best of many features flatters.",
        "",
        f"County: seed {county['seed']}, {sizes['insured']} insured, as of {made.as_of}; "
        f"{len(made.features)} features and {len(made.rules)} rules ran.",
        "",
        "| scheme | claims | claim feature | insured | insured feature | institutions "
        "| institution feature | rule (unit) |",
        "|---|--:|---|--:|---|--:|---|---|",
    ]
    for row in rows:
        cells = [f"`{row['scheme']}`"]
        for unit in TRUTH:
            seen = row[unit]
            cells += [str(row[f"n_{unit}"]), seen.text() if isinstance(seen, Seen) else "–"]
        rule = row["rule"]
        told = isinstance(rule, Seen) and rule.auc > 0.5
        cells.append(f"{rule.text()} ({rule.unit})" if told else "–")
        lines.append("| " + " | ".join(cells) + " |")
    shown = {scheme: value for scheme, value in highest.items() if value > 0}
    hardest = sorted(shown, key=lambda scheme: (shown[scheme], scheme))[:2]
    named = " and ".join(f"`{scheme}` ({shown[scheme]:.3f})" for scheme in hardest)
    lines += ["", "## The hardest", "", f"Lowest in their best column: {named}.", ""]
    return "\n".join([*lines, KEEP[0], kept.strip("\n"), KEEP[1], ""])


def kept_text(path: Path) -> str:
    """Return what a person wrote on the page before."""
    if not path.exists() or KEEP[0] not in path.read_text(encoding="utf-8"):
        return ""
    return path.read_text(encoding="utf-8").split(KEEP[0])[1].split(KEEP[1])[0]


def loaded(args: argparse.Namespace, folder: Path) -> tuple[Path, StoreVersion]:
    """Return the county's files and store, simulated and loaded if they were not given."""
    if args.files:
        return args.files, open_store(args.home)
    files, home = folder / "files", folder / "home"
    simulate(files, insured=args.insured, seed=args.seed)
    load(source_mapping("nhsa"), files, home)
    return files, open_store(home)


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=Path, help="files of a simulated county")
    parser.add_argument("--home", type=Path, help="folder into which they were loaded")
    parser.add_argument("--insured", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files, store = loaded(args, Path(folder))
        made = build(store, default_as_of(store).day)
        rows, highest = table(made, files)
        county = json.loads((files / "truth" / "county.json").read_text(encoding="utf-8"))
    args.out.write_text(page(rows, highest, made, county, kept_text(args.out)), encoding="utf-8")


if __name__ == "__main__":
    main()
