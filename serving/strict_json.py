"""JSON as RFC 8259 means it, read from a bounded body.

In: the bytes of a request. Out: plain values. Refused are bodies over the limit (without reading
them to the end), text that is not UTF-8, NaN and infinities, numbers beyond a double, keys that
repeat within an object, and nesting deeper than the interpreter takes.
"""

from __future__ import annotations

import json
import math
from typing import Any

from fastapi import Request

#: Largest body taken, in bytes.
BODY_LIMIT = 2 * 1024 * 1024


class TooLargeError(ValueError):
    """The body exceeds the limit."""


class JsonError(ValueError):
    """The body is not strict JSON."""


async def read_body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """Return the body; raises TooLargeError as soon as it is known to exceed ``limit`` bytes."""
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and (len(stated) > 12 or int(stated) > limit):
        raise TooLargeError
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLargeError
        parts.append(part)
    return b"".join(parts)


def parse(body: bytes) -> Any:
    """Return the values of a JSON text; raises JsonError, which quotes nothing of it."""
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_float=_finite,
        )
    except (ValueError, RecursionError):
        raise JsonError from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise JsonError
    return made


def _refuse(_: str) -> Any:
    raise JsonError


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JsonError
    return number
