"""Totals of staged plans by class and stratum, and which interval counts."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from sampling.design import Design, Stratum
from sampling.drawing.designs import PpsDesign, TwoStageDesign
from sampling.drawing.pps_draw import exact_inclusion
from sampling.estimation.staged_domains import StagedDomain
from sampling.estimation.staged_sample import Sized
from sampling.estimation.staged_totals import StagedTotals, staged_totals
from tests.sampling.staged_plans import draws_table

STRATA = {"clinic/b1": (6, 3), "clinic/b2": (8, 4), "public_hospital/top": (2, 2)}
CLAIMS = {"clinic/b1": (4, 2), "clinic/b2": (3, 3), "public_hospital/top": (6, 2)}
FOUND = {
    "clinic/b1": [(5, 0), (0, 0), (7, 3)],
    "clinic/b2": [(1, 0, 4), (0, 0, 0), (0, 9, 0), (0, 0, 2)],
    "public_hospital/top": [(20, 0), (8, 31)],
}  # fmt: skip


def _outcomes(rows: list[dict[str, Any]], missing: frozenset[str] = frozenset()) -> pa.Table:
    return pa.Table.from_pylist([
        {"unit_id": r["unit_id"], "disposition": "recovery" if r["y"] else "dismissed",
         "overpaid_amount": r["y"]}
        for r in rows if r["unit_id"] not in missing
    ], schema=pa.schema([
        ("unit_id", pa.string()), ("disposition", pa.string()), ("overpaid_amount", pa.int64()),
    ]))  # fmt: skip


def _rows() -> list[dict[str, Any]]:
    return [
        {"plan_id": "P0001", "unit": "claim", "unit_id": f"{h}.{i}.{k}", "stratum": h,
         "tag": "random", "random_number": "0" * 16, "size_minor": 1, "inclusion_prob": 0.5,
         "stratum_size": STRATA[h][0], "stratum_draws": STRATA[h][1], "psu_id": f"{h}.{i}",
         "psu_size": CLAIMS[h][0], "psu_draws": CLAIMS[h][1], "y": y}
        for h, institutions in FOUND.items() for i, ys in enumerate(institutions)
        for k, y in enumerate(ys)
    ]  # fmt: skip


def _made(rows: list[dict[str, Any]], missing: frozenset[str] = frozenset()) -> StagedTotals:
    strata = tuple(Stratum(h, N, n, 1, n == N) for h, (N, n) in STRATA.items())
    first = Design("institution", 9, Decimal("0.1"), Decimal("0.3"), strata)
    design = TwoStageDesign(first, 60, "0" * 64, "0" * 64)
    return staged_totals("P0001", design, 16, draws_table(rows), _outcomes(rows, missing))


def _of(rows: tuple[StagedDomain, ...], name: str) -> StagedDomain:
    (row,) = (r for r in rows if r.name == name)
    return row


def test_strata_and_classes_by_hand() -> None:
    """b1: t = 10, 0, 20, so 6/3 x 30 = 60; b2: t = 5, 0, 9, 2, so 8/4 x 16 = 32; top: 60 + 117.

    Variance of b2, whose claims were all seen: 64 x 1/2 x s^2 / 4 with s^2 = (25 + 81 + 4 - 64)/3
    = 46/3, which is 368/3. Of b1: 36 x 1/2 x 100/3 = 600 between, within 6/3 x (16 x 1/2 x 12.5/2
    + 16 x 1/2 x 8/2) = 2 x (50 + 32) = 164. Of top 36 x 2/3 x (200/2 + 264.5/2) = 5,574.
    """
    made = _made(_rows())
    totals = {r.name: r.total.estimate for r in made.strata}
    assert totals == pytest.approx({"clinic/b1": 60, "clinic/b2": 32, "public_hospital/top": 177})
    errors = {r.name: (r.total.standard_error or 0) ** 2 for r in made.strata}
    assert errors == pytest.approx({
        "clinic/b1": 764, "clinic/b2": 368 / 3, "public_hospital/top": 5574
    })  # fmt: skip
    clinic = _of(made.classes, "clinic")
    assert clinic.total.estimate == pytest.approx(92)
    assert (clinic.total.standard_error or 0) ** 2 == pytest.approx(764 + 368 / 3)
    assert [r.name for r in made.classes] == ["clinic", "public_hospital"]
    counts = (clinic.institutions, clinic.institutions_drawn, clinic.institutions_answered,
              clinic.drawn, clinic.responded, clinic.confirmed, clinic.found)  # fmt: skip
    assert counts == (14, 7, 7, 18, 18, 7, 31)


@pytest.mark.parametrize("missing", [
    [], ["clinic/b1.0.0", "clinic/b1.0.1"],
    [f"clinic/b1.{i}.{k}" for i in (0, 1) for k in (0, 1)],
    ["public_hospital/top.1.0", "clinic/b2.3.2"],
])  # fmt: skip
def test_the_parts_add_up_and_stay_above_what_was_found(missing: list[str]) -> None:
    """Also where institutions are silent, and where strata were joined for it."""
    made = _made(_rows(), frozenset(missing))
    joined = any(n.code == "ESTIMATE_JOINED" for n in made.notes)
    assert joined == (len(missing) == 4 or "public_hospital/top.1.0" in missing)
    for parts in (made.classes, made.strata):
        assert sum(p.total.estimate for p in parts) == pytest.approx(made.total.estimate)
        assert sum(p.found for p in parts) == made.returned.found
        assert sum(p.institutions for p in parts) == 16
        for p in parts:
            ends = [p.stated.low, p.stated.lower_90, p.total.lower_90, *(p.total.interval_95 or ())]
            assert all(end >= p.found for end in ends if end is not None)


def test_a_class_seen_whole_is_exact_and_others_are_not() -> None:
    rows = [r for r in _rows() if r["stratum"] != "public_hospital/top"]
    rows += [
        {**rows[0], "unit_id": f"t.{i}.{k}", "stratum": "public_hospital/top", "psu_id": f"t.{i}",
         "stratum_size": 2, "stratum_draws": 2, "psu_size": 2, "psu_draws": 2, "y": 10 * k}
        for i in range(2) for k in range(2)
    ]  # fmt: skip
    made = _made(rows)
    top = _of(made.classes, "public_hospital")
    assert (top.stated.kind, top.stated.low, top.stated.high) == ("exact", 20, 20)
    assert top.total.standard_error == 0
    assert _of(made.classes, "clinic").stated.kind == "studentised"
    partly = _made(rows, frozenset({"t.0.1"}))
    assert _of(partly.classes, "public_hospital").stated.kind != "exact"


def test_nothing_depends_on_the_order_of_rows() -> None:
    rows = _rows()
    turned = rows.copy()
    random.Random(3).shuffle(turned)
    assert _made(rows).to_dict() == _made(turned).to_dict()
    assert _made(rows).bootstrap == _made(turned).bootstrap


def test_findings_in_few_institutions_are_resampled() -> None:
    """Five institutions left to chance with findings; those of the take-all stratum don't count."""
    made = _made(_rows())
    assert made.unsafe
    assert made.stated.kind == "studentised"
    assert made.bootstrap is not None
    assert made.stated.low == made.bootstrap.studentised_95[0]
    (note,) = (n for n in made.notes if n.code == "ESTIMATE_NORMAL_UNSAFE")
    assert note.en.startswith("5 institutions left to chance")
    assert "from 100 such" in note.en
    assert made.to_dict()["bootstrap"]["replicates"] == 1999
    assert [d["name"] for d in made.to_dict()["domains"]] == ["clinic", "public_hospital"]


