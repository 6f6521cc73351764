"""What is wrong, said so that a person can act on it, in English and Chinese.

In: code, two sentences, and where the fault is (line, row or sequence number, column). Out: a
`Fault`, or a `SamplingError` that carries every fault of one check at once. A table or a file
reports all of its faults together, because a person who repairs them one by one gives up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from claims.contracts import Lang

SHOWN = 20
"""Faults that an error's message spells out; ``faults`` holds all of them."""


@dataclass(frozen=True)
class Fault:
    """One fault: a stable code, a sentence per language, and its place where it has one."""

    code: str
    en: str
    zh: str
    row: int | None = None
    column: str = ""

    def text(self, lang: Lang = "en") -> str:
        """Return the sentence with its place in front."""
        body = self.zh if lang == "zh" else self.en
        if self.row is None:
            return body
        if lang == "zh":
            return f"第{self.row}行{f'“{self.column}”列' if self.column else ''}：{body}"
        return f"Row {self.row}{f', column {self.column!r}' if self.column else ''}: {body}"


class SamplingError(ValueError):
    """A step of the sampling refuses its input; ``faults`` says everything that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Keep the faults and write the first of them into the message."""
        self.faults = tuple(faults)
        super().__init__(self.text("en"))

    def text(self, lang: Lang = "en") -> str:
        """Return the first faults, one a line, and how many more there are."""
        lines = [fault.text(lang) for fault in self.faults[:SHOWN]]
        rest = len(self.faults) - SHOWN
        if rest > 0:
            lines.append(f"另有{rest}处错误。" if lang == "zh" else f"And {rest} more.")
        return "\n".join(lines)


def repeated(code: str, unit_ids: Sequence[str]) -> list[Fault]:
    """Return a fault per unit that is named more than once."""
    return [
        Fault(code, f"Unit '{unit}' appears more than once.", f"对象“{unit}”重复出现。")
        for unit, count in sorted(Counter(unit_ids).items())
        if count > 1
    ]


def checked(faults: Sequence[Fault], error: type[SamplingError]) -> None:
    """Raise ``error`` with all of ``faults``, if there are any."""
    if faults:
        raise error(faults)
