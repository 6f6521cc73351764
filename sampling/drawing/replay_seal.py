"""What of a committee's seal does not hold: commitments, times, public number, seed.

In: a certificate of mode ``committee`` and, if at hand, the public version as it was shown at the
sealing. Out: one sentence per difference, each with its field.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sampling.drawing.seal import (
    commitment,
    day_begins,
    derive_seed,
    record_sha256,
    seal_faults,
    sealed_in,
    value_faults,
)
from sampling.faults import Fault


def seal_differences(certificate: Mapping[str, Any]) -> list[Fault]:
    """Return how a certificate's seal differs from what the protocol makes of its own parts."""
    record = sealed_in(certificate)
    differences = [_of_seal(fault) for fault in seal_faults(record)]
    if differences:
        return differences
    seal = certificate["seal"]
    found = record_sha256(record)
    if found != seal["sha256"]:
        differences.append(_differs("seal.sha256", seal["sha256"], found))
    people = seal["contributors"]
    for place, person in enumerate(people, 1):
        given = commitment(bytes.fromhex(person["part"]))
        if given != person["commitment"]:
            differences.append(_wrong_part(place, person["contributor"], given))
    number = seal["public_number"]
    differences += [_of_seal(fault) for fault in value_faults(number, number["value"])]
    seed = derive_seed([bytes.fromhex(p["part"]) for p in people], number["value"]).hex()
    if seed != certificate["seed"]:
        differences.append(_differs("seed", certificate["seed"], seed))
    return differences + _time_differences(seal)


def _time_differences(seal: Mapping[str, Any]) -> list[Fault]:
    """Return the steps that were not made in the order of the protocol."""
    sealed, drawn = (datetime.fromisoformat(seal[key]) for key in ("sealed_at", "drawn_at"))
    day = day_begins(date.fromisoformat(seal["public_number"]["day"]))
    differences = []
    for place, person in enumerate(seal["contributors"], 1):
        if not sealed < datetime.fromisoformat(person["revealed_at"]) < day:
            field = f"seal.contributors[{place}].revealed_at"
            differences.append(_wrong_time(field, person["revealed_at"]))
    if drawn < day:
        differences.append(_wrong_time("seal.drawn_at", seal["drawn_at"]))
    return differences


def _of_seal(fault: Fault) -> Fault:
    """Return a fault of the sealed record under the certificate's name of its field."""
    ours = ("contributors", "public_number", "sealed_at")
    column = f"seal.{fault.column}" if fault.column.startswith(ours) else fault.column
    en = f"Field '{column}': {fault.en}"
    return Fault(fault.code, en, f"字段“{column}”：{fault.zh}", column=column)


def _differs(field: str, sealed: str, found: str) -> Fault:
    return Fault(
        "REPLAY_SEAL", f"Field '{field}' is {sealed}; the certificate's own contents give {found}.",
        f"字段“{field}”为{sealed}，而由证书内容得到的是{found}。", column=field,
    )  # fmt: skip


def _wrong_part(place: int, name: str, found: str) -> Fault:
    field = f"seal.contributors[{place}].part"
    return Fault(
        "REPLAY_PART", f"Field '{field}': the part of {name} gives the commitment {found}, not the "
        "one that was sealed.", f"字段“{field}”：{name}的分量对应的承诺为{found}，与封存的不符。",
        column=field,
    )  # fmt: skip


def _wrong_time(field: str, at: str) -> Fault:
    return Fault(
        "REPLAY_TIME", f"Field '{field}' is {at}; parts are revealed after the sealing and before "
        "the day of the public number begins, and the draw follows that moment.",
        f"字段“{field}”为{at}；分量应在封存之后、公开数当日开始之前公开，抽取应在该时刻之后。",
        column=field,
    )  # fmt: skip
