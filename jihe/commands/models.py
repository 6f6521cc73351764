"""``train``: from verdicts to a registered model."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from jihe import console
from jihe.commands.options import (
    AsOf,
    ConfigOption,
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
    config: ConfigOption = None,
    lang: Lang = Language.en,
) -> None:
    """Train on the verdicts known before --as-of (default: all until now)."""
    from claims.store import open_store
    from features.build import build
    from features.parameters import read_book
    from jihe.commands.promotion import show_judgement
    from jihe.gate import fresh_verdicts, judge
    from jihe.home import Home
    from jihe.summary import show_metrics
    from jihe.training import train_on_verdicts, training_as_of
    from training.config import load_config
    from training.tracking import CHALLENGER, Tracker

    chosen = replace(load_config(config), unit=unit.value) if config else None
    cut_date = day_of(as_of, "--as-of") or datetime.now(UTC).date() + timedelta(days=2)
    place = Home(home)
    with console.progress("jihe train") as tell:
        store = open_store(home, version, day_of(as_known_on, "--as-known-on"))
        day = training_as_of(place, unit.value, cut_date)
        made = build(store, day, tell, read_book(place.parameters))
        tracker = Tracker(place.registry)
        learnt = train_on_verdicts(made, unit.value, place, tracker, cut_date, chosen)
    show_metrics(learnt.metrics, lang_of(lang))
    entry = learnt.registered
    console.out.print(
        say("trained", lang_of(lang), version=entry.model_version, unit=unit.value,
            alias=", ".join(entry.aliases))
    )  # fmt: skip
    if CHALLENGER in entry.aliases:
        fresh = fresh_verdicts(place, unit.value, lambda: store)
        show_judgement(judge(unit.value, tracker, fresh), lang_of(lang))
