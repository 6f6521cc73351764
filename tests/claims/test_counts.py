"""Messy files of every kind against an oracle written apart: nothing lost, changed or guessed.

The oracle knows the rules of the settlement file and shares no code with the loader. How many files
are made is ``JIHE_PROOF_FILES``.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import tempfile
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from claims.load import LoadError
from claims.pseudonyms import pseudonym
from claims.vault import pseudonym_key

FILES = int(os.environ.get("JIHE_PROOF_FILES", "25"))
GOOD = {
    "setl_id": "", "mdtrt_id": "M1", "psn_no": "N1", "fixmedins_code": "H1", "med_type": "11",
    "insutype": "310", "begntime": "2024-03-05 09:00:00", "endtime": "2024-03-05 10:00:00",
    "setl_time": "2024-03-05 10:30:00", "medfee_sumamt": "100.50", "fund_pay_sumamt": "60.00",
    "hifp_pay": "60.00", "hifob_pay": "0", "cvlserv_pay": "0.00", "acct_pay": "20.25",
    "psn_cash_pay": "20.25", "dscg_maindiag_code": "I10", "atddr_no": "D1",
    "dscg_dept_codg": "心内科", "drg_code": "", "refd_setl_id": "", "extra": "x",
}  # fmt: skip
TEXTS = {
    "mdtrt_id": "stay_id", "psn_no": "insured_id", "fixmedins_code": "institution_id",
    "atddr_no": "doctor_id", "dscg_maindiag_code": "main_diagnosis", "drg_code": "drg_code",
    "dscg_dept_codg": "department", "insutype": "insurance_type", "setl_id": "claim_id",
    "refd_setl_id": "reverses_claim_id",
}  # fmt: skip
MONEY = {
    "medfee_sumamt": "total_amount", "fund_pay_sumamt": "fund_amount", "hifp_pay": "pooled_amount",
    "hifob_pay": "supplementary_amount", "cvlserv_pay": "civil_servant_amount",
    "acct_pay": "account_amount", "psn_cash_pay": "self_amount",
}  # fmt: skip
TIMES = {"begntime": "service_at", "endtime": "service_end_at", "setl_time": "known_at"}
TYPES = {"11": "outpatient", "21": "inpatient", "41": "pharmacy"}
KINDS = {"claim_id": "claim", "stay_id": "stay", "insured_id": "insured", "doctor_id": "doctor",
         "institution_id": "institution", "reverses_claim_id": "claim"}  # fmt: skip
REQUIRED = {"setl_id", "psn_no", "fixmedins_code", "med_type", "begntime", "endtime", "setl_time",
            "medfee_sumamt", "fund_pay_sumamt"}  # fmt: skip
DROPPABLE = ["drg_code", "hifp_pay", "refd_setl_id", "setl_time", "psn_cash_pay", "extra"]

AMOUNTS = [
    "",
    "0",
    "7.1",
    "7.10",
    "7.100",
    "-7.10",
    "-0",
    "1e5",
    "7.123",
    "1,000.00",
    "¥7",
    "x",
    "19912345678",
]
MOMENTS = ["", "2024-03-05", "2024-03-05 09:30:00", "2024-02-30 09:00:00", "2024-3-5 09:00:00",
           "20240305", "2023-12-31 23:59:59", "2024-03-05 25:00:00", "2024-3-06"]  # fmt: skip
ANY_TEXT = ["", " ", "A", " A ", "甲", 'a"b', "a,b", "a\nb", "NA", "0", "O'N", "S2", "欧阳 娜"]


def _texts(column: str) -> list[str]:
    if column == "setl_id":
        return ["S1", "S2", "S3", " S2", "S4", ""]
    if column == "med_type":
        return [*TYPES, "99", "", "011"]
    return AMOUNTS if column in MONEY else MOMENTS if column in TIMES else ANY_TEXT


CHANGE = st.sampled_from([*GOOD, *["setl_id"] * 4]).flatmap(
    lambda column: st.tuples(st.just(column), st.sampled_from(_texts(column)))
)
ROW = st.tuples(
    st.lists(CHANGE, max_size=2), st.sampled_from(["whole"] * 9 + ["longer", "shorter", "again"])
)
FILE = st.tuples(
    st.lists(ROW, min_size=1, max_size=14),
    st.sets(st.sampled_from(DROPPABLE), max_size=2),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.randoms(use_true_random=False),
)


def _amount(text: str) -> int | None:
    if not re.fullmatch(r"-?\d{1,10}(\.\d{1,2}0*)?", text, re.ASCII):
        return None
    return int(Decimal(text) * 100)


def _moment(text: str) -> datetime | None:
    shape = {10: "%Y-%m-%d", 19: "%Y-%m-%d %H:%M:%S"}.get(len(text))
    try:
        local = datetime.strptime(text, shape or "?")
    except ValueError:
        return None
    return (local - timedelta(hours=8)).replace(tzinfo=UTC)


def judge(row: dict[str, str], absent: set[str]) -> dict[str, Any] | None:
    """Return what must be stored of a row, or None where it has a fault."""
    text = {k: row[k].strip(" ") if k in row and k not in absent else "" for k in GOOD}
    if any(not text[k] for k in REQUIRED - absent) or any(
        re.search("[\r\n]", text[k]) for k in TEXTS
    ):
        return None
    made: dict[str, Any] = {new: text[old] or None for old, new in TEXTS.items()}
    made["claim_type"] = TYPES.get(text["med_type"])
    for old, new in MONEY.items():
        made[new] = _amount(text[old])
        if text[old] and made[new] is None:
            return None
        if (made[new] or 0) < 0 and not text["refd_setl_id"]:
            return None
    for old, new in TIMES.items():
        made[new] = _moment(text[old])
    if made["claim_type"] is None or made["service_at"] is None or made["service_end_at"] is None:
        return None
    made["known_at_assumed"] = "setl_time" in absent
    if "setl_time" in absent:
        made["known_at"] = made["service_end_at"] + timedelta(days=30)
    elif len(text["setl_time"]) != 19 or made["known_at"] is None:
        return None
    if min(made["service_end_at"], made["known_at"]) < made["service_at"]:
        return None
    return made


def oracle(rows: list[list[str]], columns: list[str]) -> tuple[list[dict[str, Any]], int, int]:
    """Return the rows that must be accepted, and how many are refused and how many are copies."""
    absent = set(GOOD) - set(columns)
    groups: dict[str, list[tuple[tuple[str, ...], dict[str, Any]]]] = defaultdict(list)
    refused = 0
    for cells in rows:
        made = None
        if len(cells) == len(columns):
            made = judge(dict(zip(columns, cells, strict=True)), absent)
        if made is None:
            refused += 1
        else:
            groups[made["claim_id"]].append((tuple(cells), made))
    accepted, copies = [], 0
    for group in groups.values():
        if len({cells for cells, _ in group}) > 1:
            refused += len(group)
        else:
            accepted.append(group[0][1])
            copies += len(group) - 1
    key = pseudonym_key()
    for made in accepted:
        for column, kind in KINDS.items():
            made[column] = made[column] and pseudonym(kind, made[column], key)
    return accepted, refused, copies


def _write(path: Path, columns: list[str], rows: list[list[str]], encoding: str, end: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end)
    writer.writerows([columns, *rows])
    data = text.getvalue().encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@given(FILE)
@settings(
    max_examples=FILES, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_every_record_is_accepted_as_it_stands_or_accounted_for(
    load_source: Any, made: Any
) -> None:
    drawn, absent, encoding, end, packed, random = made
    columns = [c for c in GOOD if c not in absent]
    rows: list[list[str]] = []
    for place, (changes, form) in enumerate(drawn):
        row = {**GOOD, "setl_id": f"S{place}", **dict(changes)}
        cells = [row[c] for c in columns]
        if form == "again" and rows:
            cells = list(rows[-1])
        rows.append(
            cells[:-1] if form == "shorter" else [*cells, "9"] if form == "longer" else cells
        )
    accepted, refused, copies = oracle(rows, columns)
    event(f"accepted {min(len(accepted), 3)}, refused {min(refused, 3)}, copies {min(copies, 2)}")
    with tempfile.TemporaryDirectory() as root:
        folder, home = Path(root) / "in", Path(root) / "home"
        folder.mkdir()
        path = folder / ("setl_list.csv.gz" if packed else "setl_list.csv")
        _write(path, columns, rows, encoding, end)
        if not accepted:
            with pytest.raises(LoadError, match="No claim of source 'nhsa' is usable"):
                load_source("nhsa", folder, home)
            return
        loaded = load_source("nhsa", folder, home)
        count = loaded.counts["claims"]
        assert (count.records, count.accepted) == (len(rows), len(accepted))
        assert (count.quarantined, count.duplicates) == (refused, copies)
        assert count.records == count.accepted + count.quarantined + count.duplicates
        kept = {row["claim_id"]: row for row in loaded.rows("claims")}
        for row in accepted:
            assert {k: kept[row["claim_id"]][k] for k in row} == row
        faulty = Counter(
            fault["severity"]
            for fault in {(f["row_number"], f["severity"]): f for f in loaded.rows("quarantine")
                          if f["table_name"] == "claims" and f["row_number"]}.values()
        )  # fmt: skip
        assert (faulty["error"], faulty["duplicate"]) == (refused, copies)
        random.shuffle(rows)
        _write(path, columns, rows, encoding, end)
        again = load_source("nhsa", folder, Path(root) / "again")
        assert again.report.fingerprint == loaded.report.fingerprint
        assert again.report.counts == loaded.report.counts
        assert again.rows("claims") == loaded.rows("claims")
