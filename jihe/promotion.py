"""Promotion and rollback: what the gate said, who approved, and a record of both in the trail.

A win promotes. Anything else takes a reason, and the record says that it was an override. Where
approvers are configured, two of their signatures are needed whatever the gate says. A rollback
needs neither, since it returns to what was approved before; it is recorded.

A model that ``jihe run`` trains on labels that come with the data passes the same gate, on its
out-of-fold scores. Nobody is there to be asked, so the run states the reason where the gate does
not decide; where the gate says that the model is worse than what needs no verdict, or where people
have to sign, it stays challenger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from claims.contracts import Lang
from jihe.approvals import Approval, ApprovalError, approvers_digest, need_approvals
from jihe.gate import Fresh, Judgement, judge
from jihe.home import Home
from jihe.judgement_words import verdict_sentence
from jihe.texts import say
from jihe.training import DATASET, FIRST_GATE, LABELS_FROM, Learnt
from sampling import store, trail
from training import apply
from training.tracking import Registered, RegistryError, Tracker, registered_name

ACTOR = "data_scientist"
#: Who acts where a run promotes what it has trained, with nobody there to be asked.
RUN = "run"


class NotBetterError(ValueError):
    """The gate does not let the challenger pass, and no reason was given."""


@dataclass(frozen=True)
class Promoted:
    """The new champion, what the gate said of it, and its approvals.

    ``approvals`` is None where no approvers are configured; ``override`` says that a reason, not
    the gate, let it pass.
    """

    registered: Registered
    judgement: Judgement
    approvals: tuple[Approval, ...] | None
    override: bool


def promote_challenger(
    home: Home, unit: str, reason: str, lang: Lang, fresh: Fresh, actor: str = ACTOR
) -> Promoted:
    """Promote the challenger of ``unit``.

    Raises NotBetterError where it does not win and no reason is given, ApprovalError where
    approvals are wanting, RegistryError where there is no challenger.
    """
    tracker = Tracker(home.registry)
    judgement = judge(unit, tracker, fresh)
    entry = judgement.challenger
    reason = reason.strip()
    override = judgement.verdict != "win"
    if override and not reason:
        text = f"{verdict_sentence(judgement, lang)} {say('gate_override_hint', lang)}"
        raise NotBetterError(text)
    approvals = need_approvals(home, unit, tracker.folder(entry), lang)
    name = registered_name(unit)
    details = {
        "model_version": entry.model_version, "reason": reason, "override": override,
        "gate": judgement.to_dict(),
        "approvers": "none configured" if approvals is None else approvers_digest(home),
        "approvals": [approval.to_dict() for approval in approvals or ()],
    }  # fmt: skip
    if tracker.challenger(name) != entry:
        raise RegistryError(say("challenger_changed", lang, version=entry.model_version))
    with _recorded(home, "model_promoted", unit, details, actor):
        promoted = tracker.promote(name)
    return Promoted(promoted, judgement, approvals, override)


#: What became of a model that a run trained; each but the first is told by a text of its name.
Use = Literal["kept", "dataset_won", "dataset_override", "dataset_worse", "dataset_waits",
              "dataset_unapproved"]  # fmt: skip


def use_of_dataset_model(home: Home, learnt: Learnt, lang: Lang, fresh: Fresh) -> Use:
    """Promote the model that a run has just trained on a dataset's labels, if it may be.

    One that was registered before is left as people left it. One that would replace a model trained
    on verdicts of inspections waits for a person.
    """
    tracker, unit = Tracker(home.registry), str(learnt.trained.about["unit"])
    if not learnt.new or tracker.challenger(registered_name(unit)) != learnt.registered:
        return "kept"
    judgement = judge(unit, tracker, fresh)
    if _learnt_from_inspections(judgement.champion, tracker):
        return "dataset_waits"
    measured: Any = learnt.metrics.get(FIRST_GATE, {})
    contests = [*judgement.contests.values(), *measured.values()]
    if any(record["verdict"] == "worse" for record in contests):
        return "dataset_worse"
    try:
        reason = "" if judgement.verdict == "win" else say("dataset_reason", lang)
        done = promote_challenger(home, unit, reason, lang, fresh, RUN)
    except ApprovalError:
        return "dataset_unapproved"
    return "dataset_override" if done.override else "dataset_won"


def _learnt_from_inspections(champion: Registered | None, tracker: Tracker) -> bool:
    if champion is None or apply.load(tracker.folder(champion)).kind == "cold_start":
        return False
    return tracker.metrics(champion).get(LABELS_FROM) != DATASET


def roll_back(home: Home, unit: str, reason: str = "") -> tuple[Registered, Registered]:
    """Make the previous champion champion again and record it; return it and what it replaces.

    Raises RegistryError where nothing was promoted over another model.
    """
    tracker = Tracker(home.registry)
    name = registered_name(unit)
    before, back = tracker.champion(name), tracker.previous(name)
    details = {
        "model_version": back.model_version, "instead_of": before.model_version,
        "reason": reason.strip(),
    }  # fmt: skip
    with _recorded(home, "model_rolled_back", unit, details):
        return tracker.rollback(name), before


@contextmanager
def _recorded(
    home: Home, action: str, unit: str, details: Mapping[str, Any], actor: str = ACTOR
) -> Iterator[None]:
    """Write a record that stands only if what is done within succeeds."""
    engine = store.open_store(home.ledger_url)
    try:
        with store.writing(engine) as connection:
            trail.append(connection, actor, action, unit, details)
            yield
    finally:
        engine.dispose()
