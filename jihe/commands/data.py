"""``simulate``, ``load`` and ``quarantine``: where claims come from, and what was refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from jihe import console
from jihe.commands.options import (
    Form,
    FormOption,
    HomeOption,
    InputOption,
    KnownOnOption,
    Lang,
    Language,
    MappingOption,
    SourceOption,
    VersionOption,
    day_of,
    lang_of,
    option,
    told,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("simulate", help=told("simulate"))(simulate)
    app.command("load", help=told("load"))(load)
    app.command("versions", help=told("versions"))(versions)
    app.command("quarantine", help=told("quarantine"))(quarantine)


def simulate(
    out: Annotated[Path, option("new_folder", "--out")],
    insured: Annotated[int, option("insured")] = 30_000,
    months: Annotated[int, option("months")] = 24,
    institutions: Annotated[int, option("institutions")] = 30,
    pharmacies: Annotated[int, option("pharmacies")] = 20,
    seed: Annotated[int, option("seed")] = 1,
    parameters: Annotated[Path | None, option("parameters")] = None,
    lang: Lang = Language.en,
) -> None:
    """Write a simulated county in the national interface's layout, with its ground truth."""
    from claims.simulator.county import Parameters
    from claims.simulator.county import simulate as simulate_county
    from jihe.texts import say

    with console.progress("jihe simulate") as tell:
        summary = simulate_county(
            out, insured=insured, months=months, institutions=institutions,
            pharmacies=pharmacies, seed=seed, parameters=Parameters.load(parameters), progress=tell,
        )  # fmt: skip
    headers = [say(key, lang_of(lang)) for key in ("file", "rows")]
    console.rows(headers, [[name, f"{count:,}"] for name, count in summary.files.items()], (1,))


def load(
    source: SourceOption,
    input: InputOption,
    mapping: MappingOption = None,
    home: HomeOption = Path(),
    forget_missing: Annotated[bool, option("forget_missing", "--forget-missing")] = False,
    lang: Lang = Language.en,
) -> None:
    """Bring a source's files into the claim store and report what was quarantined."""
    from claims.load import load as load_source
    from claims.mapping import source_mapping
    from jihe.summary import show_load

    home.mkdir(parents=True, exist_ok=True)
    with console.progress("jihe load") as tell:
        report = load_source(
            source_mapping(source, mapping), input, home, tell, forget_missing=forget_missing
        )
    show_load(report, home, lang_of(lang))


def versions(
    home: HomeOption = Path(), format: FormOption = Form.text, lang: Lang = Language.en
) -> None:
    """List every version of the claim store, oldest first, and what each load changed."""
    from claims.versions import current, history
    from jihe.texts import say

    now = current(home / "store")
    rows = [
        {
            "version": entry.version,
            "loaded_at": entry.loaded_at.isoformat(timespec="seconds"),
            "in_force": entry.version == now,
            "changed_files": entry.about.get("changed_files", {}),
            "changed_rows": entry.about.get("changed_rows", {}),
        }
        for entry in history(home / "store")
    ]
    if format is Form.json:
        console.out.print_json(json.dumps(rows))
        return
    headers = [say(key, lang_of(lang)) for key in ("version", "loaded_at", "in_force")]
    body = [[str(r["version"]), str(r["loaded_at"]), "✓" if r["in_force"] else ""] for r in rows]
    console.rows(headers, body)


def quarantine(
    home: HomeOption = Path(),
    version: VersionOption = None,
    as_known_on: KnownOnOption = None,
    out: Annotated[Path | None, option("report_out", "--out")] = None,
    format: FormOption = Form.text,
    lang: Lang = Language.en,
) -> None:
    """Report what the latest load refused: counts, money, examples and what to fix."""
    from claims.quarantine_report import quarantine_figures
    from claims.store import open_store
    from jihe.quarantine_page import quarantine_lines, write_quarantine_report
    from jihe.quarantine_words import say

    store = open_store(home, version, day_of(as_known_on, "--as-known-on"))
    figures = quarantine_figures(store)
    page = write_quarantine_report(store, out or home, lang_of(lang), figures)
    if format is Form.json:
        text = json.dumps(figures.to_dict(), ensure_ascii=False)
        console.out.print_json(text, highlight=False)
        return
    lines = quarantine_lines(store, lang_of(lang), figures)
    for line in (*lines, say("written", lang_of(lang), path=page)):
        console.out.print(line, markup=False, highlight=False, soft_wrap=True)
