"""What is wrong with posted claims, said so that the sender can act on it.

In: a code and the place it was found. Out: a sentence in English or Chinese that names claim, line
and field; it never quotes a value. Codes of the quarantine keep the quarantine's sentences.
"""

from __future__ import annotations

from dataclasses import dataclass

from claims.contracts import Lang
from claims.faults import sentence, sentences
from serving.texts import text

#: Faults that an answer spells out; it says how many more there are.
SHOWN = 100


@dataclass(frozen=True)
class InputFault:
    """One fault: a code of texts.toml or of the quarantine, and its place counted from 0."""

    code: str
    claim: int | None = None
    column: str = ""
    line: int | None = None

    @property
    def place(self) -> str:
        """The path of the field in the request, such as ``claims.0.lines.3.amount``."""
        parts = [] if self.claim is None else ["claims", str(self.claim)]
        parts += [] if self.line is None else ["lines", str(self.line)]
        return ".".join([*parts, *([self.column] if self.column else [])])

    def text(self, lang: Lang) -> str:
        """Return the sentence in ``lang``, with its place in front."""
        if self.code in sentences():
            said = sentence(self.code, lang, column=self.column)
        else:
            said = text(self.code, lang, column=self.column)
        return f"{self.place}{': ' if lang == 'en' else '：'}{said}" if self.place else said


class InputError(ValueError):
    """Claims cannot be scored as they stand; carries every fault."""

    def __init__(self, *faults: InputFault) -> None:
        """Keep the faults for a reader in either language."""
        self.faults = faults
        super().__init__(self.text("en"))

    def text(self, lang: Lang) -> str:
        """Return the first faults, and how many more there are."""
        said = [fault.text(lang) for fault in self.faults[:SHOWN]]
        if len(self.faults) > SHOWN:
            said.append(text("input_more", lang, count=len(self.faults) - SHOWN))
        return " ".join(said)
