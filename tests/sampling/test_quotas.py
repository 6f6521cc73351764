"""Quotas and the frontier: hand-worked plans, what does not fit, and how the dial moves."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sampling.design import design_faults
from sampling.planning.frontier import (
    expected_hours,
    expected_variance,
    forecast,
    frontier,
    recommended,
    strata_table,
    within_hours,
)
from sampling.planning.hours import Hours
from sampling.planning.plan_design import DesignOptions, PlannedDesign, PlanUnits, plan_design
from sampling.planning.predicted import hedged_spreads, predicted, spread_guesses, without_score
from sampling.planning.quota_design import within_quotas
from sampling.planning.quota_file import Quota, QuotaError, read_plan_file
from sampling.planning.quotas import quota_results, quota_rows

DAY = date(2026, 3, 1)
#: 200 units: 120 of hospital H in district d1, 80 of pharmacies P0 to P3 (20 each) in d2.
N = 200


@pytest.fixture(scope="module")
def units() -> PlanUnits:
    ids = [f"U{i:03d}" for i in range(N)]
    chance = np.linspace(0.9, 0.01, N)
    size = 1_000 + 10 * np.arange(N)
    hospital = [i % 5 < 3 for i in range(N)]
    place = iter(f"P{i % 4}" for i in range(N))
    facts = {
        "institution_id": pa.array(["H" if h else next(place) for h in hospital]),
        "institution_class": pa.array(["hospital" if h else "pharmacy" for h in hospital]),
        "level": pa.array(["3" if h else "none" for h in hospital]),
        "district": pa.array(["d1" if h else "d2" for h in hospital]),
    }
    model = predicted(ids, chance, np.rint(chance * size).astype(np.int64))
    return PlanUnits("claim", pa.array(ids), np.arange(1, N + 1), size, facts, model)


def _planned(units: PlanUnits, capacity: int = 40, rule: str = "neyman") -> PlannedDesign:
    options = DesignOptions(capacity, Decimal("0.3"), Decimal("0.1"), rule)  # type: ignore[arg-type]
    return plan_design(units, options)


def _options(capacity: int = 40, rule: str = "neyman") -> DesignOptions:
    return DesignOptions(capacity, Decimal("0.3"), Decimal("0.1"), rule)  # type: ignore[arg-type]


def _share(name: str, share: str, of: str = "units", kind: str = "pharmacy") -> Quota:
    where = {"institution_class": frozenset([kind])}
    return Quota(name, of, Fraction(share), 1, 1, where)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", ["bands", "proportional", "neyman"])
def test_a_quota_is_met_in_expected_values_and_the_capacity_stays(
    units: PlanUnits, rule: str
) -> None:
    """30 % of 80 pharmacy units are 24; 5 % of the hospital's cost are 5 % of its sum."""
    planned = _planned(units, rule=rule)
    quotas = [_share("third", "0.3"), _share("cost", "0.05", "amount", "hospital")]
    rows = quota_rows(planned, quotas, {}, DAY)
    hospital = [i for i in range(N) if i % 5 < 3]
    assert rows[0].required == 24
    assert rows[1].required == Fraction(sum(int(units.size_minor[i]) for i in hospital), 20)
    made = within_quotas(planned, _options(rule=rule), quotas, rows)
    results = quota_results(made, quotas, rows)
    assert all(r.met for r in results)
    assert design_faults(made.design) == []
    assert int(made.draws.sum()) == 40
    pi = made.inclusion_prob
    assert pi[[i for i in range(N) if i % 5 >= 3]].sum() >= 24 - 1e-9


def test_what_does_not_fit_is_named_with_what_it_would_need(units: PlanUnits) -> None:
    """Half of the 80 pharmacy units are 40: with the hospital's own draws more than 40."""
    planned = _planned(units)
    quotas = [_share("easy", "0.05"), _share("half", "0.5")]
    rows = quota_rows(planned, quotas, {}, DAY)
    with pytest.raises(QuotaError, match="Quota 'half' cannot be met with a capacity of 40") as got:
        within_quotas(planned, _options(), quotas, rows)
    assert "'easy'" not in str(got.value)
    needed = quota_results(planned, quotas, rows)[1].capacity_needed
    assert needed > 40
    assert str(needed) in str(got.value)
    assert str(needed) in got.value.text("zh")


