"""What stands before and around every route: keys, sessions, headers, errors, and a silent log.

No answer carries a stack trace, a value that was sent, SQL or a path; no log line carries an id, a
query or a body. Every error has a random number under which the log knows where it happened.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
import traceback
from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claims.contracts import Lang
from serving.claim_input import ClaimIn, LineIn, ScoreRequest
from serving.languages import language
from serving.texts import text, texts

#: Hours after which a person signs in again.
SESSION_HOURS = 12
COOKIE = "jihe_session"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'none'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_KNOWN_PLACES = {
    "body", "query", "path", "unit", "limit", "offset", "page",
    *ScoreRequest.model_fields, *ClaimIn.model_fields, *LineIn.model_fields,
}  # fmt: skip
_FAULTS_SHOWN = 5
_log = logging.getLogger("jihe.serving")


def key_matches(given: str, key: str) -> bool:
    """Tell whether a key is the right one, in time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), key.encode("utf-8"))


def bearer(request: Request) -> str:
    """Return the key of the Authorization header, or nothing."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def session_token(key: str, now: float | None = None) -> str:
    """Return a session's cookie: its start and an HMAC of it; the key cannot be read from it."""
    started = str(int(time.time() if now is None else now))
    return f"{started}.{_mac(key, started)}"


def session_valid(token: str, key: str, now: float | None = None) -> bool:
    """Tell whether a cookie was issued under this key in the last hours."""
    started, _, mac = token.partition(".")
    if not (started.isascii() and started.isdigit() and len(started) <= 12):
        return False
    age = (time.time() if now is None else now) - int(started)
    right = hmac.compare_digest(mac.encode("utf-8", "replace"), _mac(key, started).encode())
    return right and -60 <= age <= SESSION_HOURS * 3600


def _mac(key: str, started: str) -> str:
    return hmac.new(key.encode("utf-8"), f"session|{started}".encode(), hashlib.sha256).hexdigest()


def describe(errors: Sequence[Any]) -> str:
    """Return where a request is wrong and how, without anything that was sent."""
    shown = [f"{_place(error['loc'])} ({error['type']})" for error in errors[:_FAULTS_SHOWN]]
    return "; ".join(shown) + ("; …" if len(errors) > _FAULTS_SHOWN else "")


def _place(location: Sequence[int | str]) -> str:
    parts = [
        str(part) if isinstance(part, int) or part in _KNOWN_PLACES else "?" for part in location
    ]
    return ".".join(parts) or "body"


def error_text(status: int, lang: Lang, detail: object = None) -> str:
    """Return the sentence of a status; only a detail of our own making is ever shown."""
    if status == 422 and isinstance(detail, str):
        return text("error_422", lang, faults=detail.rstrip("."))
    known = f"error_{status}"
    return text(known if known in texts() and status != 422 else "error_400", lang)


def error_answer(request: Request, status: int, message: str) -> Response:
    """Return an error as JSON with its number."""
    number = secrets.token_hex(8)
    _log.info("error %s: status %d on %s", number, status, route_of(request.scope))
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"error_id": number, "message": message}, status, headers)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer an HTTPException."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else None
    return error_answer(request, status, error_text(status, language(request), detail))


async def on_invalid(request: Request, error: Exception) -> Response:
    """Answer a request that fails validation, without echoing it."""
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    message = error_text(422, language(request), describe(errors))
    return error_answer(request, 422, message)


def route_of(scope: Scope) -> str:
    """Return the route's pattern, never the address that was called."""
    return str(getattr(scope.get("route"), "path", "no route"))


class Shield:
    """Outermost layer: security headers, one last-resort error handler, one log line a request."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and see to it that an answer goes back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(scope, message)
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception as error:
            number = secrets.token_hex(8)
            _log.error("error %s: %s at %s", number, type(error).__name__, _where(error))
            if not status:
                lang = language(Request(scope))
                answer = JSONResponse({"error_id": number, "message": text("error_500", lang)}, 500)
                await answer(scope, receive, guarded)
        taken = 1000 * (time.perf_counter() - began)
        _log.info("%s %s %d %.1f ms", scope["method"], route_of(scope), status, taken)


def _add_headers(scope: Scope, message: Message) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in HEADERS.items():
        headers[name] = value
    if not scope["path"].startswith("/static/"):
        headers["Cache-Control"] = "no-store"


def _where(error: BaseException) -> str:
    """Return file and line of the innermost frame; the message may quote what was sent."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "?"
    last = frames[-1]
    return f"{last.filename.rsplit('/', 1)[-1]}:{last.lineno}"
