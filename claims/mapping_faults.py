"""Faults of a mapping file, each with its place and a remedy in English and Chinese.

The sentences stand in ``mapping_faults.toml``. What is quoted is what the author of the mapping
wrote, never a cell of the data.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from claims.contracts import Lang


@cache
def fault_texts() -> Mapping[str, Mapping[str, str]]:
    """Return the sentence templates by fault code and language."""
    path = Path(__file__).with_name("mapping_faults.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Phrase:
    """A part of a sentence that itself exists in both languages."""

    code: str
    values: Mapping[str, str] = field(default_factory=dict)

    def text(self, lang: Lang) -> str:
        """Return the phrase in ``lang``."""
        return fault_texts()[self.code][lang].format(**self.values)


@dataclass(frozen=True)
class MappingFault:
    """One fault: its code, the table, column and key where it is, and what the sentence names."""

    code: str
    table: str = ""
    column: str = ""
    key: str = ""
    values: Mapping[str, str | Phrase] = field(default_factory=dict)

    def text(self, lang: Lang) -> str:
        """Return where the fault is, what is wrong and what to do."""
        parts = (("table", self.table), ("column", self.column), ("key", self.key))
        named = [fault_texts()[f"at_{kind}"][lang].format(name=n) for kind, n in parts if n]
        place = ("，" if lang == "zh" else ", ").join(named)
        told = {k: v.text(lang) if isinstance(v, Phrase) else v for k, v in self.values.items()}
        sentence = fault_texts()[self.code][lang].format(**told)
        return sentence if not place else place + ("：" if lang == "zh" else ": ") + sentence


class MappingError(ValueError):
    """A mapping file cannot be used as it stands; it carries every fault."""

    def __init__(self, file: str, faults: Sequence[MappingFault]) -> None:
        self.file, self.faults = file, list(faults)
        super().__init__(self.text("en"))

    def text(self, lang: Lang) -> str:
        """Return every fault in ``lang``, one a line."""
        told = [fault.text(lang) for fault in self.faults]
        if not self.file:
            return "\n".join(told)
        head = fault_texts()["head"][lang].format(file=self.file, count=len(told))
        return "\n".join([head, *(f"- {line}" for line in told)])
