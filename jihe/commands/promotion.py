"""``compare``, ``approve``, ``promote``, ``rollback``: how a model comes into use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claims.contracts import Lang as LangCode
from jihe import console
from jihe.commands.options import (
    Form,
    FormOption,
    HomeOption,
    KnownOnOption,
    Lang,
    Language,
    Unit,
    UnitOption,
    VersionOption,
    argument,
    day_of,
    lang_of,
    option,
    told,
)
from jihe.texts import say

if TYPE_CHECKING:
    from claims.store import StoreVersion
    from jihe.gate import Judgement

ReasonOption = Annotated[str, option("reason")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("compare", help=told("compare"))(compare)
    app.command("approve", help=told("approve"))(approve)
    app.command("promote", help=told("promote"))(promote)
    app.command("rollback", help=told("rollback"))(rollback)


def compare(
    unit: UnitOption = Unit.claim,
    home: HomeOption = Path(),
    version: VersionOption = None,
    as_known_on: KnownOnOption = None,
    form: FormOption = Form.text,
    lang: Lang = Language.en,
) -> None:
    """Compare the challenger with the champion on verdicts that are new to both."""
    import json

    from jihe.gate import fresh_verdicts, judge
    from jihe.home import Home
    from training.tracking import Tracker

    place, language = Home(home), lang_of(lang)
    fresh = fresh_verdicts(place, unit.value, _store(home, version, as_known_on))
    judgement = judge(unit.value, Tracker(place.registry), fresh)
    if form is Form.json:
        sys.stdout.write(json.dumps(judgement.to_dict(), sort_keys=True) + "\n")
        return
    _show(judgement, language)


def _show(judgement: Judgement, lang: LangCode) -> None:
    """Print which verdicts judge, the figures of every contest, and the verdict."""
    from jihe import judgement_words as words

    settings = judgement.settings
    version = judgement.challenger.model_version
    console.heading(say("compare_title", lang, unit=judgement.unit, version=version))
    console.out.print(words.basis_sentence(judgement, lang), soft_wrap=True)
    console.heading(say(f"metric_{settings.metric}", lang))
    headers = ["compared_with", "gate_verdicts", "gate_confirmed", "theirs", "ours",
               "gate_difference", "gate_said"]  # fmt: skip
    level = f"{settings.level:.0%}"
    console.rows(
        [say(key, lang, level=level) for key in headers],
        words.table_rows(judgement, lang), right=(1, 2, 3, 4, 5),
    )  # fmt: skip
    console.heading(say("at_capacity", lang, share=f"{settings.capacity_share:.1%}"))
    headers = ["compared_with", "precision_theirs", "precision_ours", "amount_theirs",
               "amount_ours"]  # fmt: skip
    console.rows(
        [say(key, lang) for key in headers], words.capacity_rows(judgement, lang),
        right=(1, 2, 3, 4),
    )  # fmt: skip
    console.out.print()
    console.out.print(words.verdict_sentence(judgement, lang), soft_wrap=True)


def approve(
    key: Annotated[Path, argument("approver_key")],
    unit: UnitOption = Unit.claim,
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Sign the challenger's digest with an approver's key."""
    from jihe import approvals
    from jihe.home import Home
    from training.tracking import RegistryError, Tracker, registered_name

    place, language = Home(home), lang_of(lang)
    tracker = Tracker(place.registry)
    entry = tracker.challenger(registered_name(unit.value))
    if entry is None:
        raise RegistryError(say("no_challenger", language, unit=unit.value))
    folder = tracker.folder(entry)
    signed = approvals.approve(place, unit.value, folder, key, language)
    held = approvals.approvals(place, unit.value, folder, language)
    text = say(
        "approved", language, name=signed.approver.name, version=entry.model_version,
        digest=signed.model_sha256, held=len(held), needed=approvals.NEEDED,
    )  # fmt: skip
    console.out.print(text, soft_wrap=True)


def promote(
    unit: UnitOption = Unit.claim,
    reason: ReasonOption = "",
    home: HomeOption = Path(),
    version: VersionOption = None,
    as_known_on: KnownOnOption = None,
    lang: Lang = Language.en,
) -> None:
    """Make the challenger the champion if it wins, or on a reason that is recorded."""
    from jihe.gate import fresh_verdicts
    from jihe.home import Home
    from jihe.judgement_words import basis_sentence, verdict_sentence
    from jihe.promotion import promote_challenger

    place, language = Home(home), lang_of(lang)
    fresh = fresh_verdicts(place, unit.value, _store(home, version, as_known_on))
    done = promote_challenger(place, unit.value, reason, language, fresh)
    for text in (
        basis_sentence(done.judgement, language),
        verdict_sentence(done.judgement, language),
    ):
        console.out.print(text, soft_wrap=True)
    if done.override:
        console.out.print(say("promoted_override", language, reason=reason), markup=False)
    names = ", ".join(a.approver.name for a in done.approvals or ())
    key = "promoted_unapproved" if done.approvals is None else "promoted_approved"
    console.out.print(say(key, language, names=names, path=place.approvers), soft_wrap=True)
    _told_next(home, unit.value, done.registered.model_version, language)


def rollback(
    unit: UnitOption = Unit.claim,
    reason: ReasonOption = "",
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Make the previous champion the champion again."""
    from jihe.home import Home
    from jihe.promotion import roll_back

    language = lang_of(lang)
    entry, before = roll_back(Home(home), unit.value, reason)
    console.out.print(say("rolled_back", language, version=before.model_version))
    _told_next(home, unit.value, entry.model_version, language)


def _told_next(home: Path, unit: str, version: str, lang: LangCode) -> None:
    """Say what is in use now, and how lists and pages come to use it."""
    console.out.print(say("promoted", lang, version=version, unit=unit))
    console.out.print(say("promoted_next", lang, home=home), soft_wrap=True, markup=False)


def _store(home: Path, version: str | None, as_known_on: str | None) -> Callable[[], StoreVersion]:
    def opened() -> StoreVersion:
        from claims.store import open_store

        return open_store(home, version, day_of(as_known_on, "--as-known-on"))

    return opened
