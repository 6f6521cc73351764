"""The model card: what a model is, what it was made from, how good it is, and its limits.

In: ``model.json`` of a model folder and the metrics record of its training (empty at cold start).
Out: Markdown in English or Chinese. Headings follow Mitchell et al. 2019, "Model cards for model
reporting" (FAT* 2019, 220-229). Nothing is stated that the two records do not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claims.contracts import Lang, table
from training import card_sections
from training.card_texts import say


def render(model_json: Mapping[str, Any], metrics: Mapping[str, Any], lang: Lang) -> str:
    """Return the card as Markdown in ``lang``."""
    unit = table("scores").columns["unit"].values[str(model_json["unit"])].text(lang)
    sections = [
        f"# {say('title', lang)}: {model_json['experiment']} ({unit})",
        _section(say("what", lang), _what(model_json, unit, lang)),
        _section(say("use", lang), say("use_body", lang)),
        _section(say("data", lang), _data(model_json, lang)),
        _section(say("quality", lang), _quality(model_json, metrics, lang)),
        *_checks(metrics, lang),
        _section(
            say("limits", lang), _bullets("limit_frame", "limit_missing", "limit_totals", lang=lang)
        ),
        _section(say("versions", lang), _versions(model_json, lang)),
    ]
    return "\n\n".join(sections) + "\n"


def _checks(metrics: Mapping[str, Any], lang: Lang) -> list[str]:
    """Return the sections that the metrics record can fill."""
    bodies = {
        "calibration": card_sections.calibration(metrics, lang),
        "burden": card_sections.burden(metrics, lang),
        "leakage": card_sections.leakage(metrics, lang),
    }
    return [_section(say(key, lang), body) for key, body in bodies.items() if body]


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def _bullets(*keys: str, lang: Lang) -> str:
    return "\n".join(f"- {say(key, lang)}" for key in keys)


def _what(about: Mapping[str, Any], unit: str, lang: Lang) -> str:
    if about["kind"] == "cold_start":
        return say("cold_start", lang, unit=unit)
    facts = about["labels"]
    return say(
        "supervised",
        lang,
        unit=unit,
        weight=f"{facts['detector_weight']:.2f}",
        calibrated=facts["calibrated_on"],
    )


def _data(about: Mapping[str, Any], lang: Lang) -> str:
    facts: list[tuple[str, object]] = [
        ("rows", about["rows"]),
        ("features", len(about["names"])),
        ("as_of", about["as_of_date"]),
    ]
    if about["kind"] == "supervised":
        labels = about["labels"]
        facts += [
            ("labels", f"{labels['n']} ({labels['positives']})"),
            ("cut", about["training_cut_date"]),
        ]
    return _facts(facts, lang)


def _versions(about: Mapping[str, Any], lang: Lang) -> str:
    facts: list[tuple[str, object]] = [
        ("catalogue", about["catalogue_version"]),
        ("rules", about["rules_version"]),
        ("config", f"{about['experiment']} {about['config_hash'][:16]}"),
        ("fingerprint", about["data_fingerprint"][:16]),
    ]
    libraries = ", ".join(f"{name} {number}" for name, number in about["libraries"].items())
    return _facts(facts, lang) + f"\n- {libraries}"


def _facts(facts: list[tuple[str, object]], lang: Lang) -> str:
    colon = "：" if lang == "zh" else ": "
    return "\n".join(f"- {say(key, lang)}{colon}{value}" for key, value in facts)


def _quality(about: Mapping[str, Any], metrics: Mapping[str, Any], lang: Lang) -> str:
    if not metrics:
        return say("no_quality", lang)
    labels = about["labels"]
    how = say(labels["splits"], lang, cutoff=labels["forward_cutoff"])
    counts = say("counts", lang, n=metrics["n"], positives=metrics["positives"])
    at = list(metrics["precision_at"])
    heads = [say("ranking", lang), say("average_precision", lang), say("roc_auc", lang)]
    heads += [say("precision_at", lang, k=k) for k in at]
    rows = [heads, ["---"] * len(heads)]
    for key in ("model", "baseline_sort_by_amount", "baseline_rules"):
        record = metrics if key == "model" else metrics[key]
        rows.append([say(key, lang), *_cells(record, at)])
    lines = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    parts = [f"{how} {counts}", lines, say("interval", lang), card_sections.gains(metrics, lang)]
    return "\n\n".join(part for part in parts if part)


def _cells(record: Mapping[str, Any], at: list[str]) -> list[str]:
    intervals = record.get("intervals", {})
    cells = [
        card_sections.cell(record[key], intervals.get(key))
        for key in ("average_precision", "roc_auc")
    ]
    between = intervals.get("precision_at", {})
    return cells + [card_sections.cell(record["precision_at"][k], between.get(k)) for k in at]
