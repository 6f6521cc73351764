"""``keys`` and ``audit``: the installation's key and the trail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jihe import console
from jihe.commands.options import HomeOption, Lang, Language, argument, lang_of, told
from jihe.texts import say


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    keys = typer.Typer(no_args_is_help=True, help=told("keys"))
    keys.command("api", help=told("keys_api"))(keys_api)
    keys.command("approver", help=told("keys_approver"))(keys_approver)
    app.add_typer(keys, name="keys")
    audit = typer.Typer(no_args_is_help=True, help=told("audit"))
    audit.command("verify", help=told("audit_verify"))(audit_verify)
    app.add_typer(audit, name="audit")


def keys_api(lang: Lang = Language.en) -> None:
    """Print the key that the API and the pages ask for, making it on first use."""
    from claims.vault import vault_folder
    from serving.keys import api_key

    sys.stdout.write(api_key(vault_folder()) + "\n")


def keys_approver(
    path: Annotated[Path, argument("approver_key_new")], lang: Lang = Language.en
) -> None:
    """Make a key for somebody who approves models; print its public half."""
    from jihe.approvals import create_key

    public = create_key(path, lang_of(lang))
    console.out.print(say("approver_key_made", lang_of(lang), path=path), soft_wrap=True)
    sys.stdout.write(f'public_key = "{public}"\n')


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
