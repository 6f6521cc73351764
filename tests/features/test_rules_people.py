"""Rules about the insured: planted cases with hits, amount and evidence, worked out by hand."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime, timedelta

import pytest

DAY = date(2024, 3, 1)


def day(number: int) -> str:
    """Return the day ``number`` days after 1 March 2024."""
    return str(DAY + timedelta(days=number))


def noon(number: int) -> str:
    """Return eleven o'clock of the day."""
    return day(number) + " 11:00"


def stays(town, *days: int, **given) -> list[str]:
    return [
        town.stay(day(n), day(n + 4), stay_id=f"s{n}", main_diagnosis="I69.3", **given)
        for n in days
    ]


@pytest.mark.parametrize(("third", "hit"), [(88, True), (89, True), (90, False)])
def test_three_admissions_in_a_quarter(town, third, hit):
    planted = stays(town, 0, 40, third, fund_amount=900)
    found = town.judged("FREQUENT_ADMISSION")
    assert found.hits == ({planted[2]: (2, 900)} if hit else {})
    assert found.evidence == ({planted[2]: set(planted[:2])} if hit else {})


@pytest.mark.parametrize(("last", "hit"), [(364, True), (365, False)])
def test_six_admissions_in_a_year(town, last, hit):
    planted = stays(town, 0, 70, 140, 210, 270, last)
    assert town.judged("FREQUENT_ADMISSION").hits == ({planted[5]: (5, 7_000)} if hit else {})


@pytest.mark.parametrize(
    "change",
    [
        {"main_diagnosis": "Z51.1"},
        {"main_diagnosis": "F20.9"},
        {"main_diagnosis": "O80.0"},
        {"main_diagnosis": "D66"},
        {"discharge_way": "transferred"},
        {"stay_id": "s40"},
        {"insured_id": "p2"},
        {"claim_type": "outpatient"},
    ],
    ids=lambda change: "-".join(change.values()),
)
def test_what_is_no_frequent_admission(town, change):
    """A second of three stays that does not count leaves two."""
    stays(town, 0, 20, 40)
    town.rows["claims"][1].update(change)
    assert not town.judged("FREQUENT_ADMISSION").hits


def purchases(town, *days: int, item: str = "X1", **given) -> list[str]:
    """Buy a drug of 10.00 at another shop each time, three hours after the day begins."""
    made = []
    for place, number in enumerate(days):
        shop = {"institution_id": f"shop{place}", "claim_type": "pharmacy", **given}
        claim = town.claim(noon(number), total_amount=1_000, **shop)
        town.line(claim, item_code=item)
        made.append(claim)
    return made


@pytest.mark.parametrize(("last", "hit"), [(28, True), (29, True), (30, False)])
def test_a_drug_five_times_in_a_month(town, last, hit):
    planted = purchases(town, 0, 7, 14, 21, last)
    found = town.judged("FREQUENT_DRUG_PURCHASE")
    assert found.hits == ({planted[4]: (4, 1_000)} if hit else {})
    assert found.evidence == ({planted[4]: set(planted[:4])} if hit else {})


def test_four_times_or_bills_of_one_counter_are_not_frequent(town):
    purchases(town, 0, 7, 14, 21)
    for minute in range(3):
        claim = town.claim(f"{day(21)} 15:0{minute}", institution_id="shop3",
                           claim_type="pharmacy", total_amount=7 + minute)  # fmt: skip
        town.line(claim, item_code="X1")
    assert not town.judged("FREQUENT_DRUG_PURCHASE").hits


@pytest.mark.parametrize("diagnosis", ["N18.5", "Z51.1", "Z49.1"])
def test_dialysis_and_cycles_need_their_drugs(town, diagnosis):
    purchases(town, *range(0, 20, 2), main_diagnosis=diagnosis)
    assert not town.judged("FREQUENT_DRUG_PURCHASE").hits


