"""``plan estimate`` and ``plan report`` on plans that were sealed, inspected and returned."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jihe import print_pdf
from jihe.estimates import CombineError, combined_estimates, plan_estimates, plans_of_year
from jihe.home import Home
from jihe.plan_report import plan_report_html
from jihe.plan_report_words import texts
from sampling.frame import Frame, make_frame, write_frame
from sampling.ledger import Ledger
from sampling.outcome_rows import Outcome
from sampling.planning.stratify import design_plan
from tests.jihe.command_line import jihe

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VERSIONS = {
    "model_version": "m1", "rules_version": "r1", "catalogue_version": "c1",
    "as_of_date": date(2026, 2, 1),
}  # fmt: skip


def _claims(first: int, count: int, seed: int) -> SimpleNamespace:
    """Claims with amounts, what inspection would find of each, and a score that knows a little."""
    rng = np.random.default_rng(seed)
    size = rng.integers(10_000, 400_000, count)
    chance = np.clip(rng.gamma(0.8, 0.15, count), 0, 0.9)
    kind = rng.choice(["public_hospital", "private_hospital", "pharmacy"], count)
    return SimpleNamespace(
        ids=[f"clm_{first + i:06d}" for i in range(count)], size=size, chance=chance, kind=kind,
        level=np.where(kind == "pharmacy", "none", "2"),
        found=np.where(rng.random(count) < chance, size // 2, 0),
    )  # fmt: skip


def _seal(
    home: Home, claims: SimpleNamespace, seed: int, sealed_at: datetime, *, unit: str = "claim"
) -> str:
    """Seal a plan with its folder, as a run does, and return its number."""
    ranks = np.argsort(np.argsort(-claims.chance)) + 1
    frame, design = design_plan(
        unit, claims.ids, ranks, claims.kind.tolist(), claims.level.tolist(), claims.size,
        capacity=150,
    )  # fmt: skip
    ledger = Ledger(home.ledger_url)
    plan = ledger.create_plan(
        frame, design, bytes([seed]) * 32, KEY, score_version=VERSIONS, sealed_at=sealed_at,
        actor="planner",
    )  # fmt: skip
    ledger.close()
    folder = home.plan(plan.plan_id)
    folder.mkdir(parents=True)
    write_frame(frame, folder / "frame.tsv")
    _scores(claims, folder / "scores.parquet", unit=unit)
    return plan.plan_id


def _scores(claims: SimpleNamespace, path: Path, **changes: object) -> None:
    n = len(claims.ids)
    constant = {"unit": "claim", **VERSIONS, **changes}
    columns = {name: pa.array([value] * n) for name, value in constant.items()}
    columns |= {
        "unit_id": pa.array(claims.ids), "anomaly_score": pa.array(claims.chance),
        "expected_amount": pa.array((claims.chance * claims.size).astype(np.int64)),
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)


def _inspect(home: Home, plan_id: str, claims: SimpleNamespace, missing: int = 0) -> None:
    found = dict(zip(claims.ids, claims.found.tolist(), strict=True))
    ledger = Ledger(home.ledger_url)
    plan = ledger.plan(plan_id)
    rows = []
    for i, (case, row) in enumerate(zip(plan.cases, plan.draws.to_pylist(), strict=True)):
        amount = found[row["unit_id"]]
        kind = "documents_not_received" if i < missing else "recovery" if amount else "dismissed"
        rows.append(Outcome(
            case, row["unit"], row["unit_id"], plan_id, row["tag"], kind,
            amount if kind == "recovery" else None, "seen", date(2026, 4, 1), "A, B",
        ))  # fmt: skip
    ledger.append_outcomes(rows, actor="planner", known_at=datetime(2026, 4, 2, tzinfo=UTC))
    ledger.close()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """P0001 and P0002 over one frame, P0003 over another, P0004 without verdicts."""
    home = Home(tmp_path_factory.mktemp("plans"))
    one, other = _claims(0, 1500, 1), _claims(9000, 900, 2)
    for seed, claims, year in ((1, one, 2026), (2, one, 2026), (3, other, 2026), (4, other, 2027)):
        _seal(home, claims, seed, datetime(year, 3, 1, 9, tzinfo=UTC))
    _inspect(home, "P0001", one, missing=4)
    _inspect(home, "P0002", one)
    _inspect(home, "P0003", other)
    return SimpleNamespace(home=home, one=one, other=other)


@pytest.fixture
def copied(town: SimpleNamespace, tmp_path: Path) -> Home:
    """A copy whose files a test may change."""
    shutil.copytree(town.home.root, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture
def currency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "claims.store.open_store", lambda _: SimpleNamespace(meta={"currency": "CNY"})
    )


def test_the_sealed_score_is_used_and_the_truth_is_near(town: SimpleNamespace) -> None:
    got = plan_estimates(town.home.root, "P0001")
    assert got.totals.primary == "greg"
    assert got.totals.known is not None
    assert got.totals.known.score_name == "expected_amount"
    assert got.totals.amount == int(town.one.size.sum())
    total = got.totals.total
    assert abs(total.estimate - town.one.found.sum()) < 5 * (total.quantity.standard_error or 0)


def test_before_any_verdict_the_score_is_anomaly_times_amount(
    copied: Home, town: SimpleNamespace
) -> None:
    path = copied.plan("P0001") / "scores.parquet"
    rows = pq.read_table(path)
    place = rows.column_names.index("expected_amount")
    pq.write_table(
        rows.set_column(place, "expected_amount", pa.nulls(rows.num_rows, pa.int64())), path
    )
    known = plan_estimates(copied.root, "P0001").totals.known
    assert known is not None
    assert known.score_name == "anomaly_amount"
    assert known.score == pytest.approx(town.one.chance * town.one.size)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("version", "SCORE_VERSION"), ("day", "SCORE_VERSION"), ("gone", "SCORE_FILE"),
        ("short", "SCORE_UNITS"), ("twice", "SCORE_TWICE"), ("frame", "TOTAL_NO_FRAME"),
    ],
)  # fmt: skip
def test_only_the_sealed_version_is_used_and_otherwise_the_reason_is_told(
    copied: Home, town: SimpleNamespace, change: str, code: str
) -> None:
    folder = copied.plan("P0001")
    path = folder / "scores.parquet"
    if change == "version":
        _scores(town.one, path, model_version="m2")
    elif change == "day":
        _scores(town.one, path, as_of_date=date(2026, 3, 1))
    elif change == "gone":
        path.unlink()
    elif change == "short":
        pq.write_table(pq.read_table(path).slice(1), path)
    elif change == "twice":
        rows = pq.read_table(path)
        pq.write_table(pa.concat_tables([rows, rows.slice(5, 1)]), path)
    else:
        lines = (folder / "frame.tsv").read_text().splitlines(keepends=True)
        (folder / "frame.tsv").write_text("".join(lines[:-1]))
    totals = plan_estimates(copied.root, "P0001").totals
    assert totals.primary == "expansion"
    assert code in {n.code for n in totals.notes}
    assert ("ratio" in totals.methods) == (change != "frame")


def test_plans_of_one_frame_are_pooled_by_their_verdicts(town: SimpleNamespace) -> None:
    both = combined_estimates(town.home.root, ["P0001", "P0002"])
    a, b = (plan_estimates(town.home.root, p) for p in ("P0001", "P0002"))
    assert both.how == "pooled"
    weight = 146 / (146 + 150)
    expected = weight * a.totals.total.estimate + (1 - weight) * b.totals.total.estimate
    assert both.total.estimate == pytest.approx(expected)
    assert both.agreement is not None


def test_plans_of_frames_without_a_common_unit_are_added(town: SimpleNamespace) -> None:
    both = combined_estimates(town.home.root, ["P0001", "P0003"])
    parts = [plan_estimates(town.home.root, p).totals.total for p in ("P0001", "P0003")]
    assert both.how == "added"
    assert both.total.estimate == pytest.approx(sum(p.estimate for p in parts))
    assert both.total.variance == pytest.approx(sum(p.variance for p in parts))


def test_frames_that_overlap_in_part_are_refused(copied: Home, town: SimpleNamespace) -> None:
    part = SimpleNamespace(**{k: v[700:] for k, v in vars(town.one).items()})
    plan_id = _seal(copied, part, 9, datetime(2026, 5, 1, tzinfo=UTC))
    _inspect(copied, plan_id, part)
    with pytest.raises(CombineError, match="share 800 units"):
        combined_estimates(copied.root, ["P0001", plan_id])


def test_different_kinds_of_unit_are_refused(copied: Home, town: SimpleNamespace) -> None:
    plan_id = _seal(copied, town.other, 9, datetime(2026, 5, 1, tzinfo=UTC), unit="institution")
    _inspect(copied, plan_id, town.other)
    with pytest.raises(CombineError, match="claim, institution"):
        combined_estimates(copied.root, ["P0001", plan_id])


def test_a_frame_that_is_gone_is_named(copied: Home) -> None:
    (copied.plan("P0003") / "frame.tsv").unlink()
    with pytest.raises(CombineError, match="'P0003'"):
        combined_estimates(copied.root, ["P0001", "P0003"])


def test_years_are_local_and_plans_without_verdicts_are_named(town: SimpleNamespace) -> None:
    assert plans_of_year(town.home.root, 2026) == ["P0001", "P0002", "P0003"]
    with pytest.raises(CombineError, match="2026, 2027"):
        plans_of_year(town.home.root, 2020)
    added = combined_estimates(town.home.root, ["P0001", "P0003", "P0004"], skip_unfinished=True)
    assert set(added.left_out) == {"P0004"}
    with pytest.raises(Exception, match="at least two"):
        combined_estimates(town.home.root, ["P0001", "P0004"])


@pytest.mark.usefixtures("currency")
def test_the_commands_speak_both_languages_and_json(town: SimpleNamespace) -> None:
    home = ("--home", town.home.root)
    for lang, word in (("en", "by a rule fixed before any verdict"), ("zh", "以此为准")):
        said = jihe("plan", "estimate", "--plan", "P0001", *home, "--lang", lang)
        assert word in said
        assert "clm_" not in said
    one = json.loads(jihe("plan", "estimate", "--plan", "P0001", *home, "--format", "json"))
    assert one["totals"]["primary"] == "greg"
    assert one["all"]["drawn"] == 150
    several = ("--plan", "P0001", "--plan", "P0002")
    both = json.loads(jihe("plan", "estimate", *several, *home, "--format", "json"))
    assert both["how"] == "pooled"
    for lang, word in (("en", "averaged"), ("zh", "加权平均")):
        assert word in jihe("plan", "estimate", *several, *home, "--lang", lang)
    jihe("plan", "estimate", *home, code=2)
    jihe("plan", "estimate", "--plan", "P0001", "--year", 2026, *home, code=2)


class _Page(HTMLParser):
    """Collects the tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_report_holds_everything_and_names_no_unit(town: SimpleNamespace, lang: str) -> None:
    found = plan_estimates(town.home.root, "P0001")
    html = plan_report_html(found, "CNY", lang)  # type: ignore[arg-type]
    page = _Page(html)
    text = " ".join(page.text)
    certificate = found.plan.certificate
    for told in ("P0001", certificate["frame"]["sha256"], certificate["list"]["sha256"],
                 certificate["public_key"], certificate["seed"], "jihe replay"):  # fmt: skip
        assert told in text
    for method in found.totals.methods.values():
        assert f"{method.estimate / 100:,.0f}" in text
    assert f"{found.totals.stated.lower_90 / 100:,.0f}" in text
    for stratum in found.plan.design.strata:
        assert f"{stratum.units:,}" in text
    assert "clm_" not in html
    numbers = {row["random_number"] for row in found.plan.draws.to_pylist()}
    assert not any(number in html for number in numbers)
    assert html == plan_report_html(found, "CNY", lang)  # type: ignore[arg-type]


