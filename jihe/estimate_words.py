"""Estimates in words and tables for the terminal, in both languages; no unit is named."""

from __future__ import annotations

from collections.abc import Iterable

from claims.contracts import Lang, table
from jihe import console
from jihe.estimates import CombinedEstimates, PlanEstimates
from jihe.texts import say
from sampling.estimation.estimate import Estimate
from sampling.estimation.intervals import Quantity
from sampling.estimation.plan_totals import PlanTotals, Stated
from sampling.faults import Fault

METHODS = ("expansion", "greg", "ratio", "difference")


def show_counted(found: PlanEstimates, currency: str, lang: Lang) -> None:
    """Print the total of one plan that counts, the rate, and what both rest on."""
    console.heading(say("estimate_title", lang, plan=found.plan_id))
    console.out.print(_counted(found.totals, currency, lang), soft_wrap=True)
    _show_rate(found.whole, lang)
    _show_basis(found.whole, currency, lang)


def show_plan(found: PlanEstimates, currency: str, lang: Lang) -> None:
    """Print every estimate of one plan, the one that counts first."""
    totals = found.totals
    show_counted(found, currency, lang)
    console.heading(say("totals_title", lang))
    _show_methods(totals, currency, lang)
    console.heading(say("domains_title", lang))
    _show_domains(totals, currency, lang)
    for line in other_lines(totals, currency, lang):
        console.out.print(line, soft_wrap=True)
    if found.random:
        total = found.random.total
        low, high = total.interval_95_t or (None, None)
        line = say(
            "random_part", lang, total=console.money(total.estimate, currency),
            low=console.money(low, currency), high=console.money(high, currency),
            responded=found.random.responded,
        )  # fmt: skip
        console.out.print(line, soft_wrap=True)
    _show_notes(totals.notes, lang)


def show_combined(found: CombinedEstimates, currency: str, lang: Lang) -> None:
    """Print the total of several plans, then a row per plan and what was left out."""
    plans = say("list_comma_plans", lang).join(p.plan_id for p in found.plans)
    console.heading(say("combined_title", lang, plans=plans))
    total = found.total.quantity
    low, high = total.interval_95_t or (None, None)
    console.out.print(
        say("combined_total", lang, total=console.money(total.estimate, currency),
            low=console.money(low, currency), high=console.money(high, currency),
            lower=console.money(total.lower_90, currency)),
        soft_wrap=True,
    )  # fmt: skip
    console.out.print(say(f"combined_{found.how}", lang), soft_wrap=True)
    headers = [say(f"column_{c}", lang) for c in ("plan", "method", "total", "error", "responded")]
    body = [
        [p.plan_id, method_name(p.totals.primary, lang),
         console.money(p.totals.total.estimate, currency),
         console.money(p.totals.total.quantity.standard_error, currency),
         str(p.whole.responded)]
        for p in found.plans
    ]  # fmt: skip
    console.rows(headers, body, right=(2, 3, 4))
    for name, fault in found.left_out.items():
        told = say("combined_left_out", lang, plan=name, why=fault.text(lang))
        console.out.print(told, soft_wrap=True)
    if any(p.totals.unsafe for p in found.plans):
        console.out.print(say("combined_unsafe", lang), soft_wrap=True)
    _show_notes(found.total.notes, lang)


def method_name(method: str, lang: Lang) -> str:
    """Return the name of an estimator for a person."""
    return say(f"method_{method}", lang)


def class_name(name: str, lang: Lang) -> str:
    """Return the label of a class of institutions, or of several that were merged."""
    labels = table("institutions").columns["institution_class"].values
    parts = [labels[p].text(lang) if p in labels else _other_class(p, lang)
             for p in name.split("+")]  # fmt: skip
    return " + ".join(parts)


def _other_class(name: str, lang: Lang) -> str:
    known = {"insured", "unknown", "none", "all"}
    return say(f"class_{name}", lang) if name in known else name


def interval_text(stated: Stated, currency: str, lang: Lang) -> str:
    """Return the stated interval in words, with what it rests on."""
    key = f"interval_{stated.kind}"
    if stated.kind == "studentised" and stated.high is None:
        key = "interval_studentised_open"
    return say(
        key, lang, low=console.money(stated.low, currency),
        high=console.money(stated.high, currency),
    )  # fmt: skip


