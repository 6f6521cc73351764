"""Every leakage check: a planted leak fires, the clean case does not, the unfit one says so."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from training.leakage import Finding, LeakageError, definitions, refuse
from training.leakage_checks import Evidence, check, single_auc
from training.train import train_supervised

CODES = [f"HX{n:03d}" for n in range(1, 11)]
N = 120


def clean(**changes: object) -> Evidence:
    """Return 120 verdicts on 60 entities, split twice, forward with 40 days between."""
    rng = np.random.default_rng(5)
    rows = np.arange(N)
    dates = np.datetime64("2024-01-01") + np.where(rows < 60, rows % 20, 60 + rows % 20)
    groups = np.array([f"i{i % 60:02d}" for i in rows])
    fold, early = (rows % 60) % 2, rows < 60
    pairs = [
        (np.flatnonzero((fold != f) & early), np.flatnonzero((fold == f) & ~early)) for f in (0, 1)
    ]
    evidence = Evidence(
        names=("amount_log", "claims_day", "beds"),
        values=rng.normal(size=(N, 3)),
        labels=(rows % 3 == 0).astype(float),
        unit_ids=np.array([f"c{i:04d}" for i in rows]),
        groups=groups,
        known_days=dates - np.timedelta64(50, "D"),
        label_days=dates,
        cut=np.datetime64("2024-06-01"),
        channels=np.where(rows % 2 == 0, "random", "risk"),
        pairs=pairs,
        forward=True,
        gap_days=30,
    )
    return replace(evidence, **changes)  # type: ignore[arg-type]


def with_column(column: np.ndarray, name: str = "beds") -> Evidence:
    """Return the clean case with its last column replaced."""
    evidence = clean()
    values = evidence.values.copy()
    values[:, 2] = column
    return replace(evidence, values=values, names=("amount_log", "claims_day", name))


def by_code(evidence: Evidence) -> dict[str, Finding]:
    return {finding.code: finding for finding in check(evidence)}


def found(evidence: Evidence) -> list[str]:
    return [f.code for f in check(evidence) if f.outcome == "found"]


def label_noise(wrong: int) -> np.ndarray:
    """Return a column that is the label but for so many rows, each confirmed one below all."""
    column = clean().labels * 2.0
    column[np.flatnonzero(column)[:wrong]] = -1.0
    return column


def test_the_clean_case_fires_nothing_and_everything_was_looked_at():
    findings = check(clean())
    assert [f.code for f in findings] == CODES
    assert {f.outcome for f in findings} == {"clear"}
    refuse(findings)


def test_hx001_a_label_known_on_the_cut_date():
    evidence = clean(cut=clean().label_days.max())
    assert found(evidence) == ["HX001"]
    finding = by_code(evidence)["HX001"]
    assert finding.facts["count"] == int((evidence.label_days == evidence.cut).sum())
    assert found(clean(cut=clean().label_days.max() + 1)) == []


def test_hx002_features_known_the_day_after_their_label():
    known = clean().label_days.copy()
    assert found(clean(known_days=known)) == []  # the same day is in time
    known[7] += 1
    evidence = clean(known_days=known)
    assert found(evidence) == ["HX002"]
    assert by_code(evidence)["HX002"].facts["example"] == "c0007"


def test_hx003_an_entity_on_both_sides():
    train, test = clean().pairs[0]
    groups = clean().groups.copy()
    groups[test[0]] = groups[train[0]]
    evidence = clean(groups=groups, pairs=[(train, test)])
    assert found(evidence) == ["HX003"]
    assert by_code(evidence)["HX003"].facts == {"count": 1, "example": groups[train[0]]}
    assert by_code(clean(pairs=()))["HX003"].outcome == "not_applicable"


def test_hx004_a_gap_shorter_than_the_delay():
    # The last verdict that trains is of day 19, the first tested of day 60.
    assert found(clean(gap_days=41)) == []
    assert found(clean(gap_days=42)) == ["HX004"]
    assert by_code(clean(gap_days=42))["HX004"].facts == {"gap": 41, "delay": 42}
    # What was measured counts where it is longer than what the config says.
    assert found(clean(delay_days=np.array([5.0, 90.0, 41.5]))) == ["HX004"]
    assert found(clean(delay_days=np.array([5.0, 90.0, 41.0]))) == []
    assert by_code(clean(forward=False))["HX004"].outcome == "not_applicable"


@pytest.mark.parametrize(
    "name", ["verdict", "claim_outcome", "recovered_amount", "overpaid", "case_closed", "n_appeals"]
)
def test_hx005_a_feature_that_carries_the_outcome(name):
    finding = by_code(with_column(label_noise(0), name))["HX005"]
    assert (finding.outcome, finding.severity) == ("found", "error")
    assert finding.facts["names"] == name
    assert by_code(with_column(label_noise(0), name))["HX006"].outcome == "clear"
    with pytest.raises(LeakageError, match=f"HX005 Alone, {name} ranks"):
        refuse(check(with_column(-label_noise(0), name)))
    assert by_code(with_column(clean().values[:, 2], name))["HX005"].outcome == "clear"


def test_hx006_a_feature_that_alone_gives_the_label_away_only_warns():
    findings = check(with_column(label_noise(0)))
    assert [f.code for f in findings if f.outcome == "found"] == ["HX006"]
    refuse(findings)
    # One confirmed case of forty placed below all others: area 39/40 = .975, under the limit .98.
    assert single_auc(label_noise(1), clean().labels) == pytest.approx(39 / 40)
    assert found(with_column(label_noise(1))) == []
    few = clean(labels=(np.arange(N) < 9).astype(float))
    assert by_code(few)["HX006"].outcome == "not_applicable"


def test_hx007_missing_just_where_the_label_says_so():
    column = clean().values[:, 2].copy()
    column[clean().labels > 0] = np.nan
    evidence = with_column(column)
    assert "HX007" in found(evidence)
    with pytest.raises(LeakageError, match="HX007 Whether beds is missing"):
        refuse(check(evidence))
    at_random = clean().values[:, 2].copy()
    at_random[::2] = np.nan
    assert found(with_column(at_random)) == []


def test_hx008_a_running_number():
    days = clean().known_days.astype(int)
    running = 10_000.0 + np.argsort(np.argsort(days, kind="stable"))
    assert found(with_column(running)) == ["HX008"]
    assert found(with_column(running[::-1])) == ["HX008"]
    shuffled = np.random.default_rng(1).permutation(running)
    assert found(with_column(shuffled)) == []  # distinct, but not of time
    assert found(with_column(running + 0.5)) == []  # an amount, not a number of a row
    assert found(with_column(np.round(running / 2))) == []  # a count that rises with time
    one_day = np.full(N, np.datetime64("2024-01-01"))
    assert by_code(clean(known_days=one_day, label_days=one_day))["HX008"].outcome == (
        "not_applicable"
    )


def test_hx009_labels_from_one_channel():
    risk = clean(channels=np.full(N, "tip_off"))
    assert found(risk) == ["HX009"]
    assert by_code(risk)["HX009"].facts == {"channel": "tip_off", "count": N}
    refuse(check(risk))  # a warning
    assert found(clean(channels=np.full(N, "random"))) == []
    assert by_code(clean(channels=None))["HX009"].outcome == "not_applicable"


def test_hx010_twins_in_training_and_test():
    (train, test), _ = clean().pairs
    values, labels = clean().values.copy(), clean().labels.copy()
    values[train[0], 0] = values[test[0], 0] = np.nan  # a gap is a value like another
    values[train[0], 1:] = values[test[0], 1:]
    labels[train[0]] = labels[test[0]] = 1.0
    evidence = clean(values=values, labels=labels)
    finding = by_code(evidence)["HX010"]
    assert (finding.outcome, finding.severity) == ("found", "warning")
    assert (finding.facts["count"], finding.facts["tested"]) == (1, 60)
    # The same values with another verdict teach nothing.
    labels[train[0]] = 0.0
    assert by_code(clean(values=values, labels=labels))["HX010"].outcome == "clear"


def test_hx010_many_twins_stop_the_run():
    (train, test), _ = clean().pairs
    values, labels = clean().values.copy(), clean().labels.copy()
    values[train[:4]], labels[train[:4]] = values[test[:4]], labels[test[:4]]
    with pytest.raises(LeakageError, match=r"HX010 4 of 60 tested rows \(6.7%\)"):
        refuse(check(clean(values=values, labels=labels)))
    # Persons to whom nothing happened are alike by nature.
    refuse(check(clean(values=values, labels=labels, unit="insured")))


def test_an_error_tells_every_leak_in_both_languages():
    evidence = clean(cut=np.datetime64("2024-01-01"), gap_days=99)
    with pytest.raises(LeakageError) as caught:
        refuse(check(evidence))
    assert [f.code for f in caught.value.findings] == ["HX001", "HX004"]
    for lang, remedy in (
        ("en", "Make labels as of the cut date."),
        ("zh", "请按截止日重新生成标签。"),
    ):
        text = caught.value.text(lang)  # type: ignore[arg-type]
        assert "HX001" in text
        assert "HX004" in text
        assert remedy in text
        assert "{" not in text


def test_every_code_says_everything_in_both_languages():
    assert list(definitions()) == CODES
    for words in definitions().values():
        assert words["severity"] in ("error", "warning")
        for key in ("title", "found", "clear", "not_applicable", "remedy"):
            english, chinese = words[f"{key}_en"], words[f"{key}_zh"]
            assert set(re.findall(r"{\w+", english)) == set(re.findall(r"{\w+", chinese))
            assert re.search("[\u4e00-\u9fff]", chinese)
            assert not re.search("[\u4e00-\u9fff]", english)


def test_training_stops_on_a_planted_leak_and_keeps_findings_otherwise(world, tmp_path):
    codes = [f["code"] for f in world.supervised.metrics["leakage"]]
    assert codes == CODES
    labels = np.asarray(world.labels["label"].to_pylist(), dtype=float)
    values = world.matrix.values.copy()
    values[:, 5] = labels
    names = (*world.matrix.names[:5], "verdict_flag")
    leaky = replace(world.matrix, values=values, names=names)
    with pytest.raises(LeakageError, match="HX005 Alone, verdict_flag"):
        train_supervised(leaky, world.labels, world.config, tmp_path, date(2024, 6, 1))
    assert list(tmp_path.iterdir()) == []
