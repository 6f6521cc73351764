"""``run``, ``demo`` and ``serve``: the whole loop, and the pages that show it."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal

import typer

from jihe import console
from jihe.commands.options import (
    AsOf,
    Goal,
    HomeOption,
    InputOption,
    Lang,
    Language,
    MappingOption,
    SourceOption,
    Unit,
    day_of,
    lang_of,
    option,
    told,
)
from jihe.texts import say


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("run", help=told("run"))(run)
    app.command("demo", help=told("demo"))(demo)
    app.command("serve", help=told("serve"))(serve)


def run(
    source: SourceOption,
    input: InputOption,
    out: Annotated[Path, option("out", "--out")],
    mapping: MappingOption = None,
    as_of: AsOf = None,
    frame_from: Annotated[str | None, option("frame_from", metavar="YYYY-MM-DD")] = None,
    capacity: Annotated[str | None, option("capacity")] = None,
    random_share: Annotated[str, option("random_share")] = "0.3",
    unit: Annotated[Unit | None, option("drawn_unit")] = None,
    objective: Annotated[Goal, option("objective")] = Goal.probability,
    seed: Annotated[str | None, option("draw_seed")] = None,
    identified: Annotated[bool, option("identified", "--identified")] = False,
    lang: Lang = Language.en,
) -> None:
    """Files in, a ranked, reasoned and sealed list out."""
    from jihe.pipeline import RunChoices
    from jihe.pipeline import run as run_pipeline
    from jihe.planning import PlanChoices, parse_seed
    from jihe.summary import show_run

    choices = RunChoices(
        source=source,
        mapping=mapping,
        folder=input,
        out=out,
        as_of=day_of(as_of, "--as-of"),
        frame_from=day_of(frame_from, "--frame-from"),
        unit=unit.value if unit else None,
        objective=objective.value,
        plan=PlanChoices(capacity, random_share, seed=parse_seed(seed)),
        lang=lang_of(lang),
        identified=identified,
    )
    started = perf_counter()
    with console.progress("jihe run") as tell:
        result = run_pipeline(choices, tell)
    show_run(result, out, choices.lang)
    _say_time(started, choices.lang)


def demo(
    out: Annotated[Path, option("demo_out", "--out")] = Path("demo"),
    insured: Annotated[int, option("insured")] = 30_000,
    institutions: Annotated[int, option("institutions")] = 30,
    pharmacies: Annotated[int, option("pharmacies")] = 20,
    months: Annotated[int, option("months")] = 24,
    capacity: Annotated[int, option("first_capacity")] = 600,
    second_capacity: Annotated[int, option("second_capacity")] = 200,
    seed: Annotated[int, option("seed")] = 1,
    lang: Lang = Language.en,
) -> None:
    """Run the whole loop on a simulated county: list, verdicts, retrained model, new list."""
    from jihe.demo import DemoChoices, run_demo
    from jihe.demo_summary import show_demo

    choices = DemoChoices(
        out, insured, institutions, pharmacies, months, capacity, second_capacity, seed,
        lang_of(lang),
    )  # fmt: skip
    started = perf_counter()
    with console.stages(choices.lang) as (tell, title):
        result = run_demo(choices, tell, title)
    show_demo(result, choices)
    _say_time(started, choices.lang)


def _say_time(started: float, lang: Literal["en", "zh"]) -> None:
    seconds, memory = perf_counter() - started, console.peak_memory()
    console.out.print(say("done_in", lang, seconds=seconds, memory=memory))


def serve(
    home: HomeOption = Path(),
    port: Annotated[int, option("port")] = 8350,
    host: Annotated[str, option("host")] = "127.0.0.1",
    lang: Lang = Language.en,
) -> None:
    """Serve scores, cases, explanations and pages from the published bundle."""
    from serving.run import run as run_server

    console.err.print(say("serving_at", lang_of(lang), home=home, port=port), soft_wrap=True)
    run_server(home, host=host, port=port)
