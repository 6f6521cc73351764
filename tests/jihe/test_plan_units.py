"""The units a plan is made from: what was known before the day, at stake, and inspected last."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims.store import open_store
from jihe.plan_units import PlanUnitsError, plannable
from tests.jihe.scored_county import DAY, VERSIONS, live_claims, refusal_of, scores_of


def test_the_units_are_the_live_claims_with_what_a_verdict_can_call_back(scored_home: Path) -> None:
    found = plannable(scored_home, "claim")
    rows = {r["claim_id"]: r for r in open_store(scored_home).read("claims").to_pylist()}
    live = [row["claim_id"] for row in live_claims(scored_home)]
    assert 0 < len(live) < sum(row["reversed_at"] is None for row in rows.values())
    assert found.units.unit_ids.to_pylist() == live
    stakes = [max(0, rows[i]["fund_amount"] + (rows[i]["account_amount"] or 0)) for i in live]
    assert found.units.size_minor.tolist() == stakes
    assert found.units.facts["institution_id"].to_pylist() == [
        rows[i]["institution_id"] for i in live
    ]
    assert (found.day, found.currency) == (DAY, "CNY")
    assert found.score_version == {**VERSIONS, "as_of_date": DAY}


def test_a_unit_of_institutions_holds_its_claims_money_and_its_register(scored_home: Path) -> None:
    units = plannable(scored_home, "institution").units
    sums: dict[str, int] = {}
    for row in live_claims(scored_home):
        name = row["institution_id"]
        sums[name] = sums.get(name, 0) + row["fund_amount"] + (row["account_amount"] or 0)
    assert units.size_minor.tolist() == [max(0, sums[i]) for i in units.unit_ids.to_pylist()]
    assert units.model is None
    register = {
        r["institution_id"]: r for r in open_store(scored_home).read("institutions").to_pylist()
    }
    for name, kind in zip(
        units.unit_ids.to_pylist(), units.facts["institution_class"].to_pylist(), strict=True
    ):
        assert kind == (register[name]["institution_class"] if name in register else "unknown")


def test_the_last_inspection_before_the_day_counts(scored_home: Path) -> None:
    last: dict[str, date] = {}
    for row in open_store(scored_home).read("inspection_history").to_pylist():
        name, when = row["institution_id"], row["inspected_on"]
        if name is not None and when is not None and when < DAY:
            last[name] = max(when, last.get(name, when))
    assert last
    assert plannable(scored_home, "claim").last_seen == last


def test_frame_from_leaves_out_what_was_known_before_that_local_day(scored_home: Path) -> None:
    live = live_claims(scored_home)
    zone = ZoneInfo(str(open_store(scored_home).meta["time_zone"]))
    days = sorted(r["known_at"].astimezone(zone).date() for r in live)
    border = days[len(days) // 2]
    found = plannable(scored_home, "claim", border)
    assert len(found.units) == sum(day >= border for day in days)
    assert found.units.model is not None
    assert len(found.units.model) == len(found.units)
    with pytest.raises(PlanUnitsError, match="name an earlier day") as error:
        plannable(scored_home, "claim", date(2029, 1, 1))
    assert "更早的日期" in error.value.text("zh")


def test_a_reversal_takes_nothing_from_the_institution_or_person_it_was_paid_to(
    scored_home: Path,
) -> None:
    """The reversed claim is left out already; its negative row would take the money off again."""
    rows = open_store(scored_home).read("claims").to_pylist()
    back = [row for row in rows if row["reverses_claim_id"] is not None]
    assert any(row["fund_amount"] + (row["account_amount"] or 0) < 0 for row in back)
    whole = sum(
        row["fund_amount"] + (row["account_amount"] or 0) for row in live_claims(scored_home)
    )
    for unit in ("institution", "insured"):
        found = plannable(scored_home, unit).units
        assert int(found.size_minor.sum()) == whole
        assert not set(found.unit_ids.to_pylist()) & {row["claim_id"] for row in back}


def test_an_institution_is_known_with_all_its_claims_just_before_the_day(scored_home: Path) -> None:
    """As a run and ``jihe plan seal`` have it: no day before that of the scores leaves one out."""
    for unit in ("institution", "insured"):
        all_of = plannable(scored_home, unit).units.unit_ids
        last = plannable(scored_home, unit, date(2029, 12, 31)).units.unit_ids
        assert last.equals(all_of)
        with pytest.raises(PlanUnitsError, match="name an earlier day"):
            plannable(scored_home, unit, DAY)


def test_what_becomes_known_on_the_day_or_later_is_not_there_yet(
    scored_home: Path, tmp_path: Path
) -> None:
    """On the day of a reversal the claim still stands; on the day of an inspection nobody came."""
    copied = Path(shutil.copytree(scored_home, tmp_path / "home", symlinks=True))
    zone = ZoneInfo(str(open_store(scored_home).meta["time_zone"]))
    moments = [
        (row["known_at"].astimezone(zone).date(), row["reversed_at"].astimezone(zone).date())
        for row in open_store(scored_home).read("claims").to_pylist()
        if row["reversed_at"] is not None
    ]  # fmt: skip
    reversal = max(end for known, end in moments if known < end)
    past = open_store(scored_home).read("inspection_history").to_pylist()
    inspection = max(row["inspected_on"] for row in past if row["inspected_on"] is not None)
    for day in (reversal, inspection):
        pq.write_table(scores_of(scored_home, day), copied / "scores.parquet")
        found = plannable(copied, "claim")
        live = live_claims(scored_home, day)
        assert found.day == day
        assert found.units.unit_ids.to_pylist() == [row["claim_id"] for row in live]
        assert max(found.last_seen.values()) < day
        kinds = dict(zip(found.units.facts["institution_id"].to_pylist(),
                         found.units.facts["rotation"].to_pylist(), strict=True))  # fmt: skip
        for name, kind in kinds.items():
            assert (kind == "never") == (name not in found.last_seen)


def test_scores_that_are_missing_or_of_another_store_are_refused(
    scored_home: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(scored_home, tmp_path / "home", symlinks=True))
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
    assert "jihe run" in refusal_of(copied).text("en")
    assert "没有" in refusal_of(copied).text("zh")
