"""Batch (DuckDB) and online (SQLite on the published file) agree on every cell, bit for bit.

Every claim of a small simulated county; JIHE_PROOF_INSURED makes it larger.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import date

import numpy as np
import pytest

from claims.load import load
from claims.mapping import source_mapping
from claims.simulator.county import simulate
from claims.store import open_store
from features.build import build
from features.online import OnlineFeatures, claim_row
from features.published import write_features
from features.queries import OWN_ROWS

INSURED = int(os.environ.get("JIHE_PROOF_INSURED", "0"))


@pytest.fixture
def county_build(request, tmp_path):
    """Return the build of the usual county, or of one as large as asked."""
    if not INSURED:
        return request.getfixturevalue("simulated_build")
    request.getfixturevalue("vault")
    simulate(tmp_path / "files", insured=INSURED, months=24, institutions=12, pharmacies=6, seed=7)
    load(source_mapping("nhsa"), tmp_path / "files", tmp_path / "home")
    return build(open_store(tmp_path / "home"), date(2026, 1, 1))


def own_rows(build):
    """Return what each claim of a build holds, as the online engine takes it, by claim id."""
    found = defaultdict(lambda: defaultdict(list))
    for name, columns in OWN_ROWS.items():
        rows = build.con.sql(
            f"SELECT {', '.join(columns)} FROM {name} WHERE claim_id IS NOT NULL ORDER BY ALL"
        )
        for row in rows.to_arrow_table().to_pylist():
            found[row["claim_id"]][name].append(row)
    return found


def replay(build, path):
    """Return the online rows of a build's claims, by claim id."""
    write_features(build, path, build.matrix("claim").names)
    online = OnlineFeatures(path)
    own = own_rows(build)
    claims = build.store.read("claims").to_pylist()
    wanted = set(build.matrix("claim").unit_ids)
    rows = {
        claim["claim_id"]: online.row(claim_row(claim, build.zone), **own[claim["claim_id"]])
        for claim in claims
        if claim["claim_id"] in wanted
    }
    online.close()
    return rows


def assert_equal(build, rows) -> None:
    matrix = build.matrix("claim")
    hits = defaultdict(set)
    for rule_id, claim_id, *found in build.con.execute("FROM rule_hits").fetchall():
        hits[claim_id].add((rule_id, *found))
    for place, claim_id in enumerate(matrix.unit_ids[: len(rows)]):
        row = rows[claim_id]
        different = [name for name, a, b in zip(matrix.names, matrix.values[place], row.values,
                     strict=True) if a.tobytes() != b.tobytes()]  # fmt: skip
        assert not different, (claim_id, different)
        assert {(h.rule_id, h.hits, h.amount) for h in row.hits} == hits[claim_id]


def test_every_cell_of_the_simulated_county(county_build, tmp_path):
    rows = replay(county_build, tmp_path / "f.sqlite")
    assert len(rows) > (10_000 if INSURED else 900)
    assert sum(len(row.hits) for row in rows.values()) > 50
    assert_equal(county_build, rows)


@pytest.mark.parametrize("seed", range(3))
def test_every_cell_of_a_random_town(new_town, tmp_path, seed, random_town):
    build = random_town(new_town, seed).build("2024-06-01")
    rows = replay(build, tmp_path / "f.sqlite")
    assert_equal(build, rows)
    assert any(row.hits for row in rows.values())


def test_amounts_beyond_what_a_float_holds(town, tmp_path):
    """A price of 10 million yuan and a quantity of ten thousand million pass no 64-bit product."""
    town.add("price_caps", item_code="X1", level="all", max_unit_price=999_999_937,
             valid_from=date(2024, 1, 1))  # fmt: skip
    town.add("daily_maxima", item_code="X2", max_quantity_milli=1_000, valid_from=date(2024, 1, 1))
    claim = town.claim("2024-03-01 10:00", total_amount=10**15 + 7)
    town.line(claim, item_code="X1", unit_price=1_003_000_001, quantity_milli=10**13,
              amount=4_000_000_000_000_007)  # fmt: skip
    town.line(claim, item_code="X2", quantity_milli=90_000_001, amount=8_000_000_000_003)
    build = town.build()
    rows = replay(build, tmp_path / "f.sqlite")
    assert_equal(build, rows)
    # 4000000000000007 x 3000064 // 1003000001 and 8000000000003 x 89999001 // 90000001
    assert {h.rule_id: h.amount for h in rows[claim].hits} == {
        "OVERPRICED_ITEM": 4_000_000_000_000_007 * 3_000_064 // 1_003_000_001,
        "QTY_OVER_DAILY_MAX": 8_000_000_000_003 * 89_999_001 // 90_000_001,
    }


def test_the_row_of_a_claim_does_not_depend_on_the_rows_before(simulated_build, tmp_path):
    write_features(simulated_build, tmp_path / "f.sqlite", simulated_build.matrix("claim").names)
    claim = next(iter(simulated_build.store.read("claims").to_pylist()))
    online = OnlineFeatures(tmp_path / "f.sqlite")
    first = online.row(claim_row(claim, simulated_build.zone))
    again = [online.row(claim_row(claim, simulated_build.zone)) for _ in range(3)]
    assert {row.values.tobytes() for row in again} == {first.values.tobytes()}
    assert not np.isnan(first.values).all()
    online.close()
