"""What became known on or after the as-of date, or after a claim, changes nothing about it.

Small random towns: the number of them is set by JIHE_PROOF_STORES.
"""

from __future__ import annotations

import copy
import os
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.clock import cut
from features.published import write_features

STORES = int(os.environ.get("JIHE_PROOF_STORES", "8"))
ZONE = "Asia/Shanghai"
TABLES = ("claim_lines", "deaths", "price_caps", "sex_limits", "daily_maxima", "mild_diagnoses",
          "holidays", "distances", "drug_classes", "drg_groups")  # fmt: skip


def without_future(town, as_of: date):
    """Return the town as it was: no row, reversal or death known from ``as_of`` on."""
    past = copy.deepcopy(town)
    end = cut(as_of, ZONE)

    def known(row, column="known_at") -> bool:
        return (row[column] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) < end

    past.rows["claims"] = [row for row in past.rows["claims"] if known(row)]
    past.rows["deaths"] = [row for row in past.rows["deaths"] if known(row)]
    for row in past.rows["claims"]:
        if row.get("reversed_at") and not known(row, "reversed_at"):
            row["reversed_at"] = None
    kept = {row["claim_id"] for row in past.rows["claims"]}
    past.rows["claim_lines"] = [r for r in past.rows["claim_lines"] if r["claim_id"] in kept]
    return past


