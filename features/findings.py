"""Findings: what the rules of profiles say as of the last cut date, with what proves it.

In: a build. Out: ``Finding`` by unit, in the order of units and rules. A finding opens a case; it
is not a score. Evidence queries run at the last cut date alone; where they name claims, those that
the fund paid most for come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from claims.engine import run
from features.build import Build
from features.clock import day_number
from features.rules import PROFILE_OF, Rule


@dataclass(frozen=True)
class Finding:
    """One rule that hit a unit: how often, amount at stake in minor units, ids that prove it."""

    rule: Rule
    unit_id: str
    hits: int
    amount: int
    evidence: tuple[str, ...] = ()


def profile_findings(made: Build, profiles: Sequence[str], proofs: int = 0) -> list[Finding]:
    """Return the hits of the rules that judge these profiles as of the build's date.

    Args:
        profiles: institution, doctor, employer, insured.
        proofs: at most so many ids of evidence with each.
    """
    judging = {r.id: r for r in made.rules_of("profile") if PROFILE_OF[r.entity] in profiles}
    rows = run(
        made.con,
        """SELECT unit_id, rule_id, hits, COALESCE(amount, 0) FROM profile_hits
        WHERE as_of_day = $day ORDER BY unit_id, rule_id""",
        {"day": day_number(made.as_of)},
    )
    found = [Finding(judging[rule], unit, hits, amount) for unit, rule, hits, amount in rows
             if rule in judging]  # fmt: skip
    if not proofs:
        return found
    evidence = {rule_id: _evidence(made, judging[rule_id], proofs)
                for rule_id in sorted({finding.rule.id for finding in found})}  # fmt: skip
    return [
        replace(finding, evidence=tuple(evidence[finding.rule.id].get(finding.unit_id, ())))
        for finding in found
    ]


def _evidence(made: Build, rule: Rule, proofs: int) -> dict[str, list[str]]:
    """Return at most ``proofs`` ids for each unit that the rule hit, the dearest claims first."""
    if not rule.evidence:
        return {}
    day = day_number(made.as_of)
    run(
        made.con,
        f"CREATE OR REPLACE TEMP VIEW last_cut AS SELECT * FROM cut_dates WHERE as_of_day = {day}",
    )
    text = rule.evidence.replace("cut_dates", "last_cut")
    rows = run(
        made.con,
        f"""SELECT e.unit_id, e.evidence_id
        FROM (SELECT DISTINCT as_of_day, unit_id, evidence_id FROM ({text}) q) e
        JOIN profile_hits r ON r.as_of_day = e.as_of_day AND r.unit_id = e.unit_id
          AND r.rule_id = '{rule.id}'
        LEFT JOIN facts f ON f.claim_id = e.evidence_id
        QUALIFY row_number() OVER (PARTITION BY e.unit_id
          ORDER BY f.fund_amount DESC NULLS LAST, e.evidence_id) <= {int(proofs)}
        ORDER BY e.unit_id, f.fund_amount DESC NULLS LAST, e.evidence_id""",
        {name: value for name, value in rule.parameters.items() if f"${name}" in text},
    )
    found: dict[str, list[str]] = {}
    for unit_id, proof in rows:
        found.setdefault(unit_id, []).append(proof)
    return found
