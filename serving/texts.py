"""Every sentence of pages and lists, in English and Chinese (``texts.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from claims.contracts import LANGS, Lang


class TextError(KeyError):
    """A sentence is missing in a language."""


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Return every sentence by key; raises TextError where one lacks a language."""
    path = Path(__file__).with_name("texts.toml")
    raw: dict[str, dict[str, str]] = tomllib.loads(path.read_text(encoding="utf-8"))
    wanting = sorted(key for key, body in raw.items() if set(body) != set(LANGS))
    if wanting:
        raise TextError(f"These texts are not in exactly {', '.join(LANGS)}: {wanting}.")
    return raw


def text(key: str, lang: Lang, **values: object) -> str:
    """Return one sentence with its values filled in."""
    try:
        return texts()[key][lang].format(**values)
    except KeyError as error:
        raise TextError(f"Text '{key}' has no {lang} form or lacks the value {error}.") from None
