"""Rules about employers: planted cases found with hits, amount and evidence; clean ones not.

Numbers are worked out by hand from the planted rows; parameters are tried at -1, 0 and +1.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

# One employer's staff list


def staff(town, employer: str, number: int) -> list[str]:
    """Register the staff of an employer."""
    people = [f"{employer}-{n}" for n in range(number)]
    for person in people:
        town.add("insured", insured_id=person, sex="F", birth_date=date(1980, 1, 1),
                 employer_id=employer)  # fmt: skip
    return people


def visits(town, people: list[str], *, first: int = 0, step: int = 0, house: str = "o1"):
    """Plant a visit of each, ``step`` days apart; the fund pays 70.00."""
    return [
        town.claim(f"{town.day(first + step * n)} 10:00", insured_id=person, institution_id=house)
        for n, person in enumerate(people)
    ]


@pytest.fixture
def firms(town):
    """Return a town with another employer of 190 people, five of whom come once."""
    town.add("employers", employer_id="e1", known_at=town.moment("2020-01-01"))
    visits(town, staff(town, "e9", 190)[:5], step=3)
    return town


def test_a_staff_list_billed_as_a_block(firms, profile_hits):
    billed = visits(firms, staff(firms, "e1", 20)[:12], step=2)
    again = visits(firms, ["e1-0"], first=5)
    found = profile_hits(firms, "EMPLOYER_ROSTER_BILLING")
    assert found.last == {"e1": (12, 13 * 7_000)}
    assert found.evidence == {"e1": {*billed, *again}}


@pytest.mark.parametrize(("came", "of", "hit"), [
    (9, 20, False), (10, 20, True), (11, 20, True), (10, 33, True), (10, 34, False),
])  # fmt: skip
def test_thresholds_of_a_block(firms, profile_hits, came, of, hit):
    """Ten persons, and more than 30 % of the staff: 10 of 33 are 30.3 %, 10 of 34 29.4 %."""
    visits(firms, staff(firms, "e1", of)[:came])
    assert bool(profile_hits(firms, "EMPLOYER_ROSTER_BILLING").last) is hit


@pytest.mark.parametrize(("last", "hit"), [(29, True), (30, False)])
def test_a_block_takes_a_month(firms, profile_hits, last, hit):
    people = staff(firms, "e1", 20)
    visits(firms, people[:9])
    visits(firms, people[9:10], first=last)
    assert bool(profile_hits(firms, "EMPLOYER_ROSTER_BILLING").last) is hit


@pytest.mark.parametrize(("others", "hit"), [(9, True), (10, False)])
def test_a_house_where_everybody_goes(town, profile_hits, others, hit):
    """10 of 20 against ``others`` of 190: half is ten times 9.5 of 190, not of 10."""
    visits(town, staff(town, "e9", 190)[:others])
    visits(town, staff(town, "e1", 20)[:10])
    found = profile_hits(town, "EMPLOYER_ROSTER_BILLING")
    assert bool(found.last) is hit


def test_a_works_clinic_is_none(firms, profile_hits):
    firms.rows["employers"][0]["institution_id"] = "o1"
    visits(firms, staff(firms, "e1", 20)[:12])
    assert not profile_hits(firms, "EMPLOYER_ROSTER_BILLING").last


def test_two_houses_and_one_faithful_patient_are_no_block(firms, profile_hits):
    people = staff(firms, "e1", 20)
    visits(firms, people[:9])
    visits(firms, people[9:18], house="o2")
    visits(firms, people[:9], first=1)
    assert not profile_hits(firms, "EMPLOYER_ROSTER_BILLING").last


def test_a_cancelled_bill_leaves_the_block(firms, profile_hits):
    billed = visits(firms, staff(firms, "e1", 20)[:10])
    firms.reverse(billed[0], "2024-04-20")
    found = profile_hits(firms, "EMPLOYER_ROSTER_BILLING")
    assert (found.last, found.days) == ({}, [date(2024, 4, 1)])


# Joined to give birth


def member(town, person: str, joined: str, left: str = "", base: int = 500_000, **given) -> None:
    """Insure a person through an employer, with contributions from January to June 2024."""
    row = {"insured_id": person, "insurance_type": "310", "employer_id": "e1", "status": "active",
           "valid_from": date.fromisoformat(joined),
           "valid_to": date.fromisoformat(left) if left else None,
           "known_at": town.moment(joined)}  # fmt: skip
    town.add("coverage", **{**row, **given})
    for month in range(1, 7):
        town.add("contributions", employer_id=given.get("employer_id", "e1"), insured_id=person,
                 insurance_type="310", month=date(2024, month, 1), base=base,
                 known_at=town.moment(f"2024-{month:02}-10"))  # fmt: skip


def birth(town, person: str, day: str = "2024-05-10", code: str = "O80.0") -> str:
    """Plant a birth of three days for which the fund paid 70.00."""
    ended = str(date.fromisoformat(day) + timedelta(days=3))
    return town.stay(day, ended, insured_id=person, main_diagnosis=code)


def ring(town, births: int = 3, others: int = 3, joined: str = "2024-02-01", left: str = "",
         base: int = 500_000) -> list[str]:  # fmt: skip
    """Plant an employer with so many births and so many other members."""
    for n in range(others):
        member(town, f"w{n}", "2023-01-01")
    for n in range(births):
        member(town, f"m{n}", joined, left, base)
    return [birth(town, f"m{n}") for n in range(births)]


def test_staff_that_joined_to_give_birth(town, profile_hits):
    born = ring(town)
    found = profile_hits(town, "EMPLOYER_MATERNITY_RING")
    assert found.last == {"e1": (3, 21_000)}  # three of six, all joined in February
    assert found.evidence == {"e1": set(born)}
    assert found.days[0] == date(2024, 6, 1)


SIGNS = {
    "share": {"others": 6},  # 3 of 9: 33.3 %
    "joined": {"others": 20, "joined": "2024-02-01"},
    "left": {"others": 20, "left": "2024-07-20"},
    "base": {"others": 20, "base": 3_000_000},
}
OLD = "2023-05-01"


@pytest.mark.parametrize("sign", SIGNS)
def test_one_sign_is_not_enough(town, profile_hits, sign):
    ring(town, **{"joined": OLD, **SIGNS[sign]})
    assert not profile_hits(town, "EMPLOYER_MATERNITY_RING").last


@pytest.mark.parametrize(("sign", "other"), [
    ("share", "joined"), ("joined", "left"), ("left", "base"), ("base", "share"),
])  # fmt: skip
def test_two_signs_are(town, profile_hits, sign, other):
    given = {"joined": OLD, **SIGNS[sign], **SIGNS[other]}
    given["others"] = 6 if "share" in (sign, other) else 20
    # With 20 or 6 others at 5,000 the mean is 8,261 or 13,333: 30,000 are above twice as much.
    ring(town, **given)
    assert profile_hits(town, "EMPLOYER_MATERNITY_RING").last == {"e1": (3, 21_000)}


@pytest.mark.parametrize(("given", "hit"), [
    ({"births": 2}, False), ({"births": 4}, True),
    ({"others": 7}, False), ({"others": 6}, True),
    ({"joined": "2023-11-08"}, False), ({"joined": "2023-11-09"}, True),
])  # fmt: skip
def test_thresholds_of_a_ring(town, profile_hits, given, hit):
    """3 of 10 are not above 30 %, 3 of 9 are; 9 November is 183 days before 10 May."""
    ring(town, **{"others": 6, **given})
    assert bool(profile_hits(town, "EMPLOYER_MATERNITY_RING").last) is hit


@pytest.mark.parametrize(("left", "hit"), [("2024-08-09", True), ("2024-08-10", False)])
def test_leaving_within_three_months(town, profile_hits, left, hit):
    """9 August is 91 days after 10 May."""
    ring(town, others=6, joined=OLD, left=left)
    assert bool(profile_hits(town, "EMPLOYER_MATERNITY_RING").last) is hit


@pytest.mark.parametrize(("base", "hit"), [(2_000_000, False), (2_000_001, True)])
def test_a_base_of_twice_the_mean(town, profile_hits, base, hit):
    """Six others at 5,000 and three at 20,000: a mean of 10,000."""
    ring(town, others=6, joined=OLD, base=2_000_000)
    for row in town.rows["contributions"]:
        if row["insured_id"].startswith("m"):
            row["base"] = base
        elif base > 2_000_000 and row["insured_id"] == "w0":
            row["base"] = 499_997  # keeps the mean
    assert bool(profile_hits(town, "EMPLOYER_MATERNITY_RING").last) is hit


def test_births_before_joining_or_elsewhere_do_not_count(town, profile_hits):
    ring(town, births=2)
    member(town, "late", "2024-05-11")
    birth(town, "late")
    member(town, "other", "2024-02-01", employer_id="e2")
    birth(town, "other")
    member(town, "ill", "2024-02-01")
    birth(town, "ill", code="O85.0")
    assert not profile_hits(town, "EMPLOYER_MATERNITY_RING").last


def test_repeated_register_rows_and_cancelled_births(town, profile_hits):
    born = ring(town)
    again = [{**row, "valid_from": row["valid_from"] + timedelta(days=1)}
             for row in town.rows["coverage"]]  # fmt: skip
    town.rows["coverage"] += again
    assert profile_hits(town, "EMPLOYER_MATERNITY_RING").last == {"e1": (3, 21_000)}
    town.reverse(born[0], "2024-06-15")
    found = profile_hits(town, "EMPLOYER_MATERNITY_RING")
    assert (found.last, found.days) == ({}, [date(2024, 6, 1)])
