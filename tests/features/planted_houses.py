"""Houses of a kind, and minimum numbers of cases that let towns stay small."""

from __future__ import annotations

SMALL = {"visits": 4, "stays": 4}


def houses(town, number: int = 5, kind: str = "private_hospital", level: str = "1") -> list[str]:
    """Register houses of a kind."""
    names = [f"{kind[:2]}{level}{n}" for n in range(number)]
    for name in names:
        town.institution(name, kind, level)
    return names
