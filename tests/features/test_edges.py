"""Small and strange inputs give defined values, never an exception, in batch and online alike."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from features.as_of import DefaultAsOf, chosen, default_as_of
from features.build import BuildError
from features.online import OnlineFeatures, claim_row
from features.published import write_features

OPTIONAL = ("claim_lines", "insured", "institutions", "deaths", "price_caps", "sex_limits",
            "daily_maxima", "mild_diagnoses")  # fmt: skip


def published(build, path):
    write_features(build, path, build.matrix("claim").names)
    return OnlineFeatures(path)


def online_row(town, build, path, claim_id: str, lines=()):
    """Return the online row of one of the town's claims."""
    claim = next(row for row in town.rows["claims"] if row["claim_id"] == claim_id)
    online = published(build, path)
    row = online.row(claim_row(claim, "Asia/Shanghai"), line_rows=lines)
    online.close()
    return row


def test_one_claim_of_one_institution(town, tmp_path):
    claim = town.claim("2024-03-01 10:00")
    made = town.build("2024-03-05", *OPTIONAL)
    for unit in ("claim", "institution", "insured"):
        m = made.matrix(unit)
        assert len(m) == 1
        assert m.amounts[0] == 8_000  # fund 70.00 and personal account 10.00
    m = made.matrix("claim")
    assert online_row(town, made, tmp_path / "f", claim).values.tobytes() == m.values[0].tobytes()
    assert m.values[0, m.names.index("claim_total_amount")] == pytest.approx(np.log(10_001))
    assert m.values[0, m.names.index("history_claims_30")] == 0
    assert np.isnan(m.values[0, m.names.index("peer_amount")])
    assert np.isnan(m.values[0, m.names.index("org_claims_730")])  # no profile before the claim


def test_nothing_was_known_before_the_date(town):
    town.claim("2024-03-01 10:00")
    with pytest.raises(BuildError, match="2024-03-01"):
        town.build("2024-03-01")


def test_the_default_date_is_the_day_after_the_last_claim(town):
    town.claim("2024-03-01 10:00", known="2024-03-31 23:59")
    assert default_as_of(town.store()).day == date(2024, 4, 1)


def test_optional_columns_that_are_all_null(town, tmp_path):
    claim = town.stay("2024-03-01 10:00", "2024-03-04 10:00", account_amount=None, self_amount=None,
                      main_diagnosis=None, doctor_id=None, diagnosis_count=None)  # fmt: skip
    town.line(claim, days_supply=None)
    made = town.build("2024-04-01", *OPTIONAL)
    m = made.matrix("claim")
    row = online_row(town, made, tmp_path / "f", claim)
    assert np.isnan(row.values[m.names.index("claim_account_share")])
    assert np.isnan(row.values[m.names.index("claim_diagnosis_count")])
    assert row.values[m.names.index("claim_stay_days")] == 3


def test_a_stay_without_lines(town):
    bare = town.stay("2024-03-01 10:00", "2024-03-09 10:00")
    other = town.claim("2024-03-01 10:00", insured_id="p2")
    town.line(other)
    m = town.build("2024-04-01", *OPTIONAL).matrix("claim")
    row = m.values[list(m.unit_ids).index(bare)]
    for name in ("claim_bed_share", "claim_idle_days", "claim_line_count", "claim_drug_share"):
        assert np.isnan(row[m.names.index(name)])
    assert row[m.names.index("rule_hanging_bed")] == 0


def test_days_without_any_line_are_not_idle_days(town):
    """Treatment on day 0, beds posted on days 0 and 9: one day of nothing but bed, of eleven."""
    stay = town.stay("2024-03-01 10:00", "2024-03-11 10:00")
    town.line(stay, item_class="treatment")
    for day in ("2024-03-01", "2024-03-10"):
        town.line(stay, day, item_class="bed", amount=9_000)
    m = town.build("2024-04-01", *OPTIONAL).matrix("claim")
    assert m.values[0, m.names.index("claim_idle_days")] == pytest.approx(1 / 11)
    assert m.values[0, m.names.index("rule_hanging_bed")] == 0


def test_a_class_that_the_lines_do_not_have_is_nothing(town):
    claim = town.claim("2024-03-01 10:00")
    town.line(claim, item_class="exam", amount=2_500)
    m = town.build("2024-04-01", *OPTIONAL).matrix("claim")
    assert m.values[0, m.names.index("claim_drug_share")] == 0
    assert m.values[0, m.names.index("claim_exam_share")] == 0.25


