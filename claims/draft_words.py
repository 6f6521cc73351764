"""The words of drafts and trials in English and Chinese, and columns described by their profiles.

In: a text's key, or a profile. Out: a phrase. Nothing here quotes a cell: a date format is shown by
one made-up date.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

from claims.contracts import Lang
from claims.profiling import Profile

_EXAMPLE = datetime(2024, 3, 5, 14, 7, 9)


class SuggestError(ValueError):
    """No draft can be made; the message says why and what to do, in English and Chinese."""

    def __init__(self, tell: Callable[[Lang], str]) -> None:
        self.text = tell
        super().__init__(tell("en"))


@cache
def draft_texts() -> Mapping[str, Mapping[str, str]]:
    """Return every text by key and language."""
    path = Path(__file__).with_name("draft_texts.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def say(key: str, lang: Lang, /, **values: object) -> str:
    """Return a text with its values filled in."""
    return draft_texts()[key][lang].format(**values)


def percent(share: float) -> str:
    """Return a share for a person; what is not all is never shown as 100 %."""
    return "100 %" if share >= 1 else f"{min(share * 100, 99.9):.3g} %"


def shown_names(names: Iterable[str]) -> str:
    """Return names of columns in quotation marks."""
    return ", ".join(json.dumps(name, ensure_ascii=False) for name in names)


def evidence(seen: Profile, lang: Lang, target: str = "") -> str:
    """Return what a column shows, for the comment beside the line of ``target``."""
    if not seen.filled:
        return say("empty", lang)
    parts = []
    if seen.filled < seen.rows:
        parts.append(say("filled", lang, share=percent(seen.filled / seen.rows)))
    if seen.is_date:
        example = _EXAMPLE.strftime(seen.formats[0])
        parts.append(say("dates", lang, share=percent(seen.dates), example=example))
    elif seen.is_number and "diagnosis" not in target:
        share = percent(seen.numbers)
        key = "numbers" if seen.places else "whole"
        parts.append(say(key, lang, share=share, places=seen.places))
    elif "diagnosis" in target and seen.diagnoses >= 0.9:
        parts.append(say("diagnoses", lang, share=percent(seen.diagnoses)))
    else:
        parts.append(say("text", lang, longest=seen.longest))
    unique = "unique" if seen.unique >= 0.95 else "distinct"
    parts.append(say(unique, lang, distinct=f"{seen.distinct:,}", filled=f"{seen.filled:,}"))
    return ", ".join(parts) if lang == "en" else "，".join(parts)
