"""The simulator: the same bytes from the same seed, nothing of the project, faults as listed."""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from claims import simulator
from tests.claims.simulated_county import tiny


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        tiny(tmp_path / name, seed=seed)
    first, again, other = (_digest(tmp_path / name) for name in "abc")
    assert first == again
    assert first.keys() == other.keys()
    assert all(
        first[name] != other[name] for name in ("setl_list.csv", "fee_detail.csv", "psn_info.csv")
    )


def test_bytes_do_not_depend_on_the_hash_seed_of_python(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from dataclasses import replace\n"
        "from claims.simulator.county import Parameters, simulate\n"
        "p = Parameters.load(None); s = {k: replace(v, actors=300) for k, v in p.schemes.items()}\n"
        "simulate(Path(sys.argv[1]), insured=600, months=6, institutions=12, pharmacies=6,"
        " parameters=replace(p, schemes=s))"
    )
    root = Path(simulator.__file__).parents[2]
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / seed)],
            check=True,
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
    assert _digest(tmp_path / "1") == _digest(tmp_path / "2")


def test_the_simulator_imports_nothing_of_the_project() -> None:
    folder = Path(simulator.__file__).parent
    allowed = {"numpy", "pandas", "pyarrow"} | set(sys.stdlib_module_names)
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                own = name == "claims.simulator" or name.startswith("claims.simulator.")
                assert own or name.split(".")[0] in allowed, (path.name, name)


def test_faults_are_broken_as_listed(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    summary = tiny(folder, seed=2, faults=0.03)
    listed = pd.read_csv(folder / "truth" / "faults.csv", dtype=str)
    assert len(listed) == summary.faults > 20
    spoiled = set(pd.read_csv(folder / "truth" / "claims.csv", dtype=str)["setl_id"])
    for name in ("setl_list.csv", "fee_detail.csv"):
        table = pd.read_csv(folder / name, dtype=str, keep_default_na=False)
        assert len(table) == summary.files[name]
        rows = listed[listed["file"] == name]
        for number, column, kind in zip(
            rows["row_number"], rows["column"], rows["kind"], strict=True
        ):
            row = table.iloc[int(number) - 1]
            assert _is_broken(table, int(number) - 1, column, kind), (name, number, kind)
            assert row["setl_id"] not in spoiled
    assert set(listed["kind"]) >= {
        "wrong_date",
        "negative_amount",
        "duplicate_id",
        "missing_person",
    }


def _is_broken(table: pd.DataFrame, at: int, column: str, kind: str) -> bool:
    row = table.iloc[at]
    if kind == "wrong_date":
        return bool(pd.isna(pd.to_datetime(row[column], errors="coerce")))
    if kind == "end_before_begin":
        return bool(row["endtime"] < row["begntime"])
    if kind == "negative_amount":
        return str(row[column]).startswith("-") and row.get("refd_setl_flag", "0") == "0"
    if kind == "duplicate_id":
        return bool(row[column] == table.iloc[at - 1][column])
    if kind == "missing_person":
        return bool(row[column] == "")
    if kind in ("unknown_institution", "unknown_settlement"):
        return "999999" in str(row[column])
    if column == "psn_cash_pay":
        paid = float(row["fund_pay_sumamt"]) + float(row["acct_pay"]) + float(row["psn_cash_pay"])
        return abs(paid - float(row["medfee_sumamt"])) > 1
    return abs(int(row["cnt"]) * float(row["pric"]) - float(row["det_item_fee_sumamt"])) > 1
