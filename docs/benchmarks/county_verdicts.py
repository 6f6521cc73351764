"""What the studies share: a trial with its cold-start scores and all its verdicts.

In: a county and a config. Out: ``Prepared``; labels from any part of the verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from county_data import County
from county_trial import CUT, Trial, history_outcomes, plan_outcomes, split

from training.config import ExperimentConfig
from training.detectors.published import make_published
from training.frame import LabelledRows, join_labels
from training.labels import labels_as_of
from training.out_of_fold import Learnt, Verdicts, learn

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Prepared:
    """A trial, the cold start's scores before and after the cut, and the outcomes."""

    trial: Trial
    anomaly_before: Floats
    anomaly_after: Floats
    plan: pa.Table
    history: pa.Table

    def standardised(self, score: Floats) -> Floats:
        """Return detector scores in units of their spread before the cut."""
        centre, spread = self.anomaly_before.mean(), self.anomaly_before.std()
        return np.asarray((score - centre) / spread)


def prepare(made: County, config: ExperimentConfig, seed: int) -> Prepared:
    """Fit the cold start before the cut and let a plan and a history find what they do."""
    trial = split(made)
    detector = make_published(config.detector, trial.before).fit(trial.before.values)
    before = detector.anomaly_score(trial.before.values)
    after = detector.anomaly_score(trial.after.values)
    plan = plan_outcomes(made, trial, before, seed)
    return Prepared(trial, before, after, plan, history_outcomes(made))


def labels_of(prepared: Prepared, plan: bool = True, history: bool = True) -> pa.Table:
    """Return the labels of the plan's and the history's verdicts."""
    parts = [prepared.plan] * plan + [prepared.history] * history
    return labels_as_of(pa.concat_tables(parts), CUT).table


def joined(prepared: Prepared, labels: pa.Table) -> LabelledRows:
    """Return the labelled rows before the cut."""
    return join_labels(prepared.trial.before, labels, CUT)


def verdicts_of(prepared: Prepared, rows: LabelledRows, weights: Floats) -> Verdicts:
    """Return the verdicts as they are learnt from, with the weights given."""
    detector = prepared.standardised(prepared.anomaly_before[rows.rows])
    values = prepared.trial.before.values[rows.rows]
    return Verdicts(values, rows.judged.labels, weights, detector, rows.undesigned)


def usual_weights(rows: LabelledRows, config: ExperimentConfig) -> Floats:
    """Return the weights that training.train gives."""
    designed = rows.training_weights**config.labels.power
    return np.where(rows.undesigned == "", designed, config.labels.undesigned)


def margin_after(prepared: Prepared, verdicts: Verdicts, config: ExperimentConfig) -> Floats:
    """Return the margins of the test period after learning from the verdicts."""
    learnt = learnt_from(verdicts, config)
    detector = prepared.standardised(prepared.anomaly_after)
    return learnt.margin(prepared.trial.after.values, detector)


def learnt_from(verdicts: Verdicts, config: ExperimentConfig) -> Learnt:
    """Learn without monotone constraints."""
    return learn(verdicts, config.trees, config.hybrid, [0] * verdicts.values.shape[1])
