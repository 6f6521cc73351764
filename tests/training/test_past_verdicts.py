"""Past inspections as outcomes, and what labels make of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa

from claims.contracts import table
from training.labels import labels_as_of
from training.past_verdicts import past_outcomes

CUT_DAY = date(2024, 6, 1)


def case(number: str, claim: str | None, disposition: str, amount: int | None) -> dict:
    """Return one inspection of March, known in April."""
    return {
        "case_no": number, "claim_id": claim, "institution_id": "org", "channel": "tip_off",
        "inspected_on": date(2024, 3, 1), "disposition": disposition, "overpaid_amount": amount,
        "known_at": datetime(2024, 4, 1, tzinfo=UTC),
    }  # fmt: skip


def appeal(number: str, decision: str, amount: int | None, month: int = 5) -> dict:
    """Return one appeal, decided in May unless said otherwise."""
    decided = decision != "open"
    return {
        "appeal_id": f"B{number}", "case_no": number, "filed_on": date(2024, 4, 10),
        "decided_on": date(2024, month, 2) if decided else None, "decision": decision,
        "overpaid_amount": amount, "known_at": datetime(2024, month, 2, tzinfo=UTC),
    }  # fmt: skip


def made(cases: list[dict], appeals: list[dict]) -> dict[str, tuple[int, int | None]]:
    """Return label and amount by claim."""
    history = table("inspection_history").conform(pa.Table.from_pylist(cases))
    objections = table("appeals").conform(pa.Table.from_pylist(appeals)) if appeals else None
    labels = labels_as_of(past_outcomes(history, objections), CUT_DAY).table.to_pylist()
    assert all(row["final_weight"] == row["training_weight"] == 0 for row in labels)
    return {row["unit_id"]: (row["label"], row["overpaid_amount"]) for row in labels}


def test_cases_of_claims_become_labels_without_weight():
    cases = [
        case("1", "a", "recovery", 500), case("2", "b", "dismissed", 0),
        case("3", "c", "documents_not_received", None), case("4", None, "penalty", 9),
    ]  # fmt: skip
    assert made(cases, []) == {"a": (1, 500), "b": (0, 0)}


def test_an_appeal_disputes_then_supersedes():
    cases = [case(str(n), claim, "recovery", 500) for n, claim in enumerate("abcde")]
    appeals = [
        appeal("0", "upheld", None), appeal("1", "reduced", 200), appeal("2", "overturned", 0),
        appeal("3", "open", None), appeal("4", "withdrawn", None),
    ]  # fmt: skip
    assert made(cases, appeals) == {"a": (1, 500), "b": (1, 200), "c": (0, 0), "e": (1, 500)}


def test_a_decision_of_tomorrow_leaves_the_case_disputed_today():
    assert made([case("1", "a", "recovery", 500)], [appeal("1", "overturned", 0, month=7)]) == {}


def test_no_history_is_no_outcome():
    empty = table("inspection_history").schema.empty_table()
    assert past_outcomes(empty).num_rows == 0
