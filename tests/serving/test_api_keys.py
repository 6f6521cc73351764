"""The API's keys and guards: who is let in, from where, and what every answer's headers say."""

from __future__ import annotations

import stat

import pytest

from claims.vault import VaultError
from serving import guards
from serving.api import create_app
from serving.keys import api_key
from serving.run import AddressError, check_loopback
from tests.serving.refusals import JSON, is_error

OPEN = {"/health", "/login"}


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


def test_without_the_key_a_body_is_not_even_read(client) -> None:
    async def never():
        raise AssertionError("the body was read")
        yield b""

    assert is_error(client.post("/v1/claims/score", content=never(), headers=JSON), 401)


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
