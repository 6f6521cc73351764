"""``jihe plan design`` and the units it plans from, on a small county with given scores."""

from __future__ import annotations

import json
import math
import random
import shutil
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from claims.contracts import table
from claims.load import load
from claims.mapping import source_mapping
from claims.store import open_store
from jihe import plan_proposals
from jihe.cli import app
from jihe.plan_design_words import percent
from jihe.plan_report_words import stratum_name
from jihe.plan_units import PlanUnitsError, plannable
from jihe.plan_wishes import WishError
from sampling.design import DesignError
from sampling.faults import Fault, SamplingError
from sampling.frame import frame_hash
from sampling.planning.quota_file import QuotaError
from sampling.planning.stratify import design_plan

DAY = date(2030, 1, 1)
VERSIONS = {"model_version": "m1", "rules_version": "r1", "catalogue_version": "c1"}


def _score(unit: str, ids: list[str], *, judged: bool) -> pa.Table:
    """A score per unit: the k-th has chance 1 / (k + 2) and an amount that falls with it."""
    count = len(ids)
    chance = [1 / (k + 2) for k in range(count)]
    columns: dict[str, Any] = {
        "unit": [unit] * count, "unit_id": ids, "as_of_date": [DAY] * count,
        "anomaly_score": chance, "risk_score": chance if judged else [None] * count,
        "expected_amount": [round(50_000 * p) for p in chance] if judged else [None] * count,
        "risk_rank": list(range(1, count + 1)), "tie_seed": [0] * count,
        **{name: [value] * count for name, value in VERSIONS.items()},
    }  # fmt: skip
    return table("scores").conform(pa.table(columns, schema=table("scores").schema))


def _scores(home: Path, day: date = DAY) -> pa.Table:
    live = _live(home, day)
    parts = [
        _score(unit, sorted({row[f"{unit}_id"] for row in live}), judged=unit == "claim")
        for unit in ("claim", "institution", "insured")
    ]
    whole = pa.concat_tables(parts)
    place = whole.column_names.index("as_of_date")
    return whole.set_column(place, "as_of_date", pa.array([day] * whole.num_rows, pa.date32()))


