"""The sentences with which the protocol of the seal refuses a step.

In: what is wrong. Out: a `Fault` in English and Chinese that names the field or the contributor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from sampling.faults import Fault


def part_length(length: int) -> Fault:
    """The part is not 32 bytes."""
    return Fault(
        "SEAL_PART", f"The part has {length} bytes; it needs 32.",
        f"分量有{length}字节，应为32字节。", column="part",
    )  # fmt: skip


def version(got: str, want: str) -> Fault:
    """The record is of another version."""
    return Fault(
        "SEAL_VERSION", f"Field 'version' is {got!r}; this software knows {want}.",
        f"字段“version”为{got!r}；本软件只支持{want}。", column="version",
    )  # fmt: skip


def too_few(count: int, fewest: int) -> Fault:
    """One person alone is no committee."""
    return Fault(
        "SEAL_FEW", f"There are {count} contributors; a committee has at least {fewest}, or one "
        "person would hold the whole seed.",
        f"参与人只有{count}名，至少应有{fewest}名，否则种子由一人掌握。", column="contributors",
    )  # fmt: skip


def repeated_contributor(key: str, values: Sequence[str]) -> list[Fault]:
    """A name or a commitment stands there twice."""
    return [
        Fault(
            "SEAL_TWICE", f"The {key} '{value}' occurs twice; every contributor has a name and a "
            "part of their own.", f"“{value}”重复；每名参与人应有各自的名称和分量。",
            column="contributors",
        )
        for value, count in sorted(Counter(values).items())
        if count > 1
    ]  # fmt: skip


def bad_alphabet(got: str, known: Sequence[str]) -> Fault:
    """The public number's characters are of no known kind."""
    return Fault(
        "SEAL_ALPHABET", f"The public number's alphabet is {got!r}; it must be one of "
        f"{', '.join(known)}.", f"公开数的字符类型为{got!r}，应为{'、'.join(known)}之一。",
        column="public_number.alphabet",
    )  # fmt: skip


def short_number(length: int, shortest: int) -> Fault:
    """The public number has so few digits that all of them can be tried."""
    return Fault(
        "SEAL_SHORT", f"The public number has {length} digits; name one of at least {shortest}, or "
        "contributors in collusion could try them all.",
        f"公开数只有{length}位，至少应有{shortest}位，否则参与人串通时可逐一试算。",
        column="public_number.length",
    )  # fmt: skip


def day_not_future(day: str, today: date) -> Fault:
    """The public number may be known already."""
    return Fault(
        "SEAL_DAY", f"The public number is of {day}, but the plan is sealed on {today}; name a "
        "number of a later day, which nobody can know.",
        f"公开数日期为{day}，而封存日为{today}；请指定以后日期、尚无人知晓的公开数。",
        column="public_number.day",
    )  # fmt: skip


def bad_value(value: str, alphabet: str, length: int) -> Fault:
    """The public number is not written as was sealed."""
    return Fault(
        "SEAL_VALUE", f"The public number is {value!r}; the seal says {length} {alphabet} digits "
        "and nothing else, so that it can be written in one way only.",
        f"公开数为{value!r}；封存规定为{length}位"
        f"{'十进制' if alphabet == 'decimal' else '十六进制'}数字，不得有其他字符。",
        column="public_number.value",
    )  # fmt: skip


def no_seal(plan_id: str, have: Sequence[str]) -> Fault:
    """No committee sealed a plan of that number."""
    return Fault(
        "SEAL_PLAN", f"No committee sealed a plan '{plan_id}'; there are: "
        f"{', '.join(have) or 'none'}.",
        f"没有由参与人共同封存的计划“{plan_id}”；现有：{'、'.join(have) or '无'}。",
    )  # fmt: skip


def not_a_contributor(plan_id: str, name: str, names: Sequence[str]) -> Fault:
    """The person has no commitment in the seal."""
    return Fault(
        "SEAL_STRANGER", f"'{name}' did not commit to plan {plan_id}; its contributors are: "
        f"{', '.join(names)}.",
        f"“{name}”不是计划{plan_id}的参与人；参与人为：{'、'.join(names)}。",
    )  # fmt: skip


def already_revealed(plan_id: str, name: str) -> Fault:
    """The part is known already."""
    return Fault(
        "SEAL_REVEALED", f"'{name}' has revealed the part of plan {plan_id} before; nothing is "
        "left to do.", f"“{name}”已公开其在计划{plan_id}中的分量，无需再次公开。",
    )  # fmt: skip


