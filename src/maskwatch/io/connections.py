"""One connection of a live source: a network stream through PyAV, a camera through OpenCV.

OpenCV opens a camera by its number on Linux, macOS and Windows alike; PyAV would need another name
and format on each.
"""

from __future__ import annotations

import errno
import math
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from maskwatch.errors import VideoFault
from maskwatch.io.video_source import (
    decoded,
    is_picture,
    load_av,
    no_such_stream,
    prepare,
    upright_rgb,
    video_stream,
)
from maskwatch.schema import ImageRGB

if TYPE_CHECKING:
    from av import FFmpegError
    from av.container import InputContainer
    from av.video import VideoStream

_STREAM_OPTIONS = {
    "rtsp_flags": "prefer_tcp",  # UDP is blocked by many networks, and loses parts of pictures
    "allowed_media_types": "video",
    "analyzeduration": "1000000",  # microseconds; five times that, to guess a rate nobody asks for
    "overrun_nonfatal": "1",  # UDP: more than can be judged has come; go on with what comes next
}
# RTMP would take it for "be the server, and wait so long for a caller"
_WITHOUT_TIMEOUT = ("rtmp", "rtmps")

# It comes in parts of seconds, each at once; PyAV's FFmpeg reads no other format that does.
_IN_PARTS = "hls"

_SILENT = 0  # of OpenCV's log levels


class SourceLost(Exception):
    """A connection gives no more pictures; the message is the reason, and `fault` its kind."""

    def __init__(self, reason: str, fault: VideoFault) -> None:
        super().__init__(reason)
        self.fault = fault


Pictures = Generator[tuple[ImageRGB, float]]
"""Pictures with the monotonic time of their arrival in seconds; ends, or raises SourceLost."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a live source waits for what, all in seconds.

    Attributes:
        answer_s: for a server's first answer.
        picture_s: for the next picture, before the stream counts as frozen; longer where pictures
            turn out to come further apart.
        first_pause_s: before it is connected again; doubled each time, and cut by up to a half at
            random, so that many readers do not come back at once.
        longest_pause_s: where doubling ends.
        give_up_s: without a picture, before it counts as gone for good.
        snapshot_s: from one picture to the next of an address that gives one at a time.
    """

    answer_s: float = 10.0
    picture_s: float = 5.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 10.0
    give_up_s: float = 60.0
    snapshot_s: float = 1.0


def read_stream(address: str, policy: RetryPolicy, number: int | None = None) -> Pictures:
    """Connect to a stream and yield its pictures; see Pictures.

    An address that gives a single picture is asked for the next one again and again.

    Args:
        address: where it is.
        policy: how long to wait for what.
        number: which of several video streams; see video_stream.
    """
    count = 0
    with _connect(address, policy) as container:
        single = is_picture(container)  # or many, one behind the other
        ends = container.duration is not None and address.lower().startswith("http")
        if ends and not single:
            reason = "a recording, not a live stream; download it and give the file"
            raise SourceLost(reason, VideoFault.RECORDING)
        for found in _pictures(container, policy, number):
            yield found
            count += 1
    if single and count == 1:
        yield from _snapshots(address, policy, number, found[0])


