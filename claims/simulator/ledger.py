"""Claims and lines while the county is being made, and the truth about them.

In: blocks of claims and lines from the generators and the schemes. Out: one `Ledger` of columns. A
claim is known by its position; its amounts, its settlement and its identifiers come later, so
nothing in them betrays who wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Generic, TypeVar

import numpy as np

from claims.simulator.arrays import Bools, Ints, ints, spread

OUTPATIENT, CHRONIC, INPATIENT, PHARMACY = 11, 14, 21, 41


@dataclass
class Claims:
    """Columns of claims.

    Positions: `visit` of the first claim of the same visit or stay, `follows` of a claim that is
    settled before this one (-1 if none), `cancels` of the one a reversal cancels (-1 if none).
    """

    person: Ints
    place: Ints
    kind: Ints
    begin: Ints
    end: Ints
    diagnosis: Ints
    doctor: Ints
    visit: Ints
    follows: Ints
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
    """What is wrong: the line, its claim, the scheme's number and the amount overpaid in fen.

    The line is -1 where the claim as a whole is wrong and no line of it is (a group too heavy).
    """

    line: Ints
    claim: Ints
    scheme: Ints
    overpaid: Ints


@dataclass
class Notes:
    """Facts behind the claims that only other registers show, as pairs of columns.

    `returned`: the line of a reversal, and the line it takes back. `delivered`: the line, and the
    item that was really given. `reused`: the line, and the line whose boxes it settles again.
    `upcoded`: the claim, and the secondary diagnosis added to it. `unbought`: the line of goods
    that never were on the shelf, and 0.
    """

    returned: list[tuple[Ints, Ints]]
    delivered: list[tuple[Ints, Ints]]
    reused: list[tuple[Ints, Ints]]
    upcoded: list[tuple[Ints, Ints]]
    unbought: list[tuple[Ints, Ints]]

    @staticmethod
    def pairs(noted: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
        """The columns of a kind of note, joined."""
        empty = ints([])
        return (
            np.concatenate([empty, *[first for first, _ in noted]]),
            np.concatenate([empty, *[second for _, second in noted]]),
        )


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
    none = np.full(n, -1, dtype=np.int64)
    return Claims(
        person,
        place,
        kinds,
        begin,
        end,
        diagnosis,
        doctor,
        np.arange(n, dtype=np.int64),
        none,
        none.copy(),
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


def _runs(owners: Ints, claims: Ints) -> tuple[Ints, Ints]:
    """Where the run of each claim begins among sorted owners, and how long it is."""
    first = np.searchsorted(owners, claims).astype(np.int64)
    return first, np.searchsorted(owners, claims, side="right").astype(np.int64) - first


class Growing(Generic[Block]):
    """Columns with room for more rows, so that adding many small blocks costs little."""

    def __init__(self, empty: Block) -> None:
        """No rows yet."""
        self.rows: Block = empty
        self._room: Block = empty
        self._number = 0

    def __len__(self) -> int:
        """Number of rows."""
        return self._number

    def append(self, block: Block) -> Ints:
        """Add rows; returns their positions."""
        names = [f.name for f in fields(block)]
        at, added = self._number, len(getattr(block, names[0]))
        self._number = end = at + added
        if end > len(getattr(self._room, names[0])):
            wide = {name: np.empty(end + end // 4, dtype=np.int64) for name in names}
            for name, column in wide.items():
                column[:at] = getattr(self.rows, name)
            self._room = replace(self._room, **wide)
        for name in names:
            getattr(self._room, name)[at:end] = getattr(block, name)
        self.rows = replace(self._room, **{name: getattr(self._room, name)[:end] for name in names})
        return np.arange(at, end, dtype=np.int64)


class Ledger:
    """All claims so far. Positions never change, rows are only added or altered in place."""

    def __init__(self) -> None:
        """An empty ledger."""
        none = ints([])
        self._claims = Growing(Claims(*[none] * 10))
        self._lines = Growing(Lines(*[none] * 7))
        self._truth = Growing(Truth(*[none] * 4))
        self._order: Ints | None = None
        self._owners = none
        self.stays = 0
        self.notes = Notes([], [], [], [], [])

    @property
    def claims(self) -> Claims:
        """The columns of all claims; they may be altered in place until the next addition."""
        rows: Claims = self._claims.rows
        return rows

    @property
    def lines(self) -> Lines:
        """The columns of all lines; they may be altered in place until the next addition."""
        rows: Lines = self._lines.rows
        return rows

    @property
    def truth(self) -> Truth:
        """The columns of the truth."""
        rows: Truth = self._truth.rows
        return rows

    def add(self, claims: Claims, lines: Lines) -> tuple[Ints, Ints]:
        """Append a block (its lines and visits point into the block); returns the new positions."""
        at = len(self._claims)
        self.stays += int((claims.kind == INPATIENT).sum())
        new = self._claims.append(replace(claims, visit=claims.visit + at))
        return new, self.add_lines(replace(lines, claim=lines.claim + at))

    def add_lines(self, lines: Lines) -> Ints:
        """Append lines to claims that are already in the ledger; returns their positions."""
        return self._lines.append(lines)

    def move_lines(self, line: Ints, claim: Ints) -> None:
        """Move lines from one claim to another."""
        self.lines.claim[line] = claim
        self._order = None

    def mark(self, line: Ints, scheme: int, overpaid: Ints) -> None:
        """Write down that these lines are overpaid by so much."""
        numbers = np.full(len(line), scheme, dtype=np.int64)
        self._truth.append(Truth(line, self.lines.claim[line], numbers, overpaid))

    def mark_whole(self, line: Ints, scheme: int) -> None:
        """Write down that these lines should not have been billed at all."""
        self.mark(line, scheme, self.lines.count[line] * self.lines.price[line])

    def mark_claims(self, claim: Ints, scheme: int, overpaid: Ints) -> None:
        """Write down that these claims are overpaid by so much, though no line of them is."""
        numbers = np.full(len(claim), scheme, dtype=np.int64)
        self._truth.append(Truth(np.full_like(claim, -1), claim, numbers, overpaid))

    def tainted(self) -> Bools:
        """Which claims carry something planted."""
        found = np.zeros(len(self._claims), dtype=bool)
        found[self.truth.claim] = True
        return found

    def totals(self) -> Ints:
        """The amount of each claim in fen."""
        amounts = np.zeros(len(self.claims), dtype=np.int64)
        np.add.at(amounts, self.lines.claim, self.lines.count * self.lines.price)
        return amounts

    def lines_of(self, claims: Ints) -> tuple[Ints, Ints]:
        """For some claims: which of them (0, 1, …), and the position of each of their lines."""
        # The bulk is sorted once; what was added since is looked up beside it.
        if self._order is None or len(self.lines) > 1.1 * len(self._order):
            self._order = np.argsort(self.lines.claim, kind="stable").astype(np.int64)
            self._owners = self.lines.claim[self._order]
        at = len(self._order)
        late = np.argsort(self.lines.claim[at:], kind="stable").astype(np.int64) + at
        (first, number), (more, extra) = (
            _runs(owners, claims) for owners in (self._owners, self.lines.claim[late])
        )
        owner, position = spread(number + extra)
        old = position < number[owner]
        found = np.empty(len(owner), dtype=np.int64)
        found[old] = self._order[(first[owner] + position)[old]]
        found[~old] = late[(more[owner] + position - number[owner])[~old]]
        return owner, found

    def copy(self, templates: Ints, begin: Ints) -> tuple[Claims, Lines]:
        """Copies of claims moved to another beginning, lines with them; not yet in the ledger."""
        shift = begin - self.claims.begin[templates]
        claims = take(self.claims, templates)
        claims.begin, claims.end = claims.begin + shift, claims.end + shift
        claims.visit = np.arange(len(templates), dtype=np.int64)
        claims.follows, claims.cancels = np.full_like(shift, -1), np.full_like(shift, -1)
        owner, line = self.lines_of(templates)
        lines = take(self.lines, line)
        lines.claim = owner
        lines.time = lines.time + shift[owner]
        return claims, lines
