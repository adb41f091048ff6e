"""What clients and machines do to a service: it goes on, and nobody waits for an answer in vain.

Run: pytest tests/process/test_service_faults.py
"""

from __future__ import annotations

import itertools
import json
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from packaging.version import Version
from PIL import Image
from support.bad_images import encoded
from support.hostile_images import jpeg_of_scans, tiff_of_strips, tiff_of_tags
from support.service_server import GatedAnalyzer, Running, held_picture, png, running
from support.small_disk import small_disk
from support.toy_detector import crowd
from support.toy_model import BLUE, GREEN, RED
from support.waiting import LIMIT_S, until
from test_service_process import Process, networks, served
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from maskwatch import FrameReport, ServiceError
from maskwatch.client import Client
from maskwatch.service.server import TESTED_UVICORN

__all__ = ["networks"]

PICTURE = png(crowd((3, 2, RED), (16, 3, BLUE), (12, 7, GREEN)))
GET = b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n"
POST = b"POST /v1/analyze HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n"
SLOW = 1000


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> GatedAnalyzer:
    return GatedAnalyzer(tmp_path_factory.mktemp("networks"))


def test_uvicorn_is_one_that_these_tests_were_run_with() -> None:
    installed = Version(version("uvicorn"))
    least, below = map(Version, TESTED_UVICORN)
    assert least <= installed < below, (
        f"service/server.py builds on insides of uvicorn, and {installed} was not tried: run this "
        "file with it, and where all of it passes widen TESTED_UVICORN"
    )


def connected(service: Running) -> int:
    return len(service.server.server_state.connections)


def judge(url: str) -> None:
    """A call that must be answered."""
    with Client(url) as client:
        (report,) = client.analyze([PICTURE])
    assert isinstance(report, FrameReport) and len(report.faces) == 3


