"""``compare``, ``approve``, ``promote``, ``rollback``, ``publish``: how a model comes into use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claims.contracts import Lang as LangCode
from claims.contracts import table
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
    from jihe.home import Home
    from jihe.publishing import Republished

ReasonOption = Annotated[str, option("reason")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("compare", help=told("compare"))(compare)
    app.command("approve", help=told("approve"))(approve)
    app.command("promote", help=told("promote"))(promote)
    app.command("rollback", help=told("rollback"))(rollback)
    app.command("publish", help=told("publish"))(publish)


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
    show_judgement(judgement, language)


def show_judgement(judgement: Judgement, lang: LangCode) -> None:
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
    console.out.print(
        say("promoted", language, version=done.registered.model_version, unit=unit.value)
    )
    _publish(place, language)


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
    place = Home(home)
    entry, before = roll_back(place, unit.value, reason)
    console.out.print(say("rolled_back", language, version=before.model_version))
    console.out.print(say("promoted", language, version=entry.model_version, unit=unit.value))
    _publish(place, language)


def publish(home: HomeOption = Path(), lang: Lang = Language.en) -> None:
    """Score again with the models in use and publish: same claims, same day, same drawn cases."""
    from jihe.home import Home
    from jihe.publishing import republish

    language = lang_of(lang)
    with console.progress("jihe publish") as tell:
        done = republish(Home(home), tell)
    _show_published(done, language)


def _publish(home: Home, lang: LangCode) -> None:
    """Publish with the new champion, where anything was published before."""
    from jihe.publishing import is_published, republish

    if not is_published(home):
        text = say("promoted_next", lang, home=home.root)
        console.out.print(text, soft_wrap=True, markup=False)
        return
    text = say("publishing", lang, home=home.root)
    console.out.print(text, soft_wrap=True, markup=False)
    with console.progress("jihe publish") as tell:
        done = republish(home, tell)
    _show_published(done, lang)


def _show_published(done: Republished, lang: LangCode) -> None:
    """Print which bundle is served from now on, and by which models."""
    console.out.print(say("published", lang, bundle=done.bundle, day=done.as_of), soft_wrap=True)
    units = table("scores").columns["unit"].values
    for name, now in done.now.items():
        before, why = done.before.get(name, ""), done.unfit.get(name, "")
        key = "published_same" if before == now else "published_model"
        facts = {"unit": units[name].text(lang), "now": now, "before": before, "why": why}
        console.out.print(say(key, lang, **facts), soft_wrap=True)
        if why:
            console.out.print(say("published_unfit", lang, **facts), soft_wrap=True, markup=False)


def _store(home: Path, version: str | None, as_known_on: str | None) -> Callable[[], StoreVersion]:
    def opened() -> StoreVersion:
        from claims.store import open_store

        return open_store(home, version, day_of(as_known_on, "--as-known-on"))

    return opened
