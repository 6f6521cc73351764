"""Promotion and rollback: what the gate said, who approved, and a record of both in the trail.

A win promotes. Anything else takes a reason, and the record says that it was an override. Where
approvers are configured, two of their signatures are needed whatever the gate says. A rollback
needs neither, since it returns to what was approved before; it is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from claims.contracts import Lang
from jihe.approvals import Approval, approvers_digest, need_approvals
from jihe.gate import Fresh, Judgement, judge
from jihe.home import Home
from jihe.judgement_words import verdict_sentence
from jihe.texts import say
from sampling import store, trail
from training.tracking import Registered, RegistryError, Tracker, registered_name

ACTOR = "data_scientist"


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


def promote_challenger(home: Home, unit: str, reason: str, lang: Lang, fresh: Fresh) -> Promoted:
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
    with _recorded(home, "model_promoted", unit, details):
        promoted = tracker.promote(name)
    return Promoted(promoted, judgement, approvals, override)


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
def _recorded(home: Home, action: str, unit: str, details: Mapping[str, Any]) -> Iterator[None]:
    """Write a record that stands only if what is done within succeeds."""
    engine = store.open_store(home.ledger_url)
    try:
        with store.writing(engine) as connection:
            trail.append(connection, ACTOR, action, unit, details)
            yield
    finally:
        engine.dispose()
