"""The demo's last words: what came in, the list, the figures, the seal, the files."""

from __future__ import annotations

import math

from claims.contracts import Lang
from jihe import console
from jihe.demo import VAULT, DemoChoices, DemoResult
from jihe.estimate_words import show_counted
from jihe.summary import show_files, show_list, show_load, show_not_run, show_seal
from jihe.texts import say


def show_demo(result: DemoResult, choices: DemoChoices) -> None:
    """Print the summary in the chosen language."""
    lang, home = choices.lang, choices.out / "home"
    text = say(
        "demo_title", lang, insured=f"{choices.insured:,}", institutions=choices.institutions,
        pharmacies=choices.pharmacies, months=choices.months,
    )  # fmt: skip
    console.heading(text)
    show_load(result.first.report, home, lang)
    show_not_run(result.second, lang)
    show_list(result.second, lang)
    _show_measured(result, lang)
    _show_estimate(result, lang)
    show_seal(result.second, home, lang)
    show_files(home, lang, choices.out / VAULT)


def _show_measured(result: DemoResult, lang: Lang) -> None:
    measured = result.measured
    text = say(
        "truth_measured", lang, n=f"{measured.claims:,}", start=measured.start,
        positives=f"{measured.positives:,}", capacity=measured.capacity,
    )  # fmt: skip
    console.heading(text)
    k = measured.capacity
    headers = [
        say("ranking", lang), say("precision", lang, k=k), say("amount_found", lang, k=k),
        say("amount_share", lang), say("average_precision", lang),
    ]  # fmt: skip
    body = [
        [say(r.name, lang), f"{r.precision:.2f}", console.money(r.amount, "CNY"),
         f"{r.amount_share:.0%}", f"{r.average_precision:.3f}"]
        for r in measured.rankings
    ]  # fmt: skip
    console.rows(headers, body, right=(1, 2, 3, 4))


def _show_estimate(result: DemoResult, lang: Lang) -> None:
    show_counted(result.estimated, "CNY", lang)
    stated = result.estimated.totals.stated
    held = (stated.low or 0) <= result.confirmable <= (stated.high or math.inf)
    covered = "covers" if held else "misses"
    truth = console.money(result.confirmable, "CNY")
    console.out.print(say("estimate_truth", lang, truth=truth, word=say(covered, lang)))
