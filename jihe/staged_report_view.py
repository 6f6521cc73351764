"""The figures of the report of a plan by size or in two stages: text and numbers, no unit named.

In: the estimates of such a plan. Out: one dictionary for its template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claims.contracts import Lang
from jihe import console
from jihe.plan_report_parts import disposition_rows, quantity_facts, rate_facts, seal_facts
from jihe.plan_report_words import say
from jihe.staged_estimates import StagedEstimates
from sampling.chances import first_chance
from sampling.drawing.designs import design_record, listed_unit
from sampling.estimation.intervals import Quantity

Record = dict[str, Any]


def staged_view(found: StagedEstimates, currency: str, lang: Lang) -> Record:
    """Return everything the page shows."""
    totals, kind = found.totals, listed_unit(found.plan.design)
    q = totals.total.quantity
    return {
        "plan_id": found.plan_id, "unit": say(f"unit_{kind}", lang),
        "noun": say(f"noun_{kind}", lang), "units": f"{totals.units:,}",
        "design": _design(found), "seal": seal_facts(found.plan, lang),
        "returned": _returned(found, lang), "total": _quantity(q, currency),
        "found": console.money(totals.returned.found, currency), "rate": rate_facts(totals.rate),
        "random": _quantity(totals.random.quantity, currency) if totals.random else None,
        "unsafe": totals.unsafe, "notes": [n.text(lang) for n in totals.notes],
        "amount": None if found.amount is None else console.money(found.amount, currency),
        "share": None if not found.amount else f"{q.estimate / found.amount:.2%}",
    }  # fmt: skip


def _design(found: StagedEstimates) -> Record:
    totals, design = found.totals, found.plan.design
    claims = found.plan.draws["psu_draws"].to_pylist()
    return {
        "kind": totals.kind, "by_size": totals.by_size,
        "institutions": f"{totals.institutions:,}",
        "drawn": f"{totals.returned.institutions_drawn:,}",
        "listed": f"{totals.returned.drawn:,}",
        "certain": _certain(found), "hashes": _hashes(design_record(design)),
        "files": ", ".join(name for name, _ in _hashes(design_record(design))),
        "least": min((c for c in claims if c is not None), default=0),
        "most": max((c for c in claims if c is not None), default=0),
    }  # fmt: skip


def _certain(found: StagedEstimates) -> str:
    """Return how many of the drawn institutions were certain."""
    rows = found.plan.draws.to_pylist()
    return f"{len({r['psu_id'] or r['unit_id'] for r in rows if first_chance(r) == 1}):,}"


def _hashes(design: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return file and SHA-256 of what the design rests on beside the frame."""
    first, second = design.get("first", design), design.get("second")
    found = [("weights.tsv", first["weights"]["sha256"])] if "weights" in first else []
    if second:
        found += [("claims.tsv", second["sha256"]), ("takes.tsv", second["takes"]["sha256"])]
    return found


def _returned(found: StagedEstimates, lang: Lang) -> Record:
    came, given = found.totals.returned, found.totals.dispositions
    waiting = came.drawn - sum(given.values())
    return {
        "rows": disposition_rows(given, lang), "waiting": f"{waiting:,}" if waiting else "",
        "drawn": f"{came.drawn:,}", "responded": f"{came.responded:,}",
        "confirmed": f"{came.confirmed:,}", "rate": f"{came.responded / came.drawn:.1%}",
        "answered": f"{came.institutions_answered:,}", "missing": came.drawn - came.responded,
    }  # fmt: skip


def _quantity(q: Quantity, currency: str) -> Record:
    facts = quantity_facts(q, currency)
    kind = "exact" if q.standard_error == 0 else "student" if facts["stated"] else "none"
    return {**facts, "kind": kind}
