"""The command ``jihe map``: draft a mapping for files of an unknown layout, and try it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from claims.contracts import Lang as LangCode
from claims.contracts import table, tables
from claims.draft_words import SuggestError, percent, say
from jihe import console
from jihe.commands.options import Lang, Language, argument, lang_of, option, told

if TYPE_CHECKING:
    from claims.trial import ColumnTrial, TableTrial


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("map", help=told("map"))(map_files)


def map_files(
    files: Annotated[list[Path] | None, argument("map_files", exists=True, dir_okay=False)] = None,
    suggest: Annotated[bool, option("suggest", "--suggest")] = False,
    check: Annotated[Path | None, option("check", exists=True, dir_okay=False)] = None,
    input: Annotated[Path | None, option("input", exists=True, file_okay=False)] = None,
    out: Annotated[Path, option("draft_out")] = Path("mapping.toml"),
    table: Annotated[str | None, option("map_table")] = None,
    rows: Annotated[int | None, option("rows", min=1)] = None,
    lang: Lang = Language.en,
) -> None:
    """Draft a mapping from files by names and content, or try one on the first rows."""
    language = lang_of(lang)
    if suggest and files and not check:
        _suggest(files, out, table, rows, language)
    elif check and input and not suggest and not files:
        _check(check, input, rows, language)
    else:
        raise typer.BadParameter(say("one_way", language))


def _suggest(
    files: list[Path], out: Path, wanted: str | None, rows: int | None, lang: LangCode
) -> None:
    """Write a draft; one that is there is never overwritten, for it may hold hours of work."""
    from claims.draft import draft
    from claims.suggest import SAMPLE, suggest_file

    known = [t.name for t in tables().values() if t.stage != "produced"]
    if wanted and len(files) > 1:
        raise SuggestError(lambda lang: say("two_tables", lang))
    if wanted and wanted not in known:
        raise SuggestError(lambda lang: say("no_table", lang, name=wanted, known=", ".join(known)))
    if out.exists():
        raise SuggestError(lambda lang: say("refused_exists", lang, path=out))
    made = draft([suggest_file(path, wanted, rows or SAMPLE) for path in files], out.stem, lang)
    out.write_text(made.text, encoding="utf-8")
    text = say("drafted", lang, path=out, sure=made.sure, unsure=made.unsure, missing=made.missing)
    console.out.print(text, soft_wrap=True, markup=False)


def _check(file: Path, folder: Path, rows: int | None, lang: LangCode) -> None:
    """Print what a mapping makes of the first rows; exit code 1 where no claim is accepted."""
    from claims.mapping import read_mapping
    from claims.trial import ROWS, try_mapping

    rows = rows or ROWS
    source = read_mapping(file)
    trials = try_mapping(source, folder, rows)
    console.heading(say("tried", lang, rows=f"{rows:,}"))
    for trial in trials:
        _show_table(trial, source.currency, lang)
    claims = next(t for t in trials if t.table == "claims").counts
    if claims is None or not claims.accepted:
        console.out.print("\n" + say("check_not_ok", lang), soft_wrap=True)
        raise typer.Exit(1)
    if claims.quarantined:
        share = percent(claims.quarantined / claims.records)
        console.out.print("\n" + say("check_faults", lang, share=share), soft_wrap=True)
    text = say("check_ok", lang, path=file, folder=folder)
    console.out.print("\n" + text, soft_wrap=True, markup=False)


def _show_table(trial: TableTrial, currency: str, lang: LangCode) -> None:
    contract = table(trial.table)
    if trial.counts is None:
        text = say("table_absent", lang, label=contract.label(lang), reason=trial.why_absent(lang))
        console.out.print("\n" + text, soft_wrap=True, markup=False)
        return
    kinds = ("records", "accepted", "quarantined", "duplicates")
    counts = {kind: f"{getattr(trial.counts, kind):,}" for kind in kinds}
    console.heading(say("table_totals", lang, label=contract.label(lang), **counts))
    console.rows(
        [say(f"col_{k}", lang) for k in ("column", "from", "filled", "read", "faults", "shows")],
        [
            [c.column, escape(c.origin), percent(c.filled / trial.rows),
             percent(c.read / c.filled) if c.filled else "–", f"{c.faults:,}",
             _shows(c, trial.table, currency, lang)]
            for c in trial.columns
        ],
        right=(2, 3, 4),
    )  # fmt: skip
    for fault in trial.faults:
        console.out.print("- " + fault.text(lang), soft_wrap=True, markup=False)


def _shows(seen: ColumnTrial, table_name: str, currency: str, lang: LangCode) -> str:
    """Return what the values of a column show as a whole, so that a wrong unit or day is seen."""
    target = table(table_name).columns[seen.column]
    if seen.lowest is not None:
        return say("range", lang, first=seen.lowest, last=seen.highest)
    if seen.mean is None:
        return say("different", lang, count=f"{seen.distinct:,}")
    if target.type == "money":
        return say("mean", lang, value=f"{currency} {seen.mean / 100:,.2f}")
    value = seen.mean / 1000 if target.unit == "1/1000" else seen.mean
    return say("mean", lang, value=f"{value:,.2f}")
