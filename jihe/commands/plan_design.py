"""``plan design``: what each choice of a plan would cost and bring, before anything is drawn."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from jihe import console
from jihe.commands.options import (
    Form,
    FormOption,
    HomeOption,
    Lang,
    Language,
    Unit,
    day_of,
    lang_of,
    option,
    told,
)

QuotasOption = Annotated[
    Path | None, option("design_quotas", "--quotas", exists=True, dir_okay=False)
]
RULES_SHOWN = "bands|proportional|neyman|cost"


def register(plan_app: typer.Typer) -> None:
    """Add the command to those of ``plan``."""
    plan_app.command("design", help=told("plan_design"))(plan_design)


def plan_design(
    unit: Annotated[Unit, option("design_unit", "--unit")] = Unit.claim,
    capacity: Annotated[str | None, option("design_capacity", "--capacity")] = None,
    random_share: Annotated[str | None, option("design_share", "--random-share")] = None,
    allocation: Annotated[
        str, option("design_allocation", "--allocation", metavar=RULES_SHOWN)
    ] = "bands",
    by: Annotated[
        list[str] | None, option("design_by", "--by", metavar="district|rotation")
    ] = None,
    band: Annotated[str, option("design_band", "--band", metavar="risk|amount")] = "risk",
    quotas: QuotasOption = None,
    precision: Annotated[str | None, option("design_precision", "--precision")] = None,
    frame_from: Annotated[
        str | None, option("frame_from", "--frame-from", metavar="YYYY-MM-DD")
    ] = None,
    out: Annotated[Path | None, option("design_file", "--out", dir_okay=False)] = None,
    home: HomeOption = Path(),
    format: FormOption = Form.text,
    lang: Lang = Language.en,
) -> None:
    """Show what designs would cost and bring; nothing is drawn or sealed."""
    from jihe.plan_design_words import show_proposal, show_written
    from jihe.plan_proposals import propose
    from jihe.plan_units import plannable
    from jihe.plan_wishes import Asked, parse_wishes
    from sampling.planning.quota_file import read_plan_file

    wanted, hours = read_plan_file(quotas) if quotas is not None else ([], None)
    found = plannable(home, unit.value, day_of(frame_from, "--frame-from"))
    asked = Asked(
        capacity, random_share, allocation, precision, tuple(dict.fromkeys(by or [])), band,
        tuple(wanted), hours,
    )  # fmt: skip
    wishes = parse_wishes(asked, found)
    with console.progress("jihe plan design") as tell:
        made = propose(found, wishes, tell)
    if out is not None:
        _write(made.to_dict(), out)
    if format is Form.json:
        console.out.print_json(json.dumps(made.to_dict()))
    else:
        show_proposal(made, lang_of(lang), frame_from)
        if out is not None:
            show_written(out, lang_of(lang))
    if made.conflict is not None:
        raise typer.Exit(1)


def _write(record: dict[str, Any], path: Path) -> None:
    """Write the record; it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    text = json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
