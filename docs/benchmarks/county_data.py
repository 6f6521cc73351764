"""Simulated counties for experiments with models: simulated, loaded and built once, then cached.

In: a seed and a number of insured. Out: ``County``: the claim matrix of two years (every row with
the features of its own known time), what is truly overpaid in each claim and by which schemes, and
the inspections that the county had without this program. A county is about 0.3 GB on disk.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from claims.engine import open_engine
from claims.load import load
from claims.mapping import source_mapping
from claims.pseudonyms import pseudonym
from claims.simulator.county import Parameters, simulate
from claims.simulator.inspectors import truth_of
from claims.store import StoreVersion, open_store
from claims.vault import KEY_FILE, VAULT_VARIABLE, private_bytes, pseudonym_key
from features.as_of import default_as_of
from features.build import build
from features.matrix import Matrix

_ARRAYS = ("values", "unit_ids", "groups", "finding_kinds", "known_at", "amounts", "rule_hits")


@dataclass(frozen=True)
class County:
    """A county ready for experiments.

    Attributes:
        matrix: all claims of the county.
        originals: shape (n,), the claims' numbers in the county's files.
        overpaid: shape (n,), truly overpaid minor units; 0 where nothing is.
        schemes: shape (n,), names joined by a semicolon, empty where nothing is overpaid.
        history: inspections of claims and the appeals against them.
        appeals: under the contract ``appeals``.
        truth: folder that the simulated inspectors read.
    """

    matrix: Matrix
    originals: npt.NDArray[np.str_]
    overpaid: npt.NDArray[np.int64]
    schemes: npt.NDArray[np.str_]
    history: pa.Table
    appeals: pa.Table
    truth: Path


def county(folder: Path, seed: int, insured: int, parameters: Parameters | None = None) -> County:
    """Return the county, made under ``folder`` unless it is there already."""
    place = folder / f"county-{insured}-{seed}"
    if not (place / "about.json").exists():
        _make(place, seed, insured, parameters)
    return _read(place)


def _make(place: Path, seed: int, insured: int, parameters: Parameters | None) -> None:
    if place.exists():
        shutil.rmtree(place)
    place.mkdir(parents=True)
    files, home, vault = place / "files", place / "home", place / "vault"
    # Simulated people only: a key that everybody knows makes the figures everybody's.
    private_bytes(vault / KEY_FILE, hashlib.sha256(b"jihe experiments: simulated people").digest())
    os.environ[VAULT_VARIABLE] = str(vault)
    simulate(files, insured=insured, seed=seed, parameters=parameters)
    load(source_mapping("nhsa"), files, home)
    store = open_store(home)
    made = build(store, default_as_of(store).day)
    matrix = made.matrix("claim")
    _write(place, matrix, files, store)
    for name in ("files", "home"):
        keep = place / name / "truth"
        if keep.exists():
            keep.rename(place / "truth")
        shutil.rmtree(place / name)


def _write(place: Path, matrix: Matrix, files: Path, store: StoreVersion) -> None:
    key = pseudonym_key()
    settled = pd.read_csv(files / "truth" / "settlements.csv", dtype=str)["setl_id"]
    original = {pseudonym("claim", number, key): number for number in settled}
    truth = truth_of(files / "truth").set_index("claim_id")
    numbers = [original.get(str(u), "") for u in matrix.unit_ids]
    overpaid = truth["overpaid_amount"].reindex(numbers).fillna(0).to_numpy(dtype=np.int64)
    schemes = truth["schemes"].reindex(numbers).fillna("").to_numpy(dtype=np.str_)
    arrays = {name: getattr(matrix, name) for name in _ARRAYS}
    for name, array in {**arrays, "originals": np.array(numbers, dtype=np.str_),
                        "overpaid": overpaid, "schemes": schemes}.items():  # fmt: skip
        np.save(place / f"{name}.npy", array)
    con = open_engine()
    store.attach(con)
    for name in ("inspection_history", "appeals"):
        pq.write_table(con.sql(f"SELECT * FROM {name}").to_arrow_table(), place / f"{name}.parquet")
    about = {
        "names": list(matrix.names),
        "directions": list(matrix.directions),
        "as_of_date": matrix.as_of_date.isoformat(),
        "catalogue_version": matrix.catalogue_version,
        "rules_version": matrix.rules_version,
        "zone": matrix.zone,
    }
    (place / "about.json").write_text(json.dumps(about), encoding="utf-8")


def _read(place: Path) -> County:
    about = json.loads((place / "about.json").read_text(encoding="utf-8"))
    held = {name: np.load(place / f"{name}.npy") for name in _ARRAYS}
    matrix = Matrix(
        unit="claim",
        as_of_date=date.fromisoformat(about.pop("as_of_date")),
        names=tuple(about.pop("names")),
        directions=tuple(about.pop("directions")),
        **held,
        **about,
    )
    return County(
        matrix,
        np.load(place / "originals.npy"),
        np.load(place / "overpaid.npy"),
        np.load(place / "schemes.npy"),
        pq.read_table(place / "inspection_history.parquet"),
        pq.read_table(place / "appeals.parquet"),
        place / "truth",
    )


def main() -> None:
    """Make counties ahead of the experiments."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", required=True, help="separated by commas")
    parser.add_argument("--insured", type=int, default=15_000)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    for seed in args.seeds.split(","):
        made = county(args.out, int(seed), args.insured)
        found = f"{len(made.matrix)} claims, {(made.overpaid > 0).sum()} overpaid"
        sys.stdout.write(f"seed {seed}: {found}\n")


if __name__ == "__main__":
    main()
