"""The lines of stays.

Bed and nursing every day, drugs nearly every day, tests, treatment, operations.

In: claims of stays. Out: their lines, dated within the stay. The drugs are scaled so that a stay
costs what stays of its level and diagnosis cost.
"""

from __future__ import annotations

import numpy as np

from claims.simulator.arrays import DAY, HOUR, MINUTE, Floats, Ints, by_level, spread
from claims.simulator.basket import distinct, make_lines, modest_count, rows_for
from claims.simulator.ledger import Claims, Lines, join, take
from claims.simulator.limits import SECOND_OPERATION, SECOND_PERMILLE
from claims.simulator.world import World

# What a stay costs by level, relative to each other.
RELATIVE_COST = {1: 0.6, 2: 1.0, 3: 1.6, 9: 0.4}
USUAL_COST_FACTOR = 0.80
CHEAP = 1000
MOST_UNITS = 20
SECOND_SHARE = 0.08
DEAREST_TREATMENT = 400
OPERATION = {
    "K35.8": ("阑尾切除术", 0.9),
    "K80.1": ("腹腔镜胆囊切除术", 0.6),
    "S82.6": ("骨折切开复位内固定术", 0.7),
    "D25.9": ("子宫肌瘤切除术", 0.7),
    "H25.9": ("白内障超声乳化术", 0.95),
    "I20.0": ("冠状动脉造影术", 0.45),
    "O80.0": ("顺产接生", 1.0),
    "O82.0": ("剖宫产术", 1.0),
}
SPECIAL_CONSUMABLE = {"H25.9": "人工晶体", "S82.6": "锁定接骨板", "I20.0": "造影导管"}


def ward_lines(rng: np.random.Generator, world: World, claims: Claims) -> Lines:
    """All lines of innocent stays."""
    fixed = join(
        [
            daily_lines(rng, world, claims),
            *_tests(rng, world, claims),
            _treatments(rng, world, claims),
            _operations(rng, world, claims),
            _standing_drugs(rng, world, claims),
        ]
    )
    drugs = _drugs(rng, world, claims)
    return join([fixed, _scaled(rng, world, claims, fixed, drugs)])


