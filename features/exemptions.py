"""Lawful reasons for an unusual pattern, found before any rule judges.

In: ``features/definitions/exemptions.toml``, each kind a portable text that returns the claims it
explains. Out: the relation ``exempt`` (claim_id, kind), from which a rule leaves out the kinds that
it names (``exempt = [...]`` in its file), and always ``listed`` and ``listed:<its id>``: whom a
whitelist frees from every rule, or from this one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from claims.contracts import Lang

_PATH = Path(__file__).parent / "definitions" / "exemptions.toml"
EXEMPT_COLUMNS = ("claim_id", "kind")


@dataclass(frozen=True)
class Exemption:
    """One kind of lawful reason and the text that finds its claims.

    Attributes:
        expression: SQL of the kind of a found row ``e``: a constant, unless rows differ in kind.
    """

    kind: str
    en: str
    zh: str
    sql: str
    expression: str

    def label(self, lang: Lang) -> str:
        """Return its name for a person."""
        return self.zh if lang == "zh" else self.en


@cache
def exemptions() -> Mapping[str, Exemption]:
    """Return every kind by name."""
    raw = tomllib.loads(_PATH.read_text(encoding="utf-8"))
    return {
        kind: Exemption(kind, body["en"], body["zh"], body["sql"], body.get("kind", f"'{kind}'"))
        for kind, body in raw.items()
    }


def exempt_sql() -> str:
    """Return the text of ``exempt``: every claim to judge with the reasons that explain it."""
    parts = [
        f"SELECT DISTINCT e.claim_id, {one.expression} AS kind FROM ({one.sql}) e"
        for one in exemptions().values()
    ]
    return " UNION ALL ".join(parts)
