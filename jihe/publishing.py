"""What is scored, explained and published: by a run for a new plan, and again for another model.

In: a build of the store and the registry's champions. Out: scores and explanation records of every
unit and the bundle that serves them. ``republish`` does it again after a champion has changed: the
claims, the day and the drawn units are those of the bundle in use, the models are those of now.
Plans keep the scores, lists and reasons that they were sealed with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from claims.store import StoreVersion, open_store
from claims.versions import history
from features.build import Build, Progress, build
from features.parameters import read_book
from jihe.home import Home
from jihe.scores import UNITS, Objective, ScoredUnit, applicable_model, score_unit
from jihe.units import unit_facts
from sampling.ledger import Ledger
from serving.bundle import Bundle, BundleError, current_version, open_bundle
from serving.distributions import Distributions, measure, peer_group
from serving.material import material
from serving.publish import write_bundle
from serving.records import explain
from training.tracking import Tracker

Record = dict[str, Any]

#: Units at the head of each ranking whose explanation is published beside the drawn ones.
EXPLAINED_HEAD = 500


@dataclass(frozen=True)
class Republished:
    """The new bundle, the day it is of, and by unit the models before and now.

    ``unfit`` says by unit why the champion could not be applied, where it could not.
    """

    bundle: str
    as_of: date
    before: Mapping[str, str]
    now: Mapping[str, str]
    unfit: Mapping[str, str]


def score_all(
    made: Build, home: Home, tracker: Tracker, objective: Objective, progress: Progress | None
) -> dict[str, ScoredUnit]:
    """Score every unit with the model that applies to it."""
    scored = {}
    for place, name in enumerate(UNITS):
        if progress:
            progress(f"score {name}", place / len(UNITS))
        matrix = made.matrix(name)
        folder, unfit = applicable_model(matrix, home, tracker)
        scored[name] = score_unit(made, matrix, folder, objective, unfit)
    return scored


def typical(
    made: Build, scored: Mapping[str, ScoredUnit], facts: Mapping[str, pa.Table]
) -> dict[str, Distributions]:
    """Return what is typical of each unit's peers."""
    currency = str(made.store.meta["currency"])
    return {
        name: measure(unit.matrix, _groups(name, facts[name]), currency)
        for name, unit in scored.items()
    }


def explained(
    made: Build,
    scored: Mapping[str, ScoredUnit],
    distributions: Mapping[str, Distributions],
    drawn: Mapping[str, Sequence[str]],
) -> list[Record]:
    """Explain the ``drawn`` ids of each unit and the head of each ranking."""
    records: list[Record] = []
    for name, unit in scored.items():
        head = unit.table["risk_rank"].to_numpy() <= EXPLAINED_HEAD
        head |= np.isin(unit.matrix.unit_ids, list(drawn.get(name, ())))
        rows = np.flatnonzero(head)
        part = unit.matrix.take(rows)
        hits, facts = material(made, name, [str(unit_id) for unit_id in part.unit_ids])
        table = unit.table.take(pa.array(rows))
        records += explain(unit.model, part, table, hits, facts, distributions[name])
    return records


def publish(
    home: Home,
    made: Build,
    scored: Mapping[str, ScoredUnit],
    records: Sequence[Record],
    distributions: Mapping[str, Distributions],
    draws: pa.Table | None,
    objective: Objective,
) -> str:
    """Publish the bundle and make it the one in use; return its version."""
    version = write_bundle(
        home.root,
        model_folders={name: unit.folder for name, unit in scored.items()},
        made=made,
        claim_names=scored["claim"].matrix.names,
        scores=pa.concat_tables([scored[name].table for name in UNITS]),
        records=records,
        distributions=distributions,
        draws=draws,
        objective=objective,
    )
    return version.version


def is_published(home: Home) -> bool:
    """Tell whether a bundle was published in this home."""
    try:
        current_version(home.root)
    except BundleError:
        return False
    return True


def republish(home: Home, progress: Progress | None = None) -> Republished:
    """Publish what the bundle in use shows, by the champions of now.

    Raises BundleError where nothing was published yet or the bundle is damaged, StoreError where
    its claims are gone.
    """
    bundle = _bundle_in_use(home)
    try:
        about, plans, objective = bundle.about, bundle.cases.all_plans(), _objective(bundle)
    finally:
        bundle.close()
    day = date.fromisoformat(about["as_of_date"])
    store = _store_of(home.root, about["claims_fingerprint"])
    made = build(store, day, progress, read_book(home.parameters))
    try:
        scored = score_all(made, home, Tracker(home.registry), objective, progress)
        distributions = typical(made, scored, {name: unit_facts(made, name) for name in UNITS})
        draws = _draws(home, plans)
        records = explained(made, scored, distributions, _ids(draws))
        version = publish(home, made, scored, records, distributions, draws, objective)
    finally:
        made.con.close()
    return Republished(
        version, day, about["versions"]["models"],
        {name: unit.model.model_version for name, unit in scored.items()},
        {name: unit.unfit for name, unit in scored.items() if unit.unfit},
    )  # fmt: skip


def _bundle_in_use(home: Home) -> Bundle:
    try:
        return open_bundle(home.root)
    except BundleError as error:
        if not is_published(home):
            raise
        # The bundle itself says what is to be published again, and it cannot be believed.
        told = "What it showed is not known any more; score and publish anew with 'jihe run'."
        raise BundleError(f"{error} {told}") from error


def _objective(bundle: Bundle) -> Objective:
    """Return what the lists are ranked by; older bundles show it, where they had verdicts."""
    ranked = {summary.ranked_by for summary in bundle.cases.summaries.values()}
    stated = bundle.about.get("objective") or ("amount" if "expected_amount" in ranked else "")
    return "amount" if stated == "amount" else "probability"


def _store_of(home: Path, fingerprint: str) -> StoreVersion:
    """Open the newest version of the store that holds these claims, else the one in force."""
    for entry in reversed(history(home / "store")):
        path = home / "store" / entry.version / "manifest.json"
        if path.is_file() and json.loads(path.read_bytes())["fingerprint"] == fingerprint:
            return open_store(home, entry.version)
    return open_store(home)


def _draws(home: Home, plans: Sequence[str]) -> pa.Table | None:
    if not plans:
        return None
    ledger = Ledger(home.ledger_url)
    try:
        return pa.concat_tables([ledger.plan(plan_id).draws for plan_id in plans])
    finally:
        ledger.close()


def _ids(draws: pa.Table | None) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for row in [] if draws is None else draws.select(["unit", "unit_id"]).to_pylist():
        ids.setdefault(row["unit"], []).append(row["unit_id"])
    return ids


def _groups(unit: str, facts: pa.Table) -> list[str]:
    """Return the peer group of each unit, in the order of ``facts``."""
    names = [n for n in ("institution_class", "claim_type") if n in facts.column_names]
    return [peer_group(unit, row) for row in facts.select(names).to_pylist()]
