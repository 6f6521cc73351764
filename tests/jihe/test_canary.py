"""Planted identities must not be in any output: files, databases, registry, bundle, terminal."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from jihe.cli import app

CANARIES = {
    "psn_no": "CANARYPERSON77", "psn_name": "金丝雀某人", "certno": "990101190001019977",
    "tel": "13900099977", "fixmedins_code": "CANARYPLACE77", "fixmedins_name": "金丝雀医院",
    "dr_codg": "CANARYDOCTOR77", "dr_name": "金丝雀医师", "setl_id": "CANARYCLAIM77",
    "mdtrt_id": "CANARYSTAY77", "emp_no": "CANARYFIRM77", "feedetl_sn": "CANARYLINE77",
    "brdy": "1911-11-11",
}  # fmt: skip
ALIASES = {"atddr_no": "dr_codg", "bilg_dr_codg": "dr_codg"}


def _plant(folder: Path) -> None:
    """Replace the identities of one person, place, doctor and claim throughout the files."""
    targets: dict[str, str] = {}
    for name in ("psn_info.csv", "fixmedins_info.csv", "dr_info.csv"):
        header, *rows = (folder / name).read_text(encoding="utf-8").splitlines()
        full = next(row for row in rows if "" not in row.split(","))
        cells = dict(zip(header.split(","), full.split(","), strict=True))
        targets |= {c: cells[c] for c in cells if c in CANARIES and c not in targets and cells[c]}
    header, *rows = (folder / "setl_list.csv").read_text(encoding="utf-8").splitlines()
    cells = dict(zip(header.split(","), rows[5].split(","), strict=True))
    targets |= {"setl_id": cells["setl_id"], "mdtrt_id": cells["mdtrt_id"]}
    _, *lines = (folder / "fee_detail.csv").read_text(encoding="utf-8").splitlines()
    targets["feedetl_sn"] = lines[9].split(",")[0]
    for path in folder.glob("*.csv"):
        header, *rows = path.read_text(encoding="utf-8").splitlines()
        names = [ALIASES.get(n, n) for n in header.split(",")]
        changed = []
        for row in rows:
            values = row.split(",")
            for place, column in enumerate(names):
                if column in targets and values[place] == targets[column]:
                    values[place] = CANARIES[column]
            changed.append(",".join(values))
        path.write_text("\n".join([header, *changed]) + "\n", encoding="utf-8")


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield str(path), path.read_bytes()
        if path.suffix == ".parquet":
            yield str(path), str(pq.read_table(path).to_pylist()).encode()
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{path}!{name}", archive.read(name)


@pytest.fixture(scope="module")
def planted(county: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("canary") / "county"
    shutil.copytree(county, folder, ignore=shutil.ignore_patterns("truth"))
    _plant(folder)
    return folder


def test_the_canaries_are_really_planted(planted: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in planted.glob("*.csv"))
    assert [c for c in CANARIES.values() if c not in text] == []


def test_no_output_holds_a_planted_identity(planted: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    result = CliRunner().invoke(
        app, ["run", "--source", "nhsa", "--input", str(planted), "--out", str(home),
              "--capacity", "80"],
    )  # fmt: skip
    assert result.exit_code == 0
    found = [
        (place, canary)
        for place, content in _contents(home)
        for canary in CANARIES.values()
        if canary.encode() in content
    ]
    assert found == []
    assert not [c for c in CANARIES.values() if c in result.output]
