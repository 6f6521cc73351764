"""Inspection rules: one TOML file each in ``features/rules``, run as portable SQL.

A rule gives violation, suspicion or lead; where a table or column that it needs is absent it says
*not run* and why, never a silent zero. A claim rule's SQL returns (claim_id, hits, amount at
stake), its evidence query (claim_id, evidence_id), the lines or claims that prove it. A profile
rule judges an institution, a doctor, an employer or a person as of each cut date: its SQL returns
(as_of_day, unit_id, hits, amount), its evidence query (as_of_day, unit_id, evidence_id). What the
two have in common stands once, under ``shared``, and goes before both; what several rules have in
common is a file of its own, which ``shared`` names in braces. Claim rules run on every engine;
profile rules run in batch and are looked up.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from claims.contracts import Lang
from features.exemptions import exempt_sql, exemptions

_RULES = Path(__file__).parent / "rules"
_BRACES = re.compile(r"\{(\w+)\}")
_KEYS = {
    "id", "level", "entity", "en", "zh", "sentence_en", "sentence_zh", "basis_en", "basis_zh",
    "caveat_en", "caveat_zh", "needs", "shared", "sql", "evidence", "parameters", "grain", "exempt",
    "sees",
}  # fmt: skip
GRAINS = ("claim", "profile")
#: What a rule is about -> the profile that carries its hits, where its grain is ``profile``.
PROFILE_OF: Mapping[str, str] = {
    "institution": "institution", "pharmacy": "institution", "doctor": "doctor",
    "employer": "employer", "insured": "insured",
}  # fmt: skip
LEVELS: Mapping[str, Mapping[Lang, str]] = {
    "violation": {"en": "violation", "zh": "违规"},
    "suspicion": {"en": "suspicion", "zh": "可疑"},
    "lead": {"en": "lead", "zh": "线索"},
}


class RuleError(ValueError):
    """A rule file cannot be used as it stands."""


@dataclass(frozen=True)
class Rule:
    """One inspection rule.

    Attributes:
        level: violation, suspicion or lead.
        grain: claim or profile (see the module).
        exempt: kinds of lawful reasons whose claims it leaves out (features.exemptions).
        sees: violation schemes that it is meant to see (docs/simulator.md).
        needs: raw columns (``table.column``) without which it is not run.
        parameters: name -> integer bound into the SQL as ``$name``.
        sources, sources_zh: name -> where the parameter's default comes from, for a person.
    """

    id: str
    level: str
    entity: str
    en: str
    zh: str
    sentence_en: str
    sentence_zh: str
    basis_en: str
    basis_zh: str
    caveat_en: str
    caveat_zh: str
    needs: tuple[str, ...]
    sql: str
    evidence: str
    parameters: Mapping[str, int]
    sources: Mapping[str, str]
    sources_zh: Mapping[str, str]
    grain: str = "claim"
    exempt: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """Name of the column that holds its hits in a matrix."""
        return f"rule_{self.id.lower()}"

    @property
    def text(self) -> str:
        """The SQL with the claims left out that a lawful reason explains."""
        if self.grain == "profile":
            return self.sql
        kinds = ", ".join(f"'{kind}'" for kind in ("listed", f"listed:{self.id}", *self.exempt))
        return f"""SELECT r.claim_id, r.hits, r.amount FROM ({self.sql}) r
        WHERE NOT EXISTS (SELECT 1 FROM exempt e
          WHERE e.claim_id = r.claim_id AND e.kind IN ({kinds}))"""

    def label(self, lang: Lang) -> str:
        """Return the rule's name for a person."""
        return self.zh if lang == "zh" else self.en

    def sentence(self, lang: Lang, hits: int) -> str:
        """Return what the rule found, for a person."""
        return (self.sentence_zh if lang == "zh" else self.sentence_en).format(hits=hits)


def _read(path: Path) -> Rule:
    raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = sorted(set(raw) - _KEYS)
    if unknown or raw["id"].lower() != path.stem or raw["level"] not in LEVELS:
        raise RuleError(f"Rule file {path.name}: unknown keys {unknown}, or wrong id or level.")
    grain, kinds = raw.get("grain", "claim"), tuple(raw.get("exempt", ()))
    if grain not in GRAINS or set(kinds) - set(exemptions()):
        raise RuleError(f"Rule file {path.name}: unknown grain '{grain}' or exemption {kinds}.")
    if grain == "profile" and raw["entity"] not in PROFILE_OF:
        raise RuleError(f"Rule file {path.name}: no profile of '{raw['entity']}'.")
    parameters = raw.pop("parameters", {})
    lists = {name: tuple(raw.get(name, ())) for name in ("needs", "exempt", "sees")}
    shared = _BRACES.sub(lambda named: _common(named[1]), raw.pop("shared", ""))
    evidence = shared + raw["evidence"] if "evidence" in raw else ""
    return Rule(
        **{**raw, **lists, "sql": shared + raw["sql"], "evidence": evidence},
        parameters={name: body["value"] for name, body in parameters.items()},
        sources={name: body["source"] for name, body in parameters.items()},
        sources_zh={name: body["source_zh"] for name, body in parameters.items()},
    )


def _common(name: str) -> str:
    """Return the common table expressions of a file, without the comment that explains them."""
    text = (_RULES / f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


@cache
def rules() -> tuple[Rule, ...]:
    """Return every rule, by id."""
    return tuple(_read(path) for path in sorted(_RULES.glob("*.toml")))


def finding_kind(claim_type: str, rule_ids: Iterable[str]) -> str:
    """Return what kind of finding a claim would be: its gravest rule, else the kind of claim.

    Violations go before suspicions, these before leads; among equals the first by id.
    """
    return min(rule_ids, key=_graveness().__getitem__, default=claim_type)


@cache
def _graveness() -> Mapping[str, tuple[int, str]]:
    return {rule.id: (list(LEVELS).index(rule.level), rule.id) for rule in rules()}


@cache
def rules_version() -> str:
    """Return the digest of every rule's SQL, level and parameters: 16 hex digits of SHA-256."""
    body = [[r.id, r.level, r.grain, r.text, dict(r.parameters)] for r in rules()]
    body.append([exempt_sql()])
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
