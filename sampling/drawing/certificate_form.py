"""The form of a certificate: which fields it has, and how each is written.

In: a JSON object. Out: every field that is missing, unknown or of the wrong form, at once. Lists
of strata must be sorted by bytes without repetition, because the order of the bytes is signed.

``jihe-draw-1`` is a draw whose seed one person held, ``jihe-draw-2`` one whose seed a committee
made: it has the seal's fields as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from sampling.drawing.field_forms import (
    Check,
    count,
    day,
    filled_list,
    hex_digits,
    moment,
    plain_text,
    record_faults,
    share,
)
from sampling.faults import Fault, SamplingError
from sampling.frame_faults import UNITS

SINGLE_VERSION = "jihe-draw-1"
COMMITTEE_VERSION = "jihe-draw-2"


class CertificateError(SamplingError):
    """A certificate is not what the specification says."""


def plan_number(value: Any) -> bool:
    """Return whether it is a plan's number, P and four to nine digits."""
    return isinstance(value, str) and re.fullmatch(r"P[0-9]{4,9}", value) is not None


STRATUM: Mapping[str, Check] = {
    "stratum": plain_text, "N_h": count, "n_h": count, "floor": count,
    "take_all": lambda v: isinstance(v, bool),
}  # fmt: skip
DESIGN_FIELDS: Mapping[str, Check] = {
    "frame.unit": lambda v: v in UNITS,
    "frame.units": count,
    "frame.sha256": hex_digits(64),
    "design.capacity": count,
    "design.random_share": lambda v: share(v) and v != "0",
    "design.take_all_share": share,
    "design.strata": filled_list,
    "scores.as_of_date": day,
    "scores.catalogue_version": plain_text,
    "scores.model_version": plain_text,
    "scores.rules_version": plain_text,
    "public_key": hex_digits(64),
}
"""What is settled before a seed exists."""

NUMBER_FIELDS: Mapping[str, Check] = {
    "public_number.source": plain_text,
    "public_number.day": day,
    "public_number.alphabet": plain_text,
    "public_number.length": count,
}
_SINGLE: Mapping[str, Check] = {
    "version": plain_text,
    "plan_id": plan_number,
    "seal.mode": plain_text,
    "seal.note.en": plain_text,
    "seal.note.zh": plain_text,
    "seal.sealed_at": moment,
    "seed": hex_digits(64),
    "list.units": count,
    "list.sha256": hex_digits(64),
    **DESIGN_FIELDS,
    "signature": hex_digits(128),
}
_COMMITTEE: Mapping[str, Check] = {
    **_SINGLE,
    "seal.sha256": hex_digits(64),
    "seal.drawn_at": moment,
    "seal.contributors": filled_list,
    **{f"seal.{name}": check for name, check in NUMBER_FIELDS.items()},
    "seal.public_number.value": plain_text,
}
_REVEALED: Mapping[str, Check] = {
    "contributor": plain_text, "commitment": hex_digits(64), "part": hex_digits(64),
    "revealed_at": moment,
}  # fmt: skip


def form_faults(certificate: Mapping[str, Any], *, signed: bool) -> list[Fault]:
    """Return every missing, unknown or ill-formed field; ``signature`` only where ``signed``."""
    committee = certificate.get("version") == COMMITTEE_VERSION
    fields = _COMMITTEE if committee else _SINGLE
    wanted = {k: v for k, v in fields.items() if signed or k != "signature"}
    lists = {"design.strata": STRATUM} | ({"seal.contributors": _REVEALED} if committee else {})
    faults = record_faults(certificate, wanted, lists)
    return faults or strata_order_faults(certificate["design"]["strata"])


def design_form_faults(record: Mapping[str, Any]) -> list[Fault]:
    """Return every missing, unknown or ill-formed field of a design that stands alone."""
    prefix = "design."
    fields = {
        name.removeprefix(prefix): check
        for name, check in DESIGN_FIELDS.items()
        if name.startswith(prefix)
    }
    faults = record_faults(record, fields, {"strata": STRATUM})
    return faults or strata_order_faults(record["strata"])


def strata_order_faults(strata: list[Any]) -> list[Fault]:
    """Return the fault of strata that are not sorted by bytes, or of which one occurs twice."""
    names = [record["stratum"].encode() for record in strata]
    if all(a < b for a, b in pairwise(names)):
        return []
    return [Fault(
        "CERT_STRATA", "The strata are not sorted by bytes, or one occurs twice.",
        "各层未按字节排序或有重复。", column="design.strata",
    )]  # fmt: skip
