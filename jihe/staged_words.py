"""Estimates of a plan by size or in two stages, in words for the terminal; no unit is named."""

from __future__ import annotations

from collections.abc import Iterable

from claims.contracts import Lang
from jihe import console
from jihe.estimate_words import class_name, interval_text
from jihe.staged_estimates import StagedEstimates
from jihe.texts import say
from sampling.estimation.intervals import Quantity
from sampling.estimation.plan_totals import Stated
from sampling.estimation.staged_totals import StagedTotals


def show_staged(found: StagedEstimates, currency: str, lang: Lang) -> None:
    """Print total, rate, what they rest on, and what must be known of them."""
    totals, came = found.totals, found.totals.returned
    console.heading(say("estimate_title", lang, plan=found.plan_id))
    lines = [
        say("staged_design", lang, method=method_words(found, lang)),
        say(
            "staged_total", lang, total=console.money(totals.total.estimate, currency),
            interval=interval_text(totals.stated, currency, lang),
            lower=console.money(totals.stated.lower_90, currency),
        ),
        *_resampled(totals, currency, lang),
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
    if totals.random is not None and totals.random_stated is not None:
        lines.append(say(
            "staged_random", lang, total=console.money(totals.random.estimate, currency),
            interval=interval_text(totals.random_stated, currency, lang),
        ))  # fmt: skip
    _print(lines)
    _show_classes(totals, currency, lang)
    _print([say("note", lang, text=note.text(lang)) for note in totals.notes])


def method_words(found: StagedEstimates, lang: Lang) -> str:
    """Return how the plan was drawn, in words."""
    totals = found.totals
    if totals.kind == "pps":
        return say("staged_pps", lang)
    return say("staged_two_by_size" if totals.by_size else "staged_two_strata", lang)


def _resampled(totals: StagedTotals, currency: str, lang: Lang) -> list[str]:
    """Return what the stated interval rests on where it is the bootstrap's."""
    boot, formula = totals.bootstrap, totals.total.quantity
    if boot is None or formula.interval_95_t is None:
        return []
    low, high = formula.interval_95_t
    return [
        say("staged_resampled", lang, replicates=f"{boot.replicates:,}", plan=totals.plan_id),
        say("staged_student", lang, low=console.money(low, currency),
            high=console.money(high, currency), lower=console.money(formula.lower_90, currency)),
    ]  # fmt: skip


def _show_classes(totals: StagedTotals, currency: str, lang: Lang) -> None:
    if not totals.classes:
        _print([say("staged_no_classes", lang)])
        return
    console.heading(say("staged_classes", lang))
    keys = ("class", "institutions", "responded", "confirmed", "total", "interval_t", "lower_90")
    body = [
        [class_name(d.name, lang) + (" †" if d.unsafe else ""),
         f"{d.institutions_answered:,} / {d.institutions:,}", f"{d.responded:,}",
         f"{d.confirmed:,}", console.money(d.total.estimate, currency),
         _between(d.stated, currency, lang), console.money(d.stated.lower_90, currency)]
        for d in totals.classes
    ]  # fmt: skip
    console.rows([say(f"column_{k}", lang) for k in keys], body, right=tuple(range(1, 7)))
    if any(d.unsafe for d in totals.classes):
        _print([say("staged_boot_mark", lang)])


def _between(stated: Stated, currency: str, lang: Lang) -> str:
    if stated.low is None:
        return "–"
    low = console.money(stated.low, currency)
    if stated.high is None:
        return say("staged_from", lang, low=low)
    return f"{low} – {console.money(stated.high, currency)}"


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        console.out.print(line, soft_wrap=True, markup=False)


def _rate(rate: Quantity, lang: Lang) -> str:
    low, high = rate.interval_95_t or (float("nan"), float("nan"))
    return say("estimate_rate", lang, rate=f"{rate.estimate:.2%}", low=f"{low:.2%}",
               high=f"{high:.2%}")  # fmt: skip
