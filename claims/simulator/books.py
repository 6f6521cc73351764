"""Everything the register files are written from, in one bundle.

In: the finished county. Out: `Books`, and columns that several files share.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.simulator.arrays import Ints, Noise
from claims.simulator.drg import Comorbidity
from claims.simulator.ledger import Ledger
from claims.simulator.nhsa_files import Identifiers, date_of
from claims.simulator.settlement import Settlements
from claims.simulator.world import World

Columns = dict[str, pa.Array]
Files = dict[str, Columns]


@dataclass(frozen=True)
class Books:
    """The county as it is about to be written."""

    world: World
    ledger: Ledger
    settlements: Settlements
    ids: Identifiers
    others: Comorbidity
    noise: Noise


def long_valid(world: World, rows: int) -> Columns:
    """In force the whole time: from the year before the start, without an end."""
    begin = world.calendar.start - timedelta(days=365)
    return {
        "begndate": pa.array([begin] * rows, type=pa.date32()),
        "enddate": pa.array([None] * rows, type=pa.date32()),
    }


def from_to(world: World, first: Ints, last: Ints, never: int) -> Columns:
    """Validity by day numbers, both included; empty from `never` on."""
    ends = date_of(world, np.minimum(last, 10**5))
    return {
        "begndate": date_of(world, first),
        "enddate": pc.if_else(pa.array(last < never), ends, pa.scalar(None, ends.type)),
    }


def month_codes(world: World) -> list[str]:
    """The months of the simulation as YYYYMM."""
    first = world.calendar.start.year * 12 + world.calendar.start.month - 1
    numbers = range(first, first + world.calendar.months)
    return [f"{number // 12}{number % 12 + 1:02d}" for number in numbers]


def day(world: World, number: int) -> date:
    """The date of a day number."""
    return world.calendar.start + timedelta(days=number)
