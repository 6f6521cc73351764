"""``features`` and ``rules``: the vocabulary as text or JSON, and the feature build by itself."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer

from jihe import console
from jihe.commands.options import (
    Form,
    FormOption,
    Lang,
    Language,
    day_of,
    lang_of,
    option,
    told,
)


class Engine(StrEnum):
    """What builds features in batch."""

    duckdb = "duckdb"
    spark = "spark"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for name, command in (("features", features_list), ("rules", rules_list)):
        group = typer.Typer(no_args_is_help=True, help=told(name))
        group.command("list", help=told(f"{name}_list"))(command)
        if name == "features":
            group.command("build", help=told("features_build"))(features_build)
        app.add_typer(group, name=name)


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


def _print(entries: list[dict[str, object]], form: Form, lang: str) -> None:
    if form is Form.json:
        sys.stdout.write(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
        return
    columns = ["name", f"label_{lang}", "entity", "unit", f"meaning_{lang}"]
    console.rows(columns, [[entry.get(c) or "" for c in columns] for entry in entries])
