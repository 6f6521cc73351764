"""docs/mapping.md, done as it says: its commands, its changes to the draft, what it promises."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from claims.mapping import read_mapping
from claims.mapping_checks import _COLUMN_KEYS, _SOURCE_KEYS, _TABLE_KEYS
from claims.mapping_model import MONEY_UNITS, QUANTITY_UNITS, core
from claims.store import open_store
from jihe.cli import app

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "mapping.md").read_text("utf-8")
runner = CliRunner()


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, flags=re.M | re.S)


def _commands() -> list[list[str]]:
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    assert all(line.startswith("jihe ") for line in lines)
    return [shlex.split(line)[1:] for line in lines]


def _expanded(words: list[str]) -> list[str]:
    """Do what the shell does with a pattern."""
    return [
        p for w in words for p in (sorted(map(str, Path().glob(w))) if "*" in w else [w])
    ]  # fmt: skip


def _jihe(words: list[str], code: int = 0) -> str:
    result = runner.invoke(app, _expanded(words))
    if result.exit_code != code:
        raise AssertionError(f"{words}: {result.output}\n{result.exception!r}")
    return result.output


def _answered(draft: str, changes: str) -> str:
    """Replace lines of the draft by those of the page, table by table; new ones are added."""
    lines = draft.splitlines()
    section = ""
    for change in changes.splitlines():
        if change.startswith("["):
            section = change
            continue
        column = change.split(" = ")[0]
        start = lines.index(section)
        found = next(
            (i for i in range(start + 1, len(lines)) if re.match(rf"(# )?{column} = ", lines[i])
             and not any(line.startswith("[tables") for line in lines[start + 1 : i])), None,
        )  # fmt: skip
        if found is None:
            lines.insert(start + 1, change)
        else:
            lines[found] = change
    return "\n".join(lines) + "\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's example and nothing else, where the commands are run."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "mapping_example").symlink_to(DOCS / "mapping_example")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_from_the_first_command_to_the_last(place: Path) -> None:
    suggest, check, load, run = _commands()
    said = " ".join(_jihe(suggest).split())
    assert said in " ".join(PAGE.replace("> ", "").split())
    draft = (place / "group.toml").read_text("utf-8")
    refused = runner.invoke(app, _expanded(check))
    assert refused.exit_code != 0  # questions are still open
    (place / "group.toml").write_text(_answered(draft, _blocks("toml")[0]), "utf-8")
    shown = _jihe(check)
    assert "Claims: 24 rows, 24 accepted, 0 quarantined" in shown
    assert "Claim lines: 44 rows, 44 accepted, 0 quarantined" in shown
    assert "Every required column is read" in shown
    _jihe(load)
    claims = open_store(place / "group").read("claims")
    # By hand: 10 visits of 62.20, 5 stays of 2,744.40, 5 days of 286.00, 4 purchases of 55.05.
    assert sum(claims["total_amount"].to_pylist()) == 1_599_420
    assert claims["service_end_at"].null_count == 0
    lines = open_store(place / "group").read("claim_lines")
    assert sum(lines["amount"].to_pylist()) == 1_599_420  # in fen, and the bills in yuan
    assert "The head of the drawn list" in _jihe(run)
    assert (place / "group_list" / "list.csv").exists()


def test_the_commands_in_chinese(place: Path) -> None:
    suggest, check, *_ = _commands()
    assert "草稿已写入 group.toml" in _jihe([*suggest, "--lang", "zh"])
    draft = (place / "group.toml").read_text("utf-8")
    assert "必需但未找到" in draft
    (place / "group.toml").write_text(_answered(draft, _blocks("toml")[0]), "utf-8")
    assert "结算：24行，入库24" in _jihe([*check, "--lang", "zh"])


def test_a_draft_is_never_overwritten(place: Path) -> None:
    suggest, *_ = _commands()
    (place / "group.toml").write_text("hours of work", "utf-8")
    result = runner.invoke(app, _expanded(suggest))
    assert result.exit_code != 0
    assert "exists already" in str(result.exception)
    assert (place / "group.toml").read_text("utf-8") == "hours of work"


def test_the_page_names_every_key_and_unit() -> None:
    for key in [*_COLUMN_KEYS, *_SOURCE_KEYS, "nulls", *_TABLE_KEYS, *MONEY_UNITS, *QUANTITY_UNITS]:
        assert re.search(rf"`[^`]*\b{key}\b", PAGE), key
    for column in core("claims"):
        assert column in PAGE
    assert "tables" in PAGE
    assert len(PAGE.split()) < 1_400  # two and a half pages


def test_the_other_examples_of_the_page_hold(tmp_path: Path) -> None:
    columns = {c: f'{c} = {{ from = "{c}" }}' for c in core("claims")}
    by_file = re.search(r"`(claim_type = \{ from = \"source_file\".*?\} \})`", PAGE)
    assert by_file
    columns["claim_type"] = by_file.group(1)
    columns["department"] = 'department = { from = "place" }'
    body = "\n".join(columns.values())
    text = (
        f'currency = "CNY"\ntime_zone = "Asia/Shanghai"\n[tables.claims]\nfiles = ["*.csv"]\n'
        f"{_blocks('toml')[1]}[tables.claims.columns]\n{body}\n"
    )
    (tmp_path / "own.toml").write_text(text, "utf-8")
    assert read_mapping(tmp_path / "own.toml").tables["claims"].prepare


def test_a_wrong_way_of_asking_is_explained() -> None:
    result = runner.invoke(app, ["map"])
    assert result.exit_code == 2
    assert "--suggest" in result.output
