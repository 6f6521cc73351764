"""The sheet that plots are drawn on: one look, both languages where a font for them is there.

In: labels in English and Chinese. Out: axes to draw on, and the plot as PNG and SVG without a time
or a software version in them: on one machine same inputs give same bytes. Letters in an SVG are
outlines, so that it needs no font where it is read. Where no Chinese font is installed the labels
are English alone; nothing is drawn as empty boxes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.plot import Plot

SIZE = (7.2, 5.0)
#: Okabe & Ito's colours (2008), which colour-blind people tell apart.
MODEL, AMOUNT, RULES, PALE = "#0072B2", "#D55E00", "#009E73", "#767676"
#: Files of fonts with Chinese, the first one installed is used.
_CHINESE = ("NotoSansCJK-Regular", "NotoSansSC-Regular", "SourceHanSansSC-Regular", "wqy-microhei",
            "wqy-zenhei", "msyh", "simhei", "PingFang", "NotoSerifCJK-Regular")  # fmt: skip
_LOOK: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 14,
    "axes.titlepad": 12,
    "axes.labelsize": 10,
    "axes.labelcolor": "#333333",
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    # Names inside an SVG are hashes; without a salt of our own they differ at every drawing.
    "svg.hashsalt": "jihe",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 2.0,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
}


class Sheet:
    """What was drawn, once the canvas has been left."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._bytes: dict[str, bytes] = {}

    def save(self, figure: Figure) -> None:
        """Keep the figure as it is now."""
        for form, about in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
            file = io.BytesIO()
            figure.savefig(file, format=form, dpi=110, metadata=about)
            self._bytes[form] = file.getvalue()

    def plot(self) -> Plot:
        """Return the plot; KeyError within the canvas."""
        return Plot(self._bytes["png"], self._bytes["svg"])


def both(english: str, chinese: str, join: str = "\n") -> str:
    """Return a label in both languages, or in English where Chinese can't be drawn."""
    return f"{english}{join}{chinese}" if _chinese_font() else english


@contextmanager
def canvas(
    x: str, y: str, title: str = "", size: tuple[float, float] = SIZE
) -> Iterator[tuple[Axes, Sheet]]:
    """Give axes, and save them on the sheet on leaving."""
    sheet = Sheet()
    font = _chinese_font()
    family = ["DejaVu Sans", font] if font else ["DejaVu Sans"]
    with plt.style.context("default"), plt.rc_context({**_LOOK, "font.family": family}):
        figure: Figure = plt.figure(figsize=size, layout="tight")
        try:
            axes = figure.add_subplot()
            axes.set(xlabel=x, ylabel=y)
            axes.set_title(title)
            axes.set_axisbelow(True)
            yield axes, sheet
            sheet.save(figure)
        finally:
            plt.close(figure)


@cache
def _chinese_font() -> str:
    """Return the name of an installed font with Chinese, empty where there is none."""
    installed = {Path(path).stem: path for path in sorted(font_manager.findSystemFonts())}
    for stem in _CHINESE:
        if stem in installed:
            font_manager.fontManager.addfont(installed[stem])
            return font_manager.get_font(installed[stem]).family_name
    return ""