@pytest.mark.parametrize(("number", "hit"), [(9, False), (10, True), (11, True)])
def test_ten_purchases_of_any_drug(town, number, hit):
    planted = []
    for n in range(number):
        planted += purchases(town, 2 * n, item=f"Y{n}", institution_id=f"i{n}")
    found = town.judged("FREQUENT_DRUG_PURCHASE").hits
    assert found == {planted[n]: (n, 1_000) for n in range(9, number)}
    assert bool(found) is hit


def test_a_second_bill_of_the_day_is_no_tenth_purchase(town):
    for n in range(9):
        purchases(town, 2 * n, item=f"Y{n}", institution_id=f"i{n}")
    purchases(town, 16, item="Y9", institution_id="i8", known_at=datetime(2024, 3, 18, tzinfo=UTC))
    assert not town.judged("FREQUENT_DRUG_PURCHASE").hits


def supplies(town, *given: tuple[str, str | None, int]) -> list[str]:
    """One drug from institutions and doctors, ten days apart, for so many days."""
    made = []
    for number, (place, doctor, days) in enumerate(given):
        claim = town.claim(noon(10 * number), institution_id=place, doctor_id=doctor)
        town.line(claim, item_code="X1", days_supply=days, amount=500)
        made.append(claim)
    return made


@pytest.mark.parametrize(("last", "hit"), [(89, False), (90, False), (91, True)])
def test_three_places_and_far_too_much(town, last, hit):
    """150 % of 180 days are 270: three supplies of 90 reach it, one day more passes it."""
    planted = supplies(town, ("a", "d1", 90), ("b", "d1", 90), ("c", None, last))
    found = town.judged("DOCTOR_SHOPPING")
    assert found.hits == ({planted[2]: (3, 500)} if hit else {})
    assert found.evidence == ({planted[2]: set(planted[:2])} if hit else {})


@pytest.mark.parametrize(("last", "hit"), [(89, False), (90, False), (91, True)])
def test_four_doctors_at_four_places(town, last, hit):
    """125 % of 180 days, 225, are enough with four doctors: 3 x 45 and more than 90."""
    planted = supplies(town, *((f"o{n}", f"d{n}", 45) for n in range(3)), ("o3", "d3", last))
    assert town.judged("DOCTOR_SHOPPING").hits == ({planted[3]: (4, 500)} if hit else {})


@pytest.mark.parametrize(
    ("place", "doctor"), [("o0", "d3"), ("o3", "d0"), ("o3", None)], ids=["places", "doctors", "no"]
)
def test_three_doctors_or_places_are_not_four(town, place, doctor):
    supplies(town, *((f"o{n}", f"d{n}", 45) for n in range(3)), (place, doctor, 99))
    assert not town.judged("DOCTOR_SHOPPING").hits


def test_two_places_or_two_drugs_are_no_shopping(town):
    planted = supplies(town, ("a", "d1", 180), ("b", "d2", 180), ("c", "d3", 180))
    town.rows["claims"][2]["institution_id"] = "a"
    assert not town.judged("DOCTOR_SHOPPING").hits
    town.rows["claims"][2]["institution_id"] = "c"
    line = next(row for row in town.rows["claim_lines"] if row["claim_id"] == planted[2])
    line["item_code"] = "X2"
    assert not town.judged("DOCTOR_SHOPPING").hits


def resold(town) -> None:
    for item in ("R1", "R2", "R3", "X1"):
        town.add("items", item_code=item, resale=item != "X1", valid_from=date(2020, 1, 1))


def resale(town, *bought: tuple[str, str, int], cash: int = 5_000) -> list[str]:
    """Buy a resold drug at a place for so many days; a tenth of the price is cash."""
    made = []
    for number, (item, place, days) in enumerate(bought):
        claim = town.claim(noon(10 * number), institution_id=place, self_amount=cash)
        town.line(claim, item_code=item, days_supply=days, amount=600)
        made.append(claim)
    return made


