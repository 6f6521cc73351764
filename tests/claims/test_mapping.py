"""Users' own mappings: what each key does to a value, and every fault of a file at once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.contracts import LANGS
from claims.dates import DIRECTIVES, contradiction, format_fault, shape
from claims.load import LoadError, load
from claims.mapping import MappingError, read_mapping, source_mapping, source_names
from claims.mapping_checks import mapping_faults
from claims.mapping_faults import MappingFault, fault_texts
from claims.mapping_model import ASSUMED, MADE, core
from claims.preparing import FUNCTIONS, prepare_refusal
from claims.raw import PrepareError
from claims.store import open_store

HEAD = 'currency = "CNY"\ntime_zone = "Asia/Shanghai"\n'
#: The required core of claims, one line a column.
CORE = {
    "claim_id": '{ from = "id" }',
    "insured_id": '{ from = "who" }',
    "institution_id": '{ from = "where" }',
    "claim_type": '{ constant = "outpatient" }',
    "service_at": '{ from = "day" }',
    "total_amount": '{ from = "all" }',
    "fund_amount": '{ from = "fund" }',
}
ROW = {"id": "1", "who": "p", "where": "h", "day": "2024-03-05", "all": "10.00", "fund": "7.50"}


def written(
    folder: Path, head: str = HEAD, more: str = "", prepare: str = "", **lines: str
) -> Path:
    """Write a mapping with the core of claims; ``lines`` replace or add columns."""
    columns = "\n".join(f"{c} = {body}" for c, body in {**CORE, **lines}.items() if body)
    path = folder / "own.toml"
    path.write_text(
        f'{head}[tables.claims]\nfiles = ["*.csv"]\n{prepare}\n'
        f"[tables.claims.columns]\n{columns}\n{more}",
        "utf-8",
    )
    return path


def came_in(tmp_path: Path, mapping: Path, *rows: dict[str, str]) -> SimpleNamespace:
    """Load rows (changes to one good row) by a mapping; return claims in file order, and faults."""
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    whole = [{**ROW, "id": str(i), **row} for i, row in enumerate(rows)]
    names = list(dict.fromkeys(c for row in whole for c in row))
    text = "\n".join(",".join(r.get(n, "") for n in names) for r in [{n: n for n in names}, *whole])
    (folder / "a.csv").write_text(text + "\n", "utf-8")
    report = load(read_mapping(mapping), folder, tmp_path / "home")
    version = open_store(tmp_path / "home")

    def read(table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = version.read(table).to_pylist()
        return found

    return SimpleNamespace(report=report, claims=read("claims"), faults=read("quarantine"))


def told(path: Path) -> str:
    with pytest.raises(MappingError) as caught:
        read_mapping(path)
    assert caught.value.text("zh") != str(caught.value)
    return str(caught.value)


# ---- what the keys do


def test_the_core_alone_can_be_loaded(tmp_path: Path) -> None:
    loaded = came_in(tmp_path, written(tmp_path), {})
    (claim,) = loaded.claims
    assert claim["service_at"] == datetime(2024, 3, 4, 16, tzinfo=UTC)  # midnight in Shanghai
    assert (claim["service_date"], claim["claim_type"]) == (date(2024, 3, 5), "outpatient")
    assert claim["known_at"] == datetime(2024, 4, 3, 16, tzinfo=UTC)  # 30 days later
    assert claim["known_at_assumed"]
    assert (claim["total_amount"], claim["fund_amount"], claim["currency"]) == (1000, 750, "CNY")
    assert loaded.report.source == "own"
    # Exactly what a mapping may leave out is what the loader makes or assumes.
    assert set(core("claims")) == set(CORE)
    assert not set(core("claims")) & (MADE["claims"] | ASSUMED["claims"])


@pytest.mark.parametrize(
    ("unit", "text", "fen"),
    [
        ("yuan", "1.23", 123),
        ("dollar", "1", 100),
        ("fen", "123", 123),
        ("cent", "123", 123),
        ("thousand_yuan", "1.23456", 123456),
        ("ten_thousand_yuan", "1234567.123456", 1234567123456),
        ("thousand", "9999999999", 999999999900000),
    ],
)
def test_units_of_amounts_are_exact(tmp_path: Path, unit: str, text: str, fen: int) -> None:
    path = written(tmp_path, total_amount=f'{{ from = "all", unit = "{unit}" }}')
    assert came_in(tmp_path, path, {"all": text}).claims[0]["total_amount"] == fen


@pytest.mark.parametrize(("unit", "text"), [("fen", "1.5"), ("thousand_yuan", "1.234567")])
def test_more_decimals_than_a_unit_holds_are_not_rounded(
    tmp_path: Path, unit: str, text: str
) -> None:
    path = written(tmp_path, total_amount=f'{{ from = "all", unit = "{unit}" }}')
    loaded = came_in(tmp_path, path, {"all": "5"}, {"all": text})
    assert [(f["row_number"], f["code"]) for f in loaded.faults if f["row_number"]] == [
        (3, "bad_number")
    ]


def test_codes_with_a_fallback_and_with_no_value(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        claim_type='{ from = "k", codes = { "门诊" = "outpatient", "*" = "inpatient" } }',
        department='{ from = "d", codes = { "1" = "heart", "9" = "" } }',
        insurance_type='{ from = "i", codes = { "1" = "staff", "*" = "" } }',
    )
    loaded = came_in(
        tmp_path,
        path,
        {"k": "门诊", "d": "1", "i": "1"},
        {"k": "x", "d": "9", "i": "7"},
        {"k": "y", "d": "2", "i": ""},
        {"k": "", "d": "1", "i": "1"},
    )
    got = {(c["claim_type"], c["department"], c["insurance_type"]) for c in loaded.claims}
    assert got == {("outpatient", "heart", "staff"), ("inpatient", None, None)}
    faults = {
        (f["row_number"], f["code"], f["column_name"]) for f in loaded.faults if f["row_number"]
    }
    assert faults == {(4, "not_permitted", "d"), (5, "missing_value", "k")}


def test_first_of_several_columns_that_is_filled(tmp_path: Path) -> None:
    path = written(tmp_path, service_at='{ from = ["day", "visit"] }')
    loaded = came_in(
        tmp_path,
        path,
        {"day": ""},
        {"day": "", "visit": "2024-05-01"},
        {"day": "2024-06-01", "visit": "2024-05-01"},
    )
    assert {c["service_date"] for c in loaded.claims} == {date(2024, 5, 1), date(2024, 6, 1)}
    (fault,) = [f for f in loaded.faults if f["row_number"]]
    assert (fault["code"], fault["column_name"]) == ("missing_value", "day + visit")
    loaded = came_in(tmp_path, path, {})  # a file without one of them is no fault of a row
    assert [c["service_date"] for c in loaded.claims] == [date(2024, 3, 5)]


def test_signs_and_thousands_are_taken_out_and_never_guessed(tmp_path: Path) -> None:
    path = written(
        tmp_path, total_amount='{ from = "all", remove = ["$", "元"], thousands = "\'" }'
    )
    good = {"$1'234.50": 123450, "-": None, "12元": 1200, "$ 7": 700, "1234": 123400}
    bad = ("1'23", "12'34.5", "1''234", "1'234'56", "€5")
    loaded = came_in(tmp_path, path, *({"all": t} for t in [*good, *bad]))
    assert sorted(c["total_amount"] for c in loaded.claims) == [700, 1200, 123400, 123450]
    rows = {f["row_number"]: f["code"] for f in loaded.faults if f["row_number"]}
    assert rows == dict.fromkeys([3, *range(7, 12)], "bad_number")


def test_a_decimal_comma_is_read_where_the_mapping_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, total_amount='{ from = "all", thousands = ".", decimal = "," }')
    good = {"4.037,12": 403712, "12,5": 1250, "1.234": 123400, "7": 700, "1.234.567,89": 123456789}
    bad = ("12.34,5", "12.34", "1,234,567", "1.23,4", "1234.567", "4,037.12")
    loaded = came_in(tmp_path, path, *({"all": f'"{t}"'} for t in [*good, *bad]))
    assert sorted(c["total_amount"] for c in loaded.claims) == sorted(good.values())
    rows = {f["row_number"] for f in loaded.faults if f["row_number"] and f["severity"] == "error"}
    assert rows == set(range(len(good) + 2, len(good) + 2 + len(bad)))
    assert not [f for f in loaded.faults if f["severity"] == "warning" and f["row_number"]]


@pytest.mark.parametrize(
    ("amount", "code", "key"),
    [
        ('{ from = "all", thousands = "." }', "same_marks", "thousands"),
        ('{ from = "all", thousands = ",", decimal = "," }', "same_marks", "thousands"),
        ('{ from = "all", remove = ["."] }', "removed_mark", "remove"),
        ('{ from = "all", decimal = ";" }', "wrong_kind", "decimal"),
    ],
)
def test_marks_that_would_shift_a_number_are_refused(
    tmp_path: Path, amount: str, code: str, key: str
) -> None:
    with pytest.raises(MappingError) as caught:
        read_mapping(written(tmp_path, total_amount=amount))
    (fault,) = caught.value.faults
    assert (fault.code, fault.key) == (code, key)
    for lang in LANGS:
        assert "1.25" in fault.text(lang) or code != "removed_mark"


def test_the_files_name_says_what_its_rows_are(tmp_path: Path) -> None:
    path = written(
        tmp_path, claim_type='{ from = "source_file", codes = { "a.csv" = "inpatient" } }'
    )
    assert came_in(tmp_path, path, {}).claims[0]["claim_type"] == "inpatient"


def test_lines_before_claims_and_without_reversals(tmp_path: Path) -> None:
    lines = """
