"""What the verdicts of a plan say about the whole, read from the ledger and shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claims.contracts import Lang
from jihe import console
from jihe.home import Home
from jihe.texts import say
from sampling.estimate import Estimate, EstimateError, estimate
from sampling.ledger import Ledger


@dataclass(frozen=True)
class PlanEstimates:
    """The estimate from all drawn units, and from the random part alone where it allows one."""

    plan_id: str
    whole: Estimate
    random: Estimate | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        random = self.random.to_dict() if self.random else None
        return {"plan_id": self.plan_id, "all": self.whole.to_dict(), "random": random}


def plan_estimates(home: Path, plan_id: str) -> PlanEstimates:
    """Estimate the frame's total and rate; raises LedgerError or EstimateError."""
    ledger = Ledger(Home(home).ledger_url)
    try:
        plan = ledger.plan(plan_id)
        outcomes = ledger.outcomes(plan_id=plan_id)
    finally:
        ledger.close()
    whole = estimate(plan.design, plan.draws, outcomes)
    try:
        random = estimate(plan.design, plan.draws, outcomes, "random")
    except EstimateError:
        random = None
    return PlanEstimates(plan_id, whole, random)


def show_estimate(found: Estimate, plan_id: str, currency: str, lang: Lang) -> None:
    """Print one estimate in sentences."""
    console.heading(say("estimate_title", lang, plan=plan_id))
    total, rate = found.total, found.rate
    low, high = total.interval_95 or (None, None)
    amounts = {
        "total": total.estimate, "low": low, "high": high, "lower": total.lower_90,
    }  # fmt: skip
    shown = {name: console.money(value, currency) for name, value in amounts.items()}
    console.out.print(say("estimate_total", lang, **shown))
    low, high = rate.interval_95 or (float("nan"), float("nan"))
    text = say(
        "estimate_rate", lang, rate=f"{rate.estimate:.2%}", low=f"{low:.2%}", high=f"{high:.2%}"
    )
    console.out.print(text)
    text = say(
        "estimate_basis", lang, responded=found.responded, drawn=found.drawn,
        confirmed=found.confirmed, found=console.money(found.found, currency),
    )  # fmt: skip
    console.out.print(text)
    for note in found.notes:
        console.out.print(say("note", lang, text=note.text(lang)), soft_wrap=True)


def show_estimates(found: PlanEstimates, currency: str, lang: Lang) -> None:
    """Print the estimate from all drawn units, then from the random part alone."""
    show_estimate(found.whole, found.plan_id, currency, lang)
    if found.random:
        label = {
            "en": f"{found.plan_id}, random part alone",
            "zh": f"{found.plan_id}（仅随机部分）",
        }
        show_estimate(found.random, label[lang], currency, lang)