#: Signs one by one, on top of 3 x 84 = 252 days of one drug, more than 120 % of 180, which is one
#: sign; three times the longest supply, and nothing but such drugs, are two more.
FULL = (("R1", "a", 84), ("R1", "b", 84), ("R1", "a", 84))


@pytest.mark.parametrize(("bought", "cash", "signs"), [
    (FULL, 5_000, 3),
    (FULL, 2_000, 4),  # 20 % in cash
    (FULL, 2_001, 3),
    ((*FULL, ("R1", "c", 84), ("R1", "d", 84)), 5_000, 4),  # four places
    ((*FULL, ("R2", "a", 9), ("R3", "a", 9)), 5_000, 4),  # three drugs
    ((("R1", "a", 84), ("R1", "b", 84), ("R1", "a", 55)), 5_000, 0),  # oversupply and share: two
    ((("R1", "a", 72), ("R1", "b", 72), ("R1", "a", 72)), 5_000, 0),  # 216 days are not more
    ((("R1", "a", 73), ("R1", "b", 72), ("R1", "a", 72)), 5_000, 3),
    ((("R1", "a", 9), ("R1", "b", 9), ("R1", "c", 9), ("R1", "d", 9)), 2_000, 0),  # too little
])  # fmt: skip
def test_signs_of_resale(town, bought, cash, signs):
    resold(town)
    planted = resale(town, *bought, cash=cash)
    found = town.judged("DRUG_RESALE_PATTERN")
    assert found.hits.get(planted[-1]) == ((signs, 600) if signs else None)
    if signs:
        assert found.evidence[planted[-1]] == set(planted[:-1])


@pytest.mark.parametrize(("diagnosis", "signs"), [("C34.9", 3), ("I10", 4), (None, 4)])
def test_a_drug_without_a_fitting_diagnosis_is_a_sign(town, diagnosis, signs):
    """Compared by category: C34.1 is the reason of a drug for C34.9."""
    resold(town)
    town.add("indications", item_code="R1", diagnosis_prefix="C34.1", valid_from=date(2020, 1, 1))
    town.claim(noon(-20), main_diagnosis=diagnosis)
    planted = resale(town, *FULL)
    assert town.judged("DRUG_RESALE_PATTERN").hits[planted[-1]] == (signs, 600)


def test_other_drugs_thin_the_share_and_are_not_looked_at(town):
    """Three signs are left without the share: 252 days, the longest supply, little cash."""
    resold(town)
    planted = resale(town, *FULL, cash=100)
    town.line(planted[0], item_code="X1", amount=451)  # 1,800 of 2,251 is under 80 %
    assert town.judged("DRUG_RESALE_PATTERN").hits == {planted[2]: (3, 600)}
    for row in town.rows["items"]:
        row["valid_to"] = DAY  # no longer on the list of resold drugs
    assert not town.judged("DRUG_RESALE_PATTERN").hits


def test_twice_the_need_from_three_places_is_enough(town):
    """361 days in half a year; nothing else but the supply speaks against it."""
    resold(town)
    for days, hit in ((120, False), (121, True)):
        town.rows.pop("claims", None)
        planted = resale(town, ("R1", "a", 55), ("R1", "b", 55), ("R1", "a", 55), ("R1", "c", 75),
                         ("R1", "a", days))  # fmt: skip
        for claim in planted:
            town.line(claim, item_code="X1", amount=600)
        assert (planted[-1] in town.judged("DRUG_RESALE_PATTERN").hits) is hit
        town.rows.pop("claim_lines")


def borrowed(town) -> None:
    """A woman of 75, and lists of what a pregnant woman has."""
    town.add("insured", insured_id="w", sex="F", birth_date=date(1949, 3, 1))
    start = date(2020, 1, 1)
    for kind, code in (("diagnosis", "Z34.9"), ("item", "S1")):
        town.add("age_limits", code_kind=kind, code=code, age_unit="year", min_age=12, max_age=55,
                 valid_from=start)  # fmt: skip
    town.add("sex_limits", item_code="S2", sex="M", valid_from=start)
    town.add("sex_limited_codes", code_kind="diagnosis", code="N40", sex="M", valid_from=start)


