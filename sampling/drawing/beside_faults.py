"""Why a frame, the files beside it and a design by size or in two stages don't belong together.

In: what stands where. Out: faults in English and Chinese that name the unit and the file.
"""

from __future__ import annotations

from sampling.faults import Fault, SamplingError


class BesideError(SamplingError):
    """Frame, design and the files beside the frame don't belong together."""


def missing(name: str) -> Fault:
    """Return the fault of a file that is not there."""
    return Fault(
        "BESIDE_MISSING", f"The design rests on {name}, which is not beside the frame; put it "
        "there, or name its folder with --beside.",
        f"该设计依据{name}，但它不在抽样框旁；请放入同一文件夹，或用 --beside 指定其文件夹。",
    )  # fmt: skip


def not_text(name: str) -> Fault:
    """Return the fault of a file that is not UTF-8."""
    return Fault("BESIDE_UTF8", f"The file {name} is not UTF-8; take it as it was issued.",
                 f"文件{name}不是UTF-8编码，请使用原始文件。")  # fmt: skip


def other_length(name: str, lines: int, units: int) -> Fault:
    """Return the fault of a file with more or fewer lines than the frame."""
    return Fault(
        "BESIDE_LINES", f"The file {name} has {lines} lines, the frame has {units} units; it needs "
        "one line for each, ended by a line feed.",
        f"文件{name}有{lines}行，抽样框有{units}个对象；应每个对象一行，并以换行符结束。",
    )  # fmt: skip


def other_line(name: str, row: int, unit_id: str) -> Fault:
    """Return the fault of a line that is not the frame's unit's."""
    return Fault(
        "BESIDE_UNIT", f"This line of {name} is not that of '{unit_id}', the unit of the frame in "
        "this place, or has other fields.",
        f"{name}的这一行不是抽样框同一位置的对象“{unit_id}”，或字段数不符。", row,
    )  # fmt: skip


def not_whole(name: str, row: int, unit_id: str) -> Fault:
    """Return the fault of a number that is not written as the specification says."""
    return Fault(
        "BESIDE_NUMBER", f"Unit '{unit_id}' in {name}: write whole numbers of at most 60 digits, "
        "without sign or leading zeros.",
        f"{name}中的对象“{unit_id}”：应为不带符号和前导零、不超过60位的整数。", row,
    )  # fmt: skip


def other_size(row: int, unit_id: str, said: int, found: int) -> Fault:
    """Return the fault of an institution whose number of claims is told wrong."""
    return Fault(
        "TAKES_SIZE", f"Institution '{unit_id}' has {found} claims in claims.tsv, takes.tsv says "
        f"{said}.", f"机构“{unit_id}”在claims.tsv中有{found}笔结算，takes.tsv写为{said}笔。", row,
    )  # fmt: skip


def other_file(name: str, found: str, sealed: str) -> Fault:
    """Return the fault of a file that is not the sealed one."""
    return Fault(
        "REPLAY_BESIDE", f"The SHA-256 of {name} is {found}; the design says {sealed}.",
        f"{name}的SHA-256为{found}，设计中为{sealed}。", column=name,
    )  # fmt: skip


def absent(name: str) -> Fault:
    """Return the fault of a design without the file it rests on."""
    return Fault("BESIDE_ABSENT", f"The design rests on {name}, which was not given.",
                 f"该设计依据{name}，但未提供。")  # fmt: skip


def unit_kind(found: str, wanted: str) -> Fault:
    """Return the fault of a frame of another kind of unit."""
    return Fault(
        "DESIGN_UNIT", f"This design draws '{wanted}', the frame holds '{found}'.",
        f"该设计抽取的对象类型为“{wanted}”，抽样框为“{found}”。",
    )  # fmt: skip


