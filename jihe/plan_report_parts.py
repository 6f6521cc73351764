"""What the report of every plan shows, whatever its design: seal, what came back, totals.

In: a plan, its dispositions, or an estimated quantity. Out: text for the templates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from claims.contracts import Lang
from jihe import console
from jihe.plan_report_words import disposition_name, say
from sampling.drawing.certificate import certificate_bytes, verify
from sampling.estimation.intervals import Quantity
from sampling.ledger import Plan
from sampling.outcome_rows import DISPOSITIONS

Record = dict[str, Any]


def seal_facts(plan: Plan, lang: Lang) -> Record:
    """Return what was sealed, and by whom it was made, as the page shows it."""
    c = plan.certificate
    scores: Mapping[str, str] = c["scores"]
    return {
        "sealed_at": c["seal"]["sealed_at"].replace("T", " ").split(".")[0] + " UTC",
        "drawn_on": plan.drawn_on.isoformat(), "mode": say(f"mode_{c['seal']['mode']}", lang),
        "note": c["seal"]["note"].get(lang, ""), "frame": c["frame"]["sha256"],
        "list": c["list"]["sha256"], "seed": c["seed"],
        "seed_hash": hashlib.sha256(bytes.fromhex(c["seed"])).hexdigest(),
        "certificate": hashlib.sha256(certificate_bytes(c)).hexdigest(),
        "key": c["public_key"], "signed": verify(c), "as_of": scores["as_of_date"],
        "model": scores["model_version"], "rules": scores["rules_version"],
        "catalogue": scores["catalogue_version"],
    }  # fmt: skip


def disposition_rows(given: Mapping[str, int], lang: Lang) -> list[Record]:
    """Return the dispositions that were given, each with its number and whether it is final."""
    return [
        {"name": disposition_name(name, lang), "count": f"{given[name]:,}",
         "final": value.label is not None}
        for name, value in DISPOSITIONS.items() if given.get(name)
    ]  # fmt: skip


def quantity_facts(q: Quantity, currency: str) -> Record:
    """Return an estimated amount with its error and intervals; a dash where there is none."""
    low, high = q.interval_95_t or (None, None)
    return {
        "total": console.money(q.estimate, currency),
        "error": console.money(q.standard_error, currency),
        "low": console.money(low, currency), "high": console.money(high, currency),
        "lower": console.money(q.lower_90, currency), "stated": low is not None,
        "df": "–" if q.df is None else f"{q.df:,.1f}",
    }  # fmt: skip


def rate_facts(rate: Quantity) -> Record:
    """Return an estimated share with its interval."""
    low, high = rate.interval_95_t or (None, None)
    return {
        "rate": f"{rate.estimate:.2%}", "low": "–" if low is None else f"{low:.2%}",
        "high": "–" if high is None else f"{high:.2%}",
    }  # fmt: skip
