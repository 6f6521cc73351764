"""The command ``jihe``: every stage from the shell, in English and Chinese."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal

import typer

from jihe import console
from jihe.mapping_commands import map_files
from jihe.texts import say

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
plan_app = typer.Typer(no_args_is_help=True, help="Plans: what was drawn, and what it says.")
outcomes_app = typer.Typer(no_args_is_help=True, help="Verdicts that come back from inspection.")
features_app = typer.Typer(no_args_is_help=True, help="The feature catalogue.")
rules_app = typer.Typer(no_args_is_help=True, help="The inspection rules.")
keys_app = typer.Typer(no_args_is_help=True, help="Keys of this installation.")
audit_app = typer.Typer(no_args_is_help=True, help="The audit trail.")
for name, sub in {
    "plan": plan_app, "outcomes": outcomes_app, "features": features_app, "rules": rules_app,
    "keys": keys_app, "audit": audit_app,
}.items():  # fmt: skip
    app.add_typer(sub, name=name)


class Language(StrEnum):
    """Languages of everything a person reads."""

    en = "en"
    zh = "zh"


class Unit(StrEnum):
    """What is scored and drawn."""

    claim = "claim"
    insured = "insured"
    institution = "institution"


class Goal(StrEnum):
    """What the planner ranks by."""

    probability = "probability"
    amount = "amount"


class Form(StrEnum):
    """How lists are printed."""

    text = "text"
    json = "json"


Lang = Annotated[Language, typer.Option("--lang", help="Language of what is printed and written.")]
HomeOption = Annotated[
    Path, typer.Option("--home", envvar="JIHE_HOME", help="The --out folder of a run.")
]
MappingFile = Annotated[
    Path | None,
    typer.Option(
        "--mapping", help="TOML of --source mapping (docs/mapping.md).", exists=True,
        dir_okay=False,
    ),
]  # fmt: skip
DayText = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD")]


def lang_of(lang: Language) -> Literal["en", "zh"]:
    """Return the language as the other packages name it."""
    return "zh" if lang is Language.zh else "en"


def day_of(text: str | None, option: str) -> date | None:
    """Return the date of an option; raises typer.BadParameter naming it."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no date; write YYYY-MM-DD", param_hint=option
        ) from None


@app.command()
def run(
    source: Annotated[str, typer.Option(help="nhsa, synpuf, provider_fraud or mapping.")],
    input: Annotated[
        Path, typer.Option(help="Folder with the source's files.", exists=True, file_okay=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for everything that is written.")],
    mapping: MappingFile = None,
    as_of: DayText = None,
    frame_from: DayText = None,
    capacity: Annotated[str | None, typer.Option(help="Cases to draw: 200, or 2%.")] = None,
    random_share: Annotated[str, typer.Option(help="Part drawn at random over all.")] = "0.3",
    unit: Annotated[Unit | None, typer.Option(help="What is drawn.")] = None,
    objective: Annotated[
        Goal, typer.Option(help="Rank by the chance of a finding, or the amount expected.")
    ] = Goal.probability,
    seed: Annotated[str | None, typer.Option(help="32 bytes in hex; random if absent.")] = None,
    identified: Annotated[
        bool, typer.Option("--identified", help="Also write lists with originals; recorded.")
    ] = False,
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
        objective="amount" if objective is Goal.amount else "probability",
        plan=PlanChoices(capacity, random_share, seed=parse_seed(seed)),
        lang=lang_of(lang),
        identified=identified,
    )
    started = perf_counter()
    with console.progress("jihe run") as tell:
        result = run_pipeline(choices, tell)
    show_run(result, out, choices.lang)
    _say_time(started, choices.lang)


def _say_time(started: float, lang: Literal["en", "zh"]) -> None:
    seconds, memory = perf_counter() - started, console.peak_memory()
    console.out.print(say("done_in", lang, seconds=seconds, memory=memory))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder; what is in it is replaced.")] = Path("demo"),
    insured: int = 30_000,
    institutions: int = 30,
    pharmacies: int = 20,
    months: int = 24,
    capacity: int = 600,
    second_capacity: int = 200,
    seed: int = 1,
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


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="An empty or new folder.")],
    insured: int = 30_000,
    months: int = 24,
    institutions: int = 30,
    pharmacies: int = 20,
    seed: int = 1,
    parameters: Annotated[Path | None, typer.Option(help="TOML over the defaults.")] = None,
) -> None:
    """Write a simulated county in the national interface's layout, with its ground truth."""
    from claims.simulator.county import Parameters
    from claims.simulator.county import simulate as simulate_county

    with console.progress("jihe simulate") as tell:
        summary = simulate_county(
            out, insured=insured, months=months, institutions=institutions,
            pharmacies=pharmacies, seed=seed, parameters=Parameters.load(parameters), progress=tell,
        )  # fmt: skip
    console.rows(["", ""], [[name, f"{count:,}"] for name, count in summary.files.items()], (1,))


