"""The lists: what they hold, that no text becomes a formula, that inspectors stay blind."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy import stats

from sampling.columns import ListError, neutral
from sampling.drawing.cases import number_cases
from sampling.drawing.draw import draw
from sampling.lists import write_inspector_list, write_planner_lists

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
STARTS = st.sampled_from(list("=+-@\t\r\n\0＝＋－＠'\u3000 \ufeff\u200b")).map(str)
RISKY = st.builds(lambda a, b, c: a + b + c, STARTS, STARTS, TEXT)


def _csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def _xlsx(path: Path) -> list[list[object]]:
    book = openpyxl.load_workbook(path)
    rows = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    book.close()
    return rows


def test_list_csv_is_for_machines(sealed: SimpleNamespace) -> None:
    raw = (sealed.folder / "list.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfcase,plan_id,unit,unit_id,stratum,tag,")
    assert raw.count(b"\r\n") == raw.count(b"\n") == 91
    rows = _csv(sealed.folder / "list.csv")
    assert [r["case"] for r in rows] == sorted(sealed.plan.cases)
    size = dict(zip(sealed.town.unit_ids, sealed.town.size_minor.tolist(), strict=True))
    for row in rows:
        minor = size[row["unit_id"]]
        assert row["size"] == row["total_amount"] == f"{minor // 100}.{minor % 100:02d}"
        assert float(row["inclusion_prob"]) == int(row["stratum_draws"]) / int(row["stratum_size"])
        assert row["rank_by"] == "anomaly_score"
        assert row["risk_score"] == row["disposition"] == row["inspectors"] == ""
    assert list(rows[0])[-5:] == [
        "disposition", "overpaid_amount", "reason", "inspected_on", "inspectors",
    ]  # fmt: skip


def test_list_xlsx_is_for_people(sealed: SimpleNamespace) -> None:
    book = openpyxl.load_workbook(sealed.folder / "list.xlsx")
    page = book["list"]
    header = [c.value for c in page[1]]
    assert header[:6] == ["Case", "Plan", "Unit", "Unit id", "Stratum", "Selected by"]
    assert header[-5:] == [
        "Disposition", "Overpaid amount", "Reason", "Inspected on", "Inspectors",
    ]  # fmt: skip
    assert len(set(header)) == len(header)
    assert page.freeze_panes == "B2"
    kinds = {v.type: str(v.sqref) for v in page.data_validations.dataValidation}
    assert set(kinds) == {"list", "decimal", "date"}
    assert all(area.endswith("91") for area in kinds.values())
    choices = [c.value for c in book["choices"]["A"]]
    assert "recovery: money paid back" in choices
    assert len(choices) == 12
    assert "There are no verdicts yet: the rank is by anomaly score." in [
        c.value for c in book["about"]["A"]
    ]
    amount = page.cell(2, header.index("Size") + 1)
    assert isinstance(amount.value, int | float)
    assert amount.number_format == "#,##0.00"
    book.close()


def test_chinese_labels(sealed: SimpleNamespace, tmp_path: Path) -> None:
    plan = sealed.plan
    write_planner_lists(
        plan.draws, plan.cases, sealed.town.planner, tmp_path, lang="zh", drawn_on=plan.drawn_on
    )
    rows = _xlsx(tmp_path / "list.xlsx")
    assert rows[0][:6] == ["案件编号", "计划编号", "对象类型", "对象编号", "层", "抽取方式"]
    assert {r[5] for r in rows[1:]} == {"随机", "风险", "全查"}
    assert (tmp_path / "list.csv").read_bytes() == (sealed.folder / "list.csv").read_bytes()


def test_same_input_same_bytes_whatever_the_order(sealed: SimpleNamespace, tmp_path: Path) -> None:
    plan, town = sealed.plan, sealed.town
    order = np.random.default_rng(5).permutation(len(town.unit_ids))
    mixed = town.planner.take(pa.array(order))
    write_planner_lists(plan.draws, plan.cases, mixed, tmp_path, lang="en", drawn_on=plan.drawn_on)
    write_inspector_list(
        plan.draws, plan.cases, town.facts.take(pa.array(order)), tmp_path, lang="zh",
        drawn_on=plan.drawn_on,
    )  # fmt: skip
    for name in ("list.csv", "list.xlsx", "inspectors.xlsx"):
        assert (tmp_path / name).read_bytes() == (sealed.folder / name).read_bytes(), name


def test_a_pandas_table_will_do(sealed: SimpleNamespace, tmp_path: Path) -> None:
    plan = sealed.plan
    planner = pd.DataFrame({"unit_id": sealed.town.unit_ids, "risk_score": 0.25, "ward": "7"})
    write_planner_lists(
        plan.draws, plan.cases, planner, tmp_path, lang="en", drawn_on=plan.drawn_on
    )
    row = _csv(tmp_path / "list.csv")[0]
    assert (row["risk_score"], row["ward"], row["rank_by"]) == ("0.25", "7", "risk_score")


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(TEXT, RISKY))
@example("=1+1")
@example("  =1+1")
@example("＝1+1")
@example("\u3000＋1")
@example("\t=1")
@example("\0=1")
@example("\ufeff@SUM(1)")
@example("-2")
def test_no_text_begins_a_formula(text: str) -> None:
    safe = neutral(text)
    first = re.sub(r"^[\s\u200b\ufeff\u3000]+", "", safe)[:1]
    assert first not in set("=+-@＝＋－＠")
    assert safe[:1] not in set("\t\r\n\0")
    assert safe.endswith(text[1:]) or "\ufffd" in safe or safe == "'" + text


def test_harmless_text_stays() -> None:
    for text in ("", "a=b", "重复收费 -3", "P0001-0007", "1-2", "'quoted"):
        assert neutral(text) == text


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(st.one_of(TEXT, RISKY), min_size=4, max_size=4))
def test_no_formula_in_any_export(texts: list[str], tmp_path: Path, town: SimpleNamespace) -> None:
    """Texts go into every text cell, numbers beside them; both files are read again."""
    drawn = draw(town.frame, town.design, bytes(32), "P0001").slice(0, 4)
    cases = number_cases(drawn, bytes(32))
    rows = pa.table({
        "unit_id": drawn["unit_id"], "note": pa.array(texts, pa.string()),
        "delta": pa.array([-1.5, 2.0, -3.25, 0.0]), "change": pa.array([-5, 7, -9, 0]),
        "total_amount": pa.array([-100, 250, 0, 3], pa.int64()),
    })  # fmt: skip
    day = date(2026, 3, 1)
    write_planner_lists(drawn, cases, rows, tmp_path, lang="zh", drawn_on=day)
    write_inspector_list(drawn, cases, rows, tmp_path, lang="zh", drawn_on=day)
    for row in _csv(tmp_path / "list.csv"):
        for name, cell in row.items():
            if name not in {"delta", "change", "total_amount"}:
                assert cell[:1] not in set("=+-@\t\r\n\0"), (name, cell)
        assert float(row["delta"]) in {-1.5, 2.0, -3.25, 0.0}
        assert int(row["change"]) in {-5, 7, -9, 0}
        assert float(row["total_amount"]) in {-1.0, 2.5, 0.0, 0.03}
    for name in ("list.xlsx", "inspectors.xlsx"):
        book = openpyxl.load_workbook(tmp_path / name)
        cells = [c for page in book.worksheets for row in page.iter_rows() for c in row]
        assert [c.value for c in cells if c.data_type == "f"] == []
        header = [c.value for c in book.worksheets[0][1]]
        at = header.index("delta")
        numbers = [row[at] for row in _xlsx(tmp_path / name)[1:]]
        assert sorted(numbers) == [-3.25, -1.5, 0, 2]
        book.close()


def _archive_text(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return "\n".join(archive.read(n).decode() for n in archive.namelist())


def test_the_inspectors_list_tells_nothing(sealed: SimpleNamespace) -> None:
    """Neither in a cell nor anywhere else in the archive."""
    rows = _xlsx(sealed.folder / "inspectors.xlsx")
    assert rows[0] == [
        "案件编号", "对象类型", "对象编号", "医疗费总额", "机构类别", "检查清单", "处理结果",
        "多付金额", "理由", "检查日期", "检查人员",
    ]  # fmt: skip
    assert [r[0] for r in rows[1:]] == sorted(sealed.plan.cases)
    assert all(r[6:] == [None] * 5 for r in rows[1:])
    assert len({r[5] for r in rows[1:]}) == 1
    text = _archive_text(sealed.folder / "inspectors.xlsx")
    draws = sealed.plan.draws
    forbidden = set(draws["stratum"].to_pylist()) | set(draws["random_number"].to_pylist())
    forbidden |= {"take_all", "take-all", "全查", "风险", "anomaly", "异常分", "inclusion"}
    forbidden |= {"large amount for its class", "risk"}
    forbidden |= {repr(v) for v in sealed.town.planner["anomaly_score"].to_pylist()}
    assert [word for word in forbidden if word in text] == []


@pytest.mark.parametrize(
    "name",
    ["tag", "stratum", "stratum_size", "inclusion_prob", "random_number", "risk_rank",
     "risk_score", "anomaly_score", "expected_amount", "reasons", "reason", "final_weight",
     "model_version", "reason_code", "contribution", "channel", "disposition"],
)  # fmt: skip
def test_telling_columns_are_refused(sealed: SimpleNamespace, tmp_path: Path, name: str) -> None:
    plan = sealed.plan
    facts = sealed.town.facts.append_column(name, pa.array(["x"] * 600))
    with pytest.raises(ListError, match=f"Column '{name}' may not stand"):
        write_inspector_list(
            plan.draws, plan.cases, facts, tmp_path, lang="zh", drawn_on=plan.drawn_on
        )
    assert not (tmp_path / "inspectors.xlsx").exists()


def test_a_stratum_hidden_in_a_fact_is_refused(sealed: SimpleNamespace, tmp_path: Path) -> None:
    plan = sealed.plan
    strata = dict(zip(plan.draws["unit_id"].to_pylist(), plan.draws["stratum"].to_pylist(),
                      strict=True))  # fmt: skip
    ward = [strata.get(u, "-") for u in sealed.town.unit_ids]
    facts = sealed.town.facts.append_column("ward", pa.array(ward))
    with pytest.raises(ListError, match="Column 'ward'"):
        write_inspector_list(
            plan.draws, plan.cases, facts, tmp_path, lang="zh", drawn_on=plan.drawn_on
        )


def _tag_order_p(draws: pa.Table, place: list[int]) -> float:
    """Return how surprising it is that the take-all cases stand where they stand."""
    tags = draws["tag"].to_pylist()
    head = [p for p, t in zip(place, tags, strict=True) if t == "take_all"]
    others = [p for p, t in zip(place, tags, strict=True) if t == "random"]
    return float(stats.mannwhitneyu(head, others).pvalue)


def test_the_order_of_the_cases_says_nothing_about_risk(town: SimpleNamespace) -> None:
    """Over 40 seeds the order of drawing numbers betrays the head, that of cases does not."""
    by_case, by_number = [], []
    for i in range(40):
        seed = bytes([i]) * 32
        drawn = draw(town.frame, town.design, seed, "P0001")
        cases = [int(c.split("-")[1]) for c in number_cases(drawn, seed)]
        assert sorted(cases) == list(range(1, 91))
        by_case.append(_tag_order_p(drawn, cases))
        numbers = [int(n, 16) for n in drawn["random_number"].to_pylist()]
        by_number.append(_tag_order_p(drawn, numbers))
    assert min(by_case) > 0.001 / 40
    assert np.median(by_number) < 0.001


def test_missing_and_doubled_rows_are_all_named(sealed: SimpleNamespace, tmp_path: Path) -> None:
    plan, planner = sealed.plan, sealed.town.planner
    drawn = set(plan.draws["unit_id"].to_pylist())
    lacking = planner.filter(pa.array([u not in drawn for u in sealed.town.unit_ids]))
    twice = pa.concat_tables([lacking, lacking.slice(0, 1)])
    with pytest.raises(ListError) as caught:
        write_planner_lists(
            plan.draws, plan.cases, twice, tmp_path, lang="en", drawn_on=plan.drawn_on
        )
    assert len(caught.value.faults) == 91
    with pytest.raises(ListError, match="rename yours"):
        write_planner_lists(
            plan.draws, plan.cases, planner.append_column("reason", planner["reasons"]), tmp_path,
            lang="en", drawn_on=plan.drawn_on,
        )  # fmt: skip
    assert list(tmp_path.glob("list*")) == []


def test_a_wrong_kind_of_column_is_named(sealed: SimpleNamespace, tmp_path: Path) -> None:
    plan = sealed.plan
    planner = pa.table({
        "unit_id": sealed.town.unit_ids, "total_amount": [1.5] * 600, "nested": [[1]] * 600,
    })  # fmt: skip
    with pytest.raises(ListError) as caught:
        write_planner_lists(
            plan.draws, plan.cases, planner, tmp_path, lang="en", drawn_on=plan.drawn_on
        )
    assert [f.column for f in caught.value.faults] == ["total_amount", "nested"]