def deaf(port: int) -> socket.socket:
    """A connection whose client has room for little that it does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(LIMIT_S)
    client.connect(("127.0.0.1", port))
    return client


def test_an_answer_leaves_at_once_and_not_when_its_first_part_was_confirmed(
    analyzer: GatedAnalyzer,
) -> None:
    with running(analyzer) as service, httpx.Client() as client:
        client.get(f"{service.url}/health")
        with connect(f"{service.url.replace('http', 'ws')}/v1/stream"):
            until(lambda: connected(service) == 2, "both are there")
            for protocol in list(service.server.server_state.connections):
                connection = protocol.transport.get_extra_info("socket")
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@contextmanager
def trickling(port: int, count: int) -> Iterator[list[socket.socket]]:
    """So many clients, each of which sends a byte of its headers now and then."""
    with ExitStack() as stack:
        clients = []
        for _ in range(count):
            clients.append(
                stack.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT_S))
            )
            clients[-1].sendall(b"POST /v1/analyze HTTP/1.1\r\nhost: localhost\r\nx: ")
        over = threading.Event()

        def trickle() -> None:
            while not over.wait(0.2):
                for number, client in enumerate(clients):
                    try:
                        client.send(b"a")
                    except OSError:  # it was hung up on, and comes back
                        client.close()
                        clients[number] = socket.create_connection(("127.0.0.1", port), LIMIT_S)

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            yield clients
        finally:
            over.set()
            thread.join()
            for client in clients:
                client.close()


def test_a_thousand_clients_that_trickle_their_headers_keep_nobody_out(
    analyzer: GatedAnalyzer,
) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most < 3 * SLOW:
        pytest.skip(f"needs {3 * SLOW} open files, not {most}")
    with running(analyzer) as service:
        with trickling(service.port, SLOW):
            until(lambda: connected(service) >= 250, "as many as are borne")
            for _ in range(30):
                judge(service.url)
            assert connected(service) <= 300
        until(lambda: not connected(service), "all are gone")
        assert service.engine.calls.taken == 0


def test_who_has_said_nothing_the_longest_makes_room(analyzer: GatedAnalyzer) -> None:
    with running(analyzer, connections=2) as service, ExitStack() as stack:
        until(lambda: not connected(service), "the probe has hung up")
        address = ("127.0.0.1", service.port)
        first, second, third = (
            stack.enter_context(socket.create_connection(address, LIMIT_S)) for _ in range(3)
        )
        assert first.recv(1000) == b""
        for client in (second, third):
            client.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_call_under_way_does_not_make_room(analyzer: GatedAnalyzer) -> None:
    held = png(held_picture())
    with running(analyzer, connections=2) as service, ExitStack() as stack:
        address = ("127.0.0.1", service.port)
        service.gate.shut()
        caller = stack.enter_context(socket.create_connection(address, LIMIT_S))
        caller.sendall(POST + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(held) + held)
        service.gate.await_one()
        silent = [stack.enter_context(socket.create_connection(address, LIMIT_S)) for _ in range(5)]
        assert silent[0].recv(1000) == b""
        service.gate.open()
        answer = b"".join(iter(lambda: caller.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_is_taken_slowly_arrives_whole(analyzer: GatedAnalyzer) -> None:
    with running(analyzer) as service, deaf(service.port) as client:
        whole = httpx.get(f"{service.url}/openapi.json").content
        client.sendall(GET * 20)
        received = b""
        while received.count(whole) < 20:
            more = client.recv(3000)
            assert more
            received += more


class Remembering(set[object]):
    """A set that counts what came, also where it has gone again."""

    came = 0

    def add(self, one: object) -> None:
        self.came += 1
        super().add(one)


def test_an_answer_that_is_never_taken_is_thrown_away(analyzer: GatedAnalyzer) -> None:
    with running(analyzer, send_buffer_bytes=4096, answer_s=1) as service:
        until(lambda: not connected(service), "the probe has hung up")
        service.server.server_state.connections = seen = Remembering()
        with deaf(service.port) as client:
            client.setblocking(False)
            sent = 0
            for _ in range(1000):  # until it takes no more: none of these was read by anybody
                try:
                    sent += client.send(GET)
                except BlockingIOError:
                    break
            assert sent > 10 * len(GET)
            # where the machine stands still now, it is hung up on before anybody looks
            until(lambda: seen.came, "it is connected")
            judge(service.url)
            until(lambda: not connected(service), "it was hung up on")
        judge(service.url)


def test_a_stream_whose_answers_are_never_taken_gives_its_place_back(
    analyzer: GatedAnalyzer,
) -> None:
    limits = {"answer_s": 1, "idle_s": 3600, "sessions": 1}
    with running(analyzer, send_buffer_bytes=4096, **limits) as service:
        service.server.config.ws_ping_interval = None  # pings without an answer end it as well
        address = f"ws://127.0.0.1:{service.port}/v1/stream"
        opened = threading.Event()

        def push(raw: socket.socket) -> None:
            with connect(
                address, sock=raw, max_queue=1, close_timeout=0.1, compression=None
            ) as stream:
                opened.set()
                while True:
                    stream.send(PICTURE)

        with deaf(service.port) as raw, ThreadPoolExecutor(1) as executor:
            pusher = executor.submit(push, raw)
            assert opened.wait(LIMIT_S)
            judge(service.url)
            until(lambda: service.engine.sessions.taken == 0, "its place is free")
            until(lambda: not connected(service), "and its connection")
            with pytest.raises(ConnectionClosed):
                pusher.result(LIMIT_S)
        with connect(address) as other:
            other.send(PICTURE)
            assert json.loads(other.recv(LIMIT_S))["faces"]


def test_clients_of_a_service_that_is_killed_are_told_and_the_next_one_answers(
    tmp_path: Path, networks: list[str]
) -> None:
    with served(tmp_path, *networks) as service:
        judge(service.url)
        # nothing is answered from now on, but the system still takes what is sent
        service.process.send_signal(signal.SIGSTOP)
        with Client(service.url) as client, ThreadPoolExecutor(1) as executor:
            call = executor.submit(client.analyze, [PICTURE])
            with socket.create_connection(("127.0.0.1", service.port), LIMIT_S) as raw:
                raw.sendall(GET)
                until(lambda: waiting_at(service.port) >= 2, "both have sent their calls")
                service.process.kill()
                with pytest.raises(OSError, match="reset"):
                    assert raw.recv(1000) == b"" and raw.sendall(GET) and raw.recv(1)
            with pytest.raises(ServiceError, match="cannot be asked") as caught:
                call.result(LIMIT_S)
            assert "\n" not in str(caught.value)
    (tmp_path / "again").mkdir()
    with served(tmp_path / "again", *networks) as service:
        judge(service.url)


def waiting_at(port: int) -> int:
    """How many connections of this machine hold bytes that the server has not read yet."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [row for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]
    return sum(int(row[4].partition(":")[2], 16) > 0 for row in ours)


