"""Parameters of rules by region and period: versioned TOML files over the defaults of the rules.

In: files such as

    version = "2026-11 city"
    region = "3301"              # districts that begin so; "" for all
    valid_from = 2026-07-01      # first service day (claims) or as-of day (profiles)
    valid_to = 2027-01-01        # first day on which it no longer holds; leave out while it does
    [EXCESS_DAYS_SUPPLY]
    allowance_days = { value = 30, source = "city notice of 2026-10-12" }

Out: a ``ParameterBook``, which turns every rule into the runs that cover its claims: each claim is
judged once, by the latest file that holds for its day and district, else by the defaults.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from features.clock import day_number, day_of
from features.rules import Rule, rules, rules_version

_KEYS = {"version", "region", "valid_from", "valid_to"}
_REGION = re.compile(r"[0-9A-Za-z-]*")
#: The numbers of SQLite, DuckDB and Spark alike, with room for a product of two.
_LARGEST = 2**31


class ParameterError(ValueError):
    """A parameter file cannot be used; the message names every fault."""


@dataclass(frozen=True)
class ParameterSet:
    """One file: other values of some rules' parameters, for a region and a period.

    Attributes:
        version: the name by which people know it.
        region: districts that begin so; empty for all.
        first_day, end_day: day numbers, half-open; None where the period is open.
        values: rule id -> parameter -> integer.
        sources: rule id -> parameter -> where the value comes from.
    """

    version: str
    region: str
    first_day: int | None
    end_day: int | None
    values: Mapping[str, Mapping[str, int]]
    sources: Mapping[str, Mapping[str, str]]

    def condition(self, day: str, district: str) -> str:
        """Return the SQL that tells whether it holds for a day number and a district."""
        parts = ["1 = 1"]
        if self.first_day is not None:
            parts.append(f"{day} >= {self.first_day}")
        if self.end_day is not None:
            parts.append(f"{day} < {self.end_day}")
        if self.region:
            parts.append(f"SUBSTR({district}, 1, {len(self.region)}) = '{self.region}'")
        return "(" + " AND ".join(parts) + ")"

    def period(self) -> tuple[date | None, date | None]:
        """Return the period as dates."""
        first, end = self.first_day, self.end_day
        return (
            None if first is None else day_of(first),
            None if end is None else day_of(end),
        )


@dataclass(frozen=True)
class RuleRun:
    """One way a rule is run: texts for the claims (or profiles) it covers, and the values bound."""

    version: str
    text: str
    evidence: str
    values: Mapping[str, int]

    def used(self, text: str) -> dict[str, int]:
        """Return the values that a text names; an engine refuses those it does not know."""
        return {n: v for n, v in self.values.items() if re.search(rf"\${n}\b", text)}


@dataclass(frozen=True)
class ParameterBook:
    """The files in force, the one that was activated last at the end: it goes before the others."""

    sets: tuple[ParameterSet, ...] = ()

    @property
    def version(self) -> str:
        """Digest of the rules and of every value in force: 16 hex digits of SHA-256."""
        if not self.sets:
            return rules_version()
        body = [rules_version(), [asdict(one) for one in self.sets]]
        text = json.dumps(body, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def runs(self, rule: Rule) -> tuple[RuleRun, ...]:
        """Return the runs of a rule; together they judge every claim exactly once."""
        own = [one for one in self.sets if rule.id in one.values]
        if not own:
            return (RuleRun("", rule.text, rule.evidence, dict(rule.parameters)),)
        found = []
        for place, one in enumerate([None, *own]):
            holds = [one.condition(*_day_and_district(rule))] if one else []
            holds += [f"NOT {later.condition(*_day_and_district(rule))}" for later in own[place:]]
            values = {**rule.parameters, **(one.values[rule.id] if one else {})}
            found.append(RuleRun(
                one.version if one else "", _where(rule, rule.text, holds),
                _where(rule, rule.evidence, holds) if rule.evidence else "", values,
            ))  # fmt: skip
        return tuple(found)

    def to_json(self) -> str:
        """Return the book as text, for a published bundle."""
        return json.dumps([asdict(one) for one in self.sets], sort_keys=True, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> ParameterBook:
        """Return the book of a text that ``to_json`` wrote."""
        return ParameterBook(tuple(ParameterSet(**body) for body in json.loads(text)))


def _day_and_district(rule: Rule) -> tuple[str, str]:
    day = "t.service_day" if rule.grain == "claim" else "r.as_of_day"
    return day, "COALESCE(t.district, 'unknown')"


def _where(rule: Rule, text: str, holds: Sequence[str]) -> str:
    """Return the text held to the claims, or the institutions and days, for which all is true."""
    if rule.grain == "claim":
        register = "JOIN target t ON t.claim_id = r.claim_id"
    else:
        register = "LEFT JOIN institution_rows t ON t.institution_id = r.unit_id"
    return f"SELECT r.* FROM ({text}) r {register} WHERE {' AND '.join(holds)}"


def read_parameters(path: Path) -> ParameterSet:
    """Return the set of a file.

    Raises:
        ParameterError: with every fault of the file at once.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path.name} is no TOML in UTF-8: {error}") from None
    faults = _faults(raw)
    if faults:
        raise ParameterError(f"{path.name} cannot be used: " + " ".join(faults))
    bodies = {name: body for name, body in raw.items() if name not in _KEYS}
    return ParameterSet(
        version=raw["version"],
        region=raw.get("region", ""),
        first_day=_day(raw.get("valid_from")),
        end_day=_day(raw.get("valid_to")),
        values={r: {n: one["value"] for n, one in body.items()} for r, body in bodies.items()},
        sources={r: {n: one["source"] for n, one in body.items()} for r, body in bodies.items()},
    )