def _by_size(finds: int, drawn: int = 40) -> StagedTotals:
    """Forty of sixty institutions of nearly one size, of which so many had findings."""
    names = [f"i{k:02d}" for k in range(60)]
    weights = [2**24 + k for k in range(60)]
    chances = exact_inclusion(weights, drawn)
    rows = [
        {"plan_id": "P0001", "unit": "institution", "unit_id": names[k], "stratum": "all",
         "tag": "random", "random_number": "0" * 16, "size_minor": 1, "inclusion_prob": 0.5,
         "stratum_size": 60, "stratum_draws": drawn, "chance_numerator": str(p.numerator),
         "chance_denominator": str(p.denominator), "y": 100 + k if k < finds else 0}
        for k, p in enumerate(chances[:drawn])
    ]  # fmt: skip
    design = PpsDesign("institution", drawn, "0" * 64)
    return staged_totals("P0001", design, 60, draws_table(rows), _outcomes(rows),
                         Sized(names, weights, drawn))  # fmt: skip


@pytest.mark.parametrize(("finds", "drawn", "kind"), [
    (30, 40, "student"), (29, 40, "studentised"), (0, 40, "none"),
])  # fmt: skip
def test_by_size_thirty_institutions_with_findings_make_students_interval_count(
    finds: int, drawn: int, kind: str
) -> None:
    made = _by_size(finds, drawn)
    assert made.stated.kind == kind
    assert made.unsafe == (kind != "student")
    assert (made.bootstrap is None) == (kind == "student")
    codes = {n.code for n in made.notes}
    assert ("ESTIMATE_NORMAL_UNSAFE" in codes) == made.unsafe
    assert ("BOOTSTRAP_EQUAL" in codes) == (kind == "none")
    if kind == "student":
        assert (made.stated.low, made.stated.high) == made.total.quantity.interval_95_t
        assert made.stated.lower_90 == made.total.quantity.lower_90


