"""Bad rows: every fault at once, with its reason, and nothing lost or counted twice."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from claims.faults import sentence


def told(loaded: SimpleNamespace, table: str = "claims") -> list[tuple[Any, ...]]:
    """Return row, severity, code, column and value of a table's faults."""
    keys = ("row_number", "severity", "code", "column_name", "value")
    return sorted(
        (tuple(row[k] for k in keys) for row in loaded.rows("quarantine")
         if row["table_name"] == table and row["row_number"]),
        key=str,
    )  # fmt: skip


def counted(loaded: SimpleNamespace, table: str = "claims") -> tuple[int, int, int, int]:
    found = loaded.counts[table]
    return found.records, found.accepted, found.quarantined, found.duplicates


def test_all_faults_of_a_row_at_once(files: Any) -> None:
    files.registers()
    files.write(
        "setl_list.csv", {},
        {"setl_id": "S2", "psn_no": "", "begntime": "2024-02-30 08:00:00", "med_type": "99",
         "medfee_sumamt": "1e5", "fund_pay_sumamt": "-3.00", "acct_pay": "1,0",
         "psn_cash_pay": "1,000.50"},
    )  # fmt: skip
    loaded = files.load()
    assert told(loaded) == [
        (3, "error", "ambiguous_number", "acct_pay", None),
        (3, "error", "bad_date", "begntime", "2024-02-30 08:00:00"),
        (3, "error", "bad_number", "medfee_sumamt", "1e5"),
        (3, "error", "missing_value", "psn_no", None),
        (3, "error", "negative_amount", "fund_pay_sumamt", "-3.00"),
        (3, "error", "not_permitted", "med_type", "99"),
        (3, "warning", "formatted_number", "psn_cash_pay", "1,000.50"),
    ]
    assert counted(loaded) == (2, 1, 1, 0)


def test_reasons_are_in_both_languages(files: Any) -> None:
    files.registers()
    files.write(
        "setl_list.csv", {}, {"setl_id": "S2", "begntime": "x"}, {"setl_id": "S3", "psn_no": ""}
    )
    refused = files.load().rows("quarantine")
    assert len(refused) >= 2
    for row in refused:
        named = {"column": row["column_name"]}
        assert row["reason_en"] == sentence(row["code"], "en", **named)
        assert row["reason_zh"] == sentence(row["code"], "zh", **named)
        assert re.search("[\u4e00-\u9fff]", row["reason_zh"])


@pytest.mark.parametrize(
    ("change", "code", "column"),
    [
        ({"endtime": "2024-03-05 08:59:59"}, "end_before_start", "endtime"),
        ({"setl_time": "2024-03-05 08:59:59"}, "known_before_service", "setl_time"),
        ({"setl_time": "2099-01-01 00:00:00"}, "in_future", "setl_time"),
        ({"endtime": "2099-01-01 00:00:00"}, "in_future", "endtime"),
        ({"psn_cash_pay": "-20.25"}, "negative_amount", "psn_cash_pay"),
        ({"endtime": ""}, "missing_value", "endtime"),
        ({"setl_time": ""}, "missing_value", "setl_time"),
        ({"setl_id": "S1\nS2"}, "line_break", "setl_id"),
    ],
)
def test_one_fault_keeps_the_row_out(files: Any, change: Any, code: str, column: str) -> None:
    files.registers()
    files.write("setl_list.csv", {"setl_id": "S9"}, change)
    loaded = files.load()
    assert [(s, c, n) for _, s, c, n, _ in told(loaded) if s == "error"] == [
        ("error", code, column)
    ]
    assert counted(loaded) == (2, 1, 1, 0)


@pytest.mark.parametrize(
    ("change", "code", "column"),
    [
        ({"psn_cash_pay": "20.26"}, "amounts_do_not_add_up", "medfee_sumamt"),
        ({"psn_no": "N7"}, "unknown_reference", "psn_no"),
        ({"fixmedins_code": "H7"}, "unknown_reference", "fixmedins_code"),
    ],
)
def test_warning_lets_the_row_in(files: Any, change: Any, code: str, column: str) -> None:
    files.registers()
    files.write("setl_list.csv", change)
    loaded = files.load()
    assert [(s, c, n) for _, s, c, n, _ in told(loaded)] == [("warning", code, column)]
    assert counted(loaded) == (1, 1, 0, 0)