def read_book(folder: Path) -> ParameterBook:
    """Return the files of a folder in the order of their names, which is that of activation."""
    return ParameterBook(tuple(read_parameters(path) for path in sorted(folder.glob("*.toml"))))


def _day(value: date | None) -> int | None:
    return None if value is None else day_number(value)


def _faults(raw: Mapping[str, Any]) -> list[str]:
    faults = []
    if not isinstance(raw.get("version"), str) or not raw["version"].strip():
        faults.append("'version' must name it.")
    region = raw.get("region", "")
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        faults.append("'region' must be the letters and digits that districts begin with.")
    days = [raw.get(name) for name in ("valid_from", "valid_to")]
    if any(type(day) not in (date, type(None)) for day in days):
        faults.append("'valid_from' and 'valid_to' must be dates such as 2026-07-01.")
    elif None not in days and days[0] >= days[1]:  # type: ignore[operator]
        faults.append("'valid_from' must lie before 'valid_to'.")
    known = {rule.id: rule for rule in rules()}
    bodies = {name: body for name, body in raw.items() if name not in _KEYS}
    if not bodies:
        faults.append("It changes no rule.")
    for rule_id, body in bodies.items():
        if rule_id not in known or not isinstance(body, dict):
            faults.append(f"There is no rule '{rule_id}' (jihe rules list names all).")
            continue
        faults += _rule_faults(known[rule_id], body, region)
    return faults


def _rule_faults(rule: Rule, body: Mapping[str, Any], region: Any) -> list[str]:
    faults = []
    if region and rule.grain == "profile" and rule.entity not in ("institution", "pharmacy"):
        faults.append(f"{rule.id} judges no institution and cannot differ by region.")
    for name, one in body.items():
        if name not in rule.parameters:
            own = ", ".join(rule.parameters) or "none"
            faults.append(f"{rule.id} has no parameter '{name}'; it has: {own}.")
        elif not isinstance(one, dict) or set(one) != {"value", "source"}:
            faults.append(f'{rule.id}.{name} must be {{ value = …, source = "…" }}.')
        elif type(one["value"]) is not int or not -_LARGEST < one["value"] < _LARGEST:
            faults.append(f"{rule.id}.{name}: the value must be a whole number below 2^31.")
        elif not isinstance(one["source"], str) or not one["source"].strip():
            faults.append(f"{rule.id}.{name}: 'source' must say where the value comes from.")
    return faults
