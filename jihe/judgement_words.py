"""What the gate said, for a person: rows of a table and one sentence, in either language."""

from __future__ import annotations

import math
from typing import Any

from claims.contracts import Lang
from jihe.gate import Judgement
from jihe.texts import say

Record = dict[str, Any]


def verdict_sentence(judgement: Judgement, lang: Lang) -> str:
    """Return the verdict over all opponents in one sentence, and what is wanting."""
    records = [r for r in judgement.contests.values() if r["verdict"] == judgement.verdict]
    if not judgement.contests:
        return say("gate_no_evidence", lang)
    record = max(records, key=lambda r: r["more_positives"] or 0)
    if judgement.verdict != "insufficient":
        return say(f"gate_{judgement.verdict}", lang, margin=f"{judgement.settings.margin:.0%}")
    if record["why"] == "positives":
        # Rounded down: 49.97 of 50 are not 50.
        effective = math.floor(record["effective_positives"] * 10) / 10
        text = say(
            "gate_too_few", lang, n=f"{record['n']:,}", more=record["more_positives"],
            effective=f"{effective:.1f}",
            needed=f"{judgement.settings.min_effective_positives:.0f}",
        )  # fmt: skip
        return text + _takes(record, lang)
    if record["more_positives"] is None:
        return say("gate_too_wide", lang)
    text = say("gate_too_wide_more", lang, more=record["more_positives"])
    return text + _takes(record, lang)


def _takes(record: Record, lang: Lang) -> str:
    """Return how many verdicts the wanting confirmed cases take, at what a verdict yielded yet."""
    if not record["effective_positives"]:
        return ""
    verdicts = math.ceil(record["more_positives"] * record["n"] / record["effective_positives"])
    return say("gate_takes", lang, verdicts=f"{verdicts:,}")


def basis_sentence(judgement: Judgement, lang: Lang) -> str:
    """Return which verdicts judged, and why against these opponents."""
    key = "gate_basis_new" if judgement.basis == "new_verdicts" else "gate_basis_out_of_fold"
    text = say(key, lang, day=judgement.known_from)
    return f"{say(judgement.first, lang)} {text}" if judgement.first else text


def table_rows(judgement: Judgement, lang: Lang) -> list[list[str]]:
    """Return one row per contest and part: opponent, verdicts, figures, difference, interval."""
    rows = []
    for opponent, record in judgement.contests.items():
        rows.append([_opponent(opponent, lang), *_figures(record), _verdict(record, lang)])
        part = record["random_part"]
        rows.append([say("gate_random_part", lang), *_figures(part), ""])
    return rows


def capacity_rows(judgement: Judgement, lang: Lang) -> list[list[str]]:
    """Return one row per opponent: precision and minor units found at capacity, theirs and ours."""
    rows = []
    for opponent, record in judgement.contests.items():
        precision, amount = record["precision_at_capacity"], record["amount_at_capacity"]
        if precision is not None:
            rows.append([
                _opponent(opponent, lang),
                *(f"{value:.3f}" for value in precision),
                *(f"{value / 100:,.0f}" for value in amount or ()),
            ])  # fmt: skip
    return [[*row, *["–"] * (5 - len(row))] for row in rows]


def _opponent(name: str, lang: Lang) -> str:
    return say(f"gate_{name}" if name == "champion" else name, lang)


def _verdict(record: Record, lang: Lang) -> str:
    return say(f"verdict_{record['verdict']}", lang)


def _figures(record: Record) -> list[str]:
    counts = [f"{record['n']:,}", f"{record['positives']:,} ({record['effective_positives']:.0f})"]
    values = (record["champion"], record["challenger"])
    figures = ["–" if value is None else f"{value:.3f}" for value in values]
    if record["interval"] is None:
        return [*counts, *figures, "–"]
    low, high = record["interval"]
    return [*counts, *figures, f"{record['difference']:+.3f} [{low:+.3f}, {high:+.3f}]"]
