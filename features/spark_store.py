"""A store version as Spark sees it: every raw table a view over its Parquet files.

In: the folder of a home, or its address on a file system that the cluster reads (``hdfs://``,
``s3a://``, ``file://``). Out: ``SparkStore``. A folder is opened like everywhere else, each file
compared with its hash; at an address the manifest is compared with the version's name, and the
number of rows of every table with the manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from claims.contracts import tables
from claims.store import StoreError, StoreVersion, open_store
from features.parameters import ParameterBook, read_book
from features.spark_session import Session


@dataclass(frozen=True)
class SparkStore:
    """A readable version: where its files lie and what its manifest says."""

    root: str
    version: StoreVersion

    @property
    def zone(self) -> str:
        """IANA name of the source's time zone."""
        return str(self.version.meta["time_zone"])


def address(place: str | Path) -> str:
    """Return the address of a folder; an address stays as it is."""
    text = str(place)
    return text.rstrip("/") if "://" in text else Path(text).resolve().as_uri()


def book_at(session: Session, home: str) -> ParameterBook:
    """Return the parameters in force of a home: its folder, or its address."""
    if "://" not in home:
        return read_book(Path(home) / "parameters")
    from pyspark.errors import AnalysisException

    place = f"{home.rstrip('/')}/parameters/*.toml"
    try:
        files = session.read.format("binaryFile").load(place).collect()
    except AnalysisException as error:
        if error.getCondition() != "PATH_NOT_FOUND":
            raise
        return ParameterBook()
    with TemporaryDirectory() as folder:
        for row in files:
            (Path(folder) / row["path"].rsplit("/", 1)[-1]).write_bytes(bytes(row["content"]))
        return read_book(Path(folder))


def open_spark_store(session: Session, home: str | Path | StoreVersion) -> SparkStore:
    """Open the version in force of a home and make every raw table a view.

    Raises:
        StoreError: the version is missing or is not what was written.
    """
    if isinstance(home, StoreVersion):
        store = SparkStore(address(home.folder), home)
    elif "://" in str(home):
        store = _opened(session, f"{str(home).rstrip('/')}/store")
    else:
        version = open_store(Path(home))
        store = SparkStore(address(version.folder), version)
    _attach(session, store)
    if not isinstance(home, StoreVersion) and "://" in str(home):
        _check_rows(session, store)
    return store


def _opened(session: Session, root: str) -> SparkStore:
    name = _text(session, f"{root}/CURRENT").strip()
    text = _text(session, f"{root}/{name}/manifest.json")
    if hashlib.sha256(text.encode()).hexdigest()[:16] != name:
        raise StoreError(
            f"Store version {name} is damaged (manifest.json); copy it again from where it was "
            "loaded."
        )
    meta: Mapping[str, Any] = json.loads(text)
    version = StoreVersion(Path(name), name, str(meta["fingerprint"]), meta)
    return SparkStore(f"{root}/{name}", version)


def _text(session: Session, place: str) -> str:
    from pyspark.errors import PySparkException

    try:
        rows = session.read.text(place, wholetext=True).collect()
    except PySparkException as error:
        raise StoreError(
            f"There is no {place.rsplit('/', 1)[-1]} in the store's folder; give the address of a "
            "home that 'jihe load' or 'jihe run' has made."
        ) from error
    return str(rows[0][0]) if rows else ""


def _attach(session: Session, store: SparkStore) -> None:
    """Make every contract table of the raw side a view; absent ones are empty."""
    from pyspark.sql.pandas.types import from_arrow_schema

    for name, contract in tables().items():
        if contract.stage == "produced":
            continue
        schema = from_arrow_schema(contract.schema)
        files = sorted(store.version.meta["tables"].get(name, {}).get("files", ()))
        places = [f"{store.root}/{place}" for place in files]
        if places:
            frame = session.read.schema(schema).parquet(*places)
        else:
            frame = session.createDataFrame([], schema)
        frame.createOrReplaceTempView(name)


def _check_rows(session: Session, store: SparkStore) -> None:
    """Compare the rows of every table with what the manifest says was written."""
    raw = {name for name, contract in tables().items() if contract.stage != "produced"}
    written = {n: body["rows"] for n, body in store.version.meta["tables"].items() if n in raw}
    counted = " UNION ALL ".join(
        f"SELECT '{name}' AS name, COUNT(*) AS found FROM {name}" for name in written
    )
    found = {row[0]: row[1] for row in session.sql(counted).collect()}
    wrong = sorted(name for name, rows in written.items() if found[name] != rows)
    if wrong:
        raise StoreError(
            f"Store version {store.version.version} is damaged ({', '.join(wrong)}); copy it again "
            "from where it was loaded."
        )
