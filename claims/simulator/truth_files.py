"""The truth about a county, kept apart from what the pipeline may read.

In: the ledger's truth. Out: files in `truth/` and counts. What is overpaid is the part of the
charges that should not have been billed, whoever paid it; it never exceeds the line, nor so the
claim.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from claims.simulator.ledger import Ledger
from claims.simulator.nhsa_files import Identifiers, look_up, money, person_codes, write
from claims.simulator.schemes import NAMES
from claims.simulator.world import World


def true_lines(ledger: Ledger) -> pd.DataFrame:
    """One row per line and scheme.

    Line, scheme, claim, overpaid (fen), cut so that a line is not overpaid twice.
    """
    truth, lines = ledger.truth, ledger.lines
    marked = truth.line >= 0
    frame = pd.DataFrame(
        {
            "line": truth.line[marked],
            "scheme": truth.scheme[marked],
            "overpaid": truth.overpaid[marked],
        }
    )
    frame = frame.groupby(["line", "scheme"], as_index=False, sort=True).agg({"overpaid": "sum"})
    position = frame["line"].to_numpy()
    amount = lines.count[position] * lines.price[position]
    before = (frame.groupby("line")["overpaid"].cumsum() - frame["overpaid"]).to_numpy()
    left = np.maximum(amount - before, 0)
    frame["overpaid"] = np.minimum(frame["overpaid"].to_numpy(), left)
    frame["claim"] = lines.claim[position]
    return frame[frame["overpaid"] > 0].reset_index(drop=True)


def true_claims(ledger: Ledger, lines: pd.DataFrame) -> pd.DataFrame:
    """One row per claim and scheme: what its lines are overpaid, or what it is as a whole."""
    truth, totals = ledger.truth, ledger.totals()
    whole = truth.line < 0
    left = totals.copy()
    np.subtract.at(left, lines["claim"].to_numpy(), lines["overpaid"].to_numpy())
    amount = np.minimum(truth.overpaid[whole], np.maximum(left[truth.claim[whole]], 0))
    as_a_whole = pd.DataFrame(
        {"claim": truth.claim[whole], "scheme": truth.scheme[whole], "overpaid": amount}
    )
    both = pd.concat([lines[["claim", "scheme", "overpaid"]], as_a_whole])
    both = both[both["overpaid"] > 0]
    return both.groupby(["claim", "scheme"], as_index=False).agg({"overpaid": "sum"})


def write_truth(
    folder: Path, world: World, ledger: Ledger, ids: Identifiers, about: Mapping[str, Any]
) -> dict[str, int]:
    """Write the truth; returns the number of violating claims per scheme."""
    lines = true_lines(ledger)
    claims = true_claims(ledger, lines)
    position = claims["claim"].to_numpy()
    claims["person"] = ledger.claims.person[position]
    claims["place"] = ledger.claims.place[position]
    _write_lines(folder, lines, ids)
    _write_claims(folder, claims, ids)
    _write_insured(folder, claims, world)
    _write_institutions(folder, claims, world)
    amounts = money(ledger.totals()).take(pa.array(ids.claim_order))
    numbers = ids.setl_id.take(pa.array(ids.claim_order))
    write(folder / "settlements.csv", {"setl_id": numbers, "medfee_yuan": amounts})
    planted, overpaid = _sums(claims)
    facts = dict(about) | {
        "violating_claims": int(claims["claim"].nunique()),
        "claims_per_scheme": planted,
        "overpaid_yuan_per_scheme": {name: f"{fen / 100:.2f}" for name, fen in overpaid.items()},
    }
    text = json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True)
    (folder / "county.json").write_text(text + "\n", encoding="utf-8")
    return planted


def _sums(claims: pd.DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Violating claims and overpaid fen of every scheme."""
    scheme = claims["scheme"].to_numpy(dtype=np.int64)
    number = np.bincount(scheme, minlength=len(NAMES)).tolist()
    amount = np.zeros(len(NAMES), dtype=np.int64)
    np.add.at(amount, scheme, claims["overpaid"].to_numpy(dtype=np.int64))
    return dict(zip(NAMES, number, strict=True)), dict(zip(NAMES, amount.tolist(), strict=True))


def _scheme_names(frame: pd.DataFrame) -> pa.Array:
    return look_up(list(NAMES), frame["scheme"].to_numpy())


def _write_lines(folder: Path, lines: pd.DataFrame, ids: Identifiers) -> None:
    sn = ids.feedetl_sn.take(pa.array(lines["line"].to_numpy()))
    columns = {
        "feedetl_sn": sn,
        "scheme": _scheme_names(lines),
        "overpaid_yuan": money(lines["overpaid"].to_numpy()),
    }
    _write_sorted(folder / "lines.csv", columns)


def _write_claims(folder: Path, claims: pd.DataFrame, ids: Identifiers) -> None:
    setl = ids.setl_id.take(pa.array(claims["claim"].to_numpy()))
    columns = {
        "setl_id": setl,
        "scheme": _scheme_names(claims),
        "overpaid_yuan": money(claims["overpaid"].to_numpy()),
    }
    _write_sorted(folder / "claims.csv", columns)


def _write_insured(folder: Path, claims: pd.DataFrame, world: World) -> None:
    pairs = claims[["person", "scheme"]].drop_duplicates()
    codes = look_up(person_codes(len(world.people.sex)), pairs["person"].to_numpy())
    _write_sorted(folder / "insured.csv", {"psn_no": codes, "scheme": _scheme_names(pairs)})


def _write_institutions(folder: Path, claims: pd.DataFrame, world: World) -> None:
    grouped = claims.groupby(["place", "scheme"], as_index=False).agg(
        claims=("claim", "nunique"), overpaid=("overpaid", "sum")
    )
    columns = {
        "fixmedins_code": look_up(world.places.codes, grouped["place"].to_numpy()),
        "scheme": _scheme_names(grouped),
        "claims": pa.array(grouped["claims"].to_numpy()),
        "overpaid_yuan": money(grouped["overpaid"].to_numpy()),
    }
    _write_sorted(folder / "institutions.csv", columns)


def _write_sorted(path: Path, columns: dict[str, pa.Array]) -> None:
    """Write a file in the order of its first two columns."""
    table = pa.table(columns)
    keys = [(name, "ascending") for name in table.column_names[:2]]
    ordered = table.sort_by(keys).combine_chunks()
    write(path, {name: ordered[name] for name in ordered.column_names})
