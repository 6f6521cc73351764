"""A town of a few claims, written as contract tables: what the tests of features build upon."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from claims.contracts import table, tables
from claims.engine import open_engine, run
from claims.load import load
from claims.mapping import source_mapping
from claims.simulator.county import simulate
from claims.store import StoreVersion, open_store, write_version
from features import build as steps
from features.build import Build, build, build_rules
from features.clock import day_number, day_of
from features.rules import rules
from features.runnable import runnable
from features.spark_session import Session, absent, open_session

ZONE = ZoneInfo("Asia/Shanghai")
Row = dict[str, Any]


def at(text: str) -> datetime:
    """Return a local moment, ``2024-03-01 10:00`` or a date alone, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


#: Tables beside the claims that rules of profiles read; absent unless a test names them.
PROFILE_TABLES = (
    "claim_lines", "beds", "coverage", "contributions", "employers", "drg_groups",
)  # fmt: skip


@dataclass
class Judged:
    """What one rule found: hits and amount of each claim or unit, and what proves it."""

    hits: dict[str, tuple[int, int]]
    evidence: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class Town:
    """Rows by table; ``claim`` and ``line`` fill in what a test does not care about."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    absent_columns: dict[str, list[str]] = field(default_factory=dict)
    _number: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, name: str, **row: Any) -> Row:
        """Add a row to a table."""
        self.rows.setdefault(name, []).append(row)
        return row

    def claim(self, began: str, ended: str = "", known: str = "", **given: Any) -> str:
        """Add a claim, known an hour after its end unless said otherwise; return its id."""
        service_at, end_at = at(began), at(ended or began)
        row: Row = {
            "claim_id": f"c{next(self._number):05d}", "insured_id": "p1", "institution_id": "o1",
            "claim_type": "outpatient", "service_at": service_at, "service_end_at": end_at,
            "service_date": service_at.astimezone(ZONE).date(),
            "service_end_date": end_at.astimezone(ZONE).date(),
            "known_at": at(known) if known else end_at + timedelta(hours=1),
            "known_at_assumed": False, "total_amount": 10_000, "fund_amount": 7_000,
            "account_amount": 1_000, "self_amount": 2_000, "currency": "CNY",
        }  # fmt: skip
        return str(self.add("claims", **{**row, **given})["claim_id"])

    @staticmethod
    def day(number: int) -> str:
        """Return the day ``number`` days after 1 March 2024."""
        return str(date(2024, 3, 1) + timedelta(days=number))

    @staticmethod
    def moment(text: str) -> datetime:
        """Return a local moment in UTC."""
        return at(text)

    def stay(self, began: str, ended: str, known: str = "", **given: Any) -> str:
        """Add an inpatient claim."""
        return self.claim(began, ended, known, claim_type="inpatient", **given)

    def line(self, claim_id: str, day: str = "", **given: Any) -> str:
        """Add a line on the claim's first day unless said otherwise; return its id."""
        owner = next(row for row in self.rows["claims"] if row["claim_id"] == claim_id)
        line_at = at(day) if day else owner["service_at"]
        row: Row = {
            "line_id": f"l{next(self._number):05d}", "claim_id": claim_id, "line_at": line_at,
            "line_date": line_at.astimezone(ZONE).date(), "item_code": "X1", "item_class": "drug",
            "quantity_milli": 1_000, "unit_price": 1_000, "amount": 1_000,
        }  # fmt: skip
        return str(self.add("claim_lines", **{**row, **given})["line_id"])

    def institution(self, institution_id: str, kind: str = "public_hospital", level: str = "2",
                    beds: int | None = 100) -> None:  # fmt: skip
        """Add an institution to the register."""
        self.add("institutions", institution_id=institution_id, institution_class=kind, level=level,
                 district="d1", licensed_beds=beds)  # fmt: skip

    def reverse(self, claim_id: str, known: str) -> None:
        """Let the fund learn that a claim was cancelled."""
        owner = next(row for row in self.rows["claims"] if row["claim_id"] == claim_id)
        owner["reversed_at"] = at(known)

    def store(self, *tables_wanted: str) -> StoreVersion:
        """Write the rows as a store version; tables that are named but empty are there, empty."""
        con = open_engine()
        names = sorted({*self.rows, *tables_wanted, "claims"})
        for name in names:
            contract = table(name)
            rows = pa.Table.from_pylist(self.rows.get(name, []), schema=contract.schema)
            con.register(f"final_{name}", contract.conform(rows))
        raw = [name for name, contract in tables().items() if contract.stage != "produced"]
        meta = {
            "source": "test", "currency": "CNY", "time_zone": "Asia/Shanghai", "unit": "claim",
            "absent_tables": sorted(set(raw) - set(names)), "absent_columns": self.absent_columns,
        }  # fmt: skip
        return write_version(con, Path(tempfile.mkdtemp(prefix="town-")), names, meta)

    def build(self, as_of: str = "2025-01-01", *tables_wanted: str) -> Build:
        """Build everything as of a date; tables that are named are there even if empty."""
        return build(self.store(*tables_wanted), date.fromisoformat(as_of))

    def judged(self, rule_id: str, as_of: str = "2025-12-01", cut_back: int = 0) -> Judged:
        """Run one rule alone, with its evidence; profiles as of the date, or of cuts before it."""
        rule = next(rule for rule in rules() if rule.id == rule_id)
        day = date.fromisoformat(as_of)
        made = Build(self.store(), day, steps.open_engine(), (), (rule,), [])
        for step in (steps._make_facts, steps._run_rules, steps._make_dates):
            step(made)
        if "network_" in rule.sql:
            steps._make_network(made)
        steps._run_profile_rules(made)
        cuts = run(made.con, "SELECT as_of_day FROM cut_dates ORDER BY as_of_day DESC")
        last = cuts[cut_back][0]
        table, of_day = "rule_hits", ""
        if rule.grain == "profile":
            table, of_day = "profile_hits", f"WHERE as_of_day = {last}"
        rows = run(made.con, f"SELECT * FROM {table} {of_day}")
        found = Judged({row[-3]: (row[-2], row[-1]) for row in rows})
        if rule.evidence:
            used = {n: v for n, v in rule.parameters.items() if f"${n}" in rule.evidence}
            for proof in run(made.con, f"SELECT * FROM ({rule.evidence}) {of_day}", used):
                if proof[-2] in found.hits:
                    found.evidence.setdefault(proof[-2], set()).add(proof[-1])
        return found

    def rules(self, as_of: str, *tables_wanted: str, only: str = "") -> Build:
        """Run the rules alone, or one of them, which is several times faster."""
        store, day = self.store(*tables_wanted), date.fromisoformat(as_of)
        if not only:
            return build_rules(store, day)
        chosen = tuple(rule for rule in runnable(store, day)[1] if rule.id == only)
        made = Build(store, day, steps.open_engine(), (), chosen, [])
        for step in (steps._make_facts, steps._run_rules, steps._make_dates):
            step(made)
        steps._run_profile_rules(made)
        return made


