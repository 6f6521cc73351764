"""Promotion: a challenger becomes champion when its figures say so, or on a recorded reason.

This is the first, thin gate: out of fold the challenger must beat sorting by amount and the rules.
"""

from __future__ import annotations

import json

from claims.contracts import Lang
from jihe.home import Home
from jihe.texts import say
from training.tracking import CHALLENGER, Registered, RegistryError, Tracker, registered_name

_BASELINES = {"baseline_sort_by_amount": "sort_by_amount", "baseline_rules": "rules_only"}


class NotBetterError(ValueError):
    """The challenger does not beat a baseline."""


def promote_challenger(home: Home, unit: str, reason: str, lang: Lang) -> Registered:
    """Promote the challenger of ``unit``.

    Raises NotBetterError where a baseline is as good and no reason is given, RegistryError where
    there is no challenger.
    """
    tracker = Tracker(home.registry)
    name = registered_name(unit)
    challenger = tracker.challenger(name)
    if challenger is None:
        raise RegistryError(f"{name} has no {CHALLENGER} to promote; train a model first.")
    metrics = tracker.metrics(challenger)
    for key, baseline in _BASELINES.items():
        theirs = metrics.get(key, {}).get("average_precision")
        ours = metrics.get("average_precision")
        better = ours is not None and theirs is not None and ours > theirs
        if not better and not reason:
            text = say(
                "not_better", lang, baseline=say(baseline, lang), ours=ours or 0, theirs=theirs or 0
            )
            raise NotBetterError(text)
    promoted = tracker.promote(name)
    _record(home, unit, promoted, reason, metrics.get("average_precision"))
    return promoted


def roll_back(home: Home, unit: str) -> Registered:
    """Make the previous champion champion again and record it."""
    back = Tracker(home.registry).rollback(registered_name(unit))
    _record(home, unit, back, "rollback", None)
    return back


def _record(home: Home, unit: str, model: Registered, reason: str, figure: float | None) -> None:
    from sampling import store, trail

    engine = store.open_store(home.ledger_url)
    details = {"model_version": model.model_version, "reason": reason}
    if figure is not None:
        details["average_precision"] = json.dumps(round(figure, 6))
    with store.writing(engine) as connection:
        trail.append(connection, "data_scientist", "model_promoted", unit, details)
    engine.dispose()
