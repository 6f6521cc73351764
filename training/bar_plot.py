"""One bar for each ranking, list or model: what people compare first.

In: names, figures and colours; 95 % intervals and a figure to compare with where there are any.
Out: a `Plot`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from training.canvas import canvas
from training.plot import Plot


def bar_plot(
    names: Sequence[str], values: npt.ArrayLike, colours: Sequence[str], x: str, title: str, *,
    ends: npt.ArrayLike | None = None, line: float | None = None, line_label: str = "",
    share: bool = True, size: tuple[float, float] = (8.0, 3.8),
) -> Plot:  # fmt: skip
    """Draw one bar for each name, the first on top.

    Args:
        names: labels, shape (n,).
        values: lengths of the bars, shape (n,).
        colours: shape (n,).
        x: label of the axis.
        title: of the plot.
        ends: intervals, shape (n, 2); a row of NaN has none.
        line: a figure that all bars are compared with, dotted.
        line_label: its name in the legend; without one there is no legend.
        share: whether values are shares, written in per cent.
        size: width and height in inches.
    """
    lengths = np.asarray(values, dtype=np.float64)
    with canvas(x, "", title, size) as (axes, sheet):
        axes.barh(names, lengths, color=colours, height=0.6)
        if ends is not None:
            known = np.asarray(ends, dtype=np.float64)
            away = np.abs(known - lengths[:, None])
            some = np.flatnonzero(~np.isnan(away).any(axis=1))
            axes.errorbar(
                lengths[some], [names[i] for i in some.tolist()], xerr=away[some].T, fmt="none",
                color="#333333", capsize=4,
            )  # fmt: skip
        if line is not None:
            axes.axvline(line, color="black", ls=":", label=line_label)
        if line_label:
            axes.legend(loc="lower right")
        if share:
            axes.xaxis.set_major_formatter("{x:.0%}")
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
    return sheet.plot()
