"""Stock of drugs and consumables, and the trace codes of drug boxes.

In: the books. Out: invt_list and drug_trac. Purchases follow what was really handed out, so that
goods billed but never bought are missing. A box has one code: a bill taken back returns it, the
renewed bill sells it again, and a box settled twice shows the same code twice.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from claims.simulator.arrays import DAY, HOUR, Ints, spread
from claims.simulator.books import Books, Columns, Files
from claims.simulator.ledger import PHARMACY, Notes
from claims.simulator.nhsa_files import code, look_up, moment, money

QUARTER = 91
PACK = 5
MOST_BOXES = 1000
# Multiplied by an odd number and cut to fifty bits, numbers stay different and show no order.
SCRAMBLE, CODES = np.uint64(0x9E3779B97F4A7C15), np.uint64(2**50 - 1)


def stock_files(books: Books) -> Files:
    """Both files."""
    return {"invt_list.csv": _inventory(books), "drug_trac.csv": _boxes(books)}


def _handed_out(books: Books) -> Ints:
    """Units by place, item and quarter that left the shelf."""
    world, lines, notes = books.world, books.ledger.lines, books.ledger.notes
    item = lines.item.copy()
    changed, given = Notes.pairs(notes.delivered)
    item[changed] = given
    real = world.items.of_kind("drug", "consumable")[item]
    real[Notes.pairs(notes.unbought)[0]] = False
    places, kinds = len(world.places.codes), len(world.items.codes)
    quarters = world.calendar.days // QUARTER + 1
    quarter = np.clip(lines.time // DAY // QUARTER, 0, quarters - 1)
    place = books.ledger.claims.place[lines.claim]
    cell = ((place * kinds + item) * quarters + quarter)[real]
    units = np.bincount(cell, weights=lines.count[real], minlength=places * kinds * quarters)
    return np.maximum(units, 0).astype(np.int64).reshape(places * kinds, quarters)


def _inventory(books: Books) -> Columns:
    """An opening stock, a purchase in each quarter and a count of the shelf at the end."""
    world = books.world
    out = _handed_out(books)
    cell = np.flatnonzero(out.sum(axis=1) > 0).astype(np.int64)
    out = out[cell]
    opening = out.max(axis=1) // 3 // PACK * PACK + PACK
    stock, rows = opening, [(cell, np.full_like(cell, 108), opening, np.zeros_like(cell))]
    for quarter in range(out.shape[1]):
        bought = -(-np.maximum(out[:, quarter] + opening - stock, 0) // PACK) * PACK
        stock = stock + bought - out[:, quarter]
        day = np.minimum(quarter * QUARTER + 1 + cell % 17, world.calendar.days - 1)
        bought_here = bought > 0
        kind = np.full(int(bought_here.sum()), 3503, dtype=np.int64)
        rows.append((cell[bought_here], kind, bought[bought_here], day[bought_here]))
    rows.append(
        (cell, np.full_like(cell, 3501), stock, np.full_like(cell, world.calendar.days - 1))
    )
    cells, kinds, counts, days = (np.concatenate([row[at] for row in rows]) for at in range(4))
    order = np.lexsort((kinds, cells, days))
    cells, kinds, counts, days = cells[order], kinds[order], counts[order], days[order]
    place, item = cells // len(world.items.codes), cells % len(world.items.codes)
    clock = np.where(kinds == 3501, 20 * HOUR, np.where(kinds == 108, 6 * HOUR, 10 * HOUR))
    return {
        "medins_prod_invchg_no": code("K", np.arange(1, len(cells) + 1, dtype=np.int64), 9),
        "fixmedins_code": look_up(world.places.codes, place),
        "med_list_codg": look_up(world.items.codes, item),
        "inv_chg_type": pa.array(kinds),
        "cnt": pa.array(counts),
        "pric": money(world.items.cap(item, world.places.level[place], days) * 95 // 100),
        "inv_chg_time": moment(world, days * DAY + clock),
    }


def _boxes(books: Books) -> Columns:
    """One row per box sold or taken back at a pharmacy since the codes are scanned."""
    world, lines, claims = books.world, books.ledger.lines, books.ledger.claims
    source = _first_sale(books)
    since = world.calendar.day_of(world.parameters.policy.trace_month) * DAY
    scanned = (claims.kind[lines.claim] == PHARMACY) & (claims.begin[lines.claim] >= since)
    line = np.flatnonzero(scanned & world.items.is_drug[lines.item]).astype(np.int64)
    when = books.settlements.settled[lines.claim]
    line = line[np.lexsort((line, when[line]))]
    owner, box = spread(np.abs(lines.count[line]))
    line = line[owner]
    first = np.empty(len(lines), dtype=np.int64)
    first[books.ids.line_order] = np.arange(len(lines))
    number = first[source[line]] * MOST_BOXES + box
    scrambled = (number.astype(np.uint64) * SCRAMBLE) & CODES
    return {
        "drug_trac_codg": code("8100", scrambled.astype(np.int64), 16),
        "fixmedins_code": look_up(world.places.codes, claims.place[lines.claim[line]]),
        "med_list_codg": look_up(world.items.codes, lines.item[line]),
        "sel_retn_type": pa.array(np.where(lines.count[line] < 0, 2, 1)),
        "sel_retn_time": moment(world, when[line]),
        "setl_id": books.ids.setl_id.take(pa.array(lines.claim[line])),
        "feedetl_sn": books.ids.feedetl_sn.take(pa.array(line)),
    }


def _first_sale(books: Books) -> Ints:
    """For each line the line that sold its boxes first."""
    source = np.arange(len(books.ledger.lines), dtype=np.int64)
    for noted in (books.ledger.notes.reused, books.ledger.notes.returned):
        for line, before in noted:
            source[line] = source[before]
    return source
