"""How many units a wanted precision takes, with or without a probe sample.

In: sizes, guesses of S^2 and the half-width or coefficient of variation (CV) that the total shall
have. Out: whole numbers, never below 2 and never above N, with the finite population correction.

Cochran, Sampling Techniques, 3rd ed. (1977): simple random sampling, section 4.6: n_0 = (z N S /
d)^2, n = n_0 / (1 + n_0 / N); stratified, section 5.9: n = sum(N_h^2 S_h^2 / w_h) / (V + sum N_h
S_h^2) with n_h = w_h n, where w_h is proportional to N_h or to N_h S_h (Neyman). `least_capacity`
gives the smallest capacity whose whole numbers, bounds included, reach the variance.

Probe sample. S^2 is not known before: a first, random n_1 is inspected and counts for the whole.
Cox, Biometrika 39 (1952) 217-227, as in Cochran, section 4.7: n = s_1^2 / V (1 + 2 / n_1) for a
mean of variance V; n = s_1^2 / (C ybar_1^2) (1 + 8 C + s_1^2 / (n_1 ybar_1^2) + 2 / n_1) for a CV
of sqrt(C). Stein, Annals of Mathematical Statistics 16 (1945) 243-258: n = max(n_1, s_1^2 t^2 /
d^2) with Student's t of n_1 - 1 degrees of freedom, exact for normal values. All three ignore the
finite population correction, so they err on the safe side.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from scipy import stats

from sampling.faults import Fault, SamplingError, checked
from sampling.planning.allocation import best_draws, fewest_draws
from sampling.planning.frontier import Z_95, expected_variance

Split = Literal["proportional", "neyman"]


class SampleSizeError(SamplingError):
    """The wanted precision or what is known beforehand makes no sense."""


@dataclass(frozen=True)
class Probe:
    """What a probe sample of n_1 units gave: mean and variance (divisor n_1 - 1) of the values."""

    n: int
    mean: float
    variance: float


def simple_size(units: int, spread: float, half_width: float, z: float = Z_95) -> int:
    """Return n of a simple random sample for a half-width of the total; ``spread`` is S^2.

    Raises:
        SampleSizeError: naming every number out of range.
    """
    faults = _above("half_width", half_width) + _above("units", units) + _above("z", z)
    faults += _from_zero("spread", spread)
    checked(faults, SampleSizeError)
    first = (z * units / half_width) ** 2 * spread
    return _whole(first / (1 + first / units), units)


def stratified_size(
    sizes: Mapping[str, int], spreads: Mapping[str, float], half_width: float,
    split: Split = "neyman", z: float = Z_95,
) -> int:  # fmt: skip
    """Return n of a stratified sample for a half-width of the total, without bounds on the n_h.

    Raises:
        SampleSizeError: naming every number out of range.
    """
    faults = _above("half_width", half_width) + _above("z", z) + _known(sizes, spreads)
    checked(faults, SampleSizeError)
    variance = (half_width / z) ** 2
    within = math.fsum(n * spreads[h] for h, n in sizes.items())
    units = sum(sizes.values())
    if split == "neyman":
        top = math.fsum(n * math.sqrt(spreads[h]) for h, n in sizes.items()) ** 2
    else:
        top = units * within
    return _whole(top / (variance + within), units)


def least_capacity(
    sizes: Mapping[str, int], spreads: Mapping[str, float], half_width: float,
    random_share: Decimal, take_all: Collection[str] = (), z: float = Z_95,
) -> int:  # fmt: skip
    """Return the smallest capacity whose best draws, with all bounds, reach the half-width.

    Raises:
        SampleSizeError: naming every number out of range.
    """
    checked(
        _above("half_width", half_width) + _above("z", z) + _known(sizes, spreads), SampleSizeError
    )
    weights = {h: n * n * Fraction(spreads[h]) for h, n in sizes.items()}
    variance = (half_width / z) ** 2
    few, many = 1, sum(sizes.values())
    while few < many:
        middle = (few + many) // 2
        lower = fewest_draws(sizes, middle, random_share, take_all)
        enough = sum(lower.values()) <= middle
        if enough:
            draws = best_draws(weights, lower, sizes, middle)
            parts = [(sizes[h], draws[h], spreads[h]) for h in sizes]
            enough = expected_variance(*map(list, zip(*parts, strict=True))) <= variance
        few, many = (few, middle) if enough else (middle + 1, many)
    return few


def cox_size(units: int, probe: Probe, *, variance: float = 0.0, cv: float = 0.0) -> int:
    """Return n, the probe included, for a variance of the mean or a CV of mean or total.

    Raises:
        SampleSizeError: unless exactly one of variance and cv is given, above 0, or if the probe
            has fewer than 2 units or, for a CV, no mean above 0.
    """
    faults = _probe_faults(probe)
    if (variance > 0) == (cv > 0) or variance < 0 or cv < 0:
        faults.append(_one_aim())
    if cv > 0 and not probe.mean > 0:
        faults.append(_no_mean())
    checked(faults, SampleSizeError)
    if variance > 0:
        n = probe.variance / variance * (1 + 2 / probe.n)
    else:
        relative = probe.variance / probe.mean**2
        n = relative / cv**2 * (1 + 8 * cv**2 + relative / probe.n + 2 / probe.n)
    return max(probe.n, _whole(n, units))


def stein_size(units: int, probe: Probe, half_width: float, confidence: float = 0.95) -> int:
    """Return n, the probe included, for a half-width of the total.

    Raises:
        SampleSizeError: naming every number out of range.
    """
    faults = _probe_faults(probe) + _above("half_width", half_width)
    if not 0 < confidence < 1:
        faults += _above("confidence", -1)
    checked(faults, SampleSizeError)
    t = float(stats.t.ppf((1 + confidence) / 2, probe.n - 1))
    return max(probe.n, _whole((t * units / half_width) ** 2 * probe.variance, units))


def _whole(n: float, units: int) -> int:
    """Round up, but not for what floating point added to a whole number; 2 at least, N at most."""
    nearest = round(n)
    up = nearest if math.isclose(n, nearest, rel_tol=1e-12) else math.ceil(n)
    return min(units, max(2, up))


def _known(sizes: Mapping[str, int], spreads: Mapping[str, float]) -> list[Fault]:
    faults = [f for h, n in sizes.items() for f in _above(f"units of stratum {h}", n)]
    return faults + [
        f for h in sizes for f in _from_zero(f"spread of stratum {h}", spreads.get(h, math.nan))
    ]


def _probe_faults(probe: Probe) -> list[Fault]:
    faults = _from_zero("variance of the probe", probe.variance)
    if probe.n < 2:
        faults.append(Fault(
            "SIZE_PROBE", f"The probe has {probe.n} units; 2 at least tell a variance.",
            f"试查样本有{probe.n}个对象，至少需要2个才能得出方差。",
        ))  # fmt: skip
    return faults


def _above(name: str, value: float) -> list[Fault]:
    if value > 0 and math.isfinite(value):
        return []
    return [Fault(
        "SIZE_NUMBER", f"'{name}' is {value!r}; it must be a number above 0.",
        f"“{name}”为{value!r}，应为大于0的数。",
    )]  # fmt: skip


def _from_zero(name: str, value: float) -> list[Fault]:
    if value >= 0 and math.isfinite(value):
        return []
    return [Fault(
        "SIZE_NUMBER", f"'{name}' is {value!r}; it must be a number of 0 or more.",
        f"“{name}”为{value!r}，应为不小于0的数。",
    )]  # fmt: skip


def _one_aim() -> Fault:
    return Fault(
        "SIZE_AIM", "Give either the variance of the mean or the CV, above 0.",
        "请给出均值的方差或变异系数其中之一，且大于0。",
    )  # fmt: skip


def _no_mean() -> Fault:
    return Fault(
        "SIZE_MEAN", "The probe found nothing, so a CV has no meaning; inspect more, or name a "
        "variance.", "试查未发现任何金额，变异系数没有意义；请扩大试查，或改用方差。",
    )  # fmt: skip
