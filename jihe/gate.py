"""Whether a challenger may replace what is in use: which verdicts judge it, and against whom.

In: the registry's champion and challenger, and a way to ask for verdicts that became known after
both were trained. Out: a `Judgement`: one contest with the champion, or for a first model one with
each baseline and one with the cold start, each with the figures of training.gate.

A model is the first where no champion was trained on verdicts, or where the champion no longer fits
the features that the challenger was trained on. A first model is judged on new verdicts where they
are enough, else out of fold on those it was trained on, each by parts of it that had not seen them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from claims.store import StoreVersion
from features.build import build
from features.parameters import read_book
from jihe.home import Home
from jihe.judged_units import JudgedUnits, judged_units
from jihe.scores import misfit
from jihe.training import COLD_START, FIRST_GATE, baselines, before_verdicts
from jihe.verdict_designs import verdict_designs
from sampling.ledger import Ledger
from training import apply
from training.config import GateSettings
from training.gate import Evidence, Verdict, compare_parts
from training.tracking import CHALLENGER, Registered, RegistryError, Tracker, registered_name

Floats = npt.NDArray[np.float64]
Record = dict[str, Any]
Basis = Literal["new_verdicts", "out_of_fold"]
#: Given the first local day that counts, returns the verdicts from then on, by day of features.
Fresh = Callable[[date], list[JudgedUnits]]

CHAMPION = "champion"
WORST_FIRST: tuple[Verdict, ...] = ("insufficient", "worse", "non_inferior", "win")


@dataclass(frozen=True)
class Judgement:
    """What the gate says of a challenger.

    Attributes:
        unit: what is scored.
        challenger: the model that is judged.
        champion: what is in use; None where there is nothing.
        first: why it counts as a first model; empty where it has a champion to beat.
        basis: verdicts after both trainings, or out of fold those of its own training.
        known_from: the first local day of new verdicts.
        settings: what the challenger's config fixed before it was trained.
        contests: figures by opponent: ``champion``, or for a first model the names of the
            baselines and ``cold_start``.
    """

    unit: str
    challenger: Registered
    champion: Registered | None
    first: str
    basis: Basis
    known_from: date
    settings: GateSettings
    contests: Mapping[str, Record]

    @property
    def verdict(self) -> Verdict:
        """The worst of the contests; a win is one over every opponent."""
        said = {record["verdict"] for record in self.contests.values()}
        return next((v for v in WORST_FIRST if v in said), "insufficient")

    def to_dict(self) -> Record:
        """Return a plain record, as reports and the trail keep it."""
        return {
            "unit": self.unit,
            "challenger": self.challenger.model_version,
            "champion": self.champion.model_version if self.champion else None,
            "verdict": self.verdict,
            "first_model": self.first,
            "basis": self.basis,
            "known_from": self.known_from.isoformat(),
            "gate": asdict(self.settings),
            "contests": dict(self.contests),
        }


def judge(unit: str, tracker: Tracker, fresh: Fresh) -> Judgement:
    """Judge the challenger of ``unit``.

    Raises RegistryError where there is no challenger, or where it does not fit the features of
    today.
    """
    name = registered_name(unit)
    entry = tracker.challenger(name)
    if entry is None:
        raise RegistryError(f"{name} has no {CHALLENGER} to promote; train a model first.")
    challenger = apply.load(tracker.folder(entry))
    try:
        held: Registered | None = tracker.champion(name)
    except RegistryError:
        held = None  # nothing is in use yet
    champion = None if held is None else apply.load(tracker.folder(held))
    first = _first(champion, challenger)
    settings = GateSettings(**challenger.about.get("gate", {}))
    known_from = _cut(challenger)
    if champion is not None and not first:
        known_from = max(known_from, _cut(champion))
    found = fresh(known_from)
    _check_fit(challenger, found)
    basis: Basis = "new_verdicts"
    if champion is not None and not first:
        opponents = {CHAMPION: [_margin(champion, part) for part in found]}
    else:
        opponents = _baselines(found) | {
            COLD_START: [before_verdicts(champion, challenger, part.matrix) for part in found]
        }
    contests = _contests(found, challenger, opponents, settings)
    stored = tracker.metrics(entry).get(FIRST_GATE, {})
    if first and stored and any(_too_few(record) for record in contests.values()):
        basis, contests = "out_of_fold", stored
    return Judgement(unit, entry, held, first, basis, known_from, settings, contests)


def fresh_verdicts(
    home: Home, unit: str, store: Callable[[], StoreVersion], now: datetime | None = None
) -> Fresh:
    """Return how to get a unit's new verdicts; the store is opened and built only if there are any.

    Claims are built as of now. Persons and institutions are built as of the day on which the plan
    that chose them had scored them.
    """
    # Two days: whatever the zone, no verdict known by now is left out.
    known_before = (now or datetime.now(UTC)).date() + timedelta(days=2)

    def found(known_from: date) -> list[JudgedUnits]:
        designs = verdict_designs(home, unit, known_before).values()
        plans = {
            d.plan_id for d in designs if d.plan_id and d.first_day >= known_from
        }  # fmt: skip
        parts = []
        for day, of_day in sorted(_days(home, unit, plans, known_before).items()):
            made = build(store(), day, None, read_book(home.parameters))
            part = judged_units(made, unit, home, known_from=known_from, known_before=known_before)
            made.con.close()
            parts.append(part.take(np.flatnonzero(np.isin(part.plan_ids, sorted(of_day)))))
        return parts

    return found


def _days(home: Home, unit: str, plans: set[str], known_before: date) -> dict[date, set[str]]:
    """Return the plans by the day as of which their units' features are built."""
    if unit == "claim":
        return {known_before: plans} if plans else {}
    days: dict[date, set[str]] = {}
    ledger = Ledger(home.ledger_url)
    try:
        for plan_id in plans:
            scored = ledger.plan(plan_id).certificate["scores"]["as_of_date"]
            days.setdefault(date.fromisoformat(scored), set()).add(plan_id)
    finally:
        ledger.close()
    return days


