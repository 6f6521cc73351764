"""What a load would quarantine, the service refuses; what a load warns of, it warns of too."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from claims.load import load
from claims.mapping import source_mapping
from claims.pseudonyms import is_pseudonym
from claims.store import open_store
from serving.claim_checks import RowChecks
from serving.claim_faults import SHOWN, InputError, InputFault
from serving.claim_input import ClaimIn
from serving.intake import Intake, Taken

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LINE = {
    "line_id": "F1", "line_at": "2024-03-05T09:30:00", "item_code": "X1", "item_class": "drug",
    "item_name": None, "quantity_milli": 2000, "unit_price": 5025, "amount": 10050,
    "doctor_id": None, "days_supply": 28,
}  # fmt: skip
CLAIM = {
    "claim_id": "S1", "stay_id": None, "insured_id": "N1", "institution_id": "H1",
    "doctor_id": None, "claim_type": "outpatient", "service_at": "2024-03-05T09:00:00",
    "service_end_at": "2024-03-05T10:00:00", "known_at": "2024-03-05T10:30:00",
    "total_amount": 10050, "fund_amount": 6000, "account_amount": 2025, "self_amount": 2025,
    "currency": "CNY", "main_diagnosis": "I10", "lines": [],
}  # fmt: skip


def taken(*claims: Mapping[str, Any], now: datetime = NOW) -> Taken:
    """Take claims in as the service does, after the check of their form."""
    intake = Intake("Asia/Shanghai", "CNY", bytes(32), RowChecks(lambda: now))
    try:
        return intake.take([ClaimIn.model_validate(claim).model_dump() for claim in claims])
    finally:
        intake.close()


def refused(*claims: Mapping[str, Any], now: datetime = NOW) -> list[tuple[str, str]]:
    """Return place and code of every fault of claims that must be refused."""
    with pytest.raises(InputError) as caught:
        taken(*claims, now=now)
    return [(fault.place, fault.code) for fault in caught.value.faults]


def test_a_sound_claim_is_taken_without_a_word() -> None:
    made = taken(CLAIM | {"lines": [LINE, LINE | {"line_id": "F2"}]})
    assert made.warnings == ()
    assert [len(c.lines) for c in made.claims] == [2]


@pytest.mark.parametrize(("change", "column", "code"), [
    ({"service_end_at": "2024-03-05T08:59:59"}, "service_end_at", "end_before_start"),
    ({"known_at": "2024-03-05T08:59:59"}, "known_at", "known_before_service"),
    ({"known_at": "2026-06-01T08:00:00.000001"}, "known_at", "in_future"),
    ({"total_amount": -10050}, "total_amount", "negative_amount"),
    ({"fund_amount": -1}, "fund_amount", "negative_amount"),
    ({"account_amount": -1}, "account_amount", "negative_amount"),
    ({"self_amount": -1}, "self_amount", "negative_amount"),
    ({"currency": "USD"}, "currency", "input_currency"),
    ({"service_at": "1799-12-31T23:59:59"}, "service_at", "input_time"),
    ({"known_at": "2500-01-01T00:00:00"}, "known_at", "input_time"),
])  # fmt: skip
def test_one_fault_refuses_the_claim(change: dict[str, Any], column: str, code: str) -> None:
    assert refused(CLAIM, CLAIM | {"claim_id": "S2"} | change) == [(f"claims.1.{column}", code)]


@pytest.mark.parametrize(("change", "column", "code"), [
    ({"quantity_milli": -1}, "quantity_milli", "negative_amount"),
    ({"unit_price": -1}, "unit_price", "negative_amount"),
    ({"amount": -1}, "amount", "negative_amount"),
    ({"days_supply": -1}, "days_supply", "negative_amount"),
    ({"line_at": "2024-02-30T00:00:00"}, "line_at", "input_time"),
])  # fmt: skip
def test_one_faulty_line_refuses_the_claim(change: dict[str, Any], column: str, code: str) -> None:
    claim = CLAIM | {"lines": [LINE, LINE | {"line_id": "F2"} | change]}
    assert refused(claim) == [(f"claims.0.lines.1.{column}", code)]


def test_limits_are_not_faults() -> None:
    """Settled the moment it began, and known this very microsecond: 08:00 in Shanghai."""
    at = "2026-06-01T08:00:00"
    assert len(taken(CLAIM | {"service_at": at, "service_end_at": at, "known_at": at}).claims) == 1
    assert taken(CLAIM | {"service_end_at": None}).claims[0].claim["stay_days"] == 0
    assert taken(CLAIM | {"service_at": "1800-01-01T00:00:00"}).warnings == ()


def test_the_service_time_may_not_lie_in_the_future_either() -> None:
    times = {"service_at": "2026-06-02T00:00:00", "service_end_at": None,
             "known_at": "2026-06-03T00:00:00"}  # fmt: skip
    assert refused(CLAIM | times) == [
        ("claims.0.known_at", "in_future"), ("claims.0.service_at", "in_future"),
        ("claims.0.service_end_at", "in_future"),
    ]  # fmt: skip
    assert len(taken(CLAIM | times, now=NOW + timedelta(days=2)).claims) == 1


def test_every_fault_of_every_row_comes_at_once() -> None:
    claims = [
        CLAIM | {"currency": "EUR", "known_at": "2024-03-04T00:00:00", "fund_amount": -1,
                 "service_end_at": "2024-03-03T00:00:00"},
        CLAIM | {"claim_id": "S2", "lines": [LINE | {"amount": -5, "quantity_milli": -1}]},
        CLAIM | {"claim_id": "S3", "service_at": "2024-13-01T00:00:00"},
        CLAIM | {"claim_id": "S4"}, CLAIM | {"claim_id": "S4"},
        CLAIM | {"claim_id": "S5"}, CLAIM | {"claim_id": "S5", "main_diagnosis": "J44"},
    ]  # fmt: skip
    assert refused(*claims) == [
        ("claims.0.currency", "input_currency"),
        ("claims.0.fund_amount", "negative_amount"),
        ("claims.0.known_at", "known_before_service"),
        ("claims.0.service_end_at", "end_before_start"),
        ("claims.1.lines.0.amount", "negative_amount"),
        ("claims.1.lines.0.quantity_milli", "negative_amount"),
        ("claims.2.service_at", "input_time"),
        ("claims.4.claim_id", "duplicate_row"),
        ("claims.5.claim_id", "conflicting_id"),
        ("claims.6.claim_id", "conflicting_id"),
    ]


def test_lines_are_told_apart_within_a_claim_and_between_claims() -> None:
    one = CLAIM | {"lines": [LINE, LINE]}
    assert refused(one) == [("claims.0.lines.1.line_id", "duplicate_row")]
    differing = CLAIM | {"lines": [LINE, LINE | {"amount": 1}]}
    both = [(f"claims.0.lines.{n}.line_id", "conflicting_id") for n in (0, 1)]
    assert refused(differing) == both
    claims = [CLAIM | {"lines": [LINE]}, CLAIM | {"claim_id": "S2", "lines": [LINE]}]
    assert refused(*claims) == [(f"claims.{n}.lines.0.line_id", "conflicting_id") for n in (0, 1)]


def test_a_claim_by_its_id_and_by_its_pseudonym_is_one_claim() -> None:
    known_as = taken(CLAIM).claims[0].claim["claim_id"]
    assert is_pseudonym(known_as)
    assert refused(CLAIM, CLAIM | {"claim_id": known_as}) == [
        ("claims.1.claim_id", "duplicate_row")
    ]
    assert refused(CLAIM, CLAIM | {"claim_id": " S1 "}) == [("claims.1.claim_id", "duplicate_row")]


@pytest.mark.parametrize("blank", ["", " ", "   "])
def test_a_blank_id_is_no_id(blank: str) -> None:
    for wrong in (CLAIM | {"insured_id": blank}, CLAIM | {"lines": [LINE | {"line_id": blank}]}):
        with pytest.raises(ValidationError):
            ClaimIn.model_validate(wrong)


def test_amounts_that_do_not_add_up_are_a_warning() -> None:
    made = taken(CLAIM, CLAIM | {"claim_id": "S2", "self_amount": 2026})
    assert made.warnings == (InputFault("amounts_do_not_add_up", 1, "total_amount"),)
    assert len(made.claims) == 2
    assert taken(CLAIM | {"self_amount": None, "fund_amount": 1}).warnings == ()


def test_sentences_name_field_row_and_remedy_and_never_a_value() -> None:
    fault = InputFault("negative_amount", 2, "amount", 7)
    assert fault.text("en").startswith("claims.2.lines.7.amount: Column 'amount' is negative")
    assert "correct it" in fault.text("en")
    assert fault.text("zh").startswith("claims.2.lines.7.amount：列“amount”为负")
    many = InputError(*[fault] * (SHOWN + 5))
    assert len(many.faults) == SHOWN + 5
    assert many.text("en").endswith("And 5 more.")
    assert many.text("zh").endswith("另有5处错误。")


# Parity: the same rows through the files of a load and through the service.

CODES = {"outpatient": "11", "inpatient": "21", "pharmacy": "41"}
ITEMS = {"drug": "09", "exam": "02"}
START = datetime(2024, 3, 5, 9)
#: A sound claim and line of their own: a load of nothing is no load.
BASE = CLAIM | {"claim_id": "S-base", "lines": [LINE | {"line_id": "F-base"}]}
TIMES = st.sampled_from([
    START, START + timedelta(hours=1), START - timedelta(seconds=1), datetime(2099, 1, 1),
    datetime(1799, 12, 31), datetime(1800, 1, 1), datetime(2500, 1, 1),
])  # fmt: skip
AMOUNTS = st.sampled_from([0, 1, 2025, 6000, -1, -6000])
LINES = st.builds(
    lambda number, changes: LINE | {"line_id": f"F{number}"} | changes,
    st.integers(1, 12),
    st.fixed_dictionaries({}, optional={
        "quantity_milli": st.sampled_from([-2000, 0, 1000]), "amount": AMOUNTS,
        "unit_price": AMOUNTS, "days_supply": st.sampled_from([-1, 0, None]),
        "item_class": st.sampled_from(sorted(ITEMS)),
        "line_at": TIMES.map(datetime.isoformat),
    }),
)  # fmt: skip
CLAIMS = st.builds(
    lambda number, changes, lines: CLAIM | {"claim_id": f"S{number}", "lines": lines} | changes,
    st.integers(1, 12),
    st.fixed_dictionaries({}, optional={
        "service_at": TIMES.map(datetime.isoformat), "known_at": TIMES.map(datetime.isoformat),
        "service_end_at": TIMES.map(datetime.isoformat), "total_amount": AMOUNTS,
        "fund_amount": AMOUNTS, "account_amount": AMOUNTS | st.none(), "self_amount": AMOUNTS,
        "main_diagnosis": st.sampled_from(["I10", "J44"]),
        "claim_type": st.sampled_from(sorted(CODES)),
    }),
    st.lists(LINES, max_size=3),
)  # fmt: skip
Verdict = tuple[str, int, str, str]


def _yuan(minor: int | None) -> str:
    return (
        ""
        if minor is None
        else f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02}"
    )


def _local(moment: str) -> str:
    return moment.replace("T", " ")


def _files(claims: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write the claims as the files of the national interface."""
    heads, details = [], []
    for claim in claims:
        heads.append({
            "setl_id": claim["claim_id"], "mdtrt_id": "", "psn_no": claim["insured_id"],
            "fixmedins_code": claim["institution_id"], "atddr_no": "",
            "med_type": CODES[claim["claim_type"]], "begntime": _local(claim["service_at"]),
            "endtime": _local(claim["service_end_at"]), "setl_time": _local(claim["known_at"]),
            "medfee_sumamt": _yuan(claim["total_amount"]), "refd_setl_id": "",
            "fund_pay_sumamt": _yuan(claim["fund_amount"]), "insutype": "310",
            "acct_pay": _yuan(claim["account_amount"]), "psn_cash_pay": _yuan(claim["self_amount"]),
            "dscg_maindiag_code": claim["main_diagnosis"],
        })  # fmt: skip
        details += [{
            "feedetl_sn": line["line_id"], "setl_id": claim["claim_id"], "med_list_codg": "X1",
            "fee_ocur_time": _local(line["line_at"]), "med_chrgitm_type": ITEMS[line["item_class"]],
            "cnt": f"{line['quantity_milli'] // 1000}", "pric": _yuan(line["unit_price"]),
            "det_item_fee_sumamt": _yuan(line["amount"]),
            "prd_days": "" if line["days_supply"] is None else line["days_supply"],
        } for line in claim["lines"]]  # fmt: skip
    for name, rows in (("setl_list.csv", heads), ("fee_detail.csv", details)):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def _batch(claims: Sequence[Mapping[str, Any]]) -> tuple[set[Verdict], set[Verdict]]:
    """Load the claims; return table, place, code and column of what keeps rows out, and warns.

    Warnings about references are left out: the service has no register of claims or doctors.
    """
    mapping = source_mapping("nhsa")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        _files(claims, folder)
        load(mapping, folder, Path(name) / "home")
        told = pq.read_table(open_store(Path(name) / "home").folder / "quarantine.parquet")
    ours = {(table, column.source): target for table in ("claims", "claim_lines")
            for target, column in mapping.tables[table].columns.items()}  # fmt: skip
    kept_out, odd = set[Verdict](), set[Verdict]()
    for row in told.to_pylist():
        if row["row_number"] and row["severity"] != "warning":
            table_name = row["table_name"]
            column = ours[table_name, row["column_name"]]
            kept_out.add((table_name, row["row_number"] - 2, row["code"], column))
        elif row["code"] == "amounts_do_not_add_up":
            odd.add(("claims", row["row_number"] - 2, row["code"], "total_amount"))
    return kept_out, odd


