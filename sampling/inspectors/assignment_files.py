"""The files of an assignment: its input, its list as CSV and as a workbook in each language.

In: a plan's draw, its cases, the job of each case and the teams. Out: the ``assignments`` table of
the contract, ``assign.json``, ``assignments.csv`` and ``assignments.xlsx`` (``.zh.xlsx`` in
Chinese).

The list goes to the inspectors, so only these columns exist: nothing tells why a case was drawn.
Ids that a spreadsheet would take for formulas are neutralised (`sampling.columns`).
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa

from claims.contracts import Lang, table
from sampling.columns import csv_text, of_contract, xlsx_cell
from sampling.faults import Fault
from sampling.inspectors.assignment import Assignment
from sampling.inspectors.assignment_problem import (
    ASSIGN_FILE,
    AssignmentError,
    Problem,
    problem_bytes,
)
from sampling.workbook import Sheet, write_workbook

ASSIGNMENTS_CSV = "assignments.csv"
ASSIGNMENTS_XLSX: Mapping[Lang, str] = {"en": "assignments.xlsx", "zh": "assignments.zh.xlsx"}
_TITLES: Mapping[Lang, str] = {"en": "assignments", "zh": "检查分派"}
_NOTES: Mapping[Lang, Sequence[str]] = {
    "en": (
        "One row per case and inspector. A team does all cases of its institution.",
        "Who inspects was drawn with the seed of the plan; nobody chose it. To check, run "
        "jihe plan assign again: the same input gives the same files.",
        "Whoever has a relation to the inspected party stands aside and says so at once.",
    ),
    "zh": (
        "每个案件每名检查人员一行；一组承担同一机构的全部案件。",
        "检查人员由本计划的种子随机抽取，无人指定。重新运行 jihe plan assign 可核对："
        "输入相同则文件相同。",
        "与被检查方有利害关系者应立即说明并回避。",
    ),
}
_COLUMNS = tuple(of_contract(column) for column in table("assignments").columns.values())


def assignment_table(
    draws: pa.Table, cases: Sequence[str], jobs: Mapping[str, str],
    institutions: Mapping[str, str | None], assignment: Assignment, version: int,
) -> pa.Table:  # fmt: skip
    """Return one row per case and inspector, by case and then leader first.

    Args:
        draws: the drawn list.
        cases: the case of each row of ``draws``.
        jobs: job by unit id.
        institutions: where the team goes, by unit id.
        assignment: the teams.
        version: from 1.
    """
    teams = {team.job_id: team for team in assignment.teams}
    drawn = zip(cases, draws["unit"].to_pylist(), draws["unit_id"].to_pylist(), strict=True)
    rows = []
    for case, unit, unit_id in sorted(drawn):
        team = teams[jobs[unit_id]]
        for at, (member, minutes) in enumerate(zip(team.members, team.minutes, strict=True)):
            rows.append({
                "plan_id": assignment.plan_id, "version": version, "case": case, "unit": unit,
                "unit_id": unit_id, "institution_id": institutions[unit_id], "team": team.place,
                "inspector_id": member, "role": "member" if at else "leader", "minutes": minutes,
            })  # fmt: skip
    return pa.Table.from_pylist(rows, schema=table("assignments").schema)


def assignment_bytes(rows: pa.Table) -> bytes:
    """Return the bytes of ``assignments.csv``: UTF-8 with byte order mark, CR LF (RFC 4180)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([column.name for column in _COLUMNS])
    for row in rows.to_pylist():
        writer.writerow([csv_text(row[column.name], column) for column in _COLUMNS])
    return text.getvalue().encode("utf-8-sig")


def assignment_hash(rows: pa.Table) -> str:
    """Return the SHA-256 of ``assignments.csv`` as 64 hex digits."""
    return hashlib.sha256(assignment_bytes(rows)).hexdigest()


def write_assignment(rows: pa.Table, problem: Problem, folder: Path, drawn_on: date) -> list[Path]:
    """Write all files into an existing folder and return their paths."""
    (folder / ASSIGN_FILE).write_bytes(problem_bytes(problem))
    (folder / ASSIGNMENTS_CSV).write_bytes(assignment_bytes(rows))
    paths = [folder / ASSIGN_FILE, folder / ASSIGNMENTS_CSV]
    for lang, name in ASSIGNMENTS_XLSX.items():
        cells = [[xlsx_cell(row[c.name], c, lang) for c in _COLUMNS] for row in rows.to_pylist()]
        sheet = Sheet(_TITLES[lang], _COLUMNS, cells, _NOTES[lang], drawn_on)
        write_workbook(sheet, folder / name, lang)
        paths.append(folder / name)
    return paths


def read_teams(raw: bytes) -> dict[str, list[str]]:
    """Return the inspectors by job, the leader first, from the bytes of ``assignments.csv``.

    Raises:
        AssignmentError: if the bytes are no such list.
    """
    teams: dict[str, dict[str, list[str]]] = {}
    try:
        for row in csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True):
            job = row["institution_id"] or row["unit_id"]
            teams.setdefault(job, {}).setdefault(row["case"], []).append(row["inspector_id"])
    except (UnicodeDecodeError, csv.Error, KeyError, TypeError) as error:
        raise AssignmentError([_unreadable(type(error).__name__)]) from None
    return {job: _agreed(list(cases.values())) for job, cases in teams.items()}


def _agreed(teams: list[list[str]]) -> list[str]:
    """Return the team of a job's cases; names of all where the cases do not agree."""
    if all(team == teams[0] for team in teams):
        return teams[0]
    return list(dict.fromkeys(name for team in teams for name in team))


def _unreadable(detail: str) -> Fault:
    return Fault(
        "ASSIGN_LIST", f"The list of assignments cannot be read ({detail}); take the file as it "
        "was issued.", f"分派名单无法读取（{detail}）；请使用原始文件。",
    )  # fmt: skip
