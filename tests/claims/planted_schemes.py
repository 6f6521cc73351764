"""A county of innocents with one scheme planted into it."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from claims.simulator.arrays import Ints
from claims.simulator.ledger import Ledger
from claims.simulator.schemes import NAMES, plant
from claims.simulator.world import World

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
