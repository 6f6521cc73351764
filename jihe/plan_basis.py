"""What a committee's plan rests on: frame and design before the sealing, reasons after the draw.

In: a home that was loaded, and what the planner decides. Out: frame and design with the scores and
facts of every unit of the frame, kept beside the seal; once the list is drawn, the explanation
records of its units by the same model on the same version of the store. No seed is made here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from claims.contracts import LANGS, Lang
from claims.store import StoreError, open_store
from features.as_of import default_as_of
from features.build import Build, build
from features.clock import cut
from features.parameters import read_book
from jihe.home import Home
from jihe.planning import PlanChoices, design_for
from jihe.scores import ScoredUnit, applicable_model, score_unit
from jihe.units import unit_facts
from sampling.design import DesignError
from sampling.drawing.beside import NOTHING, Beside, read_beside
from sampling.drawing.certificate import SCORE_KEYS
from sampling.drawing.certificate_form import design_form_faults
from sampling.drawing.designs import AnyDesign, design_of, listed_unit, own_faults
from sampling.faults import Fault, checked
from sampling.frame import Frame, read_frame
from serving.distributions import measure, peer_group
from serving.material import material
from serving.records import explain
from serving.sentences import one_line
from training.tracking import Tracker, registered_name

BASIS_FILE, SCORES_FILE, FACTS_FILE = "basis.json", "scores.parquet", "facts.parquet"
Progress = Callable[[str, float], None]
Record = dict[str, Any]


@dataclass(frozen=True)
class Basis:
    """A frame and what is to be drawn from it, with what the lists will say of its units."""

    frame: Frame
    design: AnyDesign
    score_version: Mapping[str, str | date]
    scores: pa.Table | None = None
    facts: pa.Table | None = None
    store_version: str = ""
    beside: Beside = NOTHING

    def write(self, folder: Path) -> None:
        """Write what the design rests on; scores, facts and their origin, where there are any."""
        self.beside.write(self.frame, folder)
        if self.scores is None or self.facts is None:
            return
        pq.write_table(self.scores, folder / SCORES_FILE, compression="zstd")
        pq.write_table(self.facts, folder / FACTS_FILE, compression="zstd")
        origin = {"store_version": self.store_version, "unit": listed_unit(self.design)}
        (folder / BASIS_FILE).write_text(json.dumps(origin) + "\n", encoding="utf-8")


def basis_of_home(
    home: Home, unit: str, choices: PlanChoices, as_of: date | None, frame_from: date | None,
    progress: Progress | None = None,
) -> Basis:  # fmt: skip
    """Score the units of the store in force and design a plan over them."""
    with built(home, as_of, progress) as made:
        scored = score_of(home, made, unit)
        facts = unit_facts(made, unit)
        chosen = known_from(made, facts, frame_from)
        designed = design_for(scored, facts, chosen, choices)
        kept = pa.array(np.flatnonzero(chosen))
        return Basis(
            designed.frame, designed.design, designed.score_version, scored.table.take(kept),
            facts.take(kept), made.store.version,
        )  # fmt: skip


@contextmanager
def built(home: Home, as_of: date | None, progress: Progress | None) -> Iterator[Build]:
    """Yield the features of the store in force."""
    store = open_store(home.root)
    day = as_of or default_as_of(store).day
    made = build(store, day, progress, read_book(home.parameters))
    try:
        yield made
    finally:
        made.con.close()


def score_of(home: Home, made: Build, unit: str) -> ScoredUnit:
    """Return the scores of every unit of a kind by the model that applies."""
    matrix = made.matrix(unit)
    folder, unfit = applicable_model(matrix, home, Tracker(home.registry))
    return score_unit(made, matrix, folder, unfit=unfit)


def known_from(made: Build, facts: pa.Table, frame_from: date | None) -> npt.NDArray[np.bool_]:
    """Return which units became known from a local day on; all without one."""
    if frame_from is None:
        return np.ones(facts.num_rows, dtype=np.bool_)
    return np.asarray(facts["known_us"].to_numpy() >= cut(frame_from, made.zone))


def basis_of_files(frame_path: Path, design_path: Path, beside_path: Path | None = None) -> Basis:
    """Take a frame and a design as they stand in files.

    Args:
        frame_path: ``frame.tsv``.
        design_path: JSON object with ``design`` and ``scores`` as in a certificate.
        beside_path: folder of the files on which a design by size or in two stages rests; that of
            the frame if absent.

    Raises:
        FrameError, DesignError, BesideError: where a file is not as docs/sampling-spec.md says.
    """
    frame = read_frame(frame_path)
    try:
        given = json.loads(design_path.read_text(encoding="utf-8"))
        design, scores = dict(given["design"]), {k: str(given["scores"][k]) for k in SCORE_KEYS}
        checked(design_form_faults(design), DesignError)
    except (KeyError, TypeError, RecursionError, json.JSONDecodeError, UnicodeDecodeError):
        raise DesignError([_no_design(design_path.name)]) from None
    made = design_of({"frame": {"unit": frame.unit}, "design": design})
    checked(own_faults(made), DesignError)
    beside = read_beside(made, beside_path or frame_path.parent, frame)
    return Basis(frame, made, scores, beside=beside)


def reasons_of(home: Home, folder: Path, drawn: Sequence[str]) -> list[Record]:
    """Return the explanation records of the drawn units, by the model that was sealed.

    There are none where the store's version is gone, or rules, parameters or model have been
    changed since: the sealed scores hold, but their reasons can't be computed any more.
    """
    if not (folder / BASIS_FILE).exists():
        return []
    origin = json.loads((folder / BASIS_FILE).read_text(encoding="utf-8"))
    try:
        store = open_store(home.root, origin["store_version"] or None)
    except StoreError:
        return []
    sealed = pq.read_table(folder / SCORES_FILE)
    first = sealed.slice(0, 1).to_pylist()[0]
    made = build(store, first["as_of_date"], None, read_book(home.parameters))
    try:
        scored = _scored_again(home, made, origin["unit"], first["model_version"])
        if scored is None:
            return []
        return _records(made, scored, sealed, drawn)
    finally:
        made.con.close()


def reasons_by_unit(records: Sequence[Record], drawn: Sequence[str]) -> dict[str, dict[Lang, str]]:
    """Return the reasons of each drawn unit in one line, by language; empty where unknown."""
    found = {r["unit_id"]: {lang: one_line(r, lang) for lang in LANGS} for r in records}
    return {unit: found.get(unit, {"en": "", "zh": ""}) for unit in drawn}


def _scored_again(home: Home, made: Build, unit: str, model_version: str) -> ScoredUnit | None:
    matrix = made.matrix(unit)
    tracker = Tracker(home.registry)
    entries = tracker.versions(registered_name(unit))
    found = [e for e in entries if e.model_version == model_version]
    if not found:
        return None
    scored = score_unit(made, matrix, tracker.folder(found[0]))
    about = scored.model.about
    same = (about["catalogue_version"], about["rules_version"]) == (
        matrix.catalogue_version, matrix.rules_version,
    )  # fmt: skip
    return scored if same else None


def _records(
    made: Build, scored: ScoredUnit, sealed: pa.Table, drawn: Sequence[str]
) -> list[Record]:
    unit = scored.matrix.unit
    kept = pc.is_in(scored.table["unit_id"], value_set=sealed["unit_id"])
    if (
        not scored.table.filter(kept)
        .select(["unit_id", "risk_rank", "anomaly_score"])
        .equals(sealed.select(["unit_id", "risk_rank", "anomaly_score"]))
    ):
        return []
    facts = unit_facts(made, unit)
    names = [n for n in ("institution_class", "claim_type") if n in facts.column_names]
    groups = [peer_group(unit, row) for row in facts.select(names).to_pylist()]
    distributions = measure(scored.matrix, groups, str(made.store.meta["currency"]))
    rows = np.flatnonzero(np.isin(scored.matrix.unit_ids, list(drawn)))
    part = scored.matrix.take(rows)
    hits, about = material(made, unit, [str(unit_id) for unit_id in part.unit_ids])
    return explain(
        scored.model, part, scored.table.take(pa.array(rows)), hits, about, distributions
    )


def _no_design(name: str) -> Fault:
    return Fault(
        "DESIGN_JSON", f"The file {name} holds no design; write a JSON object with 'design' and "
        "'scores' as in a certificate (docs/sampling-spec.md).",
        f"文件{name}中没有设计；请写成含design和scores的JSON对象，形式同证书（见docs/sampling-spec.md）。",
    )  # fmt: skip
