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
        named = [levels[p].text(lang) if p in levels else _rotation(p, lang)
                 for p in each.split("+")]  # fmt: skip
        if each not in {"all", "none"}:
            parts.append(" + ".join(named))
    parts.append(_band(band, lang))
    return say("stratum_comma", lang).join(p for p in parts if p)


def _rotation(name: str, lang: Lang) -> str:
    """Return what is said of the last inspection; any other word, such as a district, stays."""
    return say(f"rotation_{name}", lang) if name in {"never", "long_ago", "recent"} else name


def _band(name: str, lang: Lang) -> str:
    return say("stratum_to", lang).join(_one_band(b, lang) for b in name.split("-") if b)


def _one_band(band: str, lang: Lang) -> str:
    if band in {"top", "b1", "b2", "b3"}:
        return say(f"band_{band}", lang)
    if band[:1] == "v" and band[1:].isdigit():
        return say("band_amount", lang, place=band[1:])
    return band


def disposition_name(name: str, lang: Lang) -> str:
    """Return the label of a disposition."""
    return table("outcomes").columns["disposition"].values[name].text(lang)
