"""Diagnoses and operations of the claims.

In: the books. Out: diag_list and oprn_list. An honest secondary diagnosis has a sign of it on the
bill; one that was added for a heavier group has none.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from claims.simulator.arrays import HOUR, Ints, ints
from claims.simulator.books import Books, Columns, Files
from claims.simulator.drg import SECONDARY
from claims.simulator.ledger import INPATIENT
from claims.simulator.nhsa_files import look_up, moment

# Codes after the national clinical edition of ICD-9-CM-3, shortened; the level is the simulator's.
OPERATIONS = {
    "阑尾切除术": ("47.09", "2"),
    "腹腔镜胆囊切除术": ("51.23", "3"),
    "骨折切开复位内固定术": ("79.36", "3"),
    "子宫肌瘤切除术": ("68.29", "3"),
    "白内障超声乳化术": ("13.41", "3"),
    "冠状动脉造影术": ("88.55", "3"),
    "顺产接生": ("73.59", "1"),
    "剖宫产术": ("74.1", "2"),
    "包皮环切术": ("64.0", "1"),
}


def record_files(books: Books) -> Files:
    """Both files."""
    return {"diag_list.csv": _diagnoses(books), "oprn_list.csv": _operations(books)}


def _diagnoses(books: Books) -> Columns:
    """The main diagnosis first, then the standing disease of those in bed, then complications."""
    claims, world = books.ledger.claims, books.world
    diagnoses = world.diagnoses
    main = np.flatnonzero(claims.diagnosis >= 0).astype(np.int64)
    chronic = world.people.chronic[claims.person]
    stay = claims.kind == INPATIENT
    ill = np.flatnonzero(stay & (chronic >= 0) & (chronic != claims.diagnosis)).astype(np.int64)
    claim, row = _of_every_bill(books)
    claim = np.concatenate([main, ill, claim])
    code = np.concatenate([claims.diagnosis[main], chronic[ill], row + len(diagnoses.codes)])
    order = np.lexsort((np.arange(len(claim)), _rank(books)[claim]))
    claim, code = claim[order], code[order]
    place = np.arange(len(claim)) - np.searchsorted(claim_rank := _rank(books)[claim], claim_rank)
    return {
        "setl_id": books.ids.setl_id.take(pa.array(claim)),
        "diag_srt_no": pa.array(place + 1),
        "diag_code": look_up(diagnoses.codes + [one[0] for one in SECONDARY], code),
        "diag_name": look_up(diagnoses.names + [one[1] for one in SECONDARY], code),
        "diag_type": pa.array(np.ones(len(claim), dtype=np.int64)),
        "maindiag_flag": pa.array((place == 0).astype(np.int64)),
    }


def _rank(books: Books) -> Ints:
    """The place of each claim in the settlement file."""
    rank = np.empty(len(books.ids.claim_order), dtype=np.int64)
    rank[books.ids.claim_order] = np.arange(len(rank))
    return rank


def _of_every_bill(books: Books) -> tuple[Ints, Ints]:
    """The secondary diagnoses of a stay on each of its bills."""
    claims, others = books.ledger.claims, books.others
    order = np.argsort(others.visit, kind="stable")
    visit, row = others.visit[order], others.secondary[order]
    stay = np.flatnonzero(claims.kind == INPATIENT).astype(np.int64)
    first = np.searchsorted(visit, claims.visit[stay])
    last = np.searchsorted(visit, claims.visit[stay], side="right")
    which = np.repeat(np.arange(len(stay)), last - first)
    step = np.arange(len(which)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
    return stay[which], row[first[which] + step]


def _operations(books: Books) -> Columns:
    """Operations billed and not taken back; the first of a claim is the main one."""
    world, lines = books.world, books.ledger.lines
    items = world.items.numbers(*OPERATIONS)
    line = np.flatnonzero(np.isin(lines.item, items) & (lines.count > 0)).astype(np.int64)
    rank = _rank(books)[lines.claim[line]]
    order = np.lexsort((line, -lines.price[line], rank))
    line, rank = line[order], rank[order]
    place = np.arange(len(line)) - np.searchsorted(rank, rank)
    which = np.argmax(lines.item[line][:, None] == items[None, :], axis=1).astype(np.int64)
    in_bed = books.ledger.claims.kind[lines.claim[line]] == INPATIENT
    begun = np.where(in_bed, lines.time[line], lines.time[line] // 60 * 60)
    long = ints([int(level) for _, level in OPERATIONS.values()])[which] * HOUR // 2
    return {
        "setl_id": books.ids.setl_id.take(pa.array(lines.claim[line])),
        "oprn_oprt_sn": pa.array(place + 1),
        "oprn_oprt_code": look_up([code for code, _ in OPERATIONS.values()], which),
        "oprn_oprt_name": look_up(list(OPERATIONS), which),
        "main_oprn_flag": pa.array((place == 0).astype(np.int64)),
        "oprn_lv_code": look_up([level for _, level in OPERATIONS.values()], which),
        "oprn_oprt_begntime": moment(world, begun),
        "oprn_oprt_endtime": moment(world, begun + long),
        "oper_dr_code": look_up(world.doctors.codes, lines.doctor[line]),
    }
