"""Verdicts that inspectors return: read, check all of them, then write all or none.

In: the planner's or the inspectors' list with the verdict columns filled in. Out: outcomes for the
ledger, or every fault of every row at once. Rows whose verdict columns are all empty are cases not
yet inspected; they are counted and skipped.

A verdict belongs to the case its row names. Where the row also carries the unit, both must agree:
whoever sorts one column of a spreadsheet without the others gives every verdict to another's case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from claims.pseudonyms import is_pseudonym, pseudonym
from sampling import verdict_faults as say
from sampling.faults import Fault, SamplingError, checked
from sampling.ledger import LOCAL_ZONE, Ledger, Plan
from sampling.lists import VERDICT_COLUMNS
from sampling.outcome_rows import DISPOSITIONS, Appended, Outcome
from sampling.sheets import FORMULA, UNIT_ID, SheetRow, Value, disposition_code, read_sheet

_AMOUNT = re.compile(r"([0-9]{1,13}|[0-9]{1,3}(,[0-9]{3}){1,4})(\.[0-9]{1,2})?")
_DATE = re.compile(r"([0-9]{4})[-/年.]([0-9]{1,2})[-/月.]([0-9]{1,2})日?")
_BETWEEN = re.compile(r"[;；,，、\n]")
_LONGEST_REASON = 4_000


class VerdictError(SamplingError):
    """A returned list has faults; nothing of it was written."""


@dataclass(frozen=True)
class Verdicts:
    """A checked list: outcomes to append, faults that stop it, warnings, cases not yet seen."""

    outcomes: tuple[Outcome, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    not_inspected: int


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    appended: Appended
    not_inspected: int
    warnings: tuple[Fault, ...]


@dataclass(frozen=True)
class _Drawn:
    unit: str
    unit_id: str
    tag: str
    size_minor: int


def read_verdicts(path: Path) -> list[SheetRow]:
    """Return the rows of a returned list, CSV or XLSX; raises SheetError if it is unusable."""
    return read_sheet(path)


def import_verdicts(
    ledger: Ledger, path: Path, plan_id: str, *, actor: str, now: datetime,
    key: bytes | None = None,
) -> Imported:  # fmt: skip
    """Read, check and append the verdicts in ``path``; one faulty row stops everything.

    Args:
        ledger: where the plan is and the outcomes go.
        path: the returned list.
        plan_id: the plan whose list it is.
        actor: code of who imports.
        now: an aware time; the verdicts count as known from then.
        key: the installation's pseudonym key, for lists that carry originals.

    Raises:
        SheetError: if the file cannot be read.
        VerdictError: with every fault of every row.
        LedgerError: if there is no such plan, or a verdict is not later than the one it replaces.
    """
    verdicts = check_verdicts(read_verdicts(path), ledger.plan(plan_id), now, key)
    checked(verdicts.faults, VerdictError)
    appended = ledger.append_outcomes(verdicts.outcomes, actor=actor, known_at=now)
    return Imported(appended, verdicts.not_inspected, verdicts.warnings)


def check_verdicts(
    rows: Sequence[SheetRow], plan: Plan, now: datetime, key: bytes | None = None
) -> Verdicts:
    """Check every row against the plan; faults and warnings name row and column."""
    names = ("unit", "unit_id", "tag", "size_minor")
    units = plan.draws.select(list(names)).to_pylist()
    drawn = {case: _Drawn(**u) for case, u in zip(plan.cases, units, strict=True)}
    filled = [r for r in rows if any(r.values[c.name] is not None for c in VERDICT_COLUMNS)]
    today = now.astimezone(LOCAL_ZONE).date()
    faults = _repeated(rows) + _strangers(rows, drawn) + _moved(rows, drawn, key)
    warnings, outcomes = list[Fault](), []
    for row in filled:
        reading = _Reading(row, faults)
        outcome = reading.outcome(plan.plan_id, drawn, plan.drawn_on, today)
        if outcome is not None:
            outcomes.append(outcome)
            size = drawn[outcome.case].size_minor
            if (outcome.overpaid_amount or 0) > size:
                warnings.append(say.above_size(row.number, outcome.overpaid_amount or 0, size))
    return Verdicts(tuple(outcomes), tuple(faults), tuple(warnings), len(rows) - len(filled))


class _Reading:
    """Reads one row and puts what is wrong with it on the common list of faults."""

    def __init__(self, row: SheetRow, faults: list[Fault]) -> None:
        self.row = row
        self.faults = faults

    def outcome(
        self, plan_id: str, drawn: Mapping[str, _Drawn], first: date, today: date
    ) -> Outcome | None:
        before = len(self.faults)
        for name, value in self.row.values.items():
            if value is FORMULA:
                self._fault(say.formula(), name)
        case = self._case()
        disposition = self._disposition()
        amount = self._amount(disposition)
        reason = self._reason(disposition)
        day = self._day(first, today)
        inspectors = self._inspectors()
        if len(self.faults) > before or disposition is None or day is None or case not in drawn:
            return None
        unit = drawn[case]
        return Outcome(
            case, unit.unit, unit.unit_id, plan_id, unit.tag, disposition, amount, reason, day,
            inspectors,
        )  # fmt: skip

    def _fault(self, fault: Fault, column: str) -> None:
        self.faults.append(Fault(fault.code, fault.en, fault.zh, self.row.number, column))

    def _value(self, name: str) -> Value:
        value = self.row.values[name]
        return None if value is FORMULA else value

    def _case(self) -> str:
        case = str(self._value("case") or "")
        if not case:
            self._fault(say.unknown_case(case), "case")
        return case

    def _disposition(self) -> str | None:
        text = str(self._value("disposition") or "")
        code = disposition_code(text)
        if code is None:
            self._fault(say.disposition(text), "disposition")
        return code

    def _amount(self, disposition: str | None) -> int | None:
        value = self._value("overpaid_amount")
        confirmed = _label(disposition) == 1
        if value is None:
            if confirmed:
                self._fault(say.amount_missing(), "overpaid_amount")
            return None
        minor = _minor(value)
        if minor is None:
            self._fault(say.amount(str(value)), "overpaid_amount")
        elif minor > 0 and disposition is not None and not _may_have_amount(disposition):
            self._fault(say.amount_denied(), "overpaid_amount")
        return minor

    def _reason(self, disposition: str | None) -> str | None:
        value = self._value("reason")
        if value is None:
            if _label(disposition) == 1:
                self._fault(say.reason_missing(), "reason")
            return None
        text = str(value)
        if len(text) > _LONGEST_REASON:
            self._fault(say.reason_long(len(text), _LONGEST_REASON), "reason")
        return text

    def _day(self, first: date, today: date) -> date | None:
        value = self._value("inspected_on")
        day = _date(value)
        if day is None:
            self._fault(say.day(str(value or "")), "inspected_on")
        elif not first <= day <= today:
            self._fault(say.day_range(day, first, today), "inspected_on")
        return day

    def _inspectors(self) -> str:
        text = str(self._value("inspectors") or "")
        names = list(dict.fromkeys(n.strip() for n in _BETWEEN.split(text) if n.strip()))
        if len(names) < 2:
            self._fault(say.inspectors(len(names)), "inspectors")
        return ";".join(names)


def _repeated(rows: Sequence[SheetRow]) -> list[Fault]:
    counts = Counter(str(r.values["case"]) for r in rows if r.values["case"] is not None)
    seen: set[str] = set()
    faults = []
    for row in rows:
        case = str(row.values["case"])
        if counts[case] > 1 and case in seen:
            faults.append(say.repeated(row.number, case))
        seen.add(case)
    return faults


def _strangers(rows: Sequence[SheetRow], drawn: Mapping[str, _Drawn]) -> list[Fault]:
    """Return the rows of unknown cases, also those without a verdict: the list is another's."""
    faults = []
    for row in rows:
        case = row.values["case"]
        if case is not None and case is not FORMULA and str(case) not in drawn:
            fault = say.unknown_case(str(case))
            faults.append(Fault(fault.code, fault.en, fault.zh, row.number, "case"))
    return faults


