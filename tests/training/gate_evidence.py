"""Judged units for the gate: one stratum of one plan, weights 1, unless told otherwise."""

from __future__ import annotations

import numpy as np

from training.gate import Evidence


def evidence_of(
    labels: np.ndarray, weights: np.ndarray | None = None, strata: np.ndarray | None = None,
    random: np.ndarray | None = None, overpaid: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
) -> Evidence:  # fmt: skip
    n = len(labels)
    return Evidence(
        np.array([f"u{i:05d}" for i in range(n)]),
        np.asarray(labels, dtype=np.float64),
        np.ones(n) if weights is None else weights,
        100.0 * np.asarray(labels) if overpaid is None else overpaid,
        np.full(n, "P0001"),
        np.full(n, "s") if strata is None else strata,
        np.ones(n, dtype=np.bool_) if random is None else random,
        np.full(n, "") if clusters is None else clusters,
    )
