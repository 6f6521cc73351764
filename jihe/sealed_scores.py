"""What was known of a plan's frame before its draw: amounts, and the score version then sealed.

In: the folder of a plan and its certificate. Out: a `FrameKnown`. The frame is taken only if its
SHA-256 is that of the certificate. Scores are taken only if every unit of the frame has exactly
one row and every row names the versions and the day that the certificate names; otherwise the
sentence says which of this is not so, and estimates do without. Of the sealed scores the expected
amount is used; before any verdict, when there is none, the anomaly score times the amount.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sampling.drawing.certificate import SCORE_KEYS
from sampling.estimation.plan_limits import FrameKnown
from sampling.estimation.stratified import Floats
from sampling.faults import Fault
from sampling.frame import FRAME_FILE, Frame, read_frame

SCORES_FILE = "scores.parquet"
_COLUMNS = ("unit", "unit_id", "anomaly_score", "expected_amount", *SCORE_KEYS)


def sealed_frame(folder: Path, certificate: Mapping[str, Any]) -> Frame | None:
    """Return the frame of a plan; None where the file is missing or is not the sealed one."""
    path = folder / FRAME_FILE
    if not path.is_file():
        return None
    if hashlib.sha256(path.read_bytes()).hexdigest() != certificate["frame"]["sha256"]:
        return None
    return read_frame(path)


def frame_known(folder: Path, certificate: Mapping[str, Any]) -> FrameKnown | None:
    """Return what was known of the frame; None without the sealed frame."""
    frame = sealed_frame(folder, certificate)
    if frame is None:
        return None
    ids, strata = tuple(frame.unit_ids.to_pylist()), tuple(frame.strata.to_pylist())
    scores = _score(folder / SCORES_FILE, certificate, frame)
    if isinstance(scores, Fault):
        return FrameKnown(ids, strata, frame.size_minor, why_not=scores)
    name, values = scores
    return FrameKnown(ids, strata, frame.size_minor, values, name)


def _score(path: Path, certificate: Mapping[str, Any], frame: Frame) -> tuple[str, Floats] | Fault:
    """Return name and values of the score in the frame's order, or why there is none."""
    if not path.is_file():
        return _missing_file()
    rows = pq.read_table(path, columns=list(_COLUMNS))
    rows = rows.filter(pc.equal(rows["unit"], frame.unit))
    place = pc.index_in(frame.unit_ids.cast(pa.string()), rows["unit_id"].combine_chunks())
    if place.null_count:
        return _not_scored(place.null_count)
    if pc.count_distinct(rows["unit_id"]).as_py() != rows.num_rows:
        return _scored_twice()
    rows = rows.take(place)
    sealed = certificate["scores"]
    for key in SCORE_KEYS:
        if set(pc.unique(rows[key].cast(pa.string())).to_pylist()) != {sealed[key]}:
            return _other_version(key)
    if rows["expected_amount"].null_count == 0:
        return "expected_amount", rows["expected_amount"].to_numpy().astype(np.float64)
    if rows["anomaly_score"].null_count:
        return _not_scored(rows["anomaly_score"].null_count)
    return "anomaly_amount", rows["anomaly_score"].to_numpy() * frame.size_minor


def _missing_file() -> Fault:
    return Fault(
        "SCORE_FILE", "The scores that were sealed before the draw are not at hand (scores.parquet "
        "in the plan's folder); the expansion total counts.",
        "没有抽取前封存的评分（计划文件夹中的scores.parquet），以扩张估计为准。",
    )  # fmt: skip


def _not_scored(count: int) -> Fault:
    return Fault(
        "SCORE_UNITS", f"{count} units of the frame have no score in the plan's scores.parquet; "
        "the expansion total counts.",
        f"抽样框中有{count}个对象在该计划的scores.parquet中没有评分，以扩张估计为准。",
    )  # fmt: skip


def _scored_twice() -> Fault:
    return Fault(
        "SCORE_TWICE", "The plan's scores.parquet scores a unit more than once; the expansion "
        "total counts.", "该计划的scores.parquet中有对象重复评分，以扩张估计为准。",
    )  # fmt: skip


def _other_version(key: str) -> Fault:
    return Fault(
        "SCORE_VERSION", f"The plan's scores.parquet is not of the version that its certificate "
        f"names ({key}): a score made after the draw may follow from its results, so it is not "
        "used; the expansion total counts.",
        f"该计划的scores.parquet与证书所载版本不符（{key}）：抽取之后产生的评分可能受结果影响，"
        "不予采用，以扩张估计为准。",
    )  # fmt: skip
