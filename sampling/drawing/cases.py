"""Case numbers of a drawn list, in an order that says nothing about risk.

In: the drawn list and the seed. Out: a case such as ``P0001-0007`` per unit.

The order is that of a second random number: the first 8 bytes of HMAC-SHA-256 with the seed as
key and the UTF-8 of ``case|unit|unit_id`` as message, equal numbers by the ids' bytes. The number
that drew the unit would not do: a stratum with few draws contributes only its smallest numbers,
so in that order the random part comes first and the take-all head last.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sampling.drawing.draw import keyed_numbers

_WIDTH = 4


def number_cases(draws: pa.Table, seed: bytes) -> list[str]:
    """Return the case of each row of ``draws``, which is sorted by the bytes of the ids."""
    if not draws.num_rows:
        return []
    unit, plan_id = draws["unit"][0].as_py(), draws["plan_id"][0].as_py()
    numbers = keyed_numbers(seed, f"case|{unit}|", draws["unit_id"].combine_chunks())
    place = np.empty(len(numbers), dtype=np.int64)
    place[np.argsort(numbers, kind="stable")] = np.arange(1, len(numbers) + 1)
    width = max(_WIDTH, len(str(len(numbers))))
    return [f"{plan_id}-{i:0{width}d}" for i in place.tolist()]
