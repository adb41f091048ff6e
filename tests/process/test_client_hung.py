"""The client beside services that hang or answer nonsense: it ends, in one line, by its own time.

Run: pytest tests/process/test_client_hung.py
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from support.fakes import report
from support.waiting import until
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from maskwatch import MaskWatchError, ServiceError
from maskwatch.client import Client

# some of them are more than a server and the system hold back for somebody who does not read
LARGE = bytes(8_000_000)
ANSWER = {"time_s": 0, "frame": 0, "dropped": 0, "latency_ms": 1} | report().to_dict()


@contextmanager
def serving(handle: Callable[[ServerConnection], object]) -> Iterator[str]:
    """The address of a server of such streams, which reads no more than it is asked to."""
    with serve(handle, "127.0.0.1", 0, max_size=None, max_queue=1, ping_interval=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_service_that_takes_no_more_frames_keeps_nobody() -> None:
    done, ends = threading.Event(), []

    def handle(_: ServerConnection) -> None:
        client._timeout_s = 0.2  # the handshake may take as long as it likes
        done.wait()

    def ask() -> None:  # in a thread, for it may never end
        with pytest.raises(ServiceError) as caught, client:
            list(client.stream([LARGE] * 9))
        ends.append(str(caught.value))

    with serving(handle) as url:
        client = Client(url)
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        try:
            until(lambda: not thread.is_alive(), "the end of a stream")
        finally:
            done.set()
    assert ends == [f"{url}: no answer within 0.2 s"]


@pytest.mark.parametrize("name", ["frame", "time_s", "dropped"])
@pytest.mark.parametrize("value", [None, "1", [1]])
def test_answers_without_numbers_are_of_no_service(name: str, value: object) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.send(json.dumps(ANSWER | {name: value}))
        with suppress(ConnectionClosed):  # because of what it got
            for _ in connection:
                pass

    with (
        serving(handle) as url,
        Client(url) as client,
        pytest.raises(ServiceError, match="gives no reports; is it a MaskWatch service"),
    ):
        list(client.stream([b"x"] * 3))


def test_an_address_with_two_dots_in_a_row() -> None:
    client = Client("http://masks..example.org")
    for ask in (lambda: client.analyze([b"x"]), lambda: list(client.stream([b"x"]))):
        with pytest.raises(MaskWatchError, match=r"masks\.\.example\.org: cannot be asked \("):
            ask()
    client.close()


def test_a_client_that_was_closed_says_so() -> None:
    client = Client()
    client.close()
    with pytest.raises(ServiceError, match=r"cannot be asked \(.* closed"):
        client.analyze([b"x"])
