"""The order in which rows arrived and the number of threads change no bit."""

from __future__ import annotations

import numpy as np
import pytest

from claims.engine import run
from features import build as module
from features.build import build
from features.published import write_features


@pytest.mark.parametrize("seed", range(2))
def test_row_order_changes_nothing(new_town, random_town, everything, seed):
    town = random_town(new_town, seed)
    before = everything(town.build("2024-05-15"))
    rng = np.random.default_rng(seed)
    for name, rows in town.rows.items():
        town.rows[name] = [rows[n] for n in rng.permutation(len(rows))]
    assert everything(town.build("2024-05-15")) == before


def test_row_order_changes_no_published_byte(new_town, random_town, tmp_path):
    town = random_town(new_town, 7)
    contents = set()
    for name in ("as_it_was", "reversed"):
        made = town.build("2024-05-15")
        write_features(made, tmp_path / name, made.matrix("claim").names)
        contents.add((tmp_path / name).read_bytes())
        for table, rows in town.rows.items():
            town.rows[table] = rows[::-1]
    assert len(contents) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_nothing(simulated_build, everything, monkeypatch, threads):
    open_engine = module.open_engine

    def limited(*arguments):
        con = open_engine(*arguments)
        run(con, f"SET threads = {threads}")
        return con

    monkeypatch.setattr(module, "open_engine", limited)
    again = build(simulated_build.store, simulated_build.as_of)
    assert everything(again) == everything(simulated_build)


def test_rows_are_in_the_order_of_their_ids(simulated_build):
    for unit in ("claim", "institution", "insured"):
        ids = simulated_build.matrix(unit).unit_ids
        assert list(ids) == sorted(set(ids))