[tables.claim_lines]
files = ["a.csv"]
[tables.claim_lines.columns]
line_id = { from = "id" }
claim_id = { from = "id" }
line_at = { from = "day" }
item_code = { constant = "X" }
item_class = { constant = "drug" }
quantity_milli = { from = "n", unit = "piece" }
unit_price = { from = "all" }
amount = { from = "all" }
"""
    path = written(tmp_path, more=lines)
    text = path.read_text("utf-8")
    claims, rest = text.split("[tables.claim_lines]")
    head, claims = claims.split("[tables.claims]")
    path.write_text(f"{head}[tables.claim_lines]{rest}\n[tables.claims]{claims}", "utf-8")
    loaded = came_in(tmp_path, path, {"n": "1.5"}, {"n": "-1"})
    (lines_count,) = [c for c in loaded.report.counts if c.table == "claim_lines"]
    assert (lines_count.records, lines_count.accepted) == (2, 1)


def test_a_file_may_call_its_columns_as_the_program_does(tmp_path: Path) -> None:
    """Names that the contracts, the quarantine or its SQL use are a file's to use as well."""
    taken = [
        "claim_id",
        "insured_id",
        "code",
        "severity",
        "target",
        "column_name",
        "value",
        "digest",
    ]
    path = written(
        tmp_path, claim_id='{ from = "claim_id" }', department='{ from = "code" }',
        self_amount='{ from = "value" }',
    )  # fmt: skip
    rows = [{c: str(i) for c in taken} for i in range(3)]
    loaded = came_in(tmp_path, path, *rows, {**rows[0], "value": "x"}, {**rows[1], "code": "z"})
    faults = [(f["row_number"], f["code"]) for f in loaded.faults if f["row_number"]]
    assert faults == [(3, "conflicting_id"), (5, "bad_number"), (6, "conflicting_id")]
    assert {c["department"] for c in loaded.claims} == {"0", "2"}


