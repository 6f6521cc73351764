"""The quarantine report as pages, as a CSV and as lines for the terminal.

In: a store version. Out: ``quarantine.html`` (English), ``quarantine.zh.html``, their style sheet,
``quarantine.csv`` and ``quarantine.parquet`` in one folder, each replaced as a whole. The pages
hold no script, load nothing from elsewhere and escape every text; they are read from the disk.
"""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import serving
from claims.contracts import LANGS, Lang, table
from claims.quarantine_figures import QuarantineFigures
from claims.quarantine_report import quarantine_figures
from claims.store import StoreVersion
from jihe.quarantine_view import view
from jihe.quarantine_words import say
from sampling.columns import neutral

PAGES: dict[Lang, str] = {"en": "quarantine.html", "zh": "quarantine.zh.html"}
_HERE = Path(__file__).parent
_BATCH = 65_536


@cache
def _templates() -> Environment:
    """Return the templates: everything escaped, and a missing value is an error."""
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def quarantine_html(figures: QuarantineFigures, version: StoreVersion, lang: Lang) -> str:
    """Return the page in one language."""
    other: Lang = "en" if lang == "zh" else "zh"
    page = _templates().get_template("quarantine.html")
    return page.render(
        view(figures, version, lang), t=partial(_text, lang), other_lang=other,
        other_page=PAGES[other],
    )  # fmt: skip


def _text(lang: Lang, key: str, **values: object) -> str:
    return say(key, lang, **values)


def write_quarantine_report(
    version: StoreVersion,
    folder: Path,
    lang: Lang = "en",
    figures: QuarantineFigures | None = None,
) -> Path:
    """Write the report into a folder, in both languages; return the page in ``lang``.

    ``figures`` spares counting again what was counted already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = figures or quarantine_figures(version)
    partial_folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    try:
        for each in LANGS:
            html = quarantine_html(figures, version, each)
            (partial_folder / PAGES[each]).write_text(html, encoding="utf-8")
        (partial_folder / "quarantine.css").write_text(_style(), encoding="utf-8")
        shutil.copyfile(
            version.folder / "quarantine.parquet", partial_folder / "quarantine.parquet"
        )
        write_csv(version.folder / "quarantine.parquet", partial_folder / "quarantine.csv")
        for path in sorted(partial_folder.iterdir()):
            os.replace(path, folder / path.name)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    return folder / PAGES[lang]


def _style() -> str:
    """Return the style sheet of all pages, followed by what only this report needs."""
    common = Path(serving.__file__).parent / "static" / "jihe.css"
    own = _HERE / "static" / "quarantine.css"
    return common.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")


def write_csv(source: Path, target: Path) -> None:
    """Write the quarantine as CSV, part by part, so that its length needs no memory.

    Text that a spreadsheet could take for a formula is neutralised; plain numbers stay numbers.
    """
    columns = list(table("quarantine").columns)
    with target.open("w", encoding="utf-8-sig", newline="") as file, pq.ParquetFile(source) as rows:
        writer = csv.writer(file)
        writer.writerow(columns)
        for batch in rows.iter_batches(_BATCH, columns=columns):
            values = [batch.column(name).to_pylist() for name in columns]
            writer.writerows([_cell(v) for v in row] for row in zip(*values, strict=True))


def _cell(value: Any) -> Any:
    return _safe(value) if isinstance(value, str) else value


@lru_cache(maxsize=65_536)
def _safe(text: str) -> str:
    return text if _is_number(text) else neutral(text)


def _is_number(text: str) -> bool:
    """Tell whether a text is a plain decimal number, which no spreadsheet takes for a formula."""
    digits = text.removeprefix("-").replace(".", "", 1)
    return digits.isascii() and digits.isdigit()


def quarantine_lines(
    version: StoreVersion, lang: Lang, figures: QuarantineFigures | None = None
) -> list[str]:
    """Return the report for the terminal, line by line, without markup."""
    body = view(figures or quarantine_figures(version), version, lang)
    subtitle = say("subtitle", lang, source=body["source"], version=body["version"])
    lines = [f"{say('title', lang)} · {subtitle}", "", body["overall"]]
    lines += [f"  {told}" for told in (*body["verdicts"], *body["disagreements"])]
    if body["compared"]:
        lines += ["", say("changes_title", lang), *(f"  {told}" for told in body["compared"])]
    for key in ("whole", "refusing", "warnings"):
        if body[key]:
            lines += ["", say(f"{key}_title", lang)]
            for place, fault in enumerate(body[key], 1):
                lines += _fault_lines(place, fault, lang)
    lines += _file_lines(body, lang) + _absent_lines(body, lang)
    return [*lines, "", say("privacy", lang)]


def _fault_lines(place: int, fault: dict[str, Any], lang: Lang) -> list[str]:
    where = " · ".join(
        t for t in (fault["level"], fault["rows"], fault["share"], fault["table"]) if t
    )
    lines = [f"  {place}. {where}", f"     {fault['reason']}"]
    lines.append(_named_line("label_files", _listed(fault["files"], lang), lang))
    if fault["examples"]:
        found = "; ".join(_example_line(example, lang) for example in fault["examples"])
        lines.append(_named_line("label_examples", found, lang))
    if fault["fix"]:
        lines.append(_named_line("label_fix", fault["fix"], lang))
    return lines


def _example_line(example: dict[str, Any], lang: Lang) -> str:
    rows = [f"{r['place']} ({r['value']})" if r["value"] else r["place"] for r in example["rows"]]
    return f"{example['file']} {_listed(rows, lang)}"


def _listed(texts: list[str], lang: Lang) -> str:
    return say("list_comma", lang).join(texts)


def _named_line(key: str, text: str, lang: Lang) -> str:
    return f"     {say('named', lang, name=say(key, lang), text=text)}"


def _file_lines(body: dict[str, Any], lang: Lang) -> list[str]:
    if not body["files"]:
        return []
    lines = ["", say("files_title", lang)]
    for file in body["files"]:
        figures = [
            f"{say(f'column_{key}', lang)} {file[name]}"
            for key, name in (("refused", "refused"), ("of_table", "share"),
                              ("duplicates", "duplicates"), ("warned", "warned"))
        ]  # fmt: skip
        lines.append(f"  {file['file']} · {file['table']} · {' · '.join(figures)}")
        lines += [f"     {fault}" for fault in file["faults"]]
    return lines + ([f"  {body['files_left']}"] if body["files_left"] else [])


def _absent_lines(body: dict[str, Any], lang: Lang) -> list[str]:
    if not (body["absent"] or body["waiting"]):
        return []
    lines = ["", say("absent_title", lang)]
    lines += [
        f"  {f['table']} · {_listed(f['files'], lang)} · {f['reason']}" for f in body["absent"]
    ]
    lines += [f"  {row['missing']} · {row['told']}" for row in body["waiting"]]
    return lines + ([f"  {body['not_run']}"] if body["not_run"] else [])
