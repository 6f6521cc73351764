"""Estimates of a plan by size or in two stages, in words for the terminal; no unit is named."""

from __future__ import annotations

from claims.contracts import Lang
from jihe import console
from jihe.staged_estimates import StagedEstimates
from jihe.texts import say
from sampling.estimation.intervals import Quantity


def show_staged(found: StagedEstimates, currency: str, lang: Lang) -> None:
    """Print total, rate, what they rest on, and what must be known of them."""
    totals, came = found.totals, found.totals.returned
    console.heading(say("estimate_title", lang, plan=found.plan_id))
    lines = [
        say("staged_design", lang, method=method_words(found, lang)),
        say(
            "staged_total", lang, total=console.money(totals.total.estimate, currency),
            interval=interval_words(totals.total.quantity, currency, lang),
            lower=console.money(totals.total.quantity.lower_90, currency),
        ),
        _rate(totals.rate, lang),
        say(
            "estimate_basis", lang, responded=came.responded, drawn=came.drawn,
            confirmed=came.confirmed, found=console.money(came.found, currency),
        ),
        say(
            "staged_institutions", lang, answered=came.institutions_answered,
            drawn=came.institutions_drawn, whole=totals.institutions,
        ),
    ]  # fmt: skip
    if totals.random is not None:
        lines.append(say(
            "staged_random", lang, total=console.money(totals.random.estimate, currency),
            interval=interval_words(totals.random.quantity, currency, lang),
        ))  # fmt: skip
    lines += [say("note", lang, text=note.text(lang)) for note in totals.notes]
    for line in lines:
        console.out.print(line, soft_wrap=True, markup=False)


def method_words(found: StagedEstimates, lang: Lang) -> str:
    """Return how the plan was drawn, in words."""
    totals = found.totals
    if totals.kind == "pps":
        return say("staged_pps", lang)
    return say("staged_two_by_size" if totals.by_size else "staged_two_strata", lang)


def interval_words(q: Quantity, currency: str, lang: Lang) -> str:
    """Return the interval that is stated, in words."""
    if q.standard_error == 0:
        return say("interval_exact", lang)
    if q.interval_95_t is None:
        return say("interval_none", lang)
    low, high = q.interval_95_t
    return say("interval_student", lang, low=console.money(low, currency),
               high=console.money(high, currency))  # fmt: skip


def _rate(rate: Quantity, lang: Lang) -> str:
    low, high = rate.interval_95_t or (float("nan"), float("nan"))
    return say("estimate_rate", lang, rate=f"{rate.estimate:.2%}", low=f"{low:.2%}",
               high=f"{high:.2%}")  # fmt: skip
