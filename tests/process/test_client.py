"""The client against a real service: the same reports as an Analyzer's, and every way to fail.

Run: pytest tests/process/test_client.py
"""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from support import bad_images
from support.service_server import GatedAnalyzer, Running, held_picture, png, running
from support.toy_detector import crowd
from support.toy_model import BLUE, GREEN, RED, plain
from support.waiting import until

from maskwatch import (
    Frame,
    FrameReport,
    ImageError,
    MaskState,
    MaskWatchError,
    ServiceError,
    SettingError,
    TrackedFace,
)
from maskwatch.client import Client, StreamAnswer
from maskwatch.errors import pip_extra

TWO_FACES = crowd((3, 2, RED), (16, 3, BLUE))
KEY = "a-key-for-the-client-tests"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    analyzer = GatedAnalyzer(tmp_path_factory.mktemp("networks"))
    with running(analyzer, keys=[KEY], images=4, calls=2) as service:
        yield service


@pytest.fixture
def client(service: Running) -> Iterator[Client]:
    with Client(service.url, KEY) as client:
        yield client


def rounded(report: FrameReport) -> FrameReport:
    return FrameReport.from_dict(json.loads(json.dumps(report.to_dict())))


@pytest.mark.parametrize(
    ("images", "error", "reason"),
    [
        (None, SettingError, "images: must be a list of images, not None"),
        ("photo.jpg", SettingError, "images: must be a list of images, not one str"),
        (b"x", SettingError, "not one bytes"),
        (Path("photo.jpg"), SettingError, "images: must be a list of images, not one "),
        (memoryview(b"x"), SettingError, "images: must be a list of images, not one memoryview"),
        (io.BytesIO(b"x\ny"), SettingError, "images: must be a list of images, not one BytesIO"),
        (plain(RED), SettingError, "images: must be a list of images, not one ndarray"),
        ([None], ImageError, "expected a path, bytes, .* got None"),
        ([7], ImageError, "got int"),
        (["https://a:geheim@host/a.jpg"], ImageError, r"https://\*\*\*@host/\.\.\.: an address"),
    ],
)
def test_wrong_types_are_told_before_anything_is_sent(
    images: object, error: type[MaskWatchError], reason: str
) -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(error, match=reason):
        client.analyze(images)


def test_nothing_asked_nothing_sent() -> None:
    with Client("http://127.0.0.1:1") as client:
        assert client.analyze([]) == ()


def test_images_of_every_kind_give_the_reports_of_an_analyzer(
    service: Running, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "two faces.png"
    path.write_bytes(png(TWO_FACES))
    analyze = service.engine.analyzer.analyze
    expected = rounded(analyze(path))
    assert client.analyze([path, str(path)]) == (expected, expected)
    nameless = replace(expected, source=None)
    assert client.analyze([path.read_bytes(), TWO_FACES]) == (nameless, nameless)


def test_one_that_cannot_be_read_is_told_in_its_place(client: Client) -> None:
    first, second = client.analyze([b"no picture", plain(GREEN)])
    assert isinstance(first, ImageError)
    assert (first.fault, "not a JPEG" in first.reason) == ("format", True)
    assert isinstance(second, FrameReport)
    assert second.faces[0].state is MaskState.NO_MASK
    (alone,) = client.analyze([bad_images.BAD["truncated.jpg"][0]()])
    assert isinstance(alone, ImageError)
    assert str(alone).startswith("<image>: damaged JPEG")


def test_a_file_that_is_not_there(client: Client, tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "none.jpg", "no such file"),
        (tmp_path, "a folder without images"),
    ):
        with pytest.raises(ImageError, match=reason):
            client.analyze([path])
    with pytest.raises(ImageError, match="expected uint8"):
        client.analyze([np.zeros((3, 3), np.uint8)])


def test_of_several_one_that_is_not_there_costs_no_other(client: Client, tmp_path: Path) -> None:
    path, gone = tmp_path / "green.png", tmp_path / "gone.jpg"
    path.write_bytes(png(plain(GREEN)))
    first, second, third, fourth, fifth = client.analyze([gone, path, None, b"no picture", path])
    assert isinstance(first, ImageError) and isinstance(third, ImageError)
    assert str(first) == f"{gone}: no such file" and "got None" in third.reason
    assert isinstance(fourth, ImageError) and "not a JPEG" in fourth.reason
    assert isinstance(second, FrameReport) and second == fifth and second.source == str(path)
    assert second.faces[0].state is MaskState.NO_MASK


