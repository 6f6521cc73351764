"""The designs that a plan can have, and how a certificate writes each.

In: a design, or the JSON object that a certificate holds of it. Out: the other. Three kinds:
units drawn from strata with equal chances (`sampling.design.Design`), institutions drawn with
chances by size (`PpsDesign`), and institutions first, claims within each second (`TwoStageDesign`).
What is too long for a certificate (weights, the frame of claims, how many claims of each
institution) lies in files beside the frame; the design holds their SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sampling.design import Design, Stratum, design_faults
from sampling.faults import Fault

PPS, TWO_STAGE, STRATIFIED = "pps", "two_stage", "stratified"
PPS_RULE = "conditional_poisson"
SECOND_RULE = "simple_random"
FIRST_UNIT, SECOND_UNIT = "institution", "claim"


@dataclass(frozen=True)
class PpsDesign:
    """Institutions with chances by size: how many, and the SHA-256 of ``weights.tsv``."""

    unit: str
    capacity: int
    weights_sha256: str


@dataclass(frozen=True)
class TwoStageDesign:
    """Institutions by ``first``, then claims of each drawn one, as many as ``takes.tsv`` says.

    ``claims`` is the number of claims in ``claims.tsv``, the frame of the second stage.
    """

    first: Design | PpsDesign
    claims: int
    claims_sha256: str
    takes_sha256: str

    @property
    def unit(self) -> str:
        """Kind of unit of the first stage."""
        return self.first.unit

    @property
    def capacity(self) -> int:
        """Institutions that are drawn."""
        return self.first.capacity


AnyDesign = Design | PpsDesign | TwoStageDesign


def kind_of(design: AnyDesign) -> str:
    """Return ``stratified``, ``pps`` or ``two_stage``."""
    if isinstance(design, Design):
        return STRATIFIED
    return PPS if isinstance(design, PpsDesign) else TWO_STAGE


def listed_unit(design: AnyDesign) -> str:
    """Return the kind of unit that is listed and inspected."""
    return SECOND_UNIT if isinstance(design, TwoStageDesign) else design.unit


def design_record(design: AnyDesign) -> dict[str, Any]:
    """Return the design as a certificate writes it; a stratified one has no ``kind``."""
    if isinstance(design, Design):
        return _stratified_record(design)
    if isinstance(design, PpsDesign):
        return {
            "kind": PPS, "rule": PPS_RULE, "capacity": design.capacity,
            "weights": {"sha256": design.weights_sha256},
        }  # fmt: skip
    first = design_record(design.first)
    return {
        "kind": TWO_STAGE,
        "first": first if "kind" in first else {"kind": STRATIFIED, **first},
        "second": {
            "rule": SECOND_RULE, "unit": SECOND_UNIT, "units": design.claims,
            "sha256": design.claims_sha256, "takes": {"sha256": design.takes_sha256},
        },
    }  # fmt: skip


def design_of(certificate: Mapping[str, Any]) -> AnyDesign:
    """Return the design that a certificate or a sealed record holds."""
    return _design(certificate["frame"]["unit"], certificate["design"])


def own_faults(design: AnyDesign) -> list[Fault]:
    """Return what breaks the rules of a design that can be seen without any frame."""
    if isinstance(design, TwoStageDesign):
        return own_faults(design.first)
    return design_faults(design) if isinstance(design, Design) else []


def _design(unit: str, record: Mapping[str, Any]) -> AnyDesign:
    kind = record.get("kind", STRATIFIED)
    if kind == TWO_STAGE:
        first, second = _design(unit, record["first"]), record["second"]
        assert not isinstance(first, TwoStageDesign)  # noqa: S101 - the form has no such kind
        return TwoStageDesign(first, second["units"], second["sha256"], second["takes"]["sha256"])
    if kind == PPS:
        return PpsDesign(unit, record["capacity"], record["weights"]["sha256"])
    strata = tuple(
        Stratum(s["stratum"], s["N_h"], s["n_h"], s["floor"], s["take_all"])
        for s in record["strata"]
    )
    return Design(
        unit, record["capacity"], Decimal(record["random_share"]),
        Decimal(record["take_all_share"]), strata,
    )  # fmt: skip


def _stratified_record(design: Design) -> dict[str, Any]:
    return {
        "capacity": design.capacity,
        "random_share": f"{design.random_share:f}",
        "take_all_share": f"{design.take_all_share:f}",
        "strata": [
            {"stratum": s.name, "N_h": s.units, "n_h": s.draws, "floor": s.floor,
             "take_all": s.take_all}
            for s in design.strata
        ],
    }  # fmt: skip
