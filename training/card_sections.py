"""Sections of the model card that say whether the figures can be relied on.

In: the metrics record. Out: Markdown in one language: what money is found and by how much a
baseline is beaten, calibration, who carries the burden, what the leakage checks found. A section is
empty where the record does not hold it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from claims.contracts import Lang
from training.card_texts import say
from training.leakage import definitions
from training.subgroup_words import group_label, label_of
from training.subgroups import statement


def cell(value: float | None, interval: Sequence[float] | None, digits: int = 3) -> str:
    """Return a figure with its interval."""
    if value is None:
        return "–"
    if not interval:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({interval[0]:.{digits}f}–{interval[1]:.{digits}f})"


def gains(metrics: Mapping[str, Any], lang: Lang) -> str:
    """Return by how much the baselines are beaten, and what share of the money is found."""
    lines = []
    if "difference" in metrics:
        apart = {key: metrics["difference"][f"baseline_{key}"]["average_precision"]
                 for key in ("sort_by_amount", "rules")}  # fmt: skip
        told = {key: _signed(value) for key, value in apart.items()}
        lines.append(
            say("gain", lang, over_amount=told["sort_by_amount"], over_rules=told["rules"])
        )
    if "money_share_at" in metrics:
        shares = {
            name: cell(
                record["money_share_at"]["1%"],
                record.get("intervals", {}).get("money_share_at", {}).get("1%"),
            )
            for name, record in (("model", metrics), ("amount", metrics["baseline_sort_by_amount"]),
                                 ("rules", metrics["baseline_rules"]))
        }  # fmt: skip
        lines.append(say("money", lang, **shares))
    return "\n\n".join(lines)


def calibration(metrics: Mapping[str, Any], lang: Lang) -> str:
    """Return the calibration with intervals; empty where no probability was judged."""
    told = metrics.get("calibration")
    if told is None:
        return ""
    between = told.get("intervals", {})
    named = {key: cell(told[key], between.get(key)) for key in ("slope", "intercept", "brier")}
    check = told["venn_abers"]
    return say(
        "calibration_body", lang, **named, base=cell(told["brier_of_base_rate"], None),
        gap=cell(check["mean_gap"], None), largest=cell(check["largest_gap"], None),
    )  # fmt: skip


def burden(metrics: Mapping[str, Any], lang: Lang) -> str:
    """Return one table per attribute, and what was merged or left out."""
    if not metrics.get("subgroups"):
        return ""
    keys = ("group", "judged", "selection_rate", "burden_ratio", "precision", "observed_expected")
    parts = [say("burden_body", lang)]
    for attribute, record in metrics["subgroups"].items():
        heads = [label_of(attribute, lang), *(say(key, lang) for key in keys[1:])]
        rows = [heads, ["---"] * len(heads)]
        rows += [_group_row(attribute, group, lang) for group in record["groups"]]
        parts.append("\n".join("| " + " | ".join(row) + " |" for row in rows))
        names = {name: group_label(attribute, name, lang) for name in record["merged"]}
        parts += [text] if (text := statement(record, lang, names)) else []
    return "\n\n".join(parts)


def leakage(metrics: Mapping[str, Any], lang: Lang) -> str:
    """Return what the checks found or could not look at, and which were clear."""
    if not metrics.get("leakage"):
        return ""
    clear = [f["code"] for f in metrics["leakage"] if f["outcome"] == "clear"]
    lines = [
        f"- {f['code']} {definitions()[f['code']][f'title_{lang}']}: {f[lang]}"
        for f in metrics["leakage"]
        if f["outcome"] != "clear"
    ]
    if clear:
        lines.append("- " + say("leakage_clear", lang, codes=", ".join(clear)))
    return "\n".join(lines)


def _group_row(attribute: str, group: Mapping[str, Any], lang: Lang) -> list[str]:
    name = group_label(attribute, group["group"], lang)
    if "positives" not in group:
        return [name, str(group["n"]), "–", "–", "–", "–"]
    between = group.get("intervals", {})
    return [
        name, str(group["n"]), cell(group["selection_rate"], None),
        cell(group["burden"], between.get("burden"), 2), cell(group["precision"], None),
        cell(group["observed_expected"], between.get("observed_expected"), 2),
    ]  # fmt: skip


def _signed(apart: Mapping[str, Any]) -> str:
    low, high = apart["interval"] or (apart["value"], apart["value"])
    return f"{apart['value']:+.3f} ({low:+.3f}…{high:+.3f})"