# ---- date formats


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2399, 12, 31)),
    st.sampled_from(
        [
            "%d/%m/%Y %H:%M",
            "%-m/%-d/%Y %-I:%M %p",
            "%d-%b-%Y",
            "%Y年%-m月%-d日 %H:%M",
            "%Y%m%d%H%M%S",
            "%Y-%m-%dT%H:%M:%S.%f",
            "%d.%m.%Y",
        ]
    ),
)
@settings(max_examples=20, deadline=None)
def test_what_strftime_writes_is_read_as_the_same_moment(moment: datetime, layout: str) -> None:
    from claims.engine import open_engine, run

    text = moment.strftime(layout)
    again = datetime.strptime(text, layout.replace("%-", "%"))
    con = open_engine()
    sql = "SELECT regexp_full_match(?, ?), try_strptime(?, ?)"
    years = "(1[89]|2[0-4])[0-9]{2}"
    assert run(con, sql, [text, shape(layout, years), text, layout]) == [(True, again)]
    con.close()


@pytest.mark.parametrize(
    "layout",
    [
        "%d/%m/%y",
        "%Y-%m",
        "%Y",
        "%Y-%m-%d %Q",
        "%Y-%m-%d %Z",
        "2024",
        "%Y-%m-%d %I:%M",
        "%Y%m%d%",
        "%Y-%m-%b-%d",
        "%Y-%m-%d %p",
        "?",
    ],
)
def test_formats_that_would_be_guesses_are_refused(layout: str) -> None:
    assert format_fault(layout) is not None


