"""``plan design``: what each choice of a plan would cost and bring, before anything is drawn."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claims.contracts import Lang as LangCode
from jihe import console
from jihe.commands.options import (
    Chances,
    ChancesOption,
    ClaimsEachOption,
    Form,
    FormOption,
    HomeOption,
    Lang,
    Language,
    Unit,
    day_of,
    fitting_unit,
    lang_of,
    option,
    told,
)

if TYPE_CHECKING:
    from jihe.plan_wishes import Asked
    from jihe.staged_basis import Stages

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
    probe: Annotated[str | None, option("design_probe", "--probe")] = None,
    frame_from: Annotated[
        str | None, option("frame_from", "--frame-from", metavar="YYYY-MM-DD")
    ] = None,
    chances: ChancesOption = Chances.strata,
    claims_each: ClaimsEachOption = None,
    out: Annotated[Path | None, option("design_file", "--out", dir_okay=False)] = None,
    home: HomeOption = Path(),
    format: FormOption = Form.text,
    lang: Lang = Language.en,
) -> None:
    """Show what designs would cost and bring; nothing is drawn or sealed."""
    from jihe.plan_wishes import Asked
    from jihe.staged_basis import Stages
    from sampling.planning.quota_file import read_plan_file

    fitting_unit(unit, chances, claims_each, lang)
    wanted, hours = read_plan_file(quotas) if quotas is not None else ([], None)
    asked = Asked(
        capacity, random_share, allocation, precision, tuple(dict.fromkeys(by or [])), band,
        tuple(wanted), hours, probe,
    )  # fmt: skip
    stages = Stages(chances is Chances.size, claims_each)
    show = _staged if stages.each or stages.by_size else _stratified
    show(_Question(home, unit, asked, stages, frame_from, out, format, lang_of(lang)))


@dataclass(frozen=True)
class _Question:
    """What was asked, of which home, and how it is to be told."""

    home: Path
    unit: Unit
    asked: Asked
    stages: Stages
    frame_from: str | None
    out: Path | None
    format: Form
    lang: LangCode

    @property
    def day(self) -> date | None:
        return day_of(self.frame_from, "--frame-from")

    def tell(self, record: dict[str, Any], show: Callable[[], None]) -> None:
        """Write and print the record, or show it in words."""
        from jihe.plan_design_words import show_written

        if self.out is not None:
            _write(record, self.out)
        if self.format is Form.json:
            console.out.print_json(json.dumps(record))
            return
        show()
        if self.out is not None:
            show_written(self.out, self.lang)


def _stratified(question: _Question) -> None:
    from jihe.plan_design_words import show_proposal
    from jihe.plan_proposals import propose
    from jihe.plan_units import plannable
    from jihe.plan_wishes import parse_wishes
    from jihe.probe_sample import plan_probe

    found = plannable(question.home, question.unit.value, question.day)
    wishes = parse_wishes(question.asked, found)
    named = question.asked.probe
    probe = plan_probe(question.home, named, question.unit.value) if named else None
    with console.progress("jihe plan design") as tell:
        made = propose(found, wishes, tell, probe)
    question.tell(made.to_dict(), lambda: show_proposal(made, question.lang, question.frame_from))
    if made.conflict is not None:
        raise typer.Exit(1)


def _staged(question: _Question) -> None:
    from jihe.staged_design_words import show_staged_proposal
    from jihe.staged_proposals import propose_staged
    from jihe.staged_wishes import staged_wishes

    wishes = staged_wishes(question.home, question.asked, question.stages, question.day)
    with console.progress("jihe plan design") as tell:
        made = propose_staged(wishes, tell)
    question.tell(
        made.to_dict(), lambda: show_staged_proposal(made, question.lang, question.frame_from)
    )


def _write(record: dict[str, Any], path: Path) -> None:
    """Write the record; it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    text = json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
