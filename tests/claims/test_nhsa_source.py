"""Every table of the national interface: what becomes of hand-made files, cell by cell.

The files and the rows expected of them are in tests/golden/nhsa_tables.toml, worked out by hand.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from claims.contracts import Column, table, tables
from claims.mapping import source_mapping
from claims.pseudonyms import pseudonym
from claims.vault import pseudonym_key

GOLDEN: dict[str, dict[str, str]] = tomllib.loads(
    (Path(__file__).parents[1] / "golden" / "nhsa_tables.toml").read_text("utf-8")
)
Rows = list[dict[str, Any]]


def typed(column: Column, text: str) -> Any:
    """Return what a hand-written cell stands for."""
    if not text:
        return None
    if column.identity:
        kind, original = text.split(":", 1)
        assert kind == column.identity, column.name
        return pseudonym(kind, original, pseudonym_key())
    readers: dict[str, Callable[[str], Any]] = {
        "text": str, "integer": int, "money": int, "boolean": {"true": True, "false": False}.get,
        "date": date.fromisoformat,
        "timestamp": lambda t: datetime.fromisoformat(t).replace(tzinfo=UTC),
    }  # fmt: skip
    return readers[column.type](text)


def expected(name: str) -> Rows:
    """Return the hand-written rows of a table."""
    columns = table(name).columns
    rows = csv.DictReader(io.StringIO(GOLDEN[name]["expected"].strip()))
    return [{c: typed(columns[c], row[c]) for c in row} for row in rows]


def in_order(name: str, rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: [str(row[c]) for c in table(name).key])


def arrive(folder: Path, *names: str, encoding: str = "utf-8") -> Path:
    """Write the files of the named tables, all of them by default."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or GOLDEN:
        path = folder / GOLDEN[name]["file"]
        path.write_text(GOLDEN[name]["arrives"].strip() + "\n", encoding)
    return folder


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, load_source: Any) -> SimpleNamespace:
    root = tmp_path_factory.mktemp("nhsa")
    loaded: SimpleNamespace = load_source("nhsa", arrive(root / "in"), root / "home")
    return loaded


def test_golden_files_name_every_table_and_every_column() -> None:
    mapping = source_mapping("nhsa").tables
    assert set(GOLDEN) == set(mapping)
    for name, written in GOLDEN.items():
        head = written["expected"].strip().split("\n")[0].split(",")
        assert head == list(table(name).columns), name
        assert written["file"].replace(".csv", "*.csv") == mapping[name].files[0]
        assert len(expected(name)) >= 2


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_every_cell_of_every_table(name: str, everything: SimpleNamespace) -> None:
    assert in_order(name, everything.rows(name)) == in_order(name, expected(name))
    # Each column is filled in some row, or the check above would not see it go missing.
    for column in table(name).columns.values():
        if (name, column.name) not in _NEVER_FILLED:
            assert any(row[column.name] is not None for row in expected(name)), column.name


#: The interface brings the lists themselves, not how long they are.
_NEVER_FILLED = {
    ("claims", "diagnosis_count"), ("claims", "procedure_count"), ("trace_codes", "line_id"),
}  # fmt: skip


def test_nothing_is_missing_and_nothing_is_refused(everything: SimpleNamespace) -> None:
    assert everything.report.absent_tables == []
    assert all(c.quarantined == c.duplicates == 0 for c in everything.report.counts)
    told = {(q["severity"], q["code"]) for q in everything.rows("quarantine")}
    # E2 of the employers is no problem; the pharmacy's sale has no line: a warning is all there is.
    assert {severity for severity, _ in told} <= {"warning"}
    assert "missing_column" not in {code for _, code in told}


def test_names_and_certificates_are_nowhere(everything: SimpleNamespace) -> None:
    for name in GOLDEN:
        written = str(everything.rows(name))
        for secret in ("某甲", "某丙", "某戊", "990103199408010015"):
            assert secret not in written, name


def test_gb18030_and_utf8_give_the_same_rows(
    tmp_path: Path, load_source: Any, everything: SimpleNamespace
) -> None:
    loaded = load_source("nhsa", arrive(tmp_path / "in", encoding="gb18030"), tmp_path / "home")
    for name in GOLDEN:
        assert in_order(name, loaded.rows(name)) == in_order(name, everything.rows(name)), name
    marked = arrive(tmp_path / "bom", "claims", "claim_lines", encoding="utf-8-sig")
    loaded = load_source("nhsa", marked, tmp_path / "marked")
    assert in_order("claim_lines", loaded.rows("claim_lines")) == in_order(
        "claim_lines", expected("claim_lines")
    )


