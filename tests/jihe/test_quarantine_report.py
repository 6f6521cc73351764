"""The quarantine report as a person gets it: pages, terminal, CSV and JSON."""

from __future__ import annotations

import csv
import json
import re
import shutil
import string
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from claims.contracts import LANGS, Lang, table
from claims.faults import sentence, sentences
from claims.store import StoreVersion
from features.runnable import NotRun
from jihe.cli import app
from jihe.quarantine_page import (
    PAGES,
    quarantine_lines,
    write_csv,
    write_quarantine_report,
)
from jihe.quarantine_words import percent, plain, say, texts
from tests.quarantined import counts, entry, store

HOSTILE = "<script>alert(1)</script>&\"'\x1b[31m\u202e{{ 7 * 7 }}[bold].csv"
MANY = 60


ENTRIES = [
    *(entry("setl.csv", "claims", row, "error", "bad_number", "medfee_sumamt", "12,5")
      for row in range(2, 42)),
    entry("setl.csv", "claims", 90, "duplicate", "duplicate_row", "setl_id"),
    entry("setl.csv", "claims", 91, "warning", "unknown_reference", "fixmedins_code"),
    entry("setl.csv", "claims", 0, "warning", "missing_column", "acct_pay"),
    entry("fee.csv", "claim_lines", 0, "error", "unreadable_file"),
]  # fmt: skip
OLD = [counts("claims", 1_000, 40, 1), counts("insured", 77, 0, 0)]
NEW = [
    counts("claims", 1_000, 40, 1, amount_arrived=1_000_000, amount_quarantined=12_345,
           amount_duplicates=0, amount_unreadable=40),
    counts("insured", 77, 0, 0, amount_arrived=None, amount_quarantined=None,
           amount_duplicates=None, amount_unreadable=None),
]  # fmt: skip


