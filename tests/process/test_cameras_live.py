"""Live sources against real servers: the newest frame, time limits, new connections, no passwords.

Run: pytest tests/process/test_cameras_live.py
"""

from __future__ import annotations

import io
import itertools
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from socketserver import BaseRequestHandler

import numpy as np
import pytest
from PIL import Image
from support.drawn_video import HEIGHT, WIDTH, count_up, number_in, numbered, write_video
from support.ports import free_port
from support.stream_servers import (
    PAUSE_S,
    Mjpeg,
    Mute,
    Refusing,
    Rtsp,
    Script,
    Send,
    counting,
    over,
    serve,
    silent,
)
from support.waiting import LIMIT_S, until

from maskwatch.errors import VideoError, VideoFault
from maskwatch.io.connections import RetryPolicy
from maskwatch.io.video import open_source
from maskwatch.schema import Frame

EAGER = RetryPolicy(first_pause_s=0.05, longest_pause_s=0.1)
WATCHFUL = replace(EAGER, picture_s=0.4)
# silence, or a machine that stands still, is not to be taken for a frozen camera, which would be
# connected to again
PATIENT = replace(EAGER, picture_s=2 * LIMIT_S)
KINDS = pytest.mark.parametrize(("handler", "scheme"), [(Mjpeg, "http"), (Rtsp, "rtsp")])


def first_frames(address: str, count: int, policy: RetryPolicy = EAGER) -> list[Frame]:
    """Take so many frames, or all there are."""
    frames = []
    with open_source(address, policy) as source:
        for frame in source:
            frames.append(frame)
            if len(frames) == count:
                break
    return frames


@KINDS
def test_frames_come_in_order_with_the_time_of_arrival(
    handler: type[BaseRequestHandler], scheme: str
) -> None:
    began_s = time.monotonic()
    with serve(handler, counting) as host:
        frames = first_frames(f"{scheme}://user:secret@{host}/1", 20, PATIENT)
    numbers = [number_in(frame.image_rgb) for frame in frames]
    assert numbers == sorted(set(numbers)) and len(numbers) == 20
    assert numbers == [frame.index for frame in frames]
    times_s = [began_s, *(frame.time_s for frame in frames), time.monotonic()]
    assert times_s == sorted(times_s)


def test_a_slow_reader_gets_the_newest_frame_and_the_rest_is_counted() -> None:
    sent = threading.Event()

    def burst(send: Send, connection: int) -> None:
        for number in range(40):
            send(numbered(number))
        sent.set()
        silent(send)

    with serve(Mjpeg, burst) as host, open_source(f"http://{host}/", PATIENT) as source:
        frames = iter(source)
        given = [next(frames)]
        assert sent.wait(LIMIT_S)
        # the reader goes on while nobody asks: all but the given one and the newest are dropped
        until(lambda: source._latest.dropped == 38)
        while given[-1].index < 39:
            given.append(next(frames))
        assert number_in(given[-1].image_rgb) == 39
        assert len(given) + source.dropped == 40
        assert source.dropped > 0


