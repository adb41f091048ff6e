"""Clients that send slowly, or stop reading: they are hung up on, and the others are answered.

Run: pytest tests/test_service_slow.py
"""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest
from service_server import GatedAnalyzer, Running, held_picture, png, running, until
from toy_detector import crowd
from toy_model import RED

FACE = png(crowd((3, 2, RED)))
PNG = {"content-type": "image/png"}
ASK = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> GatedAnalyzer:
    return GatedAnalyzer(tmp_path_factory.mktemp("networks"))


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of a thousand connections are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("needs the right to open 4,096 files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connected(service: Running, receive_bytes: int = 0) -> socket.socket:
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(30)
    client.connect(("127.0.0.1", service.port))
    return client


def taken(service: Running) -> int:
    return len(service.server.server_state.connections)


@pytest.mark.usefixtures("many_files")
def test_a_thousand_slow_connections_keep_nobody_out(analyzer: GatedAnalyzer) -> None:
    """Far more than the service bears, none of which ever finishes its headers."""
    with running(analyzer) as service, ExitStack() as stack:
        slow = []
        for number in range(1000):
            client = stack.enter_context(connected(service))
            client.sendall(b"POST /v1/analyze HTTP/1.1\r\nhost: x\r\nx-")
            slow.append(client)
            if number % 50 == 49:
                answer = httpx.post(f"{service.url}/v1/analyze", content=FACE, headers=PNG)
                assert answer.status_code == 200
                assert answer.json()["reports"][0]["faces"]
                for other in slow[-20:]:
                    other.sendall(b"a")
        assert taken(service) <= service.engine.limits.connections


def test_a_call_under_way_does_not_give_way(analyzer: GatedAnalyzer) -> None:
    held = png(held_picture())
    head = (
        b"POST /v1/analyze HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: image/png\r\n"
    )
    with running(analyzer, connections=2) as service, ExitStack() as stack:
        service.gate.shut()
        client = stack.enter_context(connected(service))
        client.sendall(head + b"content-length: %d\r\n\r\n" % len(held) + held)
        service.gate.await_one()
        first, *_ = [stack.enter_context(connected(service)) for _ in range(5)]
        assert first.recv(1000) == b""
        service.gate.open()
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_who_does_not_take_its_answers_is_hung_up_on(analyzer: GatedAnalyzer) -> None:
    with running(analyzer, answer_s=0.5) as service:
        until(lambda: not taken(service), "the probe has hung up")
        with connected(service, receive_bytes=2048) as client:
            client.settimeout(0.5)
            with suppress(OSError):  # it is not read from either, once its answers lie there
                client.sendall(ASK * 3000)
            assert httpx.get(f"{service.url}/health").status_code == 200
            until(lambda: not taken(service), "it is hung up on")


def test_a_stream_whose_answers_are_not_taken_frees_its_place(analyzer: GatedAnalyzer) -> None:
    key = b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    head = b"GET /v1/stream HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    ping = b"\x89\xfd\0\0\0\0" + bytes(125)  # is answered with as many bytes
    with running(analyzer, answer_s=0.5) as service:
        until(lambda: not taken(service), "the probe has hung up")
        with connected(service, receive_bytes=2048) as client:
            client.sendall(head + key + b"\r\n")
            until(lambda: service.engine.sessions.taken == 1, "it streams")
            client.settimeout(0.5)
            with suppress(OSError):
                client.sendall(ping * 60_000)
            until(lambda: not service.engine.sessions.taken, "its place is free")
            until(lambda: not taken(service), "it is hung up on")


def test_an_answer_that_is_taken_slowly_arrives_whole(analyzer: GatedAnalyzer) -> None:
    with running(analyzer) as service, connected(service, receive_bytes=2048) as client:
        whole = httpx.get(f"{service.url}/openapi.json").content
        client.sendall(ASK * 20)
        received = b""
        while received.count(whole) < 20:
            more = client.recv(3000)
            assert more
            received += more
