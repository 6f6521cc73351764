"""Explanation records: why a unit has its score, as plain JSON that adds up.

In: a fitted model, the matrix that it scored, the scores, rule hits, facts and what is typical of
the peers. Out: one record per row. ``score`` is the log-odds of the calibrated probability
(``logit_risk_score``) or, before any verdict, the anomaly score; it equals the base value, plus the
contributions, plus the calibration term. A record that misses its score by more than 1e-9 is never
handed out. Charts and pages are drawn from records and compute nothing of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from claims.contracts import LANGS
from features.matrix import Matrix
from features.rules import LEVELS
from serving.distributions import Distributions, peer_group
from serving.reasons import make_reasons
from serving.texts import text
from serving.wording import rule_by_id, words
from training.apply import FittedModel

TOLERANCE = 1e-9
#: Ids of evidence shown with a rule hit.
EVIDENCE = 20

Record = dict[str, Any]


class RecordError(ValueError):
    """A record does not add up, or its ingredients do not belong together."""


@dataclass(frozen=True)
class Hit:
    """One rule that hit a unit: how often, amount at stake in minor units, ids that prove it.

    Of an institution or a person ``hits`` counts claims, unless the rule judges the institution or
    the person itself (``grain = "profile"``).
    """

    rule_id: str
    hits: int
    amount: int
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scored:
    """One row of the scores table, as far as a record needs it; no rank outside a ranked list."""

    unit: str
    unit_id: str
    as_of_date: date
    anomaly_score: float
    risk_score: float | None
    expected_amount: int | None
    risk_rank: int | None
    model_version: str
    rules_version: str
    catalogue_version: str


@dataclass(frozen=True)
class Share:
    """What an expected amount is made of: probability x recovered share x amount paid.

    The share in turn is base + contributions (by feature) + limit.
    """

    paid: int
    recovered_share: float
    base: float
    contributions: Mapping[str, float]
    limit: float = 0.0


@dataclass(frozen=True)
class Terms:
    """The parts of one score, feature by feature, in the order of ``names``."""

    score_name: str
    base_value: float
    names: Sequence[str]
    values: npt.NDArray[np.float64]
    contributions: npt.NDArray[np.float64]
    calibration: float


def explain(
    model: FittedModel,
    matrix: Matrix,
    scores: pa.Table,
    hits: Mapping[str, Sequence[Hit]],
    facts: Mapping[str, Mapping[str, object]],
    distributions: Distributions,
) -> list[Record]:
    """Return the record of every row of ``matrix``.

    Args:
        model: the model that gave the scores.
        matrix: n rows; its columns contain the model's features.
        scores: n rows under the contract ``scores``, in the order of the matrix.
        hits: rule hits by unit id.
        facts: raw facts by unit id; the peer group follows from them.
        distributions: typical values of the matrix's unit.

    Raises RecordError where these do not belong together or a record does not add up.
    """
    rows = [_scored(row) for row in scores.to_pylist()]
    _check_belong(model, matrix, rows, distributions)
    places = [matrix.names.index(name) for name in model.names]
    values = np.ascontiguousarray(matrix.values[:, places])
    parts = model.explain(values)
    shares = shares_of(model, matrix.amounts, matrix.finding_kinds, values)
    return [
        make_record(
            scored,
            Terms(parts.score_name, parts.base_value, model.names, values[n],
                  parts.contributions[n], float(parts.calibration[n])),
            hits.get(scored.unit_id, ()),
            facts.get(scored.unit_id, {}),
            distributions,
            shares[n],
        )
        for n, scored in enumerate(rows)
    ]  # fmt: skip


def make_record(
    scored: Scored,
    terms: Terms,
    hits: Sequence[Hit],
    facts: Mapping[str, object],
    distributions: Distributions,
    share: Share | None = None,
) -> Record:
    """Return one record; raises RecordError if it does not add up."""
    contributions = _contributions(terms)
    group = peer_group(scored.unit, facts)
    record: Record = {
        "unit": scored.unit,
        "unit_id": scored.unit_id,
        "as_of_date": scored.as_of_date.isoformat(),
        "score_name": terms.score_name,
        "score": _score(scored, terms.score_name),
        "risk_score": scored.risk_score,
        "anomaly_score": scored.anomaly_score,
        "expected_amount": scored.expected_amount,
        "amount": None if share is None else _amount(share),
        "currency": distributions.currency,
        "risk_rank": scored.risk_rank,
        "base_value": float(terms.base_value),
        "contributions": contributions,
        "calibration": terms.calibration,
        "peer_group": group,
        "reasons": make_reasons(contributions, group, distributions),
        "rule_hits": [
            _rule_hit(hit, scored.unit)
            for hit in sorted(hits, key=lambda h: (-h.amount, h.rule_id))
        ],
        "facts": plain(facts),
        "versions": {
            "model": scored.model_version,
            "rules": scored.rules_version,
            "catalogue": scored.catalogue_version,
        },
    }  # fmt: skip
    check_adds_up(record)
    return record


def check_adds_up(record: Mapping[str, Any]) -> None:
    """Raise RecordError unless parts and reasons add up to the score within 1e-9.

    Where an amount is expected, it must be probability x share x paid, to the minor unit, and the
    share in turn what its parts add up to.
    """
    parts = [part["contribution"] for part in record["contributions"]]
    reasons = [reason["contribution"] for reason in record["reasons"]]
    rest = [record["base_value"], record["calibration"]]
    gaps = (record["score"] - math.fsum([*rest, *parts]), math.fsum(parts) - math.fsum(reasons))
    if not all(abs(gap) <= TOLERANCE for gap in gaps):
        raise RecordError(
            f"The explanation of {record['unit_id']} misses its score by "
            f"{max(map(abs, gaps)):.3g}; it is not shown. "
            "Score and explain the unit again with one model version."
        )
    amount, expected = record["amount"], record["expected_amount"]
    if amount is None or expected is None:
        return
    shares = [part["contribution"] for part in amount["share_contributions"]]
    total = math.fsum([amount["share_base"], amount["share_limit"], *shares])
    if not abs(total - amount["recovered_share"]) <= TOLERANCE:
        raise RecordError(
            f"The recovered share of {record['unit_id']} is not the sum of its parts; it is not "
            "shown. Score and explain the unit again with one model version."
        )
    product = record["risk_score"] * amount["recovered_share"] * amount["paid"]
    if not abs(product - expected) < 1:
        raise RecordError(
            f"The expected amount of {record['unit_id']} is not probability x share x amount paid; "
            "it is not shown. Score and explain the unit again with one model version."
        )


def plain(value: object) -> Any:
    """Return ``value`` as plain JSON: dates as ISO text, numbers that are not finite as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, date) else value


