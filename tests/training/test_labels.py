"""From outcomes to labels: what counts on a cut date, what supersedes, what it weighs."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest

from claims.contracts import table
from training.labels import LabelError, LabelSet, labels_as_of, training_weights

CUT = date(2024, 4, 1)


def outcome(case: str, unit_id: str = "u1", disposition: str = "recovery", **more: object) -> dict:
    """Return one outcome, drawn at risk with probability 0.5 unless said otherwise."""
    known = datetime.fromisoformat(str(more.pop("known", "2024-03-01T00:00:00"))).replace(
        tzinfo=UTC
    )
    return {
        "case": case, "unit": "claim", "unit_id": unit_id, "plan_id": "p1", "channel": "risk",
        "disposition": disposition, "overpaid_amount": 100, "inspected_on": date(2024, 2, 1),
        "inspectors": "a;b", "known_at": known, "inclusion_prob": 0.5, "base_weight": 2.0,
        "final_weight": 2.5, "supersedes": None, **more,
    }  # fmt: skip


def labels(*rows: dict, **options: object) -> LabelSet:
    """Return the labels of ``rows`` as of the cut."""
    return labels_as_of(pa.Table.from_pylist(list(rows)), CUT, **options)


def by_unit(made: LabelSet) -> dict[str, dict]:
    """Return the label rows by unit id."""
    return {row["unit_id"]: row for row in made.table.to_pylist()}


def test_a_plain_outcome_becomes_a_label():
    made = labels(outcome("k1"))
    assert made.table.schema == table("labels").schema
    assert by_unit(made)["u1"] == {
        "unit": "claim", "unit_id": "u1", "label": 1, "overpaid_amount": 100,
        "label_date": date(2024, 3, 1), "channel": "risk", "inclusion_prob": 0.5,
        "final_weight": 2.5, "training_weight": 1.0,
    }  # fmt: skip


def test_the_cut_is_the_first_local_moment_of_the_day():
    # Midnight of 1 April in Shanghai is 16:00 UTC of 31 March.
    made = labels(
        outcome("k1", "before", known="2024-03-31T15:59:59.999999"),
        outcome("k2", "after", known="2024-03-31T16:00:00"),
    )
    assert set(by_unit(made)) == {"before"}
    assert by_unit(made)["before"]["label_date"] == date(2024, 3, 31)
    assert made.counts["not_yet_known"] == 1


def test_every_disposition_maps_as_its_contract_says():
    values = table("outcomes").columns["disposition"].values
    made = labels(*[outcome(f"k-{code}", code, code) for code in values])
    expected = {code: value.label for code, value in values.items() if value.label is not None}
    assert {unit: row["label"] for unit, row in by_unit(made).items()} == expected
    assert made.counts["no_label"] == sum(value.label is None for value in values.values()) > 0


def test_an_appeal_replaces_verdict_amount_and_date_but_not_the_design():
    appeal = outcome(
        "k2", disposition="overturned", overpaid_amount=0, known="2024-03-20T00:00:00",
        supersedes="k1", channel="look_back", plan_id=None, inclusion_prob=None,
        base_weight=None, final_weight=None,
    )  # fmt: skip
    made = labels(appeal, outcome("k1"))
    row = by_unit(made)["u1"]
    assert (row["label"], row["overpaid_amount"], row["label_date"]) == (0, 0, date(2024, 3, 20))
    assert (row["channel"], row["inclusion_prob"], row["final_weight"]) == ("risk", 0.5, 2.5)
    assert made.counts["superseded"] == 1


def test_an_appeal_known_after_the_cut_changes_nothing_yet():
    appeal = outcome("k2", disposition="overturned", known="2024-05-01T00:00:00", supersedes="k1")
    assert by_unit(labels(outcome("k1"), appeal))["u1"]["label"] == 1


def test_chains_and_corrections_of_one_case():
    blank = {"inclusion_prob": None, "base_weight": None, "final_weight": None}
    chain = [
        outcome("k1", disposition="dismissed", inclusion_prob=0.25, final_weight=None),
        outcome("k2", disposition="disputed", supersedes="k1", known="2024-03-02T00:00:00",
                **blank),
        outcome("k3", disposition="penalty", supersedes="k2", known="2024-03-03T00:00:00", **blank),
        outcome("k3", disposition="penalty", overpaid_amount=7, known="2024-03-04T00:00:00",
                **blank),
        outcome("k1", disposition="dismissed", known="2024-03-05T00:00:00"),
    ]  # fmt: skip
    made = labels(*chain)
    row = by_unit(made)["u1"]
    assert (row["label"], row["overpaid_amount"], row["final_weight"]) == (1, 7, 4.0)
    assert made.counts["superseded"] == 4
    assert by_unit(labels(*chain[:2])) == {}


def test_of_two_cases_the_latest_counts():
    made = labels(
        outcome("k2", disposition="dismissed", known="2024-03-09T00:00:00"), outcome("k1")
    )
    assert by_unit(made)["u1"]["label"] == 0
    assert made.counts["earlier_case_of_the_unit"] == 1


def test_only_designed_cases_carry_weight():
    tip = {"channel": "tip_off", "inclusion_prob": None, "base_weight": None, "final_weight": None}
    rows = [outcome("k1", "drawn"), outcome("k2", "tip", **tip)]
    made = labels(*rows)
    assert made.counts["without_design"] == 1
    weights = {u: (r["final_weight"], r["training_weight"]) for u, r in by_unit(made).items()}
    assert weights == {"drawn": (2.5, 1.0), "tip": (0.0, 0.0)}
    assert by_unit(labels(rows[1], without_design="unit_weight"))["tip"]["training_weight"] == 1.0


def test_weights_by_hand():
    # Quantile .75 of 1, 2, 3, 10 is 3 + .25 * 7 = 4.75; capped 1, 2, 3, 4.75; mean 2.6875.
    got = training_weights(np.array([1.0, 2.0, 0.0, 3.0, 10.0]), 0.75)
    assert got == pytest.approx(np.array([1, 2, 0, 3, 4.75]) / 2.6875)
    assert got[got > 0].mean() == pytest.approx(1.0)
    assert training_weights(np.zeros(2), 0.95).tolist() == [0.0, 0.0]


def test_units_are_capped_by_their_own_kind():
    rows = [outcome(f"k{i}", f"u{i}", final_weight=1.0 + i) for i in range(20)]
    place = outcome("k99", "i1", unit="institution", final_weight=500.0)
    made = {row["unit"]: row["training_weight"] for row in labels(*rows, place).table.to_pylist()}
    assert made["institution"] == 1.0


def test_row_order_changes_nothing():
    rows = [outcome(f"k{i}", f"u{i % 7}", known=f"2024-03-{1 + i:02d}T00:00:00") for i in range(20)]
    assert labels(*rows).table.equals(labels(*reversed(rows)).table)


def test_no_outcomes_give_an_empty_table():
    made = labels_as_of(table("outcomes").schema.empty_table(), CUT)
    assert made.table.schema == table("labels").schema
    assert made.table.num_rows == 0


def test_every_wrong_row_is_named_at_once():
    with pytest.raises(LabelError, match=r"k1: inclusion_prob 0\.0.*k2: final_weight -1\.0"):
        labels(outcome("k1", inclusion_prob=0.0), outcome("k2", "u2", final_weight=-1.0))
    with pytest.raises(LabelError, match="case k2 replaces a verdict on another unit"):
        labels(outcome("k1"), outcome("k2", "u2", supersedes="k1", known="2024-03-02T00:00:00"))
    circle = outcome("k1", supersedes="k2", known="2024-03-03T00:00:00")
    with pytest.raises(LabelError, match="k1 supersedes k2 but was itself superseded"):
        labels(outcome("k1"), outcome("k2", supersedes="k1", known="2024-03-02T00:00:00"), circle)