START = datetime(2024, 1, 31, 16, tzinfo=UTC)  # local midnight of 1 February
UNITS = ("claim", "institution", "insured")


def make_town(new_town: type[Town], seed: int, claims: int = 60) -> Town:
    """Return a town whose claims repeat people, places, days, amounts and known moments."""
    rng = np.random.default_rng(seed)
    town = new_town()
    for number, kind in enumerate(("public_hospital", "private_hospital", "pharmacy")):
        town.institution(f"o{number}", kind)
    for number in range(5):
        town.add("insured", insured_id=f"p{number}", sex="MF"[number % 2],
                 birth_date=date(1950 + 9 * number, 5, 1))  # fmt: skip
    town.add("deaths", insured_id="p4", death_date=date(2024, 3, 1),
             known_at=START + timedelta(days=int(rng.integers(20, 90))))  # fmt: skip
    town.add("price_caps", item_code="X1", level="all", max_unit_price=900,
             valid_from=date(2024, 1, 1))  # fmt: skip
    town.add("sex_limits", item_code="X2", sex="F", valid_from=date(2024, 1, 1))
    town.add("daily_maxima", item_code="X3", max_quantity_milli=2_000, valid_from=date(2024, 1, 1))
    town.add("mild_diagnoses", diagnosis_code="J06.9", valid_from=date(2024, 1, 1))
    add_lists(town)
    for _ in range(claims):
        random_claim(town, rng)
    return town