class Words(HTMLParser):
    """Collects a page's tags and the text that a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Words:
    words = Words()
    words.feed(path.read_text(encoding="utf-8"))
    words.text = re.sub(r"\s+", " ", words.text)
    return words


def pages(version: StoreVersion, folder: Path) -> dict[Lang, Words]:
    write_quarantine_report(version, folder)
    return {lang: read(folder / PAGES[lang]) for lang in LANGS}


def test_every_text_exists_in_both_languages_with_the_same_values() -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key, body in texts().items():
        assert set(body) == set(LANGS), key
        assert all(body.values()), key
        if not key.endswith("_one"):
            assert fields(body["en"]) == fields(body["zh"]), key
    assert not [t for t in (b["zh"] for b in texts().values()) if t.isascii() and t != "English"]


def test_every_fault_has_a_short_name_and_a_remedy() -> None:
    for code in sentences():
        assert f"code_{code}" in texts(), f"jihe/quarantine_texts.toml lacks code_{code}"
        assert f"remedy_{code}" in texts(), f"jihe/quarantine_texts.toml lacks remedy_{code}"


def test_a_new_manifest_shows_the_money_and_an_old_one_says_it_is_not_known(
    tmp_path: Path,
) -> None:
    new = pages(store(tmp_path / "new", ENTRIES, NEW), tmp_path / "n")
    old = pages(store(tmp_path / "old", ENTRIES, OLD), tmp_path / "o")
    assert (
        "Of 1,077 rows that arrived 40 were refused (3.71%). In claims ¥123.45 of ¥10,000.00 was "
        "refused (1.23% of the money). One fault concerns a whole file or table"
    ) in new["en"].text
    assert (
        "Claims: 1,000 arrived = 959 accepted + 40 refused + 1 duplicates. Refused: 4.00% of the "
        "rows, ¥123.45 of ¥10,000.00 in money (1.23%). The amounts of 40 rows could not be read "
        "and are in neither sum. One row was let in with a warning."
    ) in new["en"].text
    assert "到达1,000行 = 入库959 + 隔离40 + 重复1。隔离占行数4.00%，占金额1.23%" in new["zh"].text
    assert "123.45 元" in new["zh"].text
    assert "how much money that is was not recorded" in old["en"].text
    assert "所涉金额未记录" in old["zh"].text
    assert "¥" not in old["en"].text


def test_the_headline_does_not_add_the_money_of_lines_to_that_of_their_claims(
    tmp_path: Path,
) -> None:
    lines = counts("claim_lines", 10, 1, 0, amount_arrived=900, amount_quarantined=90)
    entries = [*ENTRIES, entry("fee.csv", "claim_lines", 4, "error", "bad_date", "fee_ocur_time")]
    text = pages(store(tmp_path, entries, [*NEW, lines]), tmp_path / "o")["en"].text
    assert "In claims ¥123.45 of ¥10,000.00" in text
    assert "In claim lines" not in text
    assert "Refused: 10.00% of the rows, ¥0.90 of ¥9.00 in money (10.00%)." in text


@pytest.mark.parametrize("refused", [-5, 2_000_000])
def test_money_that_is_no_part_of_a_whole_gets_no_share(refused: int, tmp_path: Path) -> None:
    made = [{**NEW[0], "amount_quarantined": refused}, NEW[1]]
    text = pages(store(tmp_path, ENTRIES, made), tmp_path / "o")["en"].text
    assert "net of negative amounts (¥10,000.00 arrived)" in text
    assert "% of the money" not in text


def test_a_fault_shows_where_how_many_which_rows_and_what_to_do(tmp_path: Path) -> None:
    text = pages(store(tmp_path, ENTRIES, OLD), tmp_path / "o")["en"].text
    assert sentence("bad_number", "en", column="medfee_sumamt") in text
    assert "40 rows · 4.00% of the table · Claims" in text
    assert "setl.csv (40)" in text
    assert "row 2 12,5 row 3 12,5" in text
    assert "row 7 12,5" not in text
    assert "5 of 40 shown; quarantine.csv has every row." in text
    assert say("remedy_bad_number", "en") in text
    assert "Missing columns: acct_pay" in text


def test_pages_hold_no_script_no_style_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    for page in pages(store(tmp_path, ENTRIES, NEW), tmp_path / "o").values():
        names = {tag for tag, _ in page.tags}
        assert not names & {"script", "style", "img", "iframe", "object", "form", "base"}
        given = [(k, v or "") for _, attributes in page.tags for k, v in attributes.items()]
        assert not [k for k, _ in given if k == "style" or k.startswith("on")]
        targets = {v for k, v in given if k in ("href", "src")}
        assert targets <= {"#content", "quarantine.css", "quarantine.csv", "quarantine.parquet",
                           *PAGES.values()}  # fmt: skip
        assert all((tmp_path / "o" / t).exists() for t in targets - {"#content"})
        policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
        assert policy is not None
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy


def test_each_page_is_in_its_language_and_leads_to_the_other(tmp_path: Path) -> None:
    made = pages(store(tmp_path, ENTRIES, NEW), tmp_path / "o")
    for lang, tag, other in (("en", "en", PAGES["zh"]), ("zh", "zh-CN", PAGES["en"])):
        page = made["zh" if lang == "zh" else "en"]
        assert page.tags[0] == ("html", {"lang": tag})
        assert ("a", other) in [(t, a.get("href")) for t, a in page.tags]
    assert (
        write_quarantine_report(store(tmp_path, [], OLD), tmp_path / "o", "zh").name == PAGES["zh"]
    )


HOSTILE_ENTRIES = [
    entry(HOSTILE, "claims", 2, "error", "bad_date", "begntime" + HOSTILE, HOSTILE),
    entry(HOSTILE, "claims", 0, "warning", "missing_column", HOSTILE),
    entry(HOSTILE, HOSTILE, 0, "error", "unreadable_file"),
]


def test_names_from_outside_are_text_and_nothing_else(tmp_path: Path) -> None:
    version = store(
        tmp_path, HOSTILE_ENTRIES, [counts("claims", 5, 1, 0), counts(HOSTILE, 1, 0, 0)],
        source=HOSTILE, absent_tables=[HOSTILE],
    )  # fmt: skip
    told = {"version": version.version, "changed_files": {"kept": [HOSTILE], "added": ["n.csv"]}}
    history = version.folder.parent / "versions.jsonl"
    history.write_text(json.dumps(told), encoding="utf-8")
    for page in pages(version, tmp_path / "o").values():
        assert "script" not in {tag for tag, _ in page.tags}
        assert "<script>alert(1)</script>&\"'" in page.text
        assert "{{ 7 * 7 }}" in page.text
        assert not set("\x1b\u202e") & set(page.text)
    lines = "\n".join(quarantine_lines(version, "en"))
    assert "Files kept from earlier loads: <script>" in lines
    assert "Files that are new: n.csv." in lines
    assert "[bold].csv" in lines
    assert not set("\x1b\u202e\r") & set(lines)


@pytest.mark.browser
def test_no_script_of_a_name_runs_in_a_browser(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium")
    name = "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>"
    entries = [entry(name, "claims", 2, "error", "bad_date", name, name)]
    page = write_quarantine_report(store(tmp_path, entries, OLD), tmp_path / "o")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
               f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "<title>Quarantine report" in dom
    assert "<img" not in dom


def test_the_terminal_says_what_the_page_says(tmp_path: Path) -> None:
    version = store(tmp_path, ENTRIES, NEW)
    for lang in LANGS:
        text = "\n".join(quarantine_lines(version, lang))
        page = pages(version, tmp_path / "o")[lang].text
        for key in ("refusing_title", "warnings_title", "whole_title", "files_title"):
            assert say(key, lang) in text
            assert say(key, lang) in page
        assert say("remedy_bad_number", lang) in text
        assert say("verdict_whole_one", lang) in text
        assert "setl.csv" in text
    lines = quarantine_lines(version, "en")
    assert "     First rows: setl.csv row 2 (12,5), row 3 (12,5), row 4 (12,5), row 5 (12,5), " \
        "row 6 (12,5)" in lines  # fmt: skip


def test_many_files_are_cut_and_their_number_is_told(tmp_path: Path) -> None:
    entries = [entry(f"f{i:03}.csv", "claims", 2, "error", "bad_date", "begntime")
               for i in range(MANY)]  # fmt: skip
    made = pages(store(tmp_path, entries, [counts("claims", 100, MANY, 0)]), tmp_path / "o")
    assert "40 of 60 files shown" in made["en"].text
    assert "and 57 more files" in made["en"].text
    assert "共60个文件，仅示隔离行最多的40个" in made["zh"].text


def test_counts_that_disagree_are_said_aloud(tmp_path: Path) -> None:
    made = [{**OLD[0], "accepted": 958}, OLD[1]]
    text = pages(store(tmp_path, ENTRIES, made), tmp_path / "o")["en"].text
    assert (
        "Claims: the counts do not agree (1,000 arrived, 999 accounted for; 40 refused, 40" in text
    )
    fine = pages(store(tmp_path / "f", ENTRIES, OLD), tmp_path / "o")["en"].text
    assert "do not agree" not in fine


def test_what_is_not_run_is_told_by_missing_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = [
        NotRun("claim_account_share", "feature", ("claims.account_amount",)),
        NotRun("SEX_CONFLICT", "rule", ("sex_limits.item_code",)),
    ]
    absent = {"claims": ["account_amount"]}
    version = store(tmp_path, ENTRIES, OLD, absent_columns=absent)
    assert "Not run for want of columns" not in pages(version, tmp_path / "o")["en"].text
    about = {**version.meta, "tables": {"claims": {"rows": 1}}}
    version = StoreVersion(version.folder, version.version, version.fingerprint, about)
    monkeypatch.setattr("jihe.quarantine_absent.runnable", lambda version, as_of: ((), (), waiting))
    made = pages(version, tmp_path / "o")
    assert "Not run for want of columns: features 1, rules 1." in made["en"].text
    assert "Claims: Personal account" in made["en"].text
    assert "Share paid from the personal account" in made["en"].text
    assert "Sex limits: the whole table" in made["en"].text
    assert "整张表" in made["zh"].text


def test_the_csv_has_every_row_and_no_formula(tmp_path: Path) -> None:
    entries = [
        entry("=cmd|'/c calc'!A1.csv", "claims", 2, "error", "bad_date", "+begntime", "@SUM"),
        entry("\uff1dfull.csv", "claims", 3, "error", "bad_number", "medfee_sumamt", "-12.50"),
        entry("结算.csv", "claims", 4, "error", "bad_number", "medfee_sumamt", "-1-2"),
    ]
    version = store(tmp_path, entries, OLD)
    write_quarantine_report(version, tmp_path / "o")
    path = tmp_path / "o" / "quarantine.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda r: int(r["row_number"]))
    assert list(rows[0]) == list(table("quarantine").columns)
    assert [r["source_file"] for r in rows] == [
        "'=cmd|'/c calc'!A1.csv", "'\uff1dfull.csv", "结算.csv",
    ]  # fmt: skip
    assert [r["value"] for r in rows] == ["'@SUM", "-12.50", "'-1-2"]
    assert [r["column_name"] for r in rows] == ["'+begntime", "medfee_sumamt", "medfee_sumamt"]
    assert (tmp_path / "o" / "quarantine.parquet").read_bytes() == (
        version.folder / "quarantine.parquet"
    ).read_bytes()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=1))
def test_no_cell_of_the_csv_begins_a_formula(
    tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    rows = [entry(v, "claims", 2, "error", "bad_date", v, v) for v in values]
    source = folder / "q.parquet"
    pq.write_table(pa.Table.from_pylist(rows, table("quarantine").schema), source)
    write_csv(source, folder / "q.csv")
    with (folder / "q.csv").open(encoding="utf-8-sig", newline="") as file:
        read_back = list(csv.reader(file))[1:]
    assert len(read_back) == len(values)
    for row in read_back:
        for cell in row:
            number = re.fullmatch(r"-?[0-9.]+", cell) is not None
            assert number or not cell.strip().startswith(tuple("=+-@\t\r\n\0＝＋－＠"))


def test_the_report_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    version = store(tmp_path, ENTRIES, NEW)
    for name in ("a", "b"):
        write_quarantine_report(version, tmp_path / name)
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert names == ["quarantine.css", "quarantine.csv", "quarantine.html", "quarantine.parquet",
                     "quarantine.zh.html"]  # fmt: skip
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0%"), (1.0, "100%"), (0.00004, "< 0.01%"), (0.99999, "> 99.99%"), (0.12345, "12.35%")],
)
def test_a_share_that_is_something_never_reads_as_nothing(share: float, text: str) -> None:
    assert percent(share, "en") == text


def test_names_lose_what_could_steer_a_terminal() -> None:
    assert plain("a\x1b[2J\u202eb\ncd") == "a\ufffd[2J\ufffdb\ufffdcd"
    assert plain("结算 2024.csv") == "结算 2024.csv"


def test_the_command_prints_writes_and_gives_json(tmp_path: Path) -> None:
    store(tmp_path, ENTRIES, NEW)
    run = CliRunner()
    said = run.invoke(app, ["quarantine", "--home", str(tmp_path), "--out", str(tmp_path / "o"),
                            "--lang", "zh"])  # fmt: skip
    assert said.exit_code == 0, said.output
    assert say("refusing_title", "zh") in said.output
    assert str(tmp_path / "o" / PAGES["zh"]) in said.output
    assert (tmp_path / "o" / PAGES["en"]).exists()
    told = run.invoke(app, ["quarantine", "--home", str(tmp_path), "--format", "json"])
    body = json.loads(told.stdout)
    assert body["tables"][0]["money_share"] == pytest.approx(0.012345)
    assert body["faults"][0]["code"] == "unreadable_file"
    assert (tmp_path / PAGES["zh"]).exists()
