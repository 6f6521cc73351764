"""``jihe`` as a person types it: what it says, or why it ended otherwise than expected."""

from __future__ import annotations

from typer.testing import CliRunner

from jihe.cli import app

runner = CliRunner()


def jihe(*arguments: object, code: int = 0) -> str:
    result = runner.invoke(app, [str(a) for a in arguments])
    if result.exit_code != code:
        raise AssertionError(f"{arguments}: {result.output}\n{result.exception!r}")
    return result.output