def test_a_full_disk_changes_nothing_not_even_where_the_log_is_on_it(
    tmp_path: Path, networks: list[str]
) -> None:
    with small_disk(tmp_path / "small", "4m") as disk:
        service = Process(disk.folder, *networks, TMPDIR=str(disk.folder))
        try:
            disk.fill()
            before = sorted(disk.folder.iterdir())
            large = [("images", (f"{index}.png", PICTURE)) for index in range(16)]
            for _ in range(20):
                answer = httpx.post(f"{service.url}/v1/analyze", files=large, timeout=120)
                assert answer.status_code == 200, answer.text
                assert len(answer.json()["reports"]) == 16
            with connect(f"{service.url.replace('http', 'ws')}/v1/stream") as stream:
                stream.send(PICTURE)
                assert "faces" in json.loads(stream.recv(LIMIT_S))
            assert sorted(disk.folder.iterdir()) == before
            assert service.end() == 0
        finally:
            service.process.kill()
            service.process.wait(120)


def test_calls_under_way_when_a_client_dies_leave_nothing_behind(analyzer: GatedAnalyzer) -> None:
    with running(analyzer) as service:
        held = png(held_picture())
        service.gate.shut()
        for _ in range(service.engine.limits.calls * 2):
            with socket.create_connection(("127.0.0.1", service.port), LIMIT_S) as client:
                client.sendall(POST + b"content-length: %d\r\n\r\n" % len(held) + held)
                until(lambda: service.engine.calls.taken == 1, "it is under way")
            until(lambda: service.engine.calls.taken == 0, "its place is free")
        service.gate.open()
        judge(service.url)


# a picture of 49 megapixels in 60 kB of PNG
LARGE = encoded("PNG", Image.new("L", (7000, 7000), 128))
# allowed, and still 49 megapixels gone over 99 times
SLOW_JPEG = jpeg_of_scans(7000, 99)


def hostile(url: str, over: threading.Event) -> list[str]:
    """Send the worst there is again and again; the kinds of answer."""
    bodies: list[dict[str, object]] = [
        {"content": jpeg_of_scans(700, 5000), "headers": {"content-type": "image/jpeg"}},
        {"content": SLOW_JPEG, "headers": {"content-type": "image/jpeg"}},
        {"content": tiff_of_strips(1_000_000), "headers": {"content-type": "image/tiff"}},
        {"content": tiff_of_tags(20_000, 100_000), "headers": {"content-type": "image/tiff"}},
        {"content": b'{"images":[' + b"1," * 1_000_000 + b"1]}", "headers": AS_JSON},
        {"content": b'{"images":[{' + b'"a":1,' * 600_000 + b'"b":1}]}', "headers": AS_JSON},
        {"files": [("images", (f"{index}.png", LARGE)) for index in range(4)]},
    ]
    kinds = []
    for body in itertools.cycle(bodies):
        document = httpx.post(f"{url}/v1/analyze", timeout=300, **body).json()
        kinds.append(document.get("type") or "answered")
        if over.is_set():
            return kinds
    raise AssertionError("there is no end of them")


AS_JSON = {"content-type": "application/json"}


def test_honest_callers_are_answered_while_others_ask_for_endless_work(
    analyzer: GatedAnalyzer,
) -> None:
    with (
        running(analyzer, open_s=0.3, answer_s=300) as service,
        ThreadPoolExecutor(2) as executor,
    ):
        over = threading.Event()
        callers = [executor.submit(hostile, service.url, over) for _ in range(2)]
        until(lambda: service.engine.calls.taken, "they have begun")
        for _ in range(30):
            judge(service.url)
            assert httpx.get(f"{service.url}/health", timeout=120).status_code == 200
        over.set()
        kinds = {kind for caller in callers for kind in caller.result(600)}
        assert "unreadable" in kinds and kinds <= {"unreadable", "unusable", "answered"}
        judge(service.url)


def test_the_end_waits_for_no_picture(tmp_path: Path, networks: list[str]) -> None:
    with served(tmp_path, *networks, "--shutdown-s", "1") as service, ThreadPoolExecutor(1) as one:
        address = f"{service.url}/v1/analyze"
        headers = {"content-type": "image/jpeg"}
        call = one.submit(httpx.post, address, content=SLOW_JPEG, headers=headers, timeout=300)
        until(lambda: called(service.url), "it is under way")
        assert service.end() == 0
        with suppress(httpx.HTTPError):  # it may have been answered before
            call.result(300)


def called(url: str) -> bool:
    """Whether a call is under way."""
    return "maskwatch_calls 1.0" in httpx.get(f"{url}/metrics").text