def several_strata(names: int) -> Fault:
    """Return the fault of a frame with strata under a design by size."""
    return Fault(
        "PPS_STRATA", f"The frame has {names} strata; chances by size are drawn over the whole "
        "frame, so give all units one stratum.",
        f"抽样框有{names}个层；按规模抽取以整个抽样框为范围，请将全部对象归入同一层。",
    )  # fmt: skip


def one_left(n: int, certain: int) -> Fault:
    """Return the fault of a design that leaves a single unit to chance."""
    return Fault(
        "PPS_ONE_LEFT", f"Of the {n} units to draw {certain} are certain, which leaves one to "
        "chance: no variance could be estimated. Draw one more or one fewer.",
        f"要抽取的{n}个对象中有{certain}个必查，只剩一个随机抽取，无法估计方差；请增减一个。",
    )  # fmt: skip


def too_long(n: int, units: int) -> Fault:
    """Return the fault of a design whose chances would be written with too many digits."""
    return Fault(
        "PPS_LONG", f"Drawing {n} of {units} units by size gives chances of more than 4,000 "
        "digits; draw fewer, or draw from strata.",
        f"按规模从{units}个对象中抽取{n}个，入样概率将超过4000位数字；请减少抽取数，或改为分层抽取。",
    )  # fmt: skip


def not_by_size(unit_id: str, chance: float, wanted: float) -> Fault:
    """Return the fault of a weight that gives another chance than the size."""
    return Fault(
        "PPS_NOT_BY_SIZE", f"Unit '{unit_id}': the weights give it the chance {chance:.9f}, its "
        f"size {wanted:.9f}; weights must follow the sizes to within 0.000001.",
        f"对象“{unit_id}”：由权重得到的入样概率为{chance:.9f}，由规模应为{wanted:.9f}；"
        "两者相差不得超过0.000001。",
    )  # fmt: skip


def other_count(found: int, sealed: int) -> Fault:
    """Return the fault of a second frame with another number of claims."""
    return Fault(
        "CLAIMS_UNITS", f"claims.tsv has {found} claims; the design says {sealed}.",
        f"claims.tsv有{found}笔结算，设计中为{sealed}笔。",
    )  # fmt: skip


def no_claims(unit_id: str) -> Fault:
    """Return the fault of an institution without a claim in the second frame."""
    return Fault(
        "CLAIMS_NONE", f"Institution '{unit_id}' has no claim in claims.tsv: nothing could be "
        "drawn from it. Leave it out of the frame.",
        f"机构“{unit_id}”在claims.tsv中没有结算，无从抽取；请将其从抽样框中去除。",
    )  # fmt: skip


def stranger(unit_id: str) -> Fault:
    """Return the fault of claims whose institution is not in the frame."""
    return Fault(
        "CLAIMS_STRANGER", f"claims.tsv holds claims of '{unit_id}', which is not in the frame: "
        "they would have no chance.",
        f"claims.tsv中有机构“{unit_id}”的结算，但该机构不在抽样框中，这些结算没有入样机会。",
    )  # fmt: skip


def bad_take(unit_id: str, take: int, claims: int) -> Fault:
    """Return the fault of a number of claims that is too small or too large."""
    least = min(claims, 2)
    return Fault(
        "TAKES_RANGE", f"Of institution '{unit_id}' {take} of {claims} claims would be drawn; "
        f"it must be {least} to {claims}: two or more, or all, so that each has a chance and the "
        "variance within the institution can be estimated.",
        f"机构“{unit_id}”拟从{claims}笔结算中抽取{take}笔；应为{least}至{claims}笔："
        "至少两笔或全部，使每笔都有机会入样并能估计机构内方差。",
    )  # fmt: skip


def bad_each(text: str) -> Fault:
    """Return the fault of a second-stage size that is neither a number nor a share."""
    return Fault(
        "CLAIMS_EACH", f"The claims of each institution are {text!r}; write a whole number from 2 "
        "such as 10, or a share such as 5%.",
        f"每家机构抽取的结算数为{text!r}；应为不小于2的整数（如10）或百分比（如5%）。",
    )  # fmt: skip
