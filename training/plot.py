"""A drawn plot: the same picture twice, as pixels and as lines. No drawing library here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Plot:
    """A plot as PNG, which every viewer shows, and as SVG, which prints sharply at any size."""

    png: bytes
    svg: bytes


def plot_files(plots: Mapping[str, Plot], folder: str = "") -> dict[str, bytes]:
    """Return the two files of each plot by their paths below ``folder``."""
    named = {f"{folder}{name}.png": plot.png for name, plot in plots.items()}
    return named | {f"{folder}{name}.svg": plot.svg for name, plot in plots.items()}