def told_of(host: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged of one server; the reader of an earlier test may still be at its end."""
    return [message for message in caplog.messages if host in message]


@KINDS
def test_a_stream_that_drops_is_connected_again(
    handler: type[BaseRequestHandler], scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    def three_each(send: Send, connection: int) -> None:
        for number in range(30):
            send(numbered(100 * connection + number))
            over.wait(0.01)

    with serve(handler, three_each) as host:
        address = f"{scheme}://user:secret@{host}/1"
        with open_source(address, EAGER) as source:
            for frame in source:
                if number_in(frame.image_rgb) >= 200:
                    break
    assert frame.index >= 60  # counted on through all connections
    own = told_of(host, caplog)
    assert own[0].startswith(f"{scheme}://***@{host}/...: ")
    assert "; connecting again in 0.0" in own[0]
    assert own[1] == f"{scheme}://***@{host}/...: connected again"


@KINDS
def test_a_frozen_stream_is_noticed_and_connected_again(
    handler: type[BaseRequestHandler], scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    def freeze_once(send: Send, connection: int) -> None:
        for _ in range(30):
            send(numbered(connection))
        (counting if connection else silent)(send, connection)

    with (
        serve(handler, freeze_once) as host,
        open_source(f"{scheme}://{host}/", WATCHFUL) as source,
    ):
        for frame in source:
            if frame.index > 35:
                break
    assert "frozen: no new picture for 0.4 s; connecting again" in told_of(host, caplog)[0]


def test_a_server_that_keeps_talking_without_pictures_is_frozen_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken_pictures(send: Send, connection: int) -> None:
        send(numbered(1))
        while not connection and not over.wait(0.02):
            send(b"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n\r\nnone\r\n")
        counting(send)

    with serve(Mjpeg, broken_pictures) as host:
        assert len(first_frames(f"http://{host}/", 5, WATCHFUL)) == 5
    assert "frozen: no new picture for 0.4 s" in told_of(host, caplog)[0]


@KINDS
def test_garbage_in_the_middle_does_not_end_it(
    handler: type[BaseRequestHandler], scheme: str
) -> None:
    def garbage_once(send: Send, connection: int) -> None:
        for number in range(30):
            send(numbered(number))
        if not connection:
            send(np.random.default_rng(0).bytes(100_000))
        counting(send)

    with (
        serve(handler, garbage_once) as host,
        open_source(f"{scheme}://{host}/", EAGER) as source,
    ):
        for frame in source:
            if frame.index > 60:
                break
    assert frame.image_rgb.shape == (HEIGHT, WIDTH, 3)


@KINDS
def test_the_size_may_change(handler: type[BaseRequestHandler], scheme: str) -> None:
    seen = threading.Event()

    def two_sizes(send: Send, connection: int) -> None:
        for number in range(60):
            if number == 40:  # else a reader that is late might see the newest alone
                seen.wait(LIMIT_S)
            send(numbered(number, *((WIDTH, HEIGHT) if number < 40 else (128, 96))))
            over.wait(0.01)
        silent(send)

    sizes = set()
    with serve(handler, two_sizes) as host, open_source(f"{scheme}://{host}/", PATIENT) as source:
        for frame in source:
            sizes.add(frame.image_rgb.shape[:2])
            seen.set()
            if number_in(frame.image_rgb) == 59:
                break
    assert sizes == {(HEIGHT, WIDTH), (96, 128)}


def nonsense(send: Send, connection: int) -> None:
    send(np.random.default_rng(0).bytes(100_000))
    silent(send)


def hang_up(send: Send, connection: int) -> None:
    return


@pytest.mark.parametrize(
    ("scheme", "handler", "script", "reason", "fault"),
    [
        ("http", Mute, silent, "no answer within 1 s", VideoFault.NO_ANSWER),
        ("rtsp", Mute, silent, "no answer within 1 s", VideoFault.NO_ANSWER),
        ("http", Mjpeg, silent, "no answer within 1 s", VideoFault.NO_ANSWER),
        (
            "http",
            Refusing,
            silent,
            "cannot be reached (server returned 401",
            VideoFault.REFUSED,
        ),
        (
            "rtsp",
            Refusing,
            silent,
            "cannot be reached (server returned 401",
            VideoFault.REFUSED,
        ),
        ("http", Mjpeg, nonsense, "answers, but not with video", VideoFault.NO_VIDEO),
        (
            "http",
            Mjpeg,
            hang_up,
            "cannot be reached (no such host, or the connection broke)",
            VideoFault.UNREACHABLE,
        ),
        ("rtsp", Rtsp, hang_up, "the stream ended", VideoFault.ENDED),
    ],
)
def test_a_stream_that_never_begins_is_an_error_at_once(
    scheme: str, handler: type[BaseRequestHandler], script: Script, reason: str, fault: VideoFault
) -> None:
    answer_s = 1.0 if "no answer" in reason else EAGER.answer_s
    with serve(handler, script) as host:
        address = f"{scheme}://user:secret@{host}/live?pwd=hidden"
        with pytest.raises(VideoError) as caught:
            first_frames(address, 1, replace(EAGER, answer_s=answer_s))
    assert caught.value.fault is fault
    assert str(caught.value).startswith(f"{scheme}://***@{host}/...: {reason}")


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_nobody_listens(scheme: str) -> None:
    with pytest.raises(VideoError, match=r"cannot be reached \(connection refused\)"):
        first_frames(f"{scheme}://127.0.0.1:{free_port()}/", 1)


def test_a_stream_that_stays_away_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    with serve(Mjpeg, lambda send, _: [send(numbered(1)) for _ in range(9)]) as host:
        source = open_source(f"http://user:secret@{host}/", replace(EAGER, give_up_s=1.0))
        next(iter(source))
    with source, pytest.raises(VideoError, match=r"given up after \d+ s"):
        list(source)
    assert not any("secret" in message for message in caplog.messages)


def test_a_recording_on_a_server_is_no_live_stream(tmp_path: Path) -> None:
    class Recording(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            content = write_video(tmp_path / "clip.mkv", count_up(30)).read_bytes()
            head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(content)}\r\n\r\n"
            self.request.sendall(head.encode() + content)

    with serve(Recording, silent) as host, pytest.raises(VideoError, match="a recording, not"):
        first_frames(f"http://{host}/clip.mkv", 1)


class Snapshots(BaseRequestHandler):
    """Answers each request with one JPEG; the script says which picture it is."""

    def handle(self) -> None:
        self.request.recv(4096)
        self.server.connections += 1
        self.server.script(self._send, self.server.connections)

    def _send(self, picture: np.ndarray) -> None:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG")
        head = "HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n"
        head += f"Content-Length: {file.tell()}\r\n\r\n"
        with suppress(OSError):  # nobody listens any more
            self.request.sendall(head.encode() + file.getvalue())


def test_an_address_that_gives_one_picture_is_asked_again_and_again() -> None:
    policy = replace(EAGER, snapshot_s=0.02)
    with serve(Snapshots, lambda send, asked: send(numbered(asked // 3))) as host:
        frames = first_frames(f"http://user:secret@{host}/snapshot.jpg?size=full", 4, policy)
    numbers = [number_in(frame.image_rgb) for frame in frames]
    assert numbers == sorted(set(numbers))  # each is asked for thrice and given once
    assert [frame.index for frame in frames] == numbers  # counting those that gave way
    assert all(a.time_s < b.time_s for a, b in itertools.pairwise(frames))


class Pictures(BaseRequestHandler):
    """Answers with JPEG pictures one behind the other, and nothing between them."""

    def handle(self) -> None:
        self.request.recv(4096)
        with suppress(OSError):  # nobody listens any more
            self.request.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n")
            for number in range(256):
                file = io.BytesIO()
                Image.fromarray(numbered(number)).save(file, "JPEG")
                self.request.sendall(file.getvalue())
                if over.wait(PAUSE_S):
                    return


def test_pictures_that_do_not_end_are_a_stream() -> None:
    policy = replace(EAGER, snapshot_s=LIMIT_S)  # nobody waits for it
    with serve(Pictures, silent) as host:
        frames = first_frames(f"http://{host}/live", 4, policy)
    numbers = [number_in(frame.image_rgb) for frame in frames]
    assert numbers == sorted(set(numbers)) and len(numbers) == 4


def test_a_picture_that_never_changes_is_frozen(caplog: pytest.LogCaptureFixture) -> None:
    policy = replace(WATCHFUL, snapshot_s=0.02)
    with (
        serve(Snapshots, lambda send, _: send(numbered(1))) as host,
        open_source(f"http://{host}/snapshot.jpg", policy) as source,
    ):
        next(iter(source))
        until(lambda: "frozen: no new picture" in caplog.text, "it is told")


def frames_if_it_listens(address: str) -> list[Frame]:
    try:
        return first_frames(address, 10, RetryPolicy())
    except VideoError as error:
        assert "refused" in error.reason
        return []


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg command")
def test_what_the_ffmpeg_command_serves() -> None:
    address = f"http://127.0.0.1:{free_port()}/live.ts"
    command = "ffmpeg -v error -re -f lavfi -i testsrc=size=160x120:rate=25 -c:v libx264"
    command += " -tune zerolatency -g 10 -f mpegts -listen 1"
    server = subprocess.Popen([*command.split(), address])
    try:
        frames = until(lambda: frames_if_it_listens(address), "ffmpeg listens")
    finally:
        server.kill()
        server.wait()
    assert len(frames) == 10
    assert frames[0].image_rgb.shape == (120, 160, 3)