def test_limits_are_not_faults(files: Any) -> None:
    files.registers()
    at = {"begntime": "2024-03-05 09:00:00", "endtime": "2024-03-05 09:00:00"}
    files.write("setl_list.csv", {**at, "setl_time": "2024-03-05 09:00:00"})
    assert told(files.load()) == []


def test_only_reversals_are_negative(files: Any) -> None:
    files.registers()
    minus = {"medfee_sumamt": "-100.50", "fund_pay_sumamt": "-60.00", "hifp_pay": "-60.00",
             "acct_pay": "-20.25", "psn_cash_pay": "-20.25"}  # fmt: skip
    lines = {"cnt": "-2", "det_item_fee_sumamt": "-100.50"}
    files.write(
        "setl_list.csv", {}, {"setl_id": "S2", **minus, "refd_setl_id": "S1"},
        {"setl_id": "S3", **minus},
    )  # fmt: skip
    files.write(
        "fee_detail.csv", {}, {"feedetl_sn": "F2", "setl_id": "S2", **lines},
        {"feedetl_sn": "F3", "setl_id": "S1", **lines}, {"feedetl_sn": "F4", "cnt": "-1"},
        {"feedetl_sn": "F5", "setl_id": "", **lines}, {"feedetl_sn": "F6", "prd_days": "-1"},
    )  # fmt: skip
    loaded = files.load()
    assert {(n, c) for n, _, c, _, _ in told(loaded)} == {(4, "negative_amount")}
    assert [(n, c, k) for n, s, c, k, _ in told(loaded, "claim_lines") if s == "error"] == [
        (4, "negative_amount", "cnt"),
        (4, "negative_amount", "det_item_fee_sumamt"),
        (5, "negative_amount", "cnt"),
        (6, "missing_value", "setl_id"),
        (6, "negative_amount", "cnt"),
        (6, "negative_amount", "det_item_fee_sumamt"),
        (7, "negative_amount", "prd_days"),
    ]
    assert sorted(row["amount"] for row in loaded.rows("claim_lines")) == [-10050, 10050]


def test_a_reversal_that_adds_instead_of_taking_back_is_refused(files: Any) -> None:
    files.registers()
    minus = {"medfee_sumamt": "-100.50", "fund_pay_sumamt": "-60.00", "hifp_pay": "-60.00",
             "acct_pay": "-20.25", "psn_cash_pay": "-20.25"}  # fmt: skip
    back = {"refd_setl_id": "S1"}
    files.write(
        "setl_list.csv", {}, {"setl_id": "S2", **back},
        {"setl_id": "S3", **minus, **back, "acct_pay": "20.25"},
        {"setl_id": "S4", **dict.fromkeys(minus, "0.00"), **back},
        {"setl_id": "S5", **minus, **back},
    )  # fmt: skip
    lines = {"cnt": "-2", "det_item_fee_sumamt": "-100.50"}
    files.write(
        "fee_detail.csv", {}, {"feedetl_sn": "F2", "setl_id": "S5"},
        {"feedetl_sn": "F3", "setl_id": "S5", **lines}, {"feedetl_sn": "F4", "setl_id": "S2"},
        {"feedetl_sn": "F5", "setl_id": "S5", "fee_ocur_time": "never"},
    )  # fmt: skip
    loaded = files.load()
    code = "positive_reversal"
    assert [f for f in told(loaded) if f[1] == "error"] == [
        (3, "error", code, "acct_pay", "20.25"),
        (3, "error", code, "fund_pay_sumamt", "60.00"),
        (3, "error", code, "hifp_pay", "60.00"),
        (3, "error", code, "medfee_sumamt", "100.50"),
        (3, "error", code, "psn_cash_pay", "20.25"),
        (4, "error", code, "acct_pay", "20.25"),
    ]
    assert counted(loaded) == (5, 3, 2, 0)
    # A line is judged by what its claim turns out to be: S2 was refused and reverses nothing.
    assert [f for f in told(loaded, "claim_lines") if f[1] == "error"] == [
        (3, "error", code, "det_item_fee_sumamt", None),
        (6, "error", "bad_date", "fee_ocur_time", None),
    ]
    assert counted(loaded, "claim_lines") == (5, 3, 2, 0)
    assert loaded.counts["claim_lines"].amount_quarantined == 2 * 10050
    # 100.50 once, and taken back once
    assert sum(c["total_amount"] for c in loaded.rows("claims")) == 0


