"""``features`` and ``rules``: vocabulary, parameters in force, and the feature build alone."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from jihe import console
from jihe.commands.options import (
    AsOf,
    Form,
    FormOption,
    HomeOption,
    Lang,
    Language,
    argument,
    day_of,
    lang_of,
    option,
    told,
)
from jihe.texts import say

ParameterFile = Annotated[Path, argument("parameter_file", exists=True, dir_okay=False)]


class Engine(StrEnum):
    """What builds features in batch."""

    duckdb = "duckdb"
    spark = "spark"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    features = typer.Typer(no_args_is_help=True, help=told("features"))
    features.command("list", help=told("features_list"))(features_list)
    features.command("build", help=told("features_build"))(features_build)
    app.add_typer(features, name="features")
    rules = typer.Typer(no_args_is_help=True, help=told("rules"))
    rules.command("list", help=told("rules_list"))(rules_list)
    rules.command("explain", help=told("rules_explain"))(rules_explain)
    rules.command("diff", help=told("rules_diff"))(rules_diff)
    rules.command("activate", help=told("rules_activate"))(rules_activate)
    rules.command("parameters", help=told("rules_parameters"))(rules_parameters)
    app.add_typer(rules, name="rules")


def features_list(format: FormOption = Form.text, lang: Lang = Language.en) -> None:
    """Print every feature with its meaning."""
    from jihe.catalogues import feature_rows

    _print(feature_rows(), format, lang_of(lang))


def features_build(
    store: Annotated[str, option("build_store", "--store")],
    as_of: Annotated[str, option("as_of", "--as-of", metavar="YYYY-MM-DD")],
    out: Annotated[str, option("build_out", "--out")],
    engine: Annotated[Engine, option("engine", "--engine")] = Engine.duckdb,
    master: Annotated[str | None, option("spark_master", "--master")] = None,
    lang: Lang = Language.en,
) -> None:
    """Build every feature and rule of a store as of a day and write them as Parquet."""
    from jihe.feature_build import build_features
    from jihe.texts import say

    day = day_of(as_of, "--as-of")
    assert day is not None  # noqa: S101 - the option is required
    with console.progress("jihe features build") as tell:
        built = build_features(engine.value, store, day, out, master, tell)
    console.out.print(
        say("features_built", lang_of(lang), features=built.features, rules=built.rules,
            not_run=built.not_run, out=out),
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


def rules_list(format: FormOption = Form.text, lang: Lang = Language.en) -> None:
    """Print every rule with its level, parameters and basis."""
    from jihe.catalogues import rule_rows

    _print(rule_rows(), format, lang_of(lang))


def rules_explain(
    rule: Annotated[str, argument("rule_id")],
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Print one rule for a person: what it finds, on what ground, with which parameters."""
    from features.parameters import read_book
    from jihe.home import Home
    from jihe.rule_words import explain_rule

    lines = explain_rule(rule, read_book(Home(home).parameters), lang_of(lang))
    console.out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def rules_diff(
    file: ParameterFile,
    home: HomeOption = Path(),
    as_of: AsOf = None,
    format: FormOption = Form.text,
    lang: Lang = Language.en,
) -> None:
    """Show what other parameters would change among the claims of the last quarter."""
    from claims.store import open_store
    from features.as_of import default_as_of
    from features.effects import effects, not_run_of
    from features.parameters import ParameterBook, read_book, read_parameters
    from jihe.home import Home

    before, new = read_book(Home(home).parameters), read_parameters(file)
    store = open_store(home)
    day = day_of(as_of, "--as-of") or default_as_of(store).day
    found = effects(store, day, before, ParameterBook((*before.sets, new)))
    if format is Form.json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=1) + "\n")
        return
    language = lang_of(lang)
    names = ("rule_id", "before", "after", "gone", "new", "amount_before", "amount_after")
    money = store.meta["currency"]
    body = [[_cell(asdict(one)[name], name, money, language) for name in names] for one in found]
    console.rows([say(f"diff_{name}", language) for name in names], body, right=(1, 2, 3, 4, 5, 6))
    for rule_id, missing in not_run_of(store, day, new.values).items():
        console.out.print(say("diff_not_run", language, rule=rule_id, columns=", ".join(missing)))
    console.out.print(say("diff_as_of", language, day=day))


def rules_activate(
    file: ParameterFile, home: HomeOption = Path(), lang: Lang = Language.en
) -> None:
    """Put other parameters in force for the runs that follow, and record it."""
    from jihe.home import Home
    from jihe.rule_parameters import activate

    one = activate(Home(home), file)
    console.out.print(say("activated", lang_of(lang), version=one.version, rules=len(one.values)))


def rules_parameters(
    home: HomeOption = Path(), format: FormOption = Form.text, lang: Lang = Language.en
) -> None:
    """List every value that differs from the rules' defaults, in order of activation."""
    from features.parameters import read_book
    from jihe.home import Home
    from jihe.rule_parameters import COLUMNS, value_rows

    found = value_rows(read_book(Home(home).parameters))
    if format is Form.json:
        sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        return
    headers = [say(f"parameter_{name}", lang_of(lang)) for name in COLUMNS]
    console.rows(headers, [[row[name] for name in COLUMNS] for row in found])


def _cell(value: object, name: str, currency: str, lang: Literal["en", "zh"]) -> object:
    from serving.money import money_text

    return money_text(int(str(value)), currency, lang) if name.startswith("amount") else value


def _print(entries: list[dict[str, object]], form: Form, lang: str) -> None:
    if form is Form.json:
        sys.stdout.write(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
        return
    columns = ["name", f"label_{lang}", "entity", "unit", f"meaning_{lang}"]
    console.rows(columns, [[entry.get(c) or "" for c in columns] for entry in entries])
