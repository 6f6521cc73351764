"""The words of the model card, in both languages, from card_texts.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from claims.contracts import Lang


@cache
def texts() -> Mapping[str, Mapping[Lang, str]]:
    """Return every text by key and language."""
    path = Path(__file__).with_name("card_texts.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def say(key: str, lang: Lang, **values: object) -> str:
    """Return a text with its values filled in."""
    return texts()[key][lang].format(**values)
