"""The form of a certificate: which fields it has, and how each is written.

In: a JSON object. Out: every field that is missing, unknown or of the wrong form, at once. Lists
of strata must be sorted by bytes without repetition, because the order of the bytes is signed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from sampling.faults import Fault, SamplingError
from sampling.frame_faults import UNITS

LARGEST_INTEGER = 2**53 - 1
"""RFC 8785 numbers are IEEE doubles; beyond this an integer is not exact."""


class CertificateError(SamplingError):
    """A certificate is not what the specification says."""


def _hex(digits: int) -> Callable[[Any], bool]:
    pattern = re.compile(f"[0-9a-f]{{{digits}}}")
    return lambda v: isinstance(v, str) and pattern.fullmatch(v) is not None


def _text(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[^\x00-\x1f\x7f]+", value) is not None


def _count(value: Any) -> bool:
    return type(value) is int and 0 < value <= LARGEST_INTEGER


def _share(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"0|1|0\.[0-9]*[1-9]", value) is not None


def _moment(value: Any) -> bool:
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    if not isinstance(value, str) or re.fullmatch(pattern, value, re.ASCII) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _day(value: Any) -> bool:
    if not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII) is None:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


_STRATUM: Mapping[str, Callable[[Any], bool]] = {
    "stratum": _text, "N_h": _count, "n_h": _count, "floor": _count,
    "take_all": lambda v: isinstance(v, bool),
}  # fmt: skip
_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "version": _text,
    "plan_id": lambda v: isinstance(v, str) and re.fullmatch(r"P[0-9]{4,9}", v) is not None,
    "seal.mode": _text,
    "seal.note.en": _text,
    "seal.note.zh": _text,
    "seal.sealed_at": _moment,
    "seed": _hex(64),
    "frame.unit": lambda v: v in UNITS,
    "frame.units": _count,
    "frame.sha256": _hex(64),
    "design.capacity": _count,
    "design.random_share": lambda v: _share(v) and v != "0",
    "design.take_all_share": _share,
    "design.strata": lambda v: isinstance(v, list) and bool(v),
    "list.units": _count,
    "list.sha256": _hex(64),
    "scores.as_of_date": _day,
    "scores.catalogue_version": _text,
    "scores.model_version": _text,
    "scores.rules_version": _text,
    "public_key": _hex(64),
    "signature": _hex(128),
}


def form_faults(certificate: Mapping[str, Any], *, signed: bool) -> list[Fault]:
    """Return every missing, unknown or ill-formed field; ``signature`` only where ``signed``."""
    wanted = {k: v for k, v in _FIELDS.items() if signed or k != "signature"}
    found = dict(_leaves(certificate, ""))
    faults = [_missing(name) for name in wanted if name not in found]
    faults += [_unknown(name) for name in sorted(found) if name not in wanted]
    faults += [_form(n, found[n]) for n, ok in wanted.items() if n in found and not ok(found[n])]
    strata = found.get("design.strata")
    return faults + (_strata_faults(strata) if isinstance(strata, list) else [])


def _leaves(value: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for key, item in value.items():
        name = f"{prefix}{key!r}" if "." in key else f"{prefix}{key}"
        nested = isinstance(item, Mapping) and item and "." not in key
        leaves += _leaves(item, f"{name}.") if nested else [(name, item)]
    return leaves


def _strata_faults(strata: list[Any]) -> list[Fault]:
    faults = []
    for place, record in enumerate(strata, 1):
        if not isinstance(record, dict) or record.keys() != _STRATUM.keys():
            faults.append(_form(f"design.strata[{place}]", record))
            continue
        faults += [
            _form(f"design.strata[{place}].{key}", record[key])
            for key, ok in _STRATUM.items()
            if not ok(record[key])
        ]
    if not faults:
        names = [record["stratum"].encode() for record in strata]
        if any(a >= b for a, b in pairwise(names)):
            faults.append(Fault(
                "CERT_STRATA", "The strata are not sorted by bytes, or one occurs twice.",
                "各层未按字节排序或有重复。", column="design.strata",
            ))  # fmt: skip
    return faults


def _missing(name: str) -> Fault:
    return Fault("CERT_MISSING", f"Field '{name}' is missing.", f"缺少字段“{name}”。", column=name)


def _unknown(name: str) -> Fault:
    return Fault(
        "CERT_UNKNOWN", f"Field '{name}' is not known; a certificate has no other fields.",
        f"字段“{name}”未知；证书不得有其他字段。", column=name,
    )  # fmt: skip


def _form(name: str, value: Any) -> Fault:
    return Fault(
        "CERT_FORM", f"Field '{name}' is {str(value)[:80]!r}, which is not as specified.",
        f"字段“{name}”的值{str(value)[:80]!r}不符合规范。", column=name,
    )  # fmt: skip
