"""Accounts and limits drained: round, like and late payments, worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.features.planted_people import noon, round_payments


@pytest.mark.parametrize(("number", "hit"), [(4, False), (5, True), (6, True)])
def test_round_payments_from_accounts(town, number, hit):
    planted = round_payments(town, number)
    found = town.judged("CAP_OR_ACCOUNT_DRAIN")
    assert found.hits == {planted[n]: (n, 15_000) for n in range(4, number)}
    assert bool(found.hits) is hit
    if hit:
        assert found.evidence[planted[4]] == set(planted[:4])


def test_an_odd_payment_after_round_ones_is_not_one_of_them(town):
    planted = round_payments(town, 6)
    town.rows["claims"][-1]["total_amount"] = 20_001
    assert planted[5] not in town.judged("CAP_OR_ACCOUNT_DRAIN").hits


@pytest.mark.parametrize("given", [
    {"total_amount": 20_001}, {"total_amount": 10_000}, {"account_amount": 9_999},
    {"claim_type": "outpatient"},
])  # fmt: skip
def test_other_payments_are_not_round(town, given):
    round_payments(town, 7, **given)
    assert not town.judged("CAP_OR_ACCOUNT_DRAIN").hits


def test_round_payments_of_two_months_are_not_one_series(town):
    planted = round_payments(town, 5)
    town.rows["claims"][-1].update(
        service_at=datetime(2024, 3, 31, 3, tzinfo=UTC), service_date=date(2024, 3, 31),
        service_end_date=date(2024, 3, 31),
        service_end_at=datetime(2024, 3, 31, 3, tzinfo=UTC),
        known_at=datetime(2024, 4, 1, tzinfo=UTC),
    )  # fmt: skip
    assert planted[4] not in town.judged("CAP_OR_ACCOUNT_DRAIN").hits


@pytest.mark.parametrize(("least", "hit"), [(9_501, True), (9_500, True), (9_499, False)])
def test_like_payments_of_one_person(town, least, hit):
    """Five payments at one pharmacy that differ by less than 5 % of the largest."""
    planted = [
        town.claim(noon(n), institution_id="shop", claim_type="pharmacy", total_amount=amount,
                   account_amount=5_000)
        for n, amount in enumerate((least, least, least, least, 10_000))
    ]  # fmt: skip
    found = town.judged("CAP_OR_ACCOUNT_DRAIN").hits
    assert (planted[4] in found) is hit
    if hit:
        assert found == {planted[4]: (4, 5_000)}


def towards_the_limit(town, before: int, now: int, earlier: str = "2024-11-20") -> str:
    """Use an outpatient limit of 1,000.00 in two purchases of drugs."""
    town.add("policy_limits", insurance_type="310", limit_kind="outpatient_cap", level="all",
             limit_amount=100_000, valid_from=date(2024, 1, 1))  # fmt: skip
    claims = [
        town.claim(when + " 10:00", insurance_type="310", pooled_amount=amount, account_amount=0)
        for when, amount in ((earlier, before), ("2024-12-20", now))
    ]  # fmt: skip
    for claim in claims:
        town.line(claim)
    return claims[1]


@pytest.mark.parametrize(("before", "now", "hit"), [
    (47_500, 47_499, False), (47_500, 47_500, True), (47_500, 47_501, True), (0, 95_000, True),
])  # fmt: skip
def test_a_limit_used_up_late_in_the_year(town, before, now, hit):
    claim = towards_the_limit(town, before, now)
    assert town.judged("CAP_OR_ACCOUNT_DRAIN").hits == ({claim: (1, now)} if hit else {})


@pytest.mark.parametrize(("earlier", "before", "now", "hit"), [
    ("2024-10-22", 47_500, 47_500, True),
    ("2024-10-21", 47_499, 47_501, True),
    ("2024-10-21", 47_500, 47_500, False),  # 60 days before and earlier: half is not most
    ("2024-01-01", 47_499, 47_501, True),
    ("2023-12-31", 47_499, 47_501, False),  # another year
])  # fmt: skip
def test_a_limit_used_up_over_the_year_is_none(town, earlier, before, now, hit):
    towards_the_limit(town, before, now, earlier)
    assert bool(town.judged("CAP_OR_ACCOUNT_DRAIN").hits) is hit
