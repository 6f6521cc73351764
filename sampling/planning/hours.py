"""Hours that a plan costs: work per unit and the way to it.

In: a table ``[hours]`` of a planner's TOML file. Out: `Hours`, which gives each unit its hours.

    [hours]
    per_unit = 3               # of every unit without a class of its own below
    cases_per_visit = 4        # units that share one trip
    per_institution = 5        # of every institution drawn, however many of its claims are listed
    [hours.by_class]
    pharmacy = 1.5
    [hours.travel]             # hours of a trip, by district
    "990103" = 2

The cost function is linear, C = sum c_h n_h (Cochran, Sampling Techniques, 3rd ed., 1977, section
5.5): a unit bears its part of the trip, travel / cases_per_visit. Numbers are read as the exact
decimals that the file shows. Hours per institution are the cost of a first stage (ibid., section
10.6); only plans that draw institutions have one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from sampling.faults import Fault, SamplingError, checked

_KEYS = ("per_unit", "cases_per_visit", "per_institution", "by_class", "travel")


class HoursError(SamplingError):
    """The hours of a planner's file can't be used."""


@dataclass(frozen=True)
class Hours:
    """Hours per unit, overall and by class; of a trip by district; per institution drawn."""

    per_unit: Fraction = Fraction(1)
    cases_per_visit: Fraction = Fraction(1)
    by_class: Mapping[str, Fraction] = field(default_factory=dict)
    travel: Mapping[str, Fraction] = field(default_factory=dict)
    per_institution: Fraction = Fraction(0)

    def of_units(self, classes: Sequence[str], districts: Sequence[str]) -> list[Fraction]:
        """Return the hours of each unit, its part of the trip included."""
        kinds = {
            pair: self.by_class.get(pair[0], self.per_unit)
            + self.travel.get(pair[1], Fraction(0)) / self.cases_per_visit
            for pair in sorted(set(zip(classes, districts, strict=True)))
        }
        return [kinds[pair] for pair in zip(classes, districts, strict=True)]


def parse_hours(table: Mapping[str, Any]) -> Hours:
    """Return the hours of a ``[hours]`` table.

    Raises:
        HoursError: naming every key that is unknown and every number that is not above 0 (a trip
            or an institution may take 0 hours).
    """
    faults = [_unknown(key) for key in sorted(set(table) - set(_KEYS))]
    per_unit = _number("hours.per_unit", table.get("per_unit", 1), faults)
    visit = _number("hours.cases_per_visit", table.get("cases_per_visit", 1), faults)
    institution = _number(
        "hours.per_institution", table.get("per_institution", 0), faults, zero=True
    )
    by_class = _numbers("hours.by_class", table.get("by_class", {}), faults)
    travel = _numbers("hours.travel", table.get("travel", {}), faults, zero=True)
    checked(faults, HoursError)
    return Hours(per_unit, visit, by_class, travel, institution)


def parse_budget(text: str) -> Fraction:
    """Return the hours that there are; raises HoursError if the text is no such number."""
    faults: list[Fault] = []
    hours = _number("hours", text, faults)
    checked(faults, HoursError)
    return hours


def _numbers(
    name: str, table: Any, faults: list[Fault], *, zero: bool = False
) -> dict[str, Fraction]:
    if not isinstance(table, Mapping):
        faults.append(_bad(name, table))
        return {}
    return {key: _number(f"{name}.{key}", table[key], faults, zero=zero) for key in sorted(table)}


def _number(name: str, value: Any, faults: list[Fault], *, zero: bool = False) -> Fraction:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    good = number.is_finite() and (number > 0 or (zero and number == 0))
    if isinstance(value, bool) or not good:
        faults.append(_bad(name, value))
        return Fraction(1)
    return Fraction(number)


def _bad(name: str, value: object) -> Fault:
    return Fault(
        "HOURS_NUMBER", f"'{name}' is {value!r}; give a number of hours above 0 (a trip or an "
        "institution may take 0).",
        f"“{name}”为{value!r}；应为大于0的小时数（路程和每家机构可为0）。",
    )  # fmt: skip


def _unknown(key: str) -> Fault:
    return Fault(
        "HOURS_KEY", f"'hours.{key}' is not known; choose of {', '.join(_KEYS)}.",
        f"没有“hours.{key}”这一项；可用{'、'.join(_KEYS)}。",
    )  # fmt: skip