def test_institutions_that_are_due_expect_a_unit(units: PlanUnits) -> None:
    """P0, last seen three years ago, is due: 1. The others: at least 1 / (3 x 2)."""
    planned = _planned(units)
    quota = Quota("cycle", "institutions", Fraction(1), 3, 2, {})
    rows = quota_rows(planned, [quota], {"P0": date(2023, 3, 1), "P1": date(2023, 3, 2)}, DAY)
    assert {row.target: row.required for row in rows} == {
        "H": Fraction(1, 6), "P0": Fraction(1), "P1": Fraction(1, 6), "P2": Fraction(1, 6),
        "P3": Fraction(1, 6),
    }  # fmt: skip


def test_groups_that_are_empty_or_unknown_are_named(units: PlanUnits) -> None:
    planned = _planned(units)
    odd = Quota("odd", "units", Fraction(1, 2), 1, 1, {"claim_type": frozenset(["inpatient"])})
    with pytest.raises(QuotaError) as caught:
        quota_rows(planned, [_share("none", "0.5", kind="clinic"), odd], {}, DAY)
    assert [f.code for f in caught.value.faults] == ["QUOTA_EMPTY", "QUOTA_COLUMN"]


def test_the_file_tells_all_its_faults(tmp_path: Path) -> None:
    good = tmp_path / "good.toml"
    good.write_text(
        '[[quota]]\nname = "a"\nshare = "1/3"\nplans_per_year = 4\n'
        'where = { district = "d1" }\n[hours]\nper_unit = 1.5\n[hours.travel]\nd2 = 2\n',
        "utf-8",
    )
    quotas, hours = read_plan_file(good)
    assert quotas == [Quota("a", "units", Fraction(1, 3), 1, 4, {"district": frozenset(["d1"])})]
    assert hours == Hours(Fraction(3, 2), Fraction(1), {}, {"d2": Fraction(2)})
    assert hours.of_units(["x", "x"], ["d1", "d2"]) == [Fraction(3, 2), Fraction(7, 2)]
    bad = tmp_path / "bad.toml"
    bad.write_text(
        '[[quota]]\nname = "a"\nshare = 1.5\n[[quota]]\nname = "a"\nof = "institutions"\n'
        "[hours]\nper_unit = 0\n", "utf-8"
    )  # fmt: skip
    with pytest.raises(QuotaError) as caught:
        read_plan_file(bad)
    assert sorted(f.code for f in caught.value.faults) == [
        "HOURS_NUMBER", "QUOTA_NAME", "QUOTA_VALUE", "QUOTA_VALUE",
    ]  # fmt: skip


def test_the_variance_by_hand() -> None:
    """N = 10, n = 4, S^2 = 2: 10 x 6 x 2 / 4 = 30; a stratum drawn whole adds nothing."""
    assert expected_variance([10, 5], [4, 5], [2.0, 9.0]) == 30.0


def test_the_dial_gives_recovery_for_randomness(units: PlanUnits) -> None:
    shares = [Decimal("0.1"), Decimal("0.5"), Decimal(1)]
    hours = Hours(Fraction(2)).of_units(["x"] * N, ["d"] * N)
    made = frontier(units, _options(rule="bands"), shares, hours)
    points = [forecast(p) for p in made]
    recovery = [p.recovery or 0.0 for p in points]
    assert recovery == sorted(recovery, reverse=True)
    assert [p.hours for p in points] == [80.0] * 3
    assert all((p.half_width or 0) >= (p.half_width_regression or 0) > 0 for p in points)
    assert points[2].take_all_share == "0"
    assert 0 <= recommended(points) < 3
    for planned, point in zip(made, points, strict=True):
        model = units.model
        assert model is not None
        assert point.recovery == pytest.approx(float(planned.inclusion_prob @ model.mean))
        assert point.findings == pytest.approx(float(planned.inclusion_prob @ model.chance))
        assert sum(row["draws"] for row in strata_table(planned)) == 40


def test_hours_bound_the_capacity(units: PlanUnits) -> None:
    hours = Hours(Fraction(2)).of_units(["x"] * N, ["d"] * N)
    capacity = within_hours(units, _options(100), hours, Fraction(61))
    assert capacity == 30
    assert expected_hours(plan_design(units, _options(30), hours)) == 60


def test_a_hedge_lies_between_the_models(units: PlanUnits) -> None:
    model = units.model
    assert model is not None
    codes = np.arange(N) % 3
    flat = without_score(model, units.size_minor)
    assert flat.total == pytest.approx(model.total)
    assert flat.chance.sum() == pytest.approx(model.chance.sum())
    one, other = spread_guesses(codes, 3, model), spread_guesses(codes, 3, flat)
    got = hedged_spreads(codes, 3, model, units.size_minor)
    assert got == pytest.approx((one + other) / 2)
