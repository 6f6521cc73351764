"""Comparison with peers: hand arithmetic for each kind, the ladder and its least sizes."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.clock import day_number
from features.peers import compare, grouped, ladder, read_register

NAN = math.nan


def z(values, groups, fallback):
    rungs = [grouped(np.array(names)) for names in (groups, fallback, ["all"] * len(values))]
    return compare("z", np.array(values, dtype=float), rungs, 5)


def test_peers_of_the_same_group_are_compared():
    # median 3, MAD 1, spread 1.4826
    found = z([1, 2, 3, 4, 5, 100, 100, 100, 100, 100], ["a"] * 5 + ["b"] * 5, ["k"] * 10)
    assert found[0] == pytest.approx(-2 / 1.4826)
    assert found[4] == pytest.approx(2 / 1.4826)
    assert list(found[5:]) == [0.0] * 5


def test_a_small_group_climbs_to_the_class_then_to_all():
    values = [1, 2, 3, 4, 5, 6, 100]
    groups = ["a"] * 4 + ["b", "c", "d"]
    classes = ["k"] * 6 + ["m"]
    found = z(values, groups, classes)
    # Class k: 1..6, median 3.5, MAD 1.5.
    assert found[5] == pytest.approx(2.5 / (1.4826 * 1.5))
    # All: median 4, deviations 3,2,1,0,1,2,96 -> MAD 2; (100 - 4) / 2.9652 = 32.4
    assert found[6] == pytest.approx(96 / (1.4826 * 2))


def test_fewer_than_five_known_values_compare_with_nobody():
    assert np.isnan(z([1, 2, 3, 4, NAN], ["a"] * 5, ["k"] * 5)).all()
    assert not np.isnan(z([1, 2, 3, 4, 5], ["a"] * 5, ["k"] * 5)).any()


def test_an_unknown_value_stays_unknown_among_known_peers():
    found = z([1, 2, 3, 4, 5, NAN], ["a"] * 6, ["k"] * 6)
    assert np.isnan(found[5])
    assert not np.isnan(found[:5]).any()


def test_equal_peers_get_a_spread():
    # MAD 0: the spread is 5 % of the median, 0.01 at least; z is held at 50.
    assert z([100] * 5 + [110], ["a"] * 6, ["k"] * 6)[5] == pytest.approx(2.0)
    assert z([0] * 5 + [0.1], ["a"] * 6, ["k"] * 6)[5] == pytest.approx(10.0)
    assert z([0] * 5 + [9], ["a"] * 6, ["k"] * 6)[5] == 50.0


@pytest.mark.parametrize("kind", ["z", "rank", "ratio", "excess"])
@settings(max_examples=25, deadline=None)
@given(arrays(float, 12, elements=st.floats(-1e6, 1e6)), st.randoms(use_true_random=False))
def test_the_order_of_institutions_changes_nothing(kind, values, random):
    groups = np.array(["a", "b", "c"] * 4)
    order = np.array(random.sample(range(12), 12))
    atoms = [np.abs(np.round(values)), np.full(12, 7.0)]
    one = np.array(["k"] * 12)
    whole = compare(kind, values, [grouped(groups), grouped(one)], 5, atoms)
    shuffled = compare(
        kind, values[order], [grouped(groups[order]), grouped(one)], 5, [a[order] for a in atoms]
    )
    assert whole[order].tobytes() == shuffled.tobytes()


def test_nobody_to_compare():
    assert len(z([], np.array([], dtype=np.str_), np.array([], dtype=np.str_))) == 0


def test_a_rank_counts_ties_half():
    found = compare("rank", np.array([1.0, 2, 2, 3, NAN, 4]), [grouped(np.full(6, "a"))], 5)
    # (0 + 1) / 10, (1 + 3) / 10 twice, (3 + 4) / 10, unknown, (4 + 5) / 10
    assert found[[0, 1, 2, 3, 5]].tolist() == [0.1, 0.4, 0.4, 0.7, 0.9]
    assert np.isnan(found[4])


def test_an_excess_is_over_the_median_of_the_group():
    found = compare("excess", np.array([1.0, 2, 3, 4, 9]), [grouped(np.full(5, "a"))], 5)
    assert found.tolist() == [-2, -1, 0, 1, 6]


def test_a_ratio_is_to_all_others_and_drawn_to_one():
    """Amounts 60 over 30 claims against 40 over 40: 2 / 1, of which 30 claims weigh half."""
    a, b = np.array([60.0, 10, 10, 10, 10]), np.array([30.0, 10, 10, 10, 10])
    found = compare("ratio", a / b, [grouped(np.full(5, "a"))], 5, [a, b])
    assert found[0] == pytest.approx(1.5)
    # 10 / 10 against 90 / 60, 10 claims weigh a quarter: 2/3 / 4 + 3/4
    assert found[1] == pytest.approx(2 / 3 / 4 + 3 / 4)


def test_persons_are_compared_by_age_band_sex_and_chronic_status(town):
    """On the day before the 60th birthday the band is still that from 45 on."""
    on = date(2025, 1, 1)
    for person, birth, sex, chronic in (
        ("q1", date(1964, 12, 30), "F", True), ("q2", date(1965, 1, 5), "F", True),
        ("q3", date(1965, 1, 5), "F", False), ("q4", None, "M", None),
    ):  # fmt: skip
        town.add("insured", insured_id=person, birth_date=birth, sex=sex, chronic=chronic)
    town.claim("2024-03-01 10:00")
    made = town.build(on.isoformat())
    rungs = ladder(
        read_register(made.con, "insured"),
        "insured",
        ["q1", "q2", "q3", "q4", "nobody"],
        day_number(on),
    )
    assert rungs[0].tolist() == ["60|F|1", "45|F|1", "45|F|0", "None|M|None", "None|None|None"]
    assert rungs[1].tolist()[:3] == ["60|F", "45|F", "45|F"]
    assert [len(set(rung)) for rung in rungs[2:]] == [3, 1]


def test_thirty_persons_make_a_comparison(new_town):
    """Of 29 persons nobody is compared, of thirty all: amounts 100.00 and one 200.00."""
    for persons in (29, 30):
        town = new_town()
        town.institution("o1")
        for number in range(persons):
            town.add("insured", insured_id=f"q{number}", sex="F", birth_date=date(1980, 1, 1))
            town.claim("2024-03-01 10:00", insured_id=f"q{number}",
                       total_amount=20_000 if number == 0 else 10_000)  # fmt: skip
        m = town.build("2024-04-01").matrix("insured")
        row = m.values[list(m.unit_ids).index("q0")]
        z = row[m.names.index("insured_amount_90_peer")]
        ratio = row[m.names.index("insured_visit_cost_365_peer_ratio")]
        if persons == 29:
            assert np.isnan([z, ratio]).all()
        else:
            usual = math.log1p(10_000)
            assert z == pytest.approx((math.log1p(20_000) - usual) / (0.05 * usual))
            # One claim weighs 1 / 31 of the ratio 2.
            assert ratio == pytest.approx(2 / 31 + 30 / 31)


def test_growth_beyond_the_growth_of_the_level(new_town):
    """Five hospitals of a level double, the sixth trebles: ln 3 - ln 2 beyond its peers."""
    town = new_town()
    day = date(2024, 6, 1)
    for number in range(6):
        town.institution(f"o{number}")
        for month, claims in ((100, 10), (30, 30 if number == 5 else 20)):
            for _ in range(claims):
                town.claim(f"{day - timedelta(days=month)} 10:00", institution_id=f"o{number}")
    m = town.build(day.isoformat()).matrix("institution")
    found = m.values[:, m.names.index("org_growth_peer_excess")]
    # One added: ln((30 + 1) / (10 + 1)) - ln((20 + 1) / (10 + 1))
    assert found.tolist() == pytest.approx([0.0] * 5 + [math.log(31 / 21)])
