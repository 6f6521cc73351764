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
from claims.simulator.schemes.charges import (
    discharge_supply,
    duplicate_charge,
    item_substitution,
    restricted_payment,
    surgery_discount,
    therapeutic_duplication,
)
from claims.simulator.schemes.desks import (
    departed_doctor,
    employer_roster,
    impossible_day,
    offhours_billing,
    split_prescription,
)
from claims.simulator.schemes.fabrication import batch_swiping, excess_supply, fabricated_visits
from claims.simulator.schemes.identity import (
    duplicate_settlement,
    outpatient_during_stay,
    overlapping_stays,
    service_after_death,
)
from claims.simulator.schemes.plot import Plot
from claims.simulator.schemes.shops import (
    account_drain,
    cost_shifting,
    drug_resale,
    identity_misuse,
    inventory_mismatch,
    trace_code_reuse,
)
from claims.simulator.schemes.wards import (
    bed_over_capacity,
    care_home_rotation,
    cloned_stays,
    drg_upcoding,
    frequent_admission,
)
from claims.simulator.world import World

PLANTED = (
    sex_conflict,
    overpriced,
    quantity_over_maximum,
    charge_after_discharge,
    service_after_death,
    duplicate_settlement,
    bed_hanging,
    low_standard_admission,
    split_hospitalisation,
    overlapping_stays,
    outpatient_during_stay,
    excess_supply,
    batch_swiping,
    inflated_examinations,
    fabricated_visits,
    item_substitution,
    duplicate_charge,
    surgery_discount,
    therapeutic_duplication,
    restricted_payment,
    discharge_supply,
    cloned_stays,
    care_home_rotation,
    frequent_admission,
    bed_over_capacity,
    drg_upcoding,
    split_prescription,
    impossible_day,
    departed_doctor,
    offhours_billing,
    employer_roster,
    account_drain,
    inventory_mismatch,
    trace_code_reuse,
    cost_shifting,
    drug_resale,
    identity_misuse,
)
SCHEMES: dict[str, Callable[[Plot], None]] = {scheme.__name__: scheme for scheme in PLANTED}
NAMES = tuple(SCHEMES)


def plant(world: World, ledger: Ledger, seeds: list[np.random.SeedSequence]) -> None:
    """Plant every enabled scheme; each has its own seed, whichever others are enabled."""
    for number, (name, scheme) in enumerate(SCHEMES.items()):
        spec = world.parameters.schemes[name]
        if spec.enabled:
            scheme(Plot(world, ledger, spec, number, np.random.default_rng(seeds[number])))
