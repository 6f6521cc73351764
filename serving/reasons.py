"""From contributions to reasons: grouped by reason code, each with a sentence and its evidence.

In: the non-zero contributions of one score and what is typical of its peers. Out: reasons sorted by
contribution, highest first; their contributions add up to those of the features. A reason says its
catalogue sentence only where it raises the score and its leading value lies beyond what 95 of 100
peers have; else it says no more than that its subject raises or lowers the score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from claims.contracts import LANGS, Lang
from features.catalogue import reasons as catalogue_reasons
from serving.distributions import Distributions, Typical
from serving.wording import bare_text, topics, value_text, words

#: Features shown with a reason.
SHOWN = 3
_MOVES: Mapping[Lang, tuple[str, str]] = {
    "en": ("Raises the score: {topic}", "Lowers the score: {topic}"),
    "zh": ("推高评分：{topic}", "降低评分：{topic}"),
}
_TYPICAL: Mapping[Lang, str] = {"en": "{value}, typical {typical}", "zh": "{value}，通常{typical}"}


def make_reasons(
    contributions: Sequence[Mapping[str, Any]], group: str, distributions: Distributions
) -> list[dict[str, Any]]:
    """Return the reasons of one score.

    Args:
        contributions: ``feature, value, contribution, reason_code`` of each feature that counts.
        group: peer group of the unit.
        distributions: what is typical of each group.
    """
    by_code: dict[str, list[Mapping[str, Any]]] = {}
    for part in contributions:
        by_code.setdefault(part["reason_code"], []).append(part)
    made = [_reason(code, parts, group, distributions) for code, parts in by_code.items()]
    return sorted(made, key=lambda r: (-r["contribution"], r["reason_code"]))


def _reason(
    code: str, parts: Sequence[Mapping[str, Any]], group: str, distributions: Distributions
) -> dict[str, Any]:
    total = math.fsum(part["contribution"] for part in parts)
    raises = total > 0
    leading = sorted(
        (p for p in parts if (p["contribution"] > 0) == raises),
        key=lambda p: (-abs(p["contribution"]), p["feature"]),
    )[:SHOWN]
    shown = [_feature(part, group, distributions) for part in leading]
    stands_out = raises and bool(shown) and _unusual(shown[0])
    sentences = {f"sentence_{lang}": _sentence(code, lang, raises, stands_out) for lang in LANGS}
    return {
        "reason_code": code,
        "contribution": total,
        "stands_out": stands_out,
        **sentences,
        "features": shown,
    }


def _sentence(code: str, lang: Lang, raises: bool, stands_out: bool) -> str:
    if stands_out:
        return catalogue_reasons()[code].text(lang)
    return _MOVES[lang][0 if raises else 1].format(topic=topics()[code].topic(lang))


def _feature(part: Mapping[str, Any], group: str, distributions: Distributions) -> dict[str, Any]:
    name, value = part["feature"], part["value"]
    typical = distributions.typical(name, group)
    about = words(name)
    made: dict[str, Any] = {
        "name": name,
        "label_en": about.en,
        "label_zh": about.zh,
        "value": value,
        "contribution": part["contribution"],
    }
    for lang in LANGS:
        made[f"text_{lang}"] = _text(name, value, typical, distributions.currency, lang)
        made[f"range_{lang}"] = _range(name, typical, distributions.currency, lang)
    made["typical"] = None if typical is None else dict(typical)
    return made


def _text(
    name: str, value: float | None, typical: Typical | None, currency: str, lang: Lang
) -> str:
    text = value_text(name, value, currency, lang)
    if typical is None:
        return text
    usual = bare_text(name, typical["p50"], currency, lang)
    return _TYPICAL[lang].format(value=text, typical=usual)


def _range(name: str, typical: Typical | None, currency: str, lang: Lang) -> str | None:
    if typical is None:
        return None
    low, high = (bare_text(name, typical[point], currency, lang) for point in ("p05", "p95"))
    return low if low == high else f"{low} – {high}"


def _unusual(feature: Mapping[str, Any]) -> bool:
    """Tell whether the value lies beyond what 95 of 100 peers have, on the suspicious side."""
    value, typical = feature["value"], feature["typical"]
    direction = words(feature["name"]).direction
    if value is None or typical is None:
        return value is not None and direction > 0 and value > 0
    low, high = bool(value < typical["p05"]), bool(value > typical["p95"])
    return (low and direction <= 0) or (high and direction >= 0)
