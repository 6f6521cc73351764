"""Messy files of every kind against an oracle written apart: nothing lost, changed or guessed.

The oracle knows the rules of the settlement file and shares no code with the loader. How many files
are made is ``JIHE_PROOF_FILES``; several of them, of different kinds, arrive together.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from claims.load import LoadError
from claims.mapping import SourceMapping, source_mapping
from tests.claims.messy_files import KINDS, Cells, Form, Records, write
from tests.claims.settlement_oracle import GOOD, MONEY, TIMES, TYPES, oracle

TOGETHER = 8
FILES = int(os.environ.get("JIHE_PROOF_FILES", "80"))
DROPPABLE = ["drg_code", "hifp_pay", "refd_setl_id", "setl_time", "psn_cash_pay", "extra"]
MENDED = {"formatted_number", "full_width", "hidden_characters"}

AMOUNTS = [
    "", "0", "7.1", "7.10", "7.100", "-7.10", "-0", "1e5", "7.123", "1,000.00", "¥7", "x",
    "19912345678", "１２.５", "1,23", "1.234,56", "￥1,234", "7元", "1,2345", " 7 ", "\t7",
    "7\u00a0",    "9,999,999,999.99", "0,123", "$7", "－7", "12,345", "45352", "7．5元",
]  # fmt: skip
MOMENTS = [
    "", "2024-03-05", "2024-03-05 09:30:00", "2024-02-30 09:00:00", "2024-3-05 09:00:00",
    "20240305", "2023-12-31 23:59:59", "2024-03-05 25:00:00", "2024-3-06", "45352", "45352.5",
    "２０２４-03-05 09:30:00", "2024-03-05 09:30:00\u200b", "2024-03-05T09:30:00", "03/05/2024",
]  # fmt: skip
ANY_TEXT = [
    "", " ", "A", " A ", "甲", 'a"b', "a,b", "a\nb", "NA", "0", "O'N", "S2", "欧阳 娜", "Ａ１",
    "\tA", "A\u3000", "\ufeffA", "A\u200bB", "A\u00a0B", "4.40106E+17", "440106199408010000.0",
    "440106199408010000", "1E5", "E11.9", "007", "A\tB", "(long)",
]  # fmt: skip


def _texts(column: str) -> list[str]:
    if column == "setl_id":
        return ["S1", "S2", "S3", " S2", "S4", "", "Ｓ2", "S2\u200b", "S\u200b2", "4.4E+17"]
    if column == "med_type":
        return [*TYPES, "99", "", "011", "１１", "11\t", "21.0"]
    return AMOUNTS if column in MONEY else MOMENTS if column in TIMES else ANY_TEXT


CHANGE = st.sampled_from([*GOOD, *["setl_id"] * 4]).flatmap(
    lambda column: st.tuples(st.just(column), st.sampled_from(_texts(column)))
)
ROW = st.tuples(
    st.lists(CHANGE, max_size=2), st.sampled_from(["whole"] * 9 + ["longer", "shorter", "again"])
)
FORM = st.builds(
    Form, kind=st.sampled_from(KINDS), encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]), quoted=st.booleans(), last_end=st.booleans(),
    open_quote=st.sampled_from([False] * 5 + [True]), cut=st.sampled_from([False] * 9 + [True]),
    gaps=st.frozensets(st.integers(0, 5), max_size=2), typed=st.booleans(),
)  # fmt: skip
FILE = st.tuples(FORM, st.lists(ROW, min_size=1, max_size=6))
FOLDER = st.tuples(
    st.lists(FILE, min_size=TOGETHER, max_size=TOGETHER),
    st.sets(st.sampled_from(DROPPABLE), max_size=2),
    st.randoms(use_true_random=False),
)


def _rows(drawn: Any, columns: list[str], place: int) -> list[Cells]:
    rows: list[Cells] = []
    for at, (changes, form) in enumerate(drawn):
        row = {**GOOD, "setl_id": f"S{at}", **dict(changes)}
        # What only one file has keeps the files apart; a copy is looked for within each.
        row["setl_id"] = re.sub("[S\uff33]", lambda s: f"{s[0]}{place}.", row["setl_id"])
        cells = [row[c].replace("(long)", "x" * 40_000) for c in columns]
        if form == "again" and rows:
            cells = list(rows[-1])
        rows.append(
            cells[:-1] if form == "shorter" else [*cells, "9"] if form == "longer" else cells
        )
    return rows


def _source() -> SourceMapping:
    """Return the national interface's mapping of claims, for files of every kind."""
    source = source_mapping("nhsa")
    files = tuple(f"setl_list_*.{kind}" for kind in KINDS)
    return replace(source, tables={"claims": replace(source.tables["claims"], files=files)})


