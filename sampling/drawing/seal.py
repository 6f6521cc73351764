"""The committee's seal: several people make a seed that none of them could choose.

In: what is to be drawn, who contributes, and which public number of the future is to be used. Out:
the sealed record, the check of each part that is revealed, and the seed. No database, no clock and
no files here; times are handed in.

A commitment is SHA-256 of 32 random bytes, the part. The record with all commitments is sealed
before anybody shows a part, the parts are shown before the day of the public number begins, and

    seed = SHA-256(parts in the order of the record || UTF-8 of the public number).

Commit and reveal as in Blum, Coin flipping by telephone, SIGACT News 15 (1983), 23-27. The public
number is there because whoever reveals last could otherwise compute the seed and withhold the part
(Cleve, Limits on the security of coin flips when half the processors are faulty, STOC 1986): here
all parts are known, or the plan is void, before anybody can know the seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import rfc8785

from sampling.drawing import seal_faults as say
from sampling.drawing.certificate_form import (
    NUMBER_FIELDS,
    SETTLED_FIELDS,
    design_checks,
    order_faults,
    plan_number,
)
from sampling.drawing.field_forms import (
    Check,
    filled_list,
    hex_digits,
    moment,
    plain_text,
    record_faults,
)
from sampling.faults import Fault, SamplingError, checked

SEAL_VERSION, KIND_SEAL_VERSION = "jihe-seal-1", "jihe-seal-2"
"""The second is that of designs by size or in two stages."""

PART_BYTES = 32
FEWEST_CONTRIBUTORS = 2
SHORTEST_NUMBER = 5
"""Fewer digits would leave so few seeds that colluding contributors could try all of them."""

ALPHABETS: Mapping[str, str] = {"decimal": "0123456789", "hexadecimal": "0123456789abcdef"}
"""Characters that the public number may have: it can be written in one way only."""

DAY_ZONE = timezone(timedelta(hours=8))
"""In which the day of the public number begins: UTC+08:00, China's standard time."""

_CONTRIBUTOR: Mapping[str, Check] = {"contributor": plain_text, "commitment": hex_digits(64)}
_FIELDS: Mapping[str, Check] = {
    "version": plain_text,
    "plan_id": plan_number,
    "sealed_at": moment,
    "contributors": filled_list,
    **NUMBER_FIELDS,
    **SETTLED_FIELDS,
}


class SealError(SamplingError):
    """The protocol of the seal is not kept."""


@dataclass(frozen=True)
class Contributor:
    """Someone who holds a part of the seed, and the SHA-256 of that part in hexadecimal."""

    name: str
    commitment: str


@dataclass(frozen=True)
class PublicNumber:
    """A number that will be published: where, on which day, and how it will be written."""

    source: str
    day: date
    alphabet: str = "decimal"
    length: int = SHORTEST_NUMBER


def commitment(part: bytes) -> str:
    """Return the commitment to a part as 64 hexadecimal digits.

    Raises:
        SealError: if the part is not 32 bytes.
    """
    if len(part) != PART_BYTES:
        raise SealError([say.part_length(len(part))])
    return hashlib.sha256(part).hexdigest()


def derive_seed(parts: Sequence[bytes], value: str) -> bytes:
    """Return the seed of these parts, in the order of the seal, and the public number.

    Raises:
        SealError: if a part is not 32 bytes: parts of other lengths could be cut in two ways.
    """
    for part in parts:
        commitment(part)
    return hashlib.sha256(b"".join(parts) + value.encode()).digest()


def day_begins(day: date) -> datetime:
    """Return the moment at which the day of a public number begins, in UTC."""
    return datetime.combine(day, time(), DAY_ZONE).astimezone(UTC)


def make_seal(
    plan_id: str, sealed_at: str, contributors: Sequence[Contributor], number: PublicNumber,
    settled: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Return the record that is sealed.

    Args:
        plan_id: such as P0001.
        sealed_at: UTC, to the microsecond.
        contributors: in the order in which their parts will be joined.
        number: the public number; its day is later than that of the sealing.
        settled: ``frame``, ``design``, ``scores`` and ``public_key`` as in a certificate.

    Raises:
        SealError: with everything that is wrong.
    """
    record: dict[str, Any] = {
        "version": seal_version(settled["design"]),
        "plan_id": plan_id,
        "sealed_at": sealed_at,
        "contributors": [
            {"contributor": c.name, "commitment": c.commitment} for c in contributors
        ],
        "public_number": {
            "source": number.source, "day": number.day.isoformat(),
            "alphabet": number.alphabet, "length": number.length,
        },
        **settled,
    }  # fmt: skip
    checked(seal_faults(record), SealError)
    return record


def seal_version(design: Mapping[str, Any]) -> str:
    """Return the version of the sealed record of a design, as written."""
    return KIND_SEAL_VERSION if "kind" in design else SEAL_VERSION


def seal_faults(record: Mapping[str, Any]) -> list[Fault]:
    """Return every field of a sealed record that is not as specified, and every broken rule."""
    design, lists = design_checks(
        record.get("design"), kinds=record.get("version") == KIND_SEAL_VERSION
    )
    faults = record_faults(record, {**_FIELDS, **design}, {**lists, "contributors": _CONTRIBUTOR})
    if faults:
        return faults
    if record["version"] not in (SEAL_VERSION, KIND_SEAL_VERSION):
        faults.append(say.version(record["version"], f"{SEAL_VERSION}, {KIND_SEAL_VERSION}"))
    faults += order_faults(record["design"])
    people = record["contributors"]
    if len(people) < FEWEST_CONTRIBUTORS:
        faults.append(say.too_few(len(people), FEWEST_CONTRIBUTORS))
    for key in ("contributor", "commitment"):
        faults += say.repeated_contributor(key, [person[key] for person in people])
    return faults + _number_faults(record["public_number"], record["sealed_at"])


def record_bytes(record: Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 bytes of a sealed record."""
    return rfc8785.dumps(dict(record))


def record_sha256(record: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a sealed record as 64 hexadecimal digits."""
    return hashlib.sha256(record_bytes(record)).hexdigest()


def value_faults(number: Mapping[str, Any], value: str) -> list[Fault]:
    """Return why a public number is not written as the seal says."""
    allowed = ALPHABETS[number["alphabet"]]
    if len(value) == number["length"] and set(value) <= set(allowed):
        return []
    return [say.bad_value(value, number["alphabet"], number["length"])]


def sealed_in(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sealed record that a committee's certificate repeats."""
    seal = certificate["seal"]
    number = {k: v for k, v in seal["public_number"].items() if k != "value"}
    return {
        "version": seal_version(certificate["design"]),
        "plan_id": certificate["plan_id"],
        "sealed_at": seal["sealed_at"],
        "contributors": [
            {key: person[key] for key in _CONTRIBUTOR} for person in seal["contributors"]
        ],
        "public_number": number,
        **{key: certificate[key] for key in ("frame", "design", "scores", "public_key")},
    }


def _number_faults(number: Mapping[str, Any], sealed_at: str) -> list[Fault]:
    faults = []
    if number["alphabet"] not in ALPHABETS:
        faults.append(say.bad_alphabet(number["alphabet"], tuple(ALPHABETS)))
    if number["length"] < SHORTEST_NUMBER:
        faults.append(say.short_number(number["length"], SHORTEST_NUMBER))
    sealed = datetime.fromisoformat(sealed_at)
    if sealed >= day_begins(date.fromisoformat(number["day"])):
        faults.append(say.day_not_future(number["day"], sealed.astimezone(DAY_ZONE).date()))
    return faults
