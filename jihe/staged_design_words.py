"""A proposed plan by size or in two stages, in words for the terminal; no unit is named."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.markup import escape

from claims.contracts import Lang
from jihe import console
from jihe.estimate_words import class_name
from jihe.plan_design_words import NONE, percent
from jihe.staged_alternatives import Alternative
from jihe.staged_proposals import OneStage, StagedProposal
from jihe.texts import say
from sampling.frame import frame_hash
from sampling.planning.staged_forecast import ALIKE, StagedForecast

Row = dict[str, object]


def show_staged_proposal(made: StagedProposal, lang: Lang, frame_from: str | None = None) -> None:
    """Print the plan, what strata alone would do, the alternatives, and what is seen."""
    unit = made.wishes.listed.unit
    console.heading(say(f"ahead_title_{unit}", lang, day=made.wishes.day.isoformat()))
    _told(_opening(made, lang))
    console.facts([(say("frame_hash", lang), frame_hash(made.plan.frame))])
    share = percent(Decimal(made.wishes.choices.random_share))
    console.heading(say("ahead_beside", lang, share=share))
    _show(_compared(made, lang), "ahead_plan", made, lang)
    _told(_compared_notes(made, lang))
    if made.alternatives:
        spent = "claims" if made.wishes.hours is None else "hours"
        console.heading(say(f"ahead_alternatives_{spent}", lang))
        _show(_tried(made, lang), None, made, lang)
        _told(_tried_notes(made, lang))
    console.heading(say("ahead_classes", lang))
    _show_classes(made.promise, lang)
    console.out.print()
    _told(_closing(made, lang, frame_from))


def _told(lines: Sequence[str]) -> None:
    """Print sentences, wrapped between words, without colours for their numbers."""
    for line in lines:
        console.out.print(escape(line), highlight=False)


def _opening(made: StagedProposal, lang: Lang) -> list[str]:
    wishes, promise, plan = made.wishes, made.promise, made.plan
    lines = [say(
        "ahead_first_size" if wishes.stages.by_size else "ahead_first_strata", lang,
        n=f"{plan.design.capacity:,}", whole=f"{len(plan.frame):,}",
        least=f"{promise.chance_least:.2%}", most=f"{promise.chance_most:.2%}",
        certain=f"{promise.certain:,}",
    )]  # fmt: skip
    if wishes.claims is not None:
        least, most = f"{promise.take_least:,}", f"{promise.take_most:,}"
        takes = most if least == most else say("ahead_takes", lang, least=least, most=most)
        lines.append(say(
            "ahead_second", lang, takes=takes, listed=f"{promise.listed:,.0f}",
            claims=f"{len(wishes.claims):,}",
        ))  # fmt: skip
    return lines + _predicted(made, lang) + _size(made, lang)


def _predicted(made: StagedProposal, lang: Lang) -> list[str]:
    model = made.wishes.listed.model
    if model is None:
        return [say("design_unpredicted", lang)]
    total = console.money(model.total, made.wishes.currency)
    lines = [say("design_predicted", lang, total=total)]
    if made.wishes.source == "claims":
        lines.append(say("ahead_by_claims", lang))
    return lines


def _size(made: StagedProposal, lang: Lang) -> list[str]:
    wanted, reached = made.wishes.half_width, made.promise.half_width
    if wanted is None or reached is None:
        return []
    width = console.money(wanted, made.wishes.currency)
    n = f"{made.needed:,}" if made.needed else f"{len(made.plan.frame):,}"
    return [say("ahead_sized" if made.needed else "ahead_unreached", lang, width=width, n=n)]


def _compared(made: StagedProposal, lang: Lang) -> list[Row]:
    """Return this plan, then strata alone."""
    unit = made.wishes.listed.unit
    rows = [{"name": say("ahead_this", lang), "mark": "", **_of_plan(made.promise)}]
    for other in made.one_stage:
        name = f"listed_{unit}" if other.same == "listed" else other.same
        rows.append({"name": say(f"ahead_same_{name}", lang), "mark": "", **_of_strata(other)})
    return rows


def _of_plan(promise: StagedForecast) -> Row:
    return {
        "visits": promise.institutions, "claims": promise.listed, "recovery": promise.recovery,
        "width": promise.half_width, "hours": promise.hours, "findings": promise.findings,
        "alike": promise.half_width_alike,
    }  # fmt: skip


def _of_strata(other: OneStage) -> Row:
    return {
        "visits": other.visits, "claims": other.listed, "recovery": other.recovery,
        "width": other.half_width, "hours": other.hours, "findings": other.findings,
        "most": other.half_width,
    }  # fmt: skip


def _tried(made: StagedProposal, lang: Lang) -> list[Row]:
    rows: list[Row] = []
    for place, tried in enumerate(made.alternatives):
        row: Row = {"visits": tried.institutions, "each": tried.each}
        if tried.forecast is not None:
            row = {**_of_plan(tried.forecast), **row}
        rows.append({**row, "mark": _mark(made, place, tried, lang)})
    return rows


def _mark(made: StagedProposal, place: int, tried: Alternative, lang: Lang) -> str:
    if tried.forecast is None:
        return say("design_mark_impossible", lang)
    here = (place == made.recommended, place == made.chosen)
    key = {(True, True): "both", (True, False): "recommended", (False, True): "chosen"}.get(here)
    return say(f"ahead_mark_{key}", lang) if key else ""


def _show(rows: Sequence[Row], name: str | None, made: StagedProposal, lang: Lang) -> None:
    """Print rows that have one cell per key; keys that say nothing here are left out."""
    wishes = made.wishes
    keys = ["visits"] + ([] if name else ["each"]) + (["claims"] if wishes.claims else [])
    keys += ["recovery", "findings", "width"] if wishes.listed.model else []
    keys += ["alike"] if wishes.listed.model and wishes.claims else []
    keys += ["hours"] if wishes.hours else []
    shared = {"recovery", "findings", "width", "hours"}
    headers = [say(f"{'design' if k in shared else 'ahead'}_{k}", lang) for k in keys]
    body = [
        [*([row["name"]] if name else []), *(_cell(row, k, wishes.currency) for k in keys),
         row["mark"]]
        for row in rows
    ]  # fmt: skip
    first = [say(name, lang)] if name else []
    right = range(len(first), len(first) + len(keys))
    console.rows([*first, *headers, ""], body, right=right)


def _cell(row: Row, key: str, currency: str) -> str:
    if key == "alike" and "most" in row:
        # Drawn claim by claim, likeness within institutions only lowers the spread of a stratum.
        return f"≤ {_cell(row, 'width', currency)}"
    value = row.get(key)
    if not isinstance(value, int | float):
        return NONE if value is None else str(value)
    if key in {"recovery", "width", "alike"}:
        return console.money(value, currency)
    whole = f"{value:.1f}".endswith(".0") and key == "visits"
    return f"{value:,.0f}" if whole or key == "claims" else f"{value:,.1f}"


def _compared_notes(made: StagedProposal, lang: Lang) -> list[str]:
    promise, currency, unit = made.promise, made.wishes.currency, made.wishes.listed.unit
    lines = []
    if made.design_effect is not None:
        units = say(f"ahead_effect_{unit}", lang)
        lines.append(say("ahead_effect", lang, effect=f"{made.design_effect:,.1f}", units=units))
    if promise.within_share is not None and made.wishes.claims is not None:
        remedy = "within" if promise.within_share >= 0.5 else "between"
        lines.append(say(
            "ahead_within", lang, within=f"{promise.within_share:.0%}",
            remedy=say(f"ahead_remedy_{remedy}", lang),
        ))  # fmt: skip
    listed = next((o for o in made.one_stage if o.same == "listed"), None)
    if listed is not None and made.wishes.claims is not None:
        lines.append(say(
            "ahead_fewer_visits", lang, visits=f"{listed.visits:,.0f}",
            n=f"{promise.institutions:,.0f}",
        ))  # fmt: skip
    long = next((o for o in made.one_stage if o.same == "hours"), None)
    lines += _cheaper(promise, long, currency, lang)
    if listed is None:
        lines.append(say("ahead_none_listed", lang))
    elif long is None and made.wishes.hours is not None:
        lines.append(say("ahead_none_hours", lang))
    model, width = made.wishes.listed.model, promise.half_width or 0.0
    if model is not None and width > model.total:
        lines.append(say(f"ahead_wide_{unit}", lang, listed=f"{promise.listed:,.0f}",
                         width=console.money(width, currency)))  # fmt: skip
    if made.wishes.hours is None:
        lines.append(say("design_no_hours", lang))
    return lines


def _cheaper(
    promise: StagedForecast, long: OneStage | None, currency: str, lang: Lang
) -> list[str]:
    """Say which plan is the more precise for the hours; neither, where likeness would decide."""
    if long is None or long.half_width is None or promise.half_width is None:
        return []
    widths = (promise.half_width, promise.half_width_alike or promise.half_width)
    better = {width <= long.half_width for width in widths}
    key = "open" if len(better) > 1 else "this" if better == {True} else "strata"
    return [say(
        f"ahead_cheaper_{key}", lang, this=console.money(widths[0], currency),
        other=console.money(long.half_width, currency), alike=console.money(widths[1], currency),
    )]  # fmt: skip


def _tried_notes(made: StagedProposal, lang: Lang) -> list[str]:
    hours = made.wishes.hours
    lines = [
        say("ahead_impossible", lang, n=a.institutions, each=a.each, why=a.why.text(lang))
        for a in made.alternatives
        if a.why is not None
    ]
    if made.recommended is not None and made.recommended_alike is not None:
        lines.append(say("ahead_why_claims" if hours is None else "ahead_why_hours", lang))
        robust = made.alternatives[made.recommended_alike]
        if made.recommended_alike != made.recommended:
            n = f"{robust.institutions:,}"
            lines.append(say("ahead_robust", lang, n=n, each=robust.each))
    if hours is not None and not hours.per_institution:
        lines.append(say("ahead_no_visit_hours", lang))
    return lines


def _show_classes(promise: StagedForecast, lang: Lang) -> None:
    body = [
        [class_name(seen.value, lang) if seen.value else say("design_total", lang),
         f"{seen.institutions:,}", f"{seen.drawn:,.1f}", f"{seen.money_share:.2%}"]
        for seen in promise.classes
    ]  # fmt: skip
    headers = [say(f"ahead_{key}", lang) for key in ("class", "visits", "drawn", "money")]
    console.rows(headers, body, right=(1, 2, 3))


def _closing(made: StagedProposal, lang: Lang, frame_from: str | None) -> list[str]:
    wishes = made.wishes
    words = f"--unit {wishes.listed.unit} --capacity {made.plan.design.capacity}"
    words += f" --claims-each {wishes.stages.each}" if wishes.stages.each else ""
    words += " --chances size" if wishes.stages.by_size else ""
    if not wishes.stages.by_size:
        words += f" --random-share {wishes.choices.random_share}"
    words += f" --frame-from {frame_from}" if frame_from else ""
    told = "ahead_told" if wishes.listed.model is not None else "ahead_told_unpredicted"
    lines = [say(told, lang)]
    if wishes.listed.model is not None and wishes.claims is not None:
        lines.append(say("ahead_alike_told", lang, alike=ALIKE))
    sealed = say("design_nothing", lang) + (" " if lang == "en" else "")
    return [*lines, sealed + say("ahead_run", lang, options=words)]