PROOF = settings(
    max_examples=STORES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@PROOF
@given(seed=st.integers(0, 2**32 - 1), day=st.integers(25, 110))
def test_the_future_changes_nothing_as_of_a_date(new_town, random_town, everything, seed, day):
    town = random_town(new_town, seed)
    as_of = date(2024, 2, 1) + timedelta(days=day)
    past = without_future(town, as_of)
    if not past.rows["claims"]:
        return
    assert everything(town.build(as_of.isoformat(), *TABLES)) == everything(
        past.build(as_of.isoformat(), *TABLES)
    )


@PROOF
@given(seed=st.integers(0, 2**32 - 1), day=st.integers(25, 90))
def test_later_rows_change_no_earlier_claim(new_town, random_town, seed, day):
    """A claim's row at a later date is the row that it had when it became known."""
    town = random_town(new_town, seed)
    # A first of a month: an as-of date inside a month adds a profile date of its own.
    early = date(2024, 2 + day // 30, 1)
    past = without_future(town, early)
    if not past.rows["claims"]:
        return
    before, after = past.build(early.isoformat(), *TABLES), town.build("2024-07-01", *TABLES)
    old, new = before.matrix("claim"), after.matrix("claim")
    rows = {unit_id: place for place, unit_id in enumerate(new.unit_ids)}
    assert old.names == new.names
    for place, unit_id in enumerate(old.unit_ids):
        if unit_id in rows:  # what was reversed since then is no claim any more
            assert old.values[place].tobytes() == new.values[rows[unit_id]].tobytes()
    known = (
        "SELECT h.* FROM rule_hits h JOIN facts f USING (claim_id) WHERE known_us < ? ORDER BY ALL"
    )
    limit = [cut(early, ZONE)]
    assert before.con.execute(known, limit).fetchall() == after.con.execute(known, limit).fetchall()


@pytest.mark.parametrize("seed", range(3))
def test_the_future_is_not_published(new_town, random_town, tmp_path, seed):
    """Reversals and deaths that become known later are not in the file either."""
    town = random_town(new_town, seed)
    past = without_future(town, date(2024, 3, 5))
    town.rows["deaths"][0]["known_at"] = datetime(2024, 4, 1, tzinfo=UTC)
    past.rows["deaths"] = []
    contents = set()
    for name, one in (("all", town), ("past", past)):
        made = one.build("2024-03-05", *TABLES)
        write_features(made, tmp_path / name, made.matrix("claim").names)
        contents.add((tmp_path / name).read_bytes())
    assert len(contents) == 1


def test_labels_and_outcomes_change_nothing(new_town, random_town, everything):
    town = random_town(new_town, 5)
    before = everything(town.build("2024-05-01", *TABLES))
    for row in town.rows["claims"]:
        town.add("labels", unit="claim", unit_id=row["claim_id"], label=1, overpaid_amount=500,
                 label_date=date(2024, 3, 1), final_weight=1.0, training_weight=1.0)  # fmt: skip
    assert everything(town.build("2024-05-01", *TABLES)) == before


def value(build, claim_id: str, name: str) -> float:
    m = build.matrix("claim")
    return float(m.values[list(m.unit_ids).index(claim_id), m.names.index(name)])


@pytest.mark.parametrize(("microseconds", "seen"), [(-1, 1.0), (0, 0.0), (1, 0.0)])
def test_history_is_strictly_before(town, microseconds, seen):
    known = datetime(2024, 3, 2, 3, tzinfo=UTC)
    earlier = known + timedelta(microseconds=microseconds)
    town.claim("2024-03-02 10:00", known_at=earlier, institution_id="o2", fund_amount=1)
    later = town.claim("2024-03-02 10:00", known_at=known)
    assert value(town.build(), later, "history_same_day_claims") == seen


@pytest.mark.parametrize(("microseconds", "seen"), [(-1, 0.0), (0, 1.0), (1, 1.0)])
def test_a_reversal_counts_from_when_it_is_known(town, microseconds, seen):
    known = datetime(2024, 3, 3, 3, tzinfo=UTC)
    town.claim("2024-03-02 10:00", reversed_at=known + timedelta(microseconds=microseconds))
    later = town.claim("2024-03-02 10:00", known_at=known)
    assert value(town.build(), later, "history_same_day_claims") == seen


@pytest.mark.parametrize(("microseconds", "seen"), [(-1, 1.0), (0, 0.0), (1, 0.0)])
def test_a_death_counts_from_when_it_is_known(town, microseconds, seen):
    known = datetime(2024, 3, 20, 3, tzinfo=UTC)
    claim = town.claim("2024-03-10 10:00", known_at=known)
    town.add("deaths", insured_id="p1", death_date=date(2024, 3, 1),
             known_at=known + timedelta(microseconds=microseconds))  # fmt: skip
    assert value(town.build(), claim, "rule_service_after_death") == seen


@pytest.mark.parametrize(("microseconds", "seen"), [(-1, True), (0, False)])
def test_the_as_of_date_is_half_open(town, microseconds, seen):
    midnight = datetime(2024, 3, 31, 16, tzinfo=UTC)
    town.claim("2024-01-10 10:00")
    claim = town.claim("2024-03-10 10:00", known_at=midnight + timedelta(microseconds=microseconds))
    assert (claim in town.build("2024-04-01").matrix("claim").unit_ids) is seen


@pytest.mark.parametrize(("microseconds", "seen"), [(-1, 2), (0, 1)])
def test_a_monthly_profile_ends_before_its_first_microsecond(town, microseconds, seen):
    """Known at 1 April 00:00 sharp: not in the profile of 1 April, but looks it up."""
    midnight = datetime(2024, 3, 31, 16, tzinfo=UTC)
    town.claim("2024-03-01 10:00")
    edge = town.claim("2024-03-10 10:00", known_at=midnight + timedelta(microseconds=microseconds))
    later = town.claim("2024-04-02 10:00")
    made = town.build("2024-06-01")
    assert value(made, later, "org_claims_730") == pytest.approx(np.log1p(seen))
    looked_up = value(made, edge, "org_claims_730")
    assert np.isnan(looked_up) if microseconds < 0 else looked_up == pytest.approx(np.log(2))


@pytest.mark.parametrize(("change", "compared"), [
    ({}, True),
    ({"known_at": datetime(2024, 3, 31, 16, tzinfo=UTC) - timedelta(microseconds=1)}, True),
    ({"known_at": datetime(2024, 3, 31, 16, tzinfo=UTC)}, False),
    ({"reversed_at": datetime(2024, 3, 20, tzinfo=UTC)}, False),
    ({"reversed_at": datetime(2024, 3, 31, 16, tzinfo=UTC)}, True),
    ({"claim_type": "pharmacy"}, False),
])  # fmt: skip
def test_peers_are_the_thirty_claims_known_before_the_month(town, change, compared):
    """Of 29 claims and one that is changed, thirty must have been known, and live, on 1 April."""
    for n in range(29):
        town.claim("2024-03-01 10:00", insured_id=f"q{n}")
    town.claim("2024-03-01 10:00", insured_id="q29", **change)
    # A spread of 5 % of the median 10,000 is 500: (12,000 - 10,000) / 500 = 4.
    later = town.claim("2024-04-02 10:00", total_amount=12_000)
    found = value(town.build("2024-06-01"), later, "peer_amount")
    assert found == 4.0 if compared else np.isnan(found)


def test_institutions_are_compared_as_of_their_month(new_town):
    """Six clinics in March; what they charge in May does not move the comparison of April."""
    town = new_town()
    amounts = [10_000, 11_000, 12_000, 13_000, 14_000, 40_000]
    for number, amount in enumerate(amounts):
        town.institution(f"o{number}")
        town.claim("2024-03-01 10:00", institution_id=f"o{number}", total_amount=amount)
        town.claim("2024-05-01 10:00", institution_id=f"o{number}", total_amount=90_000 * number)
    later = town.claim("2024-04-02 10:00", institution_id="o5")
    costs = np.log1p(np.array(amounts, dtype=float))
    median = np.median(costs)
    spread = max(1.4826 * np.median(np.abs(costs - median)), 0.05 * median, 0.01)
    expected = (costs[5] - median) / spread
    assert value(town.build("2024-06-01"), later, "org_visit_cost_365_peer") == expected


@pytest.mark.parametrize(("days", "seen"), [(29, 1), (30, 1), (31, 0)])
def test_claim_windows_reach_back_to_their_day(town, days, seen):
    town.claim("2024-03-01 10:00")
    later = town.claim(str(date(2024, 3, 1) + timedelta(days=days)) + " 10:00")
    assert value(town.build(), later, "history_claims_30") == pytest.approx(np.log1p(seen))


@pytest.mark.parametrize(("days", "seen"), [(89, 1), (90, 1), (91, 0)])
def test_profile_windows_reach_back_to_their_day(town, days, seen):
    town.claim("2024-03-01 10:00")
    m = town.build(str(date(2024, 3, 1) + timedelta(days=days))).matrix("institution")
    assert m.values[0, m.names.index("org_claims_90")] == pytest.approx(np.log1p(seen))


@pytest.mark.parametrize(("seconds", "seen"), [(600, 1), (601, 0), (0, 1), (-1, 0)])
def test_the_place_window_is_ten_minutes(town, seconds, seen):
    moment = datetime(2024, 3, 2, 3, tzinfo=UTC)
    town.claim("2024-03-02", insured_id="p2", service_at=moment - timedelta(seconds=seconds),
               known_at=moment)  # fmt: skip
    later = town.claim("2024-03-02", service_at=moment, known_at=moment + timedelta(hours=1))
    assert value(town.build(), later, "place_claims_10min") == pytest.approx(np.log1p(seen))


@pytest.mark.parametrize(("seconds", "seen"), [(0, 1), (900, 1), (1_800, 1), (1_801, 0), (-1, 0)])
@pytest.mark.parametrize("minute", [0, 15, 29])
def test_equal_amounts_of_half_an_hour(town, seconds, seen, minute):
    """Whatever the minute: the half hour is the claim's own, not the clock's."""
    moment = datetime(2024, 3, 2, 3, minute, tzinfo=UTC)
    town.claim("2024-03-02", insured_id="p2", service_at=moment - timedelta(seconds=seconds),
               known_at=moment)  # fmt: skip
    later = town.claim("2024-03-02", service_at=moment, known_at=moment + timedelta(hours=1))
    assert value(town.build(), later, "place_equal_amounts_30min") == seen
