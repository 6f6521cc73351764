"""Rules about doctors and pharmacies as of a date, worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.features.planted_days import DAY

AS_OF = "2024-05-15"
LISTED = date(2020, 1, 1)


def noon(number: int) -> str:
    """Return eleven o'clock of the day ``number`` days after 1 March 2024."""
    return f"{DAY + timedelta(days=number)} 11:00"


def at(text: str) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def treatments(town, number: int, units: int, doctor: str = "d1", **given) -> str:
    """Half-hours of treatment billed on a day at 1.00 each."""
    if "service_minutes" not in town.rows:
        town.add("service_minutes", item_code="T1", minutes=30, valid_from=LISTED)
    claim = town.claim(noon(number), doctor_id=doctor)
    row = {"item_code": "T1", "quantity_milli": 1000 * units, "amount": 100 * units, **given}
    town.line(claim, item_class="treatment", **row)
    return claim


@pytest.mark.parametrize(("units", "hit"), [(47, False), (48, False), (49, True)])
def test_more_than_a_day_and_a_night(town, units, hit):
    """48 half-hours are the day itself; two bills of the day are added up."""
    planted = [treatments(town, 0, 20), treatments(town, 0, units - 20)]
    found = town.judged("IMPOSSIBLE_DAY", AS_OF)
    assert found.hits == ({"d1": (1, 4_900)} if hit else {})
    assert found.evidence == ({"d1": set(planted)} if hit else {})


@pytest.mark.parametrize(("days", "units", "hit"), [(2, 29, False), (3, 28, False), (3, 29, True),
                                                    (4, 29, True)])  # fmt: skip
def test_three_long_days_in_a_quarter(town, days, units, hit):
    """28 half-hours are 14 hours."""
    for number in range(days):
        treatments(town, number, units)
    found = town.judged("IMPOSSIBLE_DAY", AS_OF).hits
    assert found == ({"d1": (days, 100 * days * units)} if hit else {})


@pytest.mark.parametrize(("as_of", "hit"), [
    ("2024-03-01", False), ("2024-03-02", True), ("2024-05-30", True), ("2024-05-31", False),
])  # fmt: skip
def test_impossible_days_of_the_last_quarter(town, as_of, hit):
    town.claim("2024-01-01 10:00")
    treatments(town, 0, 49)
    assert bool(town.judged("IMPOSSIBLE_DAY", as_of).hits) is hit


def test_the_day_belongs_to_who_did_it_and_when(town):
    """A stay is billed once; its lines have days, and doctors other than the attending one."""
    treatments(town, 0, 30, exec_doctor_id="d2")
    treatments(town, 0, 30, line_date=DAY + timedelta(days=1))
    treatments(town, 0, 18)
    treatments(town, 0, 9, doctor="d3", exec_doctor_id="d2")
    treatments(town, 0, 9, doctor="d3", exec_doctor_id="d2", item_code="other")
    assert not town.judged("IMPOSSIBLE_DAY", AS_OF).hits
    treatments(town, 0, 10, doctor="d4", exec_doctor_id="d2")
    assert town.judged("IMPOSSIBLE_DAY", AS_OF).hits == {"d2": (1, 4_900)}


@pytest.mark.parametrize("change", ["reversed", "known later", "a list of two rows"])
def test_what_does_not_fill_a_day(town, change):
    treatments(town, 0, 24)
    treatments(town, 0, 25)
    row = town.rows["claims"][-1]
    if change == "reversed":
        row["reversed_at"] = row["known_at"]
    elif change == "known later":
        row["known_at"] = at("2024-05-14 16:00")  # midnight of the as-of day
    else:
        row["doctor_id"] = "d2"
        town.add("service_minutes", item_code="T1", minutes=31, valid_from=DAY)
    assert not town.judged("IMPOSSIBLE_DAY", AS_OF).hits


def test_a_correction_takes_time_away(town):
    treatments(town, 0, 49)
    treatments(town, 0, -1)
    assert not town.judged("IMPOSSIBLE_DAY", AS_OF).hits


def shelf(town, *rows: tuple[str, str, int], item: str = "X1") -> None:
    """Report movements of stock: what happened, when, and how many boxes."""
    if "inventory" not in town.rows:
        town.institution("shop", "pharmacy")
    for movement, when, boxes in rows:
        town.add("inventory", movement_id=f"m{len(town.rows.get('inventory', ()))}",
                 institution_id="shop", item_code=item, movement=movement,
                 quantity_milli=1000 * boxes, moved_at=at(when), known_at=at(when))  # fmt: skip