def visit(town, number: int, diagnosis: str | None, item: str, **given) -> tuple[str, str]:
    claim = town.claim(noon(number), insured_id="w", main_diagnosis=diagnosis, **given)
    return claim, town.line(claim, item_code=item)


@pytest.mark.parametrize(("diagnosis", "item", "hits"), [
    ("Z34.9", "S1", 2), ("N40", "S2", 2), ("N40", "S1", 2), ("Z34.9", "X1", 0), ("I10", "S1", 0),
    (None, "S2", 0),
])  # fmt: skip
def test_two_facts_that_do_not_fit_the_person(town, diagnosis, item, hits):
    borrowed(town)
    claim, line = visit(town, 0, diagnosis, item)
    found = town.judged("IDENTITY_MISUSE")
    assert found.hits == ({claim: (2, 8_000)} if hits else {})
    assert found.evidence == ({claim: {line}} if hits else {})


def test_facts_add_up_over_claims(town):
    """The second visit is judged with the first; a third without a contradiction is not."""
    borrowed(town)
    visit(town, 0, "Z34.9", "X1")
    second, _ = visit(town, 30, "I10", "S2")
    visit(town, 60, "I10", "X1")
    assert town.judged("IDENTITY_MISUSE").hits == {second: (2, 8_000)}


@pytest.mark.parametrize(("age", "hit"), [(20_819, False), (20_820, False), (20_821, True)])
def test_an_age_must_be_off_by_a_year(town, age, hit):
    """Up to 55 means 56 times 365.25 days, 20,454; with 366 days of grace 20,820."""
    borrowed(town)
    town.rows["insured"][-1]["birth_date"] = DAY - timedelta(days=age)
    visit(town, 0, "Z34.9", "S1")
    assert bool(town.judged("IDENTITY_MISUSE").hits) is hit


@pytest.mark.parametrize(("age", "hit"), [(4_016, True), (4_017, False), (4_018, False)])
def test_too_young_by_a_year(town, age, hit):
    """From 12 means 4,383 days, less 366."""
    borrowed(town)
    town.rows["insured"][-1]["birth_date"] = DAY - timedelta(days=age)
    visit(town, 0, "Z34.9", "S1")
    assert bool(town.judged("IDENTITY_MISUSE").hits) is hit


@pytest.mark.parametrize(("before", "after", "hit"), [
    ("47.09", "47.01", True), ("47.09", "47.09", True), ("51.22", "51.23", True),
    ("47.09", "51.23", False), ("79.36", "79.36", False),
])  # fmt: skip
def test_an_organ_is_not_removed_twice(town, before, after, hit):
    planted = [town.stay(day(n), day(n + 4), stay_id=f"s{n}") for n in (0, 100)]
    for claim, code in zip(planted, (before, after), strict=True):
        town.add("claim_procedures", claim_id=claim, place=1, procedure_code=code)
    found = town.judged("IDENTITY_MISUSE")
    assert found.hits == ({planted[1]: (1, 8_000)} if hit else {})
    assert found.evidence == ({planted[1]: {planted[0]}} if hit else {})


def test_an_organ_removed_three_times_is_one_fact(town):
    planted = stays(town, 0, 100, 200)
    for claim in planted:
        town.add("claim_procedures", claim_id=claim, place=1, procedure_code="47.09")
    hits = town.judged("IDENTITY_MISUSE").hits
    assert hits == {planted[1]: (1, 8_000), planted[2]: (1, 8_000)}


def round_payments(town, number: int, **given) -> list[str]:
    town.institution("shop", "pharmacy")
    return [
        town.claim(noon(2 * n), insured_id=f"q{n}", institution_id="shop",
                   **{"claim_type": "pharmacy", "total_amount": 20_000 + 10_000 * (n % 2),
                      "account_amount": 15_000, **given})
        for n in range(number)
    ]  # fmt: skip


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


