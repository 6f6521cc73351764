"""``jihe plan design`` of plans by size and in two stages: what is shown is what gets sealed."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jihe.commands import plan_seal
from jihe.home import Home
from jihe.plan_basis import built, score_of
from jihe.plan_units import plannable
from jihe.plan_wishes import WishError
from sampling.faults import SamplingError
from tests.jihe.command_line import jihe
from tests.jihe.scored_county import designed, live_claims, record_of, refusal_of, shuffled

BY_SIZE = ("--unit", "institution", "--chances", "size")
IN_TWO = ("--claims-each", 6)
KINDS = (BY_SIZE, (*IN_TWO, "--chances", "size"), (*IN_TWO, "--chances", "strata"))


class _Clock(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def published(scored_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The county with the scores that a run would publish before any verdict."""
    root = tmp_path_factory.mktemp("published") / "home"
    shutil.copytree(scored_home, root, symlinks=True)
    with built(Home(root), None, None) as made:
        tables = [score_of(Home(root), made, unit).table for unit in ("claim", "institution")]
    pq.write_table(pa.concat_tables(tables), root / "scores.parquet")
    return root


def _sealed(home: Path, folder: Path, *words: object) -> dict[str, Any]:
    people = []
    for name in ("audit", "finance"):
        told = jihe("plan", "commit", "--contributor", name, "--part", str(folder / name))
        people += ["--contributor", told.strip().splitlines()[-1]]
    told = jihe(
        "plan", "seal", *people, "--number-source", "lottery", "--number-day", "2026-03-03",
        "--number-digits", "5", "--home", str(home),
        *(str(word) for word in words),
    )  # fmt: skip
    (path,) = (home / "plans").glob("P*/seal.json")
    record: dict[str, Any] = json.loads(path.read_text("utf-8"))
    assert record["frame"]["sha256"] in told
    return record


@pytest.mark.parametrize("kind", KINDS, ids=("size", "two_by_size", "two_by_strata"))
def test_what_is_shown_is_what_is_sealed(
    published: Path, tmp_path: Path, kind: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_seal, "datetime", _Clock)
    home = Path(shutil.copytree(published, tmp_path / "home", symlinks=True))
    words = (*kind, "--capacity", 12)
    shown = record_of(home, *words)
    sealed = _sealed(home, tmp_path, *words)
    assert shown["frame"]["sha256"] == sealed["frame"]["sha256"]
    assert shown["design"] == sealed["design"]
    assert shown["capacity"] == 12
    assert (shown["sealed"], shown["forecast"]["recovery"], shown["recommended"]) == (
        False, None, None,
    )  # fmt: skip


def test_the_figures_are_sums_over_the_claims(scored_home: Path) -> None:
    """By size: pi_i = n X_i / X, the certain taken out; recovery sum pi_i (n_i / M_i) e_k."""
    made = record_of(scored_home, *IN_TWO, "--chances", "size", "--capacity", 8)
    units = plannable(scored_home, "claim").units
    assert units.model is not None
    owners = units.facts["institution_id"].to_pylist()
    counts, money, mean = Counter(owners), Counter[str](), Counter[str]()
    for owner, size, e in zip(
        owners, units.size_minor.tolist(), units.model.mean.tolist(), strict=True
    ):
        money[owner] += size
        mean[owner] += e
    pi: dict[str, float] = {}
    while True:
        rest = sum(m for o, m in money.items() if pi.get(o) != 1)
        left = 8 - sum(1 for c in pi.values() if c == 1)
        now = {o: 1.0 if pi.get(o) == 1 else min(left * m / rest, 1.0) for o, m in money.items()}
        if now == pi:
            break
        pi = now
    take = {o: min(n, 6) for o, n in counts.items()}
    told = made["forecast"]
    assert told["listed"] == pytest.approx(sum(pi[o] * take[o] for o in pi), rel=1e-6)
    recovery = math.fsum(pi[o] * take[o] / counts[o] * mean[o] for o in pi)
    assert told["recovery"] == pytest.approx(recovery, rel=1e-6)
    assert told["institutions"] == pytest.approx(8)
    assert (told["chance_least"], told["chance_most"]) == (
        pytest.approx(min(pi.values()), rel=1e-6), pytest.approx(max(pi.values()), rel=1e-6),
    )  # fmt: skip
    seen = told["classes"][-1]
    share = sum(pi[o] * take[o] / counts[o] * money[o] for o in pi) / sum(money.values())
    assert seen["money_share"] == pytest.approx(share, rel=1e-6)
    assert sum(c["drawn"] for c in told["classes"][:-1]) == pytest.approx(8)
    assert made["predicted_total"] == pytest.approx(units.model.total)
    (same,) = made["one_stage"]
    assert same["listed"] == round(told["listed"])
    assert made["design_effect"] == pytest.approx(told["variance"] / same["variance"])
    plain = record_of(scored_home, "--capacity", same["listed"], "--random-share", "0.3")
    assert same["recovery"] == pytest.approx(plain["forecast"]["recovery"])
    assert math.sqrt(same["variance"]) * 1.959964 == pytest.approx(
        plain["forecast"]["half_width"], rel=1e-6
    )