def _moved(rows: Sequence[SheetRow], drawn: Mapping[str, _Drawn], key: bytes | None) -> list[Fault]:
    """Return the rows whose unit is not that of their case, also those without a verdict.

    A pseudonym must be the unit's own. An original (lists written with ``--identified``) is
    refused where it is certainly another drawn unit: without its key nothing more can be said.
    """
    every = {unit.unit_id for unit in drawn.values()}
    faults = []
    for row in rows:
        unit, given = drawn.get(str(row.values["case"])), row.values.get(UNIT_ID.name)
        if unit is None or given is None or given is FORMULA or str(given) == unit.unit_id:
            continue
        text = str(given)
        meant = text if key is None else pseudonym(unit.unit, text, key)
        if is_pseudonym(text) or (meant != unit.unit_id and meant in every):
            faults.append(say.other_unit(row.number))
    return faults


def _label(disposition: str | None) -> int | None:
    return None if disposition is None else DISPOSITIONS[disposition].label


def _may_have_amount(disposition: str) -> bool:
    return _label(disposition) == 1 or disposition == "disputed"


def _minor(value: Value) -> int | None:
    """Return an amount in minor units, or None if it is no decimal from 0 with two places."""
    if isinstance(value, bool):
        return None
    text = str(value)
    if isinstance(value, float) and value.is_integer():
        text = text.removesuffix(".0")
    if _AMOUNT.fullmatch(text) is None:
        return None
    return int(Decimal(text.replace(",", "")).scaleb(2))


def _date(value: Value) -> date | None:
    if isinstance(value, datetime):
        return None
    if isinstance(value, date):
        return value
    match = _DATE.fullmatch(str(value or ""))
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