def _written(
    folder: Path, columns: list[str], files: list[tuple[Form, list[Cells]]]
) -> dict[str, Records]:
    folder.mkdir()
    return {
        name: write(folder / name, columns, rows, form)
        for place, (form, rows) in enumerate(files)
        for name in [f"setl_list_{place}.{form.kind}"]
    }


def _places(loaded: Any, severity: str, codes: set[str] | None = None) -> set[tuple[str, int]]:
    return {
        (f["source_file"], f["row_number"]) for f in loaded.rows("quarantine")
        if f["table_name"] == "claims" and f["row_number"] and f["severity"] == severity
        and (codes is None or f["code"] in codes)
    }  # fmt: skip


@given(FOLDER)
@settings(
    max_examples=max(1, FILES // TOGETHER), deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_every_record_is_accepted_as_it_stands_or_accounted_for(
    load_source: Any, made: Any
) -> None:
    drawn, absent, random = made
    columns = [c for c in GOOD if c not in absent]
    files = [(form, _rows(rows, columns, place)) for place, (form, rows) in enumerate(drawn)]
    with tempfile.TemporaryDirectory() as root:
        arrived = _written(Path(root) / "in", columns, files)
        verdict = oracle(arrived, columns)
        for count in Counter(form.kind for form, _ in files).items():
            event(f"files of kind {count}")
        if not verdict.accepted:
            with pytest.raises(LoadError, match="No claim of source 'nhsa' is usable"):
                load_source(_source(), Path(root) / "in", Path(root) / "home")
            return
        loaded = load_source(_source(), Path(root) / "in", Path(root) / "home")
        count = loaded.counts["claims"]
        assert count.records == sum(map(len, arrived.values()))
        assert count.records == count.accepted + count.quarantined + count.duplicates
        assert _places(loaded, "error") == verdict.refused
        assert _places(loaded, "duplicate") == verdict.copies
        assert (count.quarantined, count.duplicates) == (len(verdict.refused), len(verdict.copies))
        kept = {row["claim_id"]: row for row in loaded.rows("claims")}
        assert len(kept) == count.accepted == len(verdict.accepted)
        for row in verdict.accepted:
            assert {k: kept[row["claim_id"]][k] for k in row} == row
        warned = _places(loaded, "warning", MENDED)
        assert warned - verdict.refused - verdict.copies == verdict.mended
        whole = {
            f["source_file"] for f in loaded.rows("quarantine") if f["code"] == "unreadable_file"
        }
        assert whole == {name for name, records in arrived.items() if not records}
        if random.random() < 0.2:
            _shuffled_again(load_source, loaded, Path(root), columns, files, random)


def _shuffled_again(
    load_source: Any, loaded: Any, root: Path, columns: list[str],
    files: list[tuple[Form, list[Cells]]], random: Any,
) -> None:  # fmt: skip
    """Load the same rows in another order: the same contents, whatever the order."""
    for _, rows in files:
        random.shuffle(rows)
    _written(root / "shuffled", columns, files)
    again = load_source(_source(), root / "shuffled", root / "again")
    assert again.report.fingerprint == loaded.report.fingerprint
    assert again.report.counts == loaded.report.counts
    assert again.rows("claims") == loaded.rows("claims")
