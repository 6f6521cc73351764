"""The report of one plan: a page that holds everything, prints on A4 and runs nothing.

In: the estimates of a plan. Out: one HTML file in one language, the same bytes for the same ledger
and files. The page allows its own style sheet by hash and nothing else: no script, no picture, no
font and no address from elsewhere. It names no unit and shows no score of one.
"""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from claims.contracts import Lang
from jihe.estimates import PlanEstimates
from jihe.plan_report_view import view
from jihe.plan_report_words import say
from jihe.staged_estimates import StagedEstimates
from jihe.staged_report_view import staged_view

_HERE = Path(__file__).parent
POLICY = "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"


@cache
def _templates() -> Environment:
    """Return the templates: everything escaped, and a missing value is an error."""
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def plan_report_html(found: PlanEstimates | StagedEstimates, currency: str, lang: Lang) -> str:
    """Return the page."""
    style = (_HERE / "static" / "plan_report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    if isinstance(found, StagedEstimates):
        name, page = "staged_report.html", staged_view(found, currency, lang)
    else:
        name, page = "plan_report.html", view(found, currency, lang)
    return _templates().get_template(name).render(
        page, t=partial(_text, lang), lang=lang,
        policy=POLICY.format(style=digest), style=Markup(style),  # noqa: S704  our own file
    )  # fmt: skip


def write_plan_report(
    found: PlanEstimates | StagedEstimates, path: Path, currency: str, lang: Lang
) -> None:
    """Write the page; it appears whole or not at all."""
    html = plan_report_html(found, currency, lang)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(html, encoding="utf-8")
    os.replace(draft, path)


def _text(lang: Lang, key: str, **values: object) -> str:
    return say(key, lang, **values)
