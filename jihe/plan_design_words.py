"""A proposed design in words and tables for the terminal, in both languages; no unit is named."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.markup import escape

from claims.contracts import Lang
from jihe import console
from jihe.plan_proposals import Point, Proposal
from jihe.plan_report_words import stratum_name
from jihe.texts import say
from sampling.planning.frontier import WIDER, Forecast, strata_table
from sampling.planning.quota_file import Quota
from sampling.planning.quotas import QuotaResult

NONE = "–"


def show_proposal(made: Proposal, lang: Lang, frame_from: str | None = None) -> None:
    """Print what was asked, the dial, the quotas and the strata of the design in detail."""
    currency = made.found.currency
    console.heading(say(
        "design_title", lang, units=f"{len(made.found.units):,}", day=made.found.day.isoformat(),
        unit=say(f"design_unit_{made.found.units.unit}", lang),
    ))  # fmt: skip
    for line in _opening(made, currency, lang):
        _told(line)
    console.heading(say("design_dial", lang))
    _show_dial(made, currency, lang)
    for line in _dial_notes(made, currency, lang):
        _told(line)
    if made.quotas:
        console.heading(say("design_quotas", lang))
        _show_quotas(made, currency, lang)
    console.heading(say("design_strata", lang, share=percent(made.planned.design.random_share)))
    _show_strata(made, currency, lang)
    console.out.print()
    _told(
        say("design_nothing", lang) + (" " if lang == "en" else "") + _run(made, lang, frame_from)
    )


def show_written(path: Path, lang: Lang) -> None:
    """Say where the record is."""
    console.out.print(say("report_written", lang, path=escape(str(path))), soft_wrap=True)


def percent(share: Decimal) -> str:
    """Return a share as it was written, in percent: 0.125 is 12.5 %."""
    return f"{(share * 100).normalize():f} %"


def _told(text: str) -> None:
    """Print a sentence, wrapped between words, without colours for its numbers."""
    console.out.print(escape(text), highlight=False)


def _opening(made: Proposal, currency: str, lang: Lang) -> list[str]:
    options, model = made.wishes.options, made.found.units.model
    names = [*options.dimensions, options.band]
    dimensions = say("design_comma", lang).join(say(f"design_dimension_{n}", lang) for n in names)
    lines = [
        say("design_choice", lang, capacity=f"{made.planned.design.capacity:,}",
            rule=say(f"design_rule_{options.allocation}", lang), dimensions=dimensions)
    ]  # fmt: skip
    if model is None:
        lines.append(say("design_unpredicted", lang))
    else:
        lines.append(say("design_predicted", lang, total=console.money(model.total, currency)))
    if made.size is not None:
        lines.append(say(
            "design_size", lang, width=console.money(made.size.half_width, currency),
            units=f"{made.size.units:,}", simple=f"{made.size.simple_units:,}",
        ))  # fmt: skip
        if made.size.probe is not None:
            lines.append(say(
                "design_probe", lang, plan=made.size.probe.plan_id,
                verdicts=f"{made.size.probe.probe.n:,}", confirmed=made.size.probe.confirmed,
                units=f"{made.size.probe_units:,}",
            ))  # fmt: skip
    return lines


def _show_dial(made: Proposal, currency: str, lang: Lang) -> None:
    predicted = made.found.units.model is not None
    keys = ["recovery", "findings", "width", "width_score"] if predicted else []
    keys += ["hours"] if made.planned.hours else []
    keys += ["covered"] if made.found.units.unit != "insured" else []
    headers = [say(f"design_{key}", lang) for key in ("share", *keys)]
    body = []
    for place, point in enumerate(made.points):
        cells = [NONE] * len(keys)
        if point.forecast is not None:
            cells = [_cell(point.forecast, key, currency, lang) for key in keys]
        body.append([percent(point.share), *cells, _mark(made, place, point, lang)])
    console.rows([*headers, ""], body, right=range(len(headers)))


def _cell(found: Forecast, key: str, currency: str, lang: Lang) -> str:
    """Return a cell of the dial."""
    money = {
        "recovery": found.recovery, "width": found.half_width,
        "width_score": found.half_width_regression,
    }  # fmt: skip
    if key in money:
        return console.money(money[key], currency)
    if key == "covered":
        return say("design_of", lang, part=f"{found.covered:,}", whole=f"{found.institutions:,}")
    number = found.findings if key == "findings" else found.hours
    return NONE if number is None else f"{number:,.1f}"


def _mark(made: Proposal, place: int, point: Point, lang: Lang) -> str:
    """Return what is said behind a row: recommended, chosen, or what is wrong with it."""
    here = (place == made.recommended, place == made.chosen)
    key = {(True, True): "both", (True, False): "recommended", (False, True): "chosen"}.get(here)
    words = [say(f"design_mark_{key}", lang)] if key else []
    if point.forecast is None:
        words.append(say("design_mark_impossible", lang))
    elif not point.quotas_fit:
        words.append(say("design_mark_quotas", lang))
    return "  ".join(words)


def _dial_notes(made: Proposal, currency: str, lang: Lang) -> list[str]:
    model = made.found.units.model
    lines = [
        say("design_impossible", lang, share=percent(p.share), why=p.why.text(lang))
        for p in made.points
        if p.why is not None
    ]
    if model is None:
        lines.append(say("design_why_unpredicted", lang))
    else:
        wider = (Decimal(str(WIDER)) - 1) * 100
        lines.append(say("design_why", lang, wider=f"{wider:.0f}"))
        lines.append(say(
            "design_told_insured" if made.found.units.unit == "insured" else "design_told", lang
        ))  # fmt: skip
        width = made.promise.half_width or 0.0
        if width > model.total:
            lines.append(say("design_wide", lang, capacity=f"{made.planned.design.capacity:,}",
                             width=console.money(width, currency)))  # fmt: skip
    if not made.planned.hours:
        lines.append(say("design_no_hours", lang))
    return lines


def _show_quotas(made: Proposal, currency: str, lang: Lang) -> None:
    keys = ("quota", "required", "expected", "met", "needed")
    body = [
        [escape(result.name), _value(quota, result.required, currency),
         _value(quota, result.expected, currency), _met(quota, result, currency, lang),
         f"{result.capacity_needed:,}"]
        for quota, result in zip(made.wishes.quotas, made.quotas, strict=True)
    ]  # fmt: skip
    console.rows([say(f"design_{key}", lang) for key in keys], body, right=(1, 2, 4))
    _told(say("design_quota_told", lang))
    if made.conflict is not None:
        _told(made.conflict.text(lang))
        _told(say("design_unkept", lang))


def _met(quota: Quota, result: QuotaResult, currency: str, lang: Lang) -> str:
    if result.met:
        return say("design_yes", lang)
    missing = result.required - result.expected
    return say("design_short", lang, short=_value(quota, missing, currency))


def _value(quota: Quota, number: float, currency: str) -> str:
    """Return a quota's number: money, or a count, with one decimal where it is not whole."""
    if quota.of == "amount":
        return console.money(number, currency)
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def _show_strata(made: Proposal, currency: str, lang: Lang) -> None:
    table = strata_table(made.planned)
    predicted = made.found.units.model is not None
    keys = ["units", "draws", "floor", "chance"]
    keys += ["findings", "recovery"] if predicted else []
    keys += ["hours"] if made.planned.hours else []
    body = [
        [stratum_name(row["stratum"], lang), *(_stratum_cell(row, key, currency) for key in keys)]
        for row in table
    ]
    whole = {
        name: math.fsum(row[name] or 0 for row in table)
        for name in ("units", "draws", "floor", "expected_findings", "expected_amount", "hours")
    }
    whole["inclusion_prob"] = whole["draws"] / whole["units"]
    body.append([say("design_total", lang), *(_stratum_cell(whole, key, currency) for key in keys)])
    headers = [say(f"design_{key}", lang) for key in ("stratum", *keys)]
    console.rows(headers, body, right=range(1, len(headers)))


def _stratum_cell(row: Any, key: str, currency: str) -> str:
    if key == "chance":
        return f"{row['inclusion_prob']:.2%}"
    if key == "recovery":
        return console.money(row["expected_amount"], currency)
    if key == "findings":
        return f"{row['expected_findings']:,.1f}"
    return f"{row['hours']:,.1f}" if key == "hours" else f"{row[key]:,.0f}"


def _run(made: Proposal, lang: Lang, frame_from: str | None) -> str:
    """Say how this design gets drawn, or that it can't be."""
    options = made.wishes.options
    plain = not options.dimensions and (options.allocation, options.band) == ("bands", "risk")
    if not plain or made.wishes.quotas:
        return say("design_run_other", lang)
    design = made.planned.design
    words = f"--unit {design.unit} --capacity {design.capacity}"
    words += f" --random-share {design.random_share}"
    words += f" --frame-from {frame_from}" if frame_from else ""
    return say("design_run_same", lang, options=words)
