"""Options that several commands share, and their help in the language that was asked for."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from claims.contracts import Lang as LangCode
from jihe.texts import say

LANGUAGE_VARIABLE = "JIHE_LANG"


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
    variety = "variety"


class Chances(StrEnum):
    """How institutions are drawn: alike within strata, or by size."""

    strata = "strata"
    size = "size"


class Form(StrEnum):
    """How lists are printed."""

    text = "text"
    json = "json"


def asked_language() -> LangCode:
    """Return the language on the command line: help and errors come before it is parsed."""
    words = sys.argv
    asked = words[words.index("--lang") + 1 :][:1] if "--lang" in words else []
    usual = os.environ.get(LANGUAGE_VARIABLE) == "zh" and not asked and "--lang=en" not in words
    return "zh" if asked == ["zh"] or "--lang=zh" in words or usual else "en"


@cache
def _helps() -> Mapping[str, Mapping[str, str]]:
    path = Path(__file__).with_name("help.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def told(key: str) -> str:
    """Return the help of a command or option in the language that was asked for."""
    return _helps()[key][asked_language()]


def option(key: str, *names: str, **settings: Any) -> Any:
    """Return a typer option whose help is the text of ``key``."""
    return typer.Option(*names, help=told(key), **settings)


def argument(key: str, **settings: Any) -> Any:
    """Return a typer argument whose help is the text of ``key``."""
    return typer.Argument(help=told(key), **settings)


Lang = Annotated[Language, option("lang", "--lang", envvar=LANGUAGE_VARIABLE)]
HomeOption = Annotated[Path, option("home", "--home", envvar="JIHE_HOME")]
FormOption = Annotated[Form, option("format", "--format")]
UnitOption = Annotated[Unit, option("unit", "--unit")]
PlanOption = Annotated[str, option("plan_id", "--plan")]
AsOf = Annotated[str | None, option("as_of", "--as-of", metavar="YYYY-MM-DD")]
SourceOption = Annotated[str, option("source", "--source")]
VersionOption = Annotated[str | None, option("store_version", "--version")]
KnownOnOption = Annotated[str | None, option("as_known_on", "--as-known-on", metavar="YYYY-MM-DD")]
MappingOption = Annotated[Path | None, option("mapping", "--mapping", exists=True, dir_okay=False)]
ConfigOption = Annotated[Path | None, option("config", "--config", exists=True, dir_okay=False)]
BesideOption = Annotated[Path | None, option("beside", "--beside", exists=True, file_okay=False)]
ChancesOption = Annotated[Chances, option("chances", "--chances")]
ClaimsEachOption = Annotated[str | None, option("claims_each", "--claims-each")]
InputOption = Annotated[Path, option("input", "--input", exists=True, file_okay=False)]


def lang_of(lang: Language) -> Literal["en", "zh"]:
    """Return the language as the other packages name it."""
    return "zh" if lang is Language.zh else "en"


def day_of(text: str | None, name: str) -> date | None:
    """Return the date of an option; raises typer.BadParameter naming it."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no date; write YYYY-MM-DD", param_hint=name
        ) from None


def fitting_unit(unit: Unit, chances: Chances, each: str | None, lang: Language) -> None:
    """Refuse a kind of unit that can't be drawn as was asked; typer.BadParameter says why."""
    wanted = Unit.claim if each else Unit.institution
    if (each or chances is Chances.size) and unit is not wanted:
        key = "stages_want_claims" if each else "size_wants_institutions"
        raise typer.BadParameter(say(key, lang_of(lang)), param_hint="--unit")
