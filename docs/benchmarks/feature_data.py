"""A store as large as asked: a loaded county copied, persons and institutions renumbered.

In: the home of a loaded county and a number of claims. Out: a home of that many claims and four
lines to a claim. Each copy has persons of its own; ``--share`` copies share their institutions and
doctors, so that an institution grows no larger than a real one (the copies of
docs/benchmarks/load.py all share the same fifty). Of the last copy only so many persons are taken
as are needed.

    python docs/benchmarks/feature_data.py --county HOME --claims 1000000 --out HOME
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import duckdb

from claims.contracts import table
from claims.engine import Connection, run
from claims.store import StoreVersion, open_store, write_version

LINES_PER_CLAIM = 4
#: Columns renumbered in every copy, and those renumbered in every group of copies.
OWN = (
    "claim_id", "stay_id", "insured_id", "line_id", "invoice_id", "reverses_claim_id",
    "prescription_id", "trace_code",
)  # fmt: skip
SHARED = (
    "institution_id", "other_institution_id", "doctor_id", "exec_doctor_id", "anaesthetist_id",
    "employer_id", "village_id",
)  # fmt: skip
#: Movements of stock belong to the claims that sell it, though they name no person.
WITH_CLAIMS = ("inventory",)


def write_copies(county: StoreVersion, home: Path, claims: int, share: int) -> StoreVersion:
    """Write the county so many times over as a version of the store in ``home``."""
    with tempfile.TemporaryDirectory(prefix="jihe-benchmark-") as scratch:
        con = duckdb.connect(str(Path(scratch) / "copies.duckdb"))
        run(con, "SET TimeZone = 'UTC'")
        run(con, "SET preserve_insertion_order = false")
        run(con, "SET memory_limit = '6GB'")
        county.attach(con)
        _make_persons(con, claims)
        names = [name for name in county.tables if table(name).stage != "produced"]
        for name in sorted(names, key=lambda name: name != "claims"):
            _copy(con, name, share)
        left = ("tables", "fingerprint", "parts", "files", "counts")
        meta = {key: body for key, body in county.meta.items() if key not in left}
        written = write_version(con, home, names, meta)
        con.close()
    return written


def _make_persons(con: Connection, claims: int) -> None:
    """Make ``copies`` (insured_id, copy): persons until their claims are as many as asked."""
    run(
        con,
        f"""CREATE TABLE copies AS
        WITH persons AS (SELECT p.insured_id, count(c.claim_id) AS claims,
            row_number() OVER (ORDER BY p.insured_id) AS place
          FROM insured p LEFT JOIN claims c USING (insured_id) GROUP BY p.insured_id),
        had AS (SELECT greatest(sum(claims), 1) AS claims FROM persons),
        all_copies AS (SELECT p.*, copy,
            sum(p.claims) OVER (ORDER BY copy, place) - p.claims AS before
          FROM persons p CROSS JOIN range(CAST(ceil({claims} / (SELECT claims FROM had)) AS INT))
            AS r(copy))
        SELECT insured_id, copy FROM all_copies WHERE before < {claims}""",
    )
    run(con, "CREATE TABLE copy_numbers AS SELECT DISTINCT copy FROM copies")
    run(con, "CREATE TABLE owners AS SELECT claim_id, insured_id FROM claims")


def _copy(con: Connection, name: str, share: int) -> None:
    """Make ``final_<name>``: one row for each copy that the row belongs to."""
    columns = list(table(name).columns)
    joined, copy = "", "0"
    if "claim_id" in columns and "insured_id" not in columns:
        joined, copy = (
            "LEFT JOIN owners o USING (claim_id) JOIN copies k USING (insured_id)",
            "k.copy",
        )
    elif "insured_id" in columns:
        joined = """JOIN (SELECT insured_id, copy FROM copies UNION ALL
            SELECT NULL, copy FROM copy_numbers) k
            ON k.insured_id IS NOT DISTINCT FROM r.insured_id"""
        copy = "k.copy"
    elif name in WITH_CLAIMS:
        joined, copy = "CROSS JOIN copy_numbers k", "k.copy"
    elif set(columns) & set(SHARED):
        joined = (
            f"CROSS JOIN (SELECT DISTINCT copy // {share} * {share} AS copy FROM copy_numbers) k"
        )
        copy = "k.copy"
    chosen = ", ".join(_renumbered(column, copy, share) for column in columns)
    run(con, f'CREATE TABLE "final_{name}" AS SELECT {chosen} FROM "{name}" r {joined}')
    if name == "claim_lines":
        _add_lines(con, columns)


def _renumbered(column: str, copy: str, share: int) -> str:
    value = f'r."{column}"'
    if column in OWN:
        return f"{value} || '-' || {copy} AS \"{column}\""
    if column in SHARED:
        return f"{value} || '-' || ({copy} // {share}) AS \"{column}\""
    return value


def _add_lines(con: Connection, columns: list[str]) -> None:
    """Repeat lines, with ids of their own, until there are four to a claim."""
    chosen = ", ".join("line_id || 'B'" if c == "line_id" else f'"{c}"' for c in columns)
    run(
        con,
        f"""INSERT INTO final_claim_lines SELECT {chosen} FROM final_claim_lines
        QUALIFY row_number() OVER (ORDER BY hash(line_id), line_id)
          <= (SELECT count(*) FROM final_claims) * {LINES_PER_CLAIM}
            - (SELECT count(*) FROM final_claim_lines)""",
    )


def main() -> None:
    """Write the store and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--county", type=Path, required=True, help="home of a loaded county")
    parser.add_argument("--claims", type=int, default=1_000_000)
    parser.add_argument("--share", type=int, default=2, help="copies with the same institutions")
    parser.add_argument("--out", type=Path, required=True, help="home to write")
    choices = parser.parse_args()
    made = write_copies(open_store(choices.county), choices.out, choices.claims, choices.share)
    rows = {name: made.meta["tables"][name]["rows"] for name in ("claims", "claim_lines")}
    sys.stdout.write(f"{made.version} {rows}\n")


if __name__ == "__main__":
    main()
