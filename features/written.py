"""A build as Parquet folders: the same layout from every batch engine.

``matrix/<unit>`` (unit_id, grouped, finding_kind, known_us, stake, hits, then a float64 column per
feature; NaN where it is not known), ``profiles/<table>``, ``rule_hits``, ``profile_hits``, and
``manifest``, a JSON text that is written last: a folder without it is not complete.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from features import queries
from features.build import Build
from features.catalogue import catalogue, catalogue_version
from features.matrix import Matrix
from features.parameters import ParameterBook
from features.runnable import NotRun

#: What stands before the features in a written matrix.
BESIDE = ("unit_id", "grouped", "finding_kind", "known_us", "stake", "hits")
#: Rows of a matrix that are held at a time, and of each of its files.
CHUNK_ROWS = 250_000
UNITS = ("claim", "insured", "institution", "doctor")


class WrittenError(ValueError):
    """A folder cannot be written to, or is no complete build."""


def write_build(made: Build, out: Path) -> None:
    """Write a build of the embedded engine into a new or empty folder.

    Raises:
        WrittenError: the folder holds something.
    """
    check_new(out)
    for unit in UNITS:
        for place, chunk in enumerate(made.matrix_chunks(unit, CHUNK_ROWS)):
            _write(_table(chunk), out / "matrix" / unit, place)
    for table in queries.PROFILE_KEYS:
        _write(_rows(made, f"profile_{table}"), out / "profiles" / table)
    for name in ("rule_hits", "profile_hits"):
        _write(_rows(made, name), out / name)
    text = manifest("duckdb", made.store.version, made.as_of, made.zone, made.not_run, made.book)
    (out / "manifest").mkdir()
    (out / "manifest" / "part-0.txt").write_text(text + "\n", encoding="utf-8")


def check_new(out: Path) -> None:
    """Raise WrittenError where there is something already."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise WrittenError(f"{out.name} is not an empty folder; name a new one with --out.")


def manifest(
    engine: str, version: str, as_of: date, zone: str, not_run: Sequence[NotRun],
    book: ParameterBook,
) -> str:  # fmt: skip
    """Return what a written build says of itself, one line of JSON."""
    body = {
        "engine": engine, "store_version": version, "as_of_date": as_of.isoformat(),
        "time_zone": zone, "catalogue_version": catalogue_version(),
        "rules_version": book.version,
        "not_run": {one.name: list(one.missing) for one in not_run},
    }  # fmt: skip
    return json.dumps(body, sort_keys=True, ensure_ascii=False)


def read_manifest(out: Path) -> Mapping[str, Any]:
    """Return what a written build says of itself; raises WrittenError where it is incomplete."""
    parts = sorted((out / "manifest").glob("part-*"))
    text = "".join(part.read_text(encoding="utf-8") for part in parts)
    if not text:
        raise WrittenError(f"{out.name}/ holds no complete build: its manifest is missing.")
    body: Mapping[str, Any] = json.loads(text)
    return body


def read_matrix(out: Path, unit: str) -> Matrix:
    """Return the matrix of a unit from a written build."""
    about = read_manifest(out)
    rows = ds.dataset(out / "matrix" / unit, format="parquet").to_table().sort_by("unit_id")
    names = [name for name in rows.column_names if name not in BESIDE]
    directions = {f.name: f.direction for f in catalogue()}
    values = [rows.column(name).to_numpy() for name in names]
    return Matrix(
        unit=unit,
        as_of_date=date.fromisoformat(about["as_of_date"]),
        unit_ids=np.array(rows.column("unit_id").to_pylist(), dtype=np.str_),
        names=tuple(names),
        values=np.column_stack(values) if values else np.empty((rows.num_rows, 0)),
        directions=tuple(directions.get(name, 1) for name in names),
        groups=np.array(rows.column("grouped").to_pylist(), dtype=np.str_),
        finding_kinds=np.array(rows.column("finding_kind").to_pylist(), dtype=np.str_),
        known_at=rows.column("known_us").to_numpy().astype("datetime64[us]"),
        amounts=rows.column("stake").to_numpy(),
        rule_hits=rows.column("hits").to_numpy(),
        catalogue_version=about["catalogue_version"],
        rules_version=about["rules_version"],
        zone=about["time_zone"],
    )


def _table(matrix: Matrix) -> pa.Table:
    beside = (
        matrix.unit_ids.tolist(), matrix.groups.tolist(), matrix.finding_kinds.tolist(),
        matrix.known_at.astype(np.int64), matrix.amounts, matrix.rule_hits,
    )  # fmt: skip
    columns = dict(zip(BESIDE, beside, strict=True))
    values = {name: matrix.values[:, place] for place, name in enumerate(matrix.names)}
    text = dict.fromkeys(BESIDE[:3], pa.string())
    return pa.table({n: pa.array(c, text.get(n)) for n, c in (columns | values).items()})


def _rows(made: Build, relation: str) -> pa.Table:
    return made.con.sql(f"SELECT * FROM {relation} ORDER BY ALL").to_arrow_table()


def _write(rows: pa.Table, folder: Path, place: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, folder / f"part-{place}.parquet", compression="zstd")