def test_formats_that_contradict_each_other() -> None:
    assert contradiction(["%d/%m/%Y", "%m/%d/%Y"])
    assert contradiction(["%-d/%-m/%Y", "%Y-%m-%d", "%m/%d/%Y"])
    assert contradiction(["%Y-%m-%d", "%Y-%d-%m"])
    assert not contradiction(["%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y%m%d", "%Y%m%d%H%M%S"])
    assert not contradiction(["%Y/%m/%d", "%Y/%-m/%-d", "%d/%m/%Y"])
    assert "%y" not in DIRECTIVES


def test_a_time_with_z_is_utc_and_others_are_local(tmp_path: Path) -> None:
    both = '{ from = "day", formats = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"] }'
    loaded = came_in(
        tmp_path,
        written(tmp_path, service_at=both),
        {"day": "2024-03-05T20:30:00Z"},
        {"day": "2024-03-05 20:30:00"},
    )
    got = sorted((c["service_at"], c["service_date"]) for c in loaded.claims)
    assert got == [
        (datetime(2024, 3, 5, 12, 30, tzinfo=UTC), date(2024, 3, 5)),
        (datetime(2024, 3, 5, 20, 30, tzinfo=UTC), date(2024, 3, 6)),  # 04:30 in Shanghai
    ]


# ---- faults


def test_shipped_mappings_have_no_fault_and_read_as_before() -> None:
    for name in source_names():
        mapping = source_mapping(name)
        assert mapping.name == name
        assert next(iter(mapping.tables)) == "claims"
        money = [
            c
            for t in mapping.tables.values()
            for c in t.columns.values()
            if c.target.type == "money"
        ]
        assert {c.places for c in money} == {2}
    lines = source_mapping("nhsa").tables["claim_lines"].columns
    assert (lines["quantity_milli"].places, lines["days_supply"].places) == (3, 0)


@pytest.mark.parametrize(
    ("changes", "told_of"),
    [
        ({"claim_id": ""}, "column 'claim_id': this required column is not mapped; add claim_id ="),
        ({"fund_amuont": '{ from = "x" }'}, "perhaps fund_amount is meant"),
        ({"service_date": '{ from = "x" }'}, "column 'service_date': the program makes this"),
        (
            {"claim_id": '{ from = "x", constant = "y" }'},
            "give either 'from' or 'sum', or 'constant'",
        ),
        ({"claim_id": '{ from = "" }'}, "key 'from': this must be a text or a list"),
        ({"claim_id": '{ from = "x", colour = "red" }'}, "unknown keys ['colour']"),
        ({"claim_id": '"x"'}, "this must be a table of keys"),
        (
            {"claim_type": '{ constant = "dental" }'},
            "key 'constant': 'dental' cannot become a value of this column; permitted is "
            "outpatient, inpatient, pharmacy",
        ),
        ({"claim_type": '{ from = "k", codes = { "1" = "?" } }'}, "key 'codes': '?' cannot become"),
        ({"claim_type": '{ from = "k", codes = { "1" = 2 } }'}, "key 'codes': this must be pairs"),
        ({"claim_type": '{ from = "k", default = "x" }'}, "key 'default': 'x' cannot become"),
        ({"self_amount": '{ constant = "-1" }'}, "'-1' cannot become"),
        ({"self_amount": '{ constant = "1", default = "2" }'}, "says nothing for a constant"),
        ({"self_amount": '{ from = "x", unit = "pound" }'}, "'pound' is not one of yuan, dollar"),
        ({"self_amount": '{ from = "x", formats = ["%Y-%m-%d"] }'}, "says nothing for an amount"),
        ({"self_amount": '{ from = "x", scale = 10 }'}, "key 'scale': this key says nothing"),
        ({"diagnosis_count": '{ from = "x", scale = 7 }'}, "key 'scale': this must be 1, 10, 100"),
        ({"claim_id": '{ sum = ["x"] }'}, "key 'sum': this key says nothing for a text"),
        ({"service_at": '{ from = "x", plus_days = 1.5 }'}, "'plus_days': this must be a whole"),
        (
            {"service_at": '{ from = "x", formats = ["%d/%m/%y"] }'},
            "'%d/%m/%y' is no date format that can be read without guessing: %y is not one of",
        ),
        (
            {"service_at": '{ from = "x", formats = ["%d/%m/%Y", "%m/%d/%Y"] }'},
            "'%d/%m/%Y' and '%m/%d/%Y' read the same text as different days (05/04/2003)",
        ),
    ],
)
def test_a_fault_names_its_place_and_the_remedy(
    tmp_path: Path, changes: dict[str, str], told_of: str
) -> None:
    text = told(written(tmp_path, **changes))
    assert told_of in text
    assert "table 'claims'" in text
    assert "(1 to correct)" in text


