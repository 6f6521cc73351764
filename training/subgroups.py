"""Who carries the burden: a ranking looked at group by group.

In: judged units with weights 1/pi, a score, and attributes by row (institution class, level,
district, sex, age band, claim type, a known scheme). Attributes are joined for this report alone;
nothing here is handed to a model. Out: per attribute and group how many were judged and confirmed,
what share of the group the first k units of the frame would inspect, what is found there, and
whether the probability is true in the group; 95 % intervals over resamples of whole entities.

    selection_rate     inspected of the group / the group
    burden             the group's share of what is inspected / its share of the frame
    precision          confirmed of the inspected; false_alarm_share is the rest
    false_alarm_rate   inspected of those in the group with nothing wrong
    money_per_inspected  confirmed minor units per inspected unit
    observed_expected  confirmed / sum of probabilities: above 1 the score is too low here

Terms: selection rate and false alarm rate are those of Hardt, Price & Srebro 2016 ("Equality of
opportunity in supervised learning", NeurIPS); calibration within groups that of Kleinberg et al.
2017 (ITCS 43). They can't all be equal where groups differ in what is confirmed, so all are shown.

Groups with fewer than 10 judged units are merged into one; if that is still smaller, nothing but
the number of judged units is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from claims.contracts import Lang
from training.config import EvaluationSettings
from training.evaluate import Judged
from training.metrics import (
    Ordered,
    percentile_interval,
    put_in_order,
    resampled_groups,
    taken_at,
)

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]

#: Judged units from which a group is told by itself.
FEWEST = 10
#: Name of the merged small groups; not a code of any attribute.
MERGED = "(merged)"
_INTERVALS = ("selection_rate", "burden", "precision", "false_alarm_rate", "money_per_inspected",
              "observed_expected")  # fmt: skip
_STATEMENT = {
    "en": "{count} groups with fewer than {fewest} judged units were merged: {names}.",
    "zh": "有{count}个组的已检查对象少于{fewest}个，已合并：{names}。",
}
_SUPPRESSED = {
    "en": "Even together they have fewer than {fewest}; no figures are told.",
    "zh": "合并后仍少于{fewest}个，不列出指标。",
}


@dataclass(frozen=True)
class Split:
    """The groups of one attribute after merging: names, each row's group, and what was merged."""

    names: tuple[str, ...]
    place: npt.NDArray[np.int64]
    merged: tuple[str, ...]


def subgroups(
    judged: Judged,
    log_odds: Floats,
    attributes: Mapping[str, Texts],
    capacity: float,
    settings: EvaluationSettings,
    *,
    calibrated: bool = True,
) -> dict[str, Any]:
    """Return one record per attribute: its groups, and what was merged, in both languages.

    Args:
        judged: units with a final verdict; those without weight are left out.
        log_odds: shape (n,), higher is inspected first.
        attributes: per attribute the group of each row, shape (n,); empty where not known.
        capacity: units of the frame that would be inspected.
        settings: tie seed, resamples and their seed.
        calibrated: whether ``log_odds`` is one; else calibration is not told.
    """
    rows = np.flatnonzero(judged.weights > 0)
    kept, score = judged.take(rows), log_odds[rows]
    ordered = put_in_order(
        kept.labels, score, kept.unit_ids, settings.tie_seed, kept.weights, kept.overpaid
    )
    chances = expit(score[ordered.order]) if calibrated else np.full(len(rows), np.nan)
    splits = {
        name: split_groups(np.asarray(values)[rows][ordered.order])
        for name, values in attributes.items()
    }
    middle = {name: _figures(ordered, chances, split, capacity) for name, split in splits.items()}
    spread: dict[str, list[dict[str, Floats]]] = {name: [] for name in splits}
    for times in resampled_groups(kept.groups, settings.bootstrap, settings.seed):
        resample = ordered.reweighted(ordered.weights * times[ordered.order])
        for name, split in splits.items():
            spread[name].append(_figures(resample, chances, split, capacity))
    return {
        name: _record(ordered, split, middle[name], spread[name]) for name, split in splits.items()
    }


def split_groups(values: Texts, fewest: int = FEWEST) -> Split:
    """Return the groups by name, those with fewer than ``fewest`` rows merged into the last one."""
    found, place, count = np.unique(
        np.where(values == "", "unknown", values), return_inverse=True, return_counts=True
    )
    small = count < fewest
    names = [str(name) for name in found[~small]]
    number = np.where(small, len(names), np.cumsum(~small) - 1)
    merged = tuple(str(name) for name in found[small])
    return Split((*names, *((MERGED,) if merged else ())), number[place], merged)


def statement(record: Mapping[str, Any], lang: Lang, names: Mapping[str, str] | None = None) -> str:
    """Return what was merged or left out of one attribute's record; empty where nothing was."""
    if not record["merged"]:
        return ""
    shown = ", ".join((names or {}).get(name, name) for name in record["merged"])
    text = _STATEMENT[lang].format(count=len(record["merged"]), fewest=FEWEST, names=shown)
    if record["suppressed"]:
        text += ("" if lang == "zh" else " ") + _SUPPRESSED[lang].format(fewest=FEWEST)
    return text


def _figures(ordered: Ordered, chances: Floats, split: Split, capacity: float) -> dict[str, Floats]:
    """Return every figure of every group."""
    taken = taken_at(ordered, capacity)
    amounts = np.where(ordered.labels > 0, ordered.amounts, 0.0)

    def total(values: Floats) -> Floats:
        return np.bincount(split.place, values, minlength=len(split.names)).astype(np.float64)

    size, inspected = total(ordered.weights), total(taken)
    confirmed, found = total(ordered.weights * ordered.labels), total(taken * ordered.labels)
    frame_share = _ratio(size, np.full_like(size, size.sum()))
    burden_share = _ratio(inspected, np.full_like(size, inspected.sum()))
    return {
        "share_of_frame": frame_share,
        "confirmed_share": _ratio(confirmed, size),
        "selection_rate": _ratio(inspected, size),
        "burden": _ratio(burden_share, frame_share),
        "precision": _ratio(found, inspected),
        "false_alarm_share": 1.0 - _ratio(found, inspected),
        "false_alarm_rate": _ratio(inspected - found, size - confirmed),
        "money_per_inspected": _ratio(total(taken * amounts), inspected),
        "mean_probability": _ratio(total(ordered.weights * chances), size),
        "observed_expected": _ratio(confirmed, total(ordered.weights * chances)),
    }


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0))


def _record(
    ordered: Ordered, split: Split, middle: Mapping[str, Floats], spread: list[dict[str, Floats]]
) -> dict[str, Any]:
    count = np.bincount(split.place, minlength=len(split.names))
    positives = np.bincount(split.place, ordered.labels > 0, minlength=len(split.names))
    suppressed = bool(split.merged and count[-1] < FEWEST)
    groups = []
    for place, name in enumerate(split.names):
        entry: dict[str, Any] = {"group": name, "n": int(count[place])}
        if not (suppressed and name == MERGED):
            entry["positives"] = int(positives[place])
            entry |= {key: _plain(values[place]) for key, values in middle.items()}
            if spread:
                entry["intervals"] = {
                    key: percentile_interval(np.array([one[key][place] for one in spread]))
                    for key in _INTERVALS
                }
        groups.append(entry)
    return {"groups": groups, "merged": list(split.merged), "suppressed": suppressed}


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
