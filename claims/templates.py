"""Templates of a ``prepare`` text: what depends on which columns a file has.

In: an SQL text with templates, and the columns that are there. Out: plain SQL over those columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from claims.parsing import WHOLE_DIGITS, cleaned, name, quote

_COUNT = re.compile(r"\{count:([A-Za-z0-9_]+)\*\}")
#: Templates stand inside an SQL text, so that a parser sees no column that a file may not have.
TEMPLATE = re.compile(r"'\{(column|list|sum):([A-Za-z0-9_]+#?)\}'")
_PLAIN = quote(rf"-?[0-9]{{1,{WHOLE_DIGITS}}}([.][0-9]{{1,2}}0*)?")


def expand_counts(sql: str, columns: Sequence[str], nulls: Sequence[str]) -> str:
    """Replace the templates of a ``prepare`` text by SQL over the ``columns`` that are there.

    ``{count:X*}`` is the number of filled columns whose name begins with X, as text. Within quotes:
    ``{column:X}`` is column X, null in a file without it; ``{list:X#}`` the list of X1, X2, … with
    null where a number is empty or not there; ``{sum:X#}`` the sum of these amounts as text, null
    where all are empty, and where one is no plain decimal that one, so that the quarantine sees it.
    """

    def counted(match: re.Match[str]) -> str:
        prefix = match.group(1).casefold()
        named = [c for c in columns if c.casefold().startswith(prefix)]
        filled = [f"CAST(any_value({cleaned(c, nulls)}) IS NOT NULL AS INTEGER)"
                  if "GROUP BY" in sql else f"CAST({cleaned(c, nulls)} IS NOT NULL AS INTEGER)"
                  for c in named]  # fmt: skip
        return f"CAST({' + '.join(filled) or '0'} AS TEXT)"

    def made(match: re.Match[str]) -> str:
        kind, named = match.group(1), match.group(2).casefold()
        there = {c.casefold(): c for c in columns}
        if kind == "column":
            return name(there[named]) if named in there else "CAST(NULL AS TEXT)"
        stem = named.removesuffix("#")
        numbers = [int(c[len(stem) :]) for c in there if re.fullmatch(rf"{stem}[1-9][0-9]*", c)]
        found = [
            cleaned(there[f"{stem}{i}"], nulls) if i in numbers else "CAST(NULL AS TEXT)"
            for i in range(1, max(numbers, default=0) + 1)
        ]
        return _list_of(found) if kind == "list" else _sum_of(found)

    return TEMPLATE.sub(made, _COUNT.sub(counted, sql))


def _list_of(texts: Sequence[str]) -> str:
    return f"CAST([{', '.join(texts)}] AS TEXT[])"


def _sum_of(texts: Sequence[str]) -> str:
    if not texts:
        return "CAST(NULL AS TEXT)"
    bad = " ".join(f"WHEN NOT regexp_full_match({t}, {_PLAIN}) THEN {t}" for t in texts)
    total = " + ".join(f"coalesce(TRY_CAST({t} AS DECIMAL(18, 2)), 0)" for t in texts)
    return (
        f"CASE {bad} WHEN coalesce({', '.join(texts)}) IS NOT NULL THEN CAST({total} AS TEXT) END"
    )
