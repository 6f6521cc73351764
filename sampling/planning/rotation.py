"""How long ago an institution was last inspected: a dimension of the strata, fixed in the frame.

In: the institution of each unit, and the inspections known before the draw. Out: a text per unit:
``never``, ``long_ago`` (more than the stated years before the day of the draw) or ``recent``. As a
stratum it gives institutions not seen for long a sampling rate of their own; unlike reused random
numbers it is known before the draw and part of the frame's hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

YEARS = 2
NEVER, LONG_AGO, RECENT = "never", "long_ago", "recent"


def since_last_inspection(
    institution_ids: Sequence[str | None], inspected: Sequence[str | None],
    inspected_on: Sequence[date | None], day: date, years: int = YEARS,
) -> pa.Array:  # fmt: skip
    """Return the rotation class of each unit, in the order given.

    Args:
        institution_ids: the institution of each unit; one that is unknown counts as never seen.
        inspected: institution of each inspection of the past; ``inspected_on`` its day.
        day: day of the draw; inspections on it or later are left out.
        years: an inspection exactly so many years before ``day`` is still recent.
    """
    last = last_inspected(inspected, inspected_on, day)
    border = years_before(day, years)
    named = pa.array(institution_ids, pa.large_string()).dictionary_encode()
    known = named.dictionary.to_pylist()
    kinds = [_kind(last.get(name), border) for name in known]
    codes = named.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    return pa.array(np.array([*kinds, NEVER])[codes].tolist(), pa.large_string())


def last_inspected(
    inspected: Sequence[str | None], inspected_on: Sequence[date | None], day: date
) -> dict[str, date]:
    """Return the last day before ``day`` on which each institution was inspected."""
    last: dict[str, date] = {}
    for name, when in zip(inspected, inspected_on, strict=True):
        if name is not None and when is not None and when < day:
            last[name] = max(when, last.get(name, when))
    return last


def years_before(day: date, years: int) -> date:
    """Return the same day so many years before; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def _kind(last: date | None, border: date) -> str:
    if last is None:
        return NEVER
    return RECENT if last >= border else LONG_AGO
