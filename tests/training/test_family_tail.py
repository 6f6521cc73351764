"""The family detector: one oddity counts once, hits have stated weights, terms are the score."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from training.config import DetectorSettings
from training.detectors import DetectorError, FamilyTailDetector, TailDetector
from training.detectors.published import make_published, read_published
from training.families import families, hit_weights


def table(n: int = 400, seed: int = 1) -> np.ndarray:
    """Return n rows: five copies of one column, an independent one, and a rule's rare hits."""
    rng = np.random.default_rng(seed)
    one, other = rng.exponential(size=(2, n))
    return np.column_stack([*[one] * 5, other, rng.random(n) < 0.02])


FAMILIES = [*["size"] * 5, "stay", ""]
WEIGHTS = [0.0] * 6 + [7.0]


def fitted(**changes: object) -> FamilyTailDetector:
    """Return the detector on the table."""
    return FamilyTailDetector([1] * 7, FAMILIES, WEIGHTS, **changes).fit(table())


def test_copies_of_a_column_count_once():
    rows = table(seed=2)
    score = fitted(floor=0.2).anomaly_score(rows)
    pair = TailDetector([1, 1], 0.2, damp=False).fit(table()[:, [0, 5]])
    assert score == pytest.approx(pair.anomaly_score(rows[:, [0, 5]]) + 7.0 * rows[:, 6])


def test_the_terms_are_the_score_and_belong_to_the_oddest_column():
    rows = np.vstack([table(seed=3), np.full(7, np.nan), np.full(7, np.inf), np.full(7, -np.inf)])
    rows[0, 3] = 1e6
    detector = fitted(floor=0.5)
    terms = detector.contributions(rows)
    assert terms.sum(axis=1) == pytest.approx(detector.anomaly_score(rows), abs=1e-12)
    assert (np.count_nonzero(terms[:, :5], axis=1) <= 1).all()
    assert terms[0, 3] == terms[0, :5].max() > 0
    assert terms[-3].tolist() == [0.0] * 7
    alone = [detector.anomaly_score(rows[i : i + 1])[0] for i in range(len(rows))]
    assert alone == detector.anomaly_score(rows).tolist()


def test_order_of_rows_and_json_lose_no_bit():
    rows = table()
    detector = fitted()
    other = FamilyTailDetector([1] * 7, FAMILIES, WEIGHTS).fit(rows[::-1])
    assert json.dumps(other.to_dict()) == json.dumps(detector.to_dict())
    again = read_published(json.loads(json.dumps(detector.to_dict())))
    assert again.anomaly_score(rows).tobytes() == detector.anomaly_score(rows).tobytes()
    assert again.to_dict() == detector.to_dict()


#: Ordinary rows and odd ones, 75 to 25: the odd values' tail probability is 1/4.
ODD = np.array([1.0, -1.0, 1.0, 9.0, 1.0, 1.0])
KINDS = ["a", "a", "", "b", "c", "c"]
SIGNS = [1, -1, 1, -1, 1, 1]


def mixed() -> tuple[FamilyTailDetector, np.ndarray]:
    """Return a detector of a hit, a low value, an unseen column, a harmless one and two copies."""
    rows = np.vstack([np.zeros((75, 6)), np.tile(ODD, (25, 1))])
    return FamilyTailDetector(SIGNS, KINDS, [5.0, 0, 0, 0, 0, 0], floor=1.0).fit(rows), rows


def test_directions_hits_and_unseen_columns_by_hand():
    detector, rows = mixed()
    # A hit weighs 5 whatever its family; a low value is odd where low is; a column without a family
    # is not looked at; a high value is ordinary where low is odd; of two equals the first counts.
    expected = [5.0, np.log(4), 0.0, 0.0, np.log(4), 0.0]
    terms = detector.contributions(rows)
    assert terms[-1] == pytest.approx(expected)
    # Three of four have the ordinary 0 or less where low is odd.
    assert terms[0] == pytest.approx([0.0, 0.0, 0.0, -np.log(0.75), 0.0, 0.0])


