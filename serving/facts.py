"""Raw facts for a person: labels from the contracts, codes as words, money with its currency.

In: the facts of a record. Out: (label, text) pairs in the order in which a reviewer asks for them,
and the claim's lines with those that a rule names marked. Facts that no contract describes are left
out rather than shown without a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from claims.contracts import Column, Lang, table
from serving.money import money_text
from serving.texts import text
from serving.wording import rule_by_id

#: Fact -> the table whose contract describes it; "" where texts.toml does (``fact_<name>``).
_SOURCES = {
    "claim_type": "claims", "service_date": "claims", "service_end_date": "claims",
    "stay_days": "", "main_diagnosis": "claims", "department": "claims",
    "diagnosis_count": "claims", "procedure_count": "claims",
    "total_amount": "claims", "fund_amount": "claims", "account_amount": "claims",
    "self_amount": "claims", "line_count": "",
    "institution_class": "institutions", "level": "institutions", "district": "institutions",
    "licensed_beds": "institutions", "claims": "", "stays": "", "persons": "", "institutions": "",
    "sex": "insured", "age": "",
    "stay_id": "claims", "insured_id": "claims", "institution_id": "claims", "doctor_id": "claims",
}  # fmt: skip
#: Facts of a list's row.
_LIST = ("institution_class", "level", "district", "claim_type", "service_date", "sex")


def fact_rows(record: Mapping[str, Any], lang: Lang) -> list[tuple[str, str]]:
    """Return label and text of every fact of a record that is known."""
    facts, currency = record["facts"], record["currency"]
    rows = []
    for name, source in _SOURCES.items():
        value = facts.get(name)
        if value is None or (name == "stay_days" and facts.get("claim_type") != "inpatient"):
            continue
        if not source:
            rows.append((text(f"fact_{name}", lang), f"{value:,}"))
            continue
        column = table(source).columns[name]
        rows.append((column.label(lang), coded(column, value, currency, lang)))
    return rows


def list_facts(case: Mapping[str, Any], lang: Lang) -> list[str]:
    """Return the facts of a list's row, without labels."""
    shown = []
    for name in _LIST:
        value = case["facts"].get(name)
        if value in (None, "none", "unknown") or (name == "sex" and case["unit"] != "insured"):
            continue
        shown.append(coded(table(_SOURCES[name]).columns[name], value, "", lang))
    return shown


def coded(column: Column, value: Any, currency: str, lang: Lang) -> str:
    """Return a value as a person reads it."""
    if value == "unknown":
        return text("unknown", lang)
    if column.values:
        known = column.values.get(str(value))
        return known.text(lang) if known else str(value)
    if column.type == "money":
        return money_text(int(value), currency, lang)
    return f"{value:,}" if column.type == "integer" else str(value)


def line_rows(record: Mapping[str, Any], lang: Lang) -> list[dict[str, Any]]:
    """Return the lines of a claim that a rule names, then the largest, each with its rules."""
    contract = table("claim_lines").columns
    currency, facts = record["currency"], record["facts"]
    lines = [*(facts.get("evidence_lines") or []), *(facts.get("lines") or [])]
    rows = [
        {
            "id": line["line_id"],
            "day": line["line_date"],
            "item": line.get("item_name") or line["item_code"],
            "code": line["item_code"],
            "kind": coded(contract["item_class"], line["item_class"], currency, lang),
            "quantity": f"{line['quantity_milli'] / 1000:,g}",
            "price": money_text(line["unit_price"], currency, lang),
            "amount": money_text(line["amount"], currency, lang),
            "rules": _naming(record["rule_hits"], line["line_id"], lang),
        }
        for line in lines
    ]
    return sorted(rows, key=lambda row: not row["rules"])


def _naming(hits: Sequence[Mapping[str, Any]], line_id: str, lang: Lang) -> list[str]:
    return [rule_by_id()[h["rule_id"]].label(lang) for h in hits if line_id in h["evidence"]]
