"""Everything put together: an ASGI application that any server could run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import cache

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from maskwatch._version import __version__
from maskwatch.service import openapi, routes
from maskwatch.service.engine import Engine
from maskwatch.service.guard import HUNG_UP, OPEN_PATHS, Guard
from maskwatch.service.keys import KeyRing
from maskwatch.service.problems import INTERNAL, NO_ROUTE, WRONG_METHOD, Problem


def create_app(
    engine: Engine, keys: KeyRing | None = None, origins: Collection[str] = ()
) -> ASGIApp:
    """The service around an engine.

    Args:
        engine: judges; is closed when the service ends.
        keys: who may call; everybody who can reach it if there are none.
        origins: of pages that may call it, such as https://example.org.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(engine.warm_up())
        yield
        warming.cancel()
        engine.close()

    app = FastAPI(
        title="MaskWatch",
        version=__version__,
        lifespan=lifespan,
        # pages for people would load scripts from elsewhere
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
    app.include_router(routes.router)
    app.openapi = cache(lambda: openapi.describe(app))  # type: ignore[method-assign]
    paths = {route.path for route in routes.router.routes if isinstance(route, Route)}
    guarded: ASGIApp = Guard(app, engine, keys or KeyRing(), origins, paths | OPEN_PATHS)
    if not origins:
        return guarded
    return CORSMiddleware(
        guarded,
        allow_origins=tuple(origins),
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization", "X-API-Key", "Content-Type"),
        expose_headers=("Retry-After",),
    )


async def _answer_problem(request: Request, problem: Problem) -> Response:
    return problem.to_response()


async def _answer_http(request: Request, error: HTTPException) -> Response:
    """What Starlette refuses by itself: an unknown path, or a method that a path does not take."""
    if error.status_code == WRONG_METHOD.status:
        methods = (error.headers or {}).get("Allow", "GET").split(", ")
        allowed = ", ".join(sorted(methods))  # comes from a set, another order in each process
        response = Problem(WRONG_METHOD, f"this route takes {allowed}").to_response()
        response.headers["allow"] = allowed
        return response
    return Problem(NO_ROUTE).to_response()


async def _answer_nobody(request: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=HUNG_UP)


async def _answer_fault(request: Request, error: Exception) -> Response:
    """The guard notes where it was."""
    return Problem(INTERNAL).to_response()
