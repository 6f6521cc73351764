"""An output folder and what lies where in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """A folder that ``jihe run`` writes and the other commands work on."""

    root: Path

    @property
    def models(self) -> Path:
        """Model folders by version."""
        return self.root / "models"

    @property
    def registry(self) -> Path:
        """MLflow's database and artifacts."""
        return self.root / "registry"

    @property
    def parameters(self) -> Path:
        """Activated parameters of the rules, in order of activation."""
        return self.root / "parameters"

    @property
    def approvers(self) -> Path:
        """Who approves models; where it is missing nobody has to."""
        return self.root / "config" / "approvers.toml"

    @property
    def approvals(self) -> Path:
        """Signed approvals by model version."""
        return self.root / "approvals"

    @property
    def ledger_url(self) -> str:
        """Database of plans, outcomes and trail."""
        return f"sqlite:///{self.root.resolve() / 'jihe.db'}"

    def plan(self, plan_id: str) -> Path:
        """Files of one plan."""
        return self.root / "plans" / plan_id
