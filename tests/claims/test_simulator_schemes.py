"""Every scheme plants what it says, after its onset, and leaves everybody else alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from claims.simulator.arrays import DAY, Bools, Ints, Noise
from claims.simulator.county import Parameters, make_care
from claims.simulator.diagnoses import GROUPS
from claims.simulator.drg import comorbidity
from claims.simulator.inspectors import REASONS
from claims.simulator.ledger import INPATIENT, PHARMACY, Ledger, Notes, take
from claims.simulator.limits import EXCLUSIVE_PAIRS, INDICATIONS, SERVICE_MINUTES, SWAPS
from claims.simulator.schemes import NAMES, plant
from claims.simulator.stays import license_beds
from claims.simulator.truth_files import true_claims, true_lines
from claims.simulator.world import World, make_world

SEED = 23


class Planted:
    """A county of innocents with one scheme planted into it."""

    def __init__(self, world: World, innocent: Ledger, scheme: str) -> None:
        self.world = replace(world, parameters=world.parameters.only(scheme))
        self.innocent = innocent
        self.ledger = copy.deepcopy(innocent)
        self.number = NAMES.index(scheme)
        seeds = np.random.SeedSequence(SEED).spawn(len(NAMES))
        plant(self.world, self.ledger, seeds)
        self.spec = world.parameters.schemes[scheme]

    @property
    def line(self) -> Ints:
        """The wrong lines."""
        return np.unique(self.ledger.truth.line[self.ledger.truth.line >= 0])

    @property
    def claim(self) -> Ints:
        """The wrong claims."""
        return np.unique(self.ledger.truth.claim)

    def items(self, *names: str) -> Ints:
        return self.world.items.numbers(*names)


@pytest.fixture(scope="module")
def county() -> tuple[World, Ledger]:
    """Innocents of 9,000 insured in eighteen months, not yet settled."""
    seeds = np.random.SeedSequence(5).spawn(5)
    world = make_world(
        seeds[:3], Parameters.load(None), insured=9000, months=18, institutions=24, pharmacies=12
    )
    ledger = make_care(world, seeds[3:])
    return license_beds(world, ledger), ledger


@pytest.fixture(scope="module")
def planted(county: tuple[World, Ledger]) -> Callable[[str], Planted]:
    """One county per scheme, made when first asked for."""
    made: dict[str, Planted] = {}

    def make(scheme: str) -> Planted:
        if scheme not in made:
            made[scheme] = Planted(*county, scheme)
        return made[scheme]

    return make


def test_lines_are_found_wherever_they_were_added(county: tuple[World, Ledger]) -> None:
    """Against the plain way: all lines sorted by claim, in order of addition."""
    ledger = copy.deepcopy(county[1])
    rng = np.random.default_rng(1)
    wanted = rng.integers(0, len(ledger.claims), 400)
    for _ in range(3):
        block = take(ledger.lines, rng.integers(0, len(ledger.lines), 300))
        block.claim = wanted[rng.integers(0, len(wanted), 300)]
        ledger.add_lines(block)
        owner, line = ledger.lines_of(wanted)
        order = np.argsort(ledger.lines.claim, kind="stable")
        first = np.searchsorted(ledger.lines.claim[order], wanted)
        last = np.searchsorted(ledger.lines.claim[order], wanted, side="right")
        plain = np.concatenate([order[f:to] for f, to in zip(first, last, strict=True)])
        assert (line == plain).all()
        assert (wanted[owner] == ledger.lines.claim[line]).all()


def test_noise_belongs_to_the_row_and_is_uniform() -> None:
    """40,000 numbers: the mean within four standard errors of a half (0.0058)."""
    noise = Noise(np.random.SeedSequence(3))
    rows = np.arange(40_000, dtype=np.int64)
    drawn = noise.uniform(rows, 1)
    assert (drawn[7_000:] == noise.uniform(rows[7_000:], 1)).all()
    assert abs(drawn.mean() - 0.5) < 0.0058
    assert (np.bincount((drawn * 10).astype(int)) > 3_700).all()
    assert abs(np.corrcoef(drawn, noise.uniform(rows, 2))[0, 1]) < 0.02
    assert abs(noise.normal(rows, 5).std() - 1) < 0.02


def test_there_are_at_least_24_schemes_and_each_has_parameters_and_a_reason() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 24
    assert set(NAMES) == set(Parameters.load(None).schemes) == set(REASONS)


@pytest.mark.parametrize("scheme", NAMES)
def test_a_scheme_plants_after_its_onset_within_the_amounts(
    scheme: str, planted: Callable[[str], Planted]
) -> None:
    case = planted(scheme)
    ledger, claims = case.ledger, case.ledger.claims
    assert len(case.claim) >= 3
    assert set(ledger.truth.scheme.tolist()) == {case.number}
    onset = case.world.calendar.onset(case.spec.onset_month)
    assert claims.begin[case.claim].min() >= onset * DAY
    assert claims.end[case.claim].max() < case.world.calendar.days * DAY
    assert (ledger.lines.count[case.line] >= 1).all()
    assert (ledger.lines.price[case.line] >= 1).all()
    assert case.claim.max() < len(claims)
    lines = true_lines(ledger)
    position = lines["line"].to_numpy()
    amount = ledger.lines.count[position] * ledger.lines.price[position]
    assert (lines["overpaid"].to_numpy() <= amount).all()
    assert (ledger.lines.claim[position] == lines["claim"].to_numpy()).all()
    wrong = true_claims(ledger, lines)
    assert set(wrong["claim"]) == set(case.claim.tolist())
    assert (wrong["overpaid"] > 0).all()
    assert (wrong["overpaid"].to_numpy() <= ledger.totals()[wrong["claim"].to_numpy()]).all()


@pytest.mark.parametrize("scheme", NAMES)
def test_a_scheme_leaves_everybody_else_alone(
    scheme: str, planted: Callable[[str], Planted]
) -> None:
    case = planted(scheme)
    before, after = case.innocent, case.ledger
    n, m = len(before.claims), len(before.lines)
    clean = ~after.tainted()[:n]
    for name, column in vars(before.claims).items():
        assert (getattr(after.claims, name)[:n][clean] == column[clean]).all(), name
    untouched = clean[before.lines.claim]
    for name, column in vars(before.lines).items():
        assert (getattr(after.lines, name)[:m][untouched] == column[untouched]).all(), name
    # Whatever was added is written down, but for the purchases that are need (hoarding).
    added = np.arange(m, len(after.lines))
    told = np.isin(added, after.truth.line)
    assert told.all() or scheme == "excess_supply"


@pytest.mark.parametrize("scheme", NAMES)
def test_a_scheme_that_is_off_plants_nothing(scheme: str, county: tuple[World, Ledger]) -> None:
    world, innocent = county
    ledger = copy.deepcopy(innocent)
    # Every other scheme is off, this one has nothing to do; then this one is off as well.
    for enabled in (True, False):
        idle = replace(world.parameters.schemes[scheme], enabled=enabled, share=0.0, scattered=0.0)
        off = world.parameters.only()
        quiet = replace(off, schemes={**off.schemes, scheme: idle})
        seeds = np.random.SeedSequence(1).spawn(len(NAMES))
        plant(replace(world, parameters=quiet), ledger, seeds)
    assert len(ledger.truth.claim) == 0
    assert len(ledger.claims) == len(innocent.claims)
    assert len(ledger.lines) == len(innocent.lines)


def _same_day(case: Planted, item: Ints, other: Ints) -> Bools:
    """Whether each wrong line has a line of one of `other` in its claim and day."""
    lines = case.ledger.lines
    key = lines.claim * 10_000 + lines.time // DAY
    covering = np.isin(lines.item, other)
    found: Bools = np.isin(key[case.line], key[covering]) & np.isin(lines.item[case.line], item)
    return found


def test_item_substitution(planted: Callable[[str], Planted]) -> None:
    case = planted("item_substitution")
    given = dict(zip(*(x.tolist() for x in Notes.pairs(case.ledger.notes.delivered)), strict=True))
    pairs = {tuple(case.items(*pair).tolist()) for pair in SWAPS}
    billed = case.ledger.lines.item[case.line].tolist()
    assert {(given[int(n)], item) for n, item in zip(case.line, billed, strict=True)} <= pairs
    before = case.innocent.lines
    paid = case.ledger.lines.count[case.line] * case.ledger.lines.price[case.line]
    owed = before.count[case.line] * before.price[case.line]
    order = np.argsort(case.ledger.truth.line)
    assert (case.ledger.truth.overpaid[order] == np.maximum(paid - owed, 1)).all()


def test_duplicate_charge(planted: Callable[[str], Planted]) -> None:
    case = planted("duplicate_charge")
    whole = case.items(*[pair[0] for pair in EXCLUSIVE_PAIRS])
    part = case.items(*[pair[1] for pair in EXCLUSIVE_PAIRS])
    assert _same_day(case, part, whole).all()


def test_surgery_discount(planted: Callable[[str], Planted]) -> None:
    case = planted("surgery_discount")
    price = case.ledger.lines.price[case.ledger.truth.line]
    # Half of the price is owed for a second operation: by hand, 1,320.00 overpays 660.00.
    assert (case.ledger.truth.overpaid == price - price // 2).all()
    assert (case.world.items.base[case.ledger.lines.item[case.line]] >= 1000_00).all()


def test_therapeutic_duplication(planted: Callable[[str], Planted]) -> None:
    case = planted("therapeutic_duplication")
    lines, kind = case.ledger.lines, np.asarray(case.world.items.drug_class)
    for line in case.line.tolist():
        same = (lines.claim == lines.claim[line]) & (kind[lines.item] == kind[lines.item[line]])
        assert len(set(lines.item[same].tolist())) >= 2


def test_restricted_payment(planted: Callable[[str], Planted]) -> None:
    case = planted("restricted_payment")
    world, claims, lines = case.world, case.ledger.claims, case.ledger.lines
    names = world.items.names
    for line in case.line.tolist():
        allowed = INDICATIONS[names[lines.item[line]]]
        claim = lines.claim[line]
        chronic = world.people.chronic[claims.person[claim]]
        own = {claims.diagnosis[claim]} | ({chronic} if chronic >= 0 else set())
        assert not {GROUPS[world.diagnoses.group[one]] for one in own} & set(allowed)


def test_discharge_supply(planted: Callable[[str], Planted]) -> None:
    case = planted("discharge_supply")
    lines, claims = case.ledger.lines, case.ledger.claims
    assert (lines.days[case.line] > 28).all()
    assert (claims.kind[lines.claim[case.line]] == INPATIENT).all()
    home = case.innocent.lines
    honest = claims.kind[home.claim] == INPATIENT
    assert home.days[honest].max() <= 30


def test_cloned_stays(planted: Callable[[str], Planted]) -> None:
    case = planted("cloned_stays")
    claims = case.ledger.claims
    span = (claims.end - claims.begin)[case.claim]
    record = np.stack([claims.place[case.claim], claims.diagnosis[case.claim], span])
    _, size = np.unique(record, axis=1, return_counts=True)
    assert size.max() >= 3
    assert len(np.unique(claims.person[case.claim])) > 0.9 * len(case.claim)


def test_care_home_rotation(planted: Callable[[str], Planted]) -> None:
    case = planted("care_home_rotation")
    claims = case.ledger.claims
    assert case.world.people.care_home[claims.person[case.claim]].all()
    day = claims.begin[case.claim] // DAY
    assert np.unique(day, return_counts=True)[1].max() >= 2


def test_frequent_admission(planted: Callable[[str], Planted]) -> None:
    case = planted("frequent_admission")
    claims = case.ledger.claims
    per_person = np.unique(claims.person[case.claim], return_counts=True)[1]
    assert per_person.max() >= 5
    order = case.claim[np.lexsort((claims.begin[case.claim], claims.person[case.claim]))]
    same = claims.person[order][1:] == claims.person[order][:-1]
    gap = (claims.begin[order][1:] - claims.end[order][:-1])[same] / DAY
    # Not a split stay: more than a fortnight lies between.
    assert np.median(gap) > 15


def _census(ledger: Ledger, place: int, days: int) -> Ints:
    claims = ledger.claims
    stay = (claims.kind == INPATIENT) & (claims.place == place)
    change = np.zeros(days + 3, dtype=np.int64)
    np.add.at(change, claims.begin[stay] // DAY, 1)
    np.add.at(change, claims.end[stay] // DAY + 1, -1)
    return np.cumsum(change)


def test_bed_over_capacity(planted: Callable[[str], Planted]) -> None:
    case = planted("bed_over_capacity")
    world = case.world
    acting = np.unique(case.ledger.claims.place[case.claim])
    most = np.asarray([_census(case.ledger, i, world.calendar.days).max() for i in acting.tolist()])
    # Four to seven too many at first; a few of those asked are not free.
    assert (most >= world.places.beds[acting] + 2).any()
    assert (most <= world.places.beds[acting] + 12).all()
    for one in np.flatnonzero(world.places.has_beds).tolist():
        innocent = _census(case.innocent, one, world.calendar.days).max()
        assert innocent <= world.places.beds[one]


def test_drg_upcoding(planted: Callable[[str], Planted]) -> None:
    case = planted("drg_upcoding")
    noise = Noise(np.random.SeedSequence(1))
    severity = comorbidity(noise, case.world, case.ledger).severity
    honest = comorbidity(noise, case.world, case.innocent).severity
    assert (severity[case.claim] > honest[case.claim]).all()
    others = np.setdiff1d(np.arange(len(honest)), case.claim)
    assert (severity[others] == honest[others]).all()
    assert (case.ledger.truth.line == -1).all()


def test_split_prescription(planted: Callable[[str], Planted]) -> None:
    case = planted("split_prescription")
    claims, total = case.ledger.claims, case.ledger.totals()
    assert total[case.claim].max() <= 100_00
    for one in case.claim[:40].tolist():
        alike = (claims.person == claims.person[one]) & (claims.place == claims.place[one])
        near = alike & (np.abs(claims.begin - claims.begin[one]) <= 3 * DAY)
        assert near.sum() >= 2


def test_impossible_day(planted: Callable[[str], Planted]) -> None:
    case = planted("impossible_day")
    lines = case.ledger.lines
    minutes = np.zeros(len(case.world.items.codes), dtype=np.int64)
    minutes[case.items(*SERVICE_MINUTES)] = list(SERVICE_MINUTES.values())

    def longest(ledger: Ledger) -> int:
        key = ledger.lines.doctor * 10_000 + ledger.lines.time // DAY
        worked = minutes[ledger.lines.item] * ledger.lines.count
        seen = ledger.lines.doctor >= 0
        _, row = np.unique(key[seen], return_inverse=True)
        return int(np.bincount(row, weights=worked[seen]).max())

    assert longest(case.ledger) > 24 * 60
    assert longest(case.innocent) < 16 * 60
    assert (lines.doctor[case.line] >= 0).all()


def test_departed_doctor(planted: Callable[[str], Planted]) -> None:
    case = planted("departed_doctor")
    doctors, claims = case.world.doctors, case.ledger.claims
    alias = claims.doctor[case.claim]
    assert (alias >= doctors.number).all()
    left = {doctors.codes[i]: int(doctors.left[i]) for i in range(doctors.number)}
    gone = np.asarray([left[doctors.codes[i]] for i in alias.tolist()])
    assert (claims.begin[case.claim] // DAY >= gone).all()
    assert (doctors.incumbent(alias, claims.begin[case.claim] // DAY) == alias).all()


def test_offhours_billing(planted: Callable[[str], Planted]) -> None:
    case = planted("offhours_billing")
    places = case.world.places

    def shut(ledger: Ledger, rows: Ints) -> Bools:
        clock, place = ledger.claims.begin[rows] % DAY, ledger.claims.place[rows]
        return (clock < places.opens[place]) | (clock >= places.closes[place])

    assert shut(case.ledger, case.claim).all()
    assert not shut(case.innocent, np.arange(len(case.innocent.claims))).any()


def test_employer_roster(planted: Callable[[str], Planted]) -> None:
    case = planted("employer_roster")
    firm = case.world.people.employer[case.ledger.claims.person[case.claim]]
    assert (firm >= 0).all()
    assert np.unique(firm, return_counts=True)[1].min() >= 3


def test_account_drain(planted: Callable[[str], Planted]) -> None:
    case = planted("account_drain")
    claims, total = case.ledger.claims, case.ledger.totals()
    assert (case.world.calendar.month[claims.begin[case.claim] // DAY] == 12).all()
    assert (total[case.claim] % 100_00 == 0).mean() > 0.5
    assert case.world.people.employee[claims.person[case.claim]].all()


def test_inventory_mismatch_and_reuse_note_what_was_never_bought(
    planted: Callable[[str], Planted],
) -> None:
    for scheme in ("inventory_mismatch", "trace_code_reuse", "account_drain"):
        case = planted(scheme)
        assert set(Notes.pairs(case.ledger.notes.unbought)[0].tolist()) == set(case.line.tolist())


def test_trace_code_reuse(planted: Callable[[str], Planted]) -> None:
    case = planted("trace_code_reuse")
    lines, claims = case.ledger.lines, case.ledger.claims
    again, source = Notes.pairs(case.ledger.notes.reused)
    assert set(again.tolist()) == set(case.line.tolist())
    assert (lines.item[again] == lines.item[source]).all()
    assert (lines.count[again] == lines.count[source]).all()
    assert (lines.time[again] > lines.time[source]).all()
    assert (claims.person[lines.claim[again]] != claims.person[lines.claim[source]]).all()


def test_cost_shifting(planted: Callable[[str], Planted]) -> None:
    case = planted("cost_shifting")
    claims = case.ledger.claims
    assert (claims.kind[case.claim] == PHARMACY).all()
    stay = np.flatnonzero(claims.kind == INPATIENT)
    for one in case.claim.tolist():
        mine = stay[claims.person[stay] == claims.person[one]]
        gap = claims.begin[one] // DAY - claims.end[mine] // DAY
        assert ((gap == 1) | (gap == -1)).any()


def test_drug_resale(planted: Callable[[str], Planted]) -> None:
    case = planted("drug_resale")
    claims = case.ledger.claims
    for person in np.unique(claims.person[case.claim]).tolist():
        mine = case.claim[claims.person[case.claim] == person]
        assert len(np.unique(claims.place[mine])) >= 5


def test_identity_misuse(planted: Callable[[str], Planted]) -> None:
    case = planted("identity_misuse")
    world, claims = case.world, case.ledger.claims
    age = world.people.age(claims.person[case.claim], claims.begin[case.claim] // DAY)
    codes = [world.diagnoses.codes[i] for i in claims.diagnosis[case.claim].tolist()]
    assert set(codes) <= {"Z34.9", "P59.9"}
    # All but the adaptive ones, who lend the card of a woman the list just allows.
    day = claims.begin[case.claim] // DAY
    assert (age > 55).any()
    assert (age[day < world.calendar.days // 2] > 55).all()
    assert age.min() >= 44
