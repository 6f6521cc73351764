"""Scoring claims as they come: the same features, scores and contributions as in the batch.

In: contract-shaped claims with raw ids or pseudonyms. Out: explanation records. Identities become
pseudonyms first and are never kept; a claim then passes the same SQL, the same finishing functions
and the same model files as in the batch, so the result is equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from claims.contracts import Lang
from claims.pseudonyms import pseudonym
from features.clock import day_number
from features.online import FeatureRow, OnlineFeatures, claim_row
from features.rules import finding_kind
from serving.bundle import Bundle
from serving.records import Hit, Record, Scored, Terms, make_record, share_of
from serving.registers import Registers
from serving.texts import text

#: Column -> kind of identity; each is replaced by its pseudonym at the edge.
_IDENTITIES = {
    "claim_id": "claim", "stay_id": "stay", "insured_id": "insured",
    "institution_id": "institution", "doctor_id": "doctor", "line_id": "line",
}  # fmt: skip
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
class InputFault:
    """What is wrong with one claim: a key of texts.toml, the claim's place and the column."""

    code: str
    claim: int = 0
    column: str = ""

    def text(self, lang: Lang) -> str:
        """Return the sentence in ``lang``; it never quotes a value."""
        return text(self.code, lang, claim=self.claim, column=self.column)


class InputError(ValueError):
    """Claims cannot be scored as they stand; carries every fault."""

    def __init__(self, *faults: InputFault) -> None:
        """Keep the faults for a reader in either language."""
        super().__init__(" ".join(fault.text("en") for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class Prepared:
    """One claim as the engine takes it: pseudonyms, integers and days."""

    claim: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    began: date
    ended: date


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
        self._key = pseudonym_key
        self._model = bundle.models["claim"]
        self._online = OnlineFeatures(bundle.features_path)
        self._places = [self._online.names.index(name) for name in self._model.names]
        self._zone = ZoneInfo(bundle.zone)
        self._registers = Registers(bundle.features_path)

    def score(self, claims: Sequence[Mapping[str, Any]]) -> list[Record]:
        """Return the record of each claim, in order; raises InputError with every fault at once."""
        prepared = self._prepare_all(claims)
        rows = [self._online.row(one.claim, one.lines) for one in prepared]
        values = np.vstack([row.values for row in rows])[:, self._places]
        scores, parts = self._model.score(values), self._model.explain(values)
        records = []
        for n, (one, row) in enumerate(zip(prepared, rows, strict=True)):
            risk = None if scores.risk_score is None else scores.risk_score[n : n + 1]
            terms = Terms(
                parts.score_name, parts.base_value, self._model.names, values[n],
                parts.contributions[n], float(parts.calibration[n]),
            )  # fmt: skip
            records.append(self._record(one, row, terms, float(scores.anomaly_score[n]), risk))
        return records

    def features(self, claim: Mapping[str, Any]) -> FeatureRow:
        """Return the feature row of one claim, in the order of the published names."""
        one = self._prepare_all([claim])[0]
        return self._online.row(one.claim, one.lines)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the values of ``features``."""
        return self._online.names

    def close(self) -> None:
        """Close the published features."""
        self._online.close()
        self._registers.close()

    def _prepare_all(self, claims: Sequence[Mapping[str, Any]]) -> list[Prepared]:
        prepared: list[Prepared] = []
        faults: list[InputFault] = []
        for place, claim in enumerate(claims):
            try:
                prepared.append(self._prepare(claim))
            except InputError as error:
                faults += [replace(fault, claim=place) for fault in error.faults]
        if faults:
            raise InputError(*faults)
        return prepared

    def _prepare(self, claim: Mapping[str, Any]) -> Prepared:
        if claim["currency"] != self._bundle.currency:
            raise InputError(InputFault("input_currency", column="currency"))
        known = self._pseudonymous(claim)
        known["service_at"] = began = self._moment(claim, "service_at")
        known["known_at"] = self._moment(claim, "known_at")
        given = claim.get("service_end_at") is not None
        known["service_end_at"] = ended = self._moment(claim, "service_end_at") if given else began
        if ended < began:
            raise InputError(InputFault("input_order", column="service_end_at"))
        lines = [self._line(line, known["claim_id"]) for line in claim.get("lines") or ()]
        row = claim_row(known, self._bundle.zone)
        return Prepared({**known, **row}, lines, self._local_day(began), self._local_day(ended))

    def _line(self, line: Mapping[str, Any], claim_id: str) -> dict[str, Any]:
        day = self._local_day(self._moment(line, "line_at"))
        known = self._pseudonymous(line)
        return {**known, "claim_id": claim_id, "line_day": day_number(day), "line_date": day,
                "days_supply": line.get("days_supply")}  # fmt: skip

    def _pseudonymous(self, row: Mapping[str, Any]) -> dict[str, Any]:
        known = dict(row)
        for name, kind in _IDENTITIES.items():
            if known.get(name) is not None:
                known[name] = pseudonym(kind, known[name], self._key)
        return known

    def _moment(self, row: Mapping[str, Any], name: str) -> datetime:
        given = row[name]
        try:
            moment = given if isinstance(given, datetime) else datetime.fromisoformat(given)
            local = moment if moment.tzinfo else moment.replace(tzinfo=self._zone)
            return local.astimezone(UTC)
        except (ValueError, OverflowError):
            raise InputError(InputFault("input_time", column=name)) from None

    def _local_day(self, moment: datetime) -> date:
        return moment.astimezone(self._zone).date()

    def _record(
        self, one: Prepared, row: FeatureRow, terms: Terms, anomaly: float, risk: Any
    ) -> Record:
        claim = one.claim
        group = finding_kind(str(claim["claim_type"]), [hit.rule_id for hit in row.hits])
        paid = int(claim["fund_amount"]) + int(claim.get("account_amount") or 0)
        amount = self._model.expected_amount(risk, np.array([paid]), np.array([group]))
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
        share = share_of(self._model, paid, group)
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
