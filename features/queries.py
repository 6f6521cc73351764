"""Query builders: the catalogue's atoms become one SQL text per kind of table.

The texts are portable (DuckDB in batch, SQLite online, Spark; features.dialects) and know these
relations, all of integers and text, times in microseconds or days since 1970:

``claim_rows``, ``OWN_ROWS``    the claims to describe and what they hold: lines, diagnoses, …;
``insured_rows, institution_rows`` and the reference lists (``*_rows``);
``target``    the claims to describe with the sums of their lines (made by ``facts_sql``);
``history``   the same for all claims that may be looked back at, with their rule hits;
``history_items, history_diagnoses, history_procedures, history_traces``    what those claims
    held (made by ``history_parts``);
``exempt``    claims that a lawful reason explains (features.exemptions);
``cut_dates`` as-of dates; ``peer_rows`` comparable claims as of a date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from features import people_queries
from features.catalogue import Feature, of
from features.dialects import dialect as dialect
from features.finishing import PEER_MINIMUM

#: Tables whose features describe one claim, in the order of the matrix.
CLAIM_TABLES = ("claim", "history", "supply", "place", "peer")
#: Longest look-back of claim history and of institution profiles, in days.
HISTORY_DAYS = 365
PROFILE_DAYS = 730
PLACE_MICROSECONDS = 30 * 60 * 1_000_000

#: Sums of a claim's lines; every name is a column of ``target`` and ``history``.
LINE_FACTS = {
    "line_count": "COUNT(l.line_id)",
    "drug_amount": "CAST(SUM(l.amount) FILTER (WHERE l.item_class = 'drug') AS BIGINT)",
    "exam_amount": "CAST(SUM(l.amount) FILTER (WHERE l.item_class IN ('exam', 'lab')) AS BIGINT)",
    "consumable_amount": "CAST(SUM(l.amount) FILTER (WHERE l.item_class = 'consumable') AS BIGINT)",
    "bed_amount": "CAST(SUM(l.amount) FILTER (WHERE l.item_class IN ('bed', 'nursing')) AS BIGINT)",
    "largest_line": "MAX(l.amount)",
    "largest_quantity": "MAX(l.quantity_milli)",
    "days_supply": "MAX(l.days_supply)",
    "charged_days": "COUNT(DISTINCT l.line_day)",
    "active_days": "COUNT(DISTINCT l.line_day) "
    "FILTER (WHERE l.item_class NOT IN ('bed', 'nursing'))",
    "item_count": "COUNT(DISTINCT l.item_code)",
    "drug_items": "COUNT(DISTINCT l.item_code) FILTER (WHERE l.item_class = 'drug')",
    "prescription_count": "COUNT(DISTINCT l.prescription_id)",
    "covered_amount": "CAST(SUM(l.covered_amount) AS BIGINT)",
    "uncovered_amount": "CAST(SUM(l.amount) FILTER (WHERE l.pay_class = 'self') AS BIGINT)",
    "taken_home_amount": "CAST(SUM(l.amount) FILTER (WHERE l.discharge_drug = 1) AS BIGINT)",
}
#: Line sums that are nothing, not unknown, where the claim has other lines.
_ZERO_IF_OTHER_LINES = {
    "drug_amount", "exam_amount", "consumable_amount", "bed_amount", "uncovered_amount",
    "taken_home_amount",
}  # fmt: skip
#: What the lists of reference say of a claim: flags of 0 and 1, and its payment group.
LIST_FACTS = {
    "mild": "CASE WHEN m.claim_id IS NOT NULL THEN 1 ELSE 0 END",
    "holiday": "CASE WHEN y.claim_id IS NOT NULL THEN 1 ELSE 0 END",
    "group_weight": "g.group_weight",
    "group_amount": "g.group_amount",
}
_IN_FORCE = (
    "c.service_day >= r.valid_from_day AND (r.valid_to_day IS NULL OR c.service_day < "
    "r.valid_to_day)"
)
_LISTS = f"""
    LEFT JOIN (
      SELECT c.claim_id FROM claim_rows c
      JOIN mild_diagnosis_rows r ON r.diagnosis_code = c.main_diagnosis AND {_IN_FORCE}
      GROUP BY c.claim_id) m ON m.claim_id = c.claim_id
    LEFT JOIN (
      SELECT c.claim_id FROM claim_rows c
      JOIN holiday_rows r ON r.day_kind = 'holiday' AND {_IN_FORCE}
      GROUP BY c.claim_id) y ON y.claim_id = c.claim_id
    LEFT JOIN (
      SELECT c.claim_id,
        COALESCE(MAX(r.weight_10000) FILTER (WHERE r.level = o.level),
          MAX(r.weight_10000)) AS group_weight,
        COALESCE(MAX(r.standard_amount) FILTER (WHERE r.level = o.level),
          MAX(r.standard_amount)) AS group_amount
      FROM claim_rows c
      LEFT JOIN institution_rows o ON o.institution_id = c.institution_id
      JOIN drg_rows r ON r.drg_code = c.drg_code AND {_IN_FORCE}
        AND (r.level = 'all' OR r.level = o.level)
      GROUP BY c.claim_id) g ON g.claim_id = c.claim_id
