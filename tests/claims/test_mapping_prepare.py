"""A mapping's own SQL over the rows: what it may do, what is refused, what it says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from claims.preparing import FUNCTIONS, prepare_refusal
from claims.raw import PrepareError
from tests.claims.own_mappings import came_in, told, written


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
