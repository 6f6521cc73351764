"""A planner's TOML file of quotas and hours, read and checked.

In: TOML with any number of ``[[quota]]`` tables and one ``[hours]`` table (`planning.hours`). Out:
`Quota` records and `Hours`, or every fault of the file at once.

    [[quota]]
    name = "at least 30 % of the pharmacies' units"
    of = "units"                 # units, amount or institutions
    share = "0.3"                # of units or amount; a fraction such as "1/3" may be written
    plans_per_year = 4           # the share is of a year's plans; 1 where it is of this plan
    where = { institution_class = ["pharmacy"] }

    [[quota]]
    name = "each institution at least once in 3 years"
    of = "institutions"
    within_years = 3
    plans_per_year = 4
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, cast

from sampling.faults import Fault, SamplingError, checked
from sampling.planning.hours import Hours, HoursError, parse_hours

Of = Literal["units", "amount", "institutions"]
GROUPS = ("institution_class", "level", "district", "claim_type", "rotation")
_KEYS = ("name", "of", "share", "within_years", "plans_per_year", "where")


class QuotaError(SamplingError):
    """The quotas can't be read, or can't be met."""


@dataclass(frozen=True)
class Quota:
    """One quota; ``share`` counts for units and amounts, ``within_years`` for institutions."""

    name: str
    of: Of
    share: Fraction
    within_years: int
    plans_per_year: int
    where: Mapping[str, frozenset[str]]


def read_plan_file(path: Path) -> tuple[list[Quota], Hours | None]:
    """Read quotas and hours; hours are None where the file has none.

    Raises:
        QuotaError: if it is no TOML, or with every fault of its tables.
    """
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise QuotaError([_no_toml(path.name, str(error))]) from error
    faults = [_unknown_key(key) for key in sorted(set(body) - {"quota", "hours"})]
    tables = body.get("quota", [])
    if not isinstance(tables, list):
        raise QuotaError([*faults, _unknown_key("quota")])
    quotas = [_quota(table, place, faults) for place, table in enumerate(tables, 1)]
    names = [q.name for q in quotas]
    faults += [_twice(name) for name in sorted({n for n in names if names.count(n) > 1})]
    hours = None
    if "hours" in body:
        try:
            hours = parse_hours(body["hours"])
        except HoursError as error:
            faults += error.faults
    checked(faults, QuotaError)
    return quotas, hours


def _quota(table: Mapping[str, Any], place: int, faults: list[Fault]) -> Quota:
    name = str(table.get("name") or f"quota {place}")
    of = table.get("of", "units")
    bad = [_bad(name, key, table[key]) for key in sorted(set(table) - set(_KEYS))]
    if of not in ("units", "amount", "institutions"):
        bad.append(_bad(name, "of", of))
        of = "units"
    share = Fraction(1)
    if of != "institutions" or "share" in table:
        share = _share(name, table.get("share"), bad)
        if of == "institutions":
            bad.append(_bad(name, "share", table["share"]))
    years = _count(name, "within_years", table.get("within_years", 1), bad)
    if (of == "institutions") != ("within_years" in table):
        bad.append(_bad(name, "within_years", table.get("within_years")))
    plans = _count(name, "plans_per_year", table.get("plans_per_year", 1), bad)
    where = _where(name, table.get("where", {}), bad)
    faults += bad
    return Quota(name, cast(Of, of), share, years, plans, where)


def _share(name: str, value: Any, faults: list[Fault]) -> Fraction:
    try:
        share = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        share = Fraction(0)
    if isinstance(value, bool) or not 0 < share <= 1:
        faults.append(_bad(name, "share", value))
        return Fraction(1)
    return share


def _count(name: str, key: str, value: Any, faults: list[Fault]) -> int:
    if type(value) is int and 1 <= value <= 1000:
        return value
    faults.append(_bad(name, key, value))
    return 1


def _where(name: str, table: Any, faults: list[Fault]) -> dict[str, frozenset[str]]:
    where: dict[str, frozenset[str]] = {}
    for key, value in sorted(table.items()) if isinstance(table, Mapping) else [("", table)]:
        values = [value] if isinstance(value, str) else value
        good = isinstance(values, list) and values and all(isinstance(v, str) for v in values)
        if key not in GROUPS or not good:
            faults.append(_bad(name, f"where.{key}", value))
        else:
            where[key] = frozenset(values)
    return where


def empty_group(name: str) -> Fault:
    """Say that no unit of the frame is in a quota's group."""
    return Fault(
        "QUOTA_EMPTY", f"Quota '{name}': no unit of the frame is in its group; check 'where'.",
        f"配额“{name}”：抽样框中没有属于该组的对象，请检查where。",
    )  # fmt: skip


def not_known(name: str, column: str) -> Fault:
    """Say that the units lack what a quota's group is told by."""
    return Fault(
        "QUOTA_COLUMN", f"Quota '{name}': '{column}' is not known of these units.",
        f"配额“{name}”：这些对象没有“{column}”信息。",
    )  # fmt: skip


def conflict(names: list[str], capacity: int, needed: int) -> Fault:
    """Say which quotas don't fit the capacity, and which capacity they would need."""
    many = " together with ".join(f"'{n}'" for n in names)
    zh = "、".join(f"“{n}”" for n in names)
    return Fault(
        "QUOTA_CAPACITY", f"Quota {many} cannot be met with a capacity of {capacity}; these strata "
        f"would need {needed}.", f"容量{capacity}无法满足配额{zh}；按现有分层需要{needed}。",
    )  # fmt: skip


def _bad(name: str, key: str, value: object) -> Fault:
    return Fault(
        "QUOTA_VALUE", f"Quota '{name}': '{key}' is {value!r}. of: units, amount, institutions; "
        "share: above 0, at most 1 (units, amount); within_years: whole years (institutions); "
        f"plans_per_year: from 1; where: text by {', '.join(GROUPS)}.",
        f"配额“{name}”：“{key}”为{value!r}。of可为units、amount、institutions；share大于0且不超过1"
        "（用于units、amount）；within_years为整年数（用于institutions）；plans_per_year不小于1；"
        f"where按{'、'.join(GROUPS)}列出文本。",
    )  # fmt: skip


def _unknown_key(key: str) -> Fault:
    return Fault(
        "QUOTA_KEY", f"'{key}' is not known in this file; it holds [[quota]] and [hours].",
        f"文件中没有“{key}”这一项；可有[[quota]]和[hours]。",
    )  # fmt: skip


def _twice(name: str) -> Fault:
    return Fault(
        "QUOTA_NAME", f"Two quotas are named '{name}'; give each a name of its own.",
        f"有两个配额都名为“{name}”，请分别命名。",
    )  # fmt: skip


def _no_toml(file: str, why: str) -> Fault:
    return Fault("QUOTA_TOML", f"{file} is no TOML: {why}.", f"{file}不是有效的TOML：{why}。")
