"""The model card: what a model is, what it was made from, how good it is, and its limits.

In: ``model.json`` of a model folder and the metrics record of its training (empty at cold start).
Out: Markdown in English or Chinese. Headings follow Mitchell et al. 2019, "Model cards for model
reporting" (FAT* 2019, 220-229). Nothing is stated that the two records do not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from claims.contracts import Lang, table
from training import card_sections

_TEXT: dict[str, tuple[str, str]] = {
    "title": ("Model card", "模型卡"),
    "what": ("What it is", "模型是什么"),
    "cold_start": (
        "A cold-start ranking: each {unit} gets the sum of how far out in the tail its values lie. "
        "It knows no verdicts and states no probability.",
        "冷启动排序：每个{unit}的得分，是其各项特征偏离常态程度之和。它没有用到任何检查结论，也不给出概率。",
    ),
    "supervised": (
        "A calibrated probability that inspecting this {unit} confirms a finding: boosted trees "
        "plus the anomaly detector (weight {weight}), added in log-odds and calibrated on "
        "{calibrated} verdicts that the trees had not seen.",
        "经校准的概率：检查该{unit}会查实问题的可能性。由提升树与异常检测器（权重{weight}）在对数几率上"
        "相加，并用{calibrated}条未参与建树的检查结论校准。",
    ),
    "use": ("Intended use", "用途"),
    "use_body": (
        "To decide what to inspect next. A score is a lead to verify, never a finding and never a "
        "ground for refusing payment by itself.",
        "用于决定下一步检查什么。评分是待核实的疑点，不是结论，也不能单独作为拒付依据。",
    ),
    "data": ("Made from", "训练数据"),
    "versions": ("Versions", "版本"),
    "quality": ("How good it is", "效果"),
    "no_quality": (
        "Not measured: there were no verdicts. Draw a plan with a random part and judge it then.",
        "尚未评价：没有检查结论。请先实施含随机部分的抽查计划，再作评价。",
    ),
    "grouped": (
        "Each verdict was scored by models that had seen no verdict on the same entity.",
        "每条结论均由未见过同一主体任何结论的模型评分。",
    ),
    "forward_grouped": (
        "Verdicts from {cutoff} on were scored by models that had seen only earlier verdicts, with "
        "a gap, and none on the same entity.",
        "自{cutoff}起的结论，均由只见过更早结论（并留有间隔）且未见过同一主体任何结论的模型评分。",
    ),
    "counts": ("{n} judged units, {positives} confirmed.", "已检查{n}个，查实{positives}个。"),
    "ranking": ("Ranking", "排序方式"),
    "model": ("this model", "本模型"),
    "baseline_sort_by_amount": ("sort by amount", "按金额排序"),
    "baseline_rules": ("rules only", "仅按规则"),
    "average_precision": ("average precision", "平均精确率"),
    "roc_auc": ("ROC area", "ROC面积"),
    "precision_at": ("precision at {k}", "前{k}名精确率"),
    "interval": (
        "In brackets: 95 % bootstrap intervals over entities. Verdicts count with their weights.",
        "括号内为按主体自助抽样的95%区间。结论按其权重计算。",
    ),
    "limits": ("Limits", "局限"),
    "limit_frame": (
        "It was made for units like those in its data; watch for drift before using it elsewhere.",
        "模型只适用于与训练数据相似的对象；用于其他地区或时期前须先检查漂移。",
    ),
    "limit_missing": (
        "A missing value adds nothing to the detector; a rule that could not run is not a pass.",
        "缺失值不增加异常分；未能运行的规则不等于通过。",
    ),
    "limit_totals": (
        "Totals are estimated from the random draw, not from this score.",
        "总体金额由随机抽样估计，而不是由评分推算。",
    ),
    "rows": ("units in the frame", "对象数"),
    "features": ("features", "特征数"),
    "labels": ("verdicts (confirmed)", "结论数（查实）"),
    "as_of": ("features known before", "特征截止日期"),
    "cut": ("verdicts known before", "结论截止日期"),
    "catalogue": ("feature catalogue", "特征目录"),
    "rules": ("rules", "规则集"),
    "config": ("experiment", "实验配置"),
    "fingerprint": ("data fingerprint", "数据指纹"),
}


def render(model_json: Mapping[str, Any], metrics: Mapping[str, Any], lang: Lang) -> str:
    """Return the card as Markdown in ``lang``."""
    say = _speaker(lang)
    unit = table("scores").columns["unit"].values[str(model_json["unit"])].text(lang)
    sections = [
        f"# {say('title')}: {model_json['experiment']} ({unit})",
        _section(say("what"), _what(model_json, unit, lang)),
        _section(say("use"), say("use_body")),
        _section(say("data"), _data(model_json, lang)),
        _section(say("quality"), _quality(model_json, metrics, lang)),
        *_checks(metrics, lang),
        _section(
            say("limits"), _bullets("limit_frame", "limit_missing", "limit_totals", lang=lang)
        ),
        _section(say("versions"), _versions(model_json, lang)),
    ]
    return "\n\n".join(sections) + "\n"


def _checks(metrics: Mapping[str, Any], lang: Lang) -> list[str]:
    """Return the sections that the metrics record can fill."""
    bodies = {
        "calibration": card_sections.calibration(metrics, lang),
        "burden": card_sections.burden(metrics, lang),
        "leakage": card_sections.leakage(metrics, lang),
    }
    return [_section(card_sections.say(key, lang), body) for key, body in bodies.items() if body]


def _speaker(lang: Lang) -> Callable[..., str]:
    column = 1 if lang == "zh" else 0

    def say(key: str, **values: object) -> str:
        return _TEXT[key][column].format(**values)

    return say


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def _bullets(*keys: str, lang: Lang) -> str:
    say = _speaker(lang)
    return "\n".join(f"- {say(key)}" for key in keys)


def _what(about: Mapping[str, Any], unit: str, lang: Lang) -> str:
    say = _speaker(lang)
    if about["kind"] == "cold_start":
        return say("cold_start", unit=unit)
    facts = about["labels"]
    return say(
        "supervised",
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
    say = _speaker(lang)
    colon = "：" if lang == "zh" else ": "
    return "\n".join(f"- {say(key)}{colon}{value}" for key, value in facts)


def _quality(about: Mapping[str, Any], metrics: Mapping[str, Any], lang: Lang) -> str:
    say = _speaker(lang)
    if not metrics:
        return say("no_quality")
    labels = about["labels"]
    how = say(labels["splits"], cutoff=labels["forward_cutoff"])
    counts = say("counts", n=metrics["n"], positives=metrics["positives"])
    at = list(metrics["precision_at"])
    heads = [say("ranking"), say("average_precision"), say("roc_auc")]
    heads += [say("precision_at", k=k) for k in at]
    rows = [heads, ["---"] * len(heads)]
    for key in ("model", "baseline_sort_by_amount", "baseline_rules"):
        record = metrics if key == "model" else metrics[key]
        rows.append([say(key), *_cells(record, at)])
    lines = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    parts = [f"{how} {counts}", lines, say("interval"), card_sections.gains(metrics, lang)]
    return "\n\n".join(part for part in parts if part)


def _cells(record: Mapping[str, Any], at: list[str]) -> list[str]:
    intervals = record.get("intervals", {})
    cells = [
        card_sections.cell(record[key], intervals.get(key))
        for key in ("average_precision", "roc_auc")
    ]
    between = intervals.get("precision_at", {})
    return cells + [card_sections.cell(record["precision_at"][k], between.get(k)) for k in at]
