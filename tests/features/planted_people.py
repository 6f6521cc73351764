"""Persons who break a rule: what each module of rules about the insured plants."""

from __future__ import annotations

from datetime import date

from tests.features.planted_days import day


def noon(number: int) -> str:
    """Return eleven o'clock of the day."""
    return day(number) + " 11:00"


def stays(town, *days: int, **given) -> list[str]:
    return [
        town.stay(day(n), day(n + 4), stay_id=f"s{n}", main_diagnosis="I69.3", **given)
        for n in days
    ]


def purchases(town, *days: int, item: str = "X1", **given) -> list[str]:
    """Buy a drug of 10.00 at another shop each time, three hours after the day begins."""
    made = []
    for place, number in enumerate(days):
        shop = {"institution_id": f"shop{place}", "claim_type": "pharmacy", **given}
        claim = town.claim(noon(number), total_amount=1_000, **shop)
        town.line(claim, item_code=item)
        made.append(claim)
    return made


def supplies(town, *given: tuple[str, str | None, int]) -> list[str]:
    """One drug from institutions and doctors, ten days apart, for so many days."""
    made = []
    for number, (place, doctor, days) in enumerate(given):
        claim = town.claim(noon(10 * number), institution_id=place, doctor_id=doctor)
        town.line(claim, item_code="X1", days_supply=days, amount=500)
        made.append(claim)
    return made


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


def round_payments(town, number: int, **given) -> list[str]:
    town.institution("shop", "pharmacy")
    return [
        town.claim(noon(2 * n), insured_id=f"q{n}", institution_id="shop",
                   **{"claim_type": "pharmacy", "total_amount": 20_000 + 10_000 * (n % 2),
                      "account_amount": 15_000, **given})
        for n in range(number)
    ]  # fmt: skip
