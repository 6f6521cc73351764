"""The service: one application with the API under ``/v1`` and the pages.

In: the home folder whose bundle is served, the service's key and the pseudonym key. Out: a FastAPI
application. Programs send ``Authorization: Bearer <key>``; people sign in on ``/login``. A bundle
published while the service runs is taken up within seconds; one that is refused changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRouter
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from serving.claim_faults import InputError
from serving.claim_input import ScoreRequest
from serving.guards import (
    Shield,
    bearer,
    describe,
    error_answer,
    error_text,
    key_matches,
    on_http_error,
    on_invalid,
)
from serving.languages import language
from serving.live import LiveBundle, Served
from serving.pages import make_pages, on_page_error
from serving.strict_json import JsonError, TooLargeError, parse, read_body

Unit = Literal["claim", "insured", "institution", "doctor"]
#: Seconds between two looks at which bundle is current.
POLL_SECONDS = 2.0
_SCORE_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ScoreRequest"}}},
    }
}


def create_app(home: Path, *, key: str, pseudonym_key: bytes) -> FastAPI:
    """Return the application that serves ``home``; an empty key is refused."""
    if len(key) < 16:
        raise ValueError("The service needs a key of at least 16 characters; see serving.keys.")
    live = LiveBundle(home, pseudonym_key)
    app = FastAPI(
        title="jihe", openapi_url=None, docs_url=None, redoc_url=None, lifespan=_lifespan,
        description="Scores of claims with reasons. A score is a lead to verify, not a finding.",
    )  # fmt: skip
    app.state.live, app.state.key = live, key
    live.reload()
    app.include_router(_open_routes())
    app.include_router(_keyed_routes())
    app.include_router(make_pages())
    static = StaticFiles(directory=Path(__file__).parent / "static")
    app.mount("/static", static, name="static")
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_middleware(Shield)
    return app


def served(request: Request) -> Served:
    """Return the bundle in use; 503 where none was published."""
    current: Served | None = request.app.state.live.current
    if current is None:
        raise HTTPException(503)
    return current


async def require_key(request: Request) -> None:
    """Refuse a request without the service's key."""
    if not key_matches(bearer(request), request.app.state.key):
        raise HTTPException(401)


async def score_request(request: Request) -> ScoreRequest:
    """Return the checked body of a scoring request; nothing is echoed where it is refused."""
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        raise HTTPException(415)
    try:
        body = parse(await read_body(request))
        return ScoreRequest.model_validate(body)
    except TooLargeError:
        raise HTTPException(413) from None
    except JsonError:
        raise HTTPException(422, "body (json_invalid)") from None
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise HTTPException(422, describe(faults)) from None


def _open_routes() -> APIRouter:
    routes = APIRouter()

    @routes.get("/health")
    async def health(request: Request) -> Response:
        """Say which bundle is served; 503 before the first one."""
        current: Served | None = request.app.state.live.current
        if current is None:
            return error_answer(request, 503, error_text(503, language(request)))
        about = current.bundle.about
        return _json(
            {
                "status": "ok",
                "bundle": current.bundle.version,
                "as_of_date": about["as_of_date"],
                "models": about["versions"]["models"],
            }
        )

    return routes


def _keyed_routes() -> APIRouter:
    routes = APIRouter(dependencies=[Depends(require_key)])

    @routes.post("/v1/claims/score", openapi_extra=_SCORE_BODY)
    async def score(
        request: Request, wanted: Annotated[ScoreRequest, Depends(score_request)]
    ) -> Response:
        """Score up to 100 claims and say why; what a load would quarantine is refused."""
        current = served(request)
        if current.scorer is None:
            raise HTTPException(503)
        claims, lang = [claim.model_dump() for claim in wanted.claims], language(request)
        try:
            scores = current.scorer.score(claims)
        except InputError as error:
            return error_answer(request, 422, error.text(lang))
        return _json({
            "bundle": current.bundle.version,
            "records": scores.records,
            "warnings": [
                {"place": w.place, "code": w.code, "message": w.text(lang)} for w in scores.warnings
            ],
        })  # fmt: skip

    @routes.get("/v1/cases")
    async def cases(
        request: Request,
        unit: Unit = "claim",
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        offset: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
    ) -> Response:
        """List the ranked cases of a unit, with one-line reasons in both languages."""
        bundle = served(request).bundle
        summary = bundle.cases.summaries.get(unit)
        return _json(
            {
                "bundle": bundle.version,
                "unit": unit,
                "units": summary.units if summary else 0,
                "ranked_by": summary.ranked_by if summary else None,
                "currency": bundle.currency,
                "cases": bundle.cases.ranked(unit, limit, offset),
            }
        )

    @routes.get("/v1/cases/{unit}/{unit_id}")
    async def case(request: Request, unit: str, unit_id: str) -> Response:
        """Return the explanation record of one unit, and the plans that drew it."""
        cases = served(request).bundle.cases
        record = cases.record(unit, unit_id)
        if record is None:
            raise HTTPException(404)
        return _json(record | {"plans": cases.plans(unit, unit_id)})

    @routes.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        """Return the description of the API."""
        return JSONResponse(describe_api(request.app))

    return routes


def describe_api(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description, with the body that scoring takes."""
    made = app.openapi()
    schema = ScoreRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(schema.pop("$defs", {}))
    schemas["ScoreRequest"] = schema
    return made


async def _on_http_error(request: Request, error: Exception) -> Response:
    if request.url.path.startswith(("/v1/", "/health", "/openapi.json")):
        return await on_http_error(request, error)
    return await on_page_error(request, error)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    watch = asyncio.create_task(_watch(app.state.live))
    yield
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    app.state.live.close()


async def _watch(live: LiveBundle) -> None:
    """Take up a newly published bundle; verifying it must not hold up requests."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        if live.outdated():
            fresh = await asyncio.to_thread(live.prepare)
            if fresh is not None:
                live.swap(fresh)


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
