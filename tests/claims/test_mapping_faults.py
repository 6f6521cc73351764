"""Faults of users' own mappings: every one at once, each with its place and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from claims.contracts import LANGS
from claims.mapping import MappingError, read_mapping, source_mapping, source_names
from claims.mapping_checks import mapping_faults
from claims.mapping_faults import MappingFault, fault_texts
from tests.claims.own_mappings import HEAD, told, written


def test_shipped_mappings_have_no_fault_and_read_as_before() -> None:
    for name in source_names():
        mapping = source_mapping(name)
        assert mapping.name == name
        assert next(iter(mapping.tables)) == "claims"
        money = [
            c
            for t in mapping.tables.values()
            for c in t.columns.values()
            if c.target.type == "money"
        ]
        assert {c.places for c in money} == {2}
    lines = source_mapping("nhsa").tables["claim_lines"].columns
    assert (lines["quantity_milli"].places, lines["days_supply"].places) == (3, 0)


@pytest.mark.parametrize(
    ("changes", "told_of"),
    [
        ({"claim_id": ""}, "column 'claim_id': this required column is not mapped; add claim_id ="),
        ({"fund_amuont": '{ from = "x" }'}, "perhaps fund_amount is meant"),
        ({"service_date": '{ from = "x" }'}, "column 'service_date': the program makes this"),
        (
            {"claim_id": '{ from = "x", constant = "y" }'},
            "give either 'from' or 'sum', or 'constant'",
        ),
        ({"claim_id": '{ from = "" }'}, "key 'from': this must be a text or a list"),
        ({"claim_id": '{ from = "x", colour = "red" }'}, "unknown keys ['colour']"),
        ({"claim_id": '"x"'}, "this must be a table of keys"),
        (
            {"claim_type": '{ constant = "dental" }'},
            "key 'constant': 'dental' cannot become a value of this column; permitted is "
            "outpatient, inpatient, pharmacy",
        ),
        ({"claim_type": '{ from = "k", codes = { "1" = "?" } }'}, "key 'codes': '?' cannot become"),
        ({"claim_type": '{ from = "k", codes = { "1" = 2 } }'}, "key 'codes': this must be pairs"),
        ({"claim_type": '{ from = "k", default = "x" }'}, "key 'default': 'x' cannot become"),
        ({"self_amount": '{ constant = "-1" }'}, "'-1' cannot become"),
        ({"self_amount": '{ constant = "1", default = "2" }'}, "says nothing for a constant"),
        ({"self_amount": '{ from = "x", unit = "pound" }'}, "'pound' is not one of yuan, dollar"),
        ({"self_amount": '{ from = "x", formats = ["%Y-%m-%d"] }'}, "says nothing for an amount"),
        ({"self_amount": '{ from = "x", scale = 10 }'}, "key 'scale': this key says nothing"),
        ({"diagnosis_count": '{ from = "x", scale = 7 }'}, "key 'scale': this must be 1, 10, 100"),
        ({"claim_id": '{ sum = ["x"] }'}, "key 'sum': this key says nothing for a text"),
        ({"service_at": '{ from = "x", plus_days = 1.5 }'}, "'plus_days': this must be a whole"),
        (
            {"service_at": '{ from = "x", formats = ["%d/%m/%y"] }'},
            "'%d/%m/%y' is no date format that can be read without guessing: %y is not one of",
        ),
        (
            {"service_at": '{ from = "x", formats = ["%d/%m/%Y", "%m/%d/%Y"] }'},
            "'%d/%m/%Y' and '%m/%d/%Y' read the same text as different days (05/04/2003)",
        ),
    ],
)
def test_a_fault_names_its_place_and_the_remedy(
    tmp_path: Path, changes: dict[str, str], told_of: str
) -> None:
    text = told(written(tmp_path, **changes))
    assert told_of in text
    assert "table 'claims'" in text
    assert "(1 to correct)" in text


@pytest.mark.parametrize(
    ("head", "told_of"),
    [
        ('currency = "cny"\ntime_zone = "UTC"\n', "'cny' is no ISO 4217 currency"),
        ('currency = "JPY"\ntime_zone = "UTC"\n', "'JPY' has no hundredths"),
        ('currency = "KWD"\ntime_zone = "UTC"\n', "'KWD' has no hundredths"),
        ('currency = "CNY"\ntime_zone = "CST"\n', "'CST' is no IANA time zone"),
        ('currency = "CNY"\ntime_zone = "Asia/Peking"\n', "'Asia/Peking' is no IANA time zone"),
        ('currency = "CNY"\n', "key 'time_zone': this key is missing; add it. time_zone ="),
        (HEAD + 'unit = "doctor"\n', "'doctor' is not one of claim, insured, institution"),
        (HEAD + "nulls = [1]\n", "key 'nulls': this must be a list of texts"),
        (HEAD + 'name = "a/../b"\n', "key 'name': this must be a name"),
        (HEAD + 'shape = "round"\n', "unknown keys ['shape']"),
        (HEAD + "x = [\n", "the file is not TOML in UTF-8 (TOMLDecodeError (at line"),
    ],
)
def test_faults_at_the_top(tmp_path: Path, head: str, told_of: str) -> None:
    assert told_of in told(written(tmp_path, head))


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'currency = "XXX"\ntime_zone = "Mars/Dome"\n',
        claim_id="",
        shoe='{ from = "x" }',
        self_amount='{ from = "x", unit = "stone" }',
        more='[tables.wards]\nfiles = ["x"]\n'
        '[tables.doctors]\nfiles = ["../x.csv", "/etc/passwd"]\n',
    )
    with pytest.raises(MappingError) as caught:
        read_mapping(path)
    codes = sorted(f.code for f in caught.value.faults)
    assert codes == sorted(
        [
            "bad_currency",
            "bad_zone",
            "missing_column",
            "unknown_column",
            "bad_choice",
            "unknown_table",
            "bad_files",
            "bad_files",
            "missing_key",
        ]
    )


def test_without_claims_and_quantities_without_a_unit() -> None:
    raw = {
        "currency": "CNY",
        "time_zone": "UTC",
        "tables": {
            "daily_maxima": {
                "files": ["x.csv"],
                "columns": {
                    "item_code": {"from": "a"},
                    "valid_from": {"from": "b"},
                    "max_quantity_milli": {"from": "n"},
                },
            }
        },
    }
    assert {f.code for f in mapping_faults(raw)} == {"no_claims", "unit_needed"}


def test_every_sentence_exists_in_both_languages_and_names_the_same() -> None:
    from string import Formatter

    for code, texts in fault_texts().items():
        named = [{f for _, f, _, _ in Formatter().parse(texts[lang]) if f} for lang in LANGS]
        assert named[0] == named[1], code
    fault = MappingFault("bad_zone", key="time_zone", values={"value": "X"})
    assert fault.text("zh").startswith("键“time_zone”：“X”不是IANA时区")


def test_a_source_is_either_shipped_or_given(tmp_path: Path) -> None:
    own = written(tmp_path)
    assert source_mapping("mapping", own).name == "own"
    with pytest.raises(MappingError, match="add --mapping FILE"):
        source_mapping("mapping")
    with pytest.raises(MappingError, match="comes with the program"):
        source_mapping("nhsa", own)
