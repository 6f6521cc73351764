"""The figures of the report of a plan by size or in two stages: text and numbers, no unit named.

In: the estimates of such a plan. Out: one dictionary for its template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claims.contracts import Lang
from jihe import console
from jihe.estimate_words import class_name
from jihe.plan_report_parts import disposition_rows, quantity_facts, rate_facts, seal_facts
from jihe.plan_report_words import say, stratum_name
from jihe.staged_estimates import StagedEstimates
from sampling.chances import first_chance
from sampling.drawing.designs import design_record, listed_unit
from sampling.estimation.plan_totals import Stated, bootstrap_seed
from sampling.estimation.staged_domains import StagedDomain
from sampling.estimation.staged_totals import StagedTotals

Record = dict[str, Any]


def staged_view(found: StagedEstimates, currency: str, lang: Lang) -> Record:
    """Return everything the page shows."""
    totals, kind = found.totals, listed_unit(found.plan.design)
    q = totals.total.quantity
    return {
        "plan_id": found.plan_id, "unit": say(f"unit_{kind}", lang),
        "noun": say(f"noun_{kind}", lang), "units": f"{totals.units:,}",
        "design": _design(found), "seal": seal_facts(found.plan, lang),
        "returned": _returned(found, lang), "total": quantity_facts(q, currency),
        "stated": _stated(totals.stated, currency), "boot": _boot(found, currency),
        "domains": _domains(found, currency, lang),
        "found": console.money(totals.returned.found, currency), "rate": rate_facts(totals.rate),
        "random": _random(totals, currency),
        "notes": [n.text(lang) for n in totals.notes],
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


def _stated(stated: Stated, currency: str) -> Record:
    """Return the interval that counts, and which sentence says where it comes from."""
    own = stated.kind == "studentised"
    return {
        "kind": stated.kind, "told": f"staged_kind_{stated.kind}" if own else f"kind_{stated.kind}",
        "low": console.money(stated.low, currency), "high": console.money(stated.high, currency),
        "lower": console.money(stated.lower_90, currency),
    }  # fmt: skip


def _random(totals: StagedTotals, currency: str) -> Record | None:
    """Return what the random part alone says, with the interval that counts for it."""
    if totals.random is None or totals.random_stated is None:
        return None
    return {
        **quantity_facts(totals.random.quantity, currency),
        **_stated(totals.random_stated, currency),
    }


def _boot(found: StagedEstimates, currency: str) -> Record | None:
    """Return what the interval rests on where it comes from resamples that differ."""
    boot = found.totals.bootstrap
    if boot is None or found.totals.stated.kind != "studentised":
        return None
    return {
        "replicates": f"{boot.replicates:,}", "seed": bootstrap_seed(found.plan_id).hex(),
        "error": console.money(boot.standard_error, currency),
    }  # fmt: skip


def _domains(found: StagedEstimates, currency: str, lang: Lang) -> Record:
    totals = found.totals
    return {
        "classes": [_domain(d, class_name(d.name, lang), currency) for d in totals.classes],
        "strata": [_domain(d, stratum_name(d.name, lang), currency) for d in totals.strata],
        "boot": any(d.unsafe for d in (*totals.classes, *totals.strata)),
    }  # fmt: skip


def _domain(row: StagedDomain, name: str, currency: str) -> Record:
    return {
        "name": name, "N": f"{row.institutions:,}", "a": f"{row.institutions_answered:,}",
        "r": f"{row.responded:,}", "confirmed": f"{row.confirmed:,}", "boot": row.unsafe,
        **_stated(row.stated, currency), "total": console.money(row.total.estimate, currency),
    }  # fmt: skip
