"""The two lists of a plan: the planner's and the inspectors'.

In: the drawn list, its case numbers, and tables with planner columns or facts, one row per unit.
Out: ``list.csv`` and ``list.xlsx`` (everything) and ``inspectors.xlsx`` (blinded).

``list.csv`` is UTF-8 with a byte order mark, because spreadsheet programs otherwise read Chinese as
the system's code page; lines end in CR LF (RFC 4180); names are machine names. Rows of all lists
are in the order of the case numbers, which says nothing about risk (`drawing.cases`).

The inspectors' list has the same form for every case, whichever part drew it: facts, a checklist
and empty verdict columns. Columns that tell the part, the probability, the score or its reasons are
refused by name, and a value that is a stratum's name is refused too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from claims.contracts import Lang, table
from sampling.columns import (
    Cell,
    ListColumn,
    ListError,
    csv_text,
    describe,
    of_contract,
    xlsx_cell,
)
from sampling.faults import Fault, checked
from sampling.workbook import Sheet, write_workbook

LIST_CSV, LIST_XLSX, INSPECTORS_XLSX = "list.csv", "list.xlsx", "inspectors.xlsx"

_OUTCOMES = table("outcomes").columns
_DRAWS = table("draws").columns
VERDICT_COLUMNS = tuple(
    of_contract(_OUTCOMES[name])
    for name in ("disposition", "overpaid_amount", "reason", "inspected_on", "inspectors")
)
"""Columns that the inspectors fill in."""

CASE = of_contract(_OUTCOMES["case"])
CHECKLIST = ListColumn("checklist", "text", "Checklist", "检查清单")
_RANK_BY = ListColumn("rank_by", "text", "Ranked by", "排名依据")
_DRAW_COLUMNS = (
    *(of_contract(c) for n, c in _DRAWS.items() if n != "size_minor"),
    of_contract(_DRAWS["size_minor"], "size"),
)
_GENERAL_CHECKLIST = {
    "en": "Identity checked; records and invoices compared; items and quantities compared with the "
    "orders; persons asked.",
    "zh": "核对身份；比对病历与票据；比对项目、数量与医嘱；询问相关人员。",
}
_TELLING = frozenset({
    "score", "scores", "risk", "rank", "prob", "probability", "pi", "weight", "weights",
    "stratum", "strata", "anomaly", "reason", "reasons", "tag", "random", "seed", "model",
    "contribution", "contributions", "expected", "channel", "band", "chance", "psu",
})  # fmt: skip
_NOTES = {
    "en": ("One row per case. Fill in the last five columns only.",
           "Amounts are in the major currency unit, with at most two decimals.",
           "Name at least two inspectors, separated by semicolons.",
           "A listed unit is a lead to verify, not a finding."),
    "zh": ("每行一个案件，只填写最后五列。", "金额以元为单位，最多两位小数。",
           "至少填写两名检查人员，以分号分隔。", "名单所列只是待核实的疑点，不是结论。"),
}  # fmt: skip
_BY_ANOMALY = {
    "en": "There are no verdicts yet: the rank is by anomaly score.",
    "zh": "尚无检查结论：排名依据为异常分。",
}


def write_planner_lists(
    draws: pa.Table, cases: Sequence[str], planner: Any, folder: Path, *, lang: Lang,
    drawn_on: date,
) -> tuple[Path, Path]:  # fmt: skip
    """Write ``list.csv`` and ``list.xlsx`` into ``folder`` and return their paths.

    Args:
        draws: the drawn list.
        cases: the case of each row of ``draws``.
        planner: Arrow or pandas table, one row per unit with ``unit_id`` and what the planner
            sees, amounts in minor units; rows of units that were not drawn are left out.
        folder: an existing directory.
        lang: language of the XLSX file.
        drawn_on: local day of the draw; no inspection can be earlier.

    Raises:
        ListError: if a drawn unit has no row or several, or a column cannot be written.
    """
    extra = _with_rank_by(_rows_of(draws, planner, "planner"))
    columns, rows = _joined(draws, cases, extra)
    csv_path, xlsx_path = folder / LIST_CSV, folder / LIST_XLSX
    csv_path.write_bytes(_csv_bytes(columns, rows))
    columns, rows = _for_people(columns, rows)
    by_anomaly = pc.any(pc.equal(extra["rank_by"], "anomaly_score")).as_py()
    notes = [*_NOTES[lang], *([_BY_ANOMALY[lang]] if by_anomaly else [])]
    _write_xlsx("list" if lang == "en" else "名单", columns, rows, notes, xlsx_path, lang, drawn_on)
    return csv_path, xlsx_path


def write_inspector_list(
    draws: pa.Table, cases: Sequence[str], facts: Any, folder: Path, *, lang: Lang,
    drawn_on: date,
) -> Path:  # fmt: skip
    """Write ``inspectors.xlsx`` into ``folder`` and return its path.

    Args:
        draws: the drawn list.
        cases: the case of each row of ``draws``.
        facts: Arrow or pandas table, one row per unit with ``unit_id``, facts, and
            ``checklist`` if the general one does not do. What it says must not depend on why a
            unit was drawn.
        folder: an existing directory.
        lang: language of the file.
        drawn_on: local day of the draw.

    Raises:
        ListError: if a column or a value would tell why a unit was drawn.
    """
    rows = _rows_of(draws, facts, "facts")
    checked(blinding_faults(draws, rows), ListError)
    if "checklist" not in rows.column_names:
        rows = rows.append_column("checklist", pa.array([_GENERAL_CHECKLIST[lang]] * len(rows)))
    known = {"unit", "unit_id", "checklist"}
    shown = [c for c in describe(rows) if c.name not in known]
    columns = [CASE, *_DRAW_COLUMNS[1:3], *shown, CHECKLIST, *VERDICT_COLUMNS]
    source = {name: rows[name].to_pylist() for name in rows.column_names}
    source |= {"case": list(cases), "unit": draws["unit"].to_pylist(),
               "unit_id": draws["unit_id"].to_pylist()}  # fmt: skip
    path = folder / INSPECTORS_XLSX
    title = "inspection" if lang == "en" else "检查"
    _write_xlsx(title, columns, _in_case_order(columns, source), _NOTES[lang], path, lang, drawn_on)
    return path


def blinding_faults(draws: pa.Table, facts: pa.Table) -> list[Fault]:
    """Return every column and value of ``facts`` that tells why a unit was drawn."""
    faults = [
        _telling_column(name)
        for name in facts.column_names
        if name in {c.name for c in VERDICT_COLUMNS} or _TELLING & set(name.lower().split("_"))
    ]
    strata = set(draws["stratum"].to_pylist())
    for name in facts.column_names:
        if name != "unit_id" and strata & set(facts[name].to_pylist()):
            faults.append(_telling_column(name))
    return faults


def _joined(
    draws: pa.Table, cases: Sequence[str], extra: pa.Table
) -> tuple[list[ListColumn], list[list[Any]]]:
    own = {c.name for c in _DRAW_COLUMNS} | {"case"}
    taken = {c.name for c in VERDICT_COLUMNS}
    faults = [_taken(n) for n in extra.column_names if n in taken]
    checked(faults, ListError)
    empty = {n for n in draws.column_names if draws[n].null_count == draws.num_rows}
    more = [_RANK_BY if c.name == "rank_by" else c for c in describe(extra) if c.name not in own]
    drawn = [c for c in _DRAW_COLUMNS if c.name not in empty]
    columns = [CASE, *drawn, *more, *VERDICT_COLUMNS]
    source = {c.name: extra[c.name].to_pylist() for c in more}
    source |= {n: draws[n].to_pylist() for n in draws.column_names}
    source |= {"case": list(cases), "size": draws["size_minor"].to_pylist()}
    return columns, _in_case_order(columns, source)


def _in_case_order(columns: Sequence[ListColumn], source: dict[str, list[Any]]) -> list[list[Any]]:
    order = sorted(range(len(source["case"])), key=lambda i: source["case"][i])
    return [[source[c.name][i] if c.name in source else None for c in columns] for i in order]


def _rows_of(draws: pa.Table, given: Any, name: str) -> pa.Table:
    """Return the row of each drawn unit, in the order of ``draws``; pandas frames will do."""
    if not isinstance(given, pa.Table):
        given = pa.Table.from_pandas(given, preserve_index=False)
    ids = given["unit_id"].to_pylist() if "unit_id" in given.column_names else []
    place: dict[str, int] = {}
    faults = []
    for at, unit_id in enumerate(ids):
        if unit_id in place:
            faults.append(_row_fault(name, unit_id, "has two rows", "有两行"))
        place[unit_id] = at
    drawn = draws["unit_id"].to_pylist()
    faults += [_row_fault(name, u, "has no row", "没有行") for u in drawn if u not in place]
    checked(faults, ListError)
    return given.take(pa.array([place[u] for u in drawn], pa.int64()))


def _for_people(
    columns: Sequence[ListColumn], rows: Sequence[Sequence[Any]]
) -> tuple[list[ListColumn], list[list[Any]]]:
    """Leave out the exact chances by size: whole numbers of hundreds of digits."""
    kept = [i for i, c in enumerate(columns) if not c.name.startswith("chance_")]
    return [columns[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _with_rank_by(rows: pa.Table) -> pa.Table:
    if "rank_by" in rows.column_names:
        return rows
    scored = (
        rows["risk_score"].to_pylist() if "risk_score" in rows.column_names else [None] * len(rows)
    )
    ranked_by = ["anomaly_score" if s is None else "risk_score" for s in scored]
    return rows.append_column("rank_by", pa.array(ranked_by, pa.string()))


def _csv_bytes(columns: Sequence[ListColumn], rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([c.name for c in columns])
    for row in rows:
        writer.writerow([csv_text(v, c) for v, c in zip(row, columns, strict=True)])
    return text.getvalue().encode("utf-8-sig")


def _write_xlsx(
    title: str, columns: Sequence[ListColumn], rows: Sequence[Sequence[Any]],
    notes: Sequence[str], path: Path, lang: Lang, drawn_on: date,
) -> None:  # fmt: skip
    cells: list[list[Cell]] = [
        [xlsx_cell(v, c, lang) for v, c in zip(row, columns, strict=True)] for row in rows
    ]
    write_workbook(Sheet(title, columns, cells, notes, drawn_on), path, lang)


def _telling_column(name: str) -> Fault:
    return Fault(
        "LIST_BLIND", f"Column '{name}' may not stand in the inspectors' list: it tells why the "
        "unit was drawn, or is theirs to fill in.",
        f"“{name}”列不得出现在检查人员名单中：它透露抽中原因，或应由检查人员填写。", column=name,
    )  # fmt: skip


def _taken(name: str) -> Fault:
    return Fault(
        "LIST_TAKEN", f"Column '{name}' is for the inspectors to fill in; rename yours.",
        f"“{name}”列由检查人员填写，请改名。", column=name,
    )  # fmt: skip


def _row_fault(name: str, unit_id: str, en: str, zh: str) -> Fault:
    return Fault(
        "LIST_ROW", f"Unit '{unit_id}' {en} in the table of {name}; it needs exactly one.",
        f"对象“{unit_id}”在{name}表中{zh}，应恰好一行。",
    )  # fmt: skip
