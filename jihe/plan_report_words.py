"""What the report of a plan says, in English and Chinese (``plan_report_texts.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from claims.contracts import Lang, table
from jihe.estimate_words import class_name


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Return every text by key and language."""
    path = Path(__file__).with_name("plan_report_texts.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def say(key: str, lang: Lang, /, **values: object) -> str:
    """Return a text with its values filled in; KeyError for a key that has none."""
    return texts()[key][lang].format(**values)


def stratum_name(name: str, lang: Lang) -> str:
    """Return what a stratum holds, for a person: class, level, district, risk band."""
    first, *middle, band = name.split("/") if "/" in name else (name, "")
    levels = table("institutions").columns["level"].values
    parts = [class_name(first, lang)]
    for each in middle:
        named = [levels[p].text(lang) if p in levels else p for p in each.split("+")]
        if each not in {"all", "none"}:
            parts.append(" + ".join(named))
    parts.append(_band(band, lang))
    return say("stratum_comma", lang).join(p for p in parts if p)


def _band(name: str, lang: Lang) -> str:
    bands = [b for b in name.split("-") if b]
    known = {"top", "b1", "b2", "b3"}
    return say("stratum_to", lang).join(say(f"band_{b}", lang) if b in known else b for b in bands)


def disposition_name(name: str, lang: Lang) -> str:
    """Return the label of a disposition."""
    return table("outcomes").columns["disposition"].values[name].text(lang)
