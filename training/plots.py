"""Plots of an evaluation; the numbers behind them are records, these are for looking.

In: judged units with log-odds that their verdicts had no part in. Out: precision over recall, the
reliability curve with the Venn-Abers band, the gain of money over what is inspected, and the burden
by group, each beside both baselines where there are any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from scipy.special import expit

from training.calibration_check import Bin, reliability_curve, venn_abers_band
from training.canvas import AMOUNT, MODEL, PALE, RULES, both, canvas
from training.evaluate import Judged
from training.metrics import put_in_order
from training.plot import Plot
from training.shap_plot import PlotError, shap_summary, tree_explainer_values

__all__ = ["PlotError", "burden", "draw_all", "gain", "precision_recall", "reliability",
           "shap_summary", "tree_explainer_values"]  # fmt: skip

Floats = npt.NDArray[np.float64]

#: Resamples of the intervals in the reliability plot.
_RESAMPLES, _SEED = 200, 20250102
_NAMES = {
    "model": ("model", "本模型", MODEL, "-"),
    "amount": ("sort by amount", "按金额排序", AMOUNT, "--"),
    "rules": ("rules only", "仅按规则", RULES, "-."),
}


def draw_all(
    judged: Judged, log_odds: Floats, tie_seed: int, *, calibrated: bool = True
) -> dict[str, Plot]:
    """Return the plots of an evaluation by name; a score that is no log-odds has no calibration."""
    drawn = {
        "precision_recall": precision_recall(judged, log_odds, tie_seed),
        "gain": gain(judged, log_odds, tie_seed),
    }
    return drawn | ({"calibration": reliability(judged, log_odds)} if calibrated else {})


def precision_recall(judged: Judged, log_odds: Floats, tie_seed: int) -> Plot:
    """Draw precision over recall, beside sorting by amount and rules only."""
    title = both("What is found, at what precision", "查全率与查准率", " · ")
    x = both(
        "Recall: share of all confirmed cases that is found", "查全率：查出的案件占全部应查实案件"
    )
    y = both("Precision: share of inspected cases confirmed", "查准率：检查后查实的比例")
    with canvas(x, y, title) as (axes, sheet):
        for name, score in _rankings(judged, log_odds):
            found, taken = _running(judged, score, tie_seed)
            _line(axes, name, found / found[-1], found / taken, step=True)
        share = float(np.average(judged.labels, weights=judged.weights))
        label = both(f"random order ({share:.1%})", "随机排序", " · ")
        axes.axhline(share, ls=":", c=PALE, lw=1.5, label=label)
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        _percent(axes)
        axes.legend(loc="upper right")
    return sheet.plot()


def gain(judged: Judged, log_odds: Floats, tie_seed: int) -> Plot:
    """Draw the share of confirmed money found over the share inspected, with what is possible.

    Where a confirmed amount is unknown the cases themselves are counted.
    """
    confirmed = judged.labels > 0
    money = not np.isnan(judged.overpaid[confirmed]).any() and judged.overpaid[confirmed].sum() > 0
    worth = np.where(confirmed, judged.overpaid if money else 1.0, 0.0)
    title = (
        both("How much of the money a list finds", "名单能查回多少金额", " · ")
        if money
        else both("How many of the cases a list finds", "名单能查出多少案件", " · ")
    )
    x = both("Share of the frame inspected (square-root scale)", "检查比例（平方根刻度）")
    y = (
        both("Share of all confirmed money found", "查回金额占全部查实金额")
        if money
        else both("Share of confirmed cases found", "查出案件占全部查实案件")
    )
    with canvas(x, y, title) as (axes, sheet):
        best = (both("best possible", "理论上限", " · "), worth, "#333333", ":")
        for label, score, colour, style in (*_styled(judged, log_odds), best):
            found, taken = _running(judged, score, tie_seed, worth)
            shares = np.r_[0.0, taken / taken[-1]], np.r_[0.0, found / found[-1]]
            axes.plot(*shares, ls=style, c=colour, label=label)
        even = np.linspace(0, 1, 101)
        axes.plot(even, even, ls=":", c=PALE, lw=1.5, label=both("random order", "随机排序", " · "))
        axes.set_xscale("function", functions=(np.sqrt, np.square))
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xticks=[0, 0.01, 0.05, 0.1, 0.25, 0.5, 1])
        _percent(axes)
        axes.legend(loc="lower right")
    return sheet.plot()


def reliability(judged: Judged, log_odds: Floats, bins: int = 10) -> Plot:
    """Draw the confirmed share over the predicted probability, with the Venn-Abers band."""
    columns = judged.labels, log_odds, judged.weights
    curve = reliability_curve(*columns, judged.groups, _RESAMPLES, _SEED, bins)
    band = venn_abers_band(*columns)
    title = both("Is 30 % really 30 %?", "30%真的是30%吗？", " · ")
    x = both("Predicted probability of a confirmed finding", "预测的查实概率")
    y = both("Share confirmed", "实际查实比例")
    with canvas(x, y, title) as (axes, sheet):
        axes.plot([0, 1], [0, 1], ls=":", c=PALE, lw=1.5, label=both("perfect", "完全一致", " · "))
        axes.fill_between(
            [p.predicted for p in band], [p.lower for p in band], [p.upper for p in band],
            color=MODEL, alpha=0.18, lw=0,
            label=both("Venn–Abers check", "Venn–Abers校核区间", " · "),
        )  # fmt: skip
        label = both("tenths of the frame, 95 % interval", "每十分之一对象及95%区间", " · ")
        largest = max(_bars(axes, curve, label), float(expit(log_odds.max())))
        axes.set_xscale("function", functions=(np.sqrt, np.square))
        axes.set_yscale("function", functions=(np.sqrt, np.square))
        top = min(1.0, largest * 1.05)
        ticks = [t for t in (0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if t <= top]
        axes.set(xlim=(0, top), ylim=(0, top), xticks=ticks, yticks=ticks)
        _percent(axes)
        axes.legend(loc="upper left")
    return sheet.plot()


def burden(record: Mapping[str, Any], labels: Sequence[tuple[str, str]], capacity: int) -> Plot:
    """Draw each group's burden with its interval: 1 is its share of the frame.

    Args:
        record: as training.subgroups returns it.
        labels: for each group of the record that has figures, in order, attribute and group as a
            person reads them.
        capacity: units inspected, for the title.
    """
    rows = [g for one in record.values() for g in one["groups"] if g.get("burden") is not None]
    title = both("Who is inspected", "检查负担", " · ")
    x = both(
        f"Share of {capacity:,} inspections ÷ share of the frame (1 = even)",
        f"占{capacity:,}次检查的比例÷占全部对象的比例（1为均等）",
    )
    size = (8.2, 1.6 + 0.32 * len(rows))
    with canvas(x, "", title, size) as (axes, sheet):
        axes.axvline(1.0, ls=":", c=PALE, lw=1.5)
        for place, row in enumerate(rows):
            low, high = row.get("intervals", {}).get("burden") or (row["burden"], row["burden"])
            axes.plot([low, high], [place, place], c=MODEL, lw=1.5)
            axes.plot(row["burden"], place, "o", c=MODEL, ms=6)
        named = [f"{attribute}: {group}  (n={row['n']})"
                 for (attribute, group), row in zip(labels, rows, strict=True)]  # fmt: skip
        axes.set_yticks(range(len(rows)), named)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(left=0)
    return sheet.plot()


def _bars(axes: Axes, curve: Sequence[Bin], label: str) -> float:
    """Draw the bins with their intervals; return the highest point."""
    where, share = [b.predicted for b in curve], [b.confirmed for b in curve]
    ends = [b.interval or [b.confirmed, b.confirmed] for b in curve]
    # An interval of resamples need not hold the figure itself; a bar has no negative length.
    below = [max(0.0, s - low) for s, (low, _) in zip(share, ends, strict=True)]
    above = [max(0.0, high - s) for s, (_, high) in zip(share, ends, strict=True)]
    axes.errorbar(
        where, share, yerr=[below, above], fmt="o", c=MODEL, ms=6, lw=1.5, capsize=3, label=label
    )
    return max(*where, *share, *(high for _, high in ends))


def _line(axes: Axes, name: str, x: Floats, y: Floats, *, step: bool) -> None:
    english, chinese, colour, style = _NAMES[name]
    drawn = "steps-post" if step else "default"
    axes.plot(x, y, c=colour, ls=style, drawstyle=drawn, label=both(english, chinese, " · "))


def _styled(
    judged: Judged, log_odds: Floats
) -> tuple[tuple[str, npt.NDArray[np.generic], str, str], ...]:
    return tuple(
        (both(english, chinese, " · "), score, colour, style)
        for name, score in _rankings(judged, log_odds)
        for english, chinese, colour, style in (_NAMES[name],)
    )


def _percent(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _rankings(judged: Judged, log_odds: Floats) -> tuple[tuple[str, npt.NDArray[np.generic]], ...]:
    return ("model", log_odds), ("amount", judged.amounts), ("rules", judged.rule_hits)


def _running(
    judged: Judged,
    score: npt.NDArray[np.generic],
    tie_seed: int,
    worth: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Return what is found and what is inspected after each unit with weight."""
    found = judged.labels if worth is None else worth
    ordered = put_in_order(judged.labels, score, judged.unit_ids, tie_seed, judged.weights, found)
    carried = ordered.weights > 0
    weights = ordered.weights[carried]
    return np.cumsum(weights * ordered.amounts[carried]), np.cumsum(weights)
