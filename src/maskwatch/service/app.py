"""Everything put together: an ASGI application that any server could run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import cache
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.routing import Route
from starlette.types import ASGIApp

from maskwatch._version import __version__
from maskwatch.errors import ImageError
from maskwatch.io.report import Result
from maskwatch.pipeline import Networks
from maskwatch.service import documents, openapi
from maskwatch.service import limits as problems
from maskwatch.service.engine import CONTENT_TYPE, Engine, Upload, to_entry
from maskwatch.service.guard import HUNG_UP, OPEN_PATHS, Guard, KeyRing
from maskwatch.service.limits import Problem
from maskwatch.service.pages import PAGE_PATH, docs_router, page_router
from maskwatch.service.stream import Session
from maskwatch.service.uploads import Body, read_body, uploads_in


def create_app(
    engine: Engine,
    keys: KeyRing | None = None,
    origins: Collection[str] = (),
    hosts: Collection[str] | None = (),
    page: Networks | None = None,
) -> ASGIApp:
    """The service around an engine.

    Args:
        engine: judges; is closed when the service ends.
        keys: who may call; everybody who can reach it if there are none.
        origins: of pages that may call it, such as https://example.org.
        hosts: names that it may be called by besides those of this computer; any if None.
        page: what judges in the page under /try/; no page if None.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(engine.warm_up_or_end())
        yield
        warming.cancel()
        engine.close()

    app = FastAPI(
        title="MaskWatch",
        version=__version__,
        lifespan=lifespan,
        # these would load scripts from elsewhere; docs_page has one that does not
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # would hand paths and error messages to whatever collects them
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        exception_handlers={
            Problem: _answer_problem,
            HTTPException: _answer_http,
            ClientDisconnect: _answer_nobody,
            Exception: _answer_fault,
        },
    )
    app.state.engine = engine
    app.include_router(router)
    if page is not None:
        app.include_router(page_router(page))
    app.openapi = cache(lambda: openapi.describe(app))  # type: ignore[method-assign]
    app.include_router(docs_router(app.openapi, page is not None))
    paths = {route.path for route in router.routes if isinstance(route, Route)}
    paths |= OPEN_PATHS | {PAGE_PATH}
    guarded: ASGIApp = Guard(app, engine, keys or KeyRing(), origins, paths, hosts)
    if not origins:
        return guarded
    return CORSMiddleware(
        guarded,
        allow_origins=tuple(origins),
        allow_methods=("GET", "HEAD", "POST"),
        allow_headers=("Authorization", "X-API-Key", "Content-Type"),
        expose_headers=("Retry-After",),
    )


async def _answer_problem(request: Request, problem: Problem) -> Response:
    return problem.to_response()


async def _answer_http(request: Request, error: HTTPException) -> Response:
    """What Starlette refuses by itself: an unknown path, or a method that a path does not take."""
    if error.status_code == problems.WRONG_METHOD.status:
        methods = set((error.headers or {}).get("Allow", "GET").split(", "))
        methods |= {"HEAD"} if "GET" in methods else set()  # which the guard turns into GET
        allowed = ", ".join(sorted(methods))  # comes from a set, another order in each process
        response = Problem(problems.WRONG_METHOD, f"this route takes {allowed}").to_response()
        response.headers["allow"] = allowed
        return response
    return Problem(problems.NO_ROUTE).to_response()


async def _answer_nobody(request: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=HUNG_UP)


async def _answer_fault(request: Request, error: Exception) -> Response:
    """The guard notes where it was."""
    return Problem(problems.INTERNAL).to_response()


# The routes: parse, call, answer.

T = TypeVar("T")
router = APIRouter()

_CALLERS = (
    problems.NO_KEY,
    problems.WRONG_KEY,
    problems.FOREIGN_PAGE,
    problems.WRONG_HOST,
    problems.TOO_FAST,
)


async def _engine_of(connection: HTTPConnection) -> Engine:
    engine: Engine = connection.app.state.engine
    return engine


EngineOf = Annotated[Engine, Depends(_engine_of)]


class HungUp(Exception):
    """The client did not wait for its answer."""


@router.post(
    "/v1/analyze",
    summary="Judge the faces in one or more images",
    responses={
        200: {"model": documents.AnalyzeAnswer, **openapi.example(documents.ANSWER)},
        **openapi.refusals(
            problems.MALFORMED,
            *_CALLERS,
            problems.SLOW_BODY,
            problems.TOO_MANY_BYTES,
            problems.TOO_MANY_IMAGES,
            problems.WRONG_TYPE,
            problems.UNUSABLE,
            problems.UNREADABLE,
            problems.INTERNAL,
            problems.BUSY,
            problems.TOO_LONG,
        ),
    },
    openapi_extra={"requestBody": openapi.ANALYZE_BODY},
)
async def analyze(request: Request, engine: EngineOf) -> Response:
    """Takes one image as it is, several in a form, or several in JSON as base64.

    An image that cannot be read has an `error` in the place of its report; 422 says that none
    could be.
    """
    limits = engine.limits
    with engine.calls.take():
        try:
            async with asyncio.timeout(limits.body_s):
                body = await read_body(request, limits)
        except TimeoutError:
            detail = f"the body was not there within {limits.body_s:g} s"
            raise Problem(problems.SLOW_BODY, detail) from None
        try:
            async with asyncio.timeout(limits.answer_s):
                judged = await _while_connected(request, _judge(body, engine))
        except TimeoutError:
            detail = f"there was no answer within {limits.answer_s:g} s"
            raise Problem(problems.TOO_LONG, detail) from None
        except HungUp:
            return Response(status_code=HUNG_UP)
    reports = [to_entry(result, upload.source) for upload, result in judged]
    if all(isinstance(result, ImageError) for _, result in judged):
        raise Problem(problems.UNREADABLE, reports[0]["error"], reports=reports)
    classifier, detector = _networks(engine)
    return JSONResponse({"model": classifier, "detector": detector, "reports": reports})