"""

CLAIM_FACTS = (
    "claim_id", "stay_id", "insured_id", "institution_id", "doctor_id", "claim_type", "inpatient",
    "service_us", "service_day", "service_hour", "service_minute", "service_weekday",
    "service_end_day", "stay_days", "known_us", "reversed_us", "total_amount", "fund_amount",
    "pooled_amount", "account_amount", "self_amount", "insurance_type", "department",
    "discharge_way", "drg_code", "invoice_id", "main_diagnosis", "diagnosis_group",
    "diagnosis_count", "procedure_count",
)  # fmt: skip
#: What the registers say of the person; the person's insurance type stays in the register.
PERSON_FACTS = (
    "sex", "birth_day", "person_kind", "employer_id", "village_id", "chronic", "assisted",
)  # fmt: skip
#: Relations that hold the claims to describe, beside ``claim_rows``; online they hold one claim's.
OWN_ROWS = {
    "line_rows": (
        "line_id", "claim_id", "item_code", "item_class", "quantity_milli", "unit_price", "amount",
        "days_supply", "line_day", "doctor_id", "exec_doctor_id", "department", "prescription_id",
        "pay_class", "covered_amount", "discharge_drug",
    ),
    "diagnosis_rows": ("claim_id", "place", "diagnosis_code", "main"),
    "procedure_rows": (
        "claim_id", "place", "procedure_code", "main", "performed_us", "doctor_id",
        "anaesthetist_id",
    ),
    "trace_rows": (
        "trace_code", "institution_id", "item_code", "sold", "moved_us", "claim_id", "insured_id",
        "known_us",
    ),
}  # fmt: skip

#: A reversal is no service, and a reversed claim is none from the moment the fund knows it.
LIVE = "({h}.reversed_us IS NULL OR {h}.reversed_us >= {at})"


def facts_sql() -> str:
    """Return the text that makes ``target``: a claim with its person, place and line sums."""
    claim = ", ".join(f"c.{column}" for column in CLAIM_FACTS)
    person = ", ".join(f"p.{column} AS {column}" for column in PERSON_FACTS)
    lines = ", ".join(
        f"CASE WHEN s.line_count > 0 THEN COALESCE(s.{name}, 0) END AS {name}"
        if name in _ZERO_IF_OTHER_LINES else f"s.{name} AS {name}"
        for name in LINE_FACTS
    )  # fmt: skip
    sums = ", ".join(f"{sql} AS {name}" for name, sql in LINE_FACTS.items())
    listed = ", ".join(f"{sql} AS {name}" for name, sql in LIST_FACTS.items())
    return f"""
    SELECT {claim}, {person},
      COALESCE(o.institution_class, 'unknown') AS institution_class,
      COALESCE(o.level, 'none') AS level, COALESCE(o.district, 'unknown') AS district, {lines},
      {listed}
    FROM claim_rows c
    LEFT JOIN insured_rows p ON p.insured_id = c.insured_id
    LEFT JOIN institution_rows o ON o.institution_id = c.institution_id
    LEFT JOIN (SELECT l.claim_id, {sums} FROM line_rows l GROUP BY l.claim_id) s
      ON s.claim_id = c.claim_id
    {_LISTS}
    """


#: A month of 30 days since 1970, in microseconds.
MONTH_US = 30 * 86_400_000_000
#: A stay that was not taken back in the month in which it became known.
_STOOD = f"""d.inpatient = 1 AND (d.reversed_us IS NULL
      OR d.reversed_us // {MONTH_US} > d.known_us // {MONTH_US})"""


def history_parts() -> dict[str, str]:
    """Return the texts of what earlier claims held, one relation each.

    ``history_items`` has a row per claim and item: quantities and amounts add up, of the days'
    supply the longest counts (lines of one medicine in one claim are one supply).

    ``diagnosis_months`` counts the stays with a diagnosis that became known in a month, and
    ``diagnosis_items`` those of them that were billed an item; a stay that was taken back within
    its month is none. Whoever reads months before a claim's own sees nothing but what was known.
    """
    when = "c.service_day, c.known_us, c.reversed_us"
    return {
        "history_items": f"""
    SELECT c.claim_id, c.insured_id, c.institution_id, c.doctor_id, c.inpatient, l.item_code,
      MIN(l.item_class) AS item_class, {when}, CAST(SUM(l.quantity_milli) AS BIGINT)
      AS quantity_milli, CAST(SUM(l.amount) AS BIGINT) AS amount, MAX(l.days_supply) AS days_supply
    FROM line_rows l JOIN claim_rows c ON c.claim_id = l.claim_id
    GROUP BY c.claim_id, c.insured_id, c.institution_id, c.doctor_id, c.inpatient, l.item_code,
      {when}
    """,
        "history_diagnoses": f"""
    SELECT c.claim_id, c.insured_id, c.institution_id, d.diagnosis_code, c.inpatient, {when}
    FROM diagnosis_rows d JOIN claim_rows c ON c.claim_id = d.claim_id
    """,
        "history_procedures": f"""
    SELECT c.claim_id, c.insured_id, c.institution_id, p.procedure_code, p.doctor_id,
      p.performed_us, {when}
    FROM procedure_rows p JOIN claim_rows c ON c.claim_id = p.claim_id
    """,
        "history_traces": """
    SELECT r.trace_code, r.institution_id, r.item_code, r.sold, r.moved_us, r.claim_id,
      r.insured_id, r.known_us FROM trace_rows r
    """,
        "diagnosis_months": f"""
    SELECT d.diagnosis_code, d.known_us // {MONTH_US} AS month_no,
      COUNT(DISTINCT d.claim_id) AS stays
    FROM history_diagnoses d WHERE {_STOOD}
    GROUP BY d.diagnosis_code, d.known_us // {MONTH_US}
    """,
        "diagnosis_items": f"""
    SELECT s.diagnosis_code, s.month_no, i.item_code, COUNT(*) AS stays
    FROM (SELECT DISTINCT d.diagnosis_code, d.claim_id, d.known_us // {MONTH_US} AS month_no
      FROM history_diagnoses d WHERE {_STOOD}) s
    JOIN history_items i ON i.claim_id = s.claim_id AND i.amount > 0
    GROUP BY s.diagnosis_code, s.month_no, i.item_code
    """,
    }


def atoms_list(features: Sequence[Feature], inside: str) -> str:
    """Return the select list of all atoms, named ``<feature>:<position>``."""
    parts = []
    for feature in features:
        window = inside.replace("{days}", str(feature.window))
        for place, atom in enumerate(feature.atoms):
            parts.append(f'{atom.replace("{in}", window)} AS "{feature.name}:{place}"')
    return ", ".join(parts)


def claim_sql(features: Sequence[Feature]) -> str:
    """Return the text of features that need nothing but the claim itself."""
    return f"SELECT t.claim_id, {atoms_list(features, '')} FROM target t"


def history_sql(features: Sequence[Feature]) -> str:
    """Return the text of features over the person's claims known strictly before each claim.

    An atom over the claim alone stands inside MAX, since rows are grouped by claim.
    """
    grouped = [_grouped(feature) for feature in features]
    return f"""
    SELECT t.claim_id, {atoms_list(grouped, "h.service_day >= t.service_day - {days}")}
    FROM target t
    LEFT JOIN history h ON h.insured_id = t.insured_id AND h.known_us < t.known_us
      AND h.service_day >= t.service_day - {HISTORY_DAYS}
      AND {LIVE.format(h="h", at="t.known_us")}
    GROUP BY t.claim_id
    """


def _grouped(feature: Feature) -> Feature:
    aggregates = ("COUNT(", "SUM(", "MAX(", "MIN(")
    atoms = tuple(a if a.startswith(aggregates) else f"MAX({a})" for a in feature.atoms)
    return replace(feature, atoms=atoms)


def supply_sql(features: Sequence[Feature]) -> str:
    """Return the text of features over the drugs of each claim."""
    return people_queries.supply_sql(atoms_list(features, ""))


def place_sql(features: Sequence[Feature]) -> str:
    """Return the text of features over the same institution's half hour before each claim.

    A claim looks into its own half hour of the clock and the one before: an equality that an
    engine can hash, where the interval alone would compare every pair of an institution's claims.
    """
    return f"""
    SELECT t.claim_id, {atoms_list(features, "")}
    FROM (
      SELECT c.*, c.service_us // {PLACE_MICROSECONDS} - s.back AS half_hour
      FROM target c CROSS JOIN (SELECT 0 AS back UNION ALL SELECT 1 AS back) s
    ) t
    LEFT JOIN history n ON n.institution_id = t.institution_id AND n.known_us < t.known_us
      AND n.service_us // {PLACE_MICROSECONDS} = t.half_hour
      AND n.service_us <= t.service_us AND n.service_us >= t.service_us - {PLACE_MICROSECONDS}
      AND n.service_hour IS NOT NULL
      AND {LIVE.format(h="n", at="t.known_us")}
    GROUP BY t.claim_id
    """


#: Rungs of the peer ladder: from the closest comparison to the widest.
PEER_RUNGS = (
    "t.institution_class || '|' || t.level || '|' || t.claim_type || '|' || "
    "COALESCE(t.department, '') || '|' || COALESCE(t.diagnosis_group, '')",
    "t.institution_class || '|' || t.level || '|' || t.claim_type || '|' || "
    "COALESCE(t.diagnosis_group, '')",
    "t.institution_class || '|' || t.level || '|' || t.claim_type",
    "t.claim_type",
)
PEER_MEASURES = {
    "amount": "t.total_amount",
    "days": "CASE WHEN t.inpatient = 1 THEN t.stay_days END",
    "line": "t.largest_line",
    "day_cost": "CASE WHEN t.inpatient = 1 AND t.total_amount >= 0 "
    "THEN t.total_amount // (t.stay_days + 1) END",
}
#: What is known of a measure's distribution beside n, median and MAD, for percentiles.
PEER_QUANTILES = {"low": "0.05", "quarter": "0.25", "three": "0.75", "high": "0.95", "top": "0.99"}
RANKED_MEASURES = ("amount", "days")


def peer_sql(features: Sequence[Feature]) -> str:
    """Return the text of comparisons with claims of the same kind known before.

    ``profile_days`` names the as-of day that each claim looks up.
    """
    chosen = []
    joins = []
    for measure, own in PEER_MEASURES.items():
        chosen.append(f"{own} AS {measure}_value")
        for value in (
            "n",
            "median",
            "mad",
            *(PEER_QUANTILES if measure in RANKED_MEASURES else ()),
        ):
            cases = " ".join(
                f"WHEN e{rung}.{measure}_n >= {PEER_MINIMUM} THEN e{rung}.{measure}_{value}"
                for rung in range(len(PEER_RUNGS))
            )
            chosen.append(f"CASE {cases} END AS {measure}_{value}")
    for rung, key in enumerate(PEER_RUNGS):
        joins.append(
            f"LEFT JOIN peer_rows e{rung} ON e{rung}.as_of_day = d.as_of_day "
            f"AND e{rung}.peer_key = '{rung}|' || {key}"
        )
    return f"""
    SELECT t.claim_id, {atoms_list(features, "")}
    FROM target t
    LEFT JOIN (
      SELECT t.claim_id, {", ".join(chosen)}
      FROM target t JOIN profile_days d ON d.claim_id = t.claim_id {" ".join(joins)}
    ) e ON e.claim_id = t.claim_id
    """


#: Profile -> the column that names whom it describes.
PROFILE_KEYS = {
    "institution": "institution_id", "doctor": "doctor_id", "employer": "employer_id",
    "insured": "insured_id",
}  # fmt: skip
#: Profiles that a claim looks up, made at every cut date; the others only at the last one.
LOOKED_UP = ("institution", "doctor", "employer")
#: What the register of an entity adds to its profile.
REGISTERS = {
    "institution": "LEFT JOIN institution_rows o ON o.institution_id = h.institution_id",
    "doctor": "LEFT JOIN doctor_rows o ON o.doctor_id = h.doctor_id",
    "employer": people_queries.STAFF,
}


def profile_sql(features: Sequence[Feature], table: str) -> str:
    """Return the text of the profiles of one definition file as of each cut date."""
    key = PROFILE_KEYS[table]
    atoms = atoms_list(features, "h.service_day >= d.as_of_day - {days}")
    return f"""
    SELECT {", ".join(part for part in ("d.as_of_day", f"h.{key}", atoms) if part)}
    FROM cut_dates d
    JOIN history h ON h.known_us < d.as_of_us AND h.service_day < d.as_of_day
      AND h.service_day >= d.as_of_day - {PROFILE_DAYS} AND h.{key} IS NOT NULL
      AND {LIVE.format(h="h", at="d.as_of_us")}
    {REGISTERS.get(table, "")}
    GROUP BY d.as_of_day, h.{key}
    """


def all_texts(features: Sequence[Feature]) -> list[str]:
    """Return every text that computes something of these features: what their version covers."""
    profiles = [profile_sql(of(t, features), t) for t in PROFILE_KEYS]
    peers = [*PEER_RUNGS, *PEER_MEASURES.values()]
    parts = history_parts().values()
    return [facts_sql(), *parts, *claim_texts(features).values(), *profiles, *peers]


def claim_texts(features: Sequence[Feature]) -> dict[str, str]:
    """Return the query of each kind of claim feature, without those that have no feature."""
    builders = {
        "claim": claim_sql, "history": history_sql, "supply": supply_sql, "place": place_sql,
        "peer": peer_sql,
    }  # fmt: skip
    return {t: builders[t](of(t, features)) for t in CLAIM_TABLES if of(t, features)}