def sell(town, boxes: int, number: int = 0, item: str = "X1", place: str = "shop", **given) -> str:
    """Sell boxes at 10.00."""
    claim = town.claim(noon(number), institution_id=place, claim_type="pharmacy", **given)
    town.line(claim, item_code=item, quantity_milli=1000 * boxes, amount=1_000 * boxes)
    return claim


OPENED = ("opening", "2024-01-01", 10)


@pytest.mark.parametrize(("boxes", "hit"), [(34, False), (35, False), (36, True)])
def test_more_sold_than_bought(town, boxes, hit):
    """Ten boxes on the shelf and twenty bought: five more are tolerated."""
    shelf(town, OPENED, ("purchase", "2024-02-01", 20))
    planted = [sell(town, 20), sell(town, boxes - 20, 3)]
    found = town.judged("INVENTORY_MISMATCH", AS_OF)
    assert found.hits == ({"shop": (1, 6_000)} if hit else {})
    assert found.evidence == ({"shop": set(planted)} if hit else {})


@pytest.mark.parametrize(("boxes", "hit"), [(408, False), (409, True)])
def test_two_percent_of_large_sales_are_tolerated(town, boxes, hit):
    """Of 400 boxes: 8 of 408 are 1.96 %, 9 of 409 are 2.2 %."""
    shelf(town, ("opening", "2024-01-01", 400))
    sell(town, boxes)
    assert bool(town.judged("INVENTORY_MISMATCH", AS_OF).hits) is hit


@pytest.mark.parametrize(("movement", "missing"), [
    ("purchase", 0), ("transfer_in", 0), ("gain", 0), ("other_in", 0), ("purchase_return", 17),
    ("transfer_out", 17), ("loss", 17), ("destroyed", 17), ("other_out", 17), ("sale", 7),
    ("sale_return", 7),
])  # fmt: skip
def test_every_movement_counts(town, movement, missing):
    """17 sold of 10, with ten boxes moved; nobody can miss more than was sold."""
    shelf(town, OPENED, (movement, "2024-02-01", 10))
    sell(town, 17)
    found = town.judged("INVENTORY_MISMATCH", AS_OF).hits
    assert found == ({"shop": (1, 1_000 * missing)} if missing else {})


def test_reported_sales_to_all_payers_count_where_larger(town):
    """Thirty were sold in all, seventeen to the insured: twenty of thirty are missing."""
    shelf(town, OPENED, ("sale", "2024-02-01", 31), ("sale_return", "2024-02-02", 1))
    sell(town, 17)
    # 17,000 x 20 // 30
    assert town.judged("INVENTORY_MISMATCH", AS_OF).hits == {"shop": (1, 11_333)}


@pytest.mark.parametrize(("left", "hit"), [(15, False), (16, True)])
def test_what_is_still_on_the_shelf_was_not_sold(town, left, hit):
    """Thirty in all, twenty sold: counting more than fifteen left leaves six unexplained."""
    shelf(town, OPENED, ("purchase", "2024-02-01", 20), ("stocktake", "2024-04-01", left))
    sell(town, 20)
    sell(town, 9, 50)  # after the count
    found = town.judged("INVENTORY_MISMATCH", AS_OF).hits
    assert found == ({"shop": (1, 6_000)} if hit else {})


def test_the_period_begins_with_a_count_a_year_ago(town):
    """The old sales are beyond the count of 1 May 2023, which found ten boxes in two batches."""
    shelf(town, ("opening", "2022-01-01", 1), ("stocktake", "2023-05-01 01:00", 4),
          ("stocktake", "2023-05-01 02:00", 6))  # fmt: skip
    sell(town, 90, -400)
    sell(town, 15)
    assert not town.judged("INVENTORY_MISMATCH", AS_OF).hits
    sell(town, 1, 2)
    assert town.judged("INVENTORY_MISMATCH", AS_OF).hits == {"shop": (1, 6_000)}


def test_a_drug_that_never_was_on_the_shelf(town):
    shelf(town, OPENED)
    sell(town, 6, item="X2")
    sell(town, 40, -80, item="X2")  # before the shop reported anything
    assert town.judged("INVENTORY_MISMATCH", AS_OF).hits == {"shop": (1, 6_000)}


