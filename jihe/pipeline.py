"""The whole way from files to a sealed list: what ``jihe run`` does.

Every step hands the next one a table. What the run wrote becomes visible at the end, together with
the plan that it sealed (``jihe.outputs``); a run that stops leaves nothing half-written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from claims import contracts
from claims.contracts import Lang
from claims.load import LoadReport, load
from claims.mapping import SourceMapping, source_mapping
from claims.store import StoreVersion, open_store
from features.as_of import DefaultAsOf, default_as_of
from features.build import Build, build
from features.clock import cut
from features.parameters import read_book
from jihe.findings import write_findings
from jihe.gate import fresh_verdicts
from jihe.home import Home
from jihe.identified import write_identified
from jihe.planning import (
    PlanChoices,
    Sealed,
    design_for,
    drawn_units,
    seal_plan,
    write_lists,
)
from jihe.promotion import Use, use_of_dataset_model
from jihe.publishing import explained, publish, score_all, typical
from jihe.quarantine_page import write_quarantine_report
from jihe.scores import UNITS, Objective, ScoredUnit, champion_metrics
from jihe.training import train_on_dataset
from jihe.units import unit_facts
from serving.sentences import one_line
from training.tracking import Tracker

Progress = Callable[[str, float], None]
Record = dict[str, Any]


@dataclass(frozen=True)
class RunChoices:
    """What a run is asked to do; None means the stated default."""

    source: str
    folder: Path
    out: Path
    as_of: date | None = None
    frame_from: date | None = None
    unit: str | None = None
    objective: Objective = "probability"
    plan: PlanChoices = field(default_factory=PlanChoices)
    lang: Lang = "en"
    identified: bool = False
    now: datetime | None = None
    mapping: Path | None = None


@dataclass
class RunResult:
    """What a run made; the summary and the tests read it.

    ``use`` says what became of a model trained on labels that came with the data.
    """

    report: LoadReport
    usual: DefaultAsOf
    made: Build
    scored: Mapping[str, ScoredUnit]
    sealed: Sealed
    records: list[Record]
    metrics: Record
    bundle: str
    use: Use = "kept"

    def release(self) -> None:
        """Let go of matrices and engine; what was sealed, reported and measured stays."""
        self.scored = {}
        self.made.con.close()


def run(choices: RunChoices, progress: Progress | None = None) -> RunResult:
    """Load, profile, score, draw, explain and publish; see the module's docstring.

    Raises LoadError, DesignError, LedgerError, SeedError with a sentence that says what to do.
    """
    mapping = source_mapping(choices.source, choices.mapping)
    choices.out.mkdir(parents=True, exist_ok=True)
    report = load(mapping, choices.folder, choices.out, progress)
    # Another load may have switched the store meanwhile: this run is of what it has loaded.
    store = open_store(choices.out, report.version)
    return score_and_plan(choices, mapping, report, store, progress)


def score_and_plan(
    choices: RunChoices,
    mapping: SourceMapping,
    report: LoadReport,
    store: StoreVersion,
    progress: Progress | None = None,
) -> RunResult:
    """Do everything after loading."""
    home = Home(choices.out)
    usual = DefaultAsOf(choices.as_of) if choices.as_of else default_as_of(store)
    made = build(store, usual.day, progress, read_book(home.parameters))
    tracker = Tracker(home.registry)
    unit = choices.unit or mapping.unit
    learnt = train_on_dataset(made, store, home, tracker)
    use: Use = "kept"
    if learnt:
        fresh = fresh_verdicts(home, "institution", lambda: store)
        use = use_of_dataset_model(home, learnt, choices.lang, fresh)
    scored = score_all(made, home, tracker, choices.objective, progress)
    facts = {name: unit_facts(made, name) for name in UNITS}
    designed = design_for(
        scored[unit], facts[unit], _framed(made, facts[unit], choices.frame_from), choices.plan
    )
    _tell(progress, "explain", 0.0)
    distributions = typical(made, scored, facts)
    records = explained(made, scored, distributions, {unit: drawn_units(designed)})
    measured = learnt.metrics if learnt and unit == "institution" else None
    metrics = _metrics(measured or champion_metrics(scored[unit], tracker), scored[unit])
    _tell(progress, "write", 0.0)
    scores = pa.concat_tables([scored[name].table for name in UNITS])
    reasons = _one_lines(unit, records)

    def write(sealed: Sealed, folder: Path) -> None:
        pq.write_table(scores, folder / "scores.parquet", compression="zstd")
        write_lists(
            sealed, scored[unit].table, facts[unit], reasons, folder, choices.lang
        )  # fmt: skip
        _write_records(_drawn_records(sealed, records), folder)
        _write_json(metrics, folder / "metrics.json")
        _write_not_run(made, folder / "not_run.json")
        write_findings(made, folder)
        write_quarantine_report(made.store, folder)

    sealed = seal_plan(home, designed, choices.now or datetime.now(UTC), write)
    if choices.identified:
        write_identified(home, made.store, sealed, scores, facts[unit], reasons, choices.lang)
    _tell(progress, "publish", 0.5)
    version = publish(
        home, made, scored, records, distributions, sealed.plan.draws, choices.objective
    )
    _tell(progress, "done", 1.0)
    return RunResult(report, usual, made, scored, sealed, records, metrics, version, use)


def _tell(progress: Progress | None, step: str, share: float) -> None:
    if progress:
        progress(step, share)


def _framed(made: Build, facts: pa.Table, start: date | None) -> npt.NDArray[np.bool_]:
    """Return which units the frame holds: all, or those known from ``start`` on."""
    if start is None:
        return np.ones(facts.num_rows, dtype=np.bool_)
    return np.asarray(facts["known_us"].to_numpy() >= cut(start, made.zone))


def _metrics(learnt: Record | None, scored: ScoredUnit) -> Record:
    """Return metrics.json: measured out of fold, or null where there is no verdict yet."""
    if learnt is not None:
        return learnt
    empty = {
        "average_precision": None, "roc_auc": None, "precision_at": {"50": None, "100": None},
    }  # fmt: skip
    return {
        "unit": scored.matrix.unit,
        "n": len(scored.matrix),
        "positives": None,
        **empty,
        "baseline_sort_by_amount": empty,
        "baseline_rules": empty,
        "note": "No verdicts came with this run; nothing was measured.",
    }


def _one_lines(unit: str, records: list[Record]) -> dict[str, dict[Lang, str]]:
    """Return the reasons of each explained unit of one kind in one line, by language."""
    return {
        r["unit_id"]: {"en": one_line(r, "en"), "zh": one_line(r, "zh")}
        for r in records
        if r["unit"] == unit
    }


def _drawn_records(sealed: Sealed, records: list[Record]) -> list[Record]:
    """Return the records of the drawn units, each with its case, in the order of the cases."""
    by_id = {r["unit_id"]: r for r in records if r["unit"] == sealed.frame.unit}
    ids = sealed.plan.draws["unit_id"].to_pylist()
    cases = sorted(zip(sealed.plan.cases, ids, strict=True))
    return [{"case": case, **by_id[unit_id]} for case, unit_id in cases]


def _write_records(records: list[Record], folder: Path) -> None:
    """Write the explanation records whole (JSON lines) and as a table of their main figures."""
    lines = (json.dumps(r, ensure_ascii=False, sort_keys=True, default=str) for r in records)
    (folder / "cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = [
        {
            **{k: r[k] for k in ("unit", "unit_id", "score_name", "base_value", "calibration")},
            "reasons_en": one_line(r, "en"),
            "reasons_zh": one_line(r, "zh"),
        }
        for r in records
    ]
    explained = contracts.table("explanations").conform(pa.Table.from_pylist(rows))
    pq.write_table(explained, folder / "explanations.parquet", compression="zstd")


def _write_json(body: object, path: Path) -> None:
    text = json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _write_not_run(made: Build, path: Path) -> None:
    """List what could not run and the columns it lacked."""
    _write_json(
        [{"kind": n.kind, "name": n.name, "missing": list(n.missing)} for n in made.not_run], path
    )
