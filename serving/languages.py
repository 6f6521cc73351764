"""Which language a person reads: the one asked for, else the remembered one, else the browser's."""

from __future__ import annotations

from fastapi import Request

from claims.contracts import LANGS, Lang

COOKIE = "jihe_lang"


def language(request: Request) -> Lang:
    """Return the language of a request; English where nothing names one of ours."""
    wanted = (
        request.query_params.get("lang", ""),
        request.cookies.get(COOKIE, ""),
        _accepted(request.headers.get("accept-language", "")),
    )
    return next((lang for name in wanted for lang in LANGS if name == lang), "en")


def _accepted(header: str) -> str:
    """Return the best of our languages in an Accept-Language header (RFC 9110, 12.5.4)."""
    best, weight = "", 0.0
    for part in header[:500].split(","):
        name, _, quality = part.partition(";q=")
        lang = name.strip().lower()[:2]
        try:
            value = float(quality) if quality else 1.0
        except ValueError:
            continue
        if lang in LANGS and value > weight:
            best, weight = lang, value
    return best
