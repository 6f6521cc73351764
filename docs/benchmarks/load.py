"""How fast files become a store: a simulated county made as large as asked, loaded and measured.

In: a number of claims. Out: seconds, CPU, peak memory and rows a second of ``load``, beside a bare
``COPY (FROM read_csv(…, all_varchar)) TO parquet`` of the same files on the same two threads, and
the time a second load of the same files takes.

    python docs/benchmarks/load.py --claims 400000 --runs 3 --out DIR
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import duckdb

from claims.simulator.county import simulate

LINES_PER_CLAIM = 4
#: What making the files may take; beyond it sorting goes through the disk.
MEMORY = "4GB"
#: Columns that are renumbered in every copy of the county, by file.
IDS = {
    "setl_list.csv": ("setl_id", "mdtrt_id", "psn_no", "refd_setl_id"),
    "fee_detail.csv": ("feedetl_sn", "setl_id"),
    "psn_info.csv": ("psn_no",),
    "death_info.csv": ("psn_no",),
}
LOAD = """
from pathlib import Path
from claims.load import load
from claims.mapping import source_mapping
import sys
load(source_mapping("nhsa"), Path(sys.argv[1]), Path(sys.argv[2]))
"""
COPY = """
import duckdb, sys
con = duckdb.connect()
con.execute(f"SET threads = {sys.argv[3]}")
con.execute("SET enable_progress_bar = false")
for name in ("setl_list", "fee_detail", "psn_info"):
    con.execute(f"COPY (FROM read_csv('{sys.argv[1]}/{name}.csv', all_varchar = true)) "
                f"TO '{sys.argv[2]}/{name}.parquet' (FORMAT parquet, COMPRESSION zstd)")
"""


def inflate(small: Path, large: Path, claims: int) -> None:
    """Write the county's files so many times over, ids renumbered, dates and order kept."""
    large.mkdir(parents=True)
    con = duckdb.connect()
    con.execute(f"SET memory_limit = '{MEMORY}'")
    con.execute(f"SET temp_directory = '{large / '.spill'}'")
    for path in sorted(small.glob("*.csv")):
        if path.name not in IDS:
            shutil.copyfile(path, large / path.name)
    ((have,),) = con.execute(f"SELECT count(*) FROM {_read(small / 'setl_list.csv')}").fetchall()
    ((lines,),) = con.execute(f"SELECT count(*) FROM {_read(small / 'fee_detail.csv')}").fetchall()
    copies, whole = divmod(claims, have)
    # Of every claim there are as many copies; of the first ones there is one more.
    made = f"range(CASE WHEN claim < {whole} THEN {copies + 1} ELSE {copies} END)"
    more = have * LINES_PER_CLAIM - lines
    con.execute(f"CREATE TABLE places AS SELECT setl_id, row_number() OVER () - 1 AS claim "
                f"FROM {_read(small / 'setl_list.csv')}")  # fmt: skip
    for name, ids in IDS.items():
        changed = ", ".join(f"CASE WHEN {c} <> '' THEN {c} || '-' || copy END AS {c}" for c in ids)
        rows = f"SELECT *, row_number() OVER () AS place FROM {_read(small / name)}"
        extra, copied = "", f"range({copies + 1})"
        if name in ("setl_list.csv", "fee_detail.csv"):
            rows = f"SELECT r.*, claim FROM ({rows}) r JOIN places USING (setl_id)"
            copied = made
        if name == "fee_detail.csv":
            extra = f""" UNION ALL SELECT * REPLACE (feedetl_sn || 'B' AS feedetl_sn)
                FROM (SELECT * FROM rows ORDER BY place LIMIT {max(0, more)})"""
        by = "claim, copy, place" if "claim" in rows else "copy, place"
        gone = "place, copy, claim" if "claim" in rows else "place, copy"
        con.execute(
            f"""COPY (WITH rows AS ({rows}), all_rows AS (SELECT * FROM rows{extra})
            SELECT * EXCLUDE ({gone}) REPLACE ({changed}) FROM
            (SELECT *, unnest({copied}) AS copy FROM all_rows) ORDER BY {by})
            TO '{large / name}' (HEADER, DELIMITER ',')"""
        )
    con.close()
    shutil.rmtree(large / ".spill", ignore_errors=True)


def _read(path: Path) -> str:
    return f"read_csv('{path}', all_varchar = true, parallel = false)"


def measured(code: str, *arguments: str, vault: Path) -> dict[str, float]:
    """Run a piece of code in a process of its own; return seconds, CPU seconds and peak GB."""
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env={**os.environ, "JIHE_VAULT": str(vault)}
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"The measured program ended with code {child.returncode}.")
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_gb": usage.ru_maxrss * 1024 / 1e9,
    }


def measure(files: Path, out: Path, runs: int, threads: int) -> dict[str, object]:
    """Return the medians of some runs, each into an empty store, beside the bare copy."""
    found: dict[str, list[dict[str, float]]] = {"load": [], "again": [], "copy": []}
    for _ in range(runs):
        for name in ("home", "vault", "bare"):
            shutil.rmtree(out / name, ignore_errors=True)
            (out / name).mkdir(mode=0o700)
        found["copy"].append(
            measured(COPY, str(files), str(out / "bare"), str(threads), vault=out / "vault")
        )
        for kind in ("load", "again"):
            found[kind].append(measured(LOAD, str(files), str(out / "home"), vault=out / "vault"))
    (version,) = (out / "home" / "store").glob("*/manifest.json")
    counts = json.loads(version.read_text("utf-8"))["counts"]
    rows = sum(c["records"] for c in counts)
    medians = {
        kind: {k: round(statistics.median(r[k] for r in measured_), 2) for k in measured_[0]}
        for kind, measured_ in found.items()
    }
    return {
        "records": {c["table"]: c["records"] for c in counts if c["records"] > 1000},
        "runs": runs,
        **medians,
        "rows_per_second": round(rows / medians["load"]["seconds"]),
        "ratio_to_copy": round(medians["load"]["seconds"] / medians["copy"]["seconds"], 2),
        "bytes_read": sum(p.stat().st_size for p in files.glob("*.csv")),
        "bytes_written": sum(p.stat().st_size for p in (out / "home").rglob("*") if p.is_file()),
    }


def main() -> None:
    """Make the files if they are not there, measure, and print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=int, default=400_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--insured", type=int, default=30_000, help="persons of the county copied")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--files-only", action="store_true", help="make the files, measure nothing")
    choices = parser.parse_args()
    small, large = choices.out / "county", choices.out / f"files_{choices.claims}"
    if not choices.files_only:
        # In a process of its own: a child's peak memory counts what its parent held at the fork.
        subprocess.run([sys.executable, *sys.argv, "--files-only"], check=True)
    if not small.exists():
        simulate(small, insured=choices.insured, months=24, institutions=30, pharmacies=20, seed=1)
    if not large.exists():
        inflate(small, large, choices.claims)
    if choices.files_only:
        return
    result = measure(large, choices.out, choices.runs, choices.threads)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
