"""Settlements and their lines in the layout of the national interface.

In: the books. Out: setl_list.csv and fee_detail.csv, in order of settlement.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.simulator.arrays import DAY, HOUR
from claims.simulator.books import Books, Columns
from claims.simulator.diagnoses import GROUPS, SPECIALTY
from claims.simulator.drg import CODES, group_of
from claims.simulator.ledger import INPATIENT, Notes
from claims.simulator.nhsa_files import look_up, moment, money, optional, person_codes, write
from claims.simulator.ref_files import pay_class

TRANSFER = 6 * HOUR


def write_claims(folder: Path, books: Books) -> dict[str, int]:
    """Write both files; returns their numbers of rows."""
    ids = books.ids
    parts = (
        ("setl_list.csv", _settlement_columns(books), pa.array(ids.claim_order)),
        ("fee_detail.csv", _line_columns(books), pa.array(ids.line_order)),
    )
    return {
        name: write(folder / name, {k: v.take(order) for k, v in columns.items()})
        for name, columns, order in parts
    }


def _settlement_columns(books: Books) -> Columns:
    world, ids, paid = books.world, books.ids, books.settlements
    claims, people = books.ledger.claims, world.people
    group = np.where(claims.diagnosis >= 0, world.diagnoses.group[claims.diagnosis], -1)
    shown = np.searchsorted((0.3, 0.45), books.noise.uniform(claims.visit, 10)) + 1
    return {
        "setl_id": ids.setl_id,
        "mdtrt_id": ids.mdtrt_id,
        "psn_no": look_up(person_codes(len(people.sex)), claims.person),
        "fixmedins_code": look_up(world.places.codes, claims.place),
        "med_type": pa.array(claims.kind),
        "insutype": pa.array(np.where(people.employee[claims.person], 310, 390)),
        "begntime": moment(world, claims.begin),
        "endtime": moment(world, claims.end),
        "setl_time": moment(world, paid.settled),
        "medfee_sumamt": money(paid.total),
        "fund_pay_sumamt": money(paid.pooled + paid.supplementary + paid.civil_servant),
        "hifp_pay": money(paid.pooled),
        "hifob_pay": money(paid.supplementary),
        "cvlserv_pay": money(paid.civil_servant),
        "acct_pay": money(paid.account),
        "psn_cash_pay": money(paid.cash),
        "dscg_maindiag_code": look_up(world.diagnoses.codes, claims.diagnosis),
        "atddr_no": look_up(world.doctors.codes, claims.doctor),
        "dscg_dept_codg": look_up([SPECIALTY[one] for one in GROUPS], group),
        "drg_code": look_up(CODES, group_of(world, books.ledger, books.others)),
        "refd_setl_flag": pa.array((claims.cancels >= 0).astype(np.int64)),
        "refd_setl_id": look_up(ids.setl_id.to_pylist(), claims.cancels),
        "dscg_way": _ways_of_leaving(books),
        "mdtrt_cert_type": look_up(["01", "02", "03"], shown.astype(np.int64) - 1),
    }


def _ways_of_leaving(books: Books) -> pa.Array:
    """1 on advice, 2 to another hospital the same day, 5 dead; null outside hospital beds."""
    claims, people = books.ledger.claims, books.world.people
    stay = np.flatnonzero(claims.kind == INPATIENT).astype(np.int64)
    order = stay[np.lexsort((claims.begin[stay], claims.person[stay]))]
    person, place = claims.person[order], claims.place[order]
    wait = claims.begin[order][1:] - claims.end[order][:-1]
    moved = (person[1:] == person[:-1]) & (place[1:] != place[:-1])
    moved &= (wait >= 0) & (wait <= TRANSFER)
    way = np.full(len(claims), 1, dtype=np.int64)
    way[order[:-1][moved]] = 2
    way[claims.end // DAY >= people.death[claims.person]] = 5
    return optional(way, claims.kind == INPATIENT)


def _line_columns(books: Books) -> Columns:
    world, ids, lines = books.world, books.ids, books.ledger.lines
    items, kind = world.items, books.ledger.claims.kind[lines.claim]
    home = (kind == INPATIENT) & (lines.days > 0)
    prescribed = items.is_drug[lines.item] & (lines.doctor >= 0) & (kind != INPATIENT)
    setl_id = ids.setl_id.take(pa.array(lines.claim))
    number = pc.binary_join_element_wise(pa.scalar("R"), setl_id, "")
    back = np.full(len(lines), -1, dtype=np.int64)
    returned, taken = Notes.pairs(books.ledger.notes.returned)
    back[returned] = taken
    return {
        "feedetl_sn": ids.feedetl_sn,
        "setl_id": setl_id,
        "fee_ocur_time": moment(world, lines.time),
        "med_list_codg": look_up(items.codes, lines.item),
        "medins_list_name": look_up(items.names, lines.item),
        "med_chrgitm_type": look_up(items.national_classes(), lines.item),
        "cnt": pa.array(lines.count),
        "pric": money(lines.price),
        "det_item_fee_sumamt": money(lines.count * lines.price),
        "bilg_dr_codg": look_up(world.doctors.codes, lines.doctor),
        "prd_days": optional(lines.days, lines.days > 0),
        "chrgitm_lv": look_up(["01", "02"], pay_class(world)[lines.item] - 1),
        "rxno": pc.if_else(pa.array(prescribed), number, pa.scalar(None, type=pa.string())),
        "init_feedetl_sn": ids.feedetl_sn.take(pa.array(back, mask=back < 0)),
        "dscg_tkdrug_flag": optional(home.astype(np.int64), kind == INPATIENT),
    }