def test_who_reports_no_count_is_not_judged(town):
    shelf(town, ("purchase", "2024-01-01", 1))
    sell(town, 40)
    assert not town.judged("INVENTORY_MISMATCH", AS_OF).hits


@pytest.mark.parametrize("change", ["reversed", "known", "bought", "class", "item"])
def test_sales_that_do_not_count(town, change):
    shelf(town, OPENED)
    sell(town, 10)
    sell(town, 6, 1)
    row = town.rows["claims"][-1]
    if change == "reversed":
        row["reversed_at"] = row["known_at"]
    elif change == "known":
        row["known_at"] = at("2024-05-14 16:00")
    elif change == "bought":
        shelf(town, ("purchase", "2024-03-10", 1))
    elif change == "class":
        town.rows["institutions"][-1]["institution_class"] = "primary_care"
    else:
        town.rows["claim_lines"][-1]["item_class"] = "treatment"
    assert not town.judged("INVENTORY_MISMATCH", AS_OF).hits


def test_a_purchase_known_later_does_not_explain(town):
    shelf(town, OPENED, ("purchase", "2024-03-10", 20))
    sell(town, 16)
    town.rows["inventory"][-1]["known_at"] = at("2024-05-14 16:00")
    assert town.judged("INVENTORY_MISMATCH", AS_OF).hits == {"shop": (1, 6_000)}
    # Known since 15 May: it explains as of 20 May, not as of 1 May.
    assert not town.judged("INVENTORY_MISMATCH", "2024-05-20").hits
    before = town.judged("INVENTORY_MISMATCH", "2024-05-20", cut_back=1)
    assert before.hits == {"shop": (1, 6_000)}


def prescribers(town, doctors: int = 8, patients: int = 50, supplies: int = 66) -> None:
    """Doctors with a drug for each patient; the last writes more of them, and dearer ones."""
    for number in range(doctors):
        last = number == doctors - 1
        town.add("doctors", doctor_id=f"d{number}", institution_id="o1", specialty="general",
                 valid_from=LISTED)  # fmt: skip
        for patient in range(patients):
            claim = town.claim(noon(patient % 7), insured_id=f"q{patient}", doctor_id=f"d{number}")
            for place in range(2 if last and patient < supplies - patients else 1):
                town.line(claim, item_code=f"X{(patient + place) % 10}",
                          amount=2_000 if last else 1_000)  # fmt: skip


def test_a_prescriber_unlike_colleagues(town):
    """66 supplies to 50 patients are 1.32 each: above 1 + 3.5 / 0.6745 x (5 % + 1 %) = 1.311.

    The money, 2,640 a patient, lies above 1,000 + 3.5 / 0.6745 x 60 as well.
    """
    prescribers(town)
    assert town.judged("PRESCRIBER_OUTLIER", AS_OF).hits == {"d7": (2, 132_000)}


@pytest.mark.parametrize("given", [
    {"supplies": 65}, {"patients": 49, "supplies": 90}, {"doctors": 7},
], ids=["1.30 each", "49 patients", "7 doctors"])  # fmt: skip
def test_prescribers_like_others_or_of_too_few(town, given):
    prescribers(town, **given)
    assert not town.judged("PRESCRIBER_OUTLIER", AS_OF).hits


def test_colleagues_have_the_same_specialty(town):
    prescribers(town)
    town.rows["doctors"][0]["specialty"] = "dentist"
    assert not town.judged("PRESCRIBER_OUTLIER", AS_OF).hits


def test_one_pharmacy_within_a_day_and_the_longest_supply(town):
    """All fifty patients buy at one shop within a day; every supply is for twelve weeks."""
    prescribers(town, supplies=50)
    for row in town.rows["claim_lines"][-50:]:
        row.update(days_supply=84, amount=1_000)
    for patient in range(50):
        town.claim(f"{DAY + timedelta(days=patient % 7 + 1)} 10:59", institution_id="shop",
                   insured_id=f"q{patient}", claim_type="pharmacy")  # fmt: skip
    # Everybody's patients buy there, so that the shop tells nothing; a day later, even less.
    assert not town.judged("PRESCRIBER_OUTLIER", AS_OF).hits
    for row in town.rows["claims"]:
        if row.get("doctor_id") == "d7" or row["claim_type"] == "pharmacy":
            row["insured_id"] = "r" + row["insured_id"]
    assert town.judged("PRESCRIBER_OUTLIER", AS_OF).hits == {"d7": (2, 50_000)}
    for row in town.rows["claims"]:
        if row["claim_type"] == "pharmacy":
            row["service_at"] += timedelta(minutes=1)
    assert not town.judged("PRESCRIBER_OUTLIER", AS_OF).hits