PLANTED = {
    "FREQUENT_ADMISSION": lambda town: stays(town, 0, 30, 60),
    "FREQUENT_DRUG_PURCHASE": lambda town: purchases(town, 0, 7, 14, 21, 28),
    "DOCTOR_SHOPPING": lambda town: supplies(
        town, ("a", "d1", 90), ("b", "d1", 90), ("c", None, 91)
    ),
    "DRUG_RESALE_PATTERN": lambda town: (resold(town), resale(town, *FULL, cash=100))[1],
    "IDENTITY_MISUSE": lambda town: (
        borrowed(town), [visit(town, n, *one)[0] for n, one in ((0, ("Z34.9", "X1")),
                                                               (30, ("I10", "S1")))]
    )[1],
    "CAP_OR_ACCOUNT_DRAIN": lambda town: round_payments(town, 5),
}  # fmt: skip
LISTS = ("items", "indications", "age_limits", "sex_limits", "sex_limited_codes", "policy_limits")


@pytest.mark.parametrize("rule_id", PLANTED)
def test_order_and_repeated_rows_of_lists_are_irrelevant(town, rule_id):
    planted = PLANTED[rule_id](town)
    before = town.judged(rule_id)
    assert set(before.hits) == {planted[-1]}
    for name, rows in town.rows.items():
        town.rows[name] = rows[::-1]
        if name in LISTS:
            town.rows[name] = rows[::-1] + [
                {**row, "valid_from": row["valid_from"] + timedelta(days=1)} for row in rows
            ]
    assert town.judged(rule_id) == before


@pytest.mark.parametrize("rule_id", PLANTED)
def test_reversed_claims_prove_nothing(town, rule_id):
    planted = PLANTED[rule_id](town)
    for row in town.rows["claims"]:
        if row["claim_id"] != planted[-1]:
            row["reversed_at"] = row["known_at"]
    assert not town.judged(rule_id).hits


@pytest.mark.parametrize("rule_id", PLANTED)
def test_a_reversal_that_is_known_later_changes_nothing(town, rule_id):
    planted = PLANTED[rule_id](town)
    before = town.judged(rule_id)
    known = max(row["known_at"] for row in town.rows["claims"])
    for row in town.rows["claims"]:
        if row["claim_id"] != planted[-1]:
            row["reversed_at"] = known
    assert town.judged(rule_id).hits == before.hits


@pytest.mark.parametrize("rule_id", PLANTED)
def test_claims_known_at_the_same_moment_prove_nothing(town, rule_id):
    PLANTED[rule_id](town)
    for row in town.rows["claims"]:
        row["known_at"] = datetime(2025, 1, 1, tzinfo=UTC)
    assert not town.judged(rule_id).hits


@pytest.mark.parametrize("rule_id", PLANTED)
def test_what_becomes_known_later_changes_nothing(town, rule_id):
    planted = PLANTED[rule_id](town)
    before = town.judged(rule_id)
    last = max(row["known_at"] for row in town.rows["claims"])
    for row in copy.deepcopy(town.rows["claims"]):
        town.add("claims", **{**row, "claim_id": "late" + row["claim_id"],
                              "known_at": last + timedelta(days=1)})  # fmt: skip
    after = town.judged(rule_id)
    assert {c: h for c, h in after.hits.items() if not c.startswith("late")} == before.hits
    assert after.evidence[planted[-1]] == before.evidence[planted[-1]]


@pytest.mark.parametrize("rule_id", PLANTED)
def test_a_lawful_reason_explains_the_claim(town, rule_id):
    """The whitelist explains whatever its person does."""
    PLANTED[rule_id](town)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for person in {row["insured_id"] for row in town.rows["claims"]}:
        town.add("whitelists", whitelist_id=f"w{person}", reason="other", insured_id=person,
                 valid_from=date(2024, 1, 1), known_at=start)  # fmt: skip
    assert not town.judged(rule_id).hits
