"""Payment groups: what else a patient in bed has, which group that gives, and what it is paid.

In: the world and the ledger. Out: secondary diagnoses by stay, group codes, weights and payment
standards. After the shape of China's CHS-DRG: an adjacent group by the main diagnosis, and a digit
1, 3 or 5 for major, minor or no complications. The weights are the simulator's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claims.simulator.arrays import DAY, Floats, Ints, Noise, by_level, ints
from claims.simulator.diagnoses import GROUPS
from claims.simulator.ledger import INPATIENT, Ledger
from claims.simulator.ward import RELATIVE_COST
from claims.simulator.world import World

MINOR, MAJOR = 1, 2
# (code, name, severity, the item that shows it, share of the stays with that item).
SECONDARY = (
    ("J96.0", "急性呼吸衰竭", MAJOR, "血气分析", 0.30),
    ("A41.9", "脓毒症", MAJOR, "降钙素原", 0.15),
    ("N17.9", "急性肾衰竭", MAJOR, "肾功能全套", 0.03),
    ("E87.6", "低钾血症", MINOR, "电解质", 0.25),
    ("D64.9", "贫血", 0, "血常规", 0.08),
    ("E78.5", "高脂血症", 0, "血脂全套", 0.35),
)
_ADJACENT = (
    "ES2 GZ1 FV1 KS1 FR2 BR2 ET1 KT1 HZ1 TS1 IU2 LJ1 NZ1 OB1 PU1 LR1 RU1 JU1 CB3 DT1 DS1 IF3"
)
ADJACENT = dict(zip(GROUPS, _ADJACENT.split(" "), strict=True))
DIGITS = ("5", "3", "1")
CODES = [ADJACENT[group] + digit for group in GROUPS for digit in DIGITS]
SEVERITY_FACTOR = (0.9, 1.15, 1.6)
NEVER_WITH = ("obs", "neo", "onc")


@dataclass(frozen=True)
class Comorbidity:
    """Secondary diagnoses as pairs of a stay (its first claim) and a row of `SECONDARY`."""

    visit: Ints
    secondary: Ints
    severity: Ints


def comorbidity(noise: Noise, world: World, ledger: Ledger) -> Comorbidity:
    """What the records of each stay show, and what was added to the upcoded ones.

    An honest complication has its test among the lines; `severity` is per claim.
    """
    claims, lines = ledger.claims, ledger.lines
    spared = ints([GROUPS.index(one) for one in NEVER_WITH])
    group = world.diagnoses.group[claims.diagnosis]
    grown = world.people.age(claims.person, claims.begin // DAY) >= 18
    able = (claims.kind == INPATIENT) & grown & ~np.isin(group, spared)
    parts = [ledger.notes.pairs(ledger.notes.upcoded)]
    for row, (_, _, _, item, share) in enumerate(SECONDARY):
        shown = lines.claim[lines.item == world.items.number(item)]
        visit = np.unique(claims.visit[shown[able[shown]]])
        visit = visit[noise.uniform(visit, 20 + row) < share]
        parts.append((visit, np.full_like(visit, row)))
    visit = np.concatenate([part[0] for part in parts])
    secondary = np.concatenate([part[1] for part in parts])
    worst = np.zeros(len(claims), dtype=np.int64)
    np.maximum.at(worst, visit, ints([row[2] for row in SECONDARY])[secondary])
    return Comorbidity(visit, secondary, worst[claims.visit])


def group_of(world: World, ledger: Ledger, found: Comorbidity) -> Ints:
    """The row of `CODES` of each stay, -1 of other claims."""
    claims = ledger.claims
    group = world.diagnoses.group[np.maximum(claims.diagnosis, 0)]
    return np.where(claims.kind == INPATIENT, len(DIGITS) * group + found.severity, -1)


def weights(world: World) -> Floats:
    """The relative weight of each of `CODES`: what stays of the group cost, times its severity."""
    kinds, cost = world.diagnoses.group, world.diagnoses.cost
    mean = np.asarray([cost[kinds == row].mean() for row in range(len(GROUPS))])
    grid = mean[:, None] * np.asarray(SEVERITY_FACTOR)[None, :]
    return np.asarray(np.round(grid.ravel(), 4), dtype=np.float64)


def standard(world: World, code: Ints, level: Ints) -> Ints:
    """What a stay of a group is paid at a level, in fen."""
    base = 100 * world.parameters.care.yuan_per_stay * by_level(RELATIVE_COST)[level]
    return np.floor(weights(world)[code] * base).astype(np.int64)
