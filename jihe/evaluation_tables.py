"""What ``jihe evaluate`` prints: the ranking beside both baselines, calibration, groups, stability.

In: an evaluation. Out: tables on the terminal in one language; every figure is in metrics.json too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from claims.contracts import Lang
from jihe import console
from jihe.evaluation import Evaluated
from jihe.texts import say
from training.subgroup_words import group_label, label_of
from training.subgroups import statement

_RANKINGS = (("model_measured", None), ("sort_by_amount", "baseline_sort_by_amount"),
             ("rules_only", "baseline_rules"))  # fmt: skip


def show_evaluation(evaluated: Evaluated, currency: str, lang: Lang) -> None:
    """Print the whole evaluation."""
    record = evaluated.record
    facts = {key: record[key] for key in ("model_version", "verdicts_from", "verdicts_before")}
    console.heading(say("evaluated", lang, **facts))
    text = say(
        "evaluated_on", lang, n=f"{record['n']:,}", positives=f"{record['positives']:,}",
        frame=f"{record['frame_units']:,.0f}", effective=record["effective_positives"],
    )  # fmt: skip
    console.out.print(text)
    if record["not_new"]:
        console.out.print(say("evaluated_not_new", lang, n=record["not_new"]))
    if record["amounts_unknown"]:
        console.out.print(say("amounts_unknown", lang, n=record["amounts_unknown"]))
    _show_rankings(record, lang)
    _show_calibration(record, lang)
    for attribute, groups in record["subgroups"].items():
        _show_groups(attribute, groups, record["capacity"]["k"], currency, lang)
    _show_stability(record["stability"], lang)
    console.out.print(say("evaluation_files", lang, folder=evaluated.folder), soft_wrap=True)


def _show_rankings(record: Mapping[str, Any], lang: Lang) -> None:
    """Print one line per figure, one column per ranking, each with its interval."""
    places = _figures(record, lang)
    headers = [say("figure", lang), *(say(name, lang) for name, _ in _RANKINGS)]
    headers += [say("gain_over_amount", lang), say("gain_over_rules", lang)]
    body = []
    for title, place in places:
        row = [title]
        for _, key in _RANKINGS:
            own = record if key is None else record[key]
            row.append(_cell(_at(own, place), _at(own.get("intervals", {}), place)))
        for _, key in _RANKINGS[1:]:
            apart = _at(record.get("difference", {}).get(key, {}), place) or {}
            row.append(_cell(apart.get("value"), apart.get("interval"), sign=True))
        body.append(row)
    console.rows(headers, body, right=tuple(range(1, len(headers))))
    console.out.print(say("interval_note", lang))


def _figures(record: Mapping[str, Any], lang: Lang) -> list[tuple[str, tuple[str, ...]]]:
    k = f"{record['capacity']['k']:,}"
    found = [
        (say("average_precision", lang), ("average_precision",)),
        (say("roc_auc", lang), ("roc_auc",)),
        *((say("precision", lang, k=cut), ("precision_at", cut)) for cut in record["precision_at"]),
        (say("precision_capacity", lang, k=k), ("capacity", "precision")),
        (say("recall_capacity", lang, k=k), ("capacity", "recall")),
    ]
    if "money_share_at" in record:
        found += [
            (say("money_capacity", lang, k=k), ("capacity", "money_share")),
            (say("money_one_percent", lang), ("money_share_at", "1%")),
        ]
    return found


def _show_calibration(record: Mapping[str, Any], lang: Lang) -> None:
    told = record.get("calibration")
    if told is None:
        console.out.print(say("no_probability", lang))
        return
    console.heading(say("calibration_heading", lang))
    between = told.get("intervals", {})
    console.rows(
        [say("figure", lang), say("model_measured", lang), say("perfect_value", lang)],
        [
            [say(f"calibration_{name}", lang), _cell(told[name], between.get(name)), perfect]
            for name, perfect in (("slope", "1"), ("intercept", "0"), ("brier", "0"),
                                  ("log_loss", "0"))
        ],
        right=(1, 2),
    )  # fmt: skip
    base = told["brier_of_base_rate"]
    gap = told["venn_abers"]["mean_gap"]
    console.out.print(say("calibration_note", lang, base=_number(base), gap=_number(gap)))


def _show_groups(
    attribute: str, record: Mapping[str, Any], k: int, currency: str, lang: Lang
) -> None:
    console.heading(say("burden_heading", lang, attribute=label_of(attribute, lang), k=f"{k:,}"))
    keys = ("n_judged", "n_confirmed", "selection_rate", "burden", "precision_in_group",
            "false_alarm_rate", "money_per_inspected", "observed_expected")  # fmt: skip
    headers = [label_of(attribute, lang), *(say(key, lang) for key in keys)]
    body = []
    for group in record["groups"]:
        name = group_label(attribute, group["group"], lang)
        if "positives" not in group:
            body.append([name, f"{group['n']:,}", *(["–"] * (len(keys) - 1))])
            continue
        between = group.get("intervals", {})
        body.append([
            name, f"{group['n']:,}", f"{group['positives']:,}",
            _share(group["selection_rate"]), _cell(group["burden"], between.get("burden"), 2),
            _share(group["precision"]), _share(group["false_alarm_rate"]),
            console.money(group["money_per_inspected"], currency),
            _cell(group["observed_expected"], between.get("observed_expected"), 2),
        ])  # fmt: skip
    console.rows(headers, body, right=tuple(range(1, len(headers))))
    names = {name: group_label(attribute, name, lang) for name in record["merged"]}
    if text := statement(record, lang, names):
        console.out.print(text)


def _show_stability(told: Mapping[str, Any], lang: Lang) -> None:
    if not told:
        return
    console.heading(say("stability_heading", lang))
    if since := told.get("since"):
        console.out.print(
            say("stability_since", lang, version=since["model_version"], k=f"{since['k']:,}",
                stayed=f"{since['stayed']:,}", jaccard=since["jaccard"],
                rbo=since["rank_biased_overlap"])
        )  # fmt: skip
    if again := told.get("retrained"):
        console.out.print(
            say("stability_retrained", lang, times=again["rankings"], k=f"{again['k']:,}",
                mean=again["mean"]["stayed_share"], worst=again["worst"]["stayed_share"],
                rbo=again["mean"]["rank_biased_overlap"])
        )  # fmt: skip


def _at(record: Mapping[str, Any], place: Sequence[str]) -> Any:
    value: Any = record
    for key in place:
        value = value.get(key) if value is not None else None
    return value


def _cell(
    value: float | None, interval: Sequence[float] | None, digits: int = 3, *, sign: bool = False
) -> str:
    if value is None:
        return "–"
    form = f"{'+' if sign else ''}.{digits}f"
    if not interval:
        return format(value, form)
    low, high = (format(end, form) for end in interval)
    return f"{value:{form}} ({low}…{high})"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