def test_the_page_runs_nothing_and_loads_nothing(town: SimpleNamespace) -> None:
    import base64
    import hashlib

    html = plan_report_html(plan_estimates(town.home.root, "P0001"), "CNY", "en")
    page = _Page(html)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "base"}
    for _, attributes in page.tags:
        assert not {"style", "src", "href"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in html.replace("&#39;", "'")
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_every_text_exists_in_both_languages_with_the_same_places() -> None:
    for key, both in texts().items():
        assert set(both) == {"en", "zh"}, key
        places = [set(re.findall(r"\{(\w+)\}", both[lang])) for lang in ("en", "zh")]
        assert places[0] == places[1], key


def test_a_thin_plan_warns_in_its_first_box(copied: Home, town: SimpleNamespace) -> None:
    thin = SimpleNamespace(**{**vars(town.other), "found": np.where(
        np.arange(900) % 60 == 0, town.other.found, 0)})  # fmt: skip
    plan_id = _seal(copied, thin, 9, datetime(2026, 5, 1, tzinfo=UTC))
    _inspect(copied, plan_id, thin)
    found = plan_estimates(copied.root, plan_id)
    assert found.totals.unsafe
    html = plan_report_html(found, "CNY", "en")
    assert html.index('class="warn"') < html.index("In plain words")
    rich = SimpleNamespace(**{**vars(town.other), "found": town.other.size // 2})
    plan_id = _seal(copied, rich, 10, datetime(2026, 6, 1, tzinfo=UTC))
    _inspect(copied, plan_id, rich)
    assert 'class="warn"' not in plan_report_html(plan_estimates(copied.root, plan_id), "CNY", "en")


@pytest.mark.usefixtures("currency")
def test_without_a_browser_the_page_is_written_and_the_way_to_print_it_told(
    town: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(print_pdf.shutil, "which", lambda _: None)
    page, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    command = ("plan", "report", "--plan", "P0001", "--home", town.home.root, "--out", page)
    assert "print it as PDF on A4" in jihe(*command, "--pdf", pdf, code=1)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not pdf.exists()
    assert "已写出" in jihe(*command, "--lang", "zh")


def test_a_browser_that_fails_leaves_no_half_pdf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.html").write_text("<p>x</p>")
    monkeypatch.setattr(print_pdf, "browser", lambda: "/bin/false")
    with pytest.raises(print_pdf.PrintError, match="did not print"):
        print_pdf.print_pdf(tmp_path / "report.html", tmp_path / "out.pdf")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_frame_of_other_bytes_is_not_taken(copied: Home) -> None:
    """The same units in other strata: the sealed hash is what counts."""
    folder = copied.plan("P0001")
    rows = [line.split("\t") for line in (folder / "frame.tsv").read_text().splitlines()]
    other: Frame = make_frame(
        "claim", [r[1] for r in rows], [r[2] for r in rows], [int(r[3]) + 1 for r in rows]
    )
    write_frame(other, folder / "frame.tsv")
    assert plan_estimates(copied.root, "P0001").totals.known is None
