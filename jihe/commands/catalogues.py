"""``features list`` and ``rules list``: the vocabulary, as text or JSON."""

from __future__ import annotations

import json
import sys

import typer

from jihe import console
from jihe.commands.options import Form, FormOption, Lang, Language, lang_of, told


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for name, command in (("features", features_list), ("rules", rules_list)):
        group = typer.Typer(no_args_is_help=True, help=told(name))
        group.command("list", help=told(f"{name}_list"))(command)
        app.add_typer(group, name=name)


def features_list(format: FormOption = Form.text, lang: Lang = Language.en) -> None:
    """Print every feature with its meaning."""
    from jihe.catalogues import feature_rows

    _print(feature_rows(), format, lang_of(lang))


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
