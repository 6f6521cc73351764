"""A store at an address: what Spark opens, and what it refuses to call a store."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from claims.engine import open_engine
from claims.store import StoreError, open_store
from features import spark_session
from features.build import BuildError, build
from features.parameters import ParameterBook
from features.queries import dialect
from features.relations import relation_texts
from features.spark import SparkBuildError, build_on_spark
from features.spark_session import SparkMissingError, own_session
from features.spark_store import book_at, open_spark_store
from features.written import WrittenError, read_manifest, read_matrix, write_build

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture
def home(town, tmp_path):
    """Return the home of a town of two claims, to be damaged."""
    claim = town.claim("2024-03-01 10:00")
    town.claim("2024-03-05 23:59", doctor_id="d1")
    town.line(claim)
    store = town.store("deaths")
    shutil.copytree(store.folder.parent, tmp_path / "home" / "store")
    return tmp_path / "home"


def test_an_address_is_read_like_a_folder(home, spark):
    by_address = open_spark_store(own_session(spark), home.as_uri())
    by_folder = open_spark_store(own_session(spark), home)
    assert by_address.root == by_folder.root
    assert by_address.version.meta == by_folder.version.meta
    assert by_address.version.has("claims", "known_at")


PARAMETERS = """version = "2026-11 city"
region = "3301"
valid_from = 2024-01-01
[EXCESS_DAYS_SUPPLY]
allowance_days = { value = 30, source = "notice" }
"""


def test_parameters_in_force_are_found_at_an_address_too(home, spark):
    session = own_session(spark)
    assert book_at(session, home.as_uri()) == book_at(session, str(home)) == ParameterBook()
    (home / "parameters").mkdir()
    (home / "parameters" / "0001-city.toml").write_text(PARAMETERS)
    found = book_at(session, home.as_uri())
    assert found == book_at(session, str(home))
    assert [one.version for one in found.sets] == ["2026-11 city"]


@pytest.mark.parametrize(("damage", "told"), [
    ("rows", r"damaged \(claims\)"), ("manifest", r"damaged \(manifest.json\)"),
    ("nothing there", "no CURRENT"),
])  # fmt: skip
def test_a_damaged_address_is_refused(home, spark, damage, told):
    (manifest,) = home.glob("store/*/manifest.json")
    if damage == "manifest":
        manifest.write_text(manifest.read_text() + " ")
    elif damage == "rows":
        first, *_ = sorted(manifest.parent.glob("claims/*/*.parquet"))
        bigger = (manifest.parent / "deaths.parquet", first)
        shutil.copy(*bigger)
    else:
        shutil.rmtree(home)
    with pytest.raises(StoreError, match=told):
        open_spark_store(own_session(spark), home.as_uri())


def test_a_place_with_something_and_a_date_without_claims_are_refused(home, spark, tmp_path):
    (tmp_path / "full").mkdir()
    with pytest.raises(WrittenError, match="full exists already"):
        build_on_spark(home, date(2024, 6, 1), tmp_path / "full", spark)
    with pytest.raises(BuildError, match="Choose a later"):
        build_on_spark(home, date(2020, 1, 1), tmp_path / "early", spark)
    with pytest.raises(WrittenError, match="no complete build"):
        read_manifest(tmp_path / "early")


def test_a_text_that_does_not_run_is_named(home, spark, tmp_path, monkeypatch):
    monkeypatch.setattr("features.queries.facts_sql", lambda: "SELECT nowhere FROM claim_rows")
    with pytest.raises(SparkBuildError, match=r"cannot run facts.*nowhere"):
        build_on_spark(home, date(2024, 6, 1), tmp_path / "out", spark)


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Kathmandu"])
def test_local_clocks_agree_in_other_zones(home, spark, zone):
    """Summer time, odd offsets, midnights of both sides of the change, moments before 1970."""
    moments = [datetime(2024, 3, 30, 22, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(24)]
    moments += [datetime(1969, 12, 31, 18, 30, tzinfo=UTC), datetime(1965, 7, 1, 23, tzinfo=UTC)]
    values = ", ".join(f"TIMESTAMPTZ '{m.isoformat()}'" for m in moments)
    text = relation_texts(zone, 2**60)["claim_rows"]
    con, session = open_engine(), own_session(spark)
    one = con.sql(f"FROM read_parquet('{next(home.rglob('claims/*/*'))}') LIMIT 1").to_arrow_table()
    con.register("one", one)
    rows = con.sql(
        f"SELECT * REPLACE (unnest([{values}]) AS service_at, DATE '1969-12-30' AS service_date) "
        "FROM one"
    ).to_arrow_table()
    con.register("claims", rows)
    session.createDataFrame(rows).createOrReplaceTempView("claims")
    clock = "SELECT service_us, service_hour, service_minute, service_weekday, service_day FROM"
    ours = con.sql(f"{clock} ({text})").fetchall()
    theirs = session.sql(dialect(f"{clock} ({text}) q", "spark")).collect()
    assert sorted(map(repr, ours)) == sorted(repr(tuple(row)) for row in theirs)
    assert {row[3] for row in ours} == {2}  # 30 December 1969 was a Tuesday
    assert len(ours) == 26
    assert any(row[1] is None for row in ours)  # a midnight


def test_a_build_of_one_machine_is_read_back_as_it_was(home, tmp_path, monkeypatch):
    made = build(open_store(home), date(2024, 6, 1))
    monkeypatch.setattr("features.written.CHUNK_ROWS", 1)
    write_build(made, tmp_path / "out")
    for unit in ("claim", "insured", "institution", "doctor"):
        ours, read = made.matrix(unit), read_matrix(tmp_path / "out", unit)
        assert ours.names == read.names
        assert ours.unit_ids.tolist() == read.unit_ids.tolist()
        assert ours.values.tobytes() == np.ascontiguousarray(read.values).tobytes()
    files = list((tmp_path / "out" / "matrix" / "claim").iterdir())
    assert len(files) == len(made.matrix("claim")) > 1
    told = json.loads(next((tmp_path / "out" / "manifest").iterdir()).read_text())
    assert (told["engine"], told["as_of_date"]) == ("duckdb", "2024-06-01")
    with pytest.raises(WrittenError, match="not an empty folder"):
        write_build(made, tmp_path / "out")


def test_without_pyspark_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(SparkMissingError, match=r"pip install 'jihe\[spark\]'"):
        spark_session.open_session("local[1]")


def test_without_java_the_remedy_is_told(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *a, **k: None)
    with pytest.raises(SparkMissingError, match="openjdk"):
        spark_session.open_session("local[1]")