def test_a_claim_that_reverses_itself_is_refused(files: Any) -> None:
    files.registers()
    minus = {"medfee_sumamt": "-100.50", "fund_pay_sumamt": "-60.00", "hifp_pay": "-60.00",
             "acct_pay": "-20.25", "psn_cash_pay": "-20.25"}  # fmt: skip
    files.write("setl_list.csv", {}, {"setl_id": "S2", **minus, "refd_setl_id": "S2"})
    loaded = files.load()
    assert told(loaded) == [(3, "error", "reverses_itself", "refd_setl_id", None)]
    assert counted(loaded) == (2, 1, 1, 0)


def test_capitals_of_a_header_are_no_difference_of_a_row(files: Any) -> None:
    """The same row under 'b,A,c' and 'B,a,C', two columns of which the mapping does not read."""
    files.registers()
    path = files.write("setl_list.csv", {}, {"setl_id": "S2"})
    head, first, second = path.read_text("utf-8").splitlines()
    path.write_text(f"{head},Zone,b,A\n{first},x,y,z\n{second},x,y,z\n", "utf-8")
    other = files.folder / "setl_list_2.csv"
    other.write_text(f"{head.upper()},zone,B,a\n{first},x,y,z\n{second},x,z,y\n", "utf-8")
    loaded = files.load_several()
    assert [(f, n, c) for f, n, c in (
        (q["source_file"], q["row_number"], q["code"]) for q in loaded.rows("quarantine")
        if q["table_name"] == "claims" and q["severity"] in ("error", "duplicate")
    )] == [
        ("setl_list.csv", 3, "conflicting_id"),
        ("setl_list_2.csv", 2, "duplicate_row"),
        ("setl_list_2.csv", 3, "conflicting_id"),
    ]  # fmt: skip


def test_same_row_twice_counts_once_and_other_contents_are_all_refused(files: Any) -> None:
    files.registers()
    other = {"setl_id": "S2", "dscg_maindiag_code": "J44"}
    files.write("setl_list.csv", {}, {}, {"setl_id": "S2"}, other, {"setl_id": "S2"}, {},
                {"setl_id": "S3"})  # fmt: skip
    loaded = files.load()
    assert told(loaded) == [
        (3, "duplicate", "duplicate_row", "setl_id", None),
        (4, "error", "conflicting_id", "setl_id", None),
        (5, "error", "conflicting_id", "setl_id", None),
        (6, "error", "conflicting_id", "setl_id", None),
        (7, "duplicate", "duplicate_row", "setl_id", None),
    ]
    assert counted(loaded) == (7, 2, 3, 2)


def test_difference_in_a_column_that_is_not_kept_is_a_difference(files: Any) -> None:
    files.write("setl_list.csv", {})
    files.write("psn_info.csv", {}, {"certno": "990103199408010016"})
    assert counted(files.load(), "insured") == (2, 0, 2, 0)


def test_faulty_copy_does_not_take_the_sound_row_with_it(files: Any) -> None:
    files.registers()
    files.write("setl_list.csv", {}, {"begntime": ""})
    assert counted(files.load()) == (2, 1, 1, 0)


def test_key_of_several_columns(files: Any) -> None:
    files.write("setl_list.csv", {})
    head = "med_list_codg,hosp_lv,max_pric,begndate,enddate\n"
    path = files.folder / "ref_price_cap.csv"
    path.write_text(head + "X,1,8,2023-01-01,\nX,2,8,2023-01-01,\nX,,8,2023-01-01,\n"
                    "X,1,9,2023-01-01,\nX,1,8,2024-01-01,2024-12-31\n", "utf-8")  # fmt: skip
    loaded = files.load()
    assert counted(loaded, "price_caps") == (5, 3, 2, 0)
    assert {k for *_, k, _ in told(loaded, "price_caps")} == {"med_list_codg + hosp_lv + begndate"}
    assert {row["level"] for row in loaded.rows("price_caps")} == {"1", "2", "all"}


def test_rows_of_the_wrong_length_are_counted(files: Any) -> None:
    files.registers()
    path = files.write("setl_list.csv", {}, {"setl_id": "S2"})
    with path.open("a", encoding="utf-8") as file:
        file.write('S3,only,three\n\nS4,"open\n')
    loaded = files.load()
    assert [(n, c) for n, _, c, _, _ in told(loaded)] == [
        (4, "wrong_field_count"), (6, "unclosed_quote"),
    ]  # fmt: skip
    assert counted(loaded) == (4, 2, 2, 0)