def _first(champion: apply.FittedModel | None, challenger: apply.FittedModel) -> str:
    """Return why the challenger is a first model: a text's key; empty where it is not."""
    if champion is None or champion.kind == "cold_start":
        return "first_no_champion"
    keys = ("catalogue_version", "rules_version", "names")
    if any(champion.about[key] != challenger.about[key] for key in keys):
        return "first_champion_unfit"
    return ""


def _cut(model: apply.FittedModel) -> date:
    return date.fromisoformat(str(model.about["training_cut_date"]))


def _check_fit(challenger: apply.FittedModel, parts: list[JudgedUnits]) -> None:
    for part in parts:
        if unfit := misfit(challenger, part.matrix):
            raise RegistryError(
                f"The challenger {challenger.model_version} does not fit the features of today "
                f"({unfit}); train again."
            )


def _margin(model: apply.FittedModel, part: JudgedUnits) -> Floats:
    return model.score(part.matrix.values).margin


def _baselines(parts: list[JudgedUnits]) -> dict[str, list[Floats]]:
    scores: dict[str, list[Floats]] = {"sort_by_amount": [], "rules_only": []}
    for part in parts:
        for name, score in baselines(part.judged).items():
            scores[name].append(score.astype(np.float64))
    return scores


def _contests(
    parts: list[JudgedUnits],
    challenger: apply.FittedModel,
    opponents: Mapping[str, list[Floats]],
    settings: GateSettings,
) -> dict[str, Record]:
    """Pool the parts and compare the challenger with each opponent."""
    evidence = pooled([_evidence(part) for part in parts])
    ours = _joined([_margin(challenger, part) for part in parts])
    return {
        name: compare_parts(evidence, _joined(theirs), ours, settings)
        for name, theirs in opponents.items()
    }


def _evidence(part: JudgedUnits) -> Evidence:
    return Evidence(
        part.judged.unit_ids, part.judged.labels, part.judged.weights, part.judged.overpaid,
        part.plan_ids, part.strata, part.channels == "random", part.psu_ids,
    )  # fmt: skip


def pooled(parts: list[Evidence]) -> Evidence:
    """Return all rows of all parts; no row where there is no part."""
    if not parts:
        none, texts = np.zeros(0), np.zeros(0, dtype=np.str_)
        return Evidence(texts, none, none, none, texts, texts, np.zeros(0, dtype=np.bool_), texts)
    names = Evidence.__dataclass_fields__
    return Evidence(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _joined(scores: list[Floats]) -> Floats:
    return np.concatenate(scores) if scores else np.zeros(0)


def _too_few(record: Record) -> bool:
    return bool(record["why"] == "positives")
