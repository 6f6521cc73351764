"""What the registry holds, in plain words: names, aliases and versions. No MLflow here."""

from __future__ import annotations

from dataclasses import dataclass

CHAMPION, CHALLENGER = "champion", "challenger"


class RegistryError(ValueError):
    """The registry does not hold what was asked for."""


@dataclass(frozen=True)
class Registered:
    """A version in the registry: MLflow's number, our digest, and its aliases."""

    name: str
    number: str
    model_version: str
    aliases: tuple[str, ...]
    run_id: str


def registered_name(unit: str) -> str:
    """Return the name under which models of ``unit`` are registered."""
    return f"jihe-{unit}"
