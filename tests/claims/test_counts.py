"""Messy files of every kind against an oracle written apart: nothing lost, changed or guessed.

The oracle knows the rules of the settlement file and shares no code with the loader. How many files
are made is ``JIHE_PROOF_FILES``; several of them, of different kinds, arrive together.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from claims.load import LoadError
from claims.mapping import SourceMapping, source_mapping
from claims.pseudonyms import pseudonym
from claims.vault import pseudonym_key

TOGETHER = 8
FILES = int(os.environ.get("JIHE_PROOF_FILES", "80"))
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
KINDS_OF_ID = {"claim_id": "claim", "stay_id": "stay", "insured_id": "insured",
               "doctor_id": "doctor", "institution_id": "institution",
               "reverses_claim_id": "claim"}  # fmt: skip
REQUIRED = {"setl_id", "psn_no", "fixmedins_code", "med_type", "begntime", "endtime", "setl_time",
            "medfee_sumamt", "fund_pay_sumamt"}  # fmt: skip
DROPPABLE = ["drg_code", "hifp_pay", "refd_setl_id", "setl_time", "psn_cash_pay", "extra"]

Cells = list[str]
Records = list[tuple[int, Cells | None]]
NUMBER = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,4})?")
KINDS = ("csv", "csv.gz", "zip", "xlsx", "parquet")


@dataclass(frozen=True)
class Form:
    """How one file is written; most of it matters for text only."""

    kind: str = "csv"
    encoding: str = "utf-8"
    end: str = "\n"
    quoted: bool = False
    last_end: bool = True
    open_quote: bool = False
    cut: bool = False
    gaps: frozenset[int] = frozenset()
    typed: bool = False


def write(path: Path, columns: Sequence[str], rows: Sequence[Cells], form: Form) -> Records:
    """Write one file and return what is in it."""
    if form.kind == "xlsx":
        return _workbook(path, columns, rows, form)
    if form.kind == "parquet":
        return _parquet(path, columns, rows, form)
    data, records = _text(columns, rows, form)
    if form.kind == "csv.gz":
        data = gzip.compress(data, 1)
    if form.kind == "zip":
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.stem + ".csv", data)
        data = made.getvalue()
    if form.cut and form.kind != "csv":
        data, records = data[:-9], []
    path.write_bytes(data)
    return records


def _text(columns: Sequence[str], rows: Sequence[Cells], form: Form) -> tuple[bytes, Records]:
    text = io.StringIO(newline="")
    # Between carriage returns the writer would leave a cell's own line feed without quotes.
    quoting = csv.QUOTE_ALL if form.quoted or form.end == "\r" else csv.QUOTE_MINIMAL
    writer = csv.writer(text, lineterminator=form.end, quoting=quoting)
    writer.writerow(columns)
    number, records = 1, Records()
    for place, cells in enumerate(rows):
        if place in form.gaps:
            text.write(form.end)
            number += 1
        writer.writerow(cells)
        number += 1
        records.append((number, cells if len(cells) == len(columns) else None))
    if form.open_quote:
        text.write(f'S0,"never{form.end}closed{form.end}')
        records.append((number + 1, None))
    whole = text.getvalue()
    if not form.last_end:
        whole = whole.removesuffix(form.end)
    return whole.encode(form.encoding), records


def _workbook(path: Path, columns: Sequence[str], rows: Sequence[Cells], form: Form) -> Records:
    book = xlsxwriter.Workbook(path)
    page = book.add_worksheet()
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    page.write_row(0, 0, columns)
    number, records = 0, Records()
    for place, cells in enumerate(rows):
        number += 2 if place in form.gaps else 1
        read = []
        for at, cell in enumerate(cells):
            told = cell
            if form.typed and _is_amount(columns, at) and NUMBER.fullmatch(cell):
                page.write_number(number, at, float(cell))
                told = _shortest(cell)
            elif form.typed and (when := _typed_moment(columns, at, cell)):
                page.write_datetime(number, at, when, moment)
                told = str(when)
            else:
                # The format itself has no longer cells.
                told = cell[:32_767]
                page.write_string(number, at, told)
            read.append(told)
        long = len(cells) > len(columns) and cells[len(columns)] != ""
        padded = [*read, *[""] * len(columns)][: len(columns)]
        records.append((number + 1, None if long else padded))
    book.close()
    return records


def _parquet(path: Path, columns: Sequence[str], rows: Sequence[Cells], form: Form) -> Records:
    table = [[*cells, *[""] * len(columns)][: len(columns)] for cells in rows]
    arrays, read = [], []
    for at in range(len(columns)):
        cells = [row[at] for row in table]
        told: list[str] = cells
        array = pa.array([cell or None for cell in cells], pa.string())
        filled = [cell for cell in cells if cell]
        if form.typed and _is_amount(columns, at) and all(NUMBER.fullmatch(c) for c in filled):
            array = pa.array([Decimal(c) if c else None for c in cells], pa.decimal128(18, 4))
            told = [f"{Decimal(c) + 0:.4f}" if c else "" for c in cells]
            if at % 2:
                array = pa.array([float(c) if c else None for c in cells], pa.float64())
                told = [_shortest(c) if c else "" for c in cells]
        elif form.typed and filled and all(_typed_moment(columns, at, c) for c in filled):
            moments = [_typed_moment(columns, at, cell) for cell in cells]
            array = pa.array(moments, pa.timestamp("us"))
            told = [str(when) if when else "" for when in moments]
        arrays.append(array)
        read.append(told)
    pq.write_table(pa.table(arrays, names=list(columns)), path)
    records: Records = []
    for place in range(len(rows)):
        records.append((place + 2, [column[place] for column in read]))
    return records


def _is_amount(columns: Sequence[str], at: int) -> bool:
    return at < len(columns) and columns[at].endswith(("amt", "_pay"))


def _typed_moment(columns: Sequence[str], at: int, cell: str) -> datetime | None:
    if at >= len(columns) or not columns[at].endswith("time"):
        return None
    return _local(cell)


def _local(text: str) -> datetime | None:
    """Return the local moment of a text in one of the two forms of the interface."""
    shape = {10: "%Y-%m-%d", 19: "%Y-%m-%d %H:%M:%S"}.get(len(text))
    try:
        return datetime.strptime(text, shape or "?")
    except ValueError:
        return None


def _shortest(text: str) -> str:
    """Return the digits of a number without what a float does not keep."""
    plain = format(Decimal(text).normalize(), "f")
    return "0" if plain == "-0" else plain


CODES = {"setl_id", "mdtrt_id", "psn_no", "fixmedins_code", "med_type", "dscg_maindiag_code",
         "atddr_no", "drg_code", "refd_setl_id"}  # fmt: skip
MENDED = {"formatted_number", "full_width", "hidden_characters"}

AMOUNTS = [
    "", "0", "7.1", "7.10", "7.100", "-7.10", "-0", "1e5", "7.123", "1,000.00", "¥7", "x",
    "19912345678", "１２.５", "1,23", "1.234,56", "￥1,234", "7元", "1,2345", " 7 ", "\t7",
    "7\u00a0",    "9,999,999,999.99", "0,123", "$7", "－7", "12,345", "45352", "7．5元",
]  # fmt: skip
MOMENTS = [
    "", "2024-03-05", "2024-03-05 09:30:00", "2024-02-30 09:00:00", "2024-3-05 09:00:00",
    "20240305", "2023-12-31 23:59:59", "2024-03-05 25:00:00", "2024-3-06", "45352", "45352.5",
    "２０２４-03-05 09:30:00", "2024-03-05 09:30:00\u200b", "2024-03-05T09:30:00", "03/05/2024",
]  # fmt: skip
ANY_TEXT = [
    "", " ", "A", " A ", "甲", 'a"b', "a,b", "a\nb", "NA", "0", "O'N", "S2", "欧阳 娜", "Ａ１",
    "\tA", "A\u3000", "\ufeffA", "A\u200bB", "A\u00a0B", "4.40106E+17", "440106199408010000.0",
    "440106199408010000", "1E5", "E11.9", "007", "A\tB", "(long)",
]  # fmt: skip


def _texts(column: str) -> list[str]:
    if column == "setl_id":
        return ["S1", "S2", "S3", " S2", "S4", "", "Ｓ2", "S2\u200b", "S\u200b2", "4.4E+17"]
    if column == "med_type":
        return [*TYPES, "99", "", "011", "１１", "11\t", "21.0"]
    return AMOUNTS if column in MONEY else MOMENTS if column in TIMES else ANY_TEXT


CHANGE = st.sampled_from([*GOOD, *["setl_id"] * 4]).flatmap(
    lambda column: st.tuples(st.just(column), st.sampled_from(_texts(column)))
)
ROW = st.tuples(
    st.lists(CHANGE, max_size=2), st.sampled_from(["whole"] * 9 + ["longer", "shorter", "again"])
)
FORM = st.builds(
    Form, kind=st.sampled_from(KINDS), encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]), quoted=st.booleans(), last_end=st.booleans(),
    open_quote=st.sampled_from([False] * 5 + [True]), cut=st.sampled_from([False] * 9 + [True]),
    gaps=st.frozensets(st.integers(0, 5), max_size=2), typed=st.booleans(),
)  # fmt: skip
FILE = st.tuples(FORM, st.lists(ROW, min_size=1, max_size=6))
FOLDER = st.tuples(
    st.lists(FILE, min_size=TOGETHER, max_size=TOGETHER),
    st.sets(st.sampled_from(DROPPABLE), max_size=2),
    st.randoms(use_true_random=False),
)


def _mended(text: str, column: str) -> tuple[str, bool]:
    """Return the text in ordinary width without blanks around it, and whether that is new."""
    bare = text.strip(" \t\u00a0\u3000\u200b\ufeff")
    new = bare != text.strip(" ")
    if column in CODES | set(MONEY) | set(TIMES):
        wide = [
            chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else "¥" if c == "￥" else c for c in bare
        ]
        new |= "".join(wide) != bare
        bare = "".join(wide)
    return bare, new


def _amount(text: str) -> tuple[int | None, bool]:
    """Return the amount in hundredths, and whether it was written for people."""
    number = text.removesuffix("元")
    sign = re.match("-?¥|¥-", number)
    if sign:
        number = ("-" if "-" in sign[0] else "") + number[len(sign[0]) :]
    found = re.fullmatch(r"(-?)([0-9,]+)((?:\.[0-9]{1,2}0*)?)", number)
    if not found:
        return None, False
    whole = found[2].replace(",", "")
    if len(whole) > 10 or ("," in found[2] and f"{int(whole):,}" != found[2]):
        return None, False
    return int(Decimal(found[1] + whole + found[3]) * 100), number != text or "," in number


def _moment(text: str) -> datetime | None:
    local = _local(text)
    return local and (local - timedelta(hours=8)).replace(tzinfo=UTC)


def _sound(text: str, column: str) -> bool:
    """Tell whether a text of a text column is what was meant, as far as one can see."""
    if re.search("[\r\n]", text):
        return False
    damaged = r"[0-9](\.[0-9]+)?[eE]\+[0-9]{2,3}|[0-9]{16,}\.0+"
    hidden = re.search("[\t\u00a0\u3000\u200b\ufeff]", text)
    return column not in CODES or not (hidden or re.fullmatch(damaged, text))


def judge(row: dict[str, str], absent: set[str]) -> tuple[dict[str, Any], bool] | None:
    """Return what must be stored of a row and whether it was mended; None where it has a fault."""
    arrived = {k: row[k] if k in row and k not in absent else "" for k in GOOD}
    if max(map(len, row.values())) > 32_767:
        return None
    mended = {k: _mended(v, k) for k, v in arrived.items() if k != "extra"}
    text = {k: v for k, (v, _) in mended.items()}
    told = any(new for _, new in mended.values())
    if any(not text[k] for k in REQUIRED - absent) or not all(_sound(text[k], k) for k in TEXTS):
        return None
    made: dict[str, Any] = {new: text[old] or None for old, new in TEXTS.items()}
    made["claim_type"] = TYPES.get(text["med_type"])
    for old, new in MONEY.items():
        made[new], formatted = _amount(text[old])
        told |= formatted
        if text[old] and made[new] is None:
            return None
        # What is below zero marks a reversal, and a reversal takes back: nothing above zero.
        if ((made[new] or 0) > 0) if text["refd_setl_id"] else ((made[new] or 0) < 0):
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
    return made, told


@dataclass
class Verdict:
    """What must become of the records: rows accepted, and places of the others by file and row."""

    accepted: list[dict[str, Any]]
    refused: set[tuple[str, int]]
    copies: set[tuple[str, int]]
    mended: set[tuple[str, int]]


def oracle(files: dict[str, Records], columns: list[str]) -> Verdict:
    """Judge every record of every file; no two files share a key."""
    absent = set(GOOD) - set(columns)
    verdict = Verdict([], set(), set(), set())
    for name, records in files.items():
        groups: dict[str, list[tuple[int, Cells, dict[str, Any], bool]]] = defaultdict(list)
        for number, cells in records:
            found = cells and judge(dict(zip(columns, cells, strict=True)), absent)
            if cells and found:
                groups[found[0]["claim_id"]].append((number, cells, *found))
            else:
                verdict.refused.add((name, number))
        for group in groups.values():
            if any(cells != group[0][1] for _, cells, *_ in group):
                verdict.refused |= {(name, number) for number, *_ in group}
                continue
            verdict.accepted.append(group[0][2])
            verdict.copies |= {(name, number) for number, *_ in group[1:]}
            verdict.mended |= {(name, number) for number, *_, told in group[:1] if told}
    key = pseudonym_key()
    for made in verdict.accepted:
        for column, kind in KINDS_OF_ID.items():
            made[column] = made[column] and pseudonym(kind, made[column], key)
    return verdict


def _rows(drawn: Any, columns: list[str], place: int) -> list[Cells]:
    rows: list[Cells] = []
    for at, (changes, form) in enumerate(drawn):
        row = {**GOOD, "setl_id": f"S{at}", **dict(changes)}
        # What only one file has keeps the files apart; a copy is looked for within each.
        row["setl_id"] = re.sub("[S\uff33]", lambda s: f"{s[0]}{place}.", row["setl_id"])
        cells = [row[c].replace("(long)", "x" * 40_000) for c in columns]
        if form == "again" and rows:
            cells = list(rows[-1])
        rows.append(
            cells[:-1] if form == "shorter" else [*cells, "9"] if form == "longer" else cells
        )
    return rows


def _source() -> SourceMapping:
    """Return the national interface's mapping of claims, for files of every kind."""
    source = source_mapping("nhsa")
    files = tuple(f"setl_list_*.{kind}" for kind in KINDS)
    return replace(source, tables={"claims": replace(source.tables["claims"], files=files)})


