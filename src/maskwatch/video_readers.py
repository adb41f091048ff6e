"""One connection of a live source: a network stream through PyAV, a camera through OpenCV.

OpenCV opens a camera by its number on Linux, macOS and Windows alike; PyAV would need another name
and format on each.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from maskwatch.addresses import without_passwords
from maskwatch.video_live import Patience, Pictures, SourceLost
from maskwatch.video_source import load_av, upright_rgb, video_stream

if TYPE_CHECKING:
    from av import FFmpegError
    from av.container import InputContainer
    from av.packet import Packet
    from av.video import VideoFrame

_STREAM_OPTIONS = {
    "rtsp_flags": "prefer_tcp",  # UDP is blocked by many networks, and loses parts of pictures
    "allowed_media_types": "video",
    "analyzeduration": "1000000",  # microseconds; five times that, to guess a rate nobody asks for
}

_SILENT = 0  # of OpenCV's log levels


def read_stream(address: str, patience: Patience) -> Pictures:
    """Connect to an RTSP or HTTP stream and yield its pictures; see Pictures."""
    av = load_av()
    with _connect(address, patience) as container:
        stream = video_stream(container)
        if stream is None:
            raise SourceLost("holds no video")
        if container.duration is not None and address.lower().startswith("http"):
            raise SourceLost("a recording, not a live stream; download it and give the file")
        stream.thread_type = "SLICE"  # threads by picture would each hold one back
        last_s = time.monotonic()
        try:
            for packet in container.demux():
                arrived_s = time.monotonic()
                if packet.stream is stream:
                    for picture in _decoded(packet):
                        last_s = arrived_s
                        yield upright_rgb(picture), arrived_s
                if arrived_s - last_s > patience.picture_s:  # other parts still come
                    raise SourceLost(_frozen(patience))
        except av.ExitError:
            raise SourceLost(_frozen(patience)) from None
        except av.FFmpegError as error:
            reason = "the connection broke" if _broke(error) else f"lost ({_words(error)})"
            raise SourceLost(reason) from None


def read_camera(number: int, patience: Patience) -> Pictures:
    """Open a camera and yield its pictures; see Pictures. OpenCV itself waits 10 s for one."""
    with _quiet_opencv():
        capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise SourceLost(why_no_camera(Path(f"/dev/video{number}")))
        while True:
            found, image_bgr = capture.read()
            if not found:
                raise SourceLost("gives no picture: unplugged, or in use by another program")
            yield np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB), np.uint8), time.monotonic()
    finally:
        capture.release()


def why_no_camera(device: Path) -> str:
    """Why a camera does not open, as far as its device file on Linux shows."""
    if sys.platform == "linux" and not device.exists():
        others = ", ".join(sorted(str(path) for path in device.parent.glob("video[0-9]*")))
        return f"there is no such camera; {others or 'no other one'} is connected"
    if sys.platform == "linux" and not os.access(device, os.R_OK | os.W_OK):
        return f"permission denied; the group of {device} may use it"
    return "does not open: in use by another program, or no camera"


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


def _connect(address: str, patience: Patience) -> InputContainer:
    av = load_av()
    # for what the reading time limit does not cover, such as saying goodbye
    options = _STREAM_OPTIONS | {"timeout": str(round(patience.answer_s * 1e6))}
    limits_s = patience.answer_s, patience.picture_s
    began_s = time.monotonic()
    try:
        container: InputContainer = av.open(address, options=options, timeout=limits_s)
    except av.FFmpegError as error:
        if time.monotonic() - began_s >= patience.answer_s:  # it says so in more ways than one
            raise SourceLost(f"no answer within {patience.answer_s:g} s") from None
        if isinstance(error, av.InvalidDataError):
            raise SourceLost("answers, but not with video") from None
        # also what a name that nobody knows gives
        reason = "no such host, or the connection broke" if _broke(error) else _words(error)
        raise SourceLost(f"cannot be reached ({reason})") from None
    return container


def _decoded(packet: Packet[Any]) -> list[VideoFrame]:
    """The pictures of a packet, none if it is damaged: the next one may be whole."""
    try:
        return packet.decode()
    except load_av().InvalidDataError:
        return []


def _frozen(patience: Patience) -> str:
    return f"frozen: no new picture for {patience.picture_s:g} s"


def _broke(error: FFmpegError) -> bool:
    return error.errno == errno.EIO


def _words(error: FFmpegError) -> str:
    """What the library says, without the address, in which a password may be."""
    return without_passwords(error.strerror or "for no reason given").lower()
