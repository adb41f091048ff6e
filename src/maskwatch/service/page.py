"""The page that judges in the visitor's own browser, handed out under /try/."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cache

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from maskwatch.pipeline import Networks
from maskwatch.service.limits import NO_ROUTE, Problem
from maskwatch.web.bundle import build_page
from maskwatch.web.server import page_file

PAGE_PATH = "/try"


def is_page(path: str) -> bool:
    """Whether a path is the page's; everybody may open it, as a browser cannot send a key."""
    return path == PAGE_PATH or path.startswith(f"{PAGE_PATH}/")


def page_of(networks: Networks, has_keys: bool) -> Networks | None:
    """What judges in the page of a service; None where there is to be none.

    The page takes the networks to the visitor. Where callers need a key, networks of one's own are
    not handed to everybody.
    """
    own = networks.model is not None or networks.detector is not None
    return None if has_keys and own else networks


def page_router(networks: Networks) -> APIRouter:
    """The routes of the page; its files are put together when they are first asked for."""
    router = APIRouter(include_in_schema=False)
    files: Callable[[], Mapping[str, bytes]] = cache(lambda: build_page(networks))
    first = asyncio.Lock()  # a browser asks for many files at once

    @router.get(PAGE_PATH)
    async def go_to_page() -> Response:
        return RedirectResponse(f"{PAGE_PATH}/")

    @router.get(f"{PAGE_PATH}/{{path:path}}")
    async def page(path: str) -> Response:
        async with first:
            known = await asyncio.to_thread(files)
        found = page_file(known, path)
        if found is None:
            raise Problem(NO_ROUTE)
        return Response(found.content, headers=dict(found.headers))

    return router
