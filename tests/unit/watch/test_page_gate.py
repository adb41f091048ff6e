"""Who gets through to the page of the cameras, on a clock that stands still.

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


class Clock:
    """Stands still unless it is moved."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> Gate:
    keys = PageConfig((OWNER,), (VIEWER,))
    return Gate(Starlette(routes=[Route("/api/role", role)]), keys, clock)


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


def test_who_tries_keys_is_slowed_down_and_who_has_one_is_not(gate: Gate, clock: Clock) -> None:
    assert [ask(gate, f"wrong {i}")[0] for i in range(4)] == [401, 429, 429, 429]
    assert ask(gate, OWNER) == (200, "owner")
    clock.now_s = 0.5
    assert ask(gate, "wrong")[0] == 429
    clock.now_s = 60.0  # no tries are saved up
    assert [ask(gate, f"wrong {i}")[0] for i in range(2)] == [401, 429]
    assert [ask(gate, OWNER)[0] for _ in range(20)] == [200] * 20
