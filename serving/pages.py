"""The pages: sign in, the ranked list, and one case.

In: requests with a session cookie. Out: HTML without scripts, in the reader's language, every text
escaped. A page is drawn from the bundle's records and computes nothing of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import Request
from fastapi.routing import APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from claims.contracts import LANGS, Lang, table
from serving import guards
from serving.chart import leading, strip, waterfall
from serving.facts import fact_rows, line_rows, list_facts
from serving.languages import COOKIE as LANG_COOKIE
from serving.languages import language
from serving.live import Served
from serving.money import money_text
from serving.sentences import score_text
from serving.strict_json import TooLargeError, read_body
from serving.texts import text
from serving.wording import topics

#: Cases of one page of the list.
PAGE = 50
_LOGIN_LIMIT = 4096
_DEEPEST = 100_000
_YEAR = 365 * 24 * 3600


@cache
def _templates() -> Environment:
    """Return the templates: everything escaped, and a missing value is an error."""
    folder = Path(__file__).parent / "templates"
    return Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def make_pages() -> APIRouter:
    """Return the routes of the pages."""
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/login", show_login, methods=["GET"])
    routes.add_api_route("/login", sign_in, methods=["POST"])
    routes.add_api_route("/logout", sign_out, methods=["POST"])
    routes.add_api_route("/", show_list, methods=["GET"])
    routes.add_api_route("/cases/{unit}/{unit_id}", show_case, methods=["GET"])
    return routes


async def show_login(request: Request) -> Response:
    """Show the form that asks for the key."""
    return _page(request, "login.html", wrong=False)


async def sign_in(request: Request) -> Response:
    """Start a session for the right key; the key itself is never put into a cookie."""
    try:
        body = await read_body(request, _LOGIN_LIMIT)
    except TooLargeError:
        raise HTTPException(413) from None
    form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=4)
    given = form.get("key", [""])[0].strip()
    key = request.app.state.key
    if not guards.key_matches(given, key):
        return _page(request, "login.html", status=401, wrong=True)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        guards.COOKIE, guards.session_token(key), max_age=guards.SESSION_HOURS * 3600,
        httponly=True, samesite="strict", secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(guards.COOKIE, httponly=True, samesite="strict")
    return answer


async def show_list(request: Request, unit: str = "", page: str = "1") -> Response:
    """Show a page of the ranked list of one unit."""
    if not _signed_in(request):
        return RedirectResponse("/login", 303)
    bundle = _served(request).bundle
    summaries = bundle.cases.summaries
    chosen = unit or ("claim" if "claim" in summaries else next(iter(summaries), "claim"))
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 0
    if chosen not in summaries or not 1 <= number <= _DEEPEST:
        raise HTTPException(404)
    summary = summaries[chosen]
    return _page(
        request,
        "list.html",
        unit=chosen,
        summary=summary,
        summaries=list(summaries.values()),
        cases=bundle.cases.ranked(chosen, PAGE, (number - 1) * PAGE),
        number=number,
        pages=max(1, -(-summary.units // PAGE)),
    )


async def show_case(request: Request, unit: str, unit_id: str) -> Response:
    """Show one case: facts, rule hits, then the explanation."""
    if not _signed_in(request):
        return RedirectResponse("/login", 303)
    cases = _served(request).bundle.cases
    record = cases.record(unit, unit_id)
    if record is None:
        raise HTTPException(404)
    lang = language(request)
    shown, others = leading(record["reasons"])
    return _page(
        request,
        "case.html",
        record=record,
        shown=shown,
        others=others,
        facts=fact_rows(record, lang),
        lines=line_rows(record, lang),
        plans=cases.plans(unit, unit_id),
        steps=waterfall(record),
        reasons={reason["reason_code"]: reason for reason in record["reasons"]},
    )


async def on_page_error(request: Request, error: Exception) -> Response:
    """Answer an HTTPException with a page."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = guards.error_text(status, language(request))
    return _page(request, "error.html", status=status, message=message)


def _served(request: Request) -> Served:
    current: Served | None = request.app.state.live.current
    if current is None:
        raise HTTPException(503)
    return current


def _signed_in(request: Request) -> bool:
    return guards.session_valid(request.cookies.get(guards.COOKIE, ""), request.app.state.key)


def _page(request: Request, name: str, *, status: int = 200, **values: Any) -> Response:
    lang = language(request)
    html = _templates().get_template(name).render(_common(request, lang) | values)
    answer = HTMLResponse(html, status)
    if request.query_params.get("lang") in LANGS:
        answer.set_cookie(LANG_COOKIE, lang, max_age=_YEAR, httponly=True, samesite="strict")
    return answer


def _common(request: Request, lang: Lang) -> dict[str, Any]:
    current: Served | None = request.app.state.live.current
    units = table("scores").columns["unit"].values
    return {
        "lang": lang,
        "other_lang": "en" if lang == "zh" else "zh",
        "other_query": _query(request, lang),
        "signed_in": _signed_in(request),
        "about": None if current is None else current.bundle.about,
        "bundle": None if current is None else current.bundle.version,
        "currency": "" if current is None else current.bundle.currency,
        "t": partial(_text, lang),
        "unit_name": lambda unit: units[unit].text(lang),
        "money": lambda minor, currency: money_text(minor, currency, lang),
        "list_facts": partial(list_facts, lang=lang),
        "score_text": partial(score_text, lang=lang),
        "topic": lambda code: topics()[code].topic(lang),
        "strip": strip,
    }


def _text(lang: Lang, key: str, **values: object) -> str:
    return text(key, lang, **values)


def _query(request: Request, lang: Lang) -> str:
    """Return the query of the same page in the other language."""
    kept: Mapping[str, str] = {
        name: value
        for name, value in request.query_params.items()
        if name in ("unit", "page") and len(value) <= 20
    }
    return urlencode({**kept, "lang": "en" if lang == "zh" else "zh"})
