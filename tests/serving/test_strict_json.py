"""Strict JSON: what RFC 8259 allows, and nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.strict_json import JsonError, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@given(VALUES)
@settings(max_examples=60, deadline=None)
def test_what_json_writes_is_read_back(value) -> None:
    assert parse(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b"NaN", b"[Infinity]", b"[-Infinity]", b"[1e999]", b"[-1e999]", b'{"a": 1, "a": 2}',
        b'[{"b": {"a": 1, "a": 1}}]', b"", b"[1,]", b"\xff", b"\xef\xbb\xbf[]", b"[" * 100_000,
        b"9" * 5000, b"[01]", b"'a'",
    ],
)  # fmt: skip
def test_anything_else_is_refused_without_a_quote(body) -> None:
    with pytest.raises(JsonError) as caught:
        parse(body)
    assert str(caught.value) == ""
    assert caught.value.__cause__ is None
