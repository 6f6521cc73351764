"""What did not come, and what is therefore not run.

In: a store version. Out: one row per missing column or table with the features and rules that wait
for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from claims.contracts import Lang, table, tables
from claims.store import StoreVersion
from features.runnable import CLOCK, NotRun, runnable
from jihe.catalogues import feature_rows, rule_rows
from jihe.quarantine_words import plain, say, table_label

#: Features and rules that are named at each missing column.
NAMED = 6


def not_run(version: StoreVersion) -> list[NotRun]:
    """Return the features and rules that the version's columns do not allow."""
    return runnable(version, date.max)[2] if version.has("claims") else []


def _lacks(version: StoreVersion, needed: str) -> bool:
    return needed == CLOCK or not version.has(*needed.split("."))


def waiting(version: StoreVersion, lang: Lang) -> list[dict[str, Any]]:
    """Return the missing columns, those that most waits for first, with what waits for them."""
    waits: dict[str, list[NotRun]] = {}
    for entry in not_run(version):
        for missing in dict.fromkeys(_missing(version, entry)):
            waits.setdefault(missing, []).append(entry)
    labels = _labels(lang)
    made = []
    for missing, entries in sorted(waits.items(), key=lambda w: (-len(w[1]), w[0])):
        features = sum(e.kind == "feature" for e in entries)
        listed = [labels.get(e.name, e.name) for e in entries]
        # Labels hold commas themselves.
        shown = say("list_semicolon", lang).join(plain(label) for label in listed[:NAMED])
        if len(listed) > NAMED:
            shown = say("names_more", lang, names=shown, n=len(listed) - NAMED)
        told = say("not_run_row", lang, features=features, rules=len(entries) - features,
                   names=shown)  # fmt: skip
        made.append({"missing": _label(missing, lang), "code": missing, "told": told})
    return made


def not_run_total(version: StoreVersion, lang: Lang) -> str:
    """Return how much was not run in one sentence; nothing where all was."""
    entries = not_run(version)
    if not entries:
        return ""
    features = sum(e.kind == "feature" for e in entries)
    return say("not_run_total", lang, features=features, rules=len(entries) - features)


def _missing(version: StoreVersion, entry: NotRun) -> Iterator[str]:
    """Yield what an entry lacks; a table that is absent as a whole stands for its columns."""
    for needed in entry.missing:
        if _lacks(version, needed):
            name = needed.partition(".")[0]
            yield needed if version.has(name) else name


def _label(missing: str, lang: Lang) -> str:
    name, _, column = missing.partition(".")
    label = table_label(name, lang)
    if not column:
        return say("whole_table", lang, table=label)
    if missing == CLOCK:
        return say("time_of_day", lang, table=label)
    known = tables().get(name)
    words = table(name).columns[column].label(lang) if known and column in known.columns else column
    return say("column_of", lang, table=label, column=words)


def _labels(lang: Lang) -> dict[str, str]:
    """Return the label of every feature and rule by name."""
    return {str(row["name"]): str(row[f"label_{lang}"]) for row in feature_rows() + rule_rows()}