def test_an_institution_that_the_register_does_not_know(town, tmp_path):
    town.claim("2024-01-10 10:00", institution_id="nowhere")
    claim = town.claim("2024-03-01 10:00", institution_id="nowhere")
    made = town.build("2024-04-01", *OPTIONAL)
    m = made.matrix("claim")
    place = list(m.unit_ids).index(claim)
    assert (
        online_row(town, made, tmp_path / "f", claim).values.tobytes() == m.values[place].tobytes()
    )
    assert m.values[place, m.names.index("org_claims_730")] == pytest.approx(np.log(2))
    assert np.isnan(m.values[place, m.names.index("org_bed_use_90")])


def test_ids_never_seen_before(town, tmp_path):
    town.claim("2024-03-01 10:00")
    made = town.build("2024-04-01", *OPTIONAL)
    fresh = town.claim("2024-05-01 23:30", insured_id="new", institution_id="new", doctor_id="new")
    row = online_row(town, made, tmp_path / "f", fresh)
    names = made.matrix("claim").names
    assert len(row.values) == len(names)
    assert row.values[names.index("history_claims_365")] == 0
    assert row.values[names.index("claim_night")] == 1
    assert np.isnan(row.values[names.index("org_claims_730")])
    assert row.hits == ()


def test_a_claim_after_the_last_profile_uses_the_last_one(town, tmp_path):
    town.claim("2024-03-01 10:00")
    made = town.build("2024-04-01", *OPTIONAL)
    late = town.claim("2024-09-01 10:00", insured_id="new")
    row = online_row(town, made, tmp_path / "f", late)
    assert row.values[made.matrix("claim").names.index("org_claims_730")] == pytest.approx(
        np.log(2)
    )


@pytest.mark.parametrize("bad", ["birth_date", "sex"])
def test_a_person_of_whom_something_is_unknown(town, bad):
    town.rows["insured"][0][bad] = None
    claim = town.claim("2024-03-01 10:00")
    m = town.build("2024-04-01", *OPTIONAL).matrix("claim")
    assert list(m.unit_ids) == [claim]
    assert np.isnan(m.values[0, m.names.index("claim_age")]) == (bad == "birth_date")


def test_a_person_who_is_in_no_register(town, tmp_path):
    town.rows.pop("insured")
    claim = town.claim("2024-03-01 10:00")
    made = town.build("2024-04-01", *OPTIONAL)
    m = made.matrix("claim")
    assert online_row(town, made, tmp_path / "f", claim).values.tobytes() == m.values[0].tobytes()
    assert np.isnan(m.values[0, m.names.index("claim_age")])


def test_everything_reversed_leaves_empty_matrices(town):
    claim = town.claim("2024-03-01 10:00")
    town.reverse(claim, "2024-03-10")
    made = town.build("2024-04-01", *OPTIONAL)
    for unit in ("claim", "institution", "insured"):
        m = made.matrix(unit)
        assert m.values.shape == (0, len(m.names))


def test_interim_settlements_are_one_stay(town):
    first = town.stay("2024-03-01", "2024-03-11", stay_id="s1", main_diagnosis="F20.9")
    second = town.stay("2024-03-11", "2024-03-20", stay_id="s1", main_diagnosis="F20.9")
    other = town.stay("2024-04-01", "2024-04-03", stay_id="s2", main_diagnosis="F20.9")
    m = town.build("2024-05-01", *OPTIONAL).matrix("claim")
    rows = dict(zip(m.unit_ids, m.values, strict=True))
    since, stays = m.names.index("history_days_since_discharge"), m.names.index("history_stays_90")
    assert [rows[c][stays] for c in (first, second, other)] == [0, 0, 1]
    assert np.isnan(rows[second][since])
    assert rows[other][since] == 12


def test_a_matrix_can_be_cut_to_rows(simulated_build):
    m = simulated_build.matrix("claim")
    part = m.take(m.rule_hits > 0)
    assert len(part) == int((m.rule_hits > 0).sum())
    assert (part.rule_hits > 0).all()
    assert part.names == m.names


def test_a_few_claims_far_behind_all_others_do_not_move_the_default_date() -> None:
    days = [(date(2024, 1, 1) + timedelta(days=n), 10) for n in range(300)]
    last = days[-1][0]
    assert chosen(days) == DefaultAsOf(last + timedelta(days=1))
    far = date(2025, 12, 31)
    assert chosen([*days, (far, 3)]) == DefaultAsOf(last + timedelta(days=1), 3, far)
    # Two of them, a year apart, are both strays; more than one in a thousand is data.
    further = date(2027, 1, 1)
    assert chosen([*days, (far, 1), (further, 1)]) == DefaultAsOf(last + timedelta(days=1), 2, far)
    assert chosen([*days, (far, 4)]) == DefaultAsOf(date(2026, 1, 1))
    # A gap of 45 days is a quiet season, one of 46 is not.
    for gap, strays in ((45, 0), (46, 1)):
        assert chosen([*days, (last + timedelta(days=gap), 1)]).strays == strays
    assert chosen([(far, 1)]) == DefaultAsOf(date(2026, 1, 1))