@pytest.mark.parametrize(
    ("head", "told_of"),
    [
        ('currency = "cny"\ntime_zone = "UTC"\n', "'cny' is no ISO 4217 currency"),
        ('currency = "JPY"\ntime_zone = "UTC"\n', "'JPY' has no hundredths"),
        ('currency = "KWD"\ntime_zone = "UTC"\n', "'KWD' has no hundredths"),
        ('currency = "CNY"\ntime_zone = "CST"\n', "'CST' is no IANA time zone"),
        ('currency = "CNY"\ntime_zone = "Asia/Peking"\n', "'Asia/Peking' is no IANA time zone"),
        ('currency = "CNY"\n', "key 'time_zone': this key is missing; add it. time_zone ="),
        (HEAD + 'unit = "doctor"\n', "'doctor' is not one of claim, insured, institution"),
        (HEAD + "nulls = [1]\n", "key 'nulls': this must be a list of texts"),
        (HEAD + 'name = "a/../b"\n', "key 'name': this must be a name"),
        (HEAD + 'shape = "round"\n', "unknown keys ['shape']"),
        (HEAD + "x = [\n", "the file is not TOML in UTF-8 (TOMLDecodeError (at line"),
    ],
)
def test_faults_at_the_top(tmp_path: Path, head: str, told_of: str) -> None:
    assert told_of in told(written(tmp_path, head))


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'currency = "XXX"\ntime_zone = "Mars/Dome"\n',
        claim_id="",
        shoe='{ from = "x" }',
        self_amount='{ from = "x", unit = "stone" }',
        more='[tables.wards]\nfiles = ["x"]\n'
        '[tables.doctors]\nfiles = ["../x.csv", "/etc/passwd"]\n',
    )
    with pytest.raises(MappingError) as caught:
        read_mapping(path)
    codes = sorted(f.code for f in caught.value.faults)
    assert codes == sorted(
        [
            "bad_currency",
            "bad_zone",
            "missing_column",
            "unknown_column",
            "bad_choice",
            "unknown_table",
            "bad_files",
            "bad_files",
            "missing_key",
        ]
    )


def test_without_claims_and_quantities_without_a_unit() -> None:
    raw = {
        "currency": "CNY",
        "time_zone": "UTC",
        "tables": {
            "daily_maxima": {
                "files": ["x.csv"],
                "columns": {
                    "item_code": {"from": "a"},
                    "valid_from": {"from": "b"},
                    "max_quantity_milli": {"from": "n"},
                },
            }
        },
    }
    assert {f.code for f in mapping_faults(raw)} == {"no_claims", "unit_needed"}


def test_every_sentence_exists_in_both_languages_and_names_the_same() -> None:
    from string import Formatter

    for code, texts in fault_texts().items():
        named = [{f for _, f, _, _ in Formatter().parse(texts[lang]) if f} for lang in LANGS]
        assert named[0] == named[1], code
    fault = MappingFault("bad_zone", key="time_zone", values={"value": "X"})
    assert fault.text("zh").startswith("键“time_zone”：“X”不是IANA时区")


def test_a_source_is_either_shipped_or_given(tmp_path: Path) -> None:
    own = written(tmp_path)
    assert source_mapping("mapping", own).name == "own"
    with pytest.raises(MappingError, match="add --mapping FILE"):
        source_mapping("mapping")
    with pytest.raises(MappingError, match="comes with the program"):
        source_mapping("nhsa", own)


