"""Keyed pseudonyms: one function in Python, the same in SQL."""

from __future__ import annotations

import hashlib
import hmac
import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.engine import open_engine, run
from claims.pseudonyms import is_pseudonym, pads, pseudonym, pseudonym_sql
from claims.vault import DIGITS, PREFIXES

KEY = bytes(range(32))
ENGINE = open_engine()


def in_sql(kind: str, originals: list[str | None], key: bytes = KEY) -> list[str | None]:
    ENGINE.register("ids", pa.table({"id": pa.array(originals, pa.string())}))
    inner, outer = pads(key)
    rows = run(
        ENGINE, f"SELECT {pseudonym_sql(kind, 'id')} FROM ids", {"inner": inner, "outer": outer}
    )
    return [value for (value,) in rows]


@given(st.lists(st.text(), min_size=1, max_size=8), st.sampled_from(sorted(PREFIXES)))
@settings(max_examples=40, deadline=None)
def test_sql_equals_python_and_the_standard_librarys_hmac(ids: list[str], kind: str) -> None:
    digests = [hmac.new(KEY, f"{kind}|{i}".encode(), "sha256").hexdigest() for i in ids]
    plain = [f"{PREFIXES[kind]}_{digest[:DIGITS]}" for digest in digests]
    assert in_sql(kind, list(ids)) == plain
    assert [pseudonym(kind, i, KEY) for i in ids] == plain


@pytest.mark.parametrize(
    ("key", "data", "digest"),
    [
        # RFC 4231, test cases 1, 2 and 6 (a key longer than a block is hashed first).
        (b"\x0b" * 20, b"Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    ],
)  # fmt: skip
def test_pads_give_the_published_hmac(key: bytes, data: bytes, digest: str) -> None:
    inner, outer = pads(key)
    made = hashlib.sha256(outer + hashlib.sha256(inner + data).digest())
    assert made.hexdigest() == digest


def test_kinds_and_keys_do_not_collide() -> None:
    made = {pseudonym(kind, "X1", KEY)[4:] for kind in PREFIXES}
    assert len(made) == len(PREFIXES) == len(set(PREFIXES.values()))
    assert pseudonym("claim", "X1", KEY) != pseudonym("claim", "X1", bytes(32))
    assert pseudonym("claim", "X1", KEY) == pseudonym("claim", "X1", KEY)


def test_form_of_a_pseudonym() -> None:
    made = pseudonym("insured", "990103199408010015", KEY)
    assert re.fullmatch("ins_[0-9a-f]{20}", made)
    assert is_pseudonym(made)
    for text in ("ins_12", made + "0", made + "\n", made.upper(), "xyz" + made[3:], "", "N1"):
        assert not is_pseudonym(text)
        assert pseudonym("insured", text, KEY) != text


def test_pseudonym_of_a_pseudonym_is_itself_in_both() -> None:
    made = pseudonym("insured", "N1", KEY)
    assert pseudonym("insured", made, KEY) == made
    assert in_sql("insured", [made, made[:-1], made + "\n", None]) == [
        made, pseudonym("insured", made[:-1], KEY), pseudonym("insured", made + "\n", KEY), None,
    ]  # fmt: skip
