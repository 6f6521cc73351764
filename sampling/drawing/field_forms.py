"""How the records of a plan (certificate, seal, public version) are written, field by field.

In: a JSON object and what its fields must be like. Out: every field that is missing, unknown or of
the wrong form, at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from sampling.faults import Fault

LARGEST_INTEGER = 2**53 - 1
"""RFC 8785 numbers are IEEE doubles; beyond this an integer is not exact."""


Check = Callable[[Any], bool]
"""Whether a value has the form of its field."""


def hex_digits(digits: int) -> Callable[[Any], bool]:
    """Return a check for exactly so many lower-case hexadecimal digits."""
    pattern = re.compile(f"[0-9a-f]{{{digits}}}")
    return lambda v: isinstance(v, str) and pattern.fullmatch(v) is not None


def plain_text(value: Any) -> bool:
    """Return whether it is text without control characters, not empty."""
    return isinstance(value, str) and re.fullmatch(r"[^\x00-\x1f\x7f]+", value) is not None


def count(value: Any) -> bool:
    """Return whether it is a whole number from 1 that JSON holds exactly."""
    return type(value) is int and 0 < value <= LARGEST_INTEGER


def share(value: Any) -> bool:
    """Return whether it is decimal text from 0 to 1 without trailing zeros."""
    return isinstance(value, str) and re.fullmatch(r"0|1|0\.[0-9]*[1-9]", value) is not None


def moment(value: Any) -> bool:
    """Return whether it is a UTC time to the microsecond, ``2026-01-31T08:00:00.000000Z``."""
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    if not isinstance(value, str) or re.fullmatch(pattern, value, re.ASCII) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def day(value: Any) -> bool:
    """Return whether it is a date, ``2026-01-31``."""
    if not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII) is None:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def record_faults(
    record: Mapping[str, Any], fields: Mapping[str, Check], lists: Mapping[str, Mapping[str, Check]]
) -> list[Fault]:
    """Return every missing, unknown or ill-formed field.

    Args:
        record: the JSON object.
        fields: check by dotted name, lists of objects included.
        lists: for a field that is a list of objects, the check of each key of an object.
    """
    found = dict(_leaves(record, ""))
    faults = [_missing(name) for name in fields if name not in found]
    faults += [_unknown(name) for name in sorted(found) if name not in fields]
    faults += [_form(n, found[n]) for n, ok in fields.items() if n in found and not ok(found[n])]
    for name, keys in lists.items():
        if isinstance(found.get(name), list):
            faults += _item_faults(name, found[name], keys)
    return faults


def filled_list(value: Any) -> bool:
    """Return whether it is a list with something in it."""
    return isinstance(value, list) and bool(value)


def _leaves(value: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for key, item in value.items():
        name = f"{prefix}{key!r}" if "." in key else f"{prefix}{key}"
        nested = isinstance(item, Mapping) and item and "." not in key
        leaves += _leaves(item, f"{name}.") if nested else [(name, item)]
    return leaves


def _item_faults(name: str, items: list[Any], keys: Mapping[str, Check]) -> list[Fault]:
    faults = []
    for place, item in enumerate(items, 1):
        if not isinstance(item, dict) or item.keys() != keys.keys():
            faults.append(_form(f"{name}[{place}]", item))
            continue
        faults += [
            _form(f"{name}[{place}].{key}", item[key])
            for key, ok in keys.items()
            if not ok(item[key])
        ]
    return faults


def _missing(name: str) -> Fault:
    return Fault("CERT_MISSING", f"Field '{name}' is missing.", f"缺少字段“{name}”。", column=name)


def _unknown(name: str) -> Fault:
    return Fault(
        "CERT_UNKNOWN", f"Field '{name}' is not known; the record has no other fields.",
        f"字段“{name}”未知；该文件不得有其他字段。", column=name,
    )  # fmt: skip


def _form(name: str, value: Any) -> Fault:
    return Fault(
        "CERT_FORM", f"Field '{name}' is {str(value)[:80]!r}, which is not as specified.",
        f"字段“{name}”的值{str(value)[:80]!r}不符合规范。", column=name,
    )  # fmt: skip
