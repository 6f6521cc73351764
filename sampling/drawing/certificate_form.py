"""The form of a certificate: which fields it has, and how each is written.

In: a JSON object. Out: every field that is missing, unknown or of the wrong form, at once. Lists
of strata must be sorted by bytes without repetition, because the order of the bytes is signed.

``jihe-draw-1`` is a draw whose seed one person held, ``jihe-draw-2`` one whose seed a committee
made: it has the seal's fields as well. ``jihe-draw-3`` is a committee's draw by size or in two
stages: ``design`` has a ``kind`` and that kind's fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from sampling.drawing.designs import (
    PPS,
    PPS_RULE,
    SECOND_RULE,
    SECOND_UNIT,
    STRATIFIED,
    TWO_STAGE,
)
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
KIND_VERSION = "jihe-draw-3"


class CertificateError(SamplingError):
    """A certificate is not what the specification says."""


def plan_number(value: Any) -> bool:
    """Return whether it is a plan's number, P and four to nine digits."""
    return isinstance(value, str) and re.fullmatch(r"P[0-9]{4,9}", value) is not None


STRATUM: Mapping[str, Check] = {
    "stratum": plain_text, "N_h": count, "n_h": count, "floor": count,
    "take_all": lambda v: isinstance(v, bool),
}  # fmt: skip
Checks = dict[str, Check]
Lists = dict[str, Mapping[str, Check]]
_STRATIFIED: Mapping[str, Check] = {
    "capacity": count,
    "random_share": lambda v: share(v) and v != "0",
    "take_all_share": share,
    "strata": filled_list,
}
_PPS: Mapping[str, Check] = {
    "kind": lambda v: v == PPS,
    "rule": lambda v: v == PPS_RULE,
    "capacity": count,
    "weights.sha256": hex_digits(64),
}
_SECOND: Mapping[str, Check] = {
    "rule": lambda v: v == SECOND_RULE,
    "unit": lambda v: v == SECOND_UNIT,
    "units": count,
    "sha256": hex_digits(64),
    "takes.sha256": hex_digits(64),
}
SETTLED_FIELDS: Mapping[str, Check] = {
    "frame.unit": lambda v: v in UNITS,
    "frame.units": count,
    "frame.sha256": hex_digits(64),
    "scores.as_of_date": day,
    "scores.catalogue_version": plain_text,
    "scores.model_version": plain_text,
    "scores.rules_version": plain_text,
    "public_key": hex_digits(64),
}
"""What is settled before a seed exists, beside the design."""

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
    **SETTLED_FIELDS,
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
    version = certificate.get("version")
    committee = version in (COMMITTEE_VERSION, KIND_VERSION)
    fields = _COMMITTEE if committee else _SINGLE
    design, lists = design_checks(certificate.get("design"), kinds=version == KIND_VERSION)
    wanted = {k: v for k, v in {**fields, **design}.items() if signed or k != "signature"}
    lists |= {"seal.contributors": _REVEALED} if committee else {}
    return record_faults(certificate, wanted, lists) or order_faults(certificate["design"])


def design_form_faults(record: Mapping[str, Any]) -> list[Fault]:
    """Return every missing, unknown or ill-formed field of a design that stands alone."""
    fields, lists = design_checks(record, kinds="kind" in record)
    return record_faults({"design": record}, fields, lists) or order_faults(record)


def design_checks(record: Any, *, kinds: bool) -> tuple[Checks, Lists]:
    """Return the checks of the fields of a design and of the lists in it.

    Args:
        record: the JSON object as it came, or whatever came in its place.
        kinds: whether it must say its kind; a stratified design alone never does.
    """
    if not kinds:
        return _named("design", _STRATIFIED), {"design.strata": STRATUM}
    if _kind(record) != TWO_STAGE:
        return _named("design", _PPS), {}
    fields: Checks = {"design.kind": lambda v: v == TWO_STAGE, **_named("design.second", _SECOND)}
    if _kind(record.get("first")) == PPS:
        return fields | _named("design.first", _PPS), {}
    first = {"kind": lambda v: v == STRATIFIED, **_STRATIFIED}
    return fields | _named("design.first", first), {"design.first.strata": STRATUM}


def order_faults(design: Mapping[str, Any]) -> list[Fault]:
    """Return the fault of strata that are not sorted by bytes, or of which one occurs twice."""
    return _order(design.get("first", design).get("strata", []))


def _named(prefix: str, fields: Mapping[str, Check]) -> Checks:
    return {f"{prefix}.{name}": check for name, check in fields.items()}


def _kind(record: Any) -> Any:
    return record.get("kind") if isinstance(record, Mapping) else None


def _order(strata: list[Any]) -> list[Fault]:
    names = [record["stratum"].encode() for record in strata]
    if all(a < b for a, b in pairwise(names)):
        return []
    return [Fault(
        "CERT_STRATA", "The strata are not sorted by bytes, or one occurs twice.",
        "各层未按字节排序或有重复。", column="design.strata",
    )]  # fmt: skip
