"""A live source: a thread reads it, only the newest frame counts, what is lost is sought again."""

from __future__ import annotations

import errno
import logging
import os
import random
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import cv2
import numpy as np

from maskwatch.errors import VideoError, VideoFault
from maskwatch.io.video_source import (
    VideoSource,
    decoded,
    load_av,
    no_such_stream,
    prepare,
    upright_rgb,
    video_stream,
)
from maskwatch.schema import Frame, ImageRGB

if TYPE_CHECKING:
    from av import FFmpegError
    from av.container import InputContainer

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

# how long a thread may take to see that it should stop
_BEAT_S = 0.05
# A thread that waits for a silent server cannot be woken; it ends by itself when the wait is over.
_FAREWELL_S = 0.5

ENDS_WITHIN_S = 12.0
"""However mute a server, who reads from it has ended by then: `answer_s` and some more."""


_LONGEST_PATIENCE_S = 20.0


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
    """

    answer_s: float = 10.0
    picture_s: float = 5.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 10.0
    give_up_s: float = 60.0


class Latest(Generic[T]):
    """A place for one value between two threads: a new one takes the place of one not yet taken.

    Attributes:
        dropped: how many were replaced before anyone took them.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._value: T | None = None
        self._changed = Condition()

    def put(self, value: T) -> bool:
        """Offer a value; whether one that nobody took gives way to it."""
        with self._changed:
            replaced = self._value is not None
            self.dropped += replaced
            self._value = value
            self._changed.notify()
        return replaced

    def take(self, timeout_s: float) -> T | None:
        """The newest value that nobody took yet, None if none comes in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._value is not None, timeout_s)
            value, self._value = self._value, None
            return value


class LiveSource(VideoSource):
    """The newest frame of a camera or stream, whenever one is asked for.

    A connection that fails before its first frame is an error at once: the address is probably
    wrong. Later failures are waited out.
    """

    live = True

    def __init__(
        self,
        name: str,
        connect: Callable[[RetryPolicy], Pictures],
        policy: RetryPolicy | None = None,
    ) -> None:
        """Note what to connect to; a thread does so when the first frame is asked for.

        Args:
            name: what to call it in messages.
            connect: makes a connection and yields its pictures.
            policy: how long to wait for what.
        """
        self._connect = connect
        self._policy = policy or RetryPolicy()
        self._latest: Latest[Frame] = Latest()
        self._failure: BaseException | None = None
        self._heard_s = 0.0
        self._thread: Thread | None = None
        super().__init__(name)

    def has_ended(self, timeout_s: float) -> bool:
        """Whether nothing is left of it, or will not be in time; for after `close`.

        A program that ends while a library still waits for a server may crash on its last steps.
        """
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _read(self) -> Generator[Frame]:
        self._heard_s = time.monotonic()
        thread = Thread(target=self._receive, name=f"reader of {self.name}", daemon=True)
        self._thread = thread
        thread.start()
        try:
            while not self._stopping:
                if frame := self._latest.take(_BEAT_S):
                    self.dropped = self._latest.dropped
                    yield frame
                elif self._failure:
                    raise self._failure
                else:
                    self._check_thread()
        finally:
            self._stopping = True
            thread.join(_FAREWELL_S)

    def _check_thread(self) -> None:
        """No wait is endless, even where a driver never comes back."""
        policy = self._policy
        longest_s = policy.give_up_s + policy.longest_pause_s + 2 * policy.answer_s
        if time.monotonic() - self._heard_s > longest_s:
            reason = f"does not react any more (for {longest_s:.0f} s)"
            raise VideoError(self.name, reason, VideoFault.STUCK)

    def _receive(self) -> None:
        """What the thread does."""
        try:
            self._follow()
        except BaseException as error:
            self._failure = error

    def _follow(self) -> None:
        """Connect again and again until stopped.

        Raises:
            VideoError: there is no hope of another picture.
        """
        index = failures = 0
        policy = self._policy
        while not self._stopping:
            try:
                with closing(self._connect(policy)) as pictures:
                    for image_rgb, arrived_s in pictures:
                        if self._stopping:
                            return
                        if arrived_s - self._heard_s < self._policy.picture_s:
                            policy = self._policy
                        if failures:
                            _LOG.warning("%s: connected again", self.name)
                        failures = 0
                        self._heard_s = arrived_s
                        self._latest.put(Frame(image_rgb, arrived_s, index))
                        index += 1
                reason, fault = "the stream ended", VideoFault.ENDED
            except SourceLost as lost:
                reason, fault = str(lost), lost.fault
                if fault is VideoFault.FROZEN:
                    policy = _more_patient(policy)
            if index == 0:
                raise VideoError(self.name, reason, fault)
            silent_s = time.monotonic() - self._heard_s
            if silent_s > self._policy.give_up_s:
                reason = f"{reason}; given up after {silent_s:.0f} s"
                raise VideoError(self.name, reason, fault)
            pause_s = pause_before(failures, self._policy)
            failures += 1
            _LOG.warning("%s: %s; connecting again in %.1f s", self.name, reason, pause_s)
            self._pause(pause_s)

    def _pause(self, pause_s: float) -> None:
        end_s = time.monotonic() + pause_s
        while not self._stopping and (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _BEAT_S))


def _more_patient(policy: RetryPolicy) -> RetryPolicy:
    """Waits twice as long for a picture: what seems frozen may be a camera that sends few."""
    longest_s = max(policy.picture_s, _LONGEST_PATIENCE_S)
    return replace(policy, picture_s=min(2 * policy.picture_s, longest_s))


def pause_before(failures: int, policy: RetryPolicy) -> float:
    """Seconds to wait before connecting again after so many attempts that failed in a row."""
    # the power is bounded, or a week of failures would overflow
    doubled_s = policy.first_pause_s * 2.0 ** min(failures, 30)
    return min(doubled_s, policy.longest_pause_s) * random.uniform(0.5, 1)


# One connection of a live source: a network stream through PyAV, a camera through OpenCV.
#
# OpenCV opens a camera by its number on Linux, macOS and Windows alike; PyAV would need another
# name and format on each.

_STREAM_OPTIONS = {
    "rtsp_flags": "prefer_tcp",  # UDP is blocked by many networks, and loses parts of pictures
    "allowed_media_types": "video",
    "analyzeduration": "1000000",  # microseconds; five times that, to guess a rate nobody asks for
    "overrun_nonfatal": "1",  # UDP: more than can be judged has come; go on with what comes next
}
# RTMP would take it for "be the server, and wait so long for a caller"
_WITHOUT_TIMEOUT = ("rtmp", "rtmps")

_SILENT = 0  # of OpenCV's log levels


def read_stream(address: str, policy: RetryPolicy, number: int | None = None) -> Pictures:
    """Connect to a stream and yield its pictures; see Pictures.

    Args:
        address: where it is.
        policy: how long to wait for what.
        number: which of several video streams; see video_stream.
    """
    av = load_av()
    from av.stream import Discard

    with _connect(address, policy) as container:
        stream = video_stream(container, number)
        if stream is None:
            if number is None:
                raise SourceLost("holds no video", VideoFault.NO_VIDEO)
            raise SourceLost(no_such_stream(container), VideoFault.NO_STREAM)
        if container.duration is not None and address.lower().startswith("http"):
            reason = "a recording, not a live stream; download it and give the file"
            raise SourceLost(reason, VideoFault.RECORDING)
        if reason := prepare(stream):
            raise SourceLost(reason, VideoFault.PIXELS)
        for other in container.streams:
            if other is not stream:  # of several sizes only one is fetched
                other.discard = Discard.all
        stream.thread_type = "SLICE"  # threads by picture would each hold one back
        last_s = time.monotonic()
        try:
            for packet in container.demux():
                arrived_s = time.monotonic()
                if packet.stream is stream:
                    for picture in decoded(packet) or ():
                        last_s = arrived_s
                        yield upright_rgb(picture), arrived_s
                if arrived_s - last_s > policy.picture_s:  # other parts still come
                    raise _frozen(policy)
        except av.ExitError:
            raise _frozen(policy) from None
        except av.FFmpegError as error:
            reason = "the connection broke" if _broke(error) else f"lost ({_words(error)})"
            raise SourceLost(reason, VideoFault.BROKEN) from None


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
