"""What a training run works on: the matrix in a fixed order, joined with its verdicts.

In: a Matrix and a labels table. Out: the matrix sorted by unit id, its labelled rows with dates and
weights, and digests of both inputs. Here stand the guards against the future: a verdict known on or
after the cut date, or a row of features known only after its own verdict, stops the run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from claims.contracts import table
from features.matrix import Matrix
from training.canonical import canonical_json
from training.config import ExperimentConfig
from training.evaluate import Judged
from training.labels import ZONE
from training.leakage import Finding, LeakageError, refuse
from training.leakage_checks import late_labels, young_features

__all__ = ["FrameError", "LabelledRows", "LeakageError", "fingerprint", "join_labels", "ordered"]

Floats = npt.NDArray[np.float64]


class FrameError(ValueError):
    """Matrix, labels and config do not belong together."""


@dataclass(frozen=True)
class LabelledRows:
    """The judged part of the matrix, row by row, in the order of unit id.

    ``rows`` are row numbers in the matrix; ``dates`` are local label dates; ``undesigned`` is ""
    where a design chose the unit, else how the case came about; ``channels`` say that of every
    case, None where the labels do not; ``findings`` come from the leakage checks.
    """

    rows: npt.NDArray[np.intp]
    judged: Judged
    dates: npt.NDArray[np.datetime64]
    training_weights: Floats
    undesigned: npt.NDArray[np.str_]
    fingerprint: str
    unmatched: int
    channels: npt.NDArray[np.str_] | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def positives(self) -> int:
        """Confirmed cases that carry a training weight."""
        return int(((self.judged.labels > 0) & (self.training_weights > 0)).sum())

    @property
    def negatives(self) -> int:
        """Unconfirmed cases that carry a training weight."""
        return int(((self.judged.labels == 0) & (self.training_weights > 0)).sum())


def ordered(matrix: Matrix, config: ExperimentConfig) -> Matrix:
    """Return ``matrix`` with rows in the order of unit id; raises FrameError with every fault."""
    n, p = len(matrix), len(matrix.names)
    per_row = (matrix.groups, matrix.known_at, matrix.amounts, matrix.rule_hits)
    checks = {
        f"the matrix is about {matrix.unit}, the config about {config.unit}": matrix.unit
        == config.unit,
        f"values have shape {matrix.values.shape}, expected {(n, p)}": matrix.values.shape
        == (n, p),
        "directions are not one of -1, 0, 1 per name": len(matrix.directions) == p
        and set(matrix.directions) <= {-1, 0, 1},
        "groups, known_at, amounts or rule_hits have another length": all(
            len(column) == n for column in per_row
        ),
        "a unit id occurs twice": len(np.unique(matrix.unit_ids)) == n,
        "a feature name occurs twice": len(set(matrix.names)) == p,
        "there are no rows": n > 0,
    }
    faults = [sentence for sentence, holds in checks.items() if not holds]
    unknown = sorted(set(config.trees.monotone) - set(matrix.names))
    if unknown:
        faults.append(f"monotone features {', '.join(unknown)} are not in the matrix")
    if faults:
        raise FrameError("The matrix cannot be trained on: " + "; ".join(faults) + ".")
    return matrix.take(np.argsort(matrix.unit_ids, kind="stable"))


def join_labels(matrix: Matrix, labels: pa.Table, cut_date: date) -> LabelledRows:
    """Join the labels of the matrix's unit to its (ordered) rows.

    Raises LeakageError for labels from the future or features younger than their label, and
    FrameError for a unit labelled twice. Labels of units outside the matrix are counted.
    """
    known = table("labels").conform(labels)
    known = known.filter(pc.equal(known["unit"], matrix.unit)).sort_by("unit_id")
    ids = np.array(known["unit_id"].to_pylist(), dtype=np.str_)
    if len(np.unique(ids)) != len(ids):
        raise FrameError("A unit has two labels; make labels with training.labels first.")
    dates = np.array(known["label_date"].to_pylist(), dtype="datetime64[D]")
    place = np.searchsorted(matrix.unit_ids, ids)
    inside = matrix.unit_ids[np.minimum(place, len(matrix) - 1)] == ids
    _refuse_future(matrix, ids, dates, place, inside, cut_date)
    rows = place[inside]
    judged = Judged(
        matrix.unit,
        matrix.unit_ids[rows],
        _floats(known, "label")[inside],
        _floats(known, "final_weight")[inside],
        matrix.groups[rows],
        matrix.amounts[rows],
        matrix.rule_hits[rows],
        _floats(known, "overpaid_amount")[inside],
    )
    weights = _floats(known, "training_weight")[inside]
    named = np.array([name or "unknown" for name in known["channel"].to_pylist()], dtype=np.str_)
    undesigned = np.where(judged.weights > 0, "", named[inside])
    digest = _label_fingerprint(judged, dates[inside], weights, undesigned)
    outside = int((~inside).sum())
    channels = None if known["channel"].null_count else named[inside]
    return LabelledRows(rows, judged, dates[inside], weights, undesigned, digest, outside, channels)


def _refuse_future(
    matrix: Matrix,
    ids: npt.NDArray[np.str_],
    dates: npt.NDArray[np.datetime64],
    place: npt.NDArray[np.intp],
    inside: npt.NDArray[np.bool_],
    cut_date: date,
) -> None:
    first_known = local_days(matrix.known_at[place[inside]], matrix.zone)
    refuse(
        [
            late_labels(ids, dates, np.datetime64(cut_date, "D")),
            young_features(ids[inside], first_known, dates[inside]),
        ]
    )


def local_days(times: npt.NDArray[np.datetime64], zone: str = ZONE) -> npt.NDArray[np.datetime64]:
    """Return the local day of each UTC time."""
    place = ZoneInfo(zone)
    moments = times.astype("datetime64[us]").tolist()
    days = [moment.replace(tzinfo=UTC).astimezone(place).date() for moment in moments]
    return np.array(days, dtype="datetime64[D]")


def fingerprint(matrix: Matrix) -> str:
    """Return the SHA-256 of an ordered matrix: what was known, of whom, under which versions."""
    head = {
        "unit": matrix.unit,
        "as_of_date": matrix.as_of_date.isoformat(),
        "names": list(matrix.names),
        "directions": list(matrix.directions),
        "catalogue_version": matrix.catalogue_version,
        "rules_version": matrix.rules_version,
    }
    digest = hashlib.sha256(canonical_json(head))
    # One spelling of NaN and of zero, so that equal values have equal bytes.
    digest.update(np.where(np.isnan(matrix.values), np.nan, matrix.values + 0.0).tobytes())
    for ids in (matrix.unit_ids, matrix.groups):
        digest.update(canonical_json(ids.tolist()))
    for numbers in (matrix.known_at.astype("datetime64[us]"), matrix.amounts, matrix.rule_hits):
        digest.update(numbers.astype(np.int64).tobytes())
    return digest.hexdigest()


def _label_fingerprint(
    judged: Judged,
    dates: npt.NDArray[np.datetime64],
    weights: Floats,
    channels: npt.NDArray[np.str_],
) -> str:
    digest = hashlib.sha256(canonical_json(judged.unit_ids.tolist()))
    digest.update(canonical_json(channels.tolist()))
    for column in (judged.labels, judged.weights, judged.overpaid, weights):
        digest.update((column + 0.0).tobytes())
    digest.update(dates.astype(np.int64).tobytes())
    return digest.hexdigest()


def _floats(rows: pa.Table, column: str) -> Floats:
    return np.asarray(rows[column].cast(pa.float64()).to_numpy(), dtype=np.float64)