@router.websocket("/v1/stream")
async def stream(socket: WebSocket, engine: EngineOf) -> None:
    """Judges the frames of one camera; see `describe_stream`."""
    with engine.sessions.take():
        await socket.accept()
        await Session(socket, engine).run()


@router.get(
    "/v1/stream",
    summary="Judge the frames of one camera as they come",
    description=openapi.STREAM_ABOUT,
    status_code=426,
    response_class=Response,
    responses=openapi.refusals(*_CALLERS, problems.NO_WEBSOCKET, problems.BUSY, problems.INTERNAL),
)
async def describe_stream() -> Response:
    """Says to whoever does not ask for a WebSocket that this is one."""
    response = Problem(problems.NO_WEBSOCKET).to_response()
    response.headers["upgrade"] = "websocket"
    return response


@router.get(
    "/v1/model",
    summary="Which networks judge, what they are for, and what is accepted",
    responses={
        200: {"model": documents.ModelAnswer, **openapi.example(documents.MODEL)},
        **openapi.refusals(*_CALLERS, problems.INTERNAL),
    },
)
async def model(engine: EngineOf) -> Response:
    """The cards of the networks, and the limits of the service."""
    classifier, detector = _networks(engine)
    cards: list[dict[str, Any] | None] = []
    for told, card, described in (
        (classifier, engine.analyzer.card, documents.ClassifierCard),
        (detector, engine.analyzer.detector_card, documents.DetectorCard),
    ):
        values = asdict(card) if card else {}
        cards.append(told and {k: values[k] for k in described.model_fields if k in values} | told)
    limits = asdict(engine.limits)
    return JSONResponse(
        {
            "version": __version__,
            "model": cards[0],
            "detector": cards[1],
            "limits": {name: limits[name] for name in documents.ServiceLimits.model_fields},
        }
    )


@router.get(
    "/health",
    summary="Whether the process answers",
    responses={
        200: {"model": documents.Alive, **openapi.example({"status": "alive"})},
        **openapi.refusals(problems.WRONG_HOST),
    },
)
async def health() -> Response:
    """Needs no key."""
    return JSONResponse({"status": "alive"})


@router.get(
    "/ready",
    summary="Whether calls will be answered at once",
    responses={
        200: {"model": documents.Ready, **openapi.example({"status": "ready"})},
        **openapi.refusals(problems.WRONG_HOST, problems.NOT_READY, problems.ENDING),
    },
)
async def ready(engine: EngineOf) -> Response:
    """Not before the networks are warm, nor while the service ends; needs no key."""
    if engine.ending:
        raise Problem(problems.ENDING)
    if not engine.warm:
        raise Problem(problems.NOT_READY)
    return JSONResponse({"status": "ready"})


@router.get(
    "/metrics",
    summary="Counters for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "Text in the form of Prometheus.",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": 'maskwatch_faces_total{door="analyze",state="mask"} 12.0\n',
                }
            },
        },
        **openapi.refusals(*_CALLERS, problems.INTERNAL),
    },
)
async def metrics(engine: EngineOf) -> Response:
    """Never a number about one person."""
    return Response(engine.metrics.to_text(), media_type=CONTENT_TYPE)


async def _judge(body: Body, engine: Engine) -> list[tuple[Upload, Result]]:
    uploads = await uploads_in(body, engine)
    return list(zip(uploads, await engine.judge_all(uploads), strict=True))


async def _while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What comes of some work; it is dropped if the client hangs up meanwhile.

    Raises:
        HungUp: it did.
    """
    working = asyncio.create_task(work)
    # the body has been read, so the only message left is that the client is gone
    leaving = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise HungUp
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


def _networks(engine: Engine) -> tuple[dict[str, Any], dict[str, Any] | None]:
    card, detector = engine.analyzer.card, engine.analyzer.detector_card
    classifier = {
        "name": card.name,
        "sha256": card.sha256,
        "unsure_below": card.unsure_below,
    }
    if detector is None:
        return classifier, None
    return classifier, {
        "name": detector.name,
        "sha256": detector.sha256,
        "min_score": detector.min_score,
        "live_min_score": detector.live_min_score,
    }
