"""Texts interpreted once and texts interpreted row by row become the same rows and faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from claims import building, repeated
from claims.engine import open_engine
from claims.load import load
from claims.mapping import source_mapping
from claims.raw import named
from claims.reading import open_file


def test_both_ways_give_the_same_version(
    county: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = load(source_mapping("nhsa"), county, tmp_path / "plain")
    monkeypatch.setattr(repeated, "LEAST", 0)
    once = load(source_mapping("nhsa"), county, tmp_path / "once")
    assert once.version == plain.version
    assert sum(c.quarantined for c in once.counts) > 0


def test_texts_that_repeat_are_taken_up_and_others_are_not(
    county: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeated, "LEAST", 0)
    source = source_mapping("nhsa")
    file = open_file(county / "fee_detail.csv")
    rows = named(next(iter(file.blocks())), file)
    con = open_engine()
    made, done = repeated.interpret_repeated(con, rows, source.tables["claim_lines"], source)
    assert {"item_code", "item_class", "unit_price"} <= set(done)
    assert "line_id" not in done
    assert made.column_names[: rows.num_columns] == rows.column_names
    prices = dict(zip(rows["pric"].to_pylist(), made["made:unit_price"].to_pylist(), strict=True))
    assert all(round(float(text) * 100) == value for text, value in prices.items())


def test_blocks_of_one_file_are_one_part(
    county: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of a few rows each, in which months and faults are scattered, change nothing."""
    whole = load(source_mapping("nhsa"), county, tmp_path / "whole")
    read = building.RawFile.blocks

    def small(file: Any) -> Any:
        for block in read(file):
            for start in range(0, block.num_rows, 997):
                yield block.slice(start, 997)

    monkeypatch.setattr(building.RawFile, "blocks", small)
    pieces = load(source_mapping("nhsa"), county, tmp_path / "pieces")
    assert pieces.version == whole.version
