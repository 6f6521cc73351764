"""``plan report``: one plan's report as a page that prints on A4, and as PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jihe import console
from jihe.commands.options import HomeOption, Lang, Language, PlanOption, lang_of, option
from jihe.texts import say


def plan_report(
    plan: PlanOption,
    out: Annotated[Path, option("report_file", "--out", dir_okay=False)],
    pdf: Annotated[Path | None, option("report_pdf", "--pdf", dir_okay=False)] = None,
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Write the report of one plan: design, seal, what came back, the total and its limits."""
    from claims.store import open_store
    from jihe.plan_report import write_plan_report
    from jihe.print_pdf import PrintError, print_pdf
    from jihe.staged_estimates import estimates_of

    language = lang_of(lang)
    found = estimates_of(home, plan)
    write_plan_report(found, out, str(open_store(home).meta["currency"]), language)
    console.out.print(say("report_written", language, path=out), soft_wrap=True)
    if pdf is None:
        return
    try:
        print_pdf(out, pdf)
    except PrintError as error:
        console.err.print(error.text(language), soft_wrap=True, markup=False)
        raise typer.Exit(1) from None
    console.out.print(say("report_written", language, path=pdf), soft_wrap=True)
