"""The text of a draft: it reads, it asks what nobody can know, it tells what was not found."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from claims.contracts import LANGS, Lang
from claims.draft_words import draft_texts, say
from claims.mapping import MappingError, read_mapping
from claims.trial import try_mapping
from tests.claims.draft_files import answered, claims_file, drafted, written_file
from tests.claims.invented_layouts import LAYOUTS, write_layout


@pytest.mark.parametrize("layout", [n for n in LAYOUTS if not n.startswith("held_out")])
@pytest.mark.parametrize("lang", LANGS)
def test_a_draft_reads_and_every_row_comes_in(layout: str, lang: Lang, tmp_path: Path) -> None:
    text = answered(drafted(write_layout(layout, tmp_path), lang))
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    source = read_mapping(tmp_path / "mine.toml")
    for trial in try_mapping(source, tmp_path):
        assert trial.counts is not None
        assert (trial.counts.records, trial.counts.quarantined) == (300, 0), trial.faults
        assert {c.faults for c in trial.columns} == {0}


def test_a_question_of_day_and_month_must_be_answered(tmp_path: Path) -> None:
    path = claims_file(
        tmp_path / "inpatient.csv", ("admission date", ["05/03/2024", "01/02/2024"] * 20)
    )
    text = answered(drafted([path]))
    assert "day or month first?" in text
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    with pytest.raises(MappingError, match=r"'service_at', key 'formats': '.' is no date format"):
        read_mapping(tmp_path / "mine.toml")
    (tmp_path / "mine.toml").write_text(text.replace('["?"]', '["%d/%m/%Y"]'), "utf-8")
    mapping = read_mapping(tmp_path / "mine.toml").tables["claims"].columns
    assert mapping["claim_type"].constant == "inpatient"  # by the file's name, with a question
    assert re.search(r"^claim_type = .*# \?", text, flags=re.M)


def test_codes_that_nobody_knows_must_be_answered(tmp_path: Path) -> None:
    path = claims_file(tmp_path / "x.csv", ("visit type", ["OP", "IP", "ZZ", "OP"] * 10))
    text = answered(drafted([path]))
    codes = tomllib.loads(text)["tables"]["claims"]["columns"]["claim_type"]["codes"]
    assert codes == {"OP": "outpatient", "IP": "inpatient", "ZZ": "?"}
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    with pytest.raises(MappingError, match=r"'claim_type', key 'codes': '.' cannot become"):
        read_mapping(tmp_path / "mine.toml")


def test_whole_amounts_are_asked_for_their_unit_and_fen_is_read_from_the_name(
    tmp_path: Path,
) -> None:
    path = claims_file(
        tmp_path / "x.csv",
        ("total amount", ["1050", "2000"] * 20),
        ("self paid (fen)", ["100", "0"] * 20),
        ("visit type", ["OP", "IP"] * 20),
    )
    text = drafted([path])
    assert re.search(r"^total_amount = .*# \? whole numbers: are they", text, flags=re.M)
    columns = tomllib.loads(text)["tables"]["claims"]["columns"]
    assert columns["self_amount"]["unit"] == "minor"


def test_two_files_of_one_table_share_its_columns(tmp_path: Path) -> None:
    inpatient = claims_file(tmp_path / "inpatient_2023.csv")
    number = [str(i) for i in range(40)]
    outpatient = written_file(
        tmp_path / "outpatient_2023.csv",
        ("claim id", [f"O{n}" for n in number]),
        ("member no", ["P1", "P2"] * 20),
        ("hospital id", ["H1", "H2"] * 20),
        ("visit date", ["05.03.2024"] * 20 + ["14.03.2024"] * 20),
        ("total amount", ["1.50"] * 40),
        ("insurance paid", ["1.00"] * 40),
    )
    text = answered(drafted([inpatient, outpatient]))
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    mapping = read_mapping(tmp_path / "mine.toml").tables["claims"]
    assert mapping.files == ("inpatient_*.csv", "outpatient_*.csv")
    assert mapping.columns["insured_id"].first == ("patient id", "member no")
    (trial,) = try_mapping(read_mapping(tmp_path / "mine.toml"), tmp_path)
    assert trial.counts is not None
    assert (trial.counts.accepted, trial.counts.quarantined) == (80, 0)


def test_required_columns_that_are_not_found_stand_at_the_head(tmp_path: Path) -> None:
    path = claims_file(
        tmp_path / "x.csv", ("admission date", [""] * 40), ("moment", ["2024-03-05"] * 40)
    )
    text = drafted([path])
    head, _, _ = text.partition("[tables.claims]")
    assert "REQUIRED AND NOT FOUND" in head
    assert "claim_type, service_at" in head
    assert '# service_at = { from = "moment" }  # ? Service began; by content' in text
    assert '# claim_type = { constant = "?" }' in text


def test_whole_amounts_are_offered_where_no_name_speaks(tmp_path: Path) -> None:
    """Amounts with decimals first: they suit better; a column that is no number is not offered."""
    path = claims_file(
        tmp_path / "x.csv", ("total amount", ["x", ""] * 20), ("k1", ["1050", "2000"] * 20),
        ("k2", ["10.50", "20.00"] * 20), ("k3", ["north", "south"] * 20),
    )  # fmt: skip
    (line,) = [x for x in drafted([path]).splitlines() if x.startswith("# total_amount")]
    assert line.startswith('# total_amount = { from = "k2"')
    assert 'by content it could be "k2", "k1"' in line
    assert "k3" not in line


@pytest.mark.parametrize("lang", LANGS)
def test_optional_columns_that_are_not_found_are_listed(tmp_path: Path, lang: Lang) -> None:
    path = claims_file(tmp_path / "x.csv", ("doctor id", ["D1", "D2"] * 20))
    text = drafted([path], lang)
    (line,) = [x for x in text.splitlines() if x.startswith(f"# {say('optional_head', lang)}")]
    listed = line.partition(say("optional_head", lang))[2].split(", ")
    assert {"stay_id", "drg_code", "main_diagnosis"} <= {c.strip() for c in listed}
    found = tomllib.loads(text.replace("?", ""))["tables"]["claims"]["columns"]
    assert not set(found) & {c.strip() for c in listed}
    assert "doctor_id" in found


def test_every_text_exists_in_both_languages() -> None:
    from string import Formatter

    for key, texts in draft_texts().items():
        fields = [{f for _, f, _, _ in Formatter().parse(texts[lang]) if f} for lang in LANGS]
        assert fields[0] == fields[1], key
