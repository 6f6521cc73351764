"""The leakage checks as a step of training: labelled rows in, the same rows with findings out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from features.matrix import Matrix
from training.config import ExperimentConfig
from training.frame import LabelledRows, local_days
from training.leakage import refuse
from training.leakage_checks import Evidence, check
from training.splits import Splits


def guarded(
    matrix: Matrix,
    labelled: LabelledRows,
    splits: Splits,
    config: ExperimentConfig,
    cut_date: date,
) -> LabelledRows:
    """Return ``labelled`` with the findings of every check; raises LeakageError for an error."""
    evidence = Evidence(
        names=matrix.names,
        values=matrix.values[labelled.rows],
        labels=labelled.judged.labels,
        unit_ids=labelled.judged.unit_ids,
        groups=labelled.judged.groups,
        known_days=local_days(matrix.known_at[labelled.rows], matrix.zone),
        label_days=labelled.dates,
        cut=np.datetime64(cut_date, "D"),
        channels=labelled.channels,
        pairs=splits.pairs,
        forward=splits.cutoff is not None,
        gap_days=config.splits.gap_days,
        unit=matrix.unit,
    )
    findings = tuple(check(evidence))
    refuse(findings)
    return replace(labelled, findings=findings)