def days_in(claims: Claims) -> Ints:
    """Bed days of each stay: nights, at least one."""
    days: Ints = np.maximum(1, claims.end // DAY - claims.begin // DAY)
    return days


def within(claims: Claims, owner: Ints, day: Ints, clock: Ints) -> Ints:
    """A moment on the given day of the stay, moved inside the stay if need be."""
    time = (claims.begin[owner] // DAY + day) * DAY + clock
    inside: Ints = np.clip(time, claims.begin[owner], claims.end[owner] - 1)
    return inside


def daily_lines(rng: np.random.Generator, world: World, claims: Claims) -> Lines:
    """One line for the bed and one for nursing on each day."""
    number = world.items.number
    beds = np.asarray([number(n) for n in ("普通病房床位费", "二人间床位费", "监护病房床位费")])
    cares = np.asarray([number(n) for n in ("三级护理", "二级护理", "一级护理", "特级护理")])
    large = world.places.level[claims.place] >= 2
    part = rng.random(len(claims))
    bed = beds[np.where(part < 0.8, 0, np.where((part < 0.975) | ~large, 1, 2))]
    grade = (rng.random(len(claims)) * 2.4).astype(np.int64) + (large & (part >= 0.975))
    owner, day = spread(days_in(claims))
    clock = np.full(len(owner), 8 * HOUR, dtype=np.int64)
    time = within(claims, owner, day, clock)
    ones = np.ones(len(owner), dtype=np.int64)
    return join(
        [
            make_lines(world, claims, owner, bed[owner], ones, time),
            make_lines(world, claims, owner, cares[np.minimum(grade, 3)][owner], ones, time),
        ]
    )


def tests_of(
    rng: np.random.Generator, world: World, claims: Claims, kind: str, counts: Ints, *, early: float
) -> Lines:
    """Different tests of a class for each stay, a share `early` of them on the day of admission."""
    lists = world.items.by_group(kind, ward=True, dearest=DEAREST_TREATMENT + 100)
    owner, item = distinct(rng, lists, rows_for(world, claims, claims.diagnosis), counts)
    later = (rng.random(len(owner)) * days_in(claims)[owner]).astype(np.int64)
    day = np.where(rng.random(len(owner)) < early, 0, later)
    clock = (8 * HOUR + rng.random(len(owner)) * 9 * HOUR).astype(np.int64)
    count = modest_count(rng, world, item)
    return make_lines(world, claims, owner, item, count, within(claims, owner, day, clock))


def _tests(rng: np.random.Generator, world: World, claims: Claims) -> list[Lines]:
    n = len(claims)
    return [
        tests_of(rng, world, claims, "lab", 2 + rng.poisson(1.8, n), early=0.7),
        tests_of(rng, world, claims, "exam", 1 + rng.poisson(0.6, n), early=0.6),
        tests_of(rng, world, claims, "consumable", rng.poisson(1.2, n), early=0.5),
    ]


def _treatments(rng: np.random.Generator, world: World, claims: Claims) -> Lines:
    """Treatments of the diagnosis, and infusions on about half of the days."""
    some = tests_of(rng, world, claims, "treatment", 1 + rng.poisson(1.0, len(claims)), early=0.2)
    owner, day = spread(days_in(claims))
    given = rng.random(len(owner)) < 0.45
    owner, day = owner[given], day[given]
    item = np.full(len(owner), world.items.number("静脉输液"), dtype=np.int64)
    clock = np.full(len(owner), 10 * HOUR, dtype=np.int64)
    ones = np.ones(len(owner), dtype=np.int64)
    infusions = make_lines(world, claims, owner, item, ones, within(claims, owner, day, clock))
    return join([some, infusions])


def _operations(rng: np.random.Generator, world: World, claims: Claims) -> Lines:
    """The operation of a diagnosis with anaesthesia and its consumables, where the level allows."""
    parts = [make_lines(world, claims, *[np.zeros(0, dtype=np.int64)] * 4)]
    large = world.places.level[claims.place] >= 2
    for code, (name, chance) in OPERATION.items():
        able = large | (code in ("H25.9", "O80.0"))
        mine = (claims.diagnosis == world.diagnoses.number(code)) & able
        owner = np.flatnonzero(mine & (rng.random(len(claims)) < chance)).astype(np.int64)
        names = [name, "一次性手术包", SPECIAL_CONSUMABLE.get(code, "可吸收缝线")]
        if code not in ("O80.0", "H25.9", "I20.0"):
            names.append("全身麻醉" if code.startswith("K") else "椎管内麻醉")
        day = np.minimum(1, days_in(claims)[owner] - 1)
        time = within(claims, owner, day, np.full(len(owner), 10 * HOUR, dtype=np.int64))
        for each in names:
            item = np.full(len(owner), world.items.number(each), dtype=np.int64)
            parts.append(make_lines(world, claims, owner, item, np.ones_like(item), time))
        if code in SECOND_OPERATION:
            more = rng.random(len(owner)) < SECOND_SHARE
            parts.append(second_operation(world, claims, owner[more], time[more], code))
    return join(parts)


def second_operation(world: World, claims: Claims, owner: Ints, time: Ints, code: str) -> Lines:
    """A further operation through the same access, at the reduced price."""
    item = np.full(len(owner), world.items.number(SECOND_OPERATION[code]), dtype=np.int64)
    lines = make_lines(world, claims, owner, item, np.ones_like(item), time)
    lines.price = lines.price * SECOND_PERMILLE // 1000
    return lines


def _standing_drugs(rng: np.random.Generator, world: World, claims: Claims) -> Lines:
    """The chronically ill go on taking their drug, and half take some home when they leave."""
    standing = world.people.chronic_items[claims.person, 0]
    ill = np.flatnonzero(standing >= 0).astype(np.int64)
    taken = ill[rng.random(len(ill)) < 0.5]
    home = ill[rng.random(len(ill)) < 0.5]
    day = np.minimum(1, days_in(claims)[taken] - 1)
    time = within(claims, taken, day, np.full(len(taken), 8 * HOUR, dtype=np.int64))
    inside = make_lines(world, claims, taken, standing[taken], np.ones_like(taken), time)
    inside.days[:] = -1
    pack = np.maximum(world.items.days[standing[home]], 1)
    wish = rng.choice([7, 14, 28], size=len(home), p=[0.3, 0.4, 0.3])
    packs = np.maximum(1, wish // pack)
    last = np.maximum(claims.begin[home], claims.end[home] - 30 * MINUTE)
    return join([inside, make_lines(world, claims, home, standing[home], packs, last)])


def _drugs(rng: np.random.Generator, world: World, claims: Claims) -> Lines:
    """One or two of five standing drugs on nearly every day.

    A few convalescents get none at the end.
    """
    lists = world.items.by_group("drug", ward=True, dearest=1000)
    rows = rows_for(world, claims, claims.diagnosis)
    first = (rng.random(len(claims)) * lists.counts[rows]).astype(np.int64)
    length = days_in(claims)
    convalescent = (length >= 7) & (rng.random(len(claims)) < 0.04)
    treated = length - np.where(convalescent, 3, 0)
    parts = []
    for offset, chance in ((0, 0.97), (2, 0.72)):
        owner, day = spread(treated)
        given = (rng.random(len(owner)) < chance) | (day == 0)
        owner, day = owner[given], day[given]
        item = lists.at(rows[owner], first[owner] + (day + offset) % 5)
        clock = np.full(len(owner), (9 + offset) * HOUR, dtype=np.int64)
        parts.append(
            make_lines(
                world, claims, owner, item, np.ones_like(item), within(claims, owner, day, clock)
            )
        )
    lines = join(parts)
    lines.days[:] = -1
    return lines


def _scaled(
    rng: np.random.Generator, world: World, claims: Claims, fixed: Lines, drugs: Lines
) -> Lines:
    """Drug lines with as many units as bring the stay to its usual cost."""
    n = len(claims)
    spent = np.bincount(fixed.claim, weights=fixed.count * fixed.price, minlength=n)
    dear = drugs.price >= CHEAP
    dear_lines = np.maximum(np.bincount(drugs.claim[dear], minlength=n), 1)
    room = np.maximum(_target(rng, world, claims) - spent, 0.0) / dear_lines
    wish = np.rint(room[drugs.claim] / drugs.price * rng.uniform(0.7, 1.3, len(drugs)))
    units = np.where(dear, np.clip(wish, 1, MOST_UNITS), rng.integers(1, 4, len(drugs)))
    scaled = take(drugs, np.ones(len(drugs), dtype=bool))
    scaled.count = units.astype(np.int64)
    return scaled


def _target(rng: np.random.Generator, world: World, claims: Claims) -> Floats:
    """What a stay is expected to cost, in fen."""
    cost = world.diagnoses.cost[claims.diagnosis] / USUAL_COST_FACTOR
    long = np.sqrt(days_in(claims) / world.diagnoses.stay_days[claims.diagnosis])
    chance = rng.lognormal(-0.06, 0.35, len(claims))
    relative = by_level(RELATIVE_COST)[world.places.level[claims.place]]
    usual = (
        100
        * world.parameters.care.yuan_per_stay
        * relative
        / max(relative.sum() / max(len(claims), 1), 1e-9)
    )
    target: Floats = usual * cost * long * chance
    return target
