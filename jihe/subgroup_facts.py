"""Attributes of judged units for the report on groups; they are never features of a model.

In: a build, a unit and its ids. Out: per attribute the group code of each unit in that order, empty
where the registers do not say. Sex and age come from the register of insured people; age is that on
the day of service, for a person that on the build's day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims.contracts import LANGS
from features.build import Build
from features.clock import day_number
from jihe.units import unit_facts
from training.canvas import both
from training.subgroup_words import group_label, label_of

Texts = npt.NDArray[np.str_]

#: First year of each age band after the first.
AGES = (18, 45, 60, 75)
BANDS = ("00-17", "18-44", "45-59", "60-74", "75+")
_COLUMNS = {
    "claim": ("institution_class", "level", "district", "claim_type"),
    "institution": ("institution_class", "level", "district"),
    "insured": (),
}


def attributes(made: Build, unit: str, unit_ids: Texts) -> dict[str, Texts]:
    """Return the groups of the units by attribute; every id must be a unit of the build."""
    facts = unit_facts(made, unit)
    known = np.array(facts["unit_id"].to_pylist(), dtype=np.str_)
    rows = pa.array(np.searchsorted(known, unit_ids))
    mine = facts.take(rows)
    found = {name: _texts(mine[name]) for name in _COLUMNS[unit]}
    if unit == "claim":
        days = mine["service_date"].cast(pa.int32()).to_numpy(zero_copy_only=False)
        found |= _people(made, _texts(mine["insured_id"]), days.astype(np.int64))
    elif unit == "insured":
        found |= _people(made, unit_ids, np.full(len(unit_ids), day_number(made.as_of)))
    return found


def plot_labels(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return attribute and group in both languages, of each group that has a burden to draw."""
    return [
        (
            _both(label_of(attribute, "en"), label_of(attribute, "zh")),
            _both(*(group_label(attribute, group["group"], lang) for lang in LANGS)),
        )
        for attribute, told in record.items()
        for group in told["groups"]
        if group.get("burden") is not None
    ]


def _both(english: str, chinese: str) -> str:
    return english if english == chinese else both(english, chinese, " ")


def _people(made: Build, insured: Texts, days: npt.NDArray[np.int64]) -> dict[str, Texts]:
    rows = made.con.sql("SELECT insured_id, sex, birth_day FROM insured_rows").fetchall()
    register: Mapping[str, tuple[str | None, int | None]] = {i: (sex, day) for i, sex, day in rows}
    said = [register.get(str(i), (None, None)) for i in insured]
    ages = [
        "" if born is None else age_band((int(day) - born) / 365.25)
        for (_, born), day in zip(said, days, strict=True)
    ]
    return {
        "sex": np.array([sex or "" for sex, _ in said], dtype=np.str_),
        "age_band": np.array(ages, dtype=np.str_),
    }


def age_band(years: float) -> str:
    """Return the band of an age in years."""
    return BANDS[sum(years >= first for first in AGES)]


def _texts(column: pa.ChunkedArray) -> Texts:
    return np.array([value or "" for value in column.to_pylist()], dtype=np.str_)
