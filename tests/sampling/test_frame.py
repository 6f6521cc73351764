"""The frame: its bytes, its independence of row order, and every way a file can be wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sampling.frame import (
    FrameError,
    frame_bytes,
    frame_hash,
    make_frame,
    read_frame,
    write_frame,
)

TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=6
)  # Cc: control characters are refused, and tested below
UNITS = st.dictionaries(TEXT, st.tuples(TEXT, st.integers(0, 2**63 - 1)), min_size=1, max_size=12)


def test_bytes_are_the_lines_of_the_contract() -> None:
    frame = make_frame("claim", ["b", "a"], ["s2", "s1"], [0, 150])
    assert frame_bytes(frame) == b"claim\ta\ts1\t150\nclaim\tb\ts2\t0\n"
    # printf 'claim\ta\ts1\t150\nclaim\tb\ts2\t0\n' | sha256sum
    assert frame_hash(frame) == "8c31c03e20240f7fadd1bb0c6ed81801b0f4b869d5d007024ccd85b75918aaef"


def test_units_sort_by_utf8_bytes_not_by_utf16() -> None:
    # U+FF21 is EF BC A1 in UTF-8, U+1F600 is F0 9F 98 80; UTF-16 would put the second first.
    frame = make_frame("claim", ["\U0001f600", "\uff21", "a"], ["s"] * 3, [1, 2, 3])
    assert frame.unit_ids.to_pylist() == ["a", "\uff21", "\U0001f600"]
    assert frame.size_minor.tolist() == [3, 2, 1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(units=UNITS, shuffle=st.randoms(use_true_random=False))
def test_order_of_rows_is_irrelevant(units: dict[str, tuple[str, int]], shuffle) -> None:
    ids = list(units)
    first = make_frame("claim", ids, [units[i][0] for i in ids], [units[i][1] for i in ids])
    shuffle.shuffle(ids)
    second = make_frame("claim", ids, [units[i][0] for i in ids], [units[i][1] for i in ids])
    assert frame_bytes(first) == frame_bytes(second)
    lines = frame_bytes(first).split(b"\n")[:-1]
    assert lines == sorted(lines)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(units=UNITS)
def test_a_written_frame_reads_back(tmp_path: Path, units: dict[str, tuple[str, int]]) -> None:
    frame = make_frame(
        "doctor", list(units), [s for s, _ in units.values()], [n for _, n in units.values()]
    )
    path = tmp_path / "frame.tsv"
    write_frame(frame, path)
    again = read_frame(path)
    assert again.unit == "doctor"
    assert frame_bytes(again) == path.read_bytes()
    assert frame_hash(again) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert again.stratum_sizes() == frame.stratum_sizes()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.integers(0, 200), byte=st.integers(0, 255))
def test_an_accepted_file_is_canonical(tmp_path: Path, at: int, byte: int) -> None:
    """Whatever one byte is changed to, the file is refused or its own bytes come back."""
    raw = bytearray(b"claim\tA1\tx/1/b1\t10\nclaim\tA2\tx/1/b1\t0\nclaim\tB1\ty/2/b2\t7\n")
    raw[at % len(raw)] = byte
    path = tmp_path / "frame.tsv"
    path.write_bytes(bytes(raw))
    try:
        frame = read_frame(path)
    except FrameError:
        return
    assert frame_bytes(frame) == bytes(raw)


def _faults(tmp_path: Path, raw: bytes) -> list[tuple[str, int | None]]:
    path = tmp_path / "frame.tsv"
    path.write_bytes(raw)
    with pytest.raises(FrameError) as caught:
        read_frame(path)
    assert caught.value.text("zh") != caught.value.text("en")
    return [(f.code, f.row) for f in caught.value.faults]


def test_all_faults_come_at_once_with_their_lines(tmp_path: Path) -> None:
    raw = (
        b"claim\tb\ts\t1\n"  # 1
        b"claim\ta\ts\t1\n"  # 2 sorts before line 1
        b"claim\tb\ts\t1\n"  # 3 repeats line 1, apart from it
        b"claim\tc\ts\t-1\n"  # 4
        b"doctor\td\ts\t1\n"  # 5
        b"claim\te\ts\t007\n"  # 6
        b"claim\tf\t\t1\n"  # 7
        b"claim\tg\ts\n"  # 8
        b"claim\th\x07\ts\t1\n"  # 9
        b"claim\ti\ts\t9223372036854775808\n"  # 10
        b"stay\tj\ts\t1\n"  # 11
        b"claim\tk\xff\ts\t1"  # 12, no line feed
    )
    found = _faults(tmp_path, raw)
    expected = {
        ("FRAME_ORDER", 2), ("FRAME_DUPLICATE", 3), ("FRAME_SIZE", 4), ("FRAME_MIXED", 5),
        ("FRAME_SIZE", 6), ("FRAME_BLANK", 7), ("FRAME_FIELDS", 8), ("FRAME_CONTROL", 9),
        ("FRAME_SIZE", 10), ("FRAME_UNIT", 11), ("FRAME_UTF8", 12), ("FRAME_END", None),
    }  # fmt: skip
    assert set(found) == expected


def test_carriage_returns_and_empty_files_are_refused(tmp_path: Path) -> None:
    assert ("FRAME_SIZE", 1) in _faults(tmp_path, b"claim\ta\ts\t1\r\n")
    assert _faults(tmp_path, b"") == [("FRAME_EMPTY", None)]


def test_thousands_of_faults_stay_readable(tmp_path: Path) -> None:
    path = tmp_path / "frame.tsv"
    path.write_bytes(b"".join(b"claim\t%05d\ts\tx\n" % i for i in range(3000)))
    with pytest.raises(FrameError) as caught:
        read_frame(path)
    assert len(caught.value.faults) == 101
    assert "2900 more rows" in caught.value.faults[-1].en
    assert str(caught.value).endswith("And 81 more.")


@pytest.mark.parametrize(
    ("ids", "strata", "sizes", "code"),
    [
        (["a", "a"], ["s", "s"], [1, 1], "FRAME_DUPLICATE"),
        (["a\tb", "c"], ["s", "s"], [1, 1], "FRAME_CONTROL"),
        (["a\nb", "c"], ["s", "s"], [1, 1], "FRAME_CONTROL"),
        (["a", "b"], ["s\r", "s"], [1, 1], "FRAME_CONTROL"),
        (["", "b"], ["s", "s"], [1, 1], "FRAME_BLANK"),
        (["a", None], ["s", "s"], [1, 1], "FRAME_BLANK"),
        (["a", "b"], ["s", "s"], [1, -1], "FRAME_SIZE"),
        (["a", "b"], ["s", "s"], [1.0, 2.0], "FRAME_SIZE_TYPE"),
        (["a", "b"], ["s", "s"], [1, None], "FRAME_SIZE_TYPE"),
        (["a", "b"], ["s", "s"], np.array([2**63, 1], dtype=np.uint64), "FRAME_SIZE_TYPE"),
        ([1, 2], ["s", "s"], [1, 1], "FRAME_TEXT"),
        (["a", "b"], ["s"], [1, 1], "FRAME_SHAPE"),
        ([], [], [], "FRAME_TEXT"),
    ],
)
def test_arrays_that_make_no_frame(ids, strata, sizes, code: str) -> None:
    with pytest.raises(FrameError) as caught:
        make_frame("claim", ids, strata, sizes)
    assert code in {f.code for f in caught.value.faults}


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(FrameError, match="write one of claim, insured"):
        make_frame("stay", ["a"], ["s"], [1])


def test_a_last_line_without_its_end_is_told_and_not_shortened(tmp_path: Path) -> None:
    path = tmp_path / "frame.tsv"
    path.write_bytes(b"claim\ta\ts\t10\nclaim\tb\ts\t120")
    with pytest.raises(FrameError) as caught:
        read_frame(path)
    assert [fault.code for fault in caught.value.faults] == ["FRAME_END"]
