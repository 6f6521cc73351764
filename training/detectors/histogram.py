"""Histogram score: how thinly populated the place is where each value of a row lies, added up.

In: an (n, p) table. Out: a plain sum of one term per column, log(highest bar / bar of the value),
so the explanation is the score. HBOS (Goldstein & Dengel 2012, KI-2012 poster track, 59-63): bars
are densities scaled to a maximum of 1, bins are ``static`` (equal width) or ``dynamic`` (about
equally many rows each; rows of one value stay together), and there are sqrt(n) of them.

Different from the paper, each for a case that it leaves open: bins live on the robust scale of
training.detectors.scaling, so that a long tail does not push all rows into one; edges lie half-way
between observed values, so that a value of its own has a width; no width counts as less than a
tenth of an equal share of the range, so that many equal values do not make all others infinitely
rare; an empty bin, and any value beyond the outermost edges, has the bar of half a row, there in
the widest bin.

A missing value contributes 0. Everything is frozen at fit: a row scores the same alone and in a
million.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from training.detectors.base import Detector, Floats, State, between, read_array
from training.detectors.scaling import RobustScale

_LEAST_WIDTH = 0.1


@dataclass(frozen=True)
class Bars:
    """Edges (b + 1) of the bins of one column and terms (b + 2), the ends for beyond the edges."""

    edges: Floats
    terms: Floats


class HistogramDetector(Detector):
    """Sum over columns of the logarithm of highest bar over the value's bar.

    Args:
        bins: "dynamic" or "static".
        most_bins: most bins per column; fewer where sqrt(n) is less.

    Four rows, 0 0 0 1: two bins of equal width, three rows and one, log(3/1):

    >>> detector = HistogramDetector(bins="static").fit([[0.0], [0.0], [0.0], [1.0]])
    >>> detector.anomaly_score([[0.0], [1.0]]).round(4)
    array([0.    , 1.0986])
    """

    method = "histogram-1"
    #: The score of a row without any term.
    base_value_ = 0.0

    def __init__(
        self, bins: Literal["dynamic", "static"] = "dynamic", most_bins: int = 100
    ) -> None:
        """Store the parameters; ``fit`` checks them."""
        self.bins = bins
        self.most_bins = most_bins

    def _faults(self, columns: int) -> list[str]:
        faults = between("most_bins", self.most_bins, 2, 10_000)
        if self.bins not in ("dynamic", "static"):
            faults.append(f"bins must be 'dynamic' or 'static', got {self.bins!r}")
        return faults

    def _learn(self, values: Floats) -> None:
        self.scale_ = RobustScale.of(values)
        z = self.scale_.known(values)
        split = _dynamic_edges if self.bins == "dynamic" else _static_edges
        self.bars_ = []
        for column in range(z.shape[1]):
            known = np.sort(z[~np.isnan(z[:, column]), column])
            bins = max(2, min(self.most_bins, math.isqrt(len(known))))
            varied = self.scale_.scale[column] > 0 and known[0] < known[-1]
            self.bars_.append(_bars(known, split(known, bins), bins) if varied else _NOTHING)

    def contributions(self, rows: npt.ArrayLike) -> Floats:
        """Return the terms (n, p); added up in the order of the columns they are the score."""
        return self._terms(self._read(rows))

    def _terms(self, values: Floats) -> Floats:
        z = self.scale_.known(values)
        terms = np.zeros(z.shape)
        for column, bars in enumerate(self.bars_):
            # The topmost edge belongs to the last bin.
            place = bars.edges.searchsorted(z[:, column], side="right")
            place[z[:, column] == bars.edges[-1]] -= 1
            terms[:, column] = bars.terms[place]
        terms[np.isnan(z)] = 0.0
        return terms

    def _score(self, values: Floats) -> Floats:
        total = np.zeros(len(values))
        for term in self._terms(values).T:
            total += term
        return total

    def _state(self) -> State:
        bars = [{"edges": b.edges.tolist(), "terms": b.terms.tolist()} for b in self.bars_]
        return {**self.scale_.state(), "bars": bars}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.scale_ = RobustScale.read(state, self.n_features_in_)
        self.bars_ = [
            Bars(read_array(b, "edges", -1), read_array(b, "terms", len(b["edges"]) + 1))
            for b in state["bars"]
        ]
        rising = all(len(b.edges) and (np.diff(b.edges) > 0).all() for b in self.bars_)
        if len(self.bars_) != self.n_features_in_ or not rising:
            raise ValueError("the bins are not one rising table per column")


_NOTHING = Bars(np.zeros(1), np.zeros(2))


def _static_edges(known: Floats, bins: int) -> Floats:
    return _rising(np.linspace(known[0], known[-1], bins + 1))


def _dynamic_edges(known: Floats, bins: int) -> Floats:
    """Return edges half-way between values, at least n / bins rows apart but for the last bin."""
    values, counts = np.unique(known, return_counts=True)
    middles = values[:-1] + np.diff(values) / 2.0
    inner, held = [], 0
    for middle, count in zip(middles.tolist(), counts.tolist(), strict=False):
        held += count
        if held * bins >= len(known):
            inner.append(middle)
            held = 0
    # The outermost values get as much room outside as they have inside.
    low, high = 2.0 * values[0] - middles[0], 2.0 * values[-1] - middles[-1]
    return _rising(np.array([low, *inner, high]))


def _rising(edges: Floats) -> Floats:
    """Return the edges without those that rounding made equal."""
    return np.asarray(np.unique(edges))


def _bars(known: Floats, edges: Floats, bins: int) -> Bars:
    """Return the terms of the bins and of what lies beyond them."""
    if len(edges) < 2:
        return _NOTHING
    counts, _ = np.histogram(known, edges)
    least = _LEAST_WIDTH * (edges[-1] - edges[0]) / bins
    widths = np.maximum(np.diff(edges), least)
    bars = np.maximum(counts, 0.5) / widths
    beyond = min(0.5 / float(widths.max()), float(bars.min()))
    return Bars(edges, np.log(bars.max() / np.array([beyond, *bars, beyond])))
