"""The API: keys, refusals, and nothing sent ever comes back or into a log."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import stat
import subprocess
import sys

import pytest

from claims.vault import VaultError, pseudonym_key
from serving import guards
from serving.api import create_app
from serving.keys import api_key
from serving.run import AddressError, check_loopback

JSON = {"Content-Type": "application/json"}
OPEN = {"/health", "/login"}


@pytest.fixture
def claim(world):
    """One claim with a few lines, as a program posts it."""
    posted = world.posted(world.risk.matrix.unit_ids[:60].tolist())
    return next(c for c in posted if 1 < len(c["lines"]) < 30)


def is_error(answer, status) -> bool:
    """Tell whether an answer is our own error and nothing else."""
    return answer.status_code == status and set(answer.json()) == {"error_id", "message"}


def test_health_needs_no_key_and_names_the_bundle(client, world) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json()["models"]["claim"] == world.risk.model.model_version


def test_health_without_a_bundle(tmp_path, connect, bearer) -> None:
    empty = connect(create_app(tmp_path, key="k" * 32, pseudonym_key=b"0" * 32))
    assert is_error(empty.get("/health"), 503)
    key = {"Authorization": f"Bearer {'k' * 32}"}
    assert is_error(empty.get("/v1/cases", headers=key), 503)
    assert empty.get("/login").status_code == 200


def test_every_route_but_three_needs_the_key(app, client, bearer) -> None:
    checked = 0
    for route in app.routes:
        for path, methods in _paths(route):
            for method in methods - {"HEAD"}:
                answer = client.request(method, path)
                if path in OPEN:
                    assert answer.status_code in (200, 401)
                elif path.startswith(("/v1", "/openapi")):
                    assert is_error(answer, 401)
                else:
                    assert answer.headers["location"] == "/login"
                checked += 1
    assert checked >= 9


def _paths(route):
    """Return paths and methods of a route or of the routes that it includes."""
    inner = getattr(route, "routes", None) or getattr(
        getattr(route, "original_router", None), "routes", None
    )
    if inner:
        return [pair for one in inner for pair in _paths(one)]
    path = getattr(route, "path", "")
    if path in ("", "/static"):
        return []
    filled = path.replace("{unit}", "claim").replace("{unit_id}", "clm_" + "0" * 20)
    return [(filled, set(route.methods))]


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer wrong", "Basic {key}", "Bearer {key}x", "{key}", "Bearer é"],
)
def test_wrong_keys(client, bearer, header) -> None:
    key = bearer["Authorization"].removeprefix("Bearer ")
    sent = header.replace("{key}", key).encode("latin-1")
    answer = client.get("/v1/cases", headers={b"Authorization": sent})
    assert is_error(answer, 401)
    assert key not in answer.text


def test_keys_are_compared_in_constant_time(monkeypatch) -> None:
    called = []
    monkeypatch.setattr(guards.hmac, "compare_digest", lambda *pair: called.append(pair) or False)
    assert not guards.key_matches("a", "b")
    assert called == [(b"a", b"b")]


def test_an_empty_key_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="at least 16"):
        create_app(tmp_path, key="", pseudonym_key=b"0" * 32)


def test_the_api_key_is_private_and_stays(tmp_path) -> None:
    first = api_key(tmp_path / "vault")
    assert len(first) >= 43
    assert api_key(tmp_path / "vault") == first
    assert api_key(tmp_path / "other") != first
    path = tmp_path / "vault" / "api.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(VaultError):
        api_key(tmp_path / "vault")


def test_only_the_loopback_is_listened_on() -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.0.0.9"):
        check_loopback(host)
    for host in ("0.0.0.0", "::", "10.0.0.5", "example.org", ""):
        with pytest.raises(AddressError, match="reverse proxy"):
            check_loopback(host)


def test_a_claim_is_scored_with_reasons(client, bearer, claim, world) -> None:
    answer = client.post("/v1/claims/score", json={"claims": [claim]}, headers=bearer)
    assert answer.status_code == 200
    (record,) = answer.json()["records"]
    row = world.risk.matrix.unit_ids.tolist().index(claim["claim_id"])
    assert record["risk_score"] == world.risk.table["risk_score"][row].as_py()
    assert record["reasons"]


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


def test_amounts_that_do_not_add_up_are_scored_with_a_warning(client, bearer, claim) -> None:
    plain = client.post("/v1/claims/score", json={"claims": [claim]}, headers=bearer).json()
    odd = claim | {"total_amount": 1 + claim["total_amount"], "account_amount": 0, "self_amount": 0}
    answer = client.post("/v1/claims/score", json={"claims": [odd]}, headers=bearer)
    assert plain["warnings"] == []
    assert answer.status_code == 200
    assert len(answer.json()["records"]) == 1
    (warning,) = answer.json()["warnings"]
    assert (warning["place"], warning["code"]) == (
        "claims.0.total_amount", "amounts_do_not_add_up",
    )  # fmt: skip
    assert "do not add up" in warning["message"]


def test_cases_are_listed_and_opened(client, bearer, world) -> None:
    listed = client.get("/v1/cases?limit=3&offset=2", headers=bearer).json()
    assert [c["risk_rank"] for c in listed["cases"]] == [3, 4, 5]
    assert listed["units"] == len(world.risk.matrix)
    assert listed["ranked_by"] == "risk_score"
    assert all(c["reason_en"] and c["reason_zh"] for c in listed["cases"])
    one = listed["cases"][0]
    record = client.get(f"/v1/cases/claim/{one['unit_id']}", headers=bearer).json()
    assert record["risk_rank"] == 3
    assert record["reasons"][0]["sentence_zh"]
    places = client.get("/v1/cases?unit=institution", headers=bearer).json()
    assert places["ranked_by"] == "anomaly_score"
    assert client.get("/v1/cases?unit=doctor", headers=bearer).json()["cases"] == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=x", "offset=-1", "unit=pharmacy", "limit=1e999",
        "offset=" + "9" * 5000,
    ],
)  # fmt: skip
def test_queries_are_bounded(client, bearer, query) -> None:
    assert is_error(client.get(f"/v1/cases?{query}", headers=bearer), 422)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/nothing", "/v1/cases/claim/none", "/v1/cases/doctor/doc_1", "/v1/cases/x/y",
        "/v1/cases/claim/%00", "/v1/cases/claim/'%20OR%201=1--", "/v1/cases/claim/%ff%fe",
    ],
)  # fmt: skip
def test_what_is_not_there(client, bearer, path) -> None:
    assert is_error(client.get(path, headers=bearer), 404)


def test_other_methods(client, bearer) -> None:
    assert is_error(client.request("DELETE", "/v1/cases", headers=bearer), 405)


def test_errors_speak_the_readers_language(client) -> None:
    answer = client.get("/v1/cases", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert "密钥" in answer.json()["message"]
    assert "key" in client.get("/v1/cases?lang=en").json()["message"]


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


def test_without_the_key_a_body_is_not_even_read(client) -> None:
    async def never():
        raise AssertionError("the body was read")
        yield b""

    assert is_error(client.post("/v1/claims/score", content=never(), headers=JSON), 401)


def test_a_fault_of_ours_says_nothing(app, client, bearer, claim, monkeypatch, caplog) -> None:
    def broken(_self, claims):
        raise RuntimeError(f"SELECT secret FROM x WHERE id = {claims[0]['insured_id']}")

    monkeypatch.setattr("serving.scoring.Scorer.score", broken)
    with caplog.at_level(logging.DEBUG):
        answer = client.post("/v1/claims/score", json={"claims": [claim]}, headers=bearer)
    assert is_error(answer, 500)
    for word in ("SELECT", "RuntimeError", "Traceback", ".py", claim["insured_id"]):
        assert word not in answer.text
    assert "SELECT" not in caplog.text
    assert claim["insured_id"] not in caplog.text
    assert answer.json()["error_id"] in caplog.text
    assert "RuntimeError at test_api.py" in caplog.text


def test_planted_identities_appear_nowhere(app, client, bearer, claim, caplog, risk_home) -> None:
    canaries = {
        "claim_id": "CANARY-CLAIM-1", "stay_id": "CANARY-STAY-1",
        "insured_id": "510101199001011234", "institution_id": "CANARY-ORG-1",
        "doctor_id": "CANARY-DOC-1",
    }  # fmt: skip
    sent = copy.deepcopy(claim) | canaries
    for n, line in enumerate(sent["lines"]):
        line |= {"line_id": f"CANARY-LINE-{n}", "doctor_id": "CANARY-DOC-2"}
    planted = [*canaries.values(), "CANARY"]
    wrong = sent | {"telephone": "CANARY-PHONE", "total_amount": "CANARY"}
    with caplog.at_level(logging.DEBUG):
        answers = [
            client.post("/v1/claims/score", json={"claims": [sent]}, headers=bearer),
            client.post("/v1/claims/score", json={"claims": [wrong]}, headers=bearer),
            client.get("/v1/cases/insured/510101199001011234", headers=bearer),
            client.get("/CANARY?name=CANARY", headers=bearer),
        ]
    assert [a.status_code for a in answers] == [200, 422, 404, 404]
    logged = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("jihe"))
    files = b"".join(p.read_bytes() for p in (risk_home / "bundle").rglob("*") if p.is_file())
    assert "POST /v1/claims/score 200" in logged
    for word in planted:
        for answer in answers[:3]:
            assert word not in answer.text
        assert word not in logged
        assert word.encode() not in files
    assert "CANARY" not in answers[3].text


def test_security_headers_are_on_every_answer(client, bearer) -> None:
    for path in ("/health", "/v1/cases", "/login", "/nothing", "/static/jihe.css", "/"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert ("no-store" in headers.get("cache-control", "")) == (not path.startswith("/static"))


def test_no_documentation_page_loads_from_elsewhere(client, bearer) -> None:
    assert client.get("/docs").status_code == 404
    assert client.get("/redoc").status_code == 404
    described = client.get("/openapi.json", headers=bearer).json()
    assert set(described["paths"]) == {
        "/health", "/v1/claims/score", "/v1/cases", "/v1/cases/{unit}/{unit_id}",
    }  # fmt: skip
    assert "ClaimIn" in described["components"]["schemas"]


def test_a_new_bundle_is_taken_up_while_serving(world, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("serving.api.POLL_SECONDS", 0.01)
    world.publish(tmp_path, world.cold)
    app = create_app(tmp_path, key="k" * 32, pseudonym_key=pseudonym_key())
    before = app.state.live.current.bundle.version

    async def run() -> str:
        async with app.router.lifespan_context(app):
            world.publish(tmp_path, world.risk)
            for _ in range(500):
                await asyncio.sleep(0.02)
                if app.state.live.current.bundle.version != before:
                    break
            return app.state.live.current.bundle.version

    after = asyncio.run(run())
    assert after != before
    assert app.state.live.current is None  # closed with the service


def test_the_apis_path_stays_light() -> None:
    code = (
        "import sys, serving.api; "
        "print([m for m in ('duckdb', 'mlflow', 'shap', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