def test_claims_alone_are_enough_and_the_rest_is_told(tmp_path: Path, load_source: Any) -> None:
    core = [
        "setl_id", "psn_no", "fixmedins_code", "med_type", "begntime", "endtime", "setl_time",
        "medfee_sumamt", "fund_pay_sumamt",
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(GOLDEN["claims"]["arrives"].strip())))
    folder = tmp_path / "in"
    folder.mkdir()
    kept = [",".join(core), *(",".join(r[c] for c in core) for r in rows if not r["refd_setl_id"])]
    (folder / "setl_list.csv").write_text("\n".join(kept) + "\n", "utf-8")
    loaded = load_source("nhsa", folder, tmp_path / "home")
    assert loaded.counts["claims"].accepted == 9
    assert set(loaded.report.absent_tables) == set(GOLDEN) - {"claims"}
    absent = set(loaded.report.absent_columns["claims"])
    assert {"pooled_amount", "account_amount", "stay_id", "discharge_way"} <= absent
    assert not loaded.store.has("claims", "civil_servant_amount")
    assert {row["reversed_at"] for row in loaded.rows("claims")} == {None}


def test_time_of_knowing_is_the_stand_in_where_the_column_is_absent(
    tmp_path: Path, load_source: Any
) -> None:
    folder = arrive(tmp_path / "in", "claims")
    text = "psn_no,insutype,psn_insu_date\nN1,310,2020-01-01\n"
    (folder / "psn_insu.csv").write_text(text, "utf-8")
    loaded = load_source("nhsa", folder, tmp_path / "home")
    (row,) = loaded.rows("coverage")
    assert row["known_at"] == datetime(2019, 12, 31, 16, tzinfo=UTC)
    assert "valid_to" in loaded.report.absent_columns["coverage"]


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("opening_hours", "08:30", "8h30", ("bad_number", "begn_hhmm")),
        ("contributions", "202403", "202413", ("bad_date", "clct_ym")),
        ("contributions", "202403", "", ("missing_value", "clct_ym")),
        ("claims", ",140104,", ",770104,", ("not_permitted", "med_type")),
        ("claim_lines", ",02,1,20.00", ",20,1,20.00", ("not_permitted", "med_chrgitm_type")),
        ("fund_ledger", "390200", "390900", ("not_permitted", "fund_pay_type")),
        ("fund_ledger", "900.00", "-900.00", ("negative_amount", "bgt_amt")),
        ("inventory", "0.25", "-0.25", ("negative_amount", "cnt")),
        ("drg_groups", "0.7512", "0.75125", ("bad_number", "drg_wt")),
        ("trace_codes", "X1,2,", "X1,3,", ("not_permitted", "sel_retn_type")),
        ("coverage", "2019-01-01", "2019-02-29", ("bad_date", "psn_insu_date")),
    ],
)
def test_faults_name_the_national_field(
    name: str, old: str, new: str, fault: tuple[str, str], tmp_path: Path, load_source: Any
) -> None:
    folder = arrive(tmp_path / "in", "claims", name)
    path = folder / GOLDEN[name]["file"]
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    loaded = load_source("nhsa", folder, tmp_path / "home")
    errors = {(q["code"], q["column_name"]) for q in loaded.rows("quarantine")
              if q["table_name"] == name and q["severity"] == "error"}  # fmt: skip
    assert errors >= {fault}
    assert {column for _, column in errors} <= {fault[1], f"crte_time + {fault[1]}"}
    assert loaded.counts[name].quarantined == 1


def test_reversal_stays_visible_with_its_line(everything: SimpleNamespace) -> None:
    claims = {row["claim_id"]: row for row in everything.rows("claims")}
    back = [row for row in claims.values() if row["reverses_claim_id"]]
    assert len(back) == 1
    first = claims[back[0]["reverses_claim_id"]]
    assert first["reversed_at"] == back[0]["known_at"]
    for column in table("claims").columns.values():
        if column.type == "money" and first[column.name]:
            assert first[column.name] + back[0][column.name] == 0
    lines = {row["line_id"]: row for row in everything.rows("claim_lines")}
    (line,) = [row for row in lines.values() if row["reverses_line_id"]]
    assert lines[line["reverses_line_id"]]["amount"] + line["amount"] == 0


def test_raw_contracts_have_no_column_that_no_file_brings() -> None:
    made = {"service_date", "service_end_date", "known_at_assumed", "currency", "reversed_at",
            "diagnosis_count", "procedure_count", "line_date"}  # fmt: skip
    for contract in tables().values():
        if contract.stage != "produced" and contract.name != "provider_labels":
            without = {c.name for c in contract.columns.values() if not c.nhsa}
            assert without <= made, contract.name
