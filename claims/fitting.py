"""How well the content of a file's column suits a contract column.

In: a profile and a contract column. Out: 0 to 1, or None where the content contradicts the type:
dates that are no dates, identifiers that are decimals, codes with too many values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from claims.contracts import Column, Table
from claims.mapping import source_mapping
from claims.names import synonyms
from claims.profiling import Profile

#: Most values that a coded column may have.
CODES = 20


@cache
def known_codes(column: str, kind: str) -> Mapping[str, str]:
    """Return what texts of other systems mean in a coded column (in small letters)."""
    listed = synonyms()["codes"].get("boolean" if kind == "boolean" else column, {})
    return {text: code for code, texts in listed.items() for text in texts}


def code_of(text: str, target: Column) -> str | None:
    """Return the contract's code for a text, an empty text for "unknown", or None."""
    if text in target.values:
        return text
    folded = text.strip().casefold()
    spelt = {code.casefold(): code for code in target.values}
    return spelt.get(folded) or known_codes(target.name, target.type).get(folded)


@cache
def _national() -> Mapping[str, Mapping[str, str]]:
    """Return the code lists of the national interface by contract column."""
    columns = (c for t in source_mapping("nhsa").tables.values() for c in t.columns.values())
    return {c.target.name: c.codes for c in columns if c.codes}


def national_code(text: str, target: Column) -> str | None:
    """Return what a code means in the national interface; elsewhere it may mean another thing."""
    return _national().get(target.name, {}).get(text.strip())


def is_coded(target: Column) -> bool:
    """Whether a column holds one of few permitted values."""
    return bool(target.values) or target.type == "boolean"


def fit(seen: Profile, target: Column, contract: Table) -> float | None:
    """Return how well a column's content suits a contract column; None where it cannot be."""
    if not seen.filled:
        return None if target.required else 0.3
    if target.type in ("date", "timestamp"):
        return _fit_date(seen, target)
    if is_coded(target):
        return _fit_codes(seen, target)
    if target.type == "money":
        return _fit_money(seen)
    if target.type == "integer":
        return _fit_integer(seen, target)
    if target.identity:
        return _fit_identity(seen, target, contract)
    return _fit_text(seen, target)


def able_by_content(unused: Sequence[Profile], target: Column, contract: Table) -> list[Profile]:
    """Return the columns that may be meant where no name says so, the best first.

    An amount may come in whole numbers: they suit it less than decimals, and may be all there is.
    """
    least = 0.6 if target.type == "money" else 0.8
    suits = [(fit(seen, target, contract) or 0.0, seen) for seen in unused]
    able = [(suit, seen) for suit, seen in suits if suit >= least]
    return [seen for _, seen in sorted(able, key=lambda found: -found[0])]


def _fit_date(seen: Profile, target: Column) -> float | None:
    if not seen.is_date or seen.first_day is None or seen.last_day is None:
        return None
    years = (seen.last_day - seen.first_day).days / 365
    if target.name == "birth_date":
        return 1.0 if years > 20 else 0.5
    return 0.9 if years < 20 else 0.4


def _fit_codes(seen: Profile, target: Column) -> float | None:
    if seen.distinct > CODES or seen.is_date or seen.places:
        return None
    known = sum(
        n for text, n in seen.values.items()
        if code_of(text, target) is not None or national_code(text, target)
    )  # fmt: skip
    return 0.4 + 0.6 * known / seen.filled


def _fit_money(seen: Profile) -> float | None:
    if not seen.is_number or seen.digits > 10:
        return None
    return 1.0 if seen.places or seen.remove else 0.6


def _fit_integer(seen: Profile, target: Column) -> float | None:
    thousandths = target.unit == "1/1000"
    if not seen.is_number or seen.digits > 6 or (seen.places and not thousandths) or seen.remove:
        return None
    return 0.8


def _fit_identity(seen: Profile, target: Column, contract: Table) -> float | None:
    if seen.is_date or (seen.is_number and seen.places) or seen.remove:
        return None
    if contract.key == (target.name,):
        return 1.0 if seen.unique >= 0.98 else 0.5 if seen.unique >= 0.8 else None
    if target.name == "reverses_claim_id":
        return 0.7 if seen.filled < 0.2 * seen.rows else 0.2
    # What names every row anew identifies the row and not a person or place that returns.
    returning = seen.unique < 0.98 or seen.rows < 30
    return 0.8 if returning else 0.5


def _fit_text(seen: Profile, target: Column) -> float | None:
    if seen.is_date or (seen.is_number and seen.places):
        return None
    if target.name in ("main_diagnosis", "diagnosis_code"):
        return 1.0 if seen.diagnoses >= 0.9 else 0.3
    return 0.5
