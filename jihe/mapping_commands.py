"""The command ``jihe map``."""

from __future__ import annotations


def map_files() -> None:
    """Draft."""