def shares_of(
    model: FittedModel,
    paid: npt.NDArray[np.int64],
    groups: npt.NDArray[np.str_],
    values: npt.NDArray[np.float64],
) -> list[Share | None]:
    """Return what each expected amount multiplies; None where no verdict names amounts."""
    parts = model.explain_shares(groups, values)
    if parts is None:
        return [None] * len(paid)
    found: list[Share | None] = []
    for n, amount in enumerate(paid.tolist()):
        row, base, limit = parts.contributions[n], float(parts.base[n]), float(parts.limit[n])
        of_feature = {model.names[f]: float(row[f]) for f in np.flatnonzero(row)}
        share = math.fsum([base, limit, *of_feature.values()])
        found.append(Share(max(amount, 0), share, base, of_feature, limit))
    return found


def _amount(share: Share) -> dict[str, Any]:
    return {
        "paid": share.paid,
        "recovered_share": share.recovered_share,
        "share_base": share.base,
        "share_contributions": [
            {"feature": name, "contribution": part, "reason_code": words(name).reason}
            for name, part in share.contributions.items()
        ],
        "share_limit": share.limit,
    }


def _scored(row: Mapping[str, Any]) -> Scored:
    return Scored(**{name: row[name] for name in Scored.__dataclass_fields__})


def _check_belong(
    model: FittedModel, matrix: Matrix, rows: Sequence[Scored], distributions: Distributions
) -> None:
    faults = []
    units = {model.unit, matrix.unit, distributions.unit, *(row.unit for row in rows)}
    if len(units) > 1:
        faults.append(f"they describe different units: {', '.join(sorted(units))}")
    if [row.unit_id for row in rows] != matrix.unit_ids.tolist():
        faults.append("scores and matrix do not have the same units in the same order")
    if other := {row.model_version for row in rows} - {model.model_version}:
        faults.append(f"scores of model {', '.join(sorted(other))}, not {model.model_version}")
    if absent := sorted(set(model.names) - set(matrix.names)):
        faults.append(f"the matrix lacks the model's features {', '.join(absent)}")
    if faults:
        raise RecordError("Nothing can be explained: " + "; ".join(faults) + ".")


def _score(scored: Scored, score_name: str) -> float:
    if score_name == "anomaly_score":
        return scored.anomaly_score
    risk = scored.risk_score
    if risk is None or not 0.0 < risk < 1.0:
        raise RecordError(f"{scored.unit_id} has no probability between 0 and 1 to explain.")
    return math.log(risk) - math.log1p(-risk)


def _contributions(terms: Terms) -> list[dict[str, Any]]:
    rows = zip(terms.names, terms.values.tolist(), terms.contributions.tolist(), strict=True)
    return [
        {
            "feature": name,
            "value": value if math.isfinite(value) else None,
            "contribution": contribution,
            "reason_code": words(name).reason,
        }
        for name, value, contribution in rows
        if contribution != 0.0
    ]


def _rule_hit(hit: Hit, unit: str) -> dict[str, Any]:
    """Return what a rule found; of a person or an institution it says how many claims it hit.

    A rule that judges the person or the institution itself says its own sentence.
    """
    rule = rule_by_id()[hit.rule_id]
    made: dict[str, Any] = {"rule_id": rule.id, "level": rule.level}
    for lang in LANGS:
        made[f"level_{lang}"] = LEVELS[rule.level][lang]
        made[f"label_{lang}"] = rule.label(lang)
        made[f"sentence_{lang}"] = (
            rule.sentence(lang, hit.hits)
            if unit == "claim" or rule.grain == "profile"
            else text("rule_on_claims", lang, label=rule.label(lang), claims=f"{hit.hits:,}")
        )
    return made | {
        "hits": hit.hits,
        "amount": hit.amount,
        "evidence": list(hit.evidence[:EVIDENCE]),
        "basis_en": rule.basis_en,
        "basis_zh": rule.basis_zh,
        "caveat_en": rule.caveat_en,
        "caveat_zh": rule.caveat_zh,
    }
