"""The thread behind a live source: how it ends, waits and fails; and cameras, without one.

Run: pytest tests/process/test_cameras.py
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.stream_servers import Mjpeg, Mute, counting, serve, silent
from support.waiting import LIMIT_S

from maskwatch.errors import VideoError, VideoFault
from maskwatch.io.cameras import Latest, LiveSource, pause_before
from maskwatch.io.connections import Pictures, RetryPolicy, SourceLost, read_camera, why_no_camera
from maskwatch.io.video import open_source
from maskwatch.io.video_source import VideoSource

EAGER = RetryPolicy(first_pause_s=0.05, longest_pause_s=0.1)
WATCHFUL = replace(EAGER, picture_s=0.4)

# closing


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_closing_does_not_wait_for_a_silent_server(scheme: str) -> None:
    connected = threading.Event()

    class Heard(Mute):
        def handle(self) -> None:
            connected.set()
            super().handle()

    with serve(Heard, silent) as host:
        source = open_source(f"{scheme}://{host}/", RetryPolicy(answer_s=2 * LIMIT_S))
        reader = threading.Thread(target=lambda: list(source))
        reader.start()
        assert connected.wait(LIMIT_S)
        source.stop()
        reader.join(LIMIT_S)  # far less than an answer may take
        assert not reader.is_alive()
        source.close()
        source.close()
        assert list(source) == []


def test_closing_before_the_first_frame() -> None:
    source = open_source("rtsp://127.0.0.1/never")
    source.close()
    assert list(source) == []


def test_closing_from_another_thread_at_any_moment() -> None:
    with serve(Mjpeg, counting) as host:
        for pause_s in (0, 0.01, 0.02, 0.03, 0.05):
            failures: list[BaseException] = []
            source = open_source(f"http://{host}/", EAGER)

            def read(
                source: VideoSource = source, failures: list[BaseException] = failures
            ) -> None:
                try:
                    for _ in source:
                        time.sleep(0.01)
                except BaseException as error:
                    failures.append(error)

            reader = threading.Thread(target=read)
            reader.start()
            time.sleep(pause_s)
            source.close()
            reader.join(LIMIT_S)
            assert not reader.is_alive() and failures == []


def test_no_thread_stays() -> None:
    before = set(threading.enumerate())
    with serve(Mjpeg, counting) as host:
        for _ in range(5):
            with open_source(f"http://{host}/", EAGER) as source:
                next(source)
        left = [t for t in set(threading.enumerate()) - before if t.name.startswith("reader")]
    assert left == []


def test_leaving_the_program_while_a_server_is_silent() -> None:
    code = """
import sys
from maskwatch.io.video import open_source
source = open_source(sys.argv[1])
source._latest.put("a first frame")
print(next(iter(source)))
"""
    with serve(Mute, silent) as host:
        command = [sys.executable, "-X", "faulthandler", "-c", code, f"rtsp://{host}/"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "a first frame\n", "")


# what needs no server


def test_the_newest_value_and_the_number_of_those_it_replaced() -> None:
    latest: Latest[int] = Latest()
    assert latest.take(0) is None
    for value in (1, 2, 3):
        latest.put(value)
    assert (latest.take(0), latest.take(0), latest.dropped) == (3, None, 2)
    latest.put(4)
    assert (latest.take(0), latest.dropped) == (4, 2)


def test_pauses_double_up_to_a_limit_and_differ() -> None:
    policy = RetryPolicy(first_pause_s=1, longest_pause_s=8)
    for failures, longest_s in ((0, 1), (1, 2), (2, 4), (3, 8), (4, 8), (10_000, 8)):
        pauses = [pause_before(failures, policy) for _ in range(50)]
        assert all(longest_s / 2 <= pause <= longest_s for pause in pauses)
        assert len(set(pauses)) > 1


def test_a_failure_nobody_expected_reaches_the_reader() -> None:
    def connect(_: RetryPolicy) -> Pictures:
        yield np.zeros((2, 2, 3), np.uint8), time.monotonic()
        raise ZeroDivisionError("a bug")

    with LiveSource("x", connect, EAGER) as source, pytest.raises(ZeroDivisionError):
        list(source)


def test_who_seems_frozen_is_waited_for_longer_until_pictures_come_soon_again() -> None:
    """It may be a camera that sends few; the times are those at which pictures arrive."""
    arrivals_s = [[1.0], [7.0], [13.0], [30.0, 31.0], [37.0]]
    began_s, waits_s = time.monotonic(), []

    def connect(policy: RetryPolicy) -> Pictures:
        waits_s.append(policy.picture_s)
        for after_s in arrivals_s[len(waits_s) - 1]:
            yield np.zeros((2, 2, 3), np.uint8), began_s + after_s
        raise SourceLost("frozen", VideoFault.FROZEN)

    policy = RetryPolicy(first_pause_s=0.001, longest_pause_s=0.002)
    with LiveSource("door", connect, policy) as source:
        while next(source).index < 5:
            pass
    assert waits_s[:5] == [5.0, 10.0, 20.0, 20.0, 10.0]


def test_a_driver_that_never_comes_back_is_given_up() -> None:
    release = threading.Event()

    def connect(_: RetryPolicy) -> Pictures:
        yield np.zeros((2, 2, 3), np.uint8), time.monotonic()
        release.wait()

    policy = RetryPolicy(answer_s=0.1, longest_pause_s=0.1, give_up_s=0.1)
    source = LiveSource("camera 7", connect, policy)
    with source, pytest.raises(VideoError, match="camera 7: does not react any more"):
        list(source)
    release.set()


# cameras


def test_a_camera_that_does_not_exist(capfd: pytest.CaptureFixture[str]) -> None:
    with open_source("/dev/video99") as source, pytest.raises(VideoError) as caught:
        list(source)
    assert caught.value.source == "camera 99"
    if sys.platform == "linux":
        assert caught.value.reason.startswith("there is no such camera; ")
    assert capfd.readouterr() == ("", "")  # OpenCV keeps its remarks to itself


@pytest.mark.skipif(sys.platform != "linux", reason="device files are a matter of Linux")
def test_why_a_camera_does_not_open(tmp_path: Path) -> None:
    device = tmp_path / "video1"
    reason = "there is no such camera; no other one is connected"
    assert why_no_camera(device) == (reason, VideoFault.NO_CAMERA)
    (tmp_path / "video0").touch()
    assert why_no_camera(device)[0].endswith(f"; {tmp_path / 'video0'} is connected")
    device.touch()
    reason = "does not open: in use by another program, or no camera"
    assert why_no_camera(device) == (reason, VideoFault.IN_USE)


class UnpluggedCapture:
    """Stands for the hardware: a camera that gives one blue picture and no more."""

    released = False

    def __init__(self, number: int) -> None:
        self.left = 1

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (
            (True, np.full((2, 2, 3), (255, 0, 0), np.uint8)) if self.left >= 0 else (False, None)
        )

    def release(self) -> None:
        UnpluggedCapture.released = True


def test_a_camera_that_is_unplugged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", UnpluggedCapture)
    with closing(read_camera(0, WATCHFUL)) as pictures:
        image_rgb, _ = next(pictures)
        assert image_rgb[0, 0].tolist() == [0, 0, 255]
        with pytest.raises(SourceLost, match="unplugged, or in use by another program"):
            next(pictures)
    assert UnpluggedCapture.released


def test_an_unknown_kind_of_address() -> None:
    with pytest.raises(VideoError) as caught:
        open_source("gopher://user:secret@host/video")
    assert str(caught.value).startswith("gopher://***@host/...: no kind of stream")
