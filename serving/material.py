"""What a batch knows about chosen units beside their features: rule hits with evidence, and facts.

In: a ``features.build.Build`` and unit ids. Out: hits, facts and peer groups by unit id, as the
records take them. Only publishing uses this module; nothing here runs when a page is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from features.clock import cut, day_of
from serving.distributions import peer_group
from serving.records import EVIDENCE, Hit
from serving.registers import age_on

if TYPE_CHECKING:
    from features.build import Build

#: Lines of a claim shown with its facts: the largest ones.
LINES = 12
_UNIT_KEY = {"claim": "claim_id", "insured": "insured_id", "institution": "institution_id"}
_CLAIM_FACTS = """
SELECT f.claim_id, f.claim_type, f.service_day, f.service_end_day, f.stay_days, f.total_amount,
  f.fund_amount, f.account_amount, f.self_amount, f.main_diagnosis, f.diagnosis_count,
  f.procedure_count, c.department, f.insured_id, f.institution_id, f.doctor_id, f.stay_id,
  f.institution_class, f.level, f.district, f.sex, f.birth_day, f.line_count
FROM facts f JOIN wanted w ON w.unit_id = f.claim_id JOIN claims c ON c.claim_id = f.claim_id
"""
_LINE = """claim_id, line_id, line_date, item_code, item_name, item_class, quantity_milli,
  unit_price, amount"""
_CLAIM_LINES = f"""
SELECT {_LINE}
FROM claim_lines JOIN wanted ON unit_id = claim_id
QUALIFY row_number() OVER (PARTITION BY claim_id ORDER BY amount DESC, line_id) <= {LINES}
ORDER BY claim_id, amount DESC, line_id
"""
_SUMS = """count(*) AS claims, count(DISTINCT f.insured_id) AS persons,
  count(DISTINCT f.institution_id) AS institutions, CAST(sum(f.inpatient) AS BIGINT) AS stays,
  CAST(sum(f.total_amount) AS BIGINT) AS total_amount,
  CAST(sum(f.fund_amount) AS BIGINT) AS fund_amount"""


def unit_hits(made: Build, unit: str, unit_ids: Sequence[str]) -> dict[str, list[Hit]]:
    """Return the rule hits of the units, each with at most 20 ids that prove it.

    A claim's evidence are lines or other claims; that of an institution or a person are the claims
    that were hit, by amount at stake, and its hits are how many.
    """
    _want(made, unit_ids)
    key = _UNIT_KEY[unit]
    hits = "sum(h.hits)" if unit == "claim" else "count(*)"
    rows = made.con.execute(
        f"""SELECT f.{key}, h.rule_id, CAST({hits} AS BIGINT),
        CAST(COALESCE(sum(h.amount), 0) AS BIGINT)
        FROM rule_hits h JOIN facts f ON f.claim_id = h.claim_id
        JOIN wanted w ON w.unit_id = f.{key}
        WHERE {_live(made)} GROUP BY f.{key}, h.rule_id ORDER BY f.{key}, h.rule_id"""
    ).fetchall()
    evidence = _line_evidence(made) if unit == "claim" else _claim_evidence(made, key)
    found: dict[str, list[Hit]] = {}
    for unit_id, rule_id, times, amount in rows:
        proof = tuple(evidence.get((unit_id, rule_id), ()))
        found.setdefault(unit_id, []).append(Hit(rule_id, times, amount, proof))
    return found


def unit_facts(made: Build, unit: str, unit_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the raw facts of the units, without anything that names a person."""
    _want(made, unit_ids)
    if unit == "claim":
        return _claim_facts(made)
    return _place_facts(made) if unit == "institution" else _person_facts(made)


def peer_groups(made: Build, unit: str, unit_ids: Sequence[str]) -> list[str]:
    """Return the peer group of each unit, in the order of ``unit_ids``."""
    _want(made, unit_ids)
    known: dict[str, dict[str, Any]] = {}
    if unit == "claim":
        known = _by_id(made, "SELECT claim_id, institution_class, claim_type FROM facts")
    elif unit == "institution":
        known = _by_id(made, "SELECT institution_id, institution_class FROM institution_rows")
    return [peer_group(unit, known.get(unit_id, {})) for unit_id in unit_ids]


def _want(made: Build, unit_ids: Sequence[str]) -> None:
    made.con.register("wanted", pa.table({"unit_id": pa.array(list(unit_ids), pa.string())}))


def _live(made: Build) -> str:
    return f"(f.reversed_us IS NULL OR f.reversed_us >= {cut(made.as_of, made.zone)})"


def _by_id(made: Build, sql: str) -> dict[str, dict[str, Any]]:
    """Return rows by their first column, without it."""
    rows = made.con.sql(sql).to_arrow_table().to_pylist()
    return {str(next(iter(row.values()))): dict(list(row.items())[1:]) for row in rows}


