"""Leakage checks: one function per code of training.leakage.

In: what a training run is about to learn from (``Evidence``). Out: a finding per check. What leaks
are looked for follows Kaufman et al. 2012, "Leakage in data mining" (ACM TKDD 6, 15) and Kapoor &
Narayanan 2023, "Leakage and the reproducibility crisis" (Patterns 4, 100804).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from training.leakage import Finding, definitions

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.datetime64]
Texts = npt.NDArray[np.str_]

#: A single feature that ranks the labels this well has rarely been known before the verdict.
ALONE = 0.98
#: From so many judged rows on a single column's ranking of labels is not luck.
FEWEST_ROWS, FEWEST_OF_EACH = 50, 10
#: Rank correlation with time from which an all-distinct whole number is a running number.
RUNNING = 0.95
#: Share of test rows with a twin of the same label in training from which the figures are memory.
TWINS = 0.05
_SHOWN = 5
_OUTCOME_WORDS = re.compile(
    r"(^|_)(verdict|outcome|disposition|label|target|confirm|dismiss|recover|recoup|penal|sanction"
    r"|deduct|overpaid|overpayment|appeal|overturn|inspect|inspection|audit|case|finding|reviewed"
    r"|exclu|suspen|terminat|rectif|fraud|truth|violation)[a-z]*(_|$)"
)


@dataclass(frozen=True)
class Evidence:
    """What is looked at: the judged rows of a run, in one order, and how they are split.

    Attributes:
        names: the p features.
        values: shape (n, p).
        labels: shape (n,), 0 or 1.
        unit_ids: shape (n,).
        groups: shape (n,), the entity that carries the label.
        known_days: shape (n,), local day on which the features became known.
        label_days: shape (n,), local day on which the label became known.
        cut: labels known on it or later must not be there.
        channels: shape (n,), or None where the labels do not say.
        pairs: (train, test) row numbers of each split.
        forward: whether the splits claim to test later verdicts than they train on.
        gap_days: days the config leaves between training and test.
        delay_days: days from draw to verdict of known cases, or None where that is not recorded.
        unit: what a row is.
    """

    names: Sequence[str]
    values: Floats
    labels: Floats
    unit_ids: Texts
    groups: Texts
    known_days: Days
    label_days: Days
    cut: np.datetime64
    channels: Texts | None = None
    pairs: Sequence[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]] = ()
    forward: bool = False
    gap_days: int = 0
    delay_days: Floats | None = None
    unit: str = "claim"

    @property
    def enough(self) -> bool:
        """Whether there are rows enough for what a single column says not to be luck."""
        confirmed = int((self.labels > 0).sum())
        fewest = min(confirmed, len(self.labels) - confirmed)
        return len(self.labels) >= FEWEST_ROWS and fewest >= FEWEST_OF_EACH


def check(evidence: Evidence) -> list[Finding]:
    """Return one finding per code, in the order of the codes."""
    return [_CHECKS[code](evidence) for code in sorted(_CHECKS)]


def late_labels(unit_ids: Texts, label_days: Days, cut: np.datetime64) -> Finding:
    """HX001: labels known on the cut date or later."""
    late = np.flatnonzero(label_days >= cut)
    if not len(late):
        return _clear("HX001")
    first = late[0]
    return _found("HX001", count=len(late), cut=cut, example=unit_ids[first], day=label_days[first])


def young_features(unit_ids: Texts, known_days: Days, label_days: Days) -> Finding:
    """HX002: features that became known after their own label."""
    young = np.flatnonzero(known_days > label_days)
    if not len(young):
        return _clear("HX002")
    first = young[0]
    return _found(
        "HX002", count=len(young), example=unit_ids[first], known=known_days[first],
        day=label_days[first],
    )  # fmt: skip


def split_entities(evidence: Evidence) -> Finding:
    """HX003: an entity that trains and tests in one split."""
    if not evidence.pairs:
        return _unfit("HX003")
    both: set[str] = set()
    for train, test in evidence.pairs:
        both |= set(evidence.groups[train].tolist()) & set(evidence.groups[test].tolist())
    return _found("HX003", count=len(both), example=min(both)) if both else _clear("HX003")


def short_gap(evidence: Evidence) -> Finding:
    """HX004: training verdicts known too shortly before the first tested one."""
    if not (evidence.forward and evidence.pairs):
        return _unfit("HX004")
    delay = evidence.gap_days
    if evidence.delay_days is not None and len(evidence.delay_days):
        delay = max(delay, int(np.ceil(np.median(evidence.delay_days))))
    day = np.timedelta64(1, "D")
    gaps = [
        int((evidence.label_days[test].min() - evidence.label_days[train].max()) / day)
        for train, test in evidence.pairs
        if len(train) and len(test)
    ]
    shortest = min(gaps)
    return _found("HX004", gap=shortest, delay=delay) if shortest < delay else _clear("HX004")


def telling_features(evidence: Evidence) -> Finding:
    """HX005: a feature that gives the label away and whose name could carry an outcome."""
    return _telling("HX005", evidence, named=True)


def strong_features(evidence: Evidence) -> Finding:
    """HX006: a feature that gives the label away, whatever its name."""
    return _telling("HX006", evidence, named=False)


def _telling(code: str, evidence: Evidence, *, named: bool) -> Finding:
    if not evidence.enough:
        return _unfit(code)
    found = []
    for name, column in zip(evidence.names, evidence.values.T, strict=True):
        if bool(_OUTCOME_WORDS.search(name.lower())) != named:
            continue
        area = single_auc(column, evidence.labels)
        if area >= ALONE:
            found.append((name, area))
    if not found:
        return _clear(code, limit=ALONE)
    area = max(area for _, area in found)
    return _found(code, limit=ALONE, area=area, names=_listed([name for name, _ in found]))


def telling_gaps(evidence: Evidence) -> Finding:
    """HX007: a feature that is missing where the label is one value and there where it is not."""
    if not evidence.enough:
        return _unfit("HX007")
    found = [
        name
        for name, column in zip(evidence.names, np.isnan(evidence.values).T, strict=True)
        if column.any() and single_auc(column.astype(np.float64), evidence.labels) >= ALONE
    ]
    return _found("HX007", names=_listed(found)) if found else _clear("HX007")


def running_numbers(evidence: Evidence) -> Finding:
    """HX008: a column of distinct whole numbers that runs with time, as an id does."""
    days = evidence.label_days.astype(np.int64)
    known = evidence.known_days.astype(np.int64)
    clocks = [clock for clock in (known, days) if len(np.unique(clock)) > 2]
    if len(evidence.labels) < FEWEST_ROWS or not clocks:
        return _unfit("HX008")
    found = [
        name
        for name, column in zip(evidence.names, evidence.values.T, strict=True)
        if _all_distinct_whole(column)
        and max(abs(_rank_correlation(column, clock)) for clock in clocks) >= RUNNING
    ]
    return _found("HX008", names=_listed(found)) if found else _clear("HX008")


def one_channel(evidence: Evidence) -> Finding:
    """HX009: every label came about the same way, and that was not at random."""
    if evidence.channels is None or not len(evidence.channels):
        return _unfit("HX009")
    channels = sorted(set(evidence.channels.tolist()))
    if len(channels) > 1 or channels == ["random"]:
        return _clear("HX009")
    return _found("HX009", channel=channels[0], count=len(evidence.channels))


def twins(evidence: Evidence) -> Finding:
    """HX010: tested rows whose very values, with the same label, were trained on.

    Claims that are equal in everything are one record twice. Persons who had nothing done to them
    have equal profiles by nature, so twins among profiles are told and stop nothing.
    """
    tested = sum(len(test) for _, test in evidence.pairs)
    if not tested:
        return _unfit("HX010")
    keys = _row_keys(evidence)
    count = sum(int(np.isin(keys[test], keys[train]).sum()) for train, test in evidence.pairs)
    if not count:
        return _clear("HX010")
    stops = evidence.unit == "claim" and count > TWINS * tested
    severity = "error" if stops else "warning"
    return Finding(
        "HX010", "found", severity, {"count": count, "tested": tested, "share": count / tested}
    )


def single_auc(column: Floats, labels: Floats) -> float:
    """Return the ROC area of one column alone, the better of both directions; 0.5 if constant.

    Rows where it is missing count as a tie below all others: that a value is there is a value.
    """
    ranks = rankdata(np.where(np.isnan(column), -np.inf, column))
    confirmed = labels > 0
    ups, downs = int(confirmed.sum()), int((~confirmed).sum())
    if not (ups and downs):
        return 0.5
    area = (ranks[confirmed].sum() - ups * (ups + 1) / 2) / (ups * downs)
    return float(max(area, 1.0 - area))


def _all_distinct_whole(column: Floats) -> bool:
    if not np.isfinite(column).all() or (column != np.round(column)).any():
        return False
    return len(np.unique(column)) == len(column)


def _rank_correlation(column: Floats, clock: npt.NDArray[np.int64]) -> float:
    return float(np.corrcoef(rankdata(column), rankdata(clock))[0, 1])


def _row_keys(evidence: Evidence) -> Texts:
    """Return digests that are equal where values and label are (one NaN, one zero)."""
    rows = np.column_stack([evidence.values, evidence.labels]) + 0.0
    rows = np.ascontiguousarray(np.where(np.isnan(rows), np.nan, rows))
    return np.array([hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest() for row in rows])


def _listed(names: Sequence[str]) -> str:
    more = f" (+{len(names) - _SHOWN})" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _found(code: str, **facts: Any) -> Finding:
    return Finding(code, "found", definitions()[code]["severity"], facts)


def _clear(code: str, **facts: Any) -> Finding:
    return Finding(code, "clear", definitions()[code]["severity"], facts)


def _unfit(code: str) -> Finding:
    return Finding(code, "not_applicable", definitions()[code]["severity"])


_CHECKS: Mapping[str, Callable[[Evidence], Finding]] = {
    "HX001": lambda e: late_labels(e.unit_ids, e.label_days, e.cut),
    "HX002": lambda e: young_features(e.unit_ids, e.known_days, e.label_days),
    "HX003": split_entities,
    "HX004": short_gap,
    "HX005": telling_features,
    "HX006": strong_features,
    "HX007": telling_gaps,
    "HX008": running_numbers,
    "HX009": one_channel,
    "HX010": twins,
}
