"""What a column's content shows: formats of dates, numbers, and what it cannot be."""

from __future__ import annotations

import pytest

from claims.contracts import table
from claims.fitting import fit
from claims.profiling import profile


def test_day_and_month_are_decided_by_content_or_asked() -> None:
    days = ["05/03/2024", "14/03/2024", "01/02/2024"]
    assert (profile("d", days).formats, profile("d", days).rivals) == (("%d/%m/%Y",), ())
    turned = ["03/05/2024", "03/14/2024", "02/01/2024"]
    assert profile("d", turned).formats == ("%m/%d/%Y",)
    open_days = profile("d", ["05/03/2024", "01/02/2024", "03/03/2024"])
    assert {*open_days.formats, *open_days.rivals} == {"%d/%m/%Y", "%m/%d/%Y"}
    mixed = profile("d", ["14/03/2024", "03/14/2024"] * 9)
    assert mixed.rivals
    few = profile("d", ["2024-03-05"] * 20 + ["05/03/2024"])
    assert few.formats[0] == "%Y-%m-%d"
    assert set(few.rivals) == {"%d/%m/%Y", "%m/%d/%Y"}


@pytest.mark.parametrize(
    ("texts", "formats"),
    [
        (["20240305", "20231231"], ("%Y%m%d",)),
        (["2024-03-05 09:00:00", "2024-03-05"], ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S")),
        (["2024/3/5", "2024/12/31"], ("%Y/%-m/%-d",)),
        (["2024年3月5日", "2024年12月31日"], ("%Y年%-m月%-d日",)),
        (["05-MAR-2024", "31-Dec-2023"], ("%d-%b-%Y",)),
        (["2024-03-05T09:00:00.120", "2024-03-05T10:00:00.000"], ("%Y-%m-%dT%H:%M:%S.%f",)),
        (["3/14/2024 9:05 PM", "12/1/2024 11:15 AM"], ("%-m/%-d/%Y %-I:%M %p",)),
    ],
)
def test_formats_are_recognised(texts: list[str], formats: tuple[str, ...]) -> None:
    seen = profile("d", texts)
    assert tuple(sorted(seen.formats)) == tuple(sorted(formats))
    assert seen.is_date
    assert not seen.rivals


def test_numbers_that_are_no_dates_and_dates_that_are_no_numbers() -> None:
    assert not profile("n", ["20241305", "20240230", "20240101"]).is_date
    assert profile("n", ["1,234.50", "$ 7", "-0.5"]).is_number
    assert not profile("n", ["1,23", "7"]).is_number
    assert not profile("n", ["20240305", "20231231"]).is_number
    empty = profile("n", ["", None, "NULL", "-"])
    assert (empty.filled, empty.nulls) == (0, frozenset({"NULL", "-"}))


def test_content_that_contradicts_a_column_rules_it_out() -> None:
    claims = table("claims")
    amounts, days = profile("x", ["1.50", "2.25"] * 9), profile("x", ["2024-03-05"] * 9)
    many = profile("x", [f"{i}" for i in range(50)])
    assert fit(amounts, claims.columns["service_at"], claims) is None
    assert fit(days, claims.columns["total_amount"], claims) is None
    assert fit(amounts, claims.columns["insured_id"], claims) is None
    assert fit(many, claims.columns["claim_type"], claims) is None
    assert fit(profile("x", ["A", "A", "B"]), claims.columns["claim_id"], claims) is None
    assert fit(many, claims.columns["claim_id"], claims) == 1.0