def voided(plan_id: str, why: Fault) -> Fault:
    """The plan is void and stays listed as such."""
    return Fault(
        "SEAL_VOID", f"Plan {plan_id} is void: {why.en} It stays listed; seal a new plan.",
        f"计划{plan_id}已作废：{why.zh}该计划仍列入清单；请另行封存新计划。", column=why.column,
    )  # fmt: skip


def missing_parts(names: Sequence[str], day: str) -> Fault:
    """Contributors did not reveal in time."""
    return Fault(
        "SEAL_MISSING", f"no part came from {', '.join(names)} before {day} began.",
        f"在{day}之前未收到以下参与人的分量：{'、'.join(names)}。", column="part",
    )  # fmt: skip


def wrong_part(name: str) -> Fault:
    """The part does not give the commitment."""
    return Fault(
        "SEAL_WRONG", f"the part that {name} revealed does not give the sealed commitment.",
        f"{name}公开的分量与封存的承诺不符。", column="part",
    )  # fmt: skip


def abandoned(reason: str, determined: bool) -> Fault:
    """Somebody gave the plan up, and said why."""
    en, zh = ("", "")
    if determined:
        en = " All parts were known and the day of the public number had begun."
        zh = "作废时所有分量均已公开，且公开数日期已到。"
    return Fault("SEAL_ABANDONED", f"given up ({reason}).{en}", f"已放弃（{reason}）。{zh}")


def too_early(plan_id: str, day: str) -> Fault:
    """The public number cannot be known yet."""
    return Fault(
        "SEAL_EARLY", f"Plan {plan_id} waits for the public number of {day}; draw it on that day "
        "or later.", f"计划{plan_id}须等待{day}的公开数，请在当日或之后抽取。",
        column="public_number.day",
    )  # fmt: skip


def waiting_for(plan_id: str, names: Sequence[str], day: str) -> Fault:
    """Parts can still come."""
    return Fault(
        "SEAL_WAITING", f"Plan {plan_id} waits for the parts of {', '.join(names)}, which may come "
        f"until {day} begins.",
        f"计划{plan_id}等待以下参与人在{day}之前公开分量：{'、'.join(names)}。",
        column="part",
    )  # fmt: skip


def drawn_already(plan_id: str) -> Fault:
    """A plan is drawn once."""
    return Fault(
        "SEAL_DRAWN", f"Plan {plan_id} is drawn already; a plan is drawn once.",
        f"计划{plan_id}已完成抽取；每个计划只抽取一次。",
    )  # fmt: skip


def used_commitment(name: str, plan_id: str) -> Fault:
    """A part serves one plan."""
    return Fault(
        "SEAL_REUSED", f"The commitment of '{name}' was sealed in plan {plan_id} before; a part is "
        "used once. Make a new one with jihe plan commit.",
        f"“{name}”的承诺已用于计划{plan_id}；分量只能使用一次，请用 jihe plan commit 重新生成。",
    )  # fmt: skip


def other_frame(plan_id: str, found: str, sealed: str) -> Fault:
    """The frame at hand is not the sealed one."""
    return Fault(
        "SEAL_FRAME", f"The frame's SHA-256 is {found}, but plan {plan_id} sealed {sealed}; "
        "restore the file as it was sealed.",
        f"抽样框的SHA-256为{found}，而计划{plan_id}封存的是{sealed}；请恢复封存时的文件。",
        column="frame.sha256",
    )  # fmt: skip


def clock_back(plan_id: str) -> Fault:
    """The clock says an earlier time than the one before."""
    return Fault(
        "SEAL_CLOCK", f"The clock shows a time at or before the last step of plan {plan_id}; set "
        "it right.", f"系统时间早于或等于计划{plan_id}的上一步，请校准时钟。",
    )  # fmt: skip


def other_record(plan_id: str) -> Fault:
    """The stored record is not the one that the trail names."""
    return Fault(
        "SEAL_RECORD", f"The stored record of plan {plan_id} is not the one that was sealed in the "
        "trail; the database was changed. Restore it from a copy.",
        f"计划{plan_id}的存储内容与审计记录中封存的不一致，数据库被改动；请用备份恢复。",
        column="seal.sha256",
    )  # fmt: skip


def changed_part(plan_id: str, name: str) -> Fault:
    """The stored part does not give the commitment although it did when it was revealed."""
    return Fault(
        "SEAL_CHANGED", f"The stored part of {name} in plan {plan_id} is not the one that was "
        "revealed; the database was changed. Restore it from a copy.",
        f"计划{plan_id}中{name}的分量与公开时不一致，数据库被改动；请用备份恢复。", column="part",
    )  # fmt: skip
