"""The figures of a plan's report, as the page shows them: text and numbers, no unit named.

In: the estimates of a plan. Out: one dictionary for the template.
"""

from __future__ import annotations

import math
from typing import Any

from claims.contracts import Lang
from jihe import console
from jihe.estimate_words import METHODS, class_name, interval_text, method_name
from jihe.estimates import PlanEstimates
from jihe.plan_report_parts import disposition_rows, quantity_facts, rate_facts, seal_facts
from jihe.plan_report_words import say, stratum_name
from sampling.design import Design
from sampling.estimation.plan_totals import PlanTotals, bootstrap_seed
from sampling.estimation.verdict_sample import StratumReturn

Record = dict[str, Any]
_WIDTH = 640


def view(found: PlanEstimates, currency: str, lang: Lang) -> Record:
    """Return everything the page shows."""
    totals, certificate = found.totals, found.plan.certificate
    kind = certificate["frame"]["unit"]
    return {
        "plan_id": found.plan_id, "unit": say(f"unit_{kind}", lang),
        "noun": say(f"noun_{kind}", lang), "units": _count(certificate["frame"]["units"]),
        "design": _design(found, lang), "seal": seal_facts(found.plan, lang),
        "returned": _returned(found, lang), "headline": _headline(totals, currency, lang),
        "chart": _chart(totals, currency, lang), "methods": _methods(totals, currency, lang),
        "formulas": _formulas(totals, currency, lang), "cells": _cells(totals, currency, lang),
        "classes": _classes(totals, currency, lang), "rate": rate_facts(totals.basis.rate),
        "intervals": _intervals(totals, currency, lang), "random": _random(found, currency),
        "notes": [n.text(lang) for n in totals.notes], "greg": totals.primary == "greg",
        "difference_notes": [
            n.text(lang)
            for name, m in totals.methods.items() if name == "difference" for n in m.notes
        ],
        "unsafe": totals.unsafe, "joined": totals.verdicts.joined,
        "missing": totals.verdicts.answered.missing,
        "amount": None if totals.amount is None else console.money(totals.amount, currency),
        "share": None if not totals.amount else f"{totals.total.estimate / totals.amount:.2%}",
    }  # fmt: skip


def _design(found: PlanEstimates, lang: Lang) -> Record:
    design = found.plan.design
    assert isinstance(design, Design)  # noqa: S101 - others have a page of their own
    rows = [
        {
            "name": stratum_name(s.name, lang), "code": s.name, "N": _count(s.units),
            "floor": _count(s.floor), "n": _count(s.draws), "pi": f"{s.draws / s.units:.4f}",
            "take_all": s.take_all or s.draws == s.units,
        }
        for s in design.strata
    ]  # fmt: skip
    return {
        "hashes": [], "rows": rows, "N": _count(design.units), "n": _count(design.capacity),
        "floor": _count(sum(s.floor for s in design.strata)), "strata": len(rows),
        "random_share": f"{float(design.random_share):.0%}",
        "f": f"{float(design.random_share) * design.capacity / design.units:.5f}",
    }  # fmt: skip


def _returned(found: PlanEstimates, lang: Lang) -> Record:
    basis, given = found.totals.basis, found.totals.verdicts.dispositions
    rows = disposition_rows(given, lang)
    waiting = basis.drawn - sum(given.values())
    return {
        "rows": rows, "waiting": _count(waiting) if waiting else "", "drawn": _count(basis.drawn),
        "responded": _count(basis.responded), "confirmed": _count(basis.confirmed),
        "rate": f"{basis.responded / basis.drawn:.1%}",
    }  # fmt: skip


def _headline(totals: PlanTotals, currency: str, lang: Lang) -> Record:
    return {
        "total": console.money(totals.total.estimate, currency),
        "method": method_name(totals.primary, lang),
        "interval": interval_text(totals.stated, currency, lang),
        "low": console.money(totals.stated.low, currency),
        "high": console.money(totals.stated.high, currency),
        "lower": console.money(totals.stated.lower_90, currency),
        "found": _exact(totals.verdicts.found, currency), "kind": totals.stated.kind,
    }  # fmt: skip


def _methods(totals: PlanTotals, currency: str, lang: Lang) -> list[Record]:
    return [
        {"name": method_name(name, lang), "primary": name == totals.primary,
         **quantity_facts(totals.methods[name].quantity, currency)}
        for name in METHODS if name in totals.methods
    ]  # fmt: skip


def _formulas(totals: PlanTotals, currency: str, lang: Lang) -> Record:
    """Return the numbers that are put into the formulas."""
    expansion, score = totals.methods["expansion"], totals.score_totals
    made: Record = {
        "expansion": quantity_facts(expansion.quantity, currency), "score": None, "paid": None,
        "counted": quantity_facts(totals.total.quantity, currency),
        "seed": bootstrap_seed(totals.plan_id).hex(), "plan": totals.plan_id,
    }  # fmt: skip
    if score is not None and "greg" in totals.methods and totals.known is not None:
        greg = totals.methods["greg"]
        made["score"] = {
            "name": say(f"score_{totals.known.score_name}", lang), "X": _real(score[0]),
            "Xhat": _real(score[1]), "gap": _real(score[0] - score[1]),
            "B": f"{totals.slope:.6g}",
            "correction": _signed(greg.estimate - expansion.estimate, currency),
            **quantity_facts(greg.quantity, currency), "inflation": f"{greg.inflation:.4f}",
        }  # fmt: skip
    boots = totals.resampled.get(totals.primary)
    made["replicates"] = _count(boots.replicates) if boots else ""
    return made


