"""Invented cells of a file, each made from the number of its row: the same on every run."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

Cells = Callable[[random.Random, int], str]

DAY = datetime(2024, 1, 1)


def unique(prefix: str, width: int = 6) -> Cells:
    return lambda r, i: f"{prefix}{i * 7919 % 10**width:0{width}d}"


def pool(prefix: str, size: int, width: int = 4) -> Cells:
    return lambda r, i: f"{prefix}{r.randrange(size) * 37 % 10**width:0{width}d}"


def moment(layout: str, after: int = 0, spread: int = 300) -> Cells:
    """Cells of a row share their day, so that times of a row are in order."""

    def cell(r: random.Random, i: int) -> str:
        day = DAY + timedelta(days=i * 31 % spread + after, minutes=i * 13 % 600 + 480)
        return day.strftime(layout)

    return cell


def birth(layout: str) -> Cells:
    return lambda r, i: (datetime(1935, 1, 1) + timedelta(days=i * 97 % 28000)).strftime(layout)


def money(share: float = 1.0, pattern: str = "{:.2f}") -> Cells:
    return lambda r, i: pattern.format((i * 37 % 900 + 20.35) * share)


def pick(*values: str) -> Cells:
    return lambda r, i: values[r.randrange(len(values))]


def often_empty(cells: Cells, share: float = 0.95) -> Cells:
    return lambda r, i: "" if r.random() < share else cells(r, i)


def whole(low: int, high: int) -> Cells:
    return lambda r, i: str(r.randint(low, high))


ICD10 = pick("I10", "E11.9", "J18.900", "K35.8", "M54.5", "N18.3", "I25.103")
ICD9 = pick("4019", "25000", "V5811", "486", "41401", "5849")
PEOPLE = pick("Example One", "Example Two", "Sample Three", "Sample Four", "Five", "Six")
PERSONEN = pick("甲某", "乙某", "丙某", "丁某", "戊某", "己某")
