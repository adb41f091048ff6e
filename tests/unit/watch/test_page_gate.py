"""Who gets through to the page of the cameras.

Run: pytest tests/unit/watch/test_page_gate.py
"""

from __future__ import annotations

import pytest
from anyio.from_thread import start_blocking_portal
from httpx import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from maskwatch.watch.config import PageConfig
from maskwatch.watch.page_server import Gate

OWNER, VIEWER = "owner of the cameras", "viewer of the cameras"


async def role(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(request.state.role))


@pytest.fixture
def gate() -> Gate:
    return Gate(Starlette(routes=[Route("/api/role", role)]), PageConfig((OWNER,), (VIEWER,)))


def ask(gate: Gate, key: str = "") -> tuple[int, str]:
    async def call() -> Response:
        async with AsyncClient(transport=ASGITransport(gate), base_url="http://page") as client:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            return await client.get("/api/role", headers=headers)

    with start_blocking_portal() as portal:
        answer = portal.call(call)
    return answer.status_code, answer.text if answer.status_code == 200 else ""


def test_who_has_a_key_gets_through_by_its_role(gate: Gate) -> None:
    assert ask(gate, OWNER) == (200, "owner")
    assert ask(gate, VIEWER) == (200, "viewer")
    assert ask(gate)[0] == 401


def test_any_other_key_is_told_that_it_is_wrong(gate: Gate) -> None:
    assert [ask(gate, f"wrong {i}")[0] for i in range(4)] == [401] * 4
    assert ask(gate, OWNER) == (200, "owner")
