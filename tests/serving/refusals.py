"""What an answer of ours looks like that refuses, and what a posted body says it is."""

from __future__ import annotations

JSON = {"Content-Type": "application/json"}


def is_error(answer, status) -> bool:
    """Tell whether an answer is our own error and nothing else."""
    return answer.status_code == status and set(answer.json()) == {"error_id", "message"}
