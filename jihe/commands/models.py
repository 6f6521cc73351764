"""``train``: from verdicts to a registered model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from jihe import console
from jihe.commands.options import (
    AsOf,
    HomeOption,
    KnownOnOption,
    Lang,
    Language,
    Unit,
    UnitOption,
    VersionOption,
    day_of,
    lang_of,
    told,
)
from jihe.texts import say


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("train", help=told("train"))(train)


def train(
    unit: UnitOption = Unit.claim,
    as_of: AsOf = None,
    home: HomeOption = Path(),
    version: VersionOption = None,
    as_known_on: KnownOnOption = None,
    lang: Lang = Language.en,
) -> None:
    """Train on the verdicts known before --as-of (default: all until now)."""
    from claims.store import open_store
    from features.build import build
    from features.parameters import read_book
    from jihe.home import Home
    from jihe.summary import show_metrics
    from jihe.training import train_on_verdicts, training_as_of
    from training.tracking import Tracker

    cut_date = day_of(as_of, "--as-of") or datetime.now(UTC).date() + timedelta(days=2)
    place = Home(home)
    with console.progress("jihe train") as tell:
        store = open_store(home, version, day_of(as_known_on, "--as-known-on"))
        day = training_as_of(place, unit.value, cut_date)
        made = build(store, day, tell, read_book(place.parameters))
        learnt = train_on_verdicts(made, unit.value, place, Tracker(place.registry), cut_date)
    show_metrics(learnt.metrics, lang_of(lang))
    entry = learnt.registered
    console.out.print(
        say("trained", lang_of(lang), version=entry.model_version, unit=unit.value,
            alias=", ".join(entry.aliases))
    )  # fmt: skip
