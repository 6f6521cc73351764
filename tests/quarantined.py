"""A store whose quarantine is made by hand, for the tests of what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from claims.contracts import table
from claims.engine import open_engine
from claims.faults import sentence
from claims.store import StoreVersion, write_version

Entry = dict[str, Any]


def entry(
    file: str, name: str, row: int, severity: str, code: str, column: str = "",
    value: str | None = None, detail: str = "",
) -> Entry:  # fmt: skip
    return {
        "source_file": file, "table_name": name, "row_number": row, "severity": severity,
        "code": code, "column_name": column, "value": value,
        "reason_en": sentence(code, "en", column=column, detail=detail),
        "reason_zh": sentence(code, "zh", column=column, detail=detail),
    }  # fmt: skip


def counts(name: str, records: int, quarantined: int, duplicates: int, **more: Any) -> Entry:
    accepted = records - quarantined - duplicates
    return {"table": name, "records": records, "accepted": accepted,
            "quarantined": quarantined, "duplicates": duplicates, **more}  # fmt: skip


def store(home: Path, entries: Sequence[Entry], made: Sequence[Entry], **meta: Any) -> StoreVersion:
    con = open_engine()
    home.mkdir(parents=True, exist_ok=True)
    schema = table("quarantine").schema
    con.register("final_quarantine", pa.Table.from_pylist(list(entries), schema))
    about = {"source": "nhsa", "currency": "CNY", "time_zone": "Asia/Shanghai",
             "absent_columns": {}, "absent_tables": []}  # fmt: skip
    version = write_version(con, home, ["quarantine"], {**about, "counts": list(made), **meta})
    con.close()
    return version
