"""Totals from a sample drawn with unequal chances.

In: values of the units drawn, their chances and joint chances. Out: the Horvitz-Thompson total
sum y_k / pi_k with the variance of Sen (1953) and Yates and Grundy (1953) for fixed sizes,

    sum_{k<l} (pi_k pi_l - pi_kl) / pi_kl (y_k / pi_k - y_l / pi_l)^2

(Cochran, Sampling Techniques, 3rd ed., 1977, section 9A.7; Saerndal, Swensson and Wretman, Model
Assisted Survey Sampling, 1992, section 2.8). Certain units add their value and no variance. Under
conditional Poisson sampling every term is above or at zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sampling.drawing.pps_faults import (
    PpsError,
    few_drawn,
    joint_fault,
    length_faults,
    sample_fault,
)
from sampling.estimation.intervals import Estimated, quantity
from sampling.faults import Fault, checked

_SYMMETRY = 1e-9


def pps_total(
    unit_ids: Sequence[str], y: npt.ArrayLike, pi: npt.ArrayLike, joint: npt.ArrayLike
) -> Estimated:
    """Return the total over the frame.

    Args:
        unit_ids: the units drawn; ``y`` and ``pi`` are theirs.
        y: values found.
        pi: inclusion probabilities.
        joint: matrix of joint inclusion probabilities of the units drawn, in the same order.

    Raises:
        PpsError: naming units without a value or chance, and pairs without a joint chance.
    """
    order = sorted(range(len(unit_ids)), key=lambda i: unit_ids[i].encode())
    values, chances, pairs = (np.asarray(a, dtype=np.float64) for a in (y, pi, joint))
    checked(_faults(unit_ids, values, chances, pairs), PpsError)
    values, chances, pairs = values[order], chances[order], pairs[np.ix_(order, order)]
    total = float(np.sum(values / chances))
    variance = sen_yates_grundy(values / chances, chances, pairs)
    least = float(values.sum()) if bool((values >= 0).all()) else -math.inf
    left = int((chances < 1).sum())
    got = quantity(total, variance, left - 1, complete=left == 0, least=least)
    return Estimated("pps", total, variance, got, ())


def sen_yates_grundy(
    expanded: npt.NDArray[np.float64], pi: npt.NDArray[np.float64],
    joint: npt.NDArray[np.float64],
) -> float:  # fmt: skip
    """Return the estimated variance of the sum of ``expanded`` (y_k / pi_k)."""
    delta = (np.outer(pi, pi) - joint) / joint
    gaps = (expanded[:, None] - expanded[None, :]) ** 2
    return float(np.triu(delta * gaps, 1).sum())


def _faults(
    unit_ids: Sequence[str], y: npt.NDArray[np.float64], pi: npt.NDArray[np.float64],
    joint: npt.NDArray[np.float64],
) -> list[Fault]:  # fmt: skip
    n = len(unit_ids)
    faults = length_faults(unit_ids, len(y), len(pi), *joint.shape)
    if faults:
        return faults
    good = np.isfinite(y) & (pi > 0) & (pi <= 1)
    faults += [sample_fault(unit_ids[i]) for i in np.flatnonzero(~good).tolist()]
    most = np.minimum.outer(pi, pi) * (1 + _SYMMETRY)
    with np.errstate(invalid="ignore"):
        fits = (joint > 0) & (joint <= most) & (np.abs(joint - joint.T) <= _SYMMETRY * joint)
    np.fill_diagonal(fits, True)
    faults += [
        joint_fault(unit_ids[i], unit_ids[j]) for i, j in np.argwhere(~fits).tolist() if i <= j
    ]
    if not faults and (n == 0 or int((pi < 1).sum()) == 1):
        faults.append(few_drawn())
    return faults