def test_where_none_can_be_opened_nothing_is_sent(tmp_path: Path) -> None:
    with Client("http://127.0.0.1:1") as client:
        answers = client.analyze([tmp_path / "a.jpg", tmp_path / "b.jpg"])
    assert [str(one) for one in answers] == [
        f"{tmp_path / n}: no such file" for n in ("a.jpg", "b.jpg")
    ]


def one_line(error: MaskWatchError, *parts: str) -> None:
    assert "\n" not in str(error)
    for part in parts:
        assert part in str(error)


@pytest.mark.parametrize(
    ("key", "images", "status", "detail"),
    [
        (None, [b"x"], 401, "give an API key"),
        ("wrong", [b"x"], 401, "not known"),
        (KEY, [b"x"] * 5, 413, "limit of 4"),
    ],
)
def test_what_the_service_refuses(
    service: Running, key: str | None, images: list[bytes], status: int, detail: str
) -> None:
    with Client(service.url, key) as client:
        with pytest.raises(ServiceError) as caught:
            client.analyze(images)
        one_line(caught.value, service.url, detail, f"status {status}")
        assert caught.value.status == status
        assert key is None or key not in str(caught.value)
        if status == 401:
            with pytest.raises(ServiceError) as caught:
                next(client.stream([b"x"]))
            one_line(caught.value, detail)
            assert caught.value.status == status


