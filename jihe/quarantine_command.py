"""The command ``jihe quarantine``: what was refused, why, and what to do at the source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from jihe import console


def quarantine(
    home: Annotated[
        Path, typer.Option("--home", envvar="JIHE_HOME", help="The --out folder of a run.")
    ] = Path(),
    out: Annotated[
        Path | None, typer.Option(help="Folder for the pages and the CSV; the home if absent.")
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How it is printed.")] = "text",
    lang: Annotated[Literal["en", "zh"], typer.Option(help="Language of what is printed.")] = "en",
) -> None:
    """Report what the latest load refused: counts, money, examples and what to fix."""
    from claims.quarantine_report import quarantine_figures
    from claims.store import open_store
    from jihe.quarantine_page import quarantine_lines, write_quarantine_report
    from jihe.quarantine_words import say

    version = open_store(home)
    figures = quarantine_figures(version)
    page = write_quarantine_report(version, out or home, lang, figures)
    if format == "json":
        text = json.dumps(figures.to_dict(), ensure_ascii=False)
        console.out.print_json(text, highlight=False)
        return
    for line in (*quarantine_lines(version, lang, figures), say("written", lang, path=page)):
        console.out.print(line, markup=False, highlight=False, soft_wrap=True)
