"""What a column's name says: the contracts' own names, synonyms, words written out, pinyin."""

from __future__ import annotations

import pytest

from claims.contracts import table
from claims.names import name_likeness, pinyin_initials, synonyms, words


@pytest.mark.parametrize("table_name", ["claims", "claim_lines", "insured", "institutions"])
def test_the_contracts_own_names_are_found(table_name: str) -> None:
    contract = table(table_name)
    for column in contract.columns.values():
        for own in filter(None, (column.name, column.nhsa, column.zh)):
            likeness = {c: name_likeness(own, table_name, c) for c in contract.columns}
            assert likeness[column.name] == 1.0, own


def test_names_that_are_something_else() -> None:
    for header, column in (
        ("patient_name", "insured_id"),
        ("医疗机构名称", "institution_id"),
        ("诊断名称", "main_diagnosis"),
        ("dx2", "main_diagnosis"),
        ("secondary diagnosis", "main_diagnosis"),
        ("患者电话", "insured_id"),
        ("discount amount", "total_amount"),
    ):
        assert name_likeness(header, "claims", column) < 0.45, header


def test_words_are_cut_and_written_out() -> None:
    assert words("admdate") == words("Admission_Dt") == words("admitDate")
    assert words("AttendingPhysicianNPI") == {"attending", "doctor", "npi"}
    assert words("dx1") == words("diagnosis")
    assert words("dx2") != words("dx1")
    assert words("qwzx") == {"qwzx"}


def test_pinyin_initials_by_hand() -> None:
    known = {
        "就诊流水号": "jzlsh",
        "结算时间": "jssj",
        "医疗机构编码": "yljgbm",
        "性别": "xb",
        "出院日期": "cyrq",
        "个人账户支付": "grzhzf",
        "DRG编码": "drgbm",
        "鑫": "",
    }
    assert {name: pinyin_initials(name) for name in known} == known


def test_every_synonym_belongs_to_a_contract() -> None:
    from claims.contracts import tables

    columns = {c for t in tables().values() for c in t.columns}
    named = {key.split(".")[-1] for key in synonyms()["columns"]}
    assert named <= columns
    assert set(synonyms()["tables"]) <= set(tables())
    variants = [v for vs in synonyms()["words"].values() for v in vs]
    assert len(variants) == len(set(variants))
    for column, codes in synonyms()["codes"].items():
        texts = [text for listed in codes.values() for text in listed]
        assert len(texts) == len(set(texts)), column