# ---- prepare


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM 'x.csv'",
        'SELECT * FROM "x.csv"',
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT *, (SELECT content FROM read_text('/etc/passwd')) AS x FROM raw",
        "SELECT * FROM raw JOIN other USING (id)",
        "SELECT * FROM main.raw",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM information_schema.tables",
        "WITH y AS (SELECT * FROM raw) SELECT * FROM y",
        "WITH raw AS (SELECT 1 AS id) SELECT * FROM raw",
        'SELECT * FROM "x.csv", (WITH "x.csv" AS (SELECT 1) SELECT * FROM raw)',
        "SELECT * FROM raw UNION ALL SELECT * FROM raw",
        "SELECT * FROM raw; SELECT * FROM raw",
        "COPY raw TO 'out.csv'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "DROP TABLE raw",
        "FROM raw LIMIT 1",
        "SELECT *, getenv('HOME') AS x FROM raw",
        "SELECT *, random() AS x FROM raw",
        "SELECT *, now() AS x FROM raw",
        "SELECT *, current_setting('access_mode') AS x FROM raw",
        "SELECT *, main.lower(id) AS x FROM raw",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM raw, unnest([1])",
        "SELECT * FROM (FROM 'x.parquet')",
        "SELECT * FROM raw WHERE EXISTS (FROM 'x.parquet')",
        "SELECT * FROM raw USING SAMPLE 5",
        "PIVOT raw ON id",
        "SELEKT",
        "",
        "DESCRIBE raw",
        "SET threads = 1",
    ],
)
def test_prepare_may_read_nothing_but_the_rows(sql: str) -> None:
    assert prepare_refusal(sql) is not None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM raw",
        "FROM raw",
        "SELECT *, upper(trim(id)) || '-' AS x FROM RAW",
        "SELECT * FROM (SELECT *, lag(id) OVER (ORDER BY row_number) AS n FROM raw)",
        "SELECT *, CASE WHEN a LIKE 'x%' THEN TRY_CAST(a AS INTEGER) + 1 END AS x FROM raw",
        "SELECT *, {count:dx_*} AS n FROM raw WHERE NOT regexp_full_match(a, '[0-9]+')",
        "SELECT min(row_number) AS row_number, source_file, id FROM raw GROUP BY source_file, id",
    ],
)
def test_prepare_may_reshape_the_rows(sql: str) -> None:
    assert prepare_refusal(sql) is None


def test_functions_that_may_be_used_touch_nothing_outside() -> None:
    feared = {
        "read_csv",
        "read_text",
        "getenv",
        "glob",
        "now",
        "random",
        "uuid",
        "query",
        "nextval",
        "current_setting",
        "getvariable",
        "txid_current",
        "read_blob",
    }
    assert not FUNCTIONS & feared


@pytest.mark.parametrize(
    ("sql", "told_of"),
    [
        ("SELECT id, min(who) FROM raw", "the engine refuses it; Binder Error"),
        ("SELECT id FROM raw", "its result lacks all"),
        ("SELECT * EXCLUDE (row_number) FROM raw", "its result lacks row_number"),
        ("SELECT *, 1 AS made FROM raw", "its column made is not text"),
        ("SELECT nosuch(id) FROM raw", "the function nosuch is not among those allowed"),
        ("SELECT * FROM 'x.csv'", "it reads from 'x.csv'"),
    ],
)
def test_prepare_is_tried_before_there_are_data(tmp_path: Path, sql: str, told_of: str) -> None:
    path = written(tmp_path, prepare=f'prepare = """{sql}"""', department='{ from = "made" }')
    assert told_of in told(path)


def test_prepare_of_a_users_own_is_run(tmp_path: Path) -> None:
    prepare = "prepare = \"SELECT *, split_part(who, '#', 1) AS person FROM raw\""
    path = written(tmp_path, prepare=prepare, insured_id='{ from = "person" }')
    loaded = came_in(tmp_path, path, {"who": "p1#a"}, {"who": "p1#b"})
    assert len({c["insured_id"] for c in loaded.claims}) == 1


