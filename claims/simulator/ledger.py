"""Claims and lines while the county is being made, and the truth about them.

In: blocks of claims and lines from the generators and the schemes. Out: one `Ledger` of columns. A
claim is known by its position; its amounts, its settlement and its identifiers come later, so
nothing in them betrays who wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from claims.simulator.arrays import Bools, Ints, ints, spread

OUTPATIENT, CHRONIC, INPATIENT, PHARMACY = 11, 14, 21, 41


@dataclass
class Claims:
    """Columns of claims.

    `visit` is the position of the first claim of the same visit or stay; `lag` is an additional
    delay of the settlement in seconds; `cancels` is the position of the claim a reversal cancels,
    or -1.
    """

    person: Ints
    place: Ints
    kind: Ints
    begin: Ints
    end: Ints
    diagnosis: Ints
    doctor: Ints
    visit: Ints
    lag: Ints
    cancels: Ints

    def __len__(self) -> int:
        """Number of claims."""
        return len(self.person)


@dataclass
class Lines:
    """Columns of lines; `days` is the supply in days, -1 where it has no meaning."""

    claim: Ints
    item: Ints
    count: Ints
    price: Ints
    time: Ints
    days: Ints
    doctor: Ints

    def __len__(self) -> int:
        """Number of lines."""
        return len(self.claim)


@dataclass
class Truth:
    """What is wrong: the line, the scheme's number and the amount overpaid in fen."""

    line: Ints
    scheme: Ints
    overpaid: Ints


Block = TypeVar("Block", Claims, Lines, Truth)


def make_claims(
    person: Ints,
    place: Ints,
    kind: Ints | int,
    begin: Ints,
    end: Ints,
    diagnosis: Ints,
    doctor: Ints,
) -> Claims:
    """A block of claims, each a visit of its own."""
    n = len(person)
    kinds = np.full(n, kind, dtype=np.int64) if isinstance(kind, int) else kind
    zeros = np.zeros(n, dtype=np.int64)
    return Claims(
        person,
        place,
        kinds,
        begin,
        end,
        diagnosis,
        doctor,
        np.arange(n, dtype=np.int64),
        zeros,
        zeros - 1,
    )


def join(blocks: Sequence[Block]) -> Block:
    """Columns of several blocks, one after the other."""
    first = blocks[0]
    columns = {
        f.name: np.concatenate([getattr(block, f.name) for block in blocks]) for f in fields(first)
    }
    return replace(first, **columns)


def take(block: Block, rows: Ints | Bools) -> Block:
    """Some rows of a block, as copies."""
    return replace(block, **{f.name: getattr(block, f.name)[rows] for f in fields(block)})


def separate(claims: Claims, rows: Ints | Bools) -> Claims:
    """Some claims of a block, each a visit of its own."""
    chosen = take(claims, rows)
    chosen.visit = np.arange(len(chosen), dtype=np.int64)
    return chosen


def pick(claims: Claims, lines: Lines, keep: Bools) -> tuple[Claims, Lines]:
    """A block without the claims that `keep` leaves out; each visit must be one claim."""
    position = np.cumsum(keep) - 1
    chosen = separate(claims, keep)
    kept = take(lines, keep[lines.claim])
    kept.claim = position[kept.claim]
    return chosen, kept


class Ledger:
    """All claims so far. Positions never change, rows are only added or altered in place."""

    def __init__(self) -> None:
        """An empty ledger."""
        none = ints([])
        self.claims = Claims(*[none] * 10)
        self.lines = Lines(*[none] * 7)
        self.truth = Truth(none, none, none)
        self._order: Ints | None = None

    def add(self, claims: Claims, lines: Lines) -> tuple[Ints, Ints]:
        """Append a block (its lines and visits point into the block); returns the new positions."""
        at, line_at = len(self.claims), len(self.lines)
        claims = replace(claims, visit=claims.visit + at)
        lines = replace(lines, claim=lines.claim + at)
        self.claims = join([self.claims, claims])
        self._append(lines)
        new = np.arange(at, len(self.claims), dtype=np.int64)
        return new, np.arange(line_at, len(self.lines), dtype=np.int64)

    def add_lines(self, lines: Lines) -> Ints:
        """Append lines to claims that are already in the ledger; returns their positions."""
        line_at = len(self.lines)
        self._append(lines)
        return np.arange(line_at, len(self.lines), dtype=np.int64)

    def _append(self, lines: Lines) -> None:
        self.lines = join([self.lines, lines])
        self._order = None

    def forget_order(self) -> None:
        """Look lines up anew, after lines have been moved from one claim to another."""
        self._order = None

    def mark(self, line: Ints, scheme: int, overpaid: Ints) -> None:
        """Write down that these lines are overpaid by so much."""
        numbers = np.full(len(line), scheme, dtype=np.int64)
        self.truth = join([self.truth, Truth(line, numbers, overpaid)])

    def mark_whole(self, line: Ints, scheme: int) -> None:
        """Write down that these lines should not have been billed at all."""
        self.mark(line, scheme, self.lines.count[line] * self.lines.price[line])

    def tainted(self) -> Bools:
        """Which claims carry a planted line."""
        found = np.zeros(len(self.claims), dtype=bool)
        found[self.lines.claim[self.truth.line]] = True
        return found

    def totals(self) -> Ints:
        """The amount of each claim in fen."""
        amounts = np.zeros(len(self.claims), dtype=np.int64)
        np.add.at(amounts, self.lines.claim, self.lines.count * self.lines.price)
        return amounts

    def lines_of(self, claims: Ints) -> tuple[Ints, Ints]:
        """For some claims: which of them (0, 1, …), and the position of each of their lines."""
        if self._order is None:
            self._order = np.argsort(self.lines.claim, kind="stable").astype(np.int64)
        owners = self.lines.claim[self._order]
        first = np.searchsorted(owners, claims)
        counts = np.searchsorted(owners, claims, side="right") - first
        owner, position = spread(counts.astype(np.int64))
        return owner, self._order[first[owner] + position]

    def copy(self, templates: Ints, begin: Ints) -> tuple[Claims, Lines]:
        """Copies of claims moved to another beginning, lines with them; not yet in the ledger."""
        shift = begin - self.claims.begin[templates]
        claims = take(self.claims, templates)
        claims.begin, claims.end = claims.begin + shift, claims.end + shift
        claims.visit = np.arange(len(templates), dtype=np.int64)
        claims.lag, claims.cancels = np.zeros_like(shift), np.full_like(shift, -1)
        owner, line = self.lines_of(templates)
        lines = take(self.lines, line)
        lines.claim = owner
        lines.time = lines.time + shift[owner]
        return claims, lines