def test_silent_institutions_by_size_leave_a_simple_random_sample_of_the_drawn() -> None:
    """Equal weights: 8 of 20 drawn, 6 answered, as if 6 of 20 had been drawn with equal chances.

    Found 1 to 6, so that the total is 20 x 3.5 and its variance 400 x 14/20 x 3.5 / 6.
    """
    names = [f"i{k:02d}" for k in range(20)]
    rows = [
        {"plan_id": "P0001", "unit": "institution", "unit_id": names[k], "stratum": "all",
         "tag": "random", "random_number": "0" * 16, "size_minor": 1, "inclusion_prob": 0.4,
         "stratum_size": 20, "stratum_draws": 8, "chance_numerator": "2",
         "chance_denominator": "5", "y": k + 1}
        for k in range(8)
    ]  # fmt: skip
    made = staged_totals(
        "P0001", PpsDesign("institution", 8, "0" * 64), 20, draws_table(rows),
        _outcomes(rows, frozenset(names[6:])), Sized(names, [2**24] * 20, 8),
    )  # fmt: skip
    assert made.total.estimate == pytest.approx(70)
    assert made.total.variance == pytest.approx(400 * 14 / 20 * 3.5 / 6, rel=1e-6)


def test_by_size_nothing_is_said_by_class() -> None:
    made = _by_size(30)
    assert (made.classes, made.strata) == ((), ())


def test_where_all_institutions_were_certain_claims_with_findings_are_counted() -> None:
    """Institutions that were all drawn, two of three claims each: as strata of claims."""

    def made(finds: int, n: int = 20) -> StagedTotals:
        rows = [
            {"plan_id": "P0001", "unit": "claim", "unit_id": f"{i:02d}.{k}", "stratum": "clinic/b1",
             "tag": "take_all", "random_number": "0" * 16, "size_minor": 1, "inclusion_prob": 0.5,
             "stratum_size": n, "stratum_draws": n, "psu_id": f"{i:02d}", "psu_size": 3,
             "psu_draws": 2, "y": 50 + i if k == 0 and i < finds else 0}
            for i in range(n) for k in range(2)
        ]  # fmt: skip
        first = Design("institution", n, Decimal("0.1"), Decimal("0.3"),
                       (Stratum("clinic/b1", n, n, 2, True),))  # fmt: skip
        design = TwoStageDesign(first, 3 * n, "0" * 64, "0" * 64)
        return staged_totals("P0001", design, n, draws_table(rows), _outcomes(rows))

    assert made(10).stated.kind == "student"
    assert made(10, 15).stated.kind == "student"
    assert made(10, 14).stated.kind == "studentised"  # 28 verdicts
    few = made(9)
    assert few.stated.kind == "studentised"
    (note,) = (n for n in few.notes if n.code == "ESTIMATE_NORMAL_UNSAFE")
    assert note.en.startswith("9 claims with findings")
    assert few.bootstrap is not None
    # An institution's variance is 9 x 1/3 x s^2 / 2, with s^2 = y^2 / 2.
    assert few.total.variance == pytest.approx(
        sum(3 * (50 + i) ** 2 / 2 / 2 for i in range(9))
    )  # fmt: skip