def _online(claims: Sequence[Mapping[str, Any]]) -> tuple[set[Verdict], set[Verdict]]:
    """Post the claims; return the same of errors, and of warnings about the sound claims."""
    first = [sum(len(claim["lines"]) for claim in claims[:n]) for n in range(len(claims))]

    def verdict(fault: InputFault, places: Sequence[int]) -> Verdict:
        assert fault.claim is not None
        place = places[fault.claim]
        code = "bad_date" if fault.code == "input_time" else fault.code
        if fault.line is None:
            return "claims", place, code, fault.column
        return "claim_lines", first[place] + fault.line, code, fault.column

    errors: set[Verdict] = set()
    refused_claims: set[int | None] = set()
    try:
        taken(*claims, now=datetime.now(UTC))
    except InputError as error:
        errors = {verdict(fault, range(len(claims))) for fault in error.faults}
        refused_claims = {fault.claim for fault in error.faults}
    sound = [n for n in range(len(claims)) if n not in refused_claims]
    again = taken(*(claims[n] for n in sound), now=datetime.now(UTC))
    return errors, {verdict(fault, sound) for fault in again.warnings}


# Each example is a whole load: to shrink a failing one would take minutes.
@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(drawn=st.lists(CLAIMS, min_size=8, max_size=16))
def test_the_service_refuses_exactly_what_a_load_quarantines(drawn: list[dict[str, Any]]) -> None:
    claims = [BASE, *drawn]
    errors, warnings = _online(claims)
    kept_out, odd = _batch(claims)
    assert errors == kept_out
    assert warnings <= odd
    rows_out = {verdict[:2] for verdict in errors}
    lines_out = {row for table, row in rows_out if table == "claim_lines"}
    number = 0
    for place, claim in enumerate(claims):
        own = range(number, number := number + len(claim["lines"]))
        if ("claims", place) not in rows_out and not lines_out & set(own):
            assert ({v for v in odd if v[1] == place}) == {v for v in warnings if v[1] == place}
