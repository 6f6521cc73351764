"""The API: claims scored, cases listed and opened, and nothing sent comes back or into a log."""

from __future__ import annotations

import asyncio
import copy
import logging
import subprocess
import sys

import pytest

from claims.vault import pseudonym_key
from serving.api import create_app
from tests.serving.refusals import is_error


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


def test_a_claim_is_scored_with_reasons(client, bearer, claim, world) -> None:
    answer = client.post("/v1/claims/score", json={"claims": [claim]}, headers=bearer)
    assert answer.status_code == 200
    (record,) = answer.json()["records"]
    row = world.risk.matrix.unit_ids.tolist().index(claim["claim_id"])
    assert record["risk_score"] == world.risk.table["risk_score"][row].as_py()
    assert record["reasons"]


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
