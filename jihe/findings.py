"""``findings.parquet`` and ``findings.csv``: what rules found about whole units.

In: a build. Out: rows under the contract ``findings``, one for each employer, doctor, institution
or pharmacy and rule that hit it as of the build's date. They open cases; they are not scored. The
CSV is UTF-8 with a byte order mark, for spreadsheets; amounts are in minor units as in every table.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from claims.contracts import table
from claims.engine import run
from features.build import Build
from features.findings import Finding, profile_findings
from features.rules import PROFILE_OF

#: Profiles whose findings are told here; persons are scored and have records of their own.
PROFILES = ("employer", "doctor", "institution")
NAME = "findings"


def findings_table(made: Build) -> pa.Table:
    """Return the findings, ordered by unit, id and rule."""
    shops = {
        unit_id
        for (unit_id,) in run(
            made.con,
            "SELECT institution_id FROM institution_rows WHERE institution_class = 'pharmacy'",
        )
    }
    rows = [
        {
            "unit": _unit(finding, shops),
            "unit_id": finding.unit_id,
            "as_of_date": made.as_of,
            "rule_id": finding.rule.id,
            "level": finding.rule.level,
            "hits": finding.hits,
            "amount": finding.amount,
            "sentence_en": finding.rule.sentence("en", finding.hits),
            "sentence_zh": finding.rule.sentence("zh", finding.hits),
        }
        for finding in profile_findings(made, PROFILES)
    ]
    contract = table(NAME)
    found = contract.conform(pa.Table.from_pylist(rows, schema=contract.schema))
    return found.sort_by([(name, "ascending") for name in contract.key])


def _unit(finding: Finding, shops: set[str]) -> str:
    if PROFILE_OF[finding.rule.entity] != "institution":
        return finding.rule.entity
    return "pharmacy" if finding.unit_id in shops else "institution"


def write_findings(made: Build, folder: Path) -> None:
    """Write both files into ``folder``; without a finding they hold their header alone."""
    found = findings_table(made)
    pq.write_table(found, folder / f"{NAME}.parquet", compression="zstd")
    with (folder / f"{NAME}.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(found.column_names)
        columns = [column.to_pylist() for column in found.columns]
        writer.writerows(zip(*columns, strict=True))
