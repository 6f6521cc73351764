"""Contracts: bilingual throughout, complete, and strict about what conforms."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from claims import contracts
from claims.contracts import ContractError, Table, code_systems, table, tables
from claims.faults import sentence, sentences
from claims.mapping import source_mapping, source_names
from claims.origins import origins
from claims.vault import PREFIXES

ALL = list(tables().values())
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("contract", ALL, ids=lambda c: c.name)
def test_table_and_columns_speak_both_languages(contract: Table) -> None:
    texts = [(contract.en, contract.zh), (contract.meaning_en, contract.meaning_zh)]
    for column in contract.columns.values():
        texts += [(column.en, column.zh), (column.meaning_en, column.meaning_zh)]
        texts += [(value.en, value.zh) for value in column.values.values()]
    for english, chinese in texts:
        assert english.strip()
        assert not CHINESE.search(english)
        assert CHINESE.search(chinese) or chinese == "DRG", chinese


@pytest.mark.parametrize("contract", ALL, ids=lambda c: c.name)
def test_key_identities_and_references_exist(contract: Table) -> None:
    assert contract.key
    assert set(contract.key) <= set(contract.columns)
    for column in contract.columns.values():
        assert column.identity in {"", *PREFIXES}
        assert column.refers_to in {"", *tables()}


def test_label_follows_the_language() -> None:
    claims = table("claims")
    assert (claims.label("en"), claims.label("zh")) == ("Claims", "结算")
    assert claims.columns["fund_amount"].label("zh") == "基金支付"
    assert claims.columns["claim_type"].values["pharmacy"].text("en") == "pharmacy purchase"


def test_money_is_integer_and_moments_are_utc_microseconds() -> None:
    for contract in ALL:
        for column in contract.columns.values():
            if column.name.endswith("_amount") or column.name == "amount":
                assert column.arrow in (pa.int64(), pa.float64())
            if column.name.endswith("_at"):
                assert column.arrow == pa.timestamp("us", tz="UTC")
    raw = [c for t in ALL if t.stage != "produced" for c in t.columns.values()]
    assert not [c.name for c in raw if c.type == "number"]  # sources bring no floats


def test_conform_reports_all_faults_at_once() -> None:
    rows = pa.table({
        "insured_id": pa.array(["a", None]),
        "birth_date": pa.array(["1994", "x"]),
        "shoe_size": pa.array([41, 42]),
    })  # fmt: skip
    with pytest.raises(ContractError) as caught:
        table("insured").conform(rows)
    told = str(caught.value)
    for part in ("'insured'", "'insured_id' has 1 nulls, the first in row 2",
                 "'birth_date' is string, not date", "'shoe_size'"):  # fmt: skip
        assert part in told
    assert "1994" not in told  # no cell is quoted: it may be private
    with pytest.raises(ContractError, match="required column 'label' is missing"):
        table("labels").conform(pa.table({"unit": pa.array(["claim"])}))


def test_conform_fills_optional_columns_in_the_contracts_order() -> None:
    rows = pa.table({"sex": pa.array(["M"]), "insured_id": pa.array(["a"])})
    made = table("insured").conform(rows)
    assert made.schema == table("insured").schema
    assert made.column("birth_date").null_count == 1
    assert made.to_pylist()[0]["insured_id"] == "a"


def test_dispositions_carry_the_labels_of_the_decision() -> None:
    # Confirmed findings are 1, dismissed and overturned are 0, no verdict carries no label.
    values = table("outcomes").columns["disposition"].values
    labels = {code: value.label for code, value in values.items()}
    none = {code for code, label in labels.items() if label is None}
    assert none == {"documents_not_received", "disputed"}
    assert {code for code, label in labels.items() if label == 0} == {"dismissed", "overturned"}
    assert {code for code, label in labels.items() if label == 1} == {
        "deduction", "talk", "rectification", "recovery", "penalty", "suspension", "termination",
        "transfer",
    }  # fmt: skip


def test_unknown_table_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(ContractError, match=r"no table 'claimz'.*claim_lines"):
        table("claimz")


@pytest.mark.parametrize(
    "text",
    ['x = { type = "colour", en = "a", zh = "b" }', 'x = { type = "text", hue = "red" }'],
)
def test_contract_file_with_unknown_type_or_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "things.toml"
    head = "".join(f'{k} = "t"\n' for k in ("stage", "en", "zh", "meaning_en", "meaning_zh"))
    path.write_text(f'name = "things"\nkey = ["x"]\n{head}[columns]\n{text}\n', encoding="utf-8")
    with pytest.raises(ContractError, match="column 'x'"):
        contracts._read(path)


def test_every_fault_code_has_a_sentence_in_both_languages_and_is_used() -> None:
    written = "".join(p.read_text("utf-8") for p in Path(contracts.__file__).parent.glob("*.py"))
    for code, texts in sentences().items():
        assert set(texts) == {"en", "zh"}
        assert CHINESE.search(texts["zh"])
        assert not CHINESE.search(texts["en"])
        assert re.search(rf"""["']{code}["']""", written), f"{code} is never reported"
        for lang in ("en", "zh"):
            told = sentence(code, lang, column="COLUMN", detail="3 ≠ 4")
            assert "{" not in told
            assert ("COLUMN" in told) == ("{column}" in texts[lang])
    with pytest.raises(KeyError):
        sentence("no_such_code", "en")


def test_mappings_name_only_fields_of_the_national_interface_that_contracts_name() -> None:
    # The contract says which national field a column is; the nhsa mapping must not disagree.
    for mapping in source_mapping("nhsa").tables.values():
        origin = origins(mapping)
        for target, column in mapping.columns.items():
            assert column.target.nhsa in origin.of(column), f"{mapping.table}.{target}"
    assert source_names() == ["nhsa", "provider_fraud", "synpuf"]


def test_the_national_mapping_covers_every_column_that_arrives() -> None:
    mapped = source_mapping("nhsa").tables
    # Labels that came with a dataset are no file of the interface.
    assert set(mapped) == {t.name for t in ALL if t.stage != "produced"} - {"provider_labels"}
    for name, mapping in mapped.items():
        arriving = {c.name for c in table(name).columns.values() if c.nhsa}
        assert set(mapping.columns) == arriving, name
        assert mapping.required == (name == "claims")


# ---- what the contracts of the raw side must say of themselves

RAW = [t for t in ALL if t.stage != "produced"]
#: Rows that the fund knows as soon as it knows the claim they belong to.
_OF_A_CLAIM = {"claim_lines", "claim_diagnoses", "claim_procedures"}
#: Registers that hold from one load to the next; what changes in them has a table of its own
#: (coverage, doctor_practices, licences). Distances do not change.
_STANDING = {"insured", "institutions", "doctors", "distances", "provider_labels"}


@pytest.mark.parametrize("contract", RAW, ids=lambda c: c.name)
def test_raw_tables_say_units_keys_and_times(contract: Table) -> None:
    columns = contract.columns
    for name in contract.key:
        assert columns[name].required, f"key column {name} may be null"
    for column in columns.values():
        assert re.fullmatch(r"[a-z][a-z_0-9]*", column.name)
        assert re.fullmatch(r"([a-z][a-z_0-9]*)?", column.nhsa), column.name
        if column.type == "money":
            assert column.unit == "minor unit", column.name
            assert column.name.endswith(("amount", "_price", *_MONEY_NAMES)), column.name
        if column.type == "timestamp":
            assert column.unit == "UTC", column.name
        if column.type == "date":
            assert column.unit in {"local day", "month"}, column.name
        if column.type == "integer" and column.name not in _ORDINALS:
            assert column.unit, f"{column.name} counts nothing"
        assert "_milli" not in column.name or column.unit.startswith("1/1000"), column.name
    if contract.stage == "reference":
        assert columns["valid_from"].required
        assert columns["valid_to"].type == "date"
        assert "valid_from" in contract.key
    elif contract.name not in _OF_A_CLAIM | _STANDING:
        assert columns["known_at"].type == "timestamp"


_MONEY_NAMES = ("base", "wage", "income", "expenditure", "budget", "balance")
_ORDINALS = {"place", "weekday", "label"}


@pytest.mark.parametrize("contract", RAW, ids=lambda c: c.name)
def test_what_points_to_a_party_is_an_identity(contract: Table) -> None:
    for column in contract.columns.values():
        if column.name.endswith("_id"):
            kind = column.name.removesuffix("_id").split("_")[-1]
            assert column.identity in {kind, _KINDS.get(column.name)}, column.name
        if column.identity in {"insured", "institution", "doctor", "inspector", "employer"}:
            register = _REGISTERS[column.identity]
            assert column.refers_to in {register, ""}, column.name
            assert (
                (contract.name, column.name) in _UNCHECKED
                or column.refers_to
                or (contract.key == (column.name,))
            ), f"{column.name} names no register"


_REGISTERS = {
    "insured": "insured", "institution": "institutions", "doctor": "doctors",
    "inspector": "inspectors", "employer": "employers",
}  # fmt: skip
_KINDS = {
    "anaesthetist_id": "doctor", "reverses_claim_id": "claim", "reverses_line_id": "line",
    # Numbers of this program or of the fund's own lists, which name nobody.
    "conflict_id": "", "whitelist_id": "", "rule_id": "", "appeal_id": "",
}  # fmt: skip
#: A claim's doctor may practise elsewhere, and labels come without registers.
_UNCHECKED = {
    ("claims", "doctor_id"), ("claim_lines", "doctor_id"), ("claim_lines", "exec_doctor_id"),
    ("provider_labels", "institution_id"),
}  # fmt: skip


def test_no_raw_column_is_a_reserved_word_of_the_engine() -> None:
    with duckdb.connect() as con:
        words = con.execute("SELECT keyword_name FROM duckdb_keywords() "
                            "WHERE keyword_category = 'reserved'").fetchall()  # fmt: skip
    reserved = {word for (word,) in words}
    assert "case" in reserved
    assert not [(t.name, c) for t in RAW for c in t.columns if c in reserved]


def test_four_funds_stay_apart() -> None:
    columns = table("claims").columns
    fields = {
        "pooled_amount": "hifp_pay", "account_amount": "acct_pay",
        "supplementary_amount": "hifob_pay", "civil_servant_amount": "cvlserv_pay",
    }  # fmt: skip
    assert {name: columns[name].nhsa for name in fields} == fields
    assert len({columns[name].zh for name in fields}) == 4


def test_required_core_of_claims_is_small() -> None:
    needed = {c.name for c in table("claims").columns.values() if c.required and c.nhsa}
    assert needed == {
        "claim_id", "insured_id", "institution_id", "claim_type", "service_at", "service_end_at",
        "known_at", "total_amount", "fund_amount",
    }  # fmt: skip


def test_code_systems_are_named_in_both_languages_and_used(tmp_path: Path) -> None:
    used = {c.code_system for t in ALL for c in t.columns.values()} - {""}
    assert used == set(code_systems())
    for name, system in code_systems().items():
        assert not CHINESE.search(system.en), name
        assert CHINESE.search(system.zh), name
    path = tmp_path / "things.toml"
    head = "".join(f'{k} = "t"\n' for k in ("stage", "en", "zh", "meaning_en", "meaning_zh"))
    column = 'x = { type = "text", code_system = "runes", en = "a", zh = "b" }'
    path.write_text(f'name = "things"\nkey = ["x"]\n{head}[columns]\n{column}\n', "utf-8")
    with pytest.raises(
        ContractError, match=r"column 'x': there is no code system 'runes'.*hosp_lv"
    ):
        contracts._read(path)
