"""Plans by size and in two stages: exact chances, lists that go out and come back, and order."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.columns import ListError
from sampling.design import Design
from sampling.drawing.draw import draw_bytes
from sampling.drawing.fit import exact_targets
from sampling.drawing.pps import target_probabilities
from sampling.drawing.replay import replay
from sampling.drawing.staged_draw import draw_by
from sampling.frame import make_frame
from sampling.lists import write_inspector_list, write_planner_lists
from sampling.planning.staged_plan import parse_each, plan_by_size, plan_two_stages
from sampling.verdicts import import_verdicts
from tests.sampling import staged_plans as small

SEED = bytes(range(32))


def test_the_ledger_keeps_list_and_design(staged: SimpleNamespace) -> None:
    again = staged.ledger.plan(staged.plan.plan_id)
    assert again.draws.equals(staged.plan.draws)
    assert again.design == staged.what.design
    assert staged.ledger.verify_trail() == []


def test_chances_are_exact_and_their_product_is_stored(staged: SimpleNamespace) -> None:
    rows = staged.plan.draws.to_pylist()
    for row in rows:
        first = Fraction(int(row["chance_numerator"]), int(row["chance_denominator"]))
        assert 0 < first <= 1
        if staged.kind == "pps":
            assert (row["psu_id"], row["inclusion_prob_1"], row["inclusion_prob_2"]) == (None,) * 3
            assert row["inclusion_prob"] == float(first)
            assert (row["tag"] == "take_all") == (first == 1)
            continue
        second = Fraction(row["psu_draws"], row["psu_size"])
        assert row["inclusion_prob_1"] == float(first)
        assert row["inclusion_prob_2"] == float(second)
        assert row["inclusion_prob"] == float(first * second)
        assert row["psu_size"] == small.CLAIMS[row["psu_id"]]
    units = {row["psu_id"] or row["unit_id"] for row in rows}
    assert len(units) == 6
    if staged.kind != "pps":
        assert len(rows) == sum(min(3, small.CLAIMS[u]) for u in units)


def test_lists_go_out_and_verdicts_come_back(staged: SimpleNamespace, tmp_path: Path) -> None:
    """The planner's list replays and is imported; the inspectors' says nothing of the draw."""
    draws, cases = staged.plan.draws, staged.plan.cases
    ids = draws["unit_id"].to_pylist()
    planner = pa.table({"unit_id": ids, "anomaly_score": [0.5] * len(ids),
                        "risk_score": pa.nulls(len(ids))})  # fmt: skip
    at = {"lang": "en", "drawn_on": staged.plan.drawn_on}
    path, sheet = write_planner_lists(draws, cases, planner, tmp_path, **at)
    folder = staged.folder
    assert replay(folder / "certificate.json", folder / "frame.tsv", path).ok
    header, *rows = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
    names = ("psu_id", "psu_size", "psu_draws", "inclusion_prob_1", "inclusion_prob_2")
    assert all((name in header) == (staged.kind != "pps") for name in names)
    top = openpyxl.load_workbook(sheet).worksheets[0][1]
    assert not any("hance" in str(cell.value) for cell in top)
    given = {"disposition": "recovery", "overpaid_amount": "1.50", "reason": "seen",
             "inspected_on": "2026-03-04", "inspectors": "a;b"}  # fmt: skip
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows({**dict(zip(header, row, strict=True)), **given} for row in rows)
    now = datetime(2026, 3, 5, tzinfo=UTC)
    done = import_verdicts(staged.ledger, path, staged.plan.plan_id, actor="a", now=now)
    assert done.appended.new == len(ids)
    back = staged.ledger.outcomes().to_pylist()
    assert {r["unit_id"] for r in back} == set(ids)
    for name in ("psu_size", "chance_numerator", "inclusion_prob_2", "tag", "stratum"):
        facts = pa.table({"unit_id": ids, name: draws[name]})
        with pytest.raises(ListError, match=name):
            write_inspector_list(draws, cases, facts, tmp_path, **at)
    facts = pa.table({"unit_id": ids, "institution_id": draws["psu_id"]})
    write_inspector_list(draws, cases, facts, tmp_path, **at)


def test_the_public_version_shows_kind_and_count_alone(staged: SimpleNamespace) -> None:
    public = json.loads((staged.folder / "public.json").read_text())
    assert public["version"] == "jihe-public-2"
    assert public["counts"] == {"capacity": 6}
    assert public["design"] == ("pps" if staged.kind == "pps" else "two_stage")
    text = json.dumps(public, ensure_ascii=False)
    assert not any(unit in text for unit in small.SIZES)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=9), st.data())
def test_exact_targets_are_the_floating_ones(sizes: list[int], data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(sizes)))
    exact = exact_targets(sizes, n)
    floats = target_probabilities(sizes, n, [str(i) for i in range(len(sizes))])
    assert sum(exact) == n
    assert [float(p) for p in exact] == pytest.approx(floats.tolist(), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.binary(min_size=32, max_size=32))
def test_the_order_of_the_rows_is_irrelevant(random: Any, seed: bytes) -> None:
    what = small.subject("pps_then_claims")
    units = list(small.SIZES)
    random.shuffle(units)
    rows = [(f"c-{u}-{i}", u, 100 * i + len(u)) for u in units for i in range(small.CLAIMS[u])]
    random.shuffle(rows)
    frame = make_frame("institution", units, ["all"] * 12, [small.SIZES[u] for u in units])
    claims = make_frame("claim", *(list(c) for c in zip(*rows, strict=True)))
    again = plan_two_stages(frame, *plan_by_size(frame, 6), claims, "3")
    assert again[0] == what.design
    one = draw_by(what.frame, what.design, what.beside, seed, "P0001")
    assert draw_bytes(draw_by(frame, *again, seed, "P0001")) == draw_bytes(one)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 10_000), st.integers(1, 1_000_000))
def test_a_share_of_claims_is_rounded_up_and_never_below_two(claims: int, millionths: int) -> None:
    take = parse_each(f"{millionths / 10_000:.4f}%")(claims)
    share = Fraction(f"{millionths / 10_000:.4f}") / 100
    assert take == min(claims, max(2, -int(-share * claims // 1)))
    assert min(claims, 2) <= take <= claims
    assert take == claims or take >= share * claims


def test_a_claim_s_number_has_nothing_to_do_with_the_first_stage() -> None:
    """More claims elsewhere, or another way to draw institutions, leave its place the same."""
    one = small.subject("strata_then_claims", n=12)
    two = small.subject("pps_then_claims", n=12)
    lists = [
        {r["unit_id"]: r["random_number"] for r in
         draw_by(w.frame, w.design, w.beside, SEED, "P0001").to_pylist()}
        for w in (one, two)
    ]  # fmt: skip
    assert isinstance(one.design.first, Design)
    assert lists[0] == lists[1]
    assert len(lists[0]) == sum(min(3, n) for n in small.CLAIMS.values())