@pytest.fixture(scope="module")
def home(county: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The county loaded; claims scored by a model, institutions and persons before any verdict."""
    root = tmp_path_factory.mktemp("designs") / "home"
    load(source_mapping("nhsa"), county, root)
    pq.write_table(_scores(root), root / "scores.parquet")
    return root


def _live(home: Path, day: date = DAY) -> list[dict[str, Any]]:
    """The claims that a run scores: known before the day, not reversed then, and no reversals."""
    zone = ZoneInfo(str(open_store(home).meta["time_zone"]))
    start = datetime.combine(day, time(), zone)
    return [
        row for row in open_store(home).read("claims").sort_by("claim_id").to_pylist()
        if row["reverses_claim_id"] is None and row["known_at"] < start
        and (row["reversed_at"] is None or row["reversed_at"] >= start)
    ]  # fmt: skip


def _run(home: Path, *words: object) -> Result:
    told = ["plan", "design", "--home", home, *words]
    return CliRunner().invoke(app, [str(word) for word in told])


def _record(home: Path, *words: object, code: int = 0) -> dict[str, Any]:
    got = _run(home, *words, "--format", "json")
    assert got.exit_code == code, got.exception
    record: dict[str, Any] = json.loads(got.output)
    return record


def _refused(home: Path, *words: object) -> SamplingError:
    error = _run(home, *words).exception
    assert isinstance(error, SamplingError), error
    return error


def _quotas(tmp_path: Path, *tables: str) -> Path:
    path = tmp_path / "quotas.toml"
    path.write_text("\n".join(tables), encoding="utf-8")
    return path


def _share(name: str, share: str, of: str = "units", kind: str = "pharmacy") -> str:
    return (
        f'[[quota]]\nname = "{name}"\nof = "{of}"\nshare = "{share}"\n'
        f'where = {{ institution_class = ["{kind}"] }}\n'
    )


def test_the_units_are_the_live_claims_with_what_a_verdict_can_call_back(home: Path) -> None:
    found = plannable(home, "claim")
    rows = {r["claim_id"]: r for r in open_store(home).read("claims").to_pylist()}
    live = [row["claim_id"] for row in _live(home)]
    assert 0 < len(live) < sum(row["reversed_at"] is None for row in rows.values())
    assert found.units.unit_ids.to_pylist() == live
    stakes = [max(0, rows[i]["fund_amount"] + (rows[i]["account_amount"] or 0)) for i in live]
    assert found.units.size_minor.tolist() == stakes
    assert found.units.facts["institution_id"].to_pylist() == [
        rows[i]["institution_id"] for i in live
    ]
    assert (found.day, found.currency) == (DAY, "CNY")
    assert found.score_version == {**VERSIONS, "as_of_date": DAY}


def test_a_unit_of_institutions_holds_its_claims_money_and_its_register(home: Path) -> None:
    units = plannable(home, "institution").units
    sums: dict[str, int] = {}
    for row in _live(home):
        name = row["institution_id"]
        sums[name] = sums.get(name, 0) + row["fund_amount"] + (row["account_amount"] or 0)
    assert units.size_minor.tolist() == [max(0, sums[i]) for i in units.unit_ids.to_pylist()]
    assert units.model is None
    register = {r["institution_id"]: r for r in open_store(home).read("institutions").to_pylist()}
    for name, kind in zip(
        units.unit_ids.to_pylist(), units.facts["institution_class"].to_pylist(), strict=True
    ):
        assert kind == (register[name]["institution_class"] if name in register else "unknown")


def test_the_last_inspection_before_the_day_counts(home: Path) -> None:
    last: dict[str, date] = {}
    for row in open_store(home).read("inspection_history").to_pylist():
        name, when = row["institution_id"], row["inspected_on"]
        if name is not None and when is not None and when < DAY:
            last[name] = max(when, last.get(name, when))
    assert last
    assert plannable(home, "claim").last_seen == last


def test_frame_from_leaves_out_what_was_known_before_that_local_day(home: Path) -> None:
    live = _live(home)
    zone = ZoneInfo(str(open_store(home).meta["time_zone"]))
    days = sorted(r["known_at"].astimezone(zone).date() for r in live)
    border = days[len(days) // 2]
    found = plannable(home, "claim", border)
    assert len(found.units) == sum(day >= border for day in days)
    assert found.units.model is not None
    assert len(found.units.model) == len(found.units)
    with pytest.raises(PlanUnitsError, match="name an earlier day") as error:
        plannable(home, "claim", date(2029, 1, 1))
    assert "更早的日期" in error.value.text("zh")


def test_a_reversal_takes_nothing_from_the_institution_or_person_it_was_paid_to(
    home: Path,
) -> None:
    """The reversed claim is left out already; its negative row would take the money off again."""
    rows = open_store(home).read("claims").to_pylist()
    back = [row for row in rows if row["reverses_claim_id"] is not None]
    assert any(row["fund_amount"] + (row["account_amount"] or 0) < 0 for row in back)
    whole = sum(row["fund_amount"] + (row["account_amount"] or 0) for row in _live(home))
    for unit in ("institution", "insured"):
        found = plannable(home, unit).units
        assert int(found.size_minor.sum()) == whole
        assert not set(found.unit_ids.to_pylist()) & {row["claim_id"] for row in back}


def test_an_institution_is_known_with_all_its_claims_just_before_the_day(home: Path) -> None:
    """As a run and ``jihe plan seal`` have it: no day before that of the scores leaves one out."""
    for unit in ("institution", "insured"):
        all_of = plannable(home, unit).units.unit_ids
        last = plannable(home, unit, date(2029, 12, 31)).units.unit_ids
        assert last.equals(all_of)
        with pytest.raises(PlanUnitsError, match="name an earlier day"):
            plannable(home, unit, DAY)


def test_what_becomes_known_on_the_day_or_later_is_not_there_yet(
    home: Path, tmp_path: Path
) -> None:
    """On the day of a reversal the claim still stands; on the day of an inspection nobody came."""
    copied = Path(shutil.copytree(home, tmp_path / "home", symlinks=True))
    zone = ZoneInfo(str(open_store(home).meta["time_zone"]))
    moments = [
        (row["known_at"].astimezone(zone).date(), row["reversed_at"].astimezone(zone).date())
        for row in open_store(home).read("claims").to_pylist() if row["reversed_at"] is not None
    ]  # fmt: skip
    reversal = max(end for known, end in moments if known < end)
    past = open_store(home).read("inspection_history").to_pylist()
    inspection = max(row["inspected_on"] for row in past if row["inspected_on"] is not None)
    for day in (reversal, inspection):
        pq.write_table(_scores(home, day), copied / "scores.parquet")
        found = plannable(copied, "claim")
        live = _live(home, day)
        assert found.day == day
        assert found.units.unit_ids.to_pylist() == [row["claim_id"] for row in live]
        assert max(found.last_seen.values()) < day
        kinds = dict(zip(found.units.facts["institution_id"].to_pylist(),
                         found.units.facts["rotation"].to_pylist(), strict=True))  # fmt: skip
        for name, kind in kinds.items():
            assert (kind == "never") == (name not in found.last_seen)


def test_scores_that_are_missing_or_of_another_store_are_refused(
    home: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(home, tmp_path / "home", symlinks=True))
    scores = pq.read_table(copied / "scores.parquet")
    pq.write_table(scores.slice(1), copied / "scores.parquet")
    assert plannable(copied, "claim").units.unit_ids.to_pylist() == sorted(
        i for i, u in zip(*(scores.slice(1)[c].to_pylist() for c in ("unit_id", "unit")),
                          strict=True) if u == "claim"
    )  # fmt: skip
    strange = scores.slice(0, 1).to_pylist()[0] | {"unit_id": "clm_of_elsewhere"}
    more = pa.Table.from_pylist([strange], schema=scores.schema)
    pq.write_table(pa.concat_tables([scores, more]), copied / "scores.parquet")
    with pytest.raises(PlanUnitsError, match="other claims than its store") as error:
        plannable(copied, "claim")
    assert "clm_of_elsewhere" not in str(error.value)
    (copied / "scores.parquet").unlink()
    assert "jihe run" in _refused(copied).text("en")
    assert "没有" in _refused(copied).text("zh")


def test_a_design_by_bands_is_what_a_run_draws_and_its_figures_add_up(home: Path) -> None:
    """The expected recovery is sum pi_k e_k, worked out from the frame that a run would freeze."""
    made = _record(home, "--capacity", 120, "--random-share", "0.40")
    units = plannable(home, "claim").units
    frame, design = design_plan(
        "claim", units.unit_ids, units.risk_rank, units.facts["institution_class"],
        units.facts["level"], units.size_minor, capacity=120, random_share="0.4",
    )  # fmt: skip
    assert made["frame"] == {"units": len(units), "sha256": frame_hash(frame)}
    assert [(s["stratum"], s["units"], s["draws"], s["floor"]) for s in made["strata"]] == [
        (s.name, s.units, s.draws, s.floor) for s in design.strata
    ]
    rate = {s.name: s.draws / s.units for s in design.strata}
    scores = pq.read_table(home / "scores.parquet").slice(0, len(units)).to_pylist()
    amount = {row["unit_id"]: row["expected_amount"] for row in scores}
    chance = {row["unit_id"]: row["risk_score"] for row in scores}
    drawn = dict(zip(frame.unit_ids.to_pylist(), frame.strata.to_pylist(), strict=True))
    recovery = math.fsum(rate[stratum] * amount[unit] for unit, stratum in drawn.items())
    findings = math.fsum(rate[stratum] * chance[unit] for unit, stratum in drawn.items())
    assert made["forecast"]["recovery"] == pytest.approx(recovery, rel=1e-9)
    assert made["forecast"]["findings"] == pytest.approx(findings, rel=1e-9)
    assert sum(s["expected_amount"] for s in made["strata"]) == pytest.approx(recovery, rel=1e-9)
    assert made["predicted_total"] == pytest.approx(sum(amount.values()))


def test_the_dial_runs_from_random_to_risk_and_marks_one_point(home: Path) -> None:
    made = _record(home, "--capacity", 120, "--random-share", "0.25")
    shares = [p["random_share"] for p in made["frontier"]]
    assert shares == ["1", "0.9", "0.7", "0.5", "0.4", "0.3", "0.25", "0.2", "0.1", "0.05"]
    recovery = [p["forecast"]["recovery"] for p in made["frontier"]]
    assert recovery[-1] > 3 * recovery[0]
    widths = {p["random_share"]: p["forecast"]["half_width"] for p in made["frontier"]}
    fit = [p for p in made["frontier"] if p["forecast"]["half_width"] <= 1.1 * min(widths.values())]
    best = max(fit, key=lambda p: p["forecast"]["recovery"])
    assert made["recommended"] == best["random_share"]
    assert made["forecast"] == made["frontier"][shares.index("0.25")]["forecast"]
    assert _record(home, "--capacity", 120)["random_share"] == made["recommended"]


def test_rows_in_another_order_give_the_same_record(home: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(home, tmp_path / "home", symlinks=True))
    scores = pq.read_table(copied / "scores.parquet")
    order = list(range(scores.num_rows))
    random.Random(3).shuffle(order)
    pq.write_table(scores.take(np.array(order)), copied / "scores.parquet")
    words = ("--capacity", 90, "--allocation", "neyman", "--random-share", "0.3")
    assert _record(copied, *words) == _record(home, *words)


def test_quotas_that_fit_are_kept(home: Path, tmp_path: Path) -> None:
    path = _quotas(
        tmp_path, _share("third [of] pharmacies", "0.02"),
        '[[quota]]\nname = "rotation"\nof = "institutions"\nwithin_years = 20\n',
        "[hours]\nper_unit = 2\n[hours.by_class]\npharmacy = 0.5\n",
    )  # fmt: skip
    made = _record(home, "--capacity", 200, "--quotas", path, "--random-share", "0.3")
    assert made["quota_conflict"] == []
    assert all(q["met"] and q["expected"] >= q["required"] for q in made["quotas"])
    assert sum(s["draws"] for s in made["strata"]) == 200
    for s in made["strata"]:
        classes = s["stratum"].split("/")[0].split("+")
        per_unit = [0.5 if kind == "pharmacy" else 2 for kind in classes]
        assert min(per_unit) * s["draws"] <= s["hours"] <= max(per_unit) * s["draws"]
    assert {s["hours"] / s["draws"] for s in made["strata"]} >= {0.5, 2}
    assert made["forecast"]["hours"] == pytest.approx(sum(s["hours"] for s in made["strata"]))
    said = _run(home, "--capacity", 200, "--quotas", path, "--random-share", "0.3").output
    assert "third [of] pharmacies" in said
    assert "can't draw this design yet" in said


def test_a_shortfall_is_shown_with_the_capacity_that_helps(home: Path, tmp_path: Path) -> None:
    path = _quotas(tmp_path, _share("pharmacies", "0.3"))
    words = ("--quotas", path, "--random-share", "0.3")
    made = _record(home, *words, "--capacity", 60, code=1)
    (quota,) = made["quotas"]
    assert not quota["met"]
    assert quota["expected"] < quota["required"]
    assert quota["capacity_needed"] > 60
    assert made["quota_conflict"][0]["code"] == "QUOTA_CAPACITY"
    assert not any(
        p["quotas_fit"] for p in made["frontier"] if p["random_share"] == made["random_share"]
    )
    for lang, word in (("en", "cannot be met"), ("zh", "无法满足配额")):
        got = _run(home, *words, "--capacity", 60, "--lang", lang)
        assert (got.exit_code, word in got.output) == (1, True)
        assert f"{quota['capacity_needed']:,}" in got.output
    enough = round(quota["capacity_needed"] * 1.5)
    assert _record(home, *words, "--capacity", enough)["quotas"][0]["met"]


def test_a_wanted_precision_gives_the_smallest_size_that_reaches_it(home: Path) -> None:
    words = ("--allocation", "neyman", "--random-share", "0.3")
    usual = _record(home, *words, "--capacity", 100)
    wanted = usual["forecast"]["half_width"] * 0.6
    made = _record(home, *words, "--precision", f"{wanted / 100:.2f}")
    size = made["sample_size"]["units"]
    assert made["capacity"] == size > 100
    assert made["forecast"]["half_width"] <= made["sample_size"]["half_width"]
    less = _record(home, *words, "--capacity", size - 1)["forecast"]["half_width"]
    assert less > made["sample_size"]["half_width"]
    assert made["sample_size"]["simple_units"] > size
    share = 100 * wanted / made["predicted_total"]
    both = _record(home, *words, "--precision", f"{share:.6f}%", "--capacity", 100)
    assert (both["capacity"], both["sample_size"]["units"]) == (100, pytest.approx(size, abs=1))


def test_nothing_is_written_but_the_record_and_it_says_so(home: Path, tmp_path: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in home.rglob("*") if p.is_file()}
    out = tmp_path / "new" / "design.json"
    words = ("--capacity", 60, "--out", out)
    english, chinese = _run(home, *words), _run(home, *words, "--lang", "zh")
    assert (english.exit_code, chinese.exit_code) == (0, 0)
    assert "nothing is drawn, nothing is sealed" in english.output
    assert "未抽取，也未封存" in chinese.output
    assert "◂ recommended" in english.output
    assert "◂ 推荐" in chinese.output
    for said in (english.output, chinese.output):
        assert "¥" in said
        assert "clm_" not in said
        assert "--capacity 60" in " ".join(said.split())
    assert json.loads(out.read_text("utf-8")) == _record(home, "--capacity", 60)
    assert [p.name for p in out.parent.iterdir()] == ["design.json"]
    assert {p: p.stat().st_mtime_ns for p in home.rglob("*") if p.is_file()} == before


def test_before_any_verdict_only_coverage_is_foreseen(home: Path) -> None:
    made = _record(home, "--unit", "institution", "--capacity", 6)
    assert made["forecast"]["recovery"] is None
    assert made["recommended"] == "0.3"
    assert "no verdict yet" in _run(home, "--unit", "institution", "--capacity", 6).output
    persons = _run(home, "--unit", "insured", "--lang", "zh").output
    assert "尚无检查结论" in persons
    assert "覆盖机构" not in persons
    error = _refused(home, "--unit", "institution", "--precision", "5000")
    assert "jihe train" in error.text("en")
    assert "检查结论" in error.text("zh")


def test_all_faults_of_the_options_are_told_at_once(home: Path, tmp_path: Path) -> None:
    error = _refused(
        home, "--capacity", "none", "--random-share", "0", "--allocation", "cost", "--band", "red",
        "--precision", "-5",
    )  # fmt: skip
    assert isinstance(error, WishError)
    assert [f.code for f in error.faults] == [
        "CAPACITY_TEXT", "SHARE", "WISH_PRECISION", "WISH_CHOICE", "WISH_HOURS",
    ]  # fmt: skip
    assert all(f.en and f.zh for f in error.faults)
    assert "neyman" in _refused(home, "--allocation", "best").text("zh")
    assert isinstance(_refused(home, "--by", "colour"), DesignError)
    assert "999999999" in _refused(home, "--capacity", 999999999).text("en")
    path = _quotas(tmp_path, '[[quota]]\nname = "x"\nof = "institutions"\nwithin_years = 3\n')
    assert "--unit claim" in _refused(home, "--unit", "insured", "--quotas", path).text("zh")
    path = _quotas(tmp_path, _share("moon", "0.3", kind="moon"))
    assert isinstance(_refused(home, "--quotas", path), QuotaError)


def test_a_point_that_cannot_be_drawn_says_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan_proposals.plan_design

    def narrow(units: Any, options: Any, hours: Any) -> Any:
        if options.random_share > Decimal("0.6"):
            raise DesignError([Fault("X", "Too random [here].", "过于随机。")])
        return made(units, options, hours)

    monkeypatch.setattr(plan_proposals, "plan_design", narrow)
    got = _run(home, "--capacity", 60)
    assert got.exit_code == 0, got.exception
    assert "‡ 90 % at random: Too random [here]." in got.output
    record = _record(home, "--capacity", 60)
    assert [p["forecast"] is None for p in record["frontier"]] == [True] * 3 + [False] * 6
    assert Decimal(record["recommended"]) <= Decimal("0.5")
    assert "Too random" in _refused(home, "--capacity", 60, "--random-share", "0.9").text("en")
    assert isinstance(_refused(home, "--capacity", 1), DesignError)


def test_strata_and_shares_are_named_for_people() -> None:
    assert stratum_name("pharmacy/none/long_ago/v1-v2", "en").endswith(
        "inspected long ago, amount band 1 to amount band 2"
    )
    assert "从未检查" in stratum_name("pharmacy/none/990101/never/b1", "zh")
    assert "990101" in stratum_name("pharmacy/none/990101/never/b1", "zh")
    assert [percent(Decimal(x)) for x in ("1", "0.3", "0.125")] == ["100 %", "30 %", "12.5 %"]