def _cells(totals: PlanTotals, currency: str, lang: Lang) -> Record:
    rows = [
        {"name": say("cell_comma", lang).join(stratum_name(s, lang) for s in c.strata.split(" & ")),
         "N": _count(c.units), "n": _count(c.drawn), "r": _count(c.responded),
         "confirmed": _count(c.confirmed), "weight": f"{c.units / c.responded:,.2f}",
         "found": _exact(_found(totals, c.strata), currency),
         "total": console.money(c.total, currency),
         "error": "–" if c.variance == 0 and c.responded < c.units
         else console.money(math.sqrt(c.variance), currency)}
        for c in totals.basis.rows
    ]  # fmt: skip
    basis = totals.basis
    return {
        "rows": rows, "N": _count(basis.units), "n": _count(basis.drawn),
        "r": _count(basis.responded), "confirmed": _count(basis.confirmed),
        "found": _exact(basis.found, currency),
        "total": console.money(basis.total.estimate, currency),
        "error": console.money(basis.total.standard_error, currency),
    }  # fmt: skip


def _found(totals: PlanTotals, cell: str) -> int:
    strata = cell.split(" & ")
    mine: list[StratumReturn] = [s for s in totals.verdicts.strata if s.stratum.name in strata]
    return sum(s.found for s in mine)


def _classes(totals: PlanTotals, currency: str, lang: Lang) -> list[Record]:
    return [
        {"name": class_name(d.name, lang), "N": _count(d.units), "r": _count(d.responded),
         "confirmed": _count(d.confirmed), "few": d.few, **quantity_facts(d.total, currency)}
        for d in totals.domains
    ]  # fmt: skip


def _intervals(totals: PlanTotals, currency: str, lang: Lang) -> Record:
    boots = [
        {"name": method_name(name, lang),
         "low": console.money((b.studentised_95 or (None, None))[0], currency),
         "high": console.money((b.studentised_95 or (None, None))[1], currency),
         "lower": console.money(b.studentised_lower_90, currency),
         "empty": _count(b.empty), "replicates": _count(b.replicates)}
        for name, b in totals.resampled.items()
    ]  # fmt: skip
    return {"boots": boots, "exact": _exact_bounds(totals, currency),
            "extremes": _extremes(totals, currency)}  # fmt: skip


def _exact_bounds(totals: PlanTotals, currency: str) -> Record | None:
    if totals.exact is None:
        return None
    most = totals.exact.most_total
    return {
        "least": _count(totals.exact.least_findings), "most": _count(totals.exact.most_findings),
        "total": None if most is None else console.money(most, currency),
    }  # fmt: skip


def _extremes(totals: PlanTotals, currency: str) -> Record | None:
    if totals.extremes is None:
        return None
    low, high = totals.extremes.interval_95 or (None, None)
    return {
        "lowest": console.money(totals.extremes.lowest.estimate, currency),
        "highest": console.money(totals.extremes.highest.estimate, currency),
        "low": console.money(low, currency), "high": console.money(high, currency),
    }  # fmt: skip


def _random(found: PlanEstimates, currency: str) -> Record | None:
    if found.random is None:
        return None
    return {**quantity_facts(found.random.total, currency), "r": _count(found.random.responded)}


def _chart(totals: PlanTotals, currency: str, lang: Lang) -> Record | None:
    """Return the intervals as lines on one scale; None where there is none to draw."""
    rows = []
    for name in METHODS[:3]:
        if name in totals.methods:
            q = totals.methods[name].quantity
            rows.append((say(f"short_{name}", lang), name == totals.primary, q.estimate,
                         *(q.interval_95_t or (None, None)), q.lower_90))  # fmt: skip
    stated = totals.stated
    if stated.kind == "studentised":
        row = (say("chart_stated", lang), True, totals.total.estimate, stated.low, stated.high,
               stated.lower_90)  # fmt: skip
        rows = [row, *((n, False, *rest) for n, _, *rest in rows)]
    ends = [v for _, _, *values in rows for v in values if v is not None]
    top = max(ends, default=0.0) * 1.02
    if top <= 0 or len(ends) == len(rows):
        return None

    def at(value: float | None) -> str | None:
        return None if value is None else f"{max(value, 0) / top * _WIDTH:.1f}"

    lines = [
        {"name": n, "primary": p, "y": 26 * i + 16, "estimate": at(e), "low": at(lo),
         "high": at(hi) or (str(_WIDTH) if lo is not None else None), "open": hi is None,
         "lower": at(bound)}
        for i, (n, p, e, lo, hi, bound) in enumerate(rows)
    ]  # fmt: skip
    ticks = [{"x": at(value), "text": console.money(value, currency)} for value in _ticks(top)]
    return {"lines": lines, "ticks": ticks, "height": 26 * len(rows) + 30,
            "axis": 26 * len(rows) + 8}  # fmt: skip


def _ticks(top: float) -> list[float]:
    """Return round amounts from zero to the largest on the scale."""
    step = 10 ** math.floor(math.log10(top))
    for factor in (0.2, 0.5, 1.0):
        if top / (step * factor) <= 5:
            return [step * factor * k for k in range(int(top / (step * factor)) + 1)]
    return [0.0, top]


def _count(value: int) -> str:
    return f"{value:,}"


def _real(value: float) -> str:
    return f"{value / 100:,.0f}"


def _signed(minor: float, currency: str) -> str:
    return ("+" if minor >= 0 else "−") + " " + console.money(abs(minor), currency)


def _exact(minor: int, currency: str) -> str:
    """Return an amount that was found, to the last place."""
    return console.money(0, currency).replace("0", f"{minor / 100:,.2f}")
