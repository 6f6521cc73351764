"""A county of claims with a known truth, written to a folder.

In: sizes, a seed and `Parameters`. Out: the national interface's files in a folder, `truth/` beside
them, and a `Summary`. The same arguments give the same bytes. Every part draws from its own seed,
spawned from the one given, after NumPy's parallel random number generation (SeedSequence.spawn).
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from claims.simulator.arrays import Noise
from claims.simulator.basket import without_included
from claims.simulator.books import Books
from claims.simulator.claim_files import write_claims
from claims.simulator.clearing_files import clearing_files
from claims.simulator.cycles import make_cycles
from claims.simulator.drg import comorbidity
from claims.simulator.faults import break_rows
from claims.simulator.history import write_history
from claims.simulator.house_files import house_files
from claims.simulator.ledger import Ledger
from claims.simulator.money_files import money_files
from claims.simulator.nhsa_files import Identifiers, number_rows, write
from claims.simulator.parameters import (
    CareParameters,
    Parameters,
    PeopleParameters,
    SchemeParameters,
    SettlementParameters,
    SimulationError,
)
from claims.simulator.record_files import record_files
from claims.simulator.ref_files import ref_files
from claims.simulator.registers import write_registers
from claims.simulator.schemes import NAMES, plant
from claims.simulator.settlement import settle
from claims.simulator.staff import sign
from claims.simulator.stays import StayIndex, license_beds, make_admissions
from claims.simulator.stock_files import stock_files
from claims.simulator.supervision_files import supervision_files
from claims.simulator.truth_files import write_truth
from claims.simulator.visits import make_visits
from claims.simulator.ward import ward_lines
from claims.simulator.world import World, make_world

__all__ = [
    "CareParameters",
    "Parameters",
    "PeopleParameters",
    "SchemeParameters",
    "SettlementParameters",
    "SimulationError",
    "Summary",
    "simulate",
]
VERSION = "2.1"
PARTS = 12
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Summary:
    """What was written.

    Rows per file, violating claims per scheme, broken rows, and how long it took.
    """

    files: dict[str, int]
    claims_per_scheme: dict[str, int]
    faults: int
    seconds: float


def simulate(
    out: Path,
    *,
    insured: int = 30_000,
    months: int = 24,
    institutions: int = 30,
    pharmacies: int = 20,
    seed: int = 1,
    parameters: Parameters | None = None,
    faults: float = 0.001,
    progress: Progress | None = None,
) -> Summary:
    """Simulate a county and write it to the folder `out`, which must be empty or not exist.

    Args:
        out: The folder; it appears only when everything has been written.
        insured: Number of insured.
        months: Months of claims, from the parameters' start.
        institutions: Hospitals, health centres and clinics.
        pharmacies: Pharmacies.
        seed: One integer from which everything follows.
        parameters: The shipped ones if left out.
        faults: Share of the settlements and of the lines that are broken on purpose.
        progress: Called with the name of the step and the share done (0 to 1).

    Raises:
        SimulationError: A size or share is out of range, or `out` is not empty.
    """
    begun = time.perf_counter()
    sizes = {
        "insured": insured,
        "months": months,
        "institutions": institutions,
        "pharmacies": pharmacies,
    }
    _check(out, sizes, seed, faults)
    tell = progress or (lambda step, share: None)
    chosen = parameters or Parameters.load(None)
    seeds = np.random.SeedSequence(seed).spawn(PARTS + len(NAMES))
    tell("people and places", 0.0)
    world = make_world(seeds[:3], chosen, **sizes)
    tell("care", 0.1)
    ledger = make_care(world, seeds[3:5])
    world = license_beds(world, ledger)
    tell("schemes", 0.3)
    plant(world, ledger, seeds[PARTS:])
    sign(world.doctors, ledger)
    facts = {"simulator_version": VERSION, "seed": seed, "sizes": sizes, "faults": faults}
    about = facts | {"parameters": chosen.as_dict()}
    with _published(out) as folder:
        files, planted, broken = _write(folder, world, ledger, seeds[5:PARTS], about, faults, tell)
    tell("done", 1.0)
    return Summary(files, planted, broken, time.perf_counter() - begun)


@contextmanager
def _published(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out` that takes its place once everything has been written."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        folder = Path(temporary) / "county"
        yield folder
        if out.exists():
            out.rmdir()
        shutil.move(folder, out)


def make_care(world: World, seeds: list[np.random.SeedSequence]) -> Ledger:
    """All innocent claims of the county."""
    beds, desks = (np.random.default_rng(seed) for seed in seeds)
    stays = make_admissions(beds, world)
    index = StayIndex(stays)
    ledger = Ledger()
    ledger.add(stays, without_included(world, ward_lines(beds, world, stays)))
    for claims, lines in make_visits(desks, world, index) + make_cycles(desks, world, index):
        ledger.add(claims, without_included(world, lines))
    return ledger


def _write(
    folder: Path,
    world: World,
    ledger: Ledger,
    seeds: list[np.random.SeedSequence],
    about: dict[str, object],
    faults: float,
    tell: Progress,
) -> tuple[dict[str, int], dict[str, int], int]:
    """Settle, number and write everything."""
    registering, breaking = (np.random.default_rng(seed) for seed in seeds[1:3])
    tell("settlement", 0.4)
    chances = Noise(seeds[0])
    settlements = settle(chances, world, ledger)
    others = comorbidity(chances, world, ledger)
    ids = number_rows(ledger, settlements)
    (folder / "truth").mkdir(parents=True)
    tell("files", 0.5)
    books = Books(world, ledger, settlements, ids, others, chances)
    files = write_claims(folder, books)
    files |= write_registers(folder, books, registering)
    files |= _further(folder, books, seeds[3])
    tell("truth", 0.8)
    planted = write_truth(folder / "truth", world, ledger, ids, about)
    history, days = world.parameters.history, world.calendar.days
    files |= write_history(folder, history, start=world.calendar.start, days=days, seed=seeds[4])
    broken = break_rows(breaking, folder, faults, _spared(ledger, ids))
    for name, (_, added) in broken.items():
        files[name] += added
    return files, planted, sum(number for number, _ in broken.values())


def _further(folder: Path, books: Books, seed: np.random.SeedSequence) -> dict[str, int]:
    """The registers beside those that every county has."""
    houses, money, supervision = (np.random.default_rng(one) for one in seed.spawn(3))
    files = (
        record_files(books)
        | stock_files(books)
        | house_files(books, houses)
        | money_files(books, money)
        | clearing_files(books)
        | supervision_files(books, supervision)
        | ref_files(books.world)
    )
    return {name: write(folder / name, columns) for name, columns in files.items()}


def _spared(ledger: Ledger, ids: Identifiers) -> set[str]:
    """Settlements that stay whole.

    Those with something planted, and whatever belongs to a cancellation.
    """
    claims = ledger.claims
    cancelled = claims.visit[claims.cancels >= 0]
    spared = ledger.tainted() | np.isin(claims.visit, cancelled)
    found: list[str] = ids.setl_id.filter(pa.array(spared)).to_pylist()
    return set(found)


def _check(out: Path, sizes: dict[str, int], seed: int, faults: float) -> None:
    """Refuse what cannot be simulated, everything at once."""
    least = {"insured": 50, "months": 2, "institutions": 3, "pharmacies": 1}
    found = [
        f"The '{name}' parameter must be a whole number of at least {least[name]}. "
        f"Got {size!r} instead."
        for name, size in sizes.items()
        if isinstance(size, bool) or not isinstance(size, int) or size < least[name]
    ]
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        found.append(
            f"The 'seed' parameter must be a whole number of at least 0. Got {seed!r} instead."
        )
    if not 0 <= faults <= 0.5:
        found.append(f"The 'faults' parameter must lie between 0 and 0.5. Got {faults!r} instead.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        found.append(f"{out} is not an empty folder; name a new one or empty it.")
    if found:
        raise SimulationError(" ".join(found))
