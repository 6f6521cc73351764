"""The command ``jihe``: every stage from the shell, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from typer import rich_utils

from jihe import console
from jihe.commands import (
    catalogues,
    data,
    evaluation,
    loop,
    mapping,
    models,
    plans,
    promotion,
    security,
    tuning,
)
from jihe.commands.options import asked_language, told

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=told("jihe")
)
for part in (
    loop, data, mapping, catalogues, models, evaluation, promotion, tuning, plans, security,
):  # fmt: skip
    part.register(app)

_OURS = frozenset({"claims", "features", "training", "sampling", "serving", "jihe"})


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Print the errors that tell a person what to do as a sentence, with exit code 2.

    Those are the exceptions that the packages define; any other is a fault of the program and
    keeps its trace.
    """
    from claims.draft_words import SuggestError
    from claims.mapping_faults import MappingError
    from sampling.faults import SamplingError
    from training.leakage import LeakageError

    try:
        yield
    except Exception as error:
        if type(error).__module__.split(".")[0] not in _OURS:
            raise
        console.err.print(f"[red]{type(error).__name__}[/red] ", end="")
        if isinstance(error, SamplingError | MappingError | SuggestError | LeakageError):
            text = error.text(asked_language())
        else:
            text = str(error)
        console.err.print(text, soft_wrap=True, markup=False)
        raise SystemExit(2) from None


def main() -> None:
    """Run the command line."""
    rich_utils.OPTIONS_PANEL_TITLE = told("panel_options")
    rich_utils.COMMANDS_PANEL_TITLE = told("panel_commands")
    rich_utils.ARGUMENTS_PANEL_TITLE = told("panel_arguments")
    with _plain_errors():
        app()


if __name__ == "__main__":
    main()
