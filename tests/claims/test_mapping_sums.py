"""Sums of columns in users' own mappings, and columns that a file lacks: no smaller sum."""

from __future__ import annotations

from pathlib import Path

import pytest

from claims.load import LoadError, load
from claims.mapping import read_mapping
from claims.store import open_store
from tests.claims.own_mappings import ROW, came_in, written


def test_a_column_that_the_files_lack_is_told_by_its_name(tmp_path: Path) -> None:
    path = written(tmp_path, total_amount='{ from = ["gross", "sum of all"] }')
    with pytest.raises(LoadError, match=r"lack the columns \['gross \+ sum of all'\]"):
        came_in(tmp_path, path, {})


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
