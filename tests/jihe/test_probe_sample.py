"""A past plan's random part as the probe sample of a wanted precision."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jihe.home import Home
from jihe.probe_sample import ProbeError, plan_probe
from sampling.estimation.estimate import EstimateError
from sampling.ledger import Ledger
from sampling.outcome_rows import Outcome
from sampling.planning.sample_size import stein_size
from sampling.planning.stratify import design_plan
from tests.jihe.scored_county import designed, live_claims, record_of, refusal_of

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VERSIONS = {
    "model_version": "m", "rules_version": "r", "catalogue_version": "c",
    "as_of_date": date(2026, 2, 1),
}  # fmt: skip
UNITS = 1_200


def _sealed(home: Path, ids: list[str]) -> SimpleNamespace:
    """P0001 of 300 claims in two classes; three claims of ten have a finding."""
    rng, count = np.random.default_rng(3), len(ids)
    amounts = dict(zip(ids, rng.integers(1, 90_000, count) * (rng.random(count) < 0.3),
                       strict=True))  # fmt: skip
    frame, design = design_plan(
        "claim", ids, rng.permutation(count) + 1, rng.choice(["clinic", "hospital"], count),
        ["2"] * count, [100_000] * count, capacity=300, random_share="0.5",
    )  # fmt: skip
    ledger = Ledger(Home(home).ledger_url)
    plan = ledger.create_plan(
        frame, design, bytes(32), KEY, score_version=VERSIONS, actor="p",
        sealed_at=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip
    return SimpleNamespace(home=home, ledger=ledger, plan=plan, amounts=amounts)


@pytest.fixture
def inspected(tmp_path: Path) -> SimpleNamespace:
    return _sealed(tmp_path, [f"c{i:04d}" for i in range(UNITS)])


def _verdicts(it: SimpleNamespace, *, found: bool = True) -> list[tuple[str, str, int]]:
    """Append verdicts, none for every tenth case; return tag, stratum and amount of the others."""
    outcomes, final = [], []
    for i, (case, row) in enumerate(zip(it.plan.cases, it.plan.draws.to_pylist(), strict=True)):
        amount = int(it.amounts[row["unit_id"]]) if found else 0
        missing = i % 10 == 0
        kind = "documents_not_received" if missing else "recovery" if amount else "dismissed"
        outcomes.append(Outcome(
            case, "claim", row["unit_id"], "P0001", row["tag"], kind,
            amount if kind == "recovery" else None, "seen", date(2026, 4, 1), "A, B",
        ))  # fmt: skip
        if not missing:
            final.append((row["tag"], row["stratum"], amount))
    it.ledger.append_outcomes(outcomes, actor="p", known_at=datetime(2026, 4, 2, tzinfo=UTC))
    return final


def test_the_random_part_alone_tells_mean_and_variance(inspected: SimpleNamespace) -> None:
    final = [(stratum, y) for tag, stratum, y in _verdicts(inspected) if tag == "random"]
    got = plan_probe(inspected.home, "P0001", "claim")
    strata = {s.name: s.units for s in inspected.plan.design.strata}
    answered = {name: sum(stratum == name for stratum, _ in final) for name in strata}
    assert min(answered.values()) > 1
    weights = [strata[stratum] / answered[stratum] for stratum, _ in final]
    assert sum(weights) == pytest.approx(UNITS)
    n, mean = len(final), sum(w * y for w, (_, y) in zip(weights, final, strict=True)) / UNITS
    squares = sum(w * (y - mean) ** 2 for w, (_, y) in zip(weights, final, strict=True))
    assert (got.probe.n, got.confirmed) == (n, sum(y > 0 for _, y in final))
    assert got.probe.mean == pytest.approx(mean)
    assert got.probe.variance == pytest.approx(squares / UNITS * n / (n - 1))


def test_what_is_no_probe_is_refused(inspected: SimpleNamespace) -> None:
    with pytest.raises(EstimateError, match="0 final verdicts"):
        plan_probe(inspected.home, "P0001", "claim")
    _verdicts(inspected, found=False)
    with pytest.raises(ProbeError, match="found nothing"):
        plan_probe(inspected.home, "P0001", "claim")
    with pytest.raises(ProbeError, match="did not draw units of the kind 'insured'"):
        plan_probe(inspected.home, "P0001", "insured")


def test_a_precision_is_told_by_the_probe_too(scored_home: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(scored_home, tmp_path / "home", symlinks=True))
    ids = [row["claim_id"] for row in live_claims(home)]
    _verdicts(_sealed(home, ids))
    words = ("--random-share", "0.3", "--precision", "100000", "--probe", "P0001")
    size = record_of(home, *words)["sample_size"]
    probe = plan_probe(home, "P0001", "claim")
    assert size["probe"]["probe"]["n"] == probe.probe.n
    assert size["probe_units"] == stein_size(len(ids), probe.probe, size["half_width"])
    assert probe.probe.n < size["probe_units"] < len(ids)
    for lang, word in (("en", "knows no score"), ("zh", "不依赖评分")):
        said = designed(home, *words, "--lang", lang).output
        assert word in said.replace("\n", " ").replace("  ", " ")
        assert f"{size['probe_units']:,}" in said


def test_a_probe_without_a_use_is_refused(scored_home: Path) -> None:
    assert refusal_of(scored_home, "--probe", "P0001").faults[0].code == "WISH_PROBE"
    staged = ("--claims-each", 3, "--precision", "20%", "--probe", "P0001")
    assert refusal_of(scored_home, *staged).faults[0].code == "STAGED_PROBE"
