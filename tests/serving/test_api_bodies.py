"""Bodies posted to the API: bounded, refused with every fault, and never breaking anything."""

from __future__ import annotations

import json

import pytest

from tests.serving.refusals import JSON, is_error


def test_the_batch_is_bounded(client, bearer, claim) -> None:
    claim["lines"] = []
    full = {"claims": [claim | {"claim_id": f"S-{n}"} for n in range(100)]}
    assert client.post("/v1/claims/score", json=full, headers=bearer).status_code == 200
    full["claims"].append(claim | {"claim_id": "S-100"})
    assert is_error(client.post("/v1/claims/score", json=full, headers=bearer), 422)
    assert is_error(client.post("/v1/claims/score", json={"claims": []}, headers=bearer), 422)


def test_what_a_load_would_quarantine_is_refused_with_every_fault(client, bearer, claim) -> None:
    early = claim | {"claim_id": "S-CANARY", "known_at": "2001-02-03T04:05:06", "lines": []}
    body = {"claims": [claim, early | {"fund_amount": -777}]}
    answer = client.post("/v1/claims/score", json=body, headers=bearer)
    assert is_error(answer, 422)
    said = answer.json()["message"]
    assert said.startswith("claims.1.fund_amount: Column 'fund_amount' is negative")
    assert "claims.1.known_at: The claim was settled before the service began; correct" in said
    assert not any(word in said for word in ("CANARY", "2001", "777"))
    headers = bearer | {"Accept-Language": "zh"}
    chinese = client.post("/v1/claims/score", json=body, headers=headers).json()["message"]
    assert "claims.1.known_at：结算早于服务开始" in chinese


def bodies(good: bytes) -> dict[str, bytes]:
    """Return bodies that must be refused, each by what is wrong with it."""
    text = good.decode()
    amount = '"total_amount": '
    start = text.index(amount) + len(amount)
    end = min(text.index(mark, start) for mark in ",}")

    def with_amount(value: str) -> bytes:
        return (text[:start] + value + text[end:]).encode("utf-8", "surrogatepass")

    def with_id(value: str) -> bytes:
        return text.replace('"claim_id": "', '"claim_id": "' + value, 1).encode()

    numbers = [
        "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1E400", "1.5", "-1", "1e2", "0.0",
        "9" * 30, "9" * 5000, "-" + "9" * 5000, "true", "null", '"12"', "[]", "{}", '"\\ud800"',
        "10000000001", "+1", "0x10", "01", "1_000",
    ]  # fmt: skip
    made = {f"amount {n[:12]}": with_amount(n) for n in numbers}
    strings = ["\\ud800", "\\udfff\\ud800", "\\u0000", "\\n", "\\u0085", "x" * 65, "\\u007f"]
    made |= {f"id {s[:12]}": with_id(s) for s in strings}
    made |= {
        "nothing": b"",
        "blank": b"   ",
        "not json": b"{claims: 1}",
        "single quotes": b"{'claims': []}",
        "cut off": good[: len(good) // 2],
        "trailing comma": good[:-1] + b",}",
        "two values": good + good,
        "byte order mark": b"\xef\xbb\xbf" + good,
        "utf-16": text.encode("utf-16"),
        "invalid utf-8": good.replace(b'"claim_id": "', b'"claim_id": "\xff', 1),
        "overlong utf-8": good.replace(b'"claim_id": "', b'"claim_id": "\xc0\x80', 1),
        "raw surrogate": good.replace(b'"claim_id": "', b'"claim_id": "\xed\xa0\x80', 1),
        "raw NUL": good.replace(b'"claim_id": "', b'"claim_id": "\x00', 1),
        "raw newline": good.replace(b'"claim_id": "', b'"claim_id": "\n', 1),
        "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 50,
        "key twice": good.replace(b'"claims"', b'"claims": [], "claims"', 1),
        "inner key twice": good.replace(b'"claim_id"', b'"claim_id": "x", "claim_id"', 1),
        "deep list": b"[" * 100_000 + b"]" * 100_000,
        "deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        "deep in a claim": with_amount("[" * 20_000 + "]" * 20_000),
        "null": b"null",
        "number": b"1",
        "text": b'"claims"',
        "list": b"[1]",
        "claims null": b'{"claims": null}',
        "claims object": b'{"claims": {}}',
        "claims of null": b'{"claims": [null]}',
        "unknown field": good.replace(b'"claim_id"', b'"patient_name": "Zhang", "claim_id"', 1),
        "proto": good.replace(b'"claim_id"', b'"__proto__": {}, "claim_id"', 1),
        "long key": good.replace(b'"claim_id"', b'"' + b"k" * 100_000 + b'": 1, "claim_id"', 1),
        "type": good.replace(b'"claim_type": "', b'"claim_type": "x', 1),
        "time": good.replace(b'"service_at": "2', b'"service_at": "x', 1),
        "time with NUL": good.replace(b'"service_at": "', b'"service_at": "\\u0000', 1),
        "lines null": good.replace(b'"lines": [', b'"lines": null, "x": [', 1),
        "currency": good.replace(b'"CNY"', b'"cny"', 1),
    }
    return made


def test_a_corpus_of_bodies_is_refused_and_never_breaks_anything(client, bearer, claim) -> None:
    good = json.dumps({"claims": [claim]}, ensure_ascii=False).encode()
    assert client.post("/v1/claims/score", content=good, headers=bearer | JSON).status_code == 200
    corpus = bodies(good)
    assert len(corpus) >= 60
    for name, body in corpus.items():
        assert body != good, name
        answer = client.post("/v1/claims/score", content=body, headers=bearer | JSON)
        assert answer.status_code == 422, name
        assert is_error(answer, 422), name
        assert len(answer.text) < 1000, name
        assert "Zhang" not in answer.text
        assert "patient_name" not in answer.text


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_only_json_is_taken(client, bearer, claim, kind) -> None:
    body = json.dumps({"claims": [claim]}).encode()
    headers = bearer | {"Content-Type": kind}
    assert is_error(client.post("/v1/claims/score", content=body, headers=headers), 415)


def test_too_many_lines_too_long_texts_and_products_beyond_64_bits(client, bearer, claim) -> None:
    line = claim["lines"][0]
    for change in (
        {"lines": [line] * 501},
        {"lines": [line | {"item_name": "x" * 201}]},
        {"lines": [line | {"amount": 10**10, "quantity_milli": 10**9}]},
        {"department": "x" * 201},
    ):
        body = {"claims": [claim | change]}
        assert is_error(client.post("/v1/claims/score", json=body, headers=bearer), 422)


def test_a_large_body_is_refused_before_it_is_read(client, bearer) -> None:
    stated = bearer | JSON | {"Content-Length": str(3 * 1024 * 1024)}
    assert is_error(client.post("/v1/claims/score", content=b"{}", headers=stated), 413)
    read = 0

    async def endless():
        nonlocal read
        while read < 1000:
            read += 1
            yield b" " * 65_536

    answer = client.post("/v1/claims/score", content=endless(), headers=bearer | JSON)
    assert is_error(answer, 413)
    assert read <= 34  # 2 MB of 64 KB parts, and the one that went over
    assert client.post("/login", content=b"key=" + b"x" * 5000).status_code == 413
