"""Inspections from before, or from outside, this program as outcomes that labels are made of.

In: the tables ``inspection_history`` and ``appeals``. Out: rows under the contract ``outcomes``:
one per inspected claim and, where an appeal was decided, one that supersedes it with the appeal's
disposition and amount from the day on which the decision was known. No design chose these cases,
whatever their channel says, so they have no inclusion probability: the share of claims from which a
random one was picked is not recorded.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pyarrow as pa

from claims.contracts import table

Row = dict[str, Any]

#: An open appeal leaves the verdict in force but disputed; a withdrawn one changes nothing.
_DISPUTED, _OVERTURNED = "disputed", "overturned"


def past_outcomes(history: pa.Table, appeals: pa.Table | None = None) -> pa.Table:
    """Return the outcomes of inspected claims; cases about others than claims are left out."""
    cases = {row["case_no"]: row for row in history.to_pylist() if row["claim_id"] is not None}
    rows = [_verdict(row) for row in cases.values()]
    for appeal in [] if appeals is None else appeals.to_pylist():
        if appeal["case_no"] in cases and appeal["decision"] != "withdrawn":
            rows += _appealed(cases[appeal["case_no"]], appeal)
    return table("outcomes").conform(pa.Table.from_pylist(rows, schema=_schema(rows)))


def _schema(rows: list[Row]) -> pa.Schema | None:
    """Return a schema where there is no row to infer one from."""
    return None if rows else pa.schema([(n, pa.string()) for n in table("outcomes").columns])


def _verdict(row: Row) -> Row:
    known = row["known_at"] or datetime.combine(row["inspected_on"], time.min, tzinfo=UTC)
    return {
        "case": row["case_no"],
        "unit": "claim",
        "unit_id": row["claim_id"],
        "plan_id": None,
        "channel": row["channel"],
        "disposition": row["disposition"],
        "overpaid_amount": row["overpaid_amount"],
        "reason": None,
        "inspected_on": row["inspected_on"],
        "inspectors": "",
        "known_at": known,
        "supersedes": None,
        "inclusion_prob": None,
        "base_weight": None,
        "final_weight": None,
    }


def _appealed(case: Row, appeal: Row) -> list[Row]:
    """Return what an appeal makes of a verdict: disputed while open, then what was decided."""
    first = _verdict(case)
    filed = datetime.combine(appeal["filed_on"], time.min, tzinfo=UTC)
    open_ = first | {"disposition": _DISPUTED, "known_at": max(filed, first["known_at"])}
    if appeal["decision"] == "open":
        return [open_]
    gone = appeal["decision"] == _OVERTURNED
    amount = appeal["overpaid_amount"]
    decided = first | {
        "disposition": _OVERTURNED if gone else case["disposition"],
        "overpaid_amount": case["overpaid_amount"] if amount is None else amount,
        "known_at": max(appeal["known_at"] or filed, open_["known_at"]),
    }
    return [open_, decided]