class Proxy(BaseHTTPRequestHandler):
    """Says no, and notes what it was asked for."""

    asked: ClassVar[list[str]] = []

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        self.send_error(502)

    do_POST = do_CONNECT

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the proxy that the environment names is asked for."""
    Proxy.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
        yield Proxy.asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("host", "through_proxy"),
    [
        ("localhost", False),
        ("127.0.0.2", False),
        ("[::1]", False),
        ("maskwatch.invalid", True),
    ],
)
def test_only_services_elsewhere_are_asked_through_a_proxy(
    proxy: list[str], host: str, through_proxy: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Client(f"http://{host}:{port}", tries=1) as client:
        for ask in (lambda: client.analyze([b"x"]), lambda: next(client.stream([b"x"]))):
            proxy.clear()
            with pytest.raises(ServiceError):
                ask()
            assert bool(proxy) is through_proxy


def test_a_service_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with Client(url) as client:
        for ask in (lambda: client.analyze([b"x"]), lambda: next(client.stream([b"x"]))):
            with pytest.raises(ServiceError) as caught:
                ask()
            one_line(caught.value, url, "cannot be asked")
            assert caught.value.status is None


def test_a_service_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, timeout_s=0.2) as client:
            for ask in (lambda: client.analyze([b"x"]), lambda: next(client.stream([b"x"]))):
                with pytest.raises(ServiceError, match="cannot be asked"):
                    ask()


Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def answering(answers: Callable[[int], Answer]) -> Iterator[tuple[str, list[float]]]:
    """Another HTTP server, and when it was asked; call n gets the n-th answer."""
    asked_s: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # of those before, WebSocket clients want no answer

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            asked_s.append(time.monotonic())
            status, headers, body = answers(len(asked_s))
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked_s
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again_after_a_pause(status: int) -> None:
    done = b'{"reports": [{"error": "empty file", "fault": "empty"}]}'
    with answering(lambda n: (200, {}, done) if n == 3 else (status, {}, b"{}")) as (url, asked_s):
        with Client(url) as client:
            (result,) = client.analyze([b"x"])
        assert isinstance(result, ImageError)
        first, second = np.diff(asked_s)
        assert first >= 0.2
        assert second >= 0.4


def test_a_pause_that_the_service_names_is_kept() -> None:
    done = b'{"reports": [{"error": "empty file", "fault": "empty"}]}'
    busy = (503, {"retry-after": "1"}, b'{"detail": "busy"}')
    with answering(lambda n: (200, {}, done) if n == 2 else busy) as (url, asked_s):
        with Client(url) as client:
            client.analyze([b"x"])
        assert asked_s[1] - asked_s[0] >= 1


def test_it_is_not_asked_for_ever() -> None:
    with (
        answering(lambda n: (503, {}, b'{"detail": "busy\\nstill"}')) as (url, asked_s),
        Client(url, tries=2) as client,
    ):
        for ask in (lambda: client.analyze([b"x"]), lambda: next(client.stream([b"x"]))):
            asked_s.clear()
            with pytest.raises(ServiceError) as caught:
                ask()
            one_line(caught.value, "busy still", "status 503")
            assert len(asked_s) == 2


def test_a_pause_that_is_too_long_is_left_to_the_caller() -> None:
    with answering(lambda n: (429, {"retry-after": "3600"}, b"{}")) as (url, asked_s):
        with Client(url) as client, pytest.raises(ServiceError) as caught:
            client.analyze([b"x"])
        assert caught.value.retry_after_s == 3600
        assert len(asked_s) == 1


@pytest.mark.parametrize("status", [400, 404, 413, 500])
def test_what_will_not_get_better_is_asked_once(status: int) -> None:
    with answering(lambda n: (status, {}, b"<html>")) as (url, asked_s):
        with Client(url) as client, pytest.raises(ServiceError, match="no reason given"):
            client.analyze([b"x"])
        assert len(asked_s) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"[" * 100_000,
        b"{}",
        b'{"reports": 5}',
        b'{"reports": null}',
        b'{"reports": []}',
        b'{"reports": [{}]}',
        b'{"reports": [1]}',
        b'{"reports": [{"schema": "other/1"}]}',
        b'{"reports": [{"error": "", "fault": "mood"}]}',
    ],
)
def test_something_else_than_a_service(body: bytes) -> None:
    with (
        answering(lambda n: (200, {}, body)) as (url, _),
        Client(url) as client,
        pytest.raises(ServiceError, match="is it a MaskWatch service") as caught,
    ):
        client.analyze([b"x"])
    one_line(caught.value)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"url": None}, "must begin with http"),
        ({"api_key": 5}, "api_key: must be text"),
        ({"timeout_s": None}, "timeout_s: must be above 0"),
        ({"tries": "5"}, "tries: must be at least 1"),
        ({"url": "file:///etc/passwd"}, "must begin with http"),
        ({"url": "127.0.0.1:8000"}, "must begin with http"),
        ({"timeout_s": 0}, "timeout_s: must be above 0"),
        ({"timeout_s": float("nan")}, "timeout_s: must be above 0"),
        ({"tries": 0}, "tries: must be at least 1"),
    ],
)
def test_settings_that_make_no_sense(values: dict[str, object], reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        Client(**values)


@pytest.mark.parametrize(
    "key", [f"{KEY}\n", f" {KEY}", f"{KEY}\u00fc", f"{KEY}\0", f"{KEY}\r\nx: y", " "]
)
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(SettingError, match="api_key: must be ASCII without a line end") as caught:
        Client(api_key=key)
    one_line(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://:x", "http://127.0.0.1:99999", "http://[::1", "http://a\u2028b", "http://"],
)
def test_an_address_that_is_none(url: str) -> None:
    with Client(url) as client:
        for ask in (lambda: client.analyze([b"x"]), lambda: next(client.stream([b"x"]))):
            with pytest.raises(ServiceError, match="cannot be asked"):
                ask()


def test_a_stream_without_frames(client: Client) -> None:
    assert list(client.stream([])) == []


def test_frames_become_steady_reports(client: Client) -> None:
    answers: list[StreamAnswer] = []

    def frames() -> Iterator[Frame]:
        for index in range(6):
            until(lambda index=index: len(answers) == index, "the last one is answered")
            yield Frame(TWO_FACES, 10 + index / 10, index)

    for answer in client.stream(frames()):
        answers.append(answer)
    assert [answer.frame for answer in answers] == list(range(6))
    assert [answer.time_s for answer in answers] == [10 + index / 10 for index in range(6)]
    last = answers[-1]
    assert isinstance(last.result, FrameReport)
    assert [type(face) for face in last.result.faces] == [TrackedFace, TrackedFace]
    assert [face.state for face in last.result.faces] == ["mask", "incorrect_mask"]
    assert (last.dropped, last.latency_s > 0) == (0, True)


def test_a_stream_of_files_with_a_broken_one(client: Client) -> None:
    answers = []
    for content in (png(TWO_FACES), b"no picture"):
        answers += list(client.stream([content]))
    assert isinstance(answers[0].result, FrameReport)
    assert isinstance(answers[1].result, ImageError)


@pytest.mark.parametrize(
    ("frames", "error", "said"),
    [
        (None, SettingError, "frames: must be Frames, or image files as bytes, not None"),
        (b"x", SettingError, "not one bytes"),
        (plain(RED), SettingError, "not one ndarray"),
        (io.BytesIO(b"x"), SettingError, "not one BytesIO"),
        (Frame(plain(RED), 0.0, 0), SettingError, "not one Frame"),
        (["photo.jpg"], SettingError, "not str among them"),
        ([Path("photo.jpg")], SettingError, "Path among them"),
        ([plain(RED)], SettingError, "not ndarray among them"),
        ([None], SettingError, "not NoneType among them"),
        ([Frame(plain(RED).astype(float), 0.0, 0)], ImageError, "expected uint8 of shape"),
    ],
)
def test_what_is_no_frame_is_told(
    client: Client, frames: object, error: type[MaskWatchError], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        list(client.stream(frames))
    one_line(caught.value)


def test_bytes_and_times_of_other_kinds_are_frames_too(client: Client) -> None:
    content = png(TWO_FACES)
    for frame in (
        bytearray(content),
        memoryview(content),
        Frame(TWO_FACES, np.float32(1.5), 0),
    ):
        (answer,) = client.stream([frame])
        assert isinstance(answer.result, FrameReport)


def test_while_the_service_is_busy_only_the_newest_frame_is_answered(
    service: Running, client: Client
) -> None:
    service.gate.shut()
    before = service.metric("dropped_frames_total")

    def frames() -> Iterator[bytes]:
        yield png(held_picture())
        service.gate.await_one()
        yield from [png(TWO_FACES)] * 5
        until(lambda: service.metric("dropped_frames_total") == before + 4, "four are dropped")
        service.gate.open()

    answers = list(client.stream(frames()))
    assert [(answer.frame, answer.dropped) for answer in answers] == [(0, 0), (5, 4)]


def test_a_stream_that_is_left_early_hangs_up(service: Running, client: Client) -> None:
    ended = threading.Event()

    def frames() -> Iterator[bytes]:
        try:
            while True:
                yield png(TWO_FACES)
                time.sleep(0.01)
        finally:
            ended.set()

    answers = client.stream(frames())
    next(answers)
    answers.close()
    assert ended.wait(120)
    until(lambda: service.engine.sessions.taken == 0, "its place is free")


def test_what_ends_the_frames_reaches_the_caller(service: Running, client: Client) -> None:
    def frames() -> Iterator[bytes]:
        yield png(TWO_FACES)
        raise ValueError("the camera fell")

    with pytest.raises(ValueError, match="the camera fell"):
        list(client.stream(frames()))
    until(lambda: service.engine.sessions.taken == 0, "its place is free")


def test_a_stream_that_the_service_ends(tmp_path: Path) -> None:
    with running(GatedAnalyzer(tmp_path)) as service, Client(service.url) as client:

        def frames() -> Iterator[bytes]:
            while True:
                yield png(TWO_FACES)
                time.sleep(0.01)

        answers = client.stream(frames())
        next(answers)
        service.server.stop()
        with pytest.raises(ServiceError, match="the stream ended") as caught:
            list(answers)
        one_line(caught.value)


def test_a_stream_without_answers_is_not_waited_for(service: Running) -> None:
    service.gate.shut()
    with (
        # the connection comes up within this, also on a machine that stands still for some seconds
        Client(service.url, KEY, timeout_s=6) as client,
        pytest.raises(ServiceError, match="no answer within 6 s"),
    ):
        list(client.stream([png(held_picture())]))
    service.gate.open()


def test_without_its_packages_it_says_how_to_get_them() -> None:
    code = "import sys; sys.modules['httpx'] = None\nimport maskwatch.client"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = seen.stderr.strip().splitlines()[-1]
    assert last.endswith(f"maskwatch.client needs more packages: {pip_extra('client')}")
