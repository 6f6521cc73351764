"""The sentences of the quarantine report, for the page and the terminal alike.

In: figures (``claims.quarantine_report``). Out: text in English or Chinese. Names that come from
outside (files, columns, values) have characters that could steer a terminal or turn the direction
of writing replaced; markup is the page's own concern.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from claims.contracts import Lang, table, tables
from claims.quarantine_figures import FaultFigures, QuarantineFigures, TableFigures
from serving.money import money_text

#: Tables whose rows carry money of the fund; a price list has amounts but none is paid by it.
PAID = frozenset({"claims", "claim_lines"})
#: Names of files in one sentence.
MOST_NAMES = 12


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Return every text of the report by key and language."""
    path = Path(__file__).with_name("quarantine_texts.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def say(key: str, lang: Lang, /, **values: object) -> str:
    """Return a text with its values filled in; KeyError for a key that has none."""
    return texts()[key][lang].format(**values)


def counted(key: str, n: int, lang: Lang, /, **values: object) -> str:
    """Return a text in the form for one or for many."""
    return say(f"{key}_one" if n == 1 else key, lang, n=f"{n:,}", **values)


def plain(text: str) -> str:
    """Return a name from outside without control, direction and unassigned characters."""
    return "".join("\ufffd" if unicodedata.category(c)[0] == "C" else c for c in text)


def percent(share: float | None, lang: Lang) -> str:
    """Return a share for a person; one that is not nothing never reads as 0.

    >>> percent(0.1234, "en"), percent(0.0, "en"), percent(0.00001, "en"), percent(0.99999, "zh")
    ('12.34%', '0%', '< 0.01%', '> 99.99%')
    """
    if share is None:
        return say("not_known", lang)
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    if share < 0.0001:
        return "< 0.01%"
    if share > 0.9999:
        return "> 99.99%"
    return f"{share:.2%}"


def table_label(name: str, lang: Lang) -> str:
    """Return the label of a table; its name where no contract knows it."""
    return table(name).label(lang) if name in tables() else plain(name)


def code_label(code: str, lang: Lang) -> str:
    """Return a few words for a fault; the code itself where there are none."""
    key = f"code_{code}"
    return say(key, lang) if key in texts() else plain(code)


def remedy(fault: FaultFigures, lang: Lang) -> str:
    """Return what to do at the source; nothing where only the reason itself says it."""
    key = f"remedy_{fault.code}"
    return say(key, lang) if key in texts() else ""


def names(listed: Sequence[str], lang: Lang) -> str:
    """Return names from outside as one text."""
    return say("list_comma", lang).join(plain(name) for name in listed)


def overall(figures: QuarantineFigures, lang: Lang) -> str:
    """Return the verdict over all tables, in one or two sentences."""
    records = sum(t.records for t in figures.tables)
    refused = sum(t.quarantined for t in figures.tables)
    key = "verdict" if refused else "verdict_clean"
    share = percent(refused / records if records else None, lang)
    told = [say(key, lang, records=f"{records:,}", refused=f"{refused:,}", share=share)]
    told += _overall_money(figures, lang)
    if figures.whole:
        told.append(counted("verdict_whole", len(figures.whole), lang))
    return _joined(told, lang)


def _overall_money(figures: QuarantineFigures, lang: Lang) -> list[str]:
    """Return the money refused in the claims; their lines split the same money once more."""
    told = []
    for row in figures.tables:
        if row.table == "claims" and row.quarantined and row.amount_quarantined is not None:
            key = "verdict_money_net" if row.money_share is None else "verdict_money"
            label = table_label(row.table, lang)
            label = label.lower() if lang == "en" else label
            share = percent(row.money_share, lang)
            told.append(
                say(key, lang, table=label, share=share, **_amounts(row, figures.currency, lang))
            )
    return told


def _amounts(row: TableFigures, currency: str, lang: Lang) -> dict[str, str]:
    """Return the refused and the arrived money of a table as texts."""
    return {
        "amount": money_text(row.amount_quarantined or 0, currency, lang),
        "arrived": money_text(row.amount_arrived or 0, currency, lang),
    }


def verdict(row: TableFigures, currency: str, lang: Lang) -> str:
    """Return what became of one table: the sum, the share refused in rows and money, warnings."""
    label = table_label(row.table, lang)
    if not row.loaded:
        return say("not_loaded", lang, table=label)
    parts = ("records", "accepted", "quarantined", "duplicates")
    counts = {part: f"{getattr(row, part):,}" for part in parts}
    told = [say("table_sum", lang, table=label, **counts)]
    if row.quarantined:
        rows = say("rows_share", lang, share=percent(row.refused_share, lang))
        told.append(rows + _money(row, currency, lang))
    if row.amount_unreadable:
        told.append(counted("unreadable", row.amount_unreadable, lang))
    if row.warned:
        told.append(counted("warned", row.warned, lang))
    return _joined(told, lang)


def _money(row: TableFigures, currency: str, lang: Lang) -> str:
    """Return how the sentence on refused rows ends: with the money, if any is known."""
    if row.amount_arrived is None or row.amount_quarantined is None:
        return say("money_unknown" if row.table in PAID else "money_none", lang)
    amounts = _amounts(row, currency, lang)
    if row.money_share is None:
        return say("money_net", lang, **amounts)
    return say("money_share", lang, share=percent(row.money_share, lang), **amounts)


def disagreement(row: TableFigures, lang: Lang) -> str:
    """Return the sentence on counts that do not agree; nothing where they do."""
    if not row.loaded or row.adds_up:
        return ""
    return say(
        "does_not_add_up", lang, table=table_label(row.table, lang), records=f"{row.records:,}",
        parts=f"{row.accepted + row.quarantined + row.duplicates:,}",
        quarantined=f"{row.quarantined:,}", traced=f"{row.traced:,}",
    )  # fmt: skip


def verdicts(figures: QuarantineFigures, lang: Lang) -> list[str]:
    """Return a sentence for each table with something to say, and one for all the others."""
    clean = [t for t in figures.tables if spotless(t)]
    told = [verdict(t, figures.currency, lang) for t in figures.tables if not spotless(t)]
    if clean:
        listed = [
            say("clean_table", lang, table=table_label(t.table, lang), records=f"{t.records:,}")
            for t in clean
        ]
        told.append(say("clean_tables", lang, names=say("list_comma", lang).join(listed)))
    return told


def compared(figures: QuarantineFigures, lang: Lang) -> list[str]:
    """Return how the load differs from the one before: rows by table, then files."""
    told = [
        say(
            "changes_rows", lang, table=table_label(c.table, lang), new=f"{c.new:,}",
            changed=f"{c.changed:,}", removed=f"{c.removed:,}",
        )
        for c in figures.changes
    ]  # fmt: skip
    for kind, files in figures.file_changes.items():
        listed = names(files[:MOST_NAMES], lang)
        if (left := len(files) - MOST_NAMES) > 0:
            listed = say("names_more", lang, names=listed, n=left)
        told.append(say(f"files_{kind}", lang, names=listed))
    return told


def spotless(row: TableFigures) -> bool:
    """Tell whether every row of a table was taken without a remark."""
    odd = (row.quarantined, row.duplicates, row.warned, row.amount_unreadable)
    return row.loaded and row.adds_up and not any(odd)


def _joined(sentences: Sequence[str], lang: Lang) -> str:
    return ("" if lang == "zh" else " ").join(sentences)