def test_counts_add_up_with_the_quarantine_itself(files: Any, county: Any) -> None:
    files.folder = county
    loaded = files.load()
    faults = loaded.rows("quarantine")
    for count in loaded.report.counts:
        rows = {
            kind: {(f["source_file"], f["row_number"]) for f in faults
                   if f["table_name"] == count.table and f["severity"] == kind and f["row_number"]}
            for kind in ("error", "duplicate", "warning")
        }  # fmt: skip
        assert len(rows["error"]) == count.quarantined
        assert len(rows["duplicate"]) == count.duplicates
        assert not rows["error"] & rows["duplicate"]
        assert count.accepted == len(loaded.rows(count.table))
        assert count.records == count.accepted + count.quarantined + count.duplicates
        named = {file for file, _ in rows["error"]}
        lines = (county / named.pop()).read_text("utf-8").count("\n") if named else None
        assert lines in (None, count.records + 1)
    assert loaded.counts["claims"].quarantined > 0


def test_fault_names_the_columns_of_the_file_not_ours(files: Any) -> None:
    files.write("setl_list.csv", {})
    files.write(
        "fixmedins_info.csv", {"medins_type": "spa"}, {"fixmedins_code": "H2", "hosp_lv": "7"}
    )
    assert told(files.load(), "institutions") == [
        (2, "error", "not_permitted", "medins_type + ownership", "spa"),
        (3, "error", "not_permitted", "hosp_lv", "7"),
    ]


def test_without_a_column_for_reversals_nothing_may_be_negative(files: Any) -> None:
    files.write("setl_list.csv", {}, {"setl_id": "S2", "acct_pay": "-1"}, without=["refd_setl_id"])
    files.write("fee_detail.csv", {}, {"feedetl_sn": "F2", "det_item_fee_sumamt": "-1"})
    loaded = files.load()
    assert counted(loaded) == (2, 1, 1, 0)
    assert counted(loaded, "claim_lines") == (2, 1, 1, 0)


def test_line_of_a_quarantined_claim_says_so(files: Any) -> None:
    files.registers()
    files.write("setl_list.csv", {}, {"setl_id": "S2", "begntime": ""}, {"setl_id": "S3"},
                {"setl_id": "S3", "dscg_maindiag_code": "J44"})  # fmt: skip
    lines = ({"feedetl_sn": f"F{i}", "setl_id": f"S{i}"} for i in range(1, 5))
    files.write("fee_detail.csv", *lines)
    loaded = files.load()
    assert told(loaded, "claim_lines") == [
        (3, "warning", "claim_quarantined", "setl_id", None),
        (4, "warning", "claim_quarantined", "setl_id", None),
        (5, "warning", "unknown_reference", "setl_id", None),
    ]
    assert counted(loaded, "claim_lines") == (4, 4, 0, 0)


def test_money_that_arrived_and_money_that_was_refused(files: Any) -> None:
    files.registers()
    files.write(
        "setl_list.csv", {}, {}, {"setl_id": "S2", "begntime": ""}, {"setl_id": "S3"},
        {"setl_id": "S3", "dscg_maindiag_code": "J44"}, {"setl_id": "S4", "medfee_sumamt": "x"},
    )  # fmt: skip
    minus = {"feedetl_sn": "F2", "det_item_fee_sumamt": "-1.00"}
    path = files.write("fee_detail.csv", {}, minus)
    with path.open("a", encoding="utf-8") as file:
        file.write("F3,only\n")
    loaded = files.load()
    claims, lines = loaded.counts["claims"], loaded.counts["claim_lines"]
    # 100.50 each: five could be read; S2 and both S3 are refused, S1 arrived twice
    assert (claims.amount_arrived, claims.amount_quarantined) == (5 * 10050, 3 * 10050)
    assert (claims.amount_duplicates, claims.amount_unreadable) == (10050, 1)
    assert (lines.amount_arrived, lines.amount_quarantined) == (9950, -100)
    assert lines.amount_unreadable == 1
    accepted = sum(c["total_amount"] for c in loaded.rows("claims"))
    assert accepted == claims.amount_arrived - claims.amount_quarantined - claims.amount_duplicates
    assert loaded.counts["insured"].amount_arrived is None
    assert {c["table"]: c["amount_arrived"] for c in loaded.store.meta["counts"]}["claims"] == 50250
