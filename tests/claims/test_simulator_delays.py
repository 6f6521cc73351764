"""Neither how long a claim lasts nor how long it waits for settlement tells what was planted.

The measure is the area under the ROC curve of one delay (the Mann-Whitney statistic), between the
planted and the innocent claims of the same kind at the same place.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from claims.simulator.arrays import Bools, Floats, Ints, Noise
from claims.simulator.county import VERSION, Parameters, make_care, simulate
from claims.simulator.ledger import CHRONIC, OUTPATIENT, PHARMACY, Claims, Ledger
from claims.simulator.schemes import NAMES, plant
from claims.simulator.settlement import settle
from claims.simulator.stays import license_beds
from claims.simulator.world import World, make_world

# Nothing is settled before its last charge, and these charges are dated after the discharge.
TIMED = {"charge_after_discharge"}
KEYS = 8
DOCS = Path(__file__).parents[2] / "docs" / "simulator.md"


@dataclass(frozen=True)
class Settled:
    """A county with every scheme, and what its claims wait under several keys of the noise."""

    claims: Claims
    truth: dict[str, Ints]
    innocent: Bools
    waits: list[Ints]
    last: Ints


def _prepared() -> tuple[World, Ledger]:
    """Every scheme planted into 20,000 insured in two years, not yet settled."""
    seeds = np.random.SeedSequence(5).spawn(5)
    world = make_world(
        seeds[:3], Parameters.load(None), insured=20_000, months=24, institutions=30, pharmacies=20
    )
    ledger = make_care(world, seeds[3:])
    world = license_beds(world, ledger)
    plant(world, ledger, np.random.SeedSequence(23).spawn(len(NAMES)))
    return world, ledger


@pytest.fixture(scope="module")
def county() -> Settled:
    world, ledger = _prepared()
    size = len(ledger.claims)
    waits = []
    for key in range(KEYS):
        copied = copy.deepcopy(ledger)
        settled = settle(Noise(np.random.SeedSequence(key)), world, copied).settled
        waits.append((settled - copied.claims.end)[:size])
    last = copied.claims.end[:size].copy()
    own = copied.lines.claim < size
    np.maximum.at(last, copied.lines.claim[own], copied.lines.time[own])
    planted = {
        name: np.unique(ledger.truth.claim[ledger.truth.scheme == number])
        for number, name in enumerate(NAMES)
    }
    claims = copied.claims
    cut = replace(claims, **{name: column[:size] for name, column in vars(claims).items()})
    return Settled(cut, planted, ~ledger.tainted(), waits, last)


def _area(planted: Ints, innocent: Ints) -> float:
    """The chance that a planted value is above an innocent one, ties counting half."""
    order = np.sort(innocent)
    below, above = (np.searchsorted(order, planted, side=side) for side in ("left", "right"))
    return float((below + above).mean() / (2 * len(order)))


def _areas(county: Settled, rows: Ints, delay: Ints) -> tuple[float, int]:
    """The mean area over the kinds and places of the planted claims, and how many of them count."""
    claims = county.claims
    stratum = claims.kind * 10_000 + claims.place
    found: list[tuple[float, int]] = []
    for one in np.unique(stratum[rows]).tolist():
        own = rows[stratum[rows] == one]
        others = np.flatnonzero(county.innocent & (stratum == one))
        if len(others) >= 10:
            found.append((_area(delay[own], delay[others]), len(own)))
    number = sum(size for _, size in found)
    return sum(area * size for area, size in found) / max(number, 1), number


def test_area_by_hand() -> None:
    """Of the six pairs (2 and 5 against 1, 2, 3) the planted one is above in 4, level in 1."""
    assert _area(np.asarray([2, 5]), np.asarray([1, 2, 3])) == pytest.approx(4.5 / 6)


@pytest.mark.parametrize("scheme", NAMES)
def test_the_wait_for_settlement_tells_no_scheme(scheme: str, county: Settled) -> None:
    """From the end of the service, the mean of eight keys.

    Its standard error is about 0.29 / sqrt(8 n), which is 0.03 for the least n of ten.
    """
    rows = county.truth[scheme]
    areas = [_areas(county, rows, wait) for wait in county.waits]
    assert areas[0][1] >= 10
    mean = float(np.mean([area for area, _ in areas]))
    assert (abs(mean - 0.5) <= 0.1) != (scheme in TIMED), mean


@pytest.mark.parametrize("scheme", NAMES)
def test_the_time_from_arrival_to_settlement_tells_no_visit(scheme: str, county: Settled) -> None:
    """From the beginning; how long a visit lasts is drawn once, so a few of them may stray.

    Two standard errors (0.58 / sqrt(n)) are granted beyond a tenth. Stays are left out: their
    length is the point of several schemes.
    """
    rows = county.truth[scheme]
    delay = county.waits[0] + county.claims.end - county.claims.begin
    for kind in (OUTPATIENT, CHRONIC, PHARMACY):
        area, number = _areas(county, rows[county.claims.kind[rows] == kind], delay)
        if number:
            assert abs(area - 0.5) <= 0.1 + 0.58 / np.sqrt(number), (kind, area, number)


def test_only_schemes_of_charges_after_discharge_are_timed(county: Settled) -> None:
    """Counted from the last charge, not even they betray themselves."""
    for scheme in TIMED:
        shift = county.claims.end - county.last
        areas = [_areas(county, county.truth[scheme], wait + shift)[0] for wait in county.waits]
        assert abs(np.mean(areas) - 0.5) <= 0.1


def test_the_first_of_two_settlements_comes_first(county: Settled) -> None:
    """After its service, and before the second, under every key."""
    claims = county.claims
    second = np.flatnonzero(claims.follows >= 0)
    first = claims.follows[second]
    assert set(second) == set(county.truth["duplicate_settlement"])
    assert county.innocent[first].mean() > 0.5
    for wait in county.waits:
        settled = claims.end + wait
        assert (settled[first] < settled[second]).all()
        assert (settled[first] > county.last[first]).all()
        assert (settled[second] > county.last[second]).all()


def test_swipes_of_a_batch_follow_each_other_but_last(county: Settled) -> None:
    rows = county.truth["batch_swiping"]
    claims = county.claims
    lasts: Floats = (claims.end - claims.begin)[rows] / 60
    assert (claims.kind[rows] == PHARMACY).all()
    assert 2 <= lasts.min() < lasts.max() <= 9
    together = np.diff(np.sort(claims.begin[rows])) < 100
    assert together.mean() > 0.7


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], pd.DataFrame]:
    """The tables of a county of much death and many stays."""
    shipped = Parameters.load(None)
    parameters = replace(
        shipped,
        people=replace(shipped.people, deaths_per_year=0.3),
        care=replace(shipped.care, stays_per_year=0.4),
    )
    folder = tmp_path_factory.mktemp("mortal") / "county"
    simulate(
        folder, insured=900, months=8, institutions=12, pharmacies=4, seed=4,
        parameters=parameters, faults=0.0,
    )  # fmt: skip

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(folder / name, dtype=str, keep_default_na=False)

    version = json.loads((folder / "truth" / "county.json").read_text("utf-8"))
    assert version["simulator_version"] == VERSION
    return read


def test_no_doctor_bills_after_death_or_from_a_bed(mortal: Callable[[str], pd.DataFrame]) -> None:
    """The register knows deaths of a fifth of the insured; none of them is a doctor."""
    doctors, claims = mortal("dr_info.csv"), mortal("setl_list.csv")
    deaths, people = mortal("death_info.csv"), mortal("psn_info.csv")
    assert len(deaths) > 0.15 * len(people)
    person = claims["atddr_no"].map(doctors.set_index("dr_codg")["psn_no"])
    died = person.map(deaths.set_index("psn_no")["die_date"])
    assert person.notna().sum() > 500
    assert not (died.notna() & (claims["begntime"].str.slice(0, 10) > died)).any()
    patients = set(claims.loc[claims["med_type"] == "21", "psn_no"])
    assert len(patients) > 50
    assert not set(doctors["psn_no"]) & patients
    employed = set(people.loc[people["insutype"] == "310", "psn_no"])
    assert set(doctors["psn_no"]) <= employed
    assert doctors["psn_no"].nunique() > 5


def test_the_document_tells_the_version() -> None:
    assert f"Version {VERSION}." in DOCS.read_text("utf-8")
