"""Experiment configs: one TOML file says everything that a training run may vary.

In: a TOML file with the tables below, every key optional but ``name`` and ``unit``. Out: a frozen
ExperimentConfig with a hash of its canonical content (defaults filled in), so two files that mean
the same have the same hash. Unknown keys are refused, all at once, with the keys allowed there.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast, get_args, get_origin, get_type_hints

from training.canonical import canonical_json


class ConfigError(ValueError):
    """An experiment config does not say what it must, or says more."""


@dataclass(frozen=True)
class DetectorSettings:
    """The cold-start detector; only kinds whose score is a sum of per-column terms are published.

    ``damp`` belongs to ``tail``; the three levels are what a rule's hit weighs in ``family_tail``.
    """

    kind: str = "tail"
    floor: float = 0.25
    knots: int = 256
    damp: bool = True
    violation: float = 12.0
    suspicion: float = 8.0
    lead: float = 4.0


TREE_ROWS = 100_000
"""About how many rows one tree is fitted on at most; each tree draws its own."""


@dataclass(frozen=True)
class TreeSettings:
    """LightGBM. ``leaves`` and ``leaf_size`` of 0 follow the stated rule of ``sized``."""

    rounds: int = 200
    learning_rate: float = 0.05
    leaves: int = 0
    leaf_size: int = 0
    feature_fraction: float = 0.8
    bagging_fraction: float = 0.8
    lambda_l2: float = 1.0
    seeds: tuple[int, ...] = (1, 2, 3)
    threads: int = 1
    monotone: tuple[str, ...] = ()

    def sized(self, positives: int, rows: int) -> TreeSettings:
        """Return the settings with small trees for few labels, and small samples of many rows.

        Rule: 4 leaves below 100 confirmed cases, 6 below 500, 12 below 2,000, else 31; at least
        max(10, positives // 20) rows in a leaf. A tree sees about ``TREE_ROWS`` rows at most, which
        bounds its time (stochastic gradient boosting, Friedman 2002, Computational Statistics &
        Data Analysis 38, 367-378); its leaves are then smaller in the same proportion.
        """
        steps = ((100, 4), (500, 6), (2000, 12))
        leaves = next((size for limit, size in steps if positives < limit), 31)
        seen = min(self.bagging_fraction, TREE_ROWS / max(rows, 1))
        thinned = seen / self.bagging_fraction
        return replace(
            self,
            leaves=self.leaves or leaves,
            leaf_size=self.leaf_size or max(10, int(positives // 20 * thinned)),
            bagging_fraction=seen,
        )


@dataclass(frozen=True)
class HybridSettings:
    """How detector and trees share the margin; see training.prior.

    ``slope`` is what a spread of the detector score is expected to be worth in log-odds, ``trust``
    how firmly, ``least`` the slope below which verdicts cannot push it; ``credibility`` is the
    number of confirmed cases at which the trees count by half.
    """

    slope: float = 0.8
    trust: float = 10.0
    least: float = 0.2
    credibility: float = 30.0


@dataclass(frozen=True)
class SplitSettings:
    """Folds by group; forward in time where the label dates span ``forward_days``."""

    folds: int = 5
    seed: int = 20250101
    gap_days: int = 30
    forward_days: int = 180
    forward_share: float = 0.3


@dataclass(frozen=True)
class LabelSettings:
    """How many verdicts training needs, and what they weigh.

    Training weights are capped at ``cap_quantile`` and raised to ``power`` (1: as they are, 0: all
    alike). ``undesigned`` is the weight of a verdict that no design chose; 0 leaves them out.
    """

    min_positives: int = 5
    min_negatives: int = 5
    cap_quantile: float = 0.95
    power: float = 0.5
    undesigned: float = 0.0


@dataclass(frozen=True)
class AmountSettings:
    """The recovered share; see training.amount.

    ``strength`` is the number of confirmed cases that the overall share counts for; from ``least``
    confirmed amounts on, trees correct the kinds' shares.
    """

    strength: float = 20.0
    least: int = 50
    rounds: int = 60
    learning_rate: float = 0.05
    leaves: int = 6
    leaf_size: int = 10
    lambda_l2: float = 5.0


@dataclass(frozen=True)
class EvaluationSettings:
    """Where precision is read off, and how intervals are drawn. ``capacity`` 0 means none."""

    at: tuple[int, ...] = (50, 100)
    capacity: int = 0
    bootstrap: int = 200
    seed: int = 20250102
    tie_seed: int = 1


@dataclass(frozen=True)
class GateSettings:
    """What a challenger must show; see training.gate. They are stored in the model they judge.

    ``margin`` is the loss, as a share of the champion's figure, that still counts as no worse;
    ``capacity_share`` the share of all units that can be inspected.
    """

    metric: str = "average_precision"
    margin: float = 0.05
    level: float = 0.95
    min_effective_positives: float = 50.0
    capacity_share: float = 0.02


@dataclass(frozen=True)
class ExperimentConfig:
    """One experiment."""

    name: str
    unit: str
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    trees: TreeSettings = field(default_factory=TreeSettings)
    hybrid: HybridSettings = field(default_factory=HybridSettings)
    splits: SplitSettings = field(default_factory=SplitSettings)
    labels: LabelSettings = field(default_factory=LabelSettings)
    amount: AmountSettings = field(default_factory=AmountSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    gate: GateSettings = field(default_factory=GateSettings)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical content, 64 hex digits."""
        return hashlib.sha256(canonical_json(asdict(self))).hexdigest()


GATE_METRICS = ("average_precision", "precision_at_capacity", "amount_at_capacity")
#: Detectors whose score is a sum of one term per column, so that every published score can be
#: explained exactly (training.detectors has more).
PUBLISHED = ("tail", "family_tail", "histogram")
UNITS = ("claim", "insured", "institution", "doctor")


def load_config(path: Path) -> ExperimentConfig:
    """Read an experiment; raises ConfigError with every fault at once."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"The experiment {path.name} cannot be read: {error}.") from error
    return parse_config(raw, path.name)


def parse_config(raw: Mapping[str, Any], source: str = "config") -> ExperimentConfig:
    """Turn a parsed TOML document into an ExperimentConfig."""
    faults: list[str] = []
    config = _build(ExperimentConfig, raw, "", faults)
    if config is not None and not faults:
        faults += _out_of_range(config)
    if faults or config is None:
        raise ConfigError(f"The experiment {source} is not valid: " + "; ".join(faults) + ".")
    return cast(ExperimentConfig, config)


def _build(kind: Any, raw: Mapping[str, Any], where: str, faults: list[str]) -> Any:
    allowed = [f.name for f in fields(kind)]
    place = f" in [{where}]" if where else ""
    faults += [
        f"unknown key '{key}'{place}; allowed are {', '.join(allowed)}"
        for key in raw
        if key not in allowed
    ]
    hints = get_type_hints(kind)
    known = {
        key: _value(hints[key], value, f"{where}.{key}".lstrip("."), faults)
        for key, value in raw.items()
        if key in allowed
    }
    missing = [key for key in ("name", "unit") if kind is ExperimentConfig and key not in known]
    faults += [f"key '{key}' is missing" for key in missing]
    return None if missing else kind(**known)


def _value(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    if hasattr(hint, "__dataclass_fields__"):
        if not isinstance(value, Mapping):
            faults.append(f"'{where}' must be a table")
            return hint()
        return _build(hint, value, where, faults)
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        if not isinstance(value, list):
            faults.append(f"'{where}' must be a list")
            return ()
        return tuple(_value(inner, item, where, faults) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        faults.append(f"'{where}' must be {hint.__name__}, got {value!r}")
    return value


def _out_of_range(c: ExperimentConfig) -> list[str]:
    checks = {
        f"unit must be one of {', '.join(UNITS)}": c.unit in UNITS,
        f"detector.kind must be one of {', '.join(PUBLISHED)}: the scores of others are no sum "
        "over features and could not be explained": c.detector.kind in PUBLISHED,
        "detector.violation, suspicion and lead must be at least 0": min(
            c.detector.violation, c.detector.suspicion, c.detector.lead
        )
        >= 0,
        "detector.floor must be in (0, 1]": 0 < c.detector.floor <= 1,
        "detector.knots must be at least 2": c.detector.knots >= 2,
        "trees.rounds and trees.threads must be at least 1": min(c.trees.rounds, c.trees.threads)
        >= 1,
        "trees.learning_rate must be above 0": c.trees.learning_rate > 0,
        "trees.leaves must be 0 or at least 2": c.trees.leaves == 0 or c.trees.leaves >= 2,
        "trees fractions must be in (0, 1]": 0 < c.trees.feature_fraction <= 1
        and 0 < c.trees.bagging_fraction <= 1,
        "trees.seeds must not be empty": bool(c.trees.seeds),
        "hybrid.slope must be at least hybrid.least, and that above 0": c.hybrid.slope
        >= c.hybrid.least
        > 0,
        "hybrid.trust and hybrid.credibility must be above 0": min(
            c.hybrid.trust, c.hybrid.credibility
        )
        > 0,
        "splits.folds must be at least 2": c.splits.folds >= 2,
        "splits.gap_days must be at least 0": c.splits.gap_days >= 0,
        "splits.forward_share must be in (0, 1)": 0 < c.splits.forward_share < 1,
        "labels.min_positives and labels.min_negatives must be at least 2": min(
            c.labels.min_positives, c.labels.min_negatives
        )
        >= 2,
        "labels.cap_quantile must be in (0, 1]": 0 < c.labels.cap_quantile <= 1,
        "labels.power must be in [0, 1]": 0 <= c.labels.power <= 1,
        "labels.undesigned must be in [0, 1]": 0 <= c.labels.undesigned <= 1,
        "amount.strength and amount.learning_rate must be above 0": min(
            c.amount.strength, c.amount.learning_rate
        )
        > 0,
        "amount.least, rounds and leaf_size must be at least 1, leaves at least 2": min(
            c.amount.least, c.amount.rounds, c.amount.leaf_size, c.amount.leaves - 1
        )
        >= 1,
        "amount.lambda_l2 must be at least 0": c.amount.lambda_l2 >= 0,
        "evaluation.at must be positive counts": all(k > 0 for k in c.evaluation.at),
        "evaluation.bootstrap and capacity must be at least 0": min(
            c.evaluation.bootstrap, c.evaluation.capacity
        )
        >= 0,
        f"gate.metric must be one of {', '.join(GATE_METRICS)}": c.gate.metric in GATE_METRICS,
        "gate.margin must be in [0, 1)": 0 <= c.gate.margin < 1,
        "gate.level must be in (0.5, 1)": 0.5 < c.gate.level < 1,
        "gate.capacity_share must be in (0, 1]": 0 < c.gate.capacity_share <= 1,
        "gate.min_effective_positives must be at least 2": c.gate.min_effective_positives >= 2,
    }
    return [sentence for sentence, holds in checks.items() if not holds]
