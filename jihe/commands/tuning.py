"""``tune``: search for better settings of a model, to be trained with afterwards."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jihe import console
from jihe.commands.options import (
    AsOf,
    ConfigOption,
    Form,
    FormOption,
    HomeOption,
    KnownOnOption,
    Lang,
    Language,
    Unit,
    UnitOption,
    VersionOption,
    day_of,
    lang_of,
    option,
    told,
)
from jihe.texts import say

if TYPE_CHECKING:
    from claims.contracts import Lang as LangCode
    from jihe.tuning import Search

_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("tune", help=told("tune"))(tune)


def tune(
    unit: UnitOption = Unit.claim,
    as_of: AsOf = None,
    home: HomeOption = Path(),
    trials: Annotated[int, option("trials", min=0)] = 0,
    space: Annotated[Path | None, option("space", exists=True, dir_okay=False)] = None,
    config: ConfigOption = None,
    version: VersionOption = None,
    as_known_on: KnownOnOption = None,
    form: FormOption = Form.text,
    lang: Lang = Language.en,
) -> None:
    """Search for better settings on the verdicts known before --as-of; goes on where it stopped."""
    from claims.store import open_store
    from features.build import build
    from features.parameters import read_book
    from jihe.experiments import SEARCH_SPACE
    from jihe.home import Home
    from jihe.training import training_as_of
    from jihe.tuning import tune_on_verdicts
    from training.config import load_config
    from training.search_space import load_plan
    from training.tracking import Tracker

    plan = load_plan(space or SEARCH_SPACE)
    plan = replace(plan, trials=trials or plan.trials)
    given = load_config(config) if config else None
    cut_date = day_of(as_of, "--as-of") or datetime.now(UTC).date() + timedelta(days=2)
    place = Home(home)
    with console.progress("jihe tune") as tell:
        store = open_store(home, version, day_of(as_known_on, "--as-known-on"))
        day = training_as_of(place, unit.value, cut_date)
        made = build(store, day, tell, read_book(place.parameters))
        tracker = Tracker(place.registry)
        found = tune_on_verdicts(made, unit.value, place, tracker, cut_date, plan, tell, given)
    if form is Form.json:
        typer.echo(json.dumps(_record(found), ensure_ascii=False, indent=1))
    else:
        _show(found, plan.trials, lang_of(lang))


def _record(found: Search) -> dict[str, object]:
    tuned = found.tuned
    return {
        "search": tuned.search,
        "objective": tuned.objective,
        "value_as_given": tuned.base_value,
        "value_of_the_best": tuned.best_value,
        "stopped": tuned.stopped,
        "file": str(found.file) if found.file else None,
        "trials": [asdict(trial) for trial in tuned.trials],
    }


def _show(found: Search, wanted: int, lang: LangCode) -> None:
    tuned = found.tuned
    higher = tuned.objective == "average_precision"
    ranked = sorted(tuned.trials, key=lambda trial: -trial.value if higher else trial.value)
    console.rows(
        [say("tune_trial", lang), say(f"tune_{tuned.objective}", lang), say("tune_settings", lang)],
        [["–", f"{tuned.base_value:.4f}", say("tune_as_given", lang)]]
        + [[trial.number + 1, f"{trial.value:.4f}", _settings(trial.settings)]
           for trial in ranked[:_SHOWN]],
        right=[0, 1],
    )  # fmt: skip
    if tuned.stopped:
        console.out.print(say("tune_stopped", lang, done=len(tuned.trials), trials=wanted))
    key = "tune_better" if found.file else "tune_no_better"
    console.out.print(say(key, lang, file=found.file, trials=len(tuned.trials)), soft_wrap=True)


def _settings(settings: object) -> str:
    if not isinstance(settings, dict):
        return ""
    short = ((name.split(".")[1], value) for name, value in settings.items())
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in short
    )
