"""The frame of a plan to be designed, from a home's published scores and its store.

In: a home, the kind of unit, and from which day units count. Out: `PlanUnits` with the facts that
strata, quotas and hours go by, and the versions of the scores. Nothing is computed anew: what was
scored is what can be planned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from claims.contracts import table
from claims.engine import open_engine, run
from claims.store import StoreVersion, open_store
from features.clock import cut
from sampling.faults import Fault, SamplingError
from sampling.planning.plan_design import PlanUnits
from sampling.planning.predicted import predicted
from sampling.planning.rotation import last_inspected, since_last_inspection

SCORES = "scores.parquet"
_VERSIONS = ("model_version", "rules_version", "catalogue_version", "as_of_date")
_TEXTS = ("institution_id", "institution_class", "level", "district", "claim_type")
#: Insurance money, personal account included: what a verdict can call back.
_STAKE = "(c.fund_amount + coalesce(c.account_amount, 0))"


class PlanUnitsError(SamplingError):
    """The home holds nothing that a plan can be designed from."""


@dataclass(frozen=True, eq=False)
class Plannable:
    """The units, when their institutions were last inspected, and what scored them."""

    units: PlanUnits
    last_seen: Mapping[str, date]
    day: date
    score_version: Mapping[str, str | date]
    currency: str


def plannable(home: Path, unit: str, frame_from: date | None = None) -> Plannable:
    """Return what a home's published scores allow to plan.

    Args:
        home: a folder that a run has written.
        unit: claim, institution or insured.
        frame_from: leave out units that became known before this local day.

    Raises:
        PlanUnitsError: if there are no scores of the unit, or they are of another store.
        PredictionError: naming units whose scores make no sense.
    """
    scores = _scores(home, unit)
    first = scores.slice(0, 1).to_pylist()[0]
    day: date = first["as_of_date"]
    store = open_store(home)
    facts = _facts(store, unit, day)
    scores = scores.sort_by("unit_id")
    facts = facts.filter(pc.is_in(facts["unit_id"], value_set=scores["unit_id"]))
    if not scores["unit_id"].combine_chunks().equals(facts["unit_id"].combine_chunks()):
        raise PlanUnitsError([_other_store(home.name)])
    if frame_from is not None:
        kept = pc.greater_equal(facts["known_us"], cut(frame_from, str(store.meta["time_zone"])))
        scores, facts = scores.filter(kept), facts.filter(kept)
        if not scores.num_rows:
            raise PlanUnitsError([_nothing_since(frame_from)])
    seen, when = _inspections(store, day)
    return Plannable(
        _units(unit, scores, facts, seen, when, day), last_inspected(seen, when, day), day,
        {key: first[key] for key in _VERSIONS}, str(store.meta["currency"]),
    )  # fmt: skip


def _units(
    unit: str, scores: pa.Table, facts: pa.Table, seen: list[str | None],
    when: list[date | None], day: date,
) -> PlanUnits:  # fmt: skip
    ids = scores["unit_id"].combine_chunks()
    texts = {name: facts[name].combine_chunks() for name in _TEXTS if name in facts.column_names}
    texts["rotation"] = since_last_inspection(texts["institution_id"].to_pylist(), seen, when, day)
    unscored = scores["risk_score"].null_count == scores.num_rows
    unscored |= scores["expected_amount"].null_count == scores.num_rows
    model = None if unscored else predicted(ids, scores["risk_score"], scores["expected_amount"])
    return PlanUnits(
        unit, ids, _integers(scores["risk_rank"]), np.maximum(_integers(facts["stake"]), 0),
        texts, model,
    )  # fmt: skip


def _scores(home: Path, unit: str) -> pa.Table:
    path = home / SCORES
    if not path.exists():
        raise PlanUnitsError([_no_scores(home.name, unit)])
    rows = table("scores").conform(pq.read_table(path))
    rows = rows.filter(pc.equal(rows["unit"], unit))
    if not rows.num_rows:
        raise PlanUnitsError([_no_scores(home.name, unit)])
    return rows


def _facts(store: StoreVersion, unit: str, day: date) -> pa.Table:
    """Return the facts of every unit known before the day and not reversed, by id.

    As in a run (`jihe.units`): the rows that reverse a claim are no claims of their own and count
    in no sum, and an institution or person is known with all its claims, just before the day.
    """
    con = open_engine()
    run(con, "SET threads = 1")
    store.attach(con)
    end = cut(day, str(store.meta["time_zone"]))
    known = f"make_timestamp({end})"
    live = f"""c.reverses_claim_id IS NULL AND c.known_at < {known}
        AND (c.reversed_at IS NULL OR c.reversed_at >= {known})"""
    register = "LEFT JOIN institutions o ON o.institution_id = c.institution_id"
    named = """coalesce(o.institution_class, 'unknown') AS institution_class,
        coalesce(o.level, 'none') AS level, coalesce(o.district, 'unknown') AS district"""
    texts = {
        "claim": f"""SELECT c.claim_id AS unit_id, c.institution_id, c.claim_type, {named},
            {_STAKE} AS stake, epoch_us(c.known_at) AS known_us
            FROM claims c {register} WHERE {live}""",
        "institution": f"""SELECT c.institution_id AS unit_id, c.institution_id, {named},
            CAST(sum({_STAKE}) AS BIGINT) AS stake, {end} - 1 AS known_us
            FROM claims c {register} WHERE {live}
            GROUP BY ALL""",
        "insured": f"""SELECT c.insured_id AS unit_id, 'none' AS institution_id,
            'insured' AS institution_class, 'none' AS level, 'unknown' AS district,
            CAST(sum({_STAKE}) AS BIGINT) AS stake, {end} - 1 AS known_us
            FROM claims c WHERE {live} GROUP BY c.insured_id""",
    }
    found = con.sql(f"SELECT * FROM ({texts[unit]}) ORDER BY unit_id").to_arrow_table()
    con.close()
    return found


def _inspections(store: StoreVersion, day: date) -> tuple[list[str | None], list[date | None]]:
    """Return institution and day of every inspection before the day."""
    if not store.has("inspection_history"):
        return [], []
    rows = store.read("inspection_history")
    rows = rows.filter(pc.less(rows["inspected_on"], pa.scalar(day)))
    return rows["institution_id"].to_pylist(), rows["inspected_on"].to_pylist()


def _integers(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    numbers: npt.NDArray[np.int64] = column.cast(pa.int64()).to_numpy()
    return numbers


def _no_scores(home: str, unit: str) -> Fault:
    return Fault(
        "PLAN_SCORES", f"{home}/ holds no scores of '{unit}'; run 'jihe run' first.",
        f"{home}/中没有“{unit}”的评分；请先运行 jihe run。",
    )  # fmt: skip


def _other_store(home: str) -> Fault:
    return Fault(
        "PLAN_STORE", f"The scores in {home}/ are of other claims than its store holds now; run "
        "'jihe run' again.", f"{home}/中的评分与当前结算库不一致；请重新运行 jihe run。",
    )  # fmt: skip


def _nothing_since(day: date) -> Fault:
    return Fault(
        "PLAN_FRAME_FROM", f"No unit is known from {day.isoformat()} on; name an earlier day.",
        f"{day.isoformat()}之后没有已知的对象；请指定更早的日期。",
    )  # fmt: skip
