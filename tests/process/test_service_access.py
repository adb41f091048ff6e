"""Who may call the service and how often: keys, pages, rates, slots, and where it listens.

Run: pytest tests/process/test_service_access.py
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.service_server import GatedAnalyzer, Running, running
from support.waiting import LIMIT_S, until
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from maskwatch.errors import SettingError
from maskwatch.service.guard import KEYS_VARIABLE, KeyRing, load_keys
from maskwatch.service.limits import BUSY, Limits, Problem, RateLimiter, Slots
from maskwatch.service.server import listen

OLD, NEW = "old-key-old-key-old-key", "new-key-new-key-new-key"
UMLAUT = "schlüssel".encode()
GUARDED = ("/v1/model", "/metrics", "/v1/stream", "/nowhere")
OPEN = ("/health", "/ready", "/openapi.json", "/", "/docs")


def hashed(key: str) -> str:
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> GatedAnalyzer:
    return GatedAnalyzer(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def locked(analyzer: GatedAnalyzer) -> Iterator[Running]:
    """One with two keys, one of which it knows by its hash only."""
    with running(analyzer, keys=[OLD, hashed(NEW)]) as service:
        yield service


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, "no_key"),
        ({"authorization": "Basic abc"}, "no_key"),
        ({"authorization": "Bearer"}, "wrong_key"),
        ({"authorization": "Bearer wrong"}, "wrong_key"),
        ({"authorization": f"Bearer {OLD}x"}, "wrong_key"),
        ({"authorization": f"Bearer {hashed(NEW)}"}, "wrong_key"),
        ({"x-api-key": ""}, "wrong_key"),
        ({"x-api-key": UMLAUT}, "wrong_key"),
        ({"authorization": f"Bearer {OLD}"}, None),
        ({"authorization": f"bearer {NEW}"}, None),
        ({"x-api-key": OLD}, None),
        ({"x-api-key": NEW}, None),
    ],
)
def test_keys_open_the_routes_and_the_stream(
    locked: Running, headers: dict[str, str], kind: str | None
) -> None:
    response = httpx.get(f"{locked.url}/v1/model", headers=headers)
    address = locked.url.replace("http", "ws") + "/v1/stream"
    if kind is None:
        assert response.status_code == 200
        with connect(address, additional_headers=headers):
            return
    assert (response.status_code, response.json()["type"]) == (401, kind)
    assert response.headers["www-authenticate"] == "Bearer"
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(address, additional_headers={k: v for k, v in headers.items() if v != UMLAUT}),
    ):
        pass
    assert caught.value.response.status_code == 401
    assert caught.value.response.headers["content-type"] == "application/problem+json"


def test_without_a_key_only_the_probes_answer(locked: Running) -> None:
    assert {httpx.get(locked.url + path).status_code for path in OPEN} == {200}
    assert {httpx.get(locked.url + path).status_code for path in GUARDED} == {401}
    assert httpx.post(f"{locked.url}/v1/analyze", content=bytes(100)).status_code == 401
    assert {httpx.head(locked.url + path).status_code for path in OPEN} == {200}
    assert {httpx.head(locked.url + path).status_code for path in GUARDED} == {401}


def test_no_key_is_kept_or_logged(locked: Running) -> None:
    httpx.get(f"{locked.url}/v1/model", headers={"x-api-key": OLD})
    assert OLD not in locked.log.getvalue()
    ring = KeyRing([OLD])
    assert OLD not in repr(vars(ring)) and OLD.encode() not in ring._hashes


@pytest.mark.parametrize(
    ("variable", "lines", "number"),
    [
        ("", None, 0),
        (" ,\n", None, 0),
        (OLD, None, 1),
        (f"{OLD},{NEW}", None, 2),
        (f"{OLD}\n {NEW}\n", None, 2),
        ("", f"# of the door\n{OLD}\n\n  {hashed(NEW)}  \n", 2),
        (OLD, NEW, 2),
    ],
)
def test_where_keys_come_from(
    tmp_path: Path, variable: str, lines: str | None, number: int
) -> None:
    file = tmp_path / "keys"
    if lines is not None:
        file.write_text(lines, encoding="utf-8")
    ring = load_keys({KEYS_VARIABLE: variable}, None if lines is None else file)
    assert len(ring) == number
    known = f"{variable}{lines}"
    for key in (OLD, NEW):
        there = key in known or hashed(key) in known
        assert (ring.find(key) is not None) is there


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_file_of_keys_that_another_program_encoded(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "keys"
    file.write_bytes(f"# the keys of the door\r\n{OLD}\r\n{NEW}\r\n".encode(encoding))
    ring = load_keys({}, file)
    assert (len(ring), ring.find(OLD), ring.find(NEW)) == (2, 0, 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"{OLD}\n{NEW} # of the door\n".encode(), "API key 2: has a comment behind it"),
        (f"{NEW}\u00fc".encode(), "API key 1: holds more than printable ASCII"),
        (f"{NEW}\tdoor".encode(), "API key 1: holds more than printable ASCII"),
        (None, "cannot be read"),
        (b"", "holds no key"),
        (b"# nothing\n", "holds no key"),
        (b"\xff\xfe\xff", "cannot be read"),
        (b"short", "has 5 characters"),
        (b"sha256:abc", "64 hexadecimal"),
    ],
)
def test_a_file_without_usable_keys(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingError, match=reason) as caught:
        load_keys({}, file)
    assert "short" not in str(caught.value).replace("shorter", "")
    assert OLD not in str(caught.value) and NEW not in str(caught.value)


def test_every_client_has_a_rate_of_its_own(analyzer: GatedAnalyzer) -> None:
    with running(analyzer, keys=[OLD, NEW], rate_per_s=0.01) as service:

        def call(key: str) -> httpx.Response:
            return httpx.get(f"{service.url}/v1/model", headers={"x-api-key": key})

        assert call(OLD).status_code == 200
        early = call(OLD)
        assert (early.status_code, early.json()["type"]) == (429, "too_fast")
        assert early.json()["detail"] == "more than 0.01 calls a second"
        assert 50 < int(early.headers["retry-after"]) <= 101
        assert call(NEW).status_code == 200
        # who tries keys is slowed down too, and the probes are not
        assert [call(f"wrong{i}").status_code for i in range(3)] == [401, 429, 429]
        assert {httpx.get(f"{service.url}/ready").status_code for _ in range(3)} == {200}


def test_a_bucket_fills_with_time() -> None:
    now_s = 0.0
    limiter = RateLimiter(2.0, clock=lambda: now_s)
    assert [limiter.take("a") for _ in range(3)] == [0.0, 0.0, 0.5]
    assert limiter.take("b") == 0.0
    now_s = 0.25
    assert limiter.take("a") == 0.25
    now_s = 0.5
    assert [limiter.take("a"), limiter.take("a")] == [0.0, 0.5]
    now_s = 1000.0
    assert [limiter.take("a") > 0 for _ in range(3)] == [False, False, True]


def test_slow_rates_let_one_call_through() -> None:
    now_s = 0.0
    limiter = RateLimiter(0.1, clock=lambda: now_s)
    assert [limiter.take("a"), limiter.take("a")] == [0.0, 10.0]
    now_s = 10.0
    assert limiter.take("a") == 0.0


def test_so_many_clients_are_remembered_and_no_more() -> None:
    limiter = RateLimiter(1.0, clock=lambda: 0.0)
    for client in range(10_001):
        assert limiter.take(client) == 0.0
    assert limiter.take(10_000) > 0  # is remembered
    assert limiter.take(0) == 0.0  # was forgotten


def test_slots_come_back_also_after_a_failure() -> None:
    slots = Slots(1, "things")
    with pytest.raises(KeyError), slots.take():
        with pytest.raises(Problem) as caught, slots.take():
            pass
        assert caught.value.kind is BUSY
        assert caught.value.detail == "all 1 things at once are taken"
        raise KeyError
    assert slots.taken == 0


PAGE = "https://example.org"
PREFLIGHT = {"access-control-request-method": "POST"}


def test_pages_may_not_call_unless_they_are_named(analyzer: GatedAnalyzer) -> None:
    with running(analyzer) as service:
        for headers in ({"origin": PAGE}, {"origin": f"{service.url}0"}, {"origin": "null"}):
            response = httpx.get(f"{service.url}/v1/model", headers=headers)
            assert (response.status_code, response.json()["type"]) == (403, "foreign_page")
            assert "access-control-allow-origin" not in response.headers
            address = service.url.replace("http", "ws") + "/v1/stream"
            with (
                pytest.raises(InvalidStatus) as caught,
                connect(address, additional_headers=headers),
            ):
                pass
            assert caught.value.response.status_code == 403
            preflight = httpx.options(f"{service.url}/v1/analyze", headers=headers | PREFLIGHT)
            assert preflight.status_code == 403


def test_a_page_that_gives_this_computer_its_own_name_gets_nothing(
    analyzer: GatedAnalyzer,
) -> None:
    with running(analyzer, hosts=["masks.example.org"]) as service:
        for path in (*OPEN, *GUARDED):
            answer = httpx.get(service.url + path, headers={"host": "evil.example"})
            assert (answer.status_code, answer.json()["type"]) == (421, "wrong_host")
        for host in ("localhost", "masks.example.org:443", "192.168.0.9"):
            assert httpx.get(f"{service.url}/v1/model", headers={"host": host}).status_code == 200
        with (
            socket.create_connection(("127.0.0.1", service.port), LIMIT_S) as raw,
            pytest.raises(InvalidStatus) as caught,
            connect("ws://evil.example/v1/stream", sock=raw),
        ):
            pass
        assert caught.value.response.status_code == 421
        until(lambda: "websocket /v1/stream 421" in service.log.getvalue(), "it is logged")
        assert "ERROR" not in service.log.getvalue()


def test_named_pages_may_call_and_read_refusals(analyzer: GatedAnalyzer) -> None:
    with running(analyzer, keys=[OLD], origins=[PAGE]) as service:
        url, headers = f"{service.url}/v1/model", {"origin": PAGE}
        preflight = httpx.options(
            url,
            headers=headers | PREFLIGHT | {"access-control-request-headers": "authorization"},
        )
        assert preflight.status_code == 200
        for response in (
            preflight,
            httpx.get(url, headers=headers),
            httpx.get(url, headers=headers | {"x-api-key": OLD}),
        ):
            assert response.headers["access-control-allow-origin"] == PAGE
        other = {"origin": "https://example.com", "x-api-key": OLD}
        assert httpx.get(url, headers=other).status_code == 403
        assert httpx.options(url, headers=other | PREFLIGHT).status_code == 400
        address = service.url.replace("http", "ws") + "/v1/stream"
        with connect(address, additional_headers=headers | {"x-api-key": OLD}):
            pass


def test_a_client_cannot_pass_for_another(analyzer: GatedAnalyzer) -> None:
    with running(analyzer, rate_per_s=0.01) as service:
        answers = [
            httpx.get(f"{service.url}/v1/model", headers={"x-forwarded-for": f"10.0.0.{i}"})
            for i in range(2)
        ]
        assert [answer.status_code for answer in answers] == [200, 429]


@pytest.mark.parametrize(
    "first", [b"", b"GET /hea", b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: "]
)
def test_who_never_finishes_a_request_is_not_waited_for(
    analyzer: GatedAnalyzer, first: bytes
) -> None:
    with (
        running(analyzer, header_s=0.3) as service,
        socket.create_connection(("127.0.0.1", service.port), LIMIT_S) as client,
    ):
        client.sendall(first)
        assert client.recv(1000) == b""


def test_a_slow_second_request_is_not_waited_for_either(analyzer: GatedAnalyzer) -> None:
    with (
        # the first comes within this, also on a machine that stands still for some seconds
        running(analyzer, header_s=5) as service,
        socket.create_connection(("127.0.0.1", service.port), LIMIT_S) as client,
    ):
        client.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        answer = b""
        while b"alive" not in answer:
            more = client.recv(1000)
            assert more, answer
            answer += more
        client.sendall(b"GET /hea")
        assert client.recv(1000) == b""


def test_what_is_no_http_is_refused_in_one_line_too(analyzer: GatedAnalyzer) -> None:
    with (
        running(analyzer) as service,
        socket.create_connection(("127.0.0.1", service.port), LIMIT_S) as client,
    ):
        client.sendall(b"\x16\x03\x01\x02\x00secret\r\n\r\n")
        answer = client.recv(1000)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.endswith(
            b'{"type": "malformed", "status": 400, "detail": "this is no valid HTTP request"}'
        )


def test_more_connections_than_can_be_borne_are_refused(analyzer: GatedAnalyzer) -> None:
    with running(analyzer, connections=4) as service:
        until(lambda: not service.server.server_state.connections, "the probe has hung up")
        busy = [socket.create_connection(("127.0.0.1", service.port), LIMIT_S) for _ in range(4)]
        head = b"POST /v1/analyze HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n"
        for client in busy:
            client.sendall(head + b"content-length: 100\r\n\r\n")
        until(lambda: service.engine.calls.taken == 4, "they are under way")
        with socket.create_connection(("127.0.0.1", service.port), LIMIT_S) as client:
            answer = client.recv(1000)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in answer
        for client in busy:
            client.close()
        until(lambda: not service.server.server_state.connections, "they have hung up")
        assert httpx.get(f"{service.url}/health").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_without_a_key_it_listens_to_this_computer(host: str) -> None:
    listen(host, 0, local_only=True).close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_elsewhere_it_needs_a_key(host: str) -> None:
    if host:
        with pytest.raises(SettingError, match=KEYS_VARIABLE):
            listen(host, 0, local_only=True)
    listen("0.0.0.0", 0, local_only=False).close()


def test_where_it_cannot_listen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingError, match=f"--port {port}: in use by another program"):
            listen("127.0.0.1", port, local_only=True)
    for host in ("no.such.host.invalid", "a" * 300, "\ud800"):
        with pytest.raises(SettingError, match="cannot listen there"):
            listen(host, 0, local_only=True)


@pytest.mark.parametrize("name", ["body_bytes", "images", "rate_per_s", "answer_s"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_lets_nothing_through_is_refused(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=f"limit {name}: must be above 0"):
        Limits(**{name: value})