def test_a_stored_detector_knows_its_directions():
    detector, rows = mixed()
    again = FamilyTailDetector.from_dict(detector.to_dict())
    assert again.fit(rows).to_dict() == detector.to_dict()
    assert again.contributions(rows).tolist() == detector.contributions(rows).tolist()


def test_rows_beyond_the_first_many_are_scored_as_any():
    detector, _ = mixed()
    score = detector.anomaly_score(np.tile(ODD, (20_000, 1)))
    assert score == pytest.approx(5.0 + 2 * np.log(4))


def test_faults_come_all_at_once():
    with pytest.raises(DetectorError, match=r"2 families for 7.*1 directions for 7.*not negative"):
        FamilyTailDetector([1], ["a", "b"], [-1.0] * 7).fit(table())
    with pytest.raises(DetectorError, match="fitted on 7 columns"):
        fitted().anomaly_score(np.zeros((2, 6)))
    damaged = fitted().to_dict() | {"hit_weights": [1.0] * 7}
    with pytest.raises(DetectorError, match="damaged"):
        FamilyTailDetector.from_dict(damaged)


def test_columns_of_the_unit_have_families_and_rules_weigh_by_level():
    names = [
        "claim_total_amount",
        "claim_drug_amount",
        "org_doctors_730",
        "rule_sex_conflict",
        "rule_cost_shifting",
        "rule_bed_over_capacity",
        "column_of_another_source",
    ]
    assert families(names, "claim") == [
        "amount",
        "amount",
        "",
        "",
        "",
        "",
        "column_of_another_source",
    ]
    levels = {"violation": 12.0, "suspicion": 8.0, "lead": 4.0}
    # The bed rule judges the institution, not each of its claims.
    assert hit_weights(names, "claim", levels) == [0, 0, 0, 12.0, 4.0, 0, 0]
    assert hit_weights(names, "institution", levels) == [0, 0, 0, 0, 0, 8.0, 0]


def test_a_published_detector_weighs_hits_by_level_and_keeps_directions(matrix_of):
    matrix = replace(
        matrix_of(200),
        names=("claim_total_amount", "rule_sex_conflict", "rule_cost_shifting", "x", "y", "z"),
        directions=(1, 1, 1, -1, 0, 1),
    )
    detector = make_published(DetectorSettings(kind="family_tail"), matrix)
    # As decided: 12 nats for a violation, 4 for a lead (and 8 between).
    assert detector.hit_weights == [0, 12.0, 4.0, 0, 0, 0]
    assert detector.directions == [1, 1, 1, -1, 0, 1]
    own = DetectorSettings(kind="family_tail", violation=3.0, suspicion=2.0, lead=1.0)
    assert make_published(own, matrix).hit_weights == [0, 3.0, 1.0, 0, 0, 0]
    profiles = replace(matrix, unit="institution", names=("rule_bed_over_capacity", *"abcde"))
    weights = make_published(DetectorSettings(kind="family_tail"), profiles).hit_weights
    assert weights == [8.0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("kind", ["tail", "family_tail", "histogram"])
def test_every_published_kind_adds_up(kind, matrix_of):
    matrix = matrix_of(200)
    detector = make_published(DetectorSettings(kind=kind), matrix).fit(matrix.values)
    terms = detector.contributions(matrix.values)
    total = detector.base_value_ + terms.sum(axis=1)
    assert total == pytest.approx(detector.anomaly_score(matrix.values), abs=1e-9)
    assert type(read_published(json.loads(json.dumps(detector.to_dict())))) is type(detector)


def test_a_detector_without_exact_terms_is_not_published(matrix_of):
    with pytest.raises(DetectorError, match="could not be explained, so it is not published"):
        make_published(DetectorSettings(kind="isolation_forest"), matrix_of(50))
    with pytest.raises(DetectorError, match="must be one of family-tail-1, histogram-1"):
        read_published({"method": "isolation-forest-1"})
