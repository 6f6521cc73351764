"""The terminal: progress, tables and sentences in the chosen language."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from claims.contracts import Lang
from jihe.texts import say

#: Off a terminal (a file, a pipe) lines may be longer than the 80 columns that rich assumes.
_WIDTH = None if sys.stdout.isatty() else 120
out = Console(width=_WIDTH)
err = Console(stderr=True)


class Tell(Protocol):
    """Told of a step's name and the share of it that is done."""

    def __call__(self, step: str, share: float, /) -> None:
        """Show the step."""


@contextmanager
def progress(title: str) -> Iterator[Tell]:
    """Show a bar with the step at hand on standard error; off a terminal, nothing."""
    columns = (
        TextColumn("{task.fields[title]}"), BarColumn(), TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=err, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=1.0, title=title)
        yield lambda step, share, /: bar.update(task, description=step, completed=share)
        bar.update(task, completed=1.0, description="")


def heading(text: str) -> None:
    """Print a heading."""
    out.print(f"\n[bold]{text}[/bold]")


def rows(
    headers: Sequence[str], body: Sequence[Sequence[object]], right: Sequence[int] = ()
) -> None:
    """Print a table; columns in ``right`` are aligned to the right."""
    shown = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for place, header in enumerate(headers):
        shown.add_column(header, justify="right" if place in right else "left", overflow="fold")
    for row in body:
        shown.add_row(*(str(cell) for cell in row))
    out.print(shown)


def facts(pairs: Sequence[tuple[str, object]]) -> None:
    """Print names and values, one a line; a value is never broken, so that it can be copied."""
    for name, value in pairs:
        out.print(f"  [dim]{name}[/dim]  {value}", soft_wrap=True, highlight=False)


def money(minor: float | None, currency: str) -> str:
    """Return an amount of minor units for a person; nothing where there is none."""
    if minor is None:
        return "–"
    symbol = {"CNY": "¥", "USD": "$"}.get(currency, currency + " ")
    return f"{symbol}{minor / 100:,.0f}"


def peak_memory() -> float:
    """Return the largest memory this process had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


@contextmanager
def stages(lang: Lang) -> Iterator[tuple[Tell, Callable[[str], None]]]:
    """Show a bar whose title changes from stage to stage; a finished stage leaves its line."""
    columns = (
        TextColumn("{task.fields[title]}"), BarColumn(), TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=err, disable=not sys.stderr.isatty()) as bar:
        tasks = [bar.add_task("", total=1.0, title="", visible=False)]

        def title(key: str) -> None:
            bar.update(tasks[-1], completed=1.0, description="")
            bar.stop_task(tasks[-1])
            tasks.append(bar.add_task("", total=1.0, title=say(key, lang)))
            if not sys.stderr.isatty():
                err.print(say(key, lang))

        yield lambda step, share, /: bar.update(tasks[-1], description=step, completed=share), title
        bar.update(tasks[-1], completed=1.0, description="")
