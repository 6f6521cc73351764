"""Rows that are broken on purpose, so that quarantine has something to do.

In: the written settlement and line files, and a share. Out: the same files with broken rows, and
truth/faults.csv: file, row number (the first row after the header is 1), column, kind. Rows with
something planted and cancelled settlements are left whole, so that the truth stays within reach.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

Row = dict[str, str]


def _impossible_date(column: str) -> Callable[[Row], str]:
    def break_row(row: Row) -> str:
        row[column] = row[column][:5] + "02-30" + row[column][10:]
        return column

    return break_row


def _ends_before_it_begins(row: Row) -> str:
    row["endtime"] = f"{int(row['endtime'][:4]) - 1}{row['endtime'][4:]}"
    return "endtime"


def _negative(column: str) -> Callable[[Row], str]:
    def break_row(row: Row) -> str:
        row[column] = f"-{row[column].lstrip('-')}"
        return column

    return break_row


def _replaced(column: str, value: str) -> Callable[[Row], str]:
    def break_row(row: Row) -> str:
        row[column] = value
        return column

    return break_row


def _raised(column: str) -> Callable[[Row], str]:
    def break_row(row: Row) -> str:
        row[column] = f"{float(row[column]) + 100:.2f}"
        return column

    return break_row


def _copied(row: Row) -> str:
    """The row is written twice; it is not altered itself."""
    return next(iter(row))


Kinds = tuple[tuple[str, Callable[[Row], str]], ...]
SETTLEMENT_KINDS: Kinds = (
    ("wrong_date", _impossible_date("begntime")),
    ("end_before_begin", _ends_before_it_begins),
    ("negative_amount", _negative("medfee_sumamt")),
    ("duplicate_id", _copied),
    ("missing_person", _replaced("psn_no", "")),
    ("unknown_institution", _replaced("fixmedins_code", "H9999990000")),
    ("amounts_do_not_add_up", _raised("psn_cash_pay")),
)
LINE_KINDS: Kinds = (
    ("wrong_date", _impossible_date("fee_ocur_time")),
    ("negative_amount", _negative("det_item_fee_sumamt")),
    ("duplicate_id", _copied),
    ("unknown_settlement", _replaced("setl_id", "S9999999999")),
    ("amounts_do_not_add_up", _raised("det_item_fee_sumamt")),
)


def break_rows(
    rng: np.random.Generator, folder: Path, share: float, spared: set[str]
) -> dict[str, tuple[int, int]]:
    """Break a share of the rows of both files, but none of the settlements in `spared`.

    Returns for each file how many rows were broken, and how many rows that added to it.
    """
    counts: dict[str, tuple[int, int]] = {}
    listed: list[tuple[str, int, str, str]] = []
    for name, kinds in (("setl_list.csv", SETTLEMENT_KINDS), ("fee_detail.csv", LINE_KINDS)):
        broken = _break_file(rng, folder / name, share, spared, kinds)
        added = sum(kind == "duplicate_id" for _, _, _, kind in broken)
        counts[name] = (len(broken), added)
        listed += broken
    lines = ["file,row_number,column,kind"]
    lines += [f"{name},{number},{column},{kind}" for name, number, column, kind in listed]
    text = "\n".join(lines) + "\n"
    (folder / "truth" / "faults.csv").write_text(text, encoding="utf-8", newline="\n")
    return counts


def _break_file(
    rng: np.random.Generator, path: Path, share: float, spared: set[str], kinds: Kinds
) -> list[tuple[str, int, str, str]]:
    text = path.read_bytes()
    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n")).tolist()
    if share <= 0 or len(ends) < 2:
        return []
    header = text[: ends[0]].decode().split(",")
    wanted = min(len(ends) - 1, max(len(kinds), round(share * (len(ends) - 1))))
    drawn = rng.choice(np.arange(1, len(ends)), size=wanted, replace=False)
    chosen: list[int] = np.sort(drawn).tolist()
    order: list[int] = rng.permutation(np.arange(wanted) % len(kinds)).tolist()
    place = header.index("setl_id")
    listed: list[tuple[str, int, str, str]] = []
    pieces: list[bytes] = []
    added = last = 0
    for number, which in zip(chosen, order, strict=True):
        first, end = ends[number - 1] + 1, ends[number]
        values = text[first:end].decode().split(",")
        if values[place] in spared:
            continue
        row = dict(zip(header, values, strict=True))
        kind, break_row = kinds[which]
        column = break_row(row)
        broken = ",".join(row.values())
        if kind == "duplicate_id":
            added += 1
            broken = f"{broken}\n{broken}"
        pieces += [text[last:first], broken.encode()]
        last = end
        listed.append((path.name, number + added, column, kind))
    path.write_bytes(b"".join([*pieces, text[last:]]))
    return listed
