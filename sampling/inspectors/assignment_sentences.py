"""What a person reads when no assignment of inspectors exists.

In: a limit that belongs to an irreducible set of conflicting ones. Out: a `Fault` in English and
Chinese that names the limit, its figures and the remedy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from claims.contracts import Lang, table
from sampling.faults import Fault
from sampling.inspectors.assignment_limits import NO_LIMIT, Bools, Limits
from sampling.inspectors.assignment_problem import REASONS, Problem, Reason

_NAMED = 5
_WHY: dict[str, tuple[str, str]] = {
    "recusal": ("must stand aside (recusal)", "须回避"),
    "rotation": ("inspected it within the rotation period", "在轮换期内已检查过该机构"),
    "distance": ("are farther away than is allowed", "路途超过上限"),
}
_REMEDY: dict[str, tuple[str, str]] = {
    "recusal": ("A recusal is never lifted: add inspectors from elsewhere.",
                "回避不可解除：请从其他地区增派人员。"),
    "rotation": ("Shorten rotation_days, or add inspectors.", "请缩短 rotation_days 或增派人员。"),
    "distance": ("Raise most_travel_minutes, or add inspectors.",
                 "请提高 most_travel_minutes 或增派人员。"),
}  # fmt: skip


def too_few(have: int, want: int) -> Fault:
    """There are fewer inspectors than one team needs."""
    return Fault(
        "ASSIGN_TOO_FEW", f"There are {have} inspectors and a team has {want}; add inspectors to "
        "the table inspectors whose rows are valid for the whole period.",
        f"检查人员有{have}名，而每组需{want}名；请在 inspectors 表中补充整个期间有效的人员。",
    )  # fmt: skip


def sentence(problem: Problem, limits: Limits, group: tuple[str, int]) -> Fault:
    """Return the sentence of one limit; ``group`` is its kind and its job's place, -1 for none."""
    kind, place = group
    if kind in REASONS:
        return _barred(problem, limits, kind, place)
    makers: dict[str, Callable[[], Fault]] = {
        "need": lambda: _need(problem, limits, place),
        "leader": lambda: _leader(problem, limits, place),
        "capacity": lambda: _capacity(limits),
        "most_jobs": lambda: _most_jobs(limits),
        "balance": lambda: _balance(limits),
    }
    return makers[kind]()


def _barred(problem: Problem, limits: Limits, kind: Reason | str, place: int) -> Fault:
    job = problem.jobs[place]
    hit = (limits.barred[place] >> REASONS.index(kind) & 1).astype(bool)
    names = [problem.inspectors[i].inspector_id for i in np.flatnonzero(hit).tolist()]
    shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    every = len(names) == len(problem.inspectors)
    en, zh = _WHY[kind]
    return Fault(
        f"ASSIGN_{kind.upper()}",
        f"{job.job_id}: {'all ' if every else ''}{len(names)} inspectors {en}: {shown}. "
        f"{_REMEDY[kind][0]}",
        f"{job.job_id}：{'全部' if every else ''}{len(names)}名检查人员{zh}：{shown}。"
        f"{_REMEDY[kind][1]}",
    )  # fmt: skip


def _need(problem: Problem, limits: Limits, place: int) -> Fault:
    job = problem.jobs[place]
    parts: dict[Lang, list[str]] = {"en": [], "zh": []}
    for bit, need in enumerate(job.needs):
        having = (limits.covers[place] >> bit & 1).astype(bool)
        en, zh = _who(limits, having, place)
        parts["en"].append(f"{' or '.join(_words(p, 'en') for p in need)} ({en})")
        parts["zh"].append(f"{'或'.join(_words(p, 'zh') for p in need)}（{zh}）")
    return Fault(
        "ASSIGN_NEED",
        f"{job.job_id}: a team of {limits.team_size} needs {', and '.join(parts['en'])}. Add such "
        "inspectors, enlarge the team, or state other needs in the settings.",
        f"{job.job_id}：{limits.team_size}人的检查组需要{'，以及'.join(parts['zh'])}。"
        "请增派此类人员、增加每组人数，或在设置中修改 needs。",
    )  # fmt: skip


def _leader(problem: Problem, limits: Limits, place: int) -> Fault:
    job = problem.jobs[place]
    en, zh = _who(limits, np.array([one.may_lead for one in problem.inspectors]), place)
    return Fault(
        "ASSIGN_LEADER",
        f"{job.job_id}: a team needs somebody who may lead ({en}). Let more inspectors lead, or "
        "set leader = false.",
        f"{job.job_id}：检查组须有可任组长者（{zh}）。请增加可任组长的人员，或设 leader = false。",
    )  # fmt: skip


def _who(limits: Limits, having: Bools, place: int) -> tuple[str, str]:
    """Return how many have it, and how many of these are barred for which reason."""
    barred = limits.barred[place]
    counts = {
        name: int((having & (barred >> bit & 1).astype(bool)).sum())
        for bit, name in enumerate(REASONS)
    }
    total = int(having.sum())
    en, zh = f"{total} inspectors", f"{total}名"
    en += "".join(f", {n} {_WHY[name][0]}" for name, n in counts.items() if n)
    zh += "".join(f"，其中{n}名{_WHY[name][1]}" for name, n in counts.items() if n)
    return en, zh


def _capacity(limits: Limits) -> Fault:
    have, want = int(limits.capacity.sum()), _least_work(limits)
    return Fault(
        "ASSIGN_CAPACITY",
        f"The inspectors have {have} minutes together, {int(limits.capacity.max())} at most each; "
        f"the {len(limits.work)} jobs take at least {want}. Raise capacity_minutes, add inspectors "
        "or draw fewer cases.",
        f"全部检查人员共有{have}分钟，每人至多{int(limits.capacity.max())}分钟；"
        f"{len(limits.work)}项工作至少需{want}分钟。"
        "请提高 capacity_minutes、增派人员或减少抽查数量。",
    )  # fmt: skip


def _most_jobs(limits: Limits) -> Fault:
    return Fault(
        "ASSIGN_MOST_JOBS",
        f"{limits.work.shape[1]} inspectors may do {limits.most_jobs} jobs each; "
        f"{len(limits.work)} jobs need {limits.team_size} each. Raise most_jobs or add inspectors.",
        f"{limits.work.shape[1]}名检查人员每人至多{limits.most_jobs}项；{len(limits.work)}项工作每项"
        f"需{limits.team_size}人。请提高 most_jobs 或增派人员。",
    )  # fmt: skip


def _balance(limits: Limits) -> Fault:
    return Fault(
        "ASSIGN_BALANCE",
        f"The loads of {int(limits.balanced.sum())} inspectors may differ by "
        f"{limits.balance} minutes at most. Raise balance_minutes.",
        f"{int(limits.balanced.sum())}名检查人员的工作量之差至多{limits.balance}分钟。"
        "请提高 balance_minutes。",
    )  # fmt: skip


def _least_work(limits: Limits) -> int:
    """Return the sum over jobs of the smallest work of a team, bars apart."""
    work = np.sort(np.minimum(limits.work, NO_LIMIT), axis=1)
    return int(work[:, : limits.team_size].sum())


def _words(profession: str, lang: Lang) -> str:
    known = table("inspectors").columns["profession"].values
    return known[profession].text(lang) if profession in known else profession