def add_lists(town: Town) -> None:
    """Add a row or two to the lists that the rules of claims read."""
    lists: dict[str, list[Row]] = {
        "sex_limited_codes": [{"code_kind": "diagnosis", "code": "I10", "sex": "M"}],
        "age_limits": [{"code_kind": "item", "code": "X1", "age_unit": "year", "max_age": 60}],
        "exclusive_pairs": [{"item_code": "X1", "other_item_code": "X2", "within": "stay"}],
        "payment_limits": [
            {"item_code": "X1", "limit_kind": "level", "limit_value": "3"},
            {"item_code": "X2", "limit_kind": "first_line", "limit_value": "X3"},
        ],
        "indications": [{"item_code": "X3", "diagnosis_prefix": "I1"}],
        "frequency_limits": [
            {"item_code": "X2", "period": period, "max_quantity_milli": 3_000}
            for period in ("day", "week", "stay")
        ],
        "drug_classes": [
            {"item_code": code, "drug_class": "C", "chronic": True} for code in ("X1", "X3")
        ],
        "policy_limits": [{"insurance_type": "310", "limit_kind": "prescription_cap",
                           "level": "all", "limit_amount": 1_500}],
        "items": [{"item_code": "X1", "list_kind": "drug", "controlled": False}],
        "drg_groups": [
            {"drg_code": f"ES2{digit}", "level": "2", "weight_10000": 9_000 * digit,
             "standard_amount": 900_000 * digit} for digit in (1, 5)
        ],
        "surgery_discounts": [{"procedure_prefix": "all", "place": 2, "share_permille": 500}],
    }  # fmt: skip
    for name, rows in lists.items():
        for row in rows:
            town.add(name, valid_from=date(2024, 1, 1), **row)


def random_claim(town: Town, rng: np.random.Generator) -> None:
    kind = ("outpatient", "inpatient", "pharmacy")[int(rng.integers(0, 3))]
    began = START + timedelta(days=int(rng.integers(0, 100)), minutes=int(rng.integers(0, 4)) * 240)
    ended = began + timedelta(days=int(rng.integers(0, 7)) if kind == "inpatient" else 0)
    known = ended + timedelta(hours=int(rng.integers(0, 3)) * 24)
    local = [moment + timedelta(hours=8) for moment in (began, ended)]
    claim_id = town.claim(
        "2024-01-01", claim_type=kind, service_at=began, service_end_at=ended,
        service_date=local[0].date(), service_end_date=local[1].date(), known_at=known,
        insured_id=f"p{rng.integers(0, 5)}", institution_id=f"o{rng.integers(0, 3)}",
        doctor_id=[None, "d1", "d2"][int(rng.integers(0, 3))],
        stay_id=[None, "s1", "s2"][int(rng.integers(0, 3))] if kind == "inpatient" else None,
        drg_code="ES25" if kind == "inpatient" else None, insurance_type="310",
        total_amount=int(rng.integers(1, 4)) * 10_000, main_diagnosis=[None, "J06.9", "I10"][
            int(rng.integers(0, 3))],
        reversed_at=known + timedelta(days=int(rng.integers(0, 60))) if rng.random() < 0.15
        else None,
    )  # fmt: skip
    for _ in range(int(rng.integers(0, 4))):
        town.line(
            claim_id, item_code=f"X{rng.integers(1, 4)}",
            item_class=["drug", "bed", "exam", "lab"][int(rng.integers(0, 4))],
            quantity_milli=int(rng.integers(1, 4)) * 1_000,
            days_supply=[None, 28, 84][int(rng.integers(0, 3))],
            line_date=local[0].date() + timedelta(days=int(rng.integers(0, 4))),
        )  # fmt: skip


def whole_build(build: Build) -> dict[str, tuple[Any, ...]]:
    """Return every matrix and rule hit as bytes and rows."""
    found: dict[str, tuple[Any, ...]] = {}
    for unit in UNITS:
        m = build.matrix(unit)
        found[unit] = (m.names, tuple(m.unit_ids), m.values.tobytes(), m.amounts.tobytes(),
                       m.rule_hits.tobytes(), m.known_at.tobytes(), tuple(m.groups))  # fmt: skip
    found["hits"] = tuple(build.con.execute("SELECT * FROM rule_hits ORDER BY ALL").fetchall())
    profiles = build.con.sql("SELECT * FROM profile_institution ORDER BY ALL").to_arrow_table()
    found["profiles"] = tuple(str(column.to_pylist()) for column in profiles.columns)
    return found


