"""JSON with one spelling per value, so that equal content has equal bytes and equal digests.

In: plain JSON values. Out: UTF-8 bytes with sorted keys, no spaces, no escapes beyond those that
JSON demands, shortest floats that read back to the same bits, and no NaN or infinity. It follows
RFC 8785 except that a float keeps its point (1.0, not 1) and keys sort by code point.
"""

from __future__ import annotations

import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Return the canonical bytes; raises ValueError for NaN and infinities."""
    text = json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    return text.encode("utf-8")