def _line_evidence(made: Build) -> dict[tuple[str, str], list[str]]:
    evidence: dict[tuple[str, str], list[str]] = {}
    for rule in made.rules_of("claim"):
        if not rule.evidence:
            continue
        rows = made.con.execute(
            f"""SELECT DISTINCT e.claim_id, e.evidence_id FROM ({rule.evidence}) e
            JOIN wanted w ON w.unit_id = e.claim_id ORDER BY ALL""",
            {n: value for n, value in rule.parameters.items() if f"${n}" in rule.evidence},
        ).fetchall()
        for claim_id, proof in rows:
            known = evidence.setdefault((claim_id, rule.id), [])
            if len(known) < EVIDENCE:
                known.append(proof)
    return evidence


def _claim_evidence(made: Build, key: str) -> dict[tuple[str, str], list[str]]:
    rows = made.con.execute(
        f"""SELECT f.{key}, h.rule_id, h.claim_id
        FROM rule_hits h JOIN facts f ON f.claim_id = h.claim_id
        JOIN wanted w ON w.unit_id = f.{key}
        WHERE {_live(made)}
        QUALIFY row_number() OVER (PARTITION BY f.{key}, h.rule_id
            ORDER BY COALESCE(h.amount, 0) DESC, h.claim_id) <= {EVIDENCE}
        ORDER BY f.{key}, h.rule_id, COALESCE(h.amount, 0) DESC, h.claim_id"""
    ).fetchall()
    evidence: dict[tuple[str, str], list[str]] = {}
    for unit_id, rule_id, claim_id in rows:
        evidence.setdefault((unit_id, rule_id), []).append(claim_id)
    return evidence


def _claim_facts(made: Build) -> dict[str, dict[str, Any]]:
    facts = _by_id(made, _CLAIM_FACTS)
    for fact in facts.values():
        fact["age"] = age_on(fact["service_day"], fact.pop("birth_day"))
        fact["service_date"] = day_of(fact.pop("service_day"))
        fact["service_end_date"] = day_of(fact.pop("service_end_day"))
        fact["lines"] = []
    for line in made.con.sql(_CLAIM_LINES).to_arrow_table().to_pylist():
        facts[line.pop("claim_id")]["lines"].append(line)
    return facts


def _place_facts(made: Build) -> dict[str, dict[str, Any]]:
    sums = _by_id(
        made,
        f"""SELECT f.institution_id, {_SUMS}
        FROM facts f JOIN wanted w ON w.unit_id = f.institution_id
        WHERE {_live(made)} GROUP BY f.institution_id""",
    )
    register = _by_id(
        made,
        "SELECT institution_id, institution_class, level, district, licensed_beds "
        "FROM institution_rows JOIN wanted ON unit_id = institution_id",
    )
    for unit_id, fact in sums.items():
        fact.pop("institutions")
        sums[unit_id] = {**register.get(unit_id, {}), **fact}
    return sums


def _person_facts(made: Build) -> dict[str, dict[str, Any]]:
    sums = _by_id(
        made,
        f"""SELECT f.insured_id, any_value(f.sex ORDER BY f.claim_id) AS sex, {_SUMS}
        FROM facts f JOIN wanted w ON w.unit_id = f.insured_id
        WHERE {_live(made)} GROUP BY f.insured_id""",
    )
    for fact in sums.values():
        fact.pop("persons")
    return sums


def material(
    made: Build, unit: str, unit_ids: Sequence[str]
) -> tuple[Mapping[str, Sequence[Hit]], Mapping[str, Mapping[str, Any]]]:
    """Return hits and facts of the units; a claim's facts include the lines that prove a hit."""
    hits, facts = unit_hits(made, unit, unit_ids), unit_facts(made, unit, unit_ids)
    if unit == "claim":
        _add_evidence_lines(made, hits, facts)
    return hits, facts


def _add_evidence_lines(
    made: Build, hits: Mapping[str, Sequence[Hit]], facts: Mapping[str, dict[str, Any]]
) -> None:
    """Add the lines that a rule names and that are not among the largest."""
    shown = {line["line_id"] for fact in facts.values() for line in fact["lines"]}
    named = {i for own in hits.values() for hit in own for i in hit.evidence} - shown
    made.con.register("named_lines", pa.table({"line_id": pa.array(sorted(named), pa.string())}))
    rows = made.con.sql(
        f"SELECT {_LINE} FROM claim_lines JOIN named_lines USING (line_id) "
        "ORDER BY claim_id, amount DESC, line_id"
    ).to_arrow_table()
    for line in rows.to_pylist():
        fact = facts.get(line.pop("claim_id"))
        if fact is not None:
            fact.setdefault("evidence_lines", []).append(line)
