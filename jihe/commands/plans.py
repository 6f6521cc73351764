"""``plan``, ``replay`` and ``outcomes``: what was drawn, and what came back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from jihe import console
from jihe.commands import plan_assign, plan_design, plan_seal
from jihe.commands.options import (
    BesideOption,
    Form,
    FormOption,
    HomeOption,
    Lang,
    Language,
    PlanOption,
    argument,
    lang_of,
    option,
    told,
)
from jihe.commands.plan_report import plan_report
from jihe.texts import say

PlansOption = Annotated[list[str] | None, option("plan_ids", "--plan")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    plan_app = typer.Typer(no_args_is_help=True, help=told("plan"))
    plan_design.register(plan_app)
    plan_app.command("list", help=told("plan_list"))(plan_list)
    plan_app.command("replay", help=told("replay"))(replay)
    plan_app.command("estimate", help=told("plan_estimate"))(plan_estimate)
    plan_assign.register(plan_app)
    plan_app.command("report", help=told("plan_report"))(plan_report)
    plan_seal.register(plan_app)
    app.add_typer(plan_app, name="plan")
    app.command("replay", help=told("replay"))(replay)
    outcomes_app = typer.Typer(no_args_is_help=True, help=told("outcomes"))
    outcomes_app.command("import", help=told("outcomes_import"))(outcomes_import)
    app.add_typer(outcomes_app, name="outcomes")


def plan_list(
    home: HomeOption = Path(), format: FormOption = Form.text, lang: Lang = Language.en
) -> None:
    """List every plan that was ever sealed."""
    from jihe.plan_rows import COLUMNS, plan_rows

    found = plan_rows(home, lang_of(lang))
    if format is Form.json:
        console.out.print_json(json.dumps(found))
        return
    headers = [say(f"plan_{name}", lang_of(lang)) for name in COLUMNS]
    console.rows(headers, [[str(row[c]) for c in COLUMNS] for row in found], right=(4, 5, 6))


def replay(
    certificate: Annotated[Path, argument("certificate", exists=True, dir_okay=False)],
    frame: Annotated[Path, argument("frame", exists=True, dir_okay=False)],
    list: Annotated[Path | None, option("compared_list", "--list", exists=True)] = None,
    key: Annotated[str | None, option("public_key", "--key")] = None,
    public: Annotated[Path | None, option("public_file", "--public", exists=True)] = None,
    beside: BesideOption = None,
    lang: Lang = Language.en,
) -> None:
    """Repeat a draw from its certificate and frame, and say where anything differs."""
    from sampling.drawing.draw import list_hash
    from sampling.drawing.replay import replay as replay_draw

    usual = certificate.with_name("draw.tsv")
    compared = list or (usual if usual.exists() else None)
    result = replay_draw(
        certificate, frame, compared, trusted_key=key, public_path=public, beside_path=beside
    )
    language = lang_of(lang)
    if not result.ok or result.drawn is None:
        console.out.print(say("replay_differs", language))
        for fault in result.differences:
            console.out.print("- " + fault.text(language), soft_wrap=True)
        raise typer.Exit(1)
    hashed = list_hash(result.drawn)
    console.out.print(
        say("replay_ok", language, units=result.drawn.num_rows, hash=hashed), soft_wrap=True
    )
    console.out.print(say("replay_key", language, key=result.public_key), soft_wrap=True)
    if result.public_number:
        number = result.public_number
        console.out.print(
            say("replay_number", language, value=number["value"], source=number["source"],
                day=number["day"]), soft_wrap=True, markup=False,
        )  # fmt: skip


def plan_estimate(
    plan: PlansOption = None,
    year: Annotated[int | None, option("plans_of_year", "--year", min=2000, max=9999)] = None,
    home: HomeOption = Path(),
    format: FormOption = Form.text,
    lang: Lang = Language.en,
) -> None:
    """Say what the verdicts of a plan, or of several, tell about the whole."""
    from claims.store import open_store
    from jihe.estimate_words import show_combined, show_plan
    from jihe.estimates import combined_estimates, plans_of_year
    from jihe.staged_estimates import StagedEstimates, estimates_of
    from jihe.staged_words import show_staged

    if bool(plan) == (year is not None):
        raise typer.BadParameter(say("plan_or_year", lang_of(lang)), param_hint="--plan, --year")
    plan_ids = plans_of_year(home, year) if year is not None else list(dict.fromkeys(plan or []))
    if len(plan_ids) == 1:
        found = estimates_of(home, plan_ids[0])
        if format is Form.json:
            console.out.print_json(json.dumps(found.to_dict(), default=str))
            return
        currency = str(open_store(home).meta["currency"])
        if isinstance(found, StagedEstimates):
            show_staged(found, currency, lang_of(lang))
        else:
            show_plan(found, currency, lang_of(lang))
        return
    several = combined_estimates(home, plan_ids, skip_unfinished=year is not None)
    if format is Form.json:
        console.out.print_json(json.dumps(several.to_dict(), default=str))
        return
    show_combined(several, str(open_store(home).meta["currency"]), lang_of(lang))


def outcomes_import(
    file: Annotated[Path, argument("returned_list", exists=True, dir_okay=False)],
    plan: PlanOption,
    actor: Annotated[str, option("actor")] = "planner",
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Check a returned list and append its verdicts: all rows, or none and every fault."""
    from claims.vault import pseudonym_key
    from jihe.home import Home
    from sampling.ledger import Ledger
    from sampling.verdicts import import_verdicts

    language = lang_of(lang)
    ledger = Ledger(Home(home).ledger_url)
    try:
        result = import_verdicts(
            ledger, file, plan, actor=actor, now=datetime.now(UTC), key=pseudonym_key()
        )
    finally:
        ledger.close()
    for warning in result.warnings:
        console.out.print(say("note", language, text=warning.text(language)), soft_wrap=True)
    appended = result.appended
    console.out.print(
        say("verdicts_in", language, appended=appended.new, superseding=appended.superseding,
            unchanged=appended.unchanged, stale=appended.stale, waiting=result.not_inspected)
    )  # fmt: skip