def shops(town, number: int = 8, customers: int = 100, purchases: int = 119) -> None:
    """Pharmacies with a purchase for each customer; the last has more of them, and dearer ones."""
    for shop in range(number):
        last = shop == number - 1
        town.institution(f"shop{shop}", "pharmacy")
        for purchase in range(purchases if last else customers):
            claim = town.claim(noon(purchase % 7), insured_id=f"q{purchase % customers}",
                               institution_id=f"shop{shop}", claim_type="pharmacy",
                               total_amount=2_000 if last else 1_000)  # fmt: skip
            town.line(claim, item_code=f"X{purchase % 10}")


def test_a_pharmacy_unlike_its_peers(town):
    """1.19 purchases a customer: beyond 1 + 3 x (5 % + 1 %) = 1.18; so is the money."""
    shops(town)
    assert town.judged("PHARMACY_PROFILE_OUTLIER", AS_OF).hits == {"shop7": (2, 238_000)}


@pytest.mark.parametrize("given", [
    {"purchases": 118}, {"customers": 99, "purchases": 180}, {"number": 7},
], ids=["1.18 each", "99 customers", "7 shops"])  # fmt: skip
def test_pharmacies_like_others_or_too_few(town, given):
    shops(town, **given)
    assert not town.judged("PHARMACY_PROFILE_OUTLIER", AS_OF).hits


def test_resold_and_controlled_drugs_and_customers_from_elsewhere(town):
    """A fifth of the drugs, two fifths of the customers; the first drug is like everywhere."""
    shops(town, purchases=100)
    for row in town.rows["claims"]:
        row["total_amount"] = 1_000
        if row["institution_id"] == "shop7":
            row["insured_id"] = "r" + row["insured_id"]
    for person in range(100):
        town.add("insured", insured_id=f"rq{person}", district="d2" if person < 40 else "d1")
    assert not town.judged("PHARMACY_PROFILE_OUTLIER", AS_OF).hits  # one measure is no case
    last = {row["claim_id"] for row in town.rows["claims"] if row["institution_id"] == "shop7"}
    for row in town.rows["claim_lines"]:
        if row["claim_id"] in last and row["item_code"] in ("X1", "X2"):
            row["item_code"] = "R" + row["item_code"]
    for item in ("RX1", "RX2"):
        town.add("items", item_code=item, resale=True, controlled=False, valid_from=LISTED)
    assert town.judged("PHARMACY_PROFILE_OUTLIER", AS_OF).hits == {"shop7": (2, 100_000)}
    for row in town.rows["items"]:
        row["controlled"] = True
    assert town.judged("PHARMACY_PROFILE_OUTLIER", AS_OF).hits == {"shop7": (3, 100_000)}


PLANTED = {
    "IMPOSSIBLE_DAY": lambda town: treatments(town, 0, 49),
    "INVENTORY_MISMATCH": lambda town: (shelf(town, OPENED), sell(town, 16)),
    "PRESCRIBER_OUTLIER": prescribers,
    "PHARMACY_PROFILE_OUTLIER": shops,
}


@pytest.mark.parametrize("rule_id", PLANTED)
def test_order_future_and_reversals(town, rule_id):
    """Rows in another order, and rows known from the as-of date on, change nothing."""
    PLANTED[rule_id](town)
    before = town.judged(rule_id, AS_OF)
    assert before.hits
    for name, rows in town.rows.items():
        town.rows[name] = rows[::-1]
        if name in ("service_minutes", "doctors", "items"):
            town.rows[name] += [{**row, "valid_from": DAY} for row in rows]
    known = at("2024-05-14 16:00")  # midnight of the as-of day
    for row in list(town.rows["claims"]):
        town.add("claims", **{**row, "claim_id": "late" + row["claim_id"], "known_at": known})
        row["reversed_at"] = known
    for row in list(town.rows["claim_lines"]):
        town.add("claim_lines", **{**row, "claim_id": "late" + row["claim_id"],
                                   "line_id": "late" + row["line_id"]})  # fmt: skip
    assert town.judged(rule_id, AS_OF) == before
    for row in town.rows["claims"]:
        row["reversed_at"] = known - timedelta(microseconds=1)
    assert not town.judged(rule_id, AS_OF).hits