def other_lines(totals: PlanTotals, currency: str, lang: Lang) -> list[str]:
    """Return what is said beside the total: missing verdicts, limits that always hold."""
    lines = []
    if totals.extremes:
        low, high = totals.extremes.interval_95 or (None, None)
        lines.append(say(
            "extremes", lang, missing=totals.verdicts.answered.missing,
            lowest=console.money(totals.extremes.lowest.estimate, currency),
            highest=console.money(totals.extremes.highest.estimate, currency),
            low=console.money(low, currency), high=console.money(high, currency),
        ))  # fmt: skip
    if totals.exact:
        exact = totals.exact
        lines.append(say("exact_findings", lang, least=f"{exact.least_findings:,}",
                         most=f"{exact.most_findings:,}"))  # fmt: skip
        if exact.most_total is not None:
            most = console.money(exact.most_total, currency)
            lines.append(say("exact_total", lang, most=most))
        else:
            lines.append(say("exact_no_total", lang))
    return lines


def _counted(totals: PlanTotals, currency: str, lang: Lang) -> str:
    return say(
        "counted_total", lang, method=method_name(totals.primary, lang),
        total=console.money(totals.total.estimate, currency),
        interval=interval_text(totals.stated, currency, lang),
        lower=console.money(totals.stated.lower_90, currency),
    )  # fmt: skip


def _show_methods(totals: PlanTotals, currency: str, lang: Lang) -> None:
    keys = ("method", "total", "error", "interval_t", "lower_90")
    body = []
    for name in METHODS:
        if name in totals.methods:
            mark = " ◂" if name == totals.primary else ""
            quantity = totals.methods[name].quantity
            body.append([method_name(name, lang) + mark, *_cells(quantity, currency)])
    console.rows([say(f"column_{k}", lang) for k in keys], body, right=(1, 2, 3, 4))
    console.out.print(say("methods_told", lang), soft_wrap=True)
    for name, boot in totals.resampled.items():
        low, high = boot.studentised_95 or (None, None)
        line = say(
            "resampled", lang, method=method_name(name, lang), replicates=boot.replicates,
            low=console.money(low, currency), high=console.money(high, currency),
            lower=console.money(boot.studentised_lower_90, currency),
        )  # fmt: skip
        console.out.print(line, soft_wrap=True)
    if "difference" in totals.methods:
        _show_notes(totals.methods["difference"].notes, lang)


def _show_domains(totals: PlanTotals, currency: str, lang: Lang) -> None:
    keys = ("class", "units", "responded", "confirmed", "total", "error", "interval_t", "lower_90")
    body = [
        [class_name(d.name, lang), f"{d.units:,}", f"{d.responded:,}",
         f"{d.confirmed:,}" + (" †" if d.few else ""), *_cells(d.total, currency)]
        for d in totals.domains
    ]  # fmt: skip
    console.rows([say(f"column_{k}", lang) for k in keys], body, right=tuple(range(1, 8)))
    if any(d.few for d in totals.domains):
        console.out.print(say("few_told", lang), soft_wrap=True)


def _cells(q: Quantity, currency: str) -> list[str]:
    low, high = q.interval_95_t or (None, None)
    between = f"{console.money(low, currency)} – {console.money(high, currency)}"
    return [
        console.money(q.estimate, currency), console.money(q.standard_error, currency),
        between if low is not None else "–", console.money(q.lower_90, currency),
    ]  # fmt: skip


def _show_rate(found: Estimate, lang: Lang) -> None:
    low, high = found.rate.interval_95 or (float("nan"), float("nan"))
    text = say(
        "estimate_rate", lang, rate=f"{found.rate.estimate:.2%}", low=f"{low:.2%}",
        high=f"{high:.2%}",
    )  # fmt: skip
    console.out.print(text)


def _show_basis(found: Estimate, currency: str, lang: Lang) -> None:
    text = say(
        "estimate_basis", lang, responded=found.responded, drawn=found.drawn,
        confirmed=found.confirmed, found=console.money(found.found, currency),
    )  # fmt: skip
    console.out.print(text)


def _show_notes(notes: Iterable[Fault], lang: Lang) -> None:
    for note in notes:
        console.out.print(say("note", lang, text=note.text(lang)), soft_wrap=True)
