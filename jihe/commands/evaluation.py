"""``evaluate``: a registered model on verdicts that it cannot have learnt from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from jihe import console
from jihe.commands.options import (
    AsOf,
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


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("evaluate", help=told("evaluate"))(evaluate)


def evaluate(
    unit: UnitOption = Unit.claim,
    model: Annotated[str | None, option("evaluated_model", "--model")] = None,
    as_of: AsOf = None,
    capacity: Annotated[str, option("evaluated_capacity", "--capacity")] = "1%",
    retrain: Annotated[int, option("retrainings", "--retrain", min=0)] = 0,
    home: HomeOption = Path(),
    version: VersionOption = None,
    as_known_on: KnownOnOption = None,
    format: FormOption = Form.text,
    lang: Lang = Language.en,
) -> None:
    """Measure a model on the verdicts that became known after its training cut."""
    from claims.store import open_store
    from jihe.evaluation import EvaluationChoices, evaluate_model
    from jihe.evaluation_tables import show_evaluation
    from jihe.home import Home
    from training.run_records import metrics_bytes

    until = day_of(as_of, "--as-of") or datetime.now(UTC).date() + timedelta(days=2)
    store = open_store(home, version, day_of(as_known_on, "--as-known-on"))
    with console.progress("jihe evaluate") as tell:
        choices = EvaluationChoices(unit.value, until, model, capacity, retrain)
        evaluated = evaluate_model(Home(home), store, choices, tell)
    if format is Form.json:
        console.out.print_json(metrics_bytes(evaluated.record).decode())
        return
    show_evaluation(evaluated, str(store.meta["currency"]), lang_of(lang))
