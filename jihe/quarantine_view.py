"""The quarantine report as plain values in one language, ready to be laid out.

In: figures and a store version. Out: mappings whose texts a template or the terminal sets as they
stand. Nothing is computed here but shares of totals that the figures hold.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from claims.contracts import Lang, table
from claims.quarantine_figures import (
    Example,
    FaultFigures,
    FileFault,
    FileFigures,
    QuarantineFigures,
    TableFigures,
)
from claims.store import StoreVersion
from jihe import quarantine_absent as absent
from jihe import quarantine_words as words
from jihe.quarantine_words import plain, say
from serving.money import money_text

#: Files that a report names, and kinds of fault beside each; the CSV has all.
FILES = 40
FILE_FAULTS = 8
#: Rows of a sheet, less its header.
_SHEET_ROWS = 1_048_575


def view(figures: QuarantineFigures, version: StoreVersion, lang: Lang) -> dict[str, Any]:
    """Return everything that a report shows, in one language."""
    records = {t.table: t.records for t in figures.tables}

    def faults(found: tuple[FaultFigures, ...]) -> list[dict[str, Any]]:
        return [_fault(f, records.get(f.table, 0), lang) for f in found]

    return {
        "lang": lang,
        "source": plain(figures.source),
        "version": plain(figures.version),
        "overall": words.overall(figures, lang),
        "verdicts": words.verdicts(figures, lang),
        "disagreements": [d for t in figures.tables if (d := words.disagreement(t, lang))],
        "compared": words.compared(figures, lang),
        "tables": [_table(t, figures.currency, lang) for t in figures.tables],
        "money": any(t.amount_arrived is not None for t in figures.tables),
        "whole": faults(figures.whole),
        "refusing": faults(figures.refusing),
        "warnings": faults(figures.warnings),
        "absent": faults(figures.absent),
        "waiting": absent.waiting(version, lang),
        "not_run": absent.not_run_total(version, lang),
        "files": _files(figures.files[:FILES], records, lang),
        "files_left": _files_left(len(figures.files), lang),
        "entries": say("downloads", lang, n=f"{figures.entries:,}"),
        "too_long": say("too_long", lang) if figures.entries > _SHEET_ROWS else "",
    }


def _table(row: TableFigures, currency: str, lang: Lang) -> dict[str, Any]:
    """Return a table's figures as texts; what is not known says so, what cannot be is a dash."""
    money = share = "–"
    if row.amount_quarantined is not None:
        money = money_text(row.amount_quarantined, currency, lang)
    elif row.quarantined and row.table in words.PAID:
        money = say("not_known", lang)
    if row.money_share is not None:
        share = words.percent(row.money_share, lang)
    counts = ("records", "accepted", "quarantined", "duplicates", "warned")
    return {
        "label": words.table_label(row.table, lang),
        **{name: f"{getattr(row, name):,}" if row.loaded else "–" for name in counts},
        "share": "–" if row.refused_share is None else words.percent(row.refused_share, lang),
        "money": money,
        "money_share": share,
        "touched": row.loaded and not words.spotless(row),
    }


def _fault(fault: FaultFigures, records: int, lang: Lang) -> dict[str, Any]:
    """Return one kind of fault: what, where, how many, which rows, what to do."""
    severity = table("quarantine").columns["severity"].values[fault.severity]
    share = fault.rows / records if fault.rows and records >= fault.rows else None
    return {
        "severity": fault.severity,
        "level": severity.text(lang),
        "reason": plain(fault.reason[lang]),
        "differs": say("other_wordings", lang) if fault.wordings > 1 else "",
        "rows": words.counted("fault_rows", fault.rows, lang) if fault.rows else "",
        "share": _share(share, lang),
        "table": words.table_label(fault.table, lang),
        "column": plain(fault.column),
        "files": _named(fault, lang),
        "examples": _examples(fault.examples, lang) if fault.rows else [],
        "more": _more(fault, lang),
        "fix": words.remedy(fault, lang),
    }


def _share(share: float | None, lang: Lang) -> str:
    return "" if share is None else say("fault_share", lang, share=words.percent(share, lang))


def _named(fault: FaultFigures, lang: Lang) -> list[str]:
    """Return the files that have most of a fault, and how many more there are."""
    listed = [
        say("file_rows", lang, file=plain(f.source_file), n=f"{f.rows:,}")
        if f.rows
        else plain(f.source_file)
        for f in fault.files
    ]
    if left := fault.file_count - len(fault.files):
        listed.append(words.counted("more_files", left, lang))
    return listed


def _examples(examples: tuple[Example, ...], lang: Lang) -> list[dict[str, Any]]:
    """Return example rows by file, each with the value that may be shown."""
    return [
        {
            "file": plain(file),
            "rows": [
                {
                    "place": say("example_place", lang, row=f"{e.row_number}"),
                    "value": "" if e.value is None else plain(e.value),
                }
                for e in found
            ],
        }
        for file, found in groupby(examples, key=lambda e: e.source_file)
    ]


def _more(fault: FaultFigures, lang: Lang) -> str:
    shown = len(fault.examples)
    if fault.rows <= shown:
        return ""
    return say("more_rows", lang, shown=f"{shown:,}", n=f"{fault.rows:,}")


def _files(
    files: tuple[FileFigures, ...], records: dict[str, int], lang: Lang
) -> list[dict[str, Any]]:
    """Return the files with what is wrong in each; bars are scaled to the longest."""
    shares = [f.refused / records[f.table] if records.get(f.table) else 0.0 for f in files]
    longest = max(shares, default=0.0) or 1.0
    return [
        _file(file, share, 100 * share / longest, records.get(file.table, 0), lang)
        for file, share in zip(files, shares, strict=True)
    ]


def _file(file: FileFigures, share: float, width: float, total: int, lang: Lang) -> dict[str, Any]:
    # "and 1 more" takes as much room as the one itself.
    many = len(file.faults) > FILE_FAULTS + 1
    shown = [_file_fault(f, lang) for f in file.faults[: FILE_FAULTS if many else None]]
    if left := len(file.faults) - len(shown):
        shown.append(say("more_faults", lang, n=left))
    if file.missing_columns:
        missing = words.names(file.missing_columns, lang)
        shown.append(say("missing_columns", lang, names=missing))
    return {
        "file": plain(file.source_file),
        "table": words.table_label(file.table, lang),
        "refused": f"{file.refused:,}",
        "duplicates": f"{file.duplicates:,}",
        "warned": f"{file.warned:,}",
        "share": words.percent(share, lang) if total else "–",
        "width": round(width, 2),
        "bar": say("bar_label", lang, rows=f"{file.refused:,}", n=f"{total:,}"),
        "faults": shown,
    }


def _file_fault(fault: FileFault, lang: Lang) -> str:
    number = f"{fault.rows:,}" if fault.rows else say("whole_file", lang)
    label = words.code_label(fault.code, lang)
    key = "file_fault" if fault.column else "file_fault_plain"
    return say(key, lang, code=label, column=plain(fault.column), n=number)


def _files_left(found: int, lang: Lang) -> str:
    if found <= FILES:
        return ""
    return say("files_left", lang, shown=FILES, n=f"{found:,}")