def _written(
    folder: Path, columns: list[str], files: list[tuple[Form, list[Cells]]]
) -> dict[str, Records]:
    folder.mkdir()
    return {
        name: write(folder / name, columns, rows, form)
        for place, (form, rows) in enumerate(files)
        for name in [f"setl_list_{place}.{form.kind}"]
    }


def _places(loaded: Any, severity: str, codes: set[str] | None = None) -> set[tuple[str, int]]:
    return {
        (f["source_file"], f["row_number"]) for f in loaded.rows("quarantine")
        if f["table_name"] == "claims" and f["row_number"] and f["severity"] == severity
        and (codes is None or f["code"] in codes)
    }  # fmt: skip


@given(FOLDER)
@settings(
    max_examples=max(1, FILES // TOGETHER), deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_every_record_is_accepted_as_it_stands_or_accounted_for(
    load_source: Any, made: Any
) -> None:
    drawn, absent, random = made
    columns = [c for c in GOOD if c not in absent]
    files = [(form, _rows(rows, columns, place)) for place, (form, rows) in enumerate(drawn)]
    with tempfile.TemporaryDirectory() as root:
        arrived = _written(Path(root) / "in", columns, files)
        verdict = oracle(arrived, columns)
        for count in Counter(form.kind for form, _ in files).items():
            event(f"files of kind {count}")
        if not verdict.accepted:
            with pytest.raises(LoadError, match="No claim of source 'nhsa' is usable"):
                load_source(_source(), Path(root) / "in", Path(root) / "home")
            return
        loaded = load_source(_source(), Path(root) / "in", Path(root) / "home")
        count = loaded.counts["claims"]
        assert count.records == sum(map(len, arrived.values()))
        assert count.records == count.accepted + count.quarantined + count.duplicates
        assert _places(loaded, "error") == verdict.refused
        assert _places(loaded, "duplicate") == verdict.copies
        assert (count.quarantined, count.duplicates) == (len(verdict.refused), len(verdict.copies))
        kept = {row["claim_id"]: row for row in loaded.rows("claims")}
        assert len(kept) == count.accepted == len(verdict.accepted)
        for row in verdict.accepted:
            assert {k: kept[row["claim_id"]][k] for k in row} == row
        warned = _places(loaded, "warning", MENDED)
        assert warned - verdict.refused - verdict.copies == verdict.mended
        whole = {
            f["source_file"] for f in loaded.rows("quarantine") if f["code"] == "unreadable_file"
        }
        assert whole == {name for name, records in arrived.items() if not records}
        if random.random() < 0.2:
            _shuffled_again(load_source, loaded, Path(root), columns, files, random)


def _shuffled_again(
    load_source: Any, loaded: Any, root: Path, columns: list[str],
    files: list[tuple[Form, list[Cells]]], random: Any,
) -> None:  # fmt: skip
    """Load the same rows in another order: the same contents, whatever the order."""
    for _, rows in files:
        random.shuffle(rows)
    _written(root / "shuffled", columns, files)
    again = load_source(_source(), root / "shuffled", root / "again")
    assert again.report.fingerprint == loaded.report.fingerprint
    assert again.report.counts == loaded.report.counts
    assert again.rows("claims") == loaded.rows("claims")
