"""Judged units with their features: what a model is measured on.

In: a build, the ledger and a half-open interval of local days. Out: every verdict of a unit that
became known in it, joined with its row of features as training joins them, and with the design
that chose it: channel, plan, stratum.

A verdict counts on the day it was first given. One that was given before the interval and only
changed in it (an appeal, a correction) is no new evidence, since a model may have learnt from its
first form: it is left out and counted. Of several cases of one unit the latest known counts, as in
training. Verdicts that no design chose are kept with weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from features.build import Build
from features.matrix import Matrix
from jihe.home import Home
from jihe.training import features_and_labels
from jihe.verdict_designs import NO_DESIGN, verdict_designs
from training.evaluate import Judged
from training.frame import join_labels

Texts = npt.NDArray[np.str_]


@dataclass(frozen=True)
class JudgedUnits:
    """Verdicts and features, row by row, in the order of unit id.

    Attributes:
        matrix: the features of the judged rows, and of no other.
        judged: labels, final weights (0 where no design chose the case), groups, amounts.
        label_dates: shape (n,), local day on which the verdict became known.
        channels: shape (n,).
        plan_ids: shape (n,), empty where no plan chose the case.
        strata: shape (n,), the plan's stratum; empty where there is none.
        psu_ids: shape (n,), the institution that was drawn first; empty in a plan of one stage.
        unmatched: verdicts of the interval whose unit has no row of features.
        not_new: verdicts left out since they were first given before the interval.
    """

    matrix: Matrix
    judged: Judged
    label_dates: npt.NDArray[np.datetime64]
    channels: Texts
    plan_ids: Texts
    strata: Texts
    psu_ids: Texts
    unmatched: int = 0
    not_new: int = 0

    def __len__(self) -> int:
        """Return the number of judged units."""
        return len(self.matrix)

    def take(self, rows: npt.NDArray[np.intp]) -> JudgedUnits:
        """Return the given rows, which must keep their order."""
        return replace(
            self,
            matrix=self.matrix.take(rows),
            judged=self.judged.take(rows),
            label_dates=self.label_dates[rows],
            channels=self.channels[rows],
            plan_ids=self.plan_ids[rows],
            strata=self.strata[rows],
            psu_ids=self.psu_ids[rows],
        )


def judged_units(
    made: Build, unit: str, home: Home, *, known_from: date | None, known_before: date
) -> JudgedUnits:
    """Return the verdicts known from ``known_from`` (None: the first) and before ``known_before``.

    Institutions and persons have the profile of the build's day: verdicts older than it were about
    another profile and are not returned.

    Raises LeakageError where a row of features became known after its own verdict.
    """
    matrix, labels = features_and_labels(made, unit, home, known_before)
    labelled = join_labels(matrix, labels, known_before)
    known = verdict_designs(home, unit, known_before)
    designs = [known.get(str(unit_id), NO_DESIGN) for unit_id in labelled.judged.unit_ids]
    start = date.min if known_from is None else known_from
    recent = labelled.dates >= np.datetime64(start, "D")
    new = np.array([design.first_day >= start for design in designs], dtype=np.bool_)
    every = JudgedUnits(
        matrix.take(labelled.rows),
        labelled.judged,
        labelled.dates,
        np.array([d.channel for d in designs], dtype=np.str_),
        np.array([d.plan_id for d in designs], dtype=np.str_),
        np.array([d.stratum for d in designs], dtype=np.str_),
        np.array([d.psu_id for d in designs], dtype=np.str_),
        unmatched=labelled.unmatched,
        not_new=int((recent & ~new).sum()),
    )
    return every.take(np.flatnonzero(recent & new))
