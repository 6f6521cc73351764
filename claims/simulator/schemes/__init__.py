"""The violation schemes, in the order in which they are planted.

In: the world and the ledger of innocent claims. Out: the same ledger with planted claims and lines,
each written down in the ledger's truth. A scheme whose actors do not exist in a county plants
nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from claims.simulator.ledger import Ledger
from claims.simulator.schemes.admissions import (
    bed_hanging,
    low_standard_admission,
    split_hospitalisation,
)
from claims.simulator.schemes.billing import (
    charge_after_discharge,
    inflated_examinations,
    overpriced,
    quantity_over_maximum,
    sex_conflict,
)
from claims.simulator.schemes.fabrication import batch_swiping, excess_supply, fabricated_visits
from claims.simulator.schemes.identity import (
    duplicate_settlement,
    outpatient_during_stay,
    overlapping_stays,
    service_after_death,
)
from claims.simulator.schemes.plot import Plot
from claims.simulator.world import World

SCHEMES: dict[str, Callable[[Plot], None]] = {
    "sex_conflict": sex_conflict,
    "overpriced": overpriced,
    "quantity_over_maximum": quantity_over_maximum,
    "charge_after_discharge": charge_after_discharge,
    "service_after_death": service_after_death,
    "duplicate_settlement": duplicate_settlement,
    "bed_hanging": bed_hanging,
    "low_standard_admission": low_standard_admission,
    "split_hospitalisation": split_hospitalisation,
    "overlapping_stays": overlapping_stays,
    "outpatient_during_stay": outpatient_during_stay,
    "excess_supply": excess_supply,
    "batch_swiping": batch_swiping,
    "inflated_examinations": inflated_examinations,
    "fabricated_visits": fabricated_visits,
}
NAMES = tuple(SCHEMES)


def plant(world: World, ledger: Ledger, seeds: list[np.random.SeedSequence]) -> None:
    """Plant every enabled scheme; each has its own seed, whichever others are enabled."""
    for number, (name, scheme) in enumerate(SCHEMES.items()):
        spec = world.parameters.schemes[name]
        if spec.enabled:
            scheme(Plot(world, ledger, spec, number, np.random.default_rng(seeds[number])))