@app.command()
def load(
    source: Annotated[str, typer.Option()],
    input: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    mapping: MappingFile = None,
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Bring a source's files into the claim store and report what was quarantined."""
    from claims.load import load as load_source
    from claims.mapping import source_mapping
    from jihe.summary import show_load

    home.mkdir(parents=True, exist_ok=True)
    with console.progress("jihe load") as tell:
        report = load_source(source_mapping(source, mapping), input, home, tell)
    show_load(report, home, lang_of(lang))


@app.command()
def train(
    unit: Unit = Unit.claim,
    as_of: DayText = None,
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Train on the verdicts known before --as-of (default: all until now)."""
    from claims.store import open_store
    from features.build import build
    from jihe.home import Home
    from jihe.summary import show_metrics
    from jihe.training import train_on_verdicts, training_as_of
    from training.tracking import Tracker

    cut_date = day_of(as_of, "--as-of") or datetime.now(UTC).date() + timedelta(days=2)
    place = Home(home)
    with console.progress("jihe train") as tell:
        made = build(open_store(home), training_as_of(place, unit.value, cut_date), tell)
        learnt = train_on_verdicts(made, unit.value, place, Tracker(place.registry), cut_date)
    show_metrics(learnt.metrics, lang_of(lang))
    entry = learnt.registered
    console.out.print(
        say("trained", lang_of(lang), version=entry.model_version, unit=unit.value,
            alias=", ".join(entry.aliases))
    )  # fmt: skip


@app.command()
def promote(
    unit: Unit = Unit.claim,
    reason: Annotated[str, typer.Option(help="Why, where the figures do not say so.")] = "",
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Make the challenger the champion if it beats both baselines out of fold."""
    from jihe.home import Home
    from jihe.promotion import promote_challenger

    entry = promote_challenger(Home(home), unit.value, reason, lang_of(lang))
    console.out.print(say("promoted", lang_of(lang), version=entry.model_version, unit=unit.value))


@app.command()
def rollback(unit: Unit = Unit.claim, home: HomeOption = Path(), lang: Lang = Language.en) -> None:
    """Make the previous champion the champion again."""
    from jihe.home import Home
    from jihe.promotion import roll_back

    entry = roll_back(Home(home), unit.value)
    console.out.print(say("promoted", lang_of(lang), version=entry.model_version, unit=unit.value))


@app.command()
def serve(
    home: HomeOption = Path(),
    port: int = 8350,
    host: Annotated[str, typer.Option(help="Loopback only.")] = "127.0.0.1",
    lang: Lang = Language.en,
) -> None:
    """Serve scores, cases, explanations and pages from the published bundle."""
    from serving.run import run as run_server

    console.err.print(say("serving_at", lang_of(lang), home=home, port=port), soft_wrap=True)
    run_server(home, host=host, port=port)


@app.command()
def replay(
    certificate: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    frame: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    list: Annotated[
        Path | None, typer.Option(help="draw.tsv or list.csv to compare.", exists=True)
    ] = None,
    key: Annotated[str | None, typer.Option(help="The public key as published.")] = None,
    lang: Lang = Language.en,
) -> None:
    """Repeat a draw from its certificate and frame, and say where anything differs."""
    from sampling.replay import replay as replay_draw

    beside = certificate.with_name("draw.tsv")
    compared = list or (beside if beside.exists() else None)
    result = replay_draw(certificate, frame, compared, trusted_key=key)
    language = lang_of(lang)
    if not result.ok:
        console.out.print(say("replay_differs", language))
        for fault in result.differences:
            console.out.print("- " + fault.text(language), soft_wrap=True)
        raise typer.Exit(1)
    from sampling.draw import list_hash

    drawn = result.drawn
    assert drawn is not None  # noqa: S101 - a replay without differences has drawn
    console.out.print(
        say("replay_ok", language, units=drawn.num_rows, hash=list_hash(drawn)), soft_wrap=True
    )
    console.out.print(say("replay_key", language, key=result.public_key), soft_wrap=True)


plan_app.command("replay")(replay)
app.command("map")(map_files)


@plan_app.command("estimate")
def plan_estimate(
    plan: Annotated[str, typer.Option(help="Plan such as P0001.")],
    home: HomeOption = Path(),
    format: Form = Form.text,
    lang: Lang = Language.en,
) -> None:
    """Say what the verdicts of a plan tell about the whole frame."""
    import json

    from claims.store import open_store
    from jihe.estimates import plan_estimates, show_estimates

    estimates = plan_estimates(home, plan)
    if format is Form.json:
        console.out.print_json(json.dumps(estimates.to_dict(), default=str))
        return
    show_estimates(estimates, str(open_store(home).meta["currency"]), lang_of(lang))


@outcomes_app.command("import")
def outcomes_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    plan: Annotated[str, typer.Option(help="Plan such as P0001.")],
    actor: Annotated[str, typer.Option(help="Code of who imports.")] = "planner",
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Check a returned list and append its verdicts: all rows, or none and every fault."""
    from jihe.home import Home
    from sampling.ledger import Ledger
    from sampling.verdicts import import_verdicts

    language = lang_of(lang)
    ledger = Ledger(Home(home).ledger_url)
    try:
        result = import_verdicts(ledger, file, plan, actor=actor, now=datetime.now(UTC))
    finally:
        ledger.close()
    for warning in result.warnings:
        console.out.print(say("note", language, text=warning.text(language)), soft_wrap=True)
    appended = result.appended
    console.out.print(
        say("verdicts_in", language, appended=appended.new, superseding=appended.superseding,
            unchanged=appended.unchanged, stale=appended.stale, waiting=result.not_inspected)
    )  # fmt: skip


@features_app.command("list")
def features_list(format: Form = Form.text, lang: Lang = Language.en) -> None:
    """Print every feature with its meaning."""
    from jihe.catalogues import feature_rows

    _print_catalogue(feature_rows(), format, lang_of(lang))


@rules_app.command("list")
def rules_list(format: Form = Form.text, lang: Lang = Language.en) -> None:
    """Print every rule with its level, parameters and basis."""
    from jihe.catalogues import rule_rows

    _print_catalogue(rule_rows(), format, lang_of(lang))


def _print_catalogue(entries: list[dict[str, object]], form: Form, lang: str) -> None:
    import json

    if form is Form.json:
        sys.stdout.write(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
        return
    columns = ["name", f"label_{lang}", "entity", "unit", f"meaning_{lang}"]
    console.rows(columns, [[entry.get(c) or "" for c in columns] for entry in entries])


@keys_app.command("api")
def keys_api() -> None:
    """Print the key that the API and the pages ask for, making it on first use."""
    from claims.vault import vault_folder
    from serving.keys import api_key

    sys.stdout.write(api_key(vault_folder()) + "\n")


@audit_app.command("verify")
def audit_verify(home: HomeOption = Path(), lang: Lang = Language.en) -> None:
    """Check the hash chain of the trail."""
    from jihe.home import Home
    from sampling.ledger import Ledger

    language = lang_of(lang)
    ledger = Ledger(Home(home).ledger_url)
    try:
        faults, head = ledger.verify_trail(), ledger.head()
    finally:
        ledger.close()
    if faults:
        console.out.print(say("trail_broken", language))
        for fault in faults:
            console.out.print("- " + fault.text(language))
        raise typer.Exit(1)
    console.out.print(say("trail_ok", language, count=head.count, hash=head.hash), soft_wrap=True)


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

    try:
        yield
    except Exception as error:
        if type(error).__module__.split(".")[0] not in _OURS:
            raise
        console.err.print(f"[red]{type(error).__name__}[/red] ", end="")
        if isinstance(error, SamplingError | MappingError | SuggestError):
            text = error.text(_asked_language())
        else:
            text = str(error)
        console.err.print(text, soft_wrap=True, markup=False)
        raise SystemExit(2) from None


def _asked_language() -> Literal["en", "zh"]:
    """Return the language on the command line; errors come before it is parsed, too."""
    words = sys.argv
    asked = words[words.index("--lang") + 1 :][:1] if "--lang" in words else []
    return "zh" if asked == ["zh"] or "--lang=zh" in words else "en"


def main() -> None:
    """Run the command line."""
    with _plain_errors():
        app()
