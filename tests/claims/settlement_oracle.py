"""What must become of each record of a settlement file, worked out apart from the loader.

The oracle knows the rules of the settlement file and shares no code with the loader.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from claims.pseudonyms import pseudonym
from claims.vault import pseudonym_key
from tests.claims.messy_files import Cells, Records, local_moment

GOOD = {
    "setl_id": "", "mdtrt_id": "M1", "psn_no": "N1", "fixmedins_code": "H1", "med_type": "11",
    "insutype": "310", "begntime": "2024-03-05 09:00:00", "endtime": "2024-03-05 10:00:00",
    "setl_time": "2024-03-05 10:30:00", "medfee_sumamt": "100.50", "fund_pay_sumamt": "60.00",
    "hifp_pay": "60.00", "hifob_pay": "0", "cvlserv_pay": "0.00", "acct_pay": "20.25",
    "psn_cash_pay": "20.25", "dscg_maindiag_code": "I10", "atddr_no": "D1",
    "dscg_dept_codg": "心内科", "drg_code": "", "refd_setl_id": "", "extra": "x",
}  # fmt: skip
TEXTS = {
    "mdtrt_id": "stay_id", "psn_no": "insured_id", "fixmedins_code": "institution_id",
    "atddr_no": "doctor_id", "dscg_maindiag_code": "main_diagnosis", "drg_code": "drg_code",
    "dscg_dept_codg": "department", "insutype": "insurance_type", "setl_id": "claim_id",
    "refd_setl_id": "reverses_claim_id",
}  # fmt: skip
MONEY = {
    "medfee_sumamt": "total_amount", "fund_pay_sumamt": "fund_amount", "hifp_pay": "pooled_amount",
    "hifob_pay": "supplementary_amount", "cvlserv_pay": "civil_servant_amount",
    "acct_pay": "account_amount", "psn_cash_pay": "self_amount",
}  # fmt: skip
TIMES = {"begntime": "service_at", "endtime": "service_end_at", "setl_time": "known_at"}
TYPES = {"11": "outpatient", "21": "inpatient", "41": "pharmacy"}
KINDS_OF_ID = {"claim_id": "claim", "stay_id": "stay", "insured_id": "insured",
               "doctor_id": "doctor", "institution_id": "institution",
               "reverses_claim_id": "claim"}  # fmt: skip
REQUIRED = {"setl_id", "psn_no", "fixmedins_code", "med_type", "begntime", "endtime", "setl_time",
            "medfee_sumamt", "fund_pay_sumamt"}  # fmt: skip

CODES = {"setl_id", "mdtrt_id", "psn_no", "fixmedins_code", "med_type", "dscg_maindiag_code",
         "atddr_no", "drg_code", "refd_setl_id"}  # fmt: skip


def _mended(text: str, column: str) -> tuple[str, bool]:
    """Return the text in ordinary width without blanks around it, and whether that is new."""
    bare = text.strip(" \t\u00a0\u3000\u200b\ufeff")
    new = bare != text.strip(" ")
    if column in CODES | set(MONEY) | set(TIMES):
        wide = [
            chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else "¥" if c == "￥" else c for c in bare
        ]
        new |= "".join(wide) != bare
        bare = "".join(wide)
    return bare, new


def _amount(text: str) -> tuple[int | None, bool]:
    """Return the amount in hundredths, and whether it was written for people."""
    number = text.removesuffix("元")
    sign = re.match("-?¥|¥-", number)
    if sign:
        number = ("-" if "-" in sign[0] else "") + number[len(sign[0]) :]
    found = re.fullmatch(r"(-?)([0-9,]+)((?:\.[0-9]{1,2}0*)?)", number)
    if not found:
        return None, False
    whole = found[2].replace(",", "")
    if len(whole) > 10 or ("," in found[2] and f"{int(whole):,}" != found[2]):
        return None, False
    return int(Decimal(found[1] + whole + found[3]) * 100), number != text or "," in number


def _moment(text: str) -> datetime | None:
    local = local_moment(text)
    return local and (local - timedelta(hours=8)).replace(tzinfo=UTC)


def _sound(text: str, column: str) -> bool:
    """Tell whether a text of a text column is what was meant, as far as one can see."""
    if re.search("[\r\n]", text):
        return False
    damaged = r"[0-9](\.[0-9]+)?[eE]\+[0-9]{2,3}|[0-9]{16,}\.0+"
    hidden = re.search("[\t\u00a0\u3000\u200b\ufeff]", text)
    return column not in CODES or not (hidden or re.fullmatch(damaged, text))


def judge(row: dict[str, str], absent: set[str]) -> tuple[dict[str, Any], bool] | None:
    """Return what must be stored of a row and whether it was mended; None where it has a fault."""
    arrived = {k: row[k] if k in row and k not in absent else "" for k in GOOD}
    if max(map(len, row.values())) > 32_767:
        return None
    mended = {k: _mended(v, k) for k, v in arrived.items() if k != "extra"}
    text = {k: v for k, (v, _) in mended.items()}
    told = any(new for _, new in mended.values())
    if any(not text[k] for k in REQUIRED - absent) or not all(_sound(text[k], k) for k in TEXTS):
        return None
    made: dict[str, Any] = {new: text[old] or None for old, new in TEXTS.items()}
    made["claim_type"] = TYPES.get(text["med_type"])
    for old, new in MONEY.items():
        made[new], formatted = _amount(text[old])
        told |= formatted
        if text[old] and made[new] is None:
            return None
        # What is below zero marks a reversal, and a reversal takes back: nothing above zero.
        if ((made[new] or 0) > 0) if text["refd_setl_id"] else ((made[new] or 0) < 0):
            return None
    for old, new in TIMES.items():
        made[new] = _moment(text[old])
    if made["claim_type"] is None or made["service_at"] is None or made["service_end_at"] is None:
        return None
    made["known_at_assumed"] = "setl_time" in absent
    if "setl_time" in absent:
        made["known_at"] = made["service_end_at"] + timedelta(days=30)
    elif len(text["setl_time"]) != 19 or made["known_at"] is None:
        return None
    if min(made["service_end_at"], made["known_at"]) < made["service_at"]:
        return None
    return made, told


@dataclass
class Verdict:
    """What must become of the records: rows accepted, and places of the others by file and row."""

    accepted: list[dict[str, Any]]
    refused: set[tuple[str, int]]
    copies: set[tuple[str, int]]
    mended: set[tuple[str, int]]


def oracle(files: dict[str, Records], columns: list[str]) -> Verdict:
    """Judge every record of every file; no two files share a key."""
    absent = set(GOOD) - set(columns)
    verdict = Verdict([], set(), set(), set())
    for name, records in files.items():
        groups: dict[str, list[tuple[int, Cells, dict[str, Any], bool]]] = defaultdict(list)
        for number, cells in records:
            found = cells and judge(dict(zip(columns, cells, strict=True)), absent)
            if cells and found:
                groups[found[0]["claim_id"]].append((number, cells, *found))
            else:
                verdict.refused.add((name, number))
        for group in groups.values():
            if any(cells != group[0][1] for _, cells, *_ in group):
                verdict.refused |= {(name, number) for number, *_ in group}
                continue
            verdict.accepted.append(group[0][2])
            verdict.copies |= {(name, number) for number, *_ in group[1:]}
            verdict.mended |= {(name, number) for number, *_, told in group[:1] if told}
    key = pseudonym_key()
    for made in verdict.accepted:
        for column, kind in KINDS_OF_ID.items():
            made[column] = made[column] and pseudonym(kind, made[column], key)
    return verdict