@pytest.mark.parametrize("each", ["6", "2%"])
@pytest.mark.parametrize("chances", ["size", "strata"])
def test_alternatives_cost_no_more_and_the_narrowest_is_recommended(
    scored_home: Path, tmp_path: Path, each: str, chances: str
) -> None:
    words = ("--claims-each", each, "--chances", chances, "--capacity", 12)
    path = tmp_path / "hours.toml"
    path.write_text("[hours]\nper_unit = 2\nper_institution = 16\n")
    for more, cost in (((), "listed"), (("--quotas", path), "hours")):
        made = record_of(scored_home, *words, *more)
        found = made["alternatives"]
        assert len(found) >= 3
        assert found[made["chosen"]]["claims_each"] == each
        assert found[made["chosen"]]["forecast"] == made["forecast"]
        spent = [a["forecast"][cost] for a in found if a["forecast"]]
        assert max(spent) <= made["forecast"][cost] * (1 + 1e-6)
        counts = [a["institutions"] for a in found]
        assert counts == sorted(counts, reverse=True)
        widths = [a["forecast"]["half_width"] if a["forecast"] else math.inf for a in found]
        assert widths[made["recommended"]] == min(widths)
        alike = [a["forecast"]["half_width_alike"] if a["forecast"] else math.inf for a in found]
        assert alike[made["recommended_alike"]] == min(alike)
        again = record_of(
            scored_home, "--claims-each", found[0]["claims_each"], "--chances", chances,
            "--capacity", found[0]["institutions"], *more,
        )  # fmt: skip
        assert again["forecast"] == found[0]["forecast"]


