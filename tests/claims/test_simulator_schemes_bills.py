"""Schemes of lines, drugs and payments do what their names say, each against the innocents."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from claims.simulator.arrays import DAY, Bools, Ints
from claims.simulator.diagnoses import GROUPS
from claims.simulator.ledger import INPATIENT, PHARMACY, Notes
from claims.simulator.limits import EXCLUSIVE_PAIRS, INDICATIONS, SWAPS
from tests.claims.planted_schemes import Planted


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


def test_split_prescription(planted: Callable[[str], Planted]) -> None:
    case = planted("split_prescription")
    claims, total = case.ledger.claims, case.ledger.totals()
    assert total[case.claim].max() <= 100_00
    for one in case.claim[:40].tolist():
        alike = (claims.person == claims.person[one]) & (claims.place == claims.place[one])
        near = alike & (np.abs(claims.begin - claims.begin[one]) <= 3 * DAY)
        assert near.sum() >= 2


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
