"""``jihe plan design``: its figures add up, quotas and precision are kept, faults told at once."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jihe import plan_proposals
from jihe.plan_design_words import percent
from jihe.plan_report_words import stratum_name
from jihe.plan_units import plannable
from jihe.plan_wishes import WishError
from sampling.design import DesignError
from sampling.faults import Fault
from sampling.frame import frame_hash
from sampling.planning.quota_file import QuotaError
from sampling.planning.stratify import design_plan
from tests.jihe.scored_county import designed, record_of, refusal_of, shuffled


def _quotas(tmp_path: Path, *tables: str) -> Path:
    path = tmp_path / "quotas.toml"
    path.write_text("\n".join(tables), encoding="utf-8")
    return path


def _share(name: str, share: str, of: str = "units", kind: str = "pharmacy") -> str:
    return (
        f'[[quota]]\nname = "{name}"\nof = "{of}"\nshare = "{share}"\n'
        f'where = {{ institution_class = ["{kind}"] }}\n'
    )


def test_a_design_by_bands_is_what_a_run_draws_and_its_figures_add_up(scored_home: Path) -> None:
    """The expected recovery is sum pi_k e_k, worked out from the frame that a run would freeze."""
    made = record_of(scored_home, "--capacity", 120, "--random-share", "0.40")
    units = plannable(scored_home, "claim").units
    frame, design = design_plan(
        "claim", units.unit_ids, units.risk_rank, units.facts["institution_class"],
        units.facts["level"], units.size_minor, capacity=120, random_share="0.4",
    )  # fmt: skip
    assert made["frame"] == {"units": len(units), "sha256": frame_hash(frame)}
    assert [(s["stratum"], s["units"], s["draws"], s["floor"]) for s in made["strata"]] == [
        (s.name, s.units, s.draws, s.floor) for s in design.strata
    ]
    rate = {s.name: s.draws / s.units for s in design.strata}
    scores = pq.read_table(scored_home / "scores.parquet").slice(0, len(units)).to_pylist()
    amount = {row["unit_id"]: row["expected_amount"] for row in scores}
    chance = {row["unit_id"]: row["risk_score"] for row in scores}
    drawn = dict(zip(frame.unit_ids.to_pylist(), frame.strata.to_pylist(), strict=True))
    recovery = math.fsum(rate[stratum] * amount[unit] for unit, stratum in drawn.items())
    findings = math.fsum(rate[stratum] * chance[unit] for unit, stratum in drawn.items())
    assert made["forecast"]["recovery"] == pytest.approx(recovery, rel=1e-9)
    assert made["forecast"]["findings"] == pytest.approx(findings, rel=1e-9)
    assert sum(s["expected_amount"] for s in made["strata"]) == pytest.approx(recovery, rel=1e-9)
    assert made["predicted_total"] == pytest.approx(sum(amount.values()))


def test_the_dial_runs_from_random_to_risk_and_marks_one_point(scored_home: Path) -> None:
    made = record_of(scored_home, "--capacity", 120, "--random-share", "0.25")
    shares = [p["random_share"] for p in made["frontier"]]
    assert shares == ["1", "0.9", "0.7", "0.5", "0.4", "0.3", "0.25", "0.2", "0.1", "0.05"]
    recovery = [p["forecast"]["recovery"] for p in made["frontier"]]
    assert recovery[-1] > 3 * recovery[0]
    widths = {p["random_share"]: p["forecast"]["half_width"] for p in made["frontier"]}
    fit = [p for p in made["frontier"] if p["forecast"]["half_width"] <= 1.1 * min(widths.values())]
    best = max(fit, key=lambda p: p["forecast"]["recovery"])
    assert made["recommended"] == best["random_share"]
    assert made["forecast"] == made["frontier"][shares.index("0.25")]["forecast"]
    assert record_of(scored_home, "--capacity", 120)["random_share"] == made["recommended"]


def test_rows_in_another_order_give_the_same_record(scored_home: Path, tmp_path: Path) -> None:
    copied = shuffled(scored_home, tmp_path / "home")
    words = ("--capacity", 90, "--allocation", "neyman", "--random-share", "0.3")
    assert record_of(copied, *words) == record_of(scored_home, *words)


def test_quotas_that_fit_are_kept(scored_home: Path, tmp_path: Path) -> None:
    path = _quotas(
        tmp_path, _share("third [of] pharmacies", "0.02"),
        '[[quota]]\nname = "rotation"\nof = "institutions"\nwithin_years = 20\n',
        "[hours]\nper_unit = 2\n[hours.by_class]\npharmacy = 0.5\n",
    )  # fmt: skip
    made = record_of(scored_home, "--capacity", 200, "--quotas", path, "--random-share", "0.3")
    assert made["quota_conflict"] == []
    assert all(q["met"] and q["expected"] >= q["required"] for q in made["quotas"])
    assert sum(s["draws"] for s in made["strata"]) == 200
    for s in made["strata"]:
        classes = s["stratum"].split("/")[0].split("+")
        per_unit = [0.5 if kind == "pharmacy" else 2 for kind in classes]
        assert min(per_unit) * s["draws"] <= s["hours"] <= max(per_unit) * s["draws"]
    assert {s["hours"] / s["draws"] for s in made["strata"]} >= {0.5, 2}
    assert made["forecast"]["hours"] == pytest.approx(sum(s["hours"] for s in made["strata"]))
    said = designed(
        scored_home, "--capacity", 200, "--quotas", path, "--random-share", "0.3"
    ).output
    assert "third [of] pharmacies" in said
    assert "can't draw this design yet" in said


def test_a_shortfall_is_shown_with_the_capacity_that_helps(
    scored_home: Path, tmp_path: Path
) -> None:
    path = _quotas(tmp_path, _share("pharmacies", "0.3"))
    words = ("--quotas", path, "--random-share", "0.3")
    made = record_of(scored_home, *words, "--capacity", 60, code=1)
    (quota,) = made["quotas"]
    assert not quota["met"]
    assert quota["expected"] < quota["required"]
    assert quota["capacity_needed"] > 60
    assert made["quota_conflict"][0]["code"] == "QUOTA_CAPACITY"
    assert not any(
        p["quotas_fit"] for p in made["frontier"] if p["random_share"] == made["random_share"]
    )
    for lang, word in (("en", "cannot be met"), ("zh", "无法满足配额")):
        got = designed(scored_home, *words, "--capacity", 60, "--lang", lang)
        assert (got.exit_code, word in got.output) == (1, True)
        assert f"{quota['capacity_needed']:,}" in got.output
    enough = round(quota["capacity_needed"] * 1.5)
    assert record_of(scored_home, *words, "--capacity", enough)["quotas"][0]["met"]


def test_a_wanted_precision_gives_the_smallest_size_that_reaches_it(scored_home: Path) -> None:
    words = ("--allocation", "neyman", "--random-share", "0.3")
    usual = record_of(scored_home, *words, "--capacity", 100)
    wanted = usual["forecast"]["half_width"] * 0.6
    made = record_of(scored_home, *words, "--precision", f"{wanted / 100:.2f}")
    size = made["sample_size"]["units"]
    assert made["capacity"] == size > 100
    assert made["forecast"]["half_width"] <= made["sample_size"]["half_width"]
    less = record_of(scored_home, *words, "--capacity", size - 1)["forecast"]["half_width"]
    assert less > made["sample_size"]["half_width"]
    assert made["sample_size"]["simple_units"] > size
    share = 100 * wanted / made["predicted_total"]
    both = record_of(scored_home, *words, "--precision", f"{share:.6f}%", "--capacity", 100)
    assert (both["capacity"], both["sample_size"]["units"]) == (100, pytest.approx(size, abs=1))


def test_nothing_is_written_but_the_record_and_it_says_so(
    scored_home: Path, tmp_path: Path
) -> None:
    before = {p: p.stat().st_mtime_ns for p in scored_home.rglob("*") if p.is_file()}
    out = tmp_path / "new" / "design.json"
    words = ("--capacity", 60, "--out", out)
    english, chinese = designed(scored_home, *words), designed(scored_home, *words, "--lang", "zh")
    assert (english.exit_code, chinese.exit_code) == (0, 0)
    assert "nothing is drawn, nothing is sealed" in english.output
    assert "未抽取，也未封存" in chinese.output
    assert "◂ recommended" in english.output
    assert "◂ 推荐" in chinese.output
    for said in (english.output, chinese.output):
        assert "¥" in said
        assert "clm_" not in said
        assert "--capacity 60" in " ".join(said.split())
    assert json.loads(out.read_text("utf-8")) == record_of(scored_home, "--capacity", 60)
    assert [p.name for p in out.parent.iterdir()] == ["design.json"]
    assert {p: p.stat().st_mtime_ns for p in scored_home.rglob("*") if p.is_file()} == before


def test_before_any_verdict_only_coverage_is_foreseen(scored_home: Path) -> None:
    made = record_of(scored_home, "--unit", "institution", "--capacity", 6)
    assert made["forecast"]["recovery"] is None
    assert made["recommended"] == "0.3"
    assert (
        "no verdict yet" in designed(scored_home, "--unit", "institution", "--capacity", 6).output
    )
    persons = designed(scored_home, "--unit", "insured", "--lang", "zh").output
    assert "尚无检查结论" in persons
    assert "覆盖机构" not in persons
    error = refusal_of(scored_home, "--unit", "institution", "--precision", "5000")
    assert "jihe train" in error.text("en")
    assert "检查结论" in error.text("zh")


def test_all_faults_of_the_options_are_told_at_once(scored_home: Path, tmp_path: Path) -> None:
    error = refusal_of(
        scored_home, "--capacity", "none", "--random-share", "0", "--allocation", "cost",
        "--band", "red", "--precision", "-5",
    )  # fmt: skip
    assert isinstance(error, WishError)
    assert [f.code for f in error.faults] == [
        "CAPACITY_TEXT", "SHARE", "WISH_PRECISION", "WISH_CHOICE", "WISH_HOURS",
    ]  # fmt: skip
    assert all(f.en and f.zh for f in error.faults)
    assert "neyman" in refusal_of(scored_home, "--allocation", "best").text("zh")
    assert isinstance(refusal_of(scored_home, "--by", "colour"), DesignError)
    assert "999999999" in refusal_of(scored_home, "--capacity", 999999999).text("en")
    path = _quotas(tmp_path, '[[quota]]\nname = "x"\nof = "institutions"\nwithin_years = 3\n')
    assert "--unit claim" in refusal_of(scored_home, "--unit", "insured", "--quotas", path).text(
        "zh"
    )
    path = _quotas(tmp_path, _share("moon", "0.3", kind="moon"))
    assert isinstance(refusal_of(scored_home, "--quotas", path), QuotaError)


def test_a_point_that_cannot_be_drawn_says_why(
    scored_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan_proposals.plan_design

    def narrow(units: Any, options: Any, hours: Any) -> Any:
        if options.random_share > Decimal("0.6"):
            raise DesignError([Fault("X", "Too random [here].", "过于随机。")])
        return made(units, options, hours)

    monkeypatch.setattr(plan_proposals, "plan_design", narrow)
    got = designed(scored_home, "--capacity", 60)
    assert got.exit_code == 0, got.exception
    assert "‡ 90 % at random: Too random [here]." in got.output
    record = record_of(scored_home, "--capacity", 60)
    assert [p["forecast"] is None for p in record["frontier"]] == [True] * 3 + [False] * 6
    assert Decimal(record["recommended"]) <= Decimal("0.5")
    assert "Too random" in refusal_of(scored_home, "--capacity", 60, "--random-share", "0.9").text(
        "en"
    )
    assert isinstance(refusal_of(scored_home, "--capacity", 1), DesignError)


def test_strata_and_shares_are_named_for_people() -> None:
    assert stratum_name("pharmacy/none/long_ago/v1-v2", "en").endswith(
        "inspected long ago, amount band 1 to amount band 2"
    )
    assert "从未检查" in stratum_name("pharmacy/none/990101/never/b1", "zh")
    assert "990101" in stratum_name("pharmacy/none/990101/never/b1", "zh")
    assert [percent(Decimal(x)) for x in ("1", "0.3", "0.125")] == ["100 %", "30 %", "12.5 %"]
