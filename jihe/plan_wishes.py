"""What a planner asks of a design, checked before anything is computed.

In: the options of ``jihe plan design`` as text, and the units of a home. Out: `Wishes`, or every
fault of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar, cast

from jihe.plan_units import Plannable
from jihe.planning import usual_capacity
from sampling.design import parse_capacity, parse_share
from sampling.faults import Fault, SamplingError, checked
from sampling.planning.allocation import RULES, Rule
from sampling.planning.hours import Hours
from sampling.planning.plan_design import Band, DesignOptions
from sampling.planning.predicted import Predicted
from sampling.planning.quota_file import Quota

#: The random share at which a size is sought where none is given: that of a run.
USUAL_SHARE = Decimal("0.3")
_BANDS = ("risk", "amount")
_AMOUNT = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<percent>%?)")


T = TypeVar("T")


class WishError(SamplingError):
    """What was asked of the design can't be had."""


@dataclass(frozen=True)
class Asked:
    """The options as they were written; None where one was left out."""

    capacity: str | None = None
    random_share: str | None = None
    allocation: str = "bands"
    precision: str | None = None
    dimensions: tuple[str, ...] = ()
    band: str = "risk"
    quotas: tuple[Quota, ...] = ()
    hours: Hours | None = None
    probe: str | None = None


@dataclass(frozen=True)
class Wishes:
    """What is wanted: ``half_width`` in minor units; no share means the recommended one."""

    options: DesignOptions
    share: Decimal | None
    half_width: float | None
    quotas: tuple[Quota, ...]
    unit_hours: list[Fraction] | None
    capacity_given: bool


def parse_wishes(asked: Asked, found: Plannable) -> Wishes:
    """Return what is wanted of these units.

    Raises:
        WishError: with every fault of the options.
    """
    faults: list[Fault] = []
    count = len(found.units)
    text = asked.capacity if asked.capacity is not None else usual_capacity(count)
    capacity = _kept(faults, lambda: parse_capacity(text, count)) or 1
    given = asked.random_share
    share = None
    if given is not None:
        share = _kept(faults, lambda: parse_share(given, "random_share", zero=False))
    width = None
    if asked.precision is not None:
        width = half_width_of(asked.precision, found.units.model, faults)
    faults += _choice_faults(asked, found)
    checked(faults, WishError)
    unit_hours = None
    if asked.hours is not None:
        facts = found.units.facts
        unit_hours = asked.hours.of_units(
            facts["institution_class"].to_pylist(), facts["district"].to_pylist()
        )
        # Checked above: only institutions have hours of their own here.
        unit_hours = [each + asked.hours.per_institution for each in unit_hours]
    options = DesignOptions(
        capacity, share or USUAL_SHARE, allocation=cast(Rule, asked.allocation),
        dimensions=asked.dimensions, band=cast(Band, asked.band),
    )  # fmt: skip
    return Wishes(options, share, width, asked.quotas, unit_hours, asked.capacity is not None)


def _kept(faults: list[Fault], parse: Callable[[], T]) -> T | None:
    try:
        return parse()
    except SamplingError as error:
        faults += error.faults
        return None


def half_width_of(text: str, model: Predicted | None, faults: list[Fault]) -> float | None:
    """Return the wanted half-width in minor units, from an amount or a share of the prediction.

    What can't be had is added to ``faults``.
    """
    match = _AMOUNT.fullmatch(text.strip().replace(",", ""))
    number = Decimal(match["number"]) if match else Decimal(0)
    if match is None or number <= 0:
        faults.append(_bad_precision(text))
        return None
    if model is None:
        faults.append(_no_prediction())
        return None
    return float(number) / 100 * model.total if match["percent"] else float(number * 100)


def _choice_faults(asked: Asked, found: Plannable) -> list[Fault]:
    faults = []
    if asked.allocation not in RULES:
        faults.append(_unknown("--allocation", asked.allocation, RULES))
    if asked.band not in _BANDS:
        faults.append(_unknown("--band", asked.band, _BANDS))
    if asked.probe is not None and asked.precision is None:
        faults.append(_probe_of_nothing())
    if asked.allocation == "cost" and asked.hours is None:
        faults.append(_no_hours())
    visits = asked.hours.per_institution if asked.hours else 0
    if visits and found.units.unit != "institution":
        faults.append(_no_visits())
    if found.units.unit == "insured":
        faults += [_no_institutions(q.name) for q in asked.quotas if q.of == "institutions"]
    return faults


def _unknown(option: str, value: str, known: tuple[str, ...]) -> Fault:
    return Fault(
        "WISH_CHOICE", f"{option} is {value!r}; choose one of {', '.join(known)}.",
        f"{option} 为{value!r}；请选用{'、'.join(known)}之一。",
    )  # fmt: skip


def _bad_precision(text: str) -> Fault:
    return Fault(
        "WISH_PRECISION", f"--precision is {text!r}; write the wanted half-width of the 95 % "
        "interval as an amount above 0 such as 500000, or as a share of the predicted total such "
        "as 20%.",
        f"--precision 为{text!r}；应为95%区间的半宽：大于0的金额（如500000），"
        "或占预计总额的百分比（如20%）。",
    )  # fmt: skip


def _no_prediction() -> Fault:
    return Fault(
        "WISH_NO_PREDICTION", "--precision needs a trained model: before any verdict nobody knows "
        "how overpayments vary. Inspect a first list, import its verdicts and run 'jihe train'.",
        "--precision 需要已训练的模型：在有检查结论之前，无从知道多付金额的离散程度。"
        "请先检查一份名单，导入结论并运行 jihe train。",
    )  # fmt: skip


def _probe_of_nothing() -> Fault:
    return Fault(
        "WISH_PROBE", "--probe tells how many cases a precision takes; name the --precision too.",
        "--probe 用于由目标精度推算样本量；请同时给出 --precision。",
    )  # fmt: skip


def _no_hours() -> Fault:
    return Fault(
        "WISH_HOURS", "--allocation cost needs hours: write a table [hours] into the file of "
        "--quotas.", "--allocation cost 需要工时：请在 --quotas 的文件中写入[hours]表。",
    )  # fmt: skip


def _no_visits() -> Fault:
    return Fault(
        "WISH_PER_INSTITUTION", "'hours.per_institution' counts institutions that are drawn; this "
        "plan draws none. Leave it out, or use --claims-each or --unit institution.",
        "“hours.per_institution”按抽中的机构计时，而本计划不抽取机构；请省略该项，"
        "或使用 --claims-each 或 --unit institution。",
    )  # fmt: skip


def _no_institutions(name: str) -> Fault:
    return Fault(
        "WISH_INSTITUTIONS", f"Quota '{name}' is of institutions, which insured persons do not "
        "belong to; use --unit claim or institution.",
        f"配额“{name}”针对机构，而参保人不属于机构；请用 --unit claim 或 institution。",
    )  # fmt: skip