@pytest.fixture(scope="session")
def new_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Town]]:
    """Return the class of towns; their stores live in the tests' temporary folder."""
    before = tempfile.tempdir
    tempfile.tempdir = str(tmp_path_factory.mktemp("towns"))
    yield Town
    tempfile.tempdir = before


@pytest.fixture
def town(new_town: type[Town]) -> Town:
    """Return an empty town with a person and a hospital."""
    place = new_town()
    place.institution("o1")
    place.add("insured", insured_id="p1", sex="M", birth_date=date(1960, 1, 1))
    return place


@pytest.fixture(scope="session")
def simulated_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the files of a simulated county of about a thousand claims."""
    folder = tmp_path_factory.mktemp("features") / "files"
    simulate(folder, insured=400, months=10, institutions=8, pharmacies=4, seed=3)
    return folder


@pytest.fixture(scope="session")
def simulated(
    vault: Path, simulated_files: Path, tmp_path_factory: pytest.TempPathFactory
) -> StoreVersion:
    """Return the store of the simulated county."""
    home = tmp_path_factory.mktemp("simulated_store")
    load(source_mapping("nhsa"), simulated_files, home)
    return open_store(home)


@pytest.fixture(scope="session")
def simulated_build(simulated: StoreVersion) -> Build:
    """Return everything computed about the simulated county, as of the first of a month."""
    return build(simulated, date(2024, 12, 1))


@pytest.fixture(scope="session")
def random_town() -> Callable[..., Town]:
    """Return what makes a random town."""
    return make_town


@pytest.fixture(scope="session")
def everything() -> Callable[[Build], dict[str, tuple[Any, ...]]]:
    """Return what collects every matrix, profile and rule hit of a build."""
    return whole_build


class ProfileHits:
    """Hits of one profile rule: by unit as of the last day, the as-of days, the evidence."""

    def __init__(self, made: Build, rule_id: str, changed: dict[str, int]) -> None:
        rule = next(rule for rule in rules() if rule.id == rule_id)
        parameters = {**rule.parameters, **changed}
        rows = made.con.execute(rule.text, parameters).fetchall()
        if not changed:
            kept = "SELECT as_of_day, unit_id, hits, amount FROM profile_hits WHERE rule_id = ?"
            assert set(rows) == set(made.con.execute(kept, [rule_id]).fetchall())
        as_of = day_number(made.as_of)
        self.days = sorted({day_of(day) for day, *_ in rows})
        self.last = {unit: (hits, amount) for day, unit, hits, amount in rows if day == as_of}
        used = {n: v for n, v in parameters.items() if f"${n}" in rule.evidence}
        self.evidence: dict[str, set[str]] = {}
        for day, unit, proof in made.con.execute(rule.evidence, used).fetchall():
            if day == as_of and unit in self.last:
                self.evidence.setdefault(unit, set()).add(proof)


@pytest.fixture(scope="session")
def profile_hits() -> Callable[..., ProfileHits]:
    """Return what finds the hits of a profile rule in a town, with some parameters changed."""

    def found(town: Town, rule_id: str, as_of: str = "2024-12-01", **changed: int) -> ProfileHits:
        return ProfileHits(town.rules(as_of, *PROFILE_TABLES, only=rule_id), rule_id, changed)

    return found


#: Small data: fewer tasks, and plans that are run as they stand rather than compiled first.
QUICK = {
    "spark__ui__enabled": "false", "spark__sql__shuffle__partitions": "2",
    "spark__default__parallelism": "2", "spark__sql__adaptive__enabled": "false",
    "spark__sql__codegen__wholeStage": "false", "spark__sql__codegen__factoryMode": "NO_CODEGEN",
    "spark__log__level": "ERROR", "spark__driver__bindAddress": "127.0.0.1",
    "spark__driver__host": "127.0.0.1",
    "spark__sql__sources__parallelPartitionDiscovery__threshold": "1000",
    "spark__driver__memory": "1g",
    # A machine that lives for a minute: no second compiler, no threads that only collect.
    "spark__driver__extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}  # fmt: skip


@pytest.fixture(scope="session")
def spark() -> Iterator[Session]:
    """Return one Spark session for all tests; without Java or PySpark they cannot run."""
    if missing := absent():
        pytest.skip(missing)
    session = open_session("local[2]", **QUICK)
    yield session
    session.stop()
