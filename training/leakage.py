"""Leakage findings: what would make a model look better than it is, coded, in both languages.

A finding is found or clear, or not applicable with the reason; ``leakage.toml`` holds the sentences
and what to do. A found error stops the run; a found warning goes with the model, onto its card and
into its run. The checks themselves are in training.leakage_checks.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from claims.contracts import LANGS, Lang

Outcome = Literal["found", "clear", "not_applicable"]


class LeakageError(ValueError):
    """Something would be used that is not known at that moment, or that gives the label away."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        """Keep the findings; the message is English."""
        self.findings = tuple(findings)
        super().__init__(self.text("en"))

    def text(self, lang: Lang) -> str:
        """Return every finding with its code and remedy."""
        head, join = {
            "en": ("Training was stopped by its leakage checks: ", " "),
            "zh": ("泄漏检查未通过，训练已停止：", ""),
        }[lang]
        return head + join.join(f"{finding.code} {finding.text(lang)}" for finding in self.findings)


@dataclass(frozen=True)
class Finding:
    """What one check says. ``facts`` fill in its sentence; ``severity`` is error or warning."""

    code: str
    outcome: Outcome
    severity: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def text(self, lang: Lang) -> str:
        """Return the sentence of the outcome; what was found ends with what to do."""
        words = definitions()[self.code]
        sentence = words[f"{self.outcome}_{lang}"].format(**self.facts)
        if self.outcome != "found":
            return sentence
        return f"{sentence}{'' if lang == 'zh' else ' '}{words[f'remedy_{lang}']}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values with the sentence in both languages."""
        record = {"code": self.code, "outcome": self.outcome, "severity": self.severity}
        return record | {lang: self.text(lang) for lang in LANGS}


@cache
def definitions() -> Mapping[str, Mapping[str, str]]:
    """Return severity, sentences and remedy of every code."""
    path = Path(__file__).with_name("leakage.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def refuse(findings: Sequence[Finding]) -> None:
    """Raise LeakageError with every found error; warnings pass."""
    stopping = [f for f in findings if f.outcome == "found" and f.severity == "error"]
    if stopping:
        raise LeakageError(stopping)
