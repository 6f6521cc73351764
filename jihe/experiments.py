"""The experiment configs that come with the program, by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from training.config import ExperimentConfig, load_config

_FOLDER = Path(__file__).parent.parent / "experiments"
#: What tuning varies unless another file is given.
SEARCH_SPACE = _FOLDER / "search" / "tuning.toml"
#: Config of the supervised model of each unit; a person is judged from claims, as a claim is.
RISK_EXPERIMENTS = {
    "claim": "claim_risk", "insured": "claim_risk", "institution": "institution_risk",
}  # fmt: skip


#: Config of the detector before any verdict; institutions are few and size is itself a lead.
COLD_START_EXPERIMENTS = {
    "claim": "cold_start", "insured": "cold_start", "institution": "institution_risk",
}  # fmt: skip


def experiment(name: str, unit: str) -> ExperimentConfig:
    """Return the shipped config ``name`` for ``unit``."""
    return replace(load_config(_FOLDER / f"{name}.toml"), unit=unit)