def test_hours_count_claims_and_visits(scored_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "hours.toml"
    path.write_text("[hours]\nper_unit = 2\nper_institution = 16\n")
    made = record_of(scored_home, *IN_TWO, "--capacity", 10, "--quotas", path)
    assert made["forecast"]["hours"] == pytest.approx(2 * made["forecast"]["listed"] + 160)
    same, long = made["one_stage"]
    for plan in (same, long):
        assert plan["hours"] == pytest.approx(2 * plan["listed"] + 16 * plan["visits"])
    assert 0.9 * made["forecast"]["hours"] <= long["hours"] <= made["forecast"]["hours"]
    assert same["visits"] > 10
    said = designed(scored_home, *IN_TWO, "--capacity", 10, "--quotas", path).output
    assert "For the same hours" in said
    one = record_of(scored_home, *BY_SIZE, "--capacity", 10, "--quotas", path)
    assert one["forecast"]["hours"] == pytest.approx(180)
    plain = record_of(scored_home, "--unit", "institution", "--capacity", 10, "--quotas", path)
    assert plain["forecast"]["hours"] == pytest.approx(180)
    error = refusal_of(scored_home, "--capacity", 60, "--quotas", path)
    assert [f.code for f in error.faults] == ["WISH_PER_INSTITUTION"]
    assert "--claims-each" in error.text("zh")


def test_a_wanted_precision_takes_the_fewest_institutions(scored_home: Path) -> None:
    words = ("--claims-each", "30%", "--chances", "size")
    usual = record_of(scored_home, *words, "--capacity", 11)["forecast"]["half_width"]
    made = record_of(scored_home, *words, "--precision", f"{usual / 100:.2f}")
    assert made["needed"] == made["capacity"] <= 11
    assert made["forecast"]["half_width"] <= made["wanted_half_width"]
    less = record_of(scored_home, *words, "--capacity", made["needed"] - 1)["forecast"]
    assert less["half_width"] > made["wanted_half_width"]
    both = record_of(scored_home, *words, "--precision", f"{usual / 100:.2f}", "--capacity", 9)
    assert (both["capacity"], both["needed"]) == (9, made["needed"])
    never = record_of(scored_home, *IN_TWO, "--precision", "1")
    assert (never["needed"], never["capacity"]) == (None, never["frame"]["institutions"])
    assert "达不到" in designed(scored_home, *IN_TWO, "--precision", "1", "--lang", "zh").output


def test_institutions_are_predicted_from_claims_where_they_have_no_model(
    scored_home: Path, published: Path
) -> None:
    made = record_of(scored_home, *BY_SIZE, "--capacity", 9)
    model = plannable(scored_home, "claim").units.model
    assert model is not None
    assert made["predicted_by"] == "claims"
    assert made["predicted_total"] == pytest.approx(model.total)
    assert made["alternatives"] == []
    assert made["forecast"]["half_width"] > 0
    assert made["forecast"]["half_width_alike"] is None
    assert "sum of its claims" in " ".join(
        designed(scored_home, *BY_SIZE, "--capacity", 9).output.split()
    )
    none = record_of(published, *BY_SIZE, "--capacity", 9)
    assert (none["predicted_by"], none["forecast"]["half_width"]) == (None, None)
    assert none["forecast"]["classes"] == made["forecast"]["classes"]
    assert "尚无检查结论" in designed(published, *IN_TWO, "--lang", "zh").output


def test_every_option_without_a_meaning_here_is_refused_at_once(
    scored_home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "quotas.toml"
    path.write_text('[[quota]]\nname = "x"\nof = "units"\nshare = "0.1"\n')
    error = refusal_of(
        scored_home, *IN_TWO, "--chances", "size", "--quotas", path, "--by", "district", "--band",
        "amount", "--allocation", "neyman", "--random-share", "0.2",
    )  # fmt: skip
    assert isinstance(error, WishError)
    codes = ["STAGED_QUOTAS", "STAGED_STRATA", "STAGED_STRATA", "STAGED_STRATA", "STAGED_SHARE"]
    assert [f.code for f in error.faults] == codes
    for word in ("--by", "--band", "--allocation", "[[quota]]", "--random-share"):
        assert word in error.text("en")
        assert word in error.text("zh")
    share = record_of(scored_home, *IN_TWO, "--capacity", 12, "--random-share", "0.5")
    assert share["design"]["first"]["random_share"] == "0.5"
    error = refusal_of(scored_home, *IN_TWO, "--precision", "-3")
    assert [f.code for f in error.faults] == ["WISH_PRECISION"]
    assert isinstance(refusal_of(scored_home, "--claims-each", "1"), SamplingError)
    assert isinstance(refusal_of(scored_home, *IN_TWO, "--capacity", 99999), SamplingError)
    for words, told in (
        ((*IN_TWO, "--unit", "institution"), "--unit claim"),
        (("--chances", "size"), "--unit institution"),
        (("--chances", "size", "--unit", "insured"), "--unit institution"),
    ):
        got = designed(scored_home, *words)
        assert got.exit_code == 2
        assert told in " ".join(got.output.replace("│", " ").split())


def test_rows_in_another_order_give_the_same_record(scored_home: Path, tmp_path: Path) -> None:
    copied = shuffled(scored_home, tmp_path / "home")
    for kind in KINDS:
        words = (*kind, "--capacity", 11)
        assert record_of(copied, *words) == record_of(scored_home, *words)


def test_it_is_told_in_both_languages_and_nothing_is_written(
    scored_home: Path, tmp_path: Path
) -> None:
    before = {p: p.stat().st_mtime_ns for p in scored_home.rglob("*") if p.is_file()}
    out = tmp_path / "new" / "design.json"
    ids = set(plannable(scored_home, "institution").units.unit_ids.to_pylist())
    for kind in KINDS:
        words = (*kind, "--capacity", 12, "--out", out)
        for lang, nothing in (("en", "nothing is sealed"), ("zh", "也未封存")):
            got = designed(scored_home, *words, "--lang", lang)
            assert got.exit_code == 0, got.exception
            said = " ".join(got.output.split())
            assert nothing in said
            assert "jihe plan seal" in said
            assert "--capacity 12" in said
            assert ("--claims-each 6" in said) == (kind != BY_SIZE)
            assert ("--random-share 0.3" in said) == ("strata" in kind)
            assert ("--chances size" in said) == ("size" in kind)
            assert not any(name in said for name in ids)
            if kind != BY_SIZE:
                assert ("◂ recommended" if lang == "en" else "◂ 推荐") in got.output
        record = json.loads(out.read_text("utf-8"))
        assert record == record_of(scored_home, *kind, "--capacity", 12)
        assert record["frame"]["sha256"] in got.output
    assert {p: p.stat().st_mtime_ns for p in scored_home.rglob("*") if p.is_file()} == before


def test_claims_since_a_day_are_those_of_the_sealing(scored_home: Path) -> None:
    words = (*IN_TWO, "--chances", "size", "--capacity", 6)
    whole = record_of(scored_home, *words)["frame"]
    known = sorted(row["known_at"].date() for row in live_claims(scored_home))
    day = known[len(known) // 2].isoformat()
    part = record_of(scored_home, *words, "--frame-from", day)["frame"]
    assert 0 < part["claims"] < whole["claims"]
    said = designed(scored_home, *words, "--frame-from", day).output
    assert f"--frame-from {day}" in " ".join(said.split())
    late = refusal_of(scored_home, *words, "--frame-from", "2029-12-01")
    assert "earlier day" in late.text("en")
