"""Files in the layout of the national interface: tiny hand-made ones, and simulated counties."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from claims.load import LoadReport, load
from claims.mapping import SourceMapping, source_mapping
from claims.simulator.county import Parameters, make_care, simulate
from claims.simulator.ledger import Ledger
from claims.simulator.stays import license_beds
from claims.simulator.world import World, make_world
from claims.store import open_store
from tests.claims.planted_schemes import Planted
from tests.claims.simulated_county import County
from tests.claims.simulated_registers import INSURED, MONTHS, Folder

Row = dict[str, str]

CLAIM: Row = {
    "setl_id": "S1", "mdtrt_id": "M1", "psn_no": "N1", "fixmedins_code": "H1", "med_type": "11",
    "insutype": "310", "begntime": "2024-03-05 09:00:00", "endtime": "2024-03-05 10:00:00",
    "setl_time": "2024-03-05 10:30:00", "medfee_sumamt": "100.50", "fund_pay_sumamt": "60.00",
    "hifp_pay": "60.00", "hifob_pay": "0.00", "cvlserv_pay": "0.00", "acct_pay": "20.25",
    "psn_cash_pay": "20.25", "dscg_maindiag_code": "I10", "atddr_no": "D1",
    "dscg_dept_codg": "心内科", "drg_code": "", "refd_setl_flag": "0", "refd_setl_id": "",
}  # fmt: skip
LINE: Row = {
    "feedetl_sn": "F1", "setl_id": "S1", "fee_ocur_time": "2024-03-05 09:30:00",
    "med_list_codg": "X1", "medins_list_name": "氨氯地平片", "med_chrgitm_type": "09",
    "cnt": "2", "pric": "50.25", "det_item_fee_sumamt": "100.50", "bilg_dr_codg": "D1",
    "prd_days": "28",
}  # fmt: skip
PERSON: Row = {
    "psn_no": "N1", "psn_name": "某甲", "certno": "990103199408010015", "tel": "10000581305",
    "gend": "1", "brdy": "1994-08-01", "insutype": "310", "emp_no": "E1", "vlg_code": "V1",
    "chronic_flag": "0",
}  # fmt: skip
INSTITUTION: Row = {
    "fixmedins_code": "H1", "fixmedins_name": "某院", "fixmedins_type": "1", "hosp_lv": "3",
    "medins_type": "hospital", "ownership": "public", "admdvs": "990101", "bed_cnt": "420",
}  # fmt: skip
DOCTOR: Row = {"dr_codg": "D1", "dr_name": "某乙", "fixmedins_code": "H1", "caty": "心血管内科"}
DEATH: Row = {"psn_no": "N1", "die_date": "2024-06-01", "rpt_time": "2024-06-20 08:00:00"}
DEFAULTS = {
    "setl_list.csv": CLAIM, "fee_detail.csv": LINE, "psn_info.csv": PERSON,
    "fixmedins_info.csv": INSTITUTION, "dr_info.csv": DOCTOR, "death_info.csv": DEATH,
}  # fmt: skip


def loaded(source: str | SourceMapping, folder: Path, home: Path) -> SimpleNamespace:
    """Load a folder; return the report, the store version, and its tables as lists of rows."""
    mapping = source_mapping(source) if isinstance(source, str) else source
    return shown(load(mapping, folder, home), home)


def shown(report: LoadReport, home: Path) -> SimpleNamespace:
    """Return a report with the store version and its tables as lists of rows."""
    version = open_store(home)

    def rows(table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = version.read(table).to_pylist()
        return found

    counts = {c.table: c for c in report.counts}
    return SimpleNamespace(report=report, store=version, rows=rows, counts=counts)


class Files:
    """A folder of source files; rows are given as changes to one good row."""

    claim, line, person, institution = CLAIM, LINE, PERSON, INSTITUTION

    def __init__(self, root: Path) -> None:
        self.folder, self.home = root / "in", root / "home"
        self.folder.mkdir(parents=True)

    def write(self, name: str, *changes: Row, without: Sequence[str] = ()) -> Path:
        """Write one file: a row for each change; columns in ``without`` are not there."""
        base = DEFAULTS[name]
        columns = [c for c in base if c not in without]
        with (self.folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows({**base, **change} for change in changes)
        return self.folder / name

    def registers(self) -> None:
        """Write one good row of each register."""
        for name in ("psn_info.csv", "fixmedins_info.csv", "dr_info.csv"):
            self.write(name, {})

    def month(self, number: str, *changes: Row) -> None:
        """Write the claims of a month and one line of each, into files named by the month."""
        day = f"2024-{number}-05"
        at = {"begntime": f"{day} 09:00:00", "endtime": f"{day} 10:00:00",
              "setl_time": f"{day} 10:30:00"}  # fmt: skip
        self.write("setl_list.csv", *({**at, **c} for c in changes)).rename(
            self.folder / f"setl_list_{number}.csv"
        )
        lines = [{"setl_id": c["setl_id"], "feedetl_sn": f"F{c['setl_id']}",
                  "fee_ocur_time": f"{day} 09:30:00"} for c in changes]  # fmt: skip
        self.write("fee_detail.csv", *lines).rename(self.folder / f"fee_detail_{number}.csv")

    @property
    def several(self) -> SourceMapping:
        """The source, whose claims, lines and insured come in any number of files."""
        mapping = source_mapping("nhsa")
        tables = dict(mapping.tables)
        for table, name in (("claims", "setl_list"), ("claim_lines", "fee_detail"),
                            ("insured", "psn_info")):  # fmt: skip
            tables[table] = replace(tables[table], files=(f"{name}*.csv",))
        return replace(mapping, tables=tables)

    def load_several(self, home: Path | None = None) -> SimpleNamespace:
        return shown(load(self.several, self.folder, home or self.home), home or self.home)

    def load(self, home: Path | None = None) -> SimpleNamespace:
        return loaded("nhsa", self.folder, home or self.home)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """An empty folder for files of the national interface."""
    return Files(tmp_path / "nhsa")


@pytest.fixture(scope="session")
def load_source() -> Callable[[str | SourceMapping, Path, Path], SimpleNamespace]:
    """The function that loads any source and shows what became of it."""
    return loaded


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> County:
    """A county large enough for figures, without broken rows, with a price reform in it."""
    folder = tmp_path_factory.mktemp("simulated") / "county"
    parameters = replace(Parameters.load(None), start=dt.date(2024, 7, 1))
    summary = simulate(
        folder, insured=12_000, months=12, seed=11, faults=0.0, parameters=parameters
    )
    return County(folder, summary)


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Two years of a county in which nobody violates anything."""
    folder = tmp_path_factory.mktemp("honest") / "county"
    simulate(
        folder, insured=INSURED, months=MONTHS, seed=3, faults=0.0,
        parameters=Parameters.load(None).only(),
    )  # fmt: skip
    return Folder(folder)


@pytest.fixture(scope="session")
def dishonest(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The same county with all schemes."""
    folder = tmp_path_factory.mktemp("whole") / "county"
    simulate(folder, insured=INSURED, months=MONTHS, seed=3, faults=0.0)
    return Folder(folder)


@pytest.fixture(scope="session")
def innocents() -> tuple[World, Ledger]:
    """Innocents of 9,000 insured in eighteen months, not yet settled."""
    seeds = np.random.SeedSequence(5).spawn(5)
    world = make_world(
        seeds[:3], Parameters.load(None), insured=9000, months=18, institutions=24, pharmacies=12
    )
    ledger = make_care(world, seeds[3:])
    return license_beds(world, ledger), ledger


@pytest.fixture(scope="module")
def planted(innocents: tuple[World, Ledger]) -> Callable[[str], Planted]:
    """One county per scheme, made when first asked for."""
    made: dict[str, Planted] = {}

    def make(scheme: str) -> Planted:
        if scheme not in made:
            made[scheme] = Planted(*innocents, scheme)
        return made[scheme]

    return make
