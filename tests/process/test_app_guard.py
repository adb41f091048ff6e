"""What stands before the pages: by which name they are called, into which frame, with how much.

Run: pytest tests/process/test_app_guard.py
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import nullcontext
from weakref import WeakKeyDictionary

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from starlette.types import Message, Receive, Scope, Send
from support.app_server import app_server
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from maskwatch.app.guard import Guard, UploadBudget

NAMED = "masks.example.org"
MB = 1_000_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One that holds 4 MB of photos, 2 MB of one visitor."""
    options = ("--max-photos-mb", "4", "--browser.serverAddress", NAMED)
    with app_server(tmp_path_factory.mktemp("server"), *options) as address:
        yield address


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of other tests in this process may still keep files until memory is tidied up."""
    monkeypatch.setattr("maskwatch.app.kept._KEEPERS", WeakKeyDictionary())


@pytest.mark.parametrize("path", ["/", "/live", "/_stcore/health", "/_stcore/host-config"])
def test_a_page_of_another_name_gets_nothing(address: str, path: str) -> None:
    for host, status in ((NAMED, 200), ("localhost:1", 200), ("evil.example", 421)):
        answer = httpx.get(address + path, headers={"host": host})
        assert answer.status_code == status, (host, path)
        assert ("allowedHosts" in answer.text) is (status == 421)


def test_nor_does_its_websocket(address: str) -> None:
    port = int(address.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), 120) as connection,
        pytest.raises(InvalidStatus) as caught,
        connect(f"ws://evil.example:{port}/_stcore/stream", sock=connection, open_timeout=120),
    ):
        pass
    assert caught.value.response.status_code == 403
    with connect(f"ws://127.0.0.1:{port}/_stcore/stream", open_timeout=120):
        pass


@pytest.mark.parametrize(
    ("visitor", "is_fault"), [("stays", True), ("says goodbye", False), ("is gone", False)]
)
def test_what_streamlit_still_tells_a_visitor_who_has_left_is_no_fault(
    visitor: str, is_fault: bool
) -> None:
    async def pages(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.send", "bytes": b""})
        raise TypeError("once more")

    async def receive() -> Message:
        return {"type": f"websocket.{'disconnect' if visitor == 'says goodbye' else 'receive'}"}

    async def send(message: Message) -> None:
        if visitor == "is gone":
            raise OSError

    scope = {"type": "websocket", "headers": [(b"host", b"localhost:1")]}
    fault = pytest.raises(TypeError, match="once more") if is_fault else nullcontext()
    guard = Guard(pages, UploadBudget(MB))
    with fault, start_blocking_portal() as portal:
        portal.call(guard, scope, receive, send)


@pytest.mark.parametrize("path", ["/", "/live", "/_stcore/health", "/static/nothing.js"])
def test_no_other_page_may_show_these_in_a_frame_or_add_to_them(address: str, path: str) -> None:
    headers = httpx.get(address + path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["frame-ancestors"] == "'self'"
    assert policy["default-src"] == policy["base-uri"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert not any("*" in allowed or "http" in allowed for allowed in policy.values())
    assert headers["x-content-type-options"] == "nosniff"


def test_what_does_not_fit_is_not_read(address: str) -> None:
    place = f"{address}/_stcore/upload_file/session/file"
    large, small = b"\0" * (2 * MB), b"\0" * MB
    answer = httpx.put(place, content=large)
    assert (answer.status_code, answer.text) == (413, "There is no room for more photos.")
    # without a length it counts as much as any may have
    assert httpx.put(place, content=iter([small])).status_code == 413
    assert httpx.put(place, content=small).status_code in (400, 403)  # Streamlit: no such session
    assert httpx.delete(place).status_code != 413


def test_one_visitor_may_have_half_and_all_together_the_whole() -> None:
    budget = UploadBudget(10 * MB)
    with budget.reserve("a", 4 * MB) as first, budget.reserve("a", MB) as second:
        assert (first, second) == (True, False)
        with budget.reserve("b", 4 * MB) as third, budget.reserve("c", MB) as fourth:
            assert (third, fourth) == (True, False)
        with budget.reserve("c", 4 * MB) as fits:
            assert fits
    with budget.reserve("a", 4 * MB) as fits:
        assert fits
    with budget.reserve("a", 10 * MB) as fits:
        assert not fits


def test_a_thousand_small_photos_do_not_fit_either() -> None:
    budget = UploadBudget(10 * MB)
    places = [budget.reserve("a", 1000) for _ in range(1000)]
    assert sum(place.__enter__() for place in places) < 11
