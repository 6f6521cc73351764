"""Scoring claims as they come: the same features, scores and contributions as in the batch.

In: contract-shaped claims with raw ids or pseudonyms. Out: explanation records. Identities become
pseudonyms first and are never kept; a claim then passes the same SQL, the same finishing functions
and the same model files as in the batch, so the result is equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from features.online import FeatureRow, OnlineFeatures
from features.rules import finding_kind
from serving.bundle import Bundle
from serving.claim_checks import RowChecks
from serving.claim_faults import InputError, InputFault
from serving.intake import Intake, Prepared
from serving.records import Hit, Record, Scored, Terms, make_record, shares_of
from serving.registers import Registers

#: Lines shown with a claim's facts: the largest ones.
_LINES = 12
_FACTS = (
    "claim_type", "total_amount", "fund_amount", "account_amount", "self_amount", "main_diagnosis",
    "diagnosis_count", "procedure_count", "department", "insured_id", "institution_id", "doctor_id",
    "stay_id",
)  # fmt: skip
_LINE_FACTS = (
    "line_id", "line_date", "item_code", "item_name", "item_class", "quantity_milli", "unit_price",
    "amount",
)  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """The record of each claim, in order, and what is odd about the claims but was scored."""

    records: list[Record]
    warnings: tuple[InputFault, ...]


class Scorer:
    """Scores claims against one bundle.

    Args:
        bundle: an opened bundle with a claim model.
        pseudonym_key: the installation's key; ids that already are pseudonyms stay as they are.

    Raises:
        InputError: the bundle has no claim model.
    """

    def __init__(self, bundle: Bundle, pseudonym_key: bytes) -> None:
        """Open the published features."""
        if "claim" not in bundle.models:
            raise InputError(InputFault("input_no_model"))
        self._bundle = bundle
        self._model = bundle.models["claim"]
        self._online = OnlineFeatures(bundle.features_path)
        self._places = [self._online.names.index(name) for name in self._model.names]
        self._intake = Intake(bundle.zone, bundle.currency, pseudonym_key, RowChecks())
        self._registers = Registers(bundle.features_path)

    def score(self, claims: Sequence[Mapping[str, Any]]) -> Scores:
        """Return the record of each claim, in order; raises InputError with every fault at once."""
        taken = self._intake.take(claims)
        prepared = taken.claims
        rows = [self._online.row(one.claim, **one.own) for one in prepared]
        values = np.vstack([row.values for row in rows])[:, self._places]
        scores, parts = self._model.score(values), self._model.explain(values)
        records = []
        for n, (one, row) in enumerate(zip(prepared, rows, strict=True)):
            risk = None if scores.risk_score is None else scores.risk_score[n : n + 1]
            terms = Terms(
                parts.score_name, parts.base_value, self._model.names, values[n],
                parts.contributions[n], float(parts.calibration[n]),
            )  # fmt: skip
            anomaly = float(scores.anomaly_score[n])
            records.append(self._record(one, row, terms, anomaly, risk, values[n : n + 1]))
        return Scores(records, taken.warnings)

    def features(self, claim: Mapping[str, Any]) -> FeatureRow:
        """Return the feature row of one claim, in the order of the published names."""
        (one,) = self._intake.take([claim]).claims
        return self._online.row(one.claim, **one.own)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the values of ``features``."""
        return self._online.names

    def close(self) -> None:
        """Close the published features."""
        self._online.close()
        self._registers.close()
        self._intake.close()

    def _record(
        self, one: Prepared, row: FeatureRow, terms: Terms, anomaly: float, risk: Any, values: Any
    ) -> Record:
        claim = one.claim
        group = finding_kind(str(claim["claim_type"]), [hit.rule_id for hit in row.hits])
        paid = int(claim["fund_amount"]) + int(claim.get("account_amount") or 0)
        amounts, groups = np.array([paid]), np.array([group])
        amount = self._model.expected_amount(risk, amounts, groups, values)
        scored = Scored(
            unit="claim",
            unit_id=claim["claim_id"],
            as_of_date=date.fromisoformat(self._bundle.about["as_of_date"]),
            anomaly_score=anomaly,
            risk_score=None if risk is None else float(risk[0]),
            expected_amount=None if amount is None else int(amount[0]),
            risk_rank=None,
            model_version=self._model.model_version,
            rules_version=self._bundle.about["versions"]["rules"],
            catalogue_version=self._bundle.about["versions"]["catalogue"],
        )
        hits = [Hit(hit.rule_id, hit.hits, hit.amount) for hit in row.hits]
        typical = self._bundle.distributions["claim"]
        (share,) = shares_of(self._model, amounts, groups, values)
        return make_record(scored, terms, hits, self._facts(one), typical, share)

    def _facts(self, one: Prepared) -> dict[str, Any]:
        facts = {name: one.claim.get(name) for name in _FACTS}
        largest = sorted(one.lines, key=lambda line: (-line["amount"], line["line_id"]))[:_LINES]
        return facts | {
            "service_date": one.began,
            "service_end_date": one.ended,
            "stay_days": one.claim["stay_days"],
            "line_count": len(one.lines),
            "lines": [{name: line.get(name) for name in _LINE_FACTS} for line in largest],
            **self._registers.place(str(one.claim["institution_id"])),
            **self._registers.person(str(one.claim["insured_id"]), one.began),
        }
