"""What a reader must know of an estimate from a plan by size or in two stages.

In: counts. Out: faults or notes in English and Chinese.
"""

from __future__ import annotations

from collections.abc import Sequence

from sampling.estimation.estimate import FEW_VERDICTS
from sampling.faults import Fault


def too_few(answered: int) -> Fault:
    """Return why there is no estimate."""
    return Fault(
        "ESTIMATE_FEW", f"{answered} institutions have answered (with two final verdicts, or all "
        "of their claims); an estimate needs at least two.",
        f"已有足够最终结论（两个或全部结算）的机构为{answered}家，估计至少需要两家。",
    )  # fmt: skip


def missing(count: int) -> Fault:
    """Return what is assumed of cases without a final verdict."""
    return Fault(
        "ESTIMATE_MISSING", f"{count} drawn cases have no final verdict. The others stand for "
        "them, on the assumption that a verdict's absence has nothing to do with what it would "
        "have been.",
        f"有{count}个抽中案件没有最终结论，由其他案件代表；前提是缺失与结论本身无关。",
    )  # fmt: skip


def silent(count: int, partly: int) -> Fault:
    """Return how many institutions the others stand for."""
    return Fault(
        "ESTIMATE_SILENT", "Drawn institutions with too few final verdicts to count, for which the "
        f"others stand: {count}. Of these, institutions with a single verdict, which is not used: "
        f"{partly}.",
        f"最终结论不足、由其他机构代表的抽中机构：{count}家；其中只有一个结论、未被采用的：{partly}家。",
    )  # fmt: skip


def joined(names: Sequence[str]) -> Fault:
    """Return which strata stand for each other."""
    return Fault(
        "ESTIMATE_JOINED", "Strata with fewer than two answered institutions were joined: "
        f"{'; '.join(names)}.", f"答复机构少于两家的层已合并：{'；'.join(names)}。",
    )  # fmt: skip


def few(findings: int, needed: int, verdicts: int, *, certain: bool) -> Fault:
    """Return why Student's interval is not to be relied upon."""
    what = ("claims with findings", "有查实的结算") if certain else (
        "institutions left to chance with findings", "有查实的抽签机构"
    )  # fmt: skip
    return Fault(
        "ESTIMATE_NORMAL_UNSAFE", f"{findings} {what[0]} among {verdicts} verdicts are few: the "
        "interval by Student's t, that of the share included, is then too short, above all "
        "upwards, and misses the truth more often than it says. It can be relied on from "
        f"{needed} such findings and {FEW_VERDICTS} verdicts on; until then the interval of the "
        "studentised bootstrap counts.",
        f"{verdicts}个结论中{what[1]}为{findings}个，数量较少：t分布区间（包括占比的区间）偏短（尤其上限），不覆盖真值的机会大于所称。"
        f"这类查实不少于{needed}个、结论不少于{FEW_VERDICTS}个时方可依据；在此之前以学生化自助法区间为准。",
    )  # fmt: skip
