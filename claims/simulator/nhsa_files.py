"""How values are written in the layout of the national interface, and how rows are numbered.

In: columns. Out: CSV files with a header row, UTF-8, money in yuan with two decimals, local times.
Settlements are numbered in order of settlement, lines in the order in which their settlement
reached the fund, so that nothing tells planted rows from others.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from claims.simulator.arrays import DAY, Bools, Ints
from claims.simulator.ledger import Ledger
from claims.simulator.settlement import Settlements
from claims.simulator.world import World

EPOCH = np.datetime64("1970-01-01", "D")


@dataclass(frozen=True)
class Identifiers:
    """The order of the rows in the files, and the identifiers by position in the ledger."""

    claim_order: Ints
    line_order: Ints
    setl_id: pa.Array
    mdtrt_id: pa.Array
    feedetl_sn: pa.Array


def number_rows(ledger: Ledger, settlements: Settlements) -> Identifiers:
    """Number settlements by time, visits by their beginning, lines by settlement and time."""
    claims, lines = ledger.claims, ledger.lines
    order = np.lexsort((claims.place, claims.person, claims.begin, settlements.settled)).astype(
        np.int64
    )
    rank = _rank(order)
    visits = np.lexsort((claims.person, claims.begin[claims.visit], claims.visit))
    seen = (
        visits[np.r_[True, claims.visit[visits][1:] != claims.visit[visits][:-1]]]
        if len(visits)
        else visits
    )
    by_time = seen[np.lexsort((claims.person[seen], claims.begin[seen]))]
    visit_rank = np.zeros(len(claims), dtype=np.int64)
    visit_rank[claims.visit[by_time]] = np.arange(len(by_time))
    line_order = np.lexsort((lines.item, lines.time, rank[lines.claim])).astype(np.int64)
    return Identifiers(
        claim_order=order,
        line_order=line_order,
        setl_id=code("S", rank + 1, 10),
        mdtrt_id=code("M", visit_rank[claims.visit] + 1, 10),
        feedetl_sn=code("F", _rank(line_order) + 1, 11),
    )


def _rank(order: Ints) -> Ints:
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order), dtype=np.int64)
    return rank


def code(prefix: str, number: Ints, width: int) -> pa.Array:
    """Codes such as S0000000012."""
    padded = pc.utf8_lpad(pa.array(number).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), padded, "")


def money(fen: Ints) -> pa.Array:
    """Yuan with two decimals, exact."""
    wide = np.empty((len(fen), 2), dtype=np.int64)
    wide[:, 0] = fen
    wide[:, 1] = fen >> 63
    return pa.Array.from_buffers(
        pa.decimal128(18, 2), len(fen), [None, pa.py_buffer(wide.tobytes())]
    )


def moment(world: World, second: Ints) -> pa.Array:
    """Local time."""
    first = (np.datetime64(world.calendar.start, "D") - EPOCH).astype(np.int64) * DAY
    return pa.array(second + first, type=pa.timestamp("s"))


def date_of(world: World, day: Ints) -> pa.Array:
    """A date from a day number."""
    first = (np.datetime64(world.calendar.start, "D") - EPOCH).astype(np.int64)
    return pa.array((day + first).astype(np.int32), type=pa.int32()).cast(pa.date32())


def look_up(values: list[str], position: Ints) -> pa.Array:
    """The value at each position; null where the position is negative."""
    return pa.array(values, type=pa.string()).take(pa.array(position, mask=position < 0))


def optional(values: Ints, present: Bools) -> pa.Array:
    """Integers, null where not present."""
    return pa.array(values, mask=~present)


def person_codes(number: int) -> list[str]:
    """The personal numbers of the insured."""
    found: list[str] = code("N", np.arange(1, number + 1, dtype=np.int64), 9).to_pylist()
    return found


def write(path: Path, columns: dict[str, pa.Array]) -> int:
    """Write one file; returns its number of rows."""
    table = pa.table(columns)
    options = pacsv.WriteOptions(quoting_style="none", quoting_header="none")
    pacsv.write_csv(table, path, options)
    return int(table.num_rows)