class Pace:
    """Hands pictures that come many at once on at the pace in which they were taken.

    Else most of a part would be dropped as too late, and the rest be seen within a moment.
    """

    _LONGEST_STEP_S, _LATEST_S = 3.0, 1.0

    def __init__(
        self,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin with the first picture, at once."""
        self._now_s, self._sleep = now_s, sleep
        self._before_s = math.nan
        self._offset_s = 0.0

    def wait(self, media_s: float | None) -> float:
        """Wait until a picture is due; begins anew where parts are missing, or it is far behind.

        Args:
            media_s: when the stream says that it was taken.

        Returns:
            When it was due, in the seconds of the clock.
        """
        now_s = self._now_s()
        if media_s is None:
            return now_s
        runs_on = 0 <= media_s - self._before_s <= self._LONGEST_STEP_S
        self._before_s = media_s
        if not runs_on or now_s - (media_s + self._offset_s) > self._LATEST_S:
            self._offset_s = now_s - media_s
        due_s = media_s + self._offset_s
        if due_s > now_s:
            self._sleep(due_s - now_s)
        return due_s


def _pictures(container: InputContainer, policy: RetryPolicy, number: int | None) -> Pictures:
    from av.stream import Discard

    av = load_av()
    stream = _video(container, number)
    for other in container.streams:
        if other is not stream:  # of several sizes only one is fetched
            other.discard = Discard.all
    stream.thread_type = "SLICE"  # threads by picture would each hold one back
    pace = Pace() if container.format.name == _IN_PARTS else None
    last_s = time.monotonic()
    try:
        for packet in container.demux():
            arrived_s = time.monotonic()
            if packet.stream is stream:
                for picture in decoded(packet) or ():
                    if pace:
                        arrived_s = pace.wait(picture.time)
                    last_s = arrived_s
                    yield upright_rgb(picture, stream.sample_aspect_ratio), arrived_s
            if arrived_s - last_s > policy.picture_s:  # other parts still come
                raise _frozen(policy)
    except av.ExitError:
        raise _frozen(policy) from None
    except av.FFmpegError as error:
        reason = "the connection broke" if _broke(error) else f"lost ({_words(error)})"
        raise SourceLost(reason, VideoFault.BROKEN) from None


def _snapshots(address: str, policy: RetryPolicy, number: int | None, newest: ImageRGB) -> Pictures:
    """A picture a connection, as many cameras' `snapshot.jpg`; an equal one is not a new one."""
    last_s = time.monotonic()
    while True:
        time.sleep(policy.snapshot_s)
        with _connect(address, policy) as container:
            found = next(_pictures(container, policy, number), None)
        if found and not np.array_equal(found[0], newest):
            newest, last_s = found
            yield found
        elif time.monotonic() - last_s > policy.picture_s:
            raise _frozen(policy)


def _video(container: InputContainer, number: int | None) -> VideoStream:
    """The stream to read; see video_stream."""
    stream = video_stream(container, number)
    if stream is None:
        if number is None:
            raise SourceLost("holds no video", VideoFault.NO_VIDEO)
        raise SourceLost(no_such_stream(container), VideoFault.NO_STREAM)
    if reason := prepare(stream):
        raise SourceLost(reason, VideoFault.PIXELS)
    return stream


def read_camera(number: int, policy: RetryPolicy) -> Pictures:
    """Open a camera and yield its pictures; see Pictures. OpenCV itself waits 10 s for one."""
    with _quiet_opencv():
        capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise SourceLost(*why_no_camera(Path(f"/dev/video{number}")))
        while True:
            found, image_bgr = capture.read()
            if not found:
                reason = "gives no picture: unplugged, or in use by another program"
                raise SourceLost(reason, VideoFault.IN_USE)
            yield np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB), np.uint8), time.monotonic()
    finally:
        capture.release()


def why_no_camera(device: Path) -> tuple[str, VideoFault]:
    """Why a camera does not open, as far as its device file on Linux shows."""
    if sys.platform == "linux" and not device.exists():
        others = ", ".join(sorted(str(path) for path in device.parent.glob("video[0-9]*")))
        reason = f"there is no such camera; {others or 'no other one'} is connected"
        return reason, VideoFault.NO_CAMERA
    if sys.platform == "linux" and not os.access(device, os.R_OK | os.W_OK):
        return f"permission denied; the group of {device} may use it", VideoFault.DENIED
    return "does not open: in use by another program, or no camera", VideoFault.IN_USE


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV's own words about a camera that does not open away from the terminal."""
    log: Any = getattr(cv2.utils, "logging", cv2)  # OpenCV before 4.13 has it in cv2 itself
    level = log.getLogLevel()
    log.setLogLevel(_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)


def _connect(address: str, policy: RetryPolicy) -> InputContainer:
    av = load_av()
    options = dict(_STREAM_OPTIONS)
    if address.partition(":")[0].lower() not in _WITHOUT_TIMEOUT:
        # for what the reading time limit does not cover, such as saying goodbye
        options["timeout"] = str(round(policy.answer_s * 1e6))
    limits_s = policy.answer_s, policy.picture_s
    began_s = time.monotonic()
    try:
        container: InputContainer = av.open(
            address, options=options, timeout=limits_s, metadata_errors="replace"
        )
    except av.FFmpegError as error:
        if time.monotonic() - began_s >= policy.answer_s:  # it says so in more ways than one
            reason = f"no answer within {policy.answer_s:g} s"
            raise SourceLost(reason, VideoFault.NO_ANSWER) from None
        if isinstance(error, av.InvalidDataError):
            raise SourceLost("answers, but not with video", VideoFault.NO_VIDEO) from None
        # also what a name that nobody knows gives
        reason = "no such host, or the connection broke" if _broke(error) else _words(error)
        raise SourceLost(f"cannot be reached ({reason})", _fault(error)) from None
    return container


def _fault(error: FFmpegError) -> VideoFault:
    """Of a connection that does not come about."""
    av = load_av()
    if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
        return VideoFault.REFUSED
    if isinstance(error, av.HTTPNotFoundError):
        return VideoFault.NOT_FOUND
    return VideoFault.UNREACHABLE


def _frozen(policy: RetryPolicy) -> SourceLost:
    return SourceLost(f"frozen: no new picture for {policy.picture_s:g} s", VideoFault.FROZEN)


def _broke(error: FFmpegError) -> bool:
    return error.errno == errno.EIO


def _words(error: FFmpegError) -> str:
    """What the library says, without the address, in which a password may be."""
    return (error.strerror or "for no reason given").lower()