def test_prepare_that_fails_on_the_rows_says_so_and_quotes_no_cell(tmp_path: Path) -> None:
    text = """SELECT *, CAST(strptime(day, '%Y-%m-%d') AS TEXT) AS at FROM raw"""
    path = written(tmp_path, prepare=f'prepare = "{text}"')
    with pytest.raises(
        PrepareError, match=r"'prepare' of table claims fails.*try_strptime"
    ) as told:
        came_in(tmp_path, path, {}, {"day": "Zhang San"})
    assert "Zhang" not in str(told.value)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__
    assert not list((tmp_path / "home").rglob("rows.parquet"))
    # What takes the advice has no value, and the quarantine says so.
    text = text.replace("strptime", "try_strptime")
    path = written(tmp_path, prepare=f'prepare = "{text}"')
    loaded = came_in(tmp_path, path, {}, {"day": "Zhang San"})
    assert [f["code"] for f in loaded.faults if f["severity"] == "error"] == ["bad_date"]


def test_a_column_that_the_files_lack_is_told_by_its_name(tmp_path: Path) -> None:
    path = written(tmp_path, total_amount='{ from = ["gross", "sum of all"] }')
    with pytest.raises(LoadError, match=r"lack the columns \['gross \+ sum of all'\]"):
        came_in(tmp_path, path, {})


# ---- sums and columns that a file lacks


SUMMED = {"total_amount": '{ sum = ["all", "extra"] }', "self_amount": '{ sum = ["own", "more"] }'}


def test_an_empty_part_of_a_sum_counts_nothing(tmp_path: Path) -> None:
    parts = (
        {"extra": "1.00", "own": "2.00", "more": "0.50"},
        {"extra": "", "own": "", "more": "3"},
    )
    loaded = came_in(tmp_path, written(tmp_path, **SUMMED), *parts)
    amounts = sorted((c["total_amount"], c["self_amount"]) for c in loaded.claims)
    assert amounts == [(1000, 300), (1100, 250)]


def test_a_sum_without_one_of_its_columns_is_no_smaller_sum(tmp_path: Path) -> None:
    """Where the column is required the file is refused, else the amount is absent and told."""
    path = written(tmp_path, **SUMMED)
    with pytest.raises(LoadError, match=r"lack the columns \['all \+ extra'\]"):
        came_in(tmp_path, path, {"own": "1.00", "more": "1.00"})
    loaded = came_in(tmp_path, path, {"extra": "1.00", "own": "2.00"})
    assert [(c["total_amount"], c["self_amount"]) for c in loaded.claims] == [(1100, None)]
    assert "self_amount" in loaded.report.absent_columns["claims"]
    assert [(f["severity"], f["code"], f["column_name"]) for f in loaded.faults] == [
        ("warning", "missing_column", "more")
    ]
    # With a default the mapping itself says what an absent part is.
    filled = {**SUMMED, "self_amount": '{ sum = ["own", "more"], default = "0" }'}
    (tmp_path / "filled").mkdir()
    loaded = came_in(tmp_path / "filled", written(tmp_path, **filled), {"extra": "1", "own": "2"})
    assert [c["self_amount"] for c in loaded.claims] == [200]


@pytest.mark.parametrize(
    "prepare", ["", "SELECT * FROM raw", "SELECT DISTINCT * FROM raw"], ids=["", "row", "files"]
)
def test_one_of_several_files_lacks_a_part_of_a_sum(tmp_path: Path, prepare: str) -> None:
    path = written(tmp_path, prepare=f'prepare = "{prepare}"' if prepare else "", **SUMMED)
    folder = tmp_path / "in"
    folder.mkdir()
    head = ",".join([*ROW, "extra", "own", "more"])
    (folder / "a.csv").write_text(f"{head}\n{','.join(ROW.values())},1,2,3\n", "utf-8")
    other = ",".join({**ROW, "id": "2"}.values())
    (folder / "b.csv").write_text(f"{head.removesuffix(',more')}\n{other},1,2\n", "utf-8")
    load(read_mapping(path), folder, tmp_path / "home")
    claims = open_store(tmp_path / "home").read("claims").to_pylist()
    # All files at once are read as one: what one of them lacks none can give.
    expected = [None, None] if "DISTINCT" in prepare else [None, 500]
    assert sorted((c["self_amount"] for c in claims), key=str, reverse=True) == sorted(
        expected, key=str, reverse=True
    )
    assert [c["total_amount"] for c in claims] == [1100, 1100]
