"""Features of one unit by name, a person and stays in a row: for the tests of profile families."""

from __future__ import annotations

from datetime import date

AS_OF = "2024-07-01"


def of(build, unit: str, unit_id: str):
    """Return the features of a unit by name."""
    m = build.matrix(unit)
    return dict(zip(m.names, m.values[list(m.unit_ids).index(unit_id)].tolist(), strict=True))


def person(town, insured_id: str, **given) -> str:
    town.add("insured", **{"insured_id": insured_id, "sex": "F", "birth_date": date(1980, 1, 1),
                           **given})  # fmt: skip
    return insured_id


def stays(town, *spans: tuple[str, str], **given) -> list[str]:
    return [town.stay(f"2024-{a} 10:00", f"2024-{b} 10:00", **given) for a, b in spans]
