"""Which source of moving pictures a text names."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Generator, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskwatch.errors import SettingError, VideoError, VideoFault
from maskwatch.io.addresses import plain_address, shown_address
from maskwatch.io.cameras import LiveSource
from maskwatch.io.connections import RetryPolicy, read_camera, read_stream
from maskwatch.io.video_source import (
    VideoSource,
    decoded,
    is_picture,
    load_av,
    no_such_stream,
    prepare,
    upright_rgb,
    video_stream,
)
from maskwatch.schema import Frame

if TYPE_CHECKING:
    from av import FFmpegError
    from av.container import InputContainer
    from av.packet import Packet
    from av.video import VideoFrame, VideoStream

_CAMERA = re.compile(r"(?:/dev/video)?(\d{1,3})")
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_STREAMS = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "udp", "rtp")


def open_source(
    text: str | Path, policy: RetryPolicy | None = None, video_stream: int | None = None
) -> VideoSource:
    """A video file, a camera or a network stream, as a source of frames.

    Args:
        text: the path of a video file; the number of a camera such as "0", or /dev/video0; or the
            address of a stream: rtsp://, rtsps://, http://, https://, rtmp:// or rtmps://, or an
            address of this computer that a stream is sent to, udp:// or rtp:// (MPEG-TS).
        policy: how long a live source waits for what.
        video_stream: which of several video streams in a file or address, counted from 0; the one
            with the most pixels if None.

    Raises:
        VideoError: it is of no kind that can be read. What else is wrong shows with the
            first frame.
    """
    if isinstance(text, bool) or not isinstance(text, str | os.PathLike | int):
        got = "None" if text is None else type(text).__name__
        reason = f"expected a path, the number of a camera or an address, got {got}"
        raise VideoError("<source>", reason, VideoFault.UNKNOWN_KIND)
    if video_stream is not None and (type(video_stream) is not int or video_stream < 0):
        raise SettingError(f"video_stream: must be 0 or more, not {video_stream}")
    text = str(text)
    if not text:  # which would be the current folder: a variable that is not set
        raise VideoError("<source>", "its name is empty", VideoFault.UNKNOWN_KIND)
    if camera := _CAMERA.fullmatch(text):
        number = int(camera[1])
        return LiveSource(f"camera {number}", partial(read_camera, number), policy)
    if address := _ADDRESS.match(text):
        if address[1].lower() not in _STREAMS:
            kinds = ", ".join(f"{kind}://" for kind in _STREAMS)
            reason = f"no kind of stream that is known ({kinds})"
            raise VideoError(shown_address(text), reason, VideoFault.UNKNOWN_KIND)
        read = partial(read_stream, plain_address(text), number=video_stream)
        return LiveSource(text, read, policy)
    return VideoFile(Path(text), video_stream)


# A video file: every frame, at its own time.

_LOG = logging.getLogger(__name__)

# Text as a terminal would show it, in which PyAV also finds a video.
_TEXT = ("tty",)
# A JPEG with several views of one moment, or with a map of its light, is no film (CIPA DC-007).
_VIEWS, _HEAD_BYTES = b"MPF\0", 65536
# Formats without times, whose length is guessed from their size (AVFMT_NOTIMESTAMPS).
_GUESSED_LENGTH = 0x80
# after so many places in a row that cannot be read a file has ended, if no more than that is left
_FAILURES, _REST_BYTES = 3, 65536
# The end of a file may lie a little before its announced end, if its sound is longer.
_SLACK_S = 0.5
# A clock that goes back by less has two pictures in disorder; by more, or where so many late ones
# run forward among themselves, it starts anew.
_DISORDER_S, _LATE_IN_ORDER = 1.0, 3
# No film shows a picture for so long (11 days): its clock is damaged.
_LEAP_S = 1e6


class VideoFile(VideoSource):
    """Every frame of a file, in the order in which they show."""

    live = False

    def __init__(self, path: Path, number: int | None = None) -> None:
        """Note which file; it is opened with the first frame.

        Args:
            path: of the file.
            number: which of several video streams; see video_stream.
        """
        self._path = path
        self._number = number
        self._damaged = 0
        self._end_s: float | None = None
        self._end_byte = 0
        super().__init__(str(path))

    def _read(self) -> Generator[Frame]:
        with self._open() as container:
            stream = video_stream(container, self._number)
            if stream is None or container.format.name.endswith(_TEXT):
                raise self._error(*self._why_no_video(container))
            if reason := prepare(stream):
                raise self._error(reason, VideoFault.PIXELS)
            stream.thread_type = "AUTO"  # the next pictures are decoded while this one is looked at
            clock = MediaClock(1 / float(stream.average_rate or 25))
            pictures = self._pictures(container, stream)
            if is_picture(container):
                pictures = self._several(pictures)
            index = 0
            for picture in pictures:
                if self._stopping:
                    return
                image_rgb = upright_rgb(picture, stream.sample_aspect_ratio)
                yield Frame(image_rgb, clock.time_s(picture.time), index)
                index += 1
            if clock.mended:
                _LOG.warning(
                    "%s: its clock goes backwards (%d x); its times were mended",
                    self.name,
                    clock.mended,
                )
            self._check_end(container, stream, index)

    def _open(self) -> InputContainer:
        av = load_av()
        if why := why_no_file(self._path):
            raise self._error(*why)
        try:
            # a playlist or project file must not fetch what it names from elsewhere; and a file's
            # name may look like an address
            options = {"protocol_whitelist": "file"}
            container: InputContainer = av.open(
                f"file:{self._path}", options=options, metadata_errors="replace"
            )
        except av.FFmpegError as error:
            if isinstance(error, av.InvalidDataError | av.EOFError):
                raise self._error(*_why_invalid(self._path)) from None
            reason = f"cannot be opened ({error.strerror})"
            raise self._error(reason, VideoFault.UNAVAILABLE) from None
        return container

    def _pictures(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Decode what can be decoded, and note how far the file went and what was damaged."""
        for packet in self._packets(container, stream):
            stamp = packet.dts if packet.pts is None else packet.pts
            if stamp is not None:
                end_s = float((stamp + (packet.duration or 0)) * packet.time_base)
                self._end_s = end_s if self._end_s is None else max(self._end_s, end_s)
            if packet.pos is not None:
                self._end_byte = max(self._end_byte, packet.pos + packet.size)
            if packet.stream is stream:
                pictures = decoded(packet)
                self._damaged += pictures is None
                yield from pictures or ()

    def _packets(self, container: InputContainer, stream: VideoStream) -> Generator[Packet[Any]]:
        """All parts of the file; after a place that cannot be read it goes on behind it."""
        av = load_av()
        failures = 0
        while True:
            try:
                for packet in container.demux():
                    failures = 0
                    yield packet
                return
            except av.InvalidDataError as error:
                failures += 1
                if failures < _FAILURES:
                    continue
                # the last picture of a saved connection is half there, and nothing after it
                if self._path.stat().st_size - self._end_byte > _REST_BYTES:
                    raise self._broken(error) from None
            except av.FFmpegError as error:
                raise self._broken(error) from None
            self._damaged += 1
            end = av.Packet()  # makes the decoder give what it holds back
            end.stream = stream
            yield end
            return

    def _several(self, pictures: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """Pictures one after the other in a file, as small cameras record; one is a picture."""
        first = list(islice(pictures, 2))
        with self._path.open("rb") as file:
            views = _VIEWS in file.read(_HEAD_BYTES)
        if len(first) < 2 or views:
            reason = "a picture, not a video; `maskwatch predict` judges pictures"
            raise self._error(reason, VideoFault.PICTURE)
        return chain(first, pictures)

    def _check_end(self, container: InputContainer, stream: VideoStream, frames: int) -> None:
        """Say so where the file is shorter than it announces, or damaged."""
        if not frames:
            raise self._error("holds no picture that can be decoded", VideoFault.DAMAGED)
        time_base = load_av().time_base
        announced_s = (container.duration or 0) / time_base
        if container.format.name == "avi" and stream.average_rate:
            # what is left of a cut one looks whole but for this count, empty pictures included
            announced_s = max(announced_s, float(stream.frames / stream.average_rate))
        if self._end_s is not None and not container.format.flags & _GUESSED_LENGTH:
            # some announce how long they are, some when they end
            ends_s = max(self._end_s, self._end_s - (container.start_time or 0) / time_base)
            if ends_s < announced_s - _SLACK_S:
                ends = f"it ends after {ends_s:.1f} of {announced_s:.1f} s"
                raise self._error(f"cut short: {ends}", VideoFault.CUT_SHORT)
        if self._damaged:
            _LOG.warning("%s: %d damaged pictures were left out", self.name, self._damaged)

    def _why_no_video(self, container: InputContainer) -> tuple[str, VideoFault]:
        if self._number is not None:
            return no_such_stream(container), VideoFault.NO_STREAM
        if container.streams.audio:
            return "holds sound but no video", VideoFault.NO_VIDEO
        if any(stream.codec_context for stream in container.streams):
            return "not a video", VideoFault.NO_VIDEO
        return _why_invalid(self._path)  # an index that is itself cut names none

    def _broken(self, error: FFmpegError) -> VideoError:
        return self._error(f"cannot be read on ({error.strerror})", VideoFault.DAMAGED)

    def _error(self, reason: str, fault: VideoFault) -> VideoError:
        return VideoError(self.name, reason, fault)


class MediaClock:
    """Turns the times a file gives its pictures into ones that start at 0 and only grow.

    A broken file has pictures without a time, or a clock that starts anew in the middle.

    Attributes:
        mended: how many times the file's clock went backwards, or leapt.
    """

    def __init__(self, step_s: float) -> None:
        """Begin.

        Args:
            step_s: from one picture to the next, where the file does not say.
        """
        self._step_s = step_s
        self._offset_s: float | None = None
        self._last_s = -step_s
        self._late: list[float] = []  # what the file said of the last pictures, if all were late
        self.mended = 0

    def time_s(self, media_s: float | None) -> float:
        """The time of the next picture, from what the file says it is."""
        next_s = self._last_s + self._step_s
        if media_s is None:
            time_s = next_s
        else:
            if self._offset_s is None:
                self._offset_s = next_s - media_s
            time_s = media_s + self._offset_s
        behind_s = self._last_s - time_s
        if media_s is None or -_LEAP_S <= behind_s < 0:
            self._late = []
        else:
            self.mended += 1
            self._late = [late_s for late_s in self._late if late_s < media_s] + [media_s]
            if abs(behind_s) > _DISORDER_S or len(self._late) == _LATE_IN_ORDER:
                time_s, self._late = next_s, []
                self._offset_s = next_s - media_s
            else:
                time_s = self._last_s + self._step_s / 100
        self._last_s = time_s
        return time_s


def why_no_file(path: Path) -> tuple[str, VideoFault] | None:
    """What keeps a path from being a file to read; None if it is one."""
    try:
        if not path.exists():
            return "no such file", VideoFault.UNAVAILABLE
        if path.is_dir():
            reason = "a folder; `maskwatch predict` judges folders of pictures"
            return reason, VideoFault.UNAVAILABLE
        if not path.is_file():
            return "not a regular file", VideoFault.UNAVAILABLE
        if not os.access(path, os.R_OK):
            return "permission denied", VideoFault.UNAVAILABLE
        return None if path.stat().st_size else ("empty file", VideoFault.EMPTY)
    except (OSError, ValueError) as error:  # a null character in the name, or a very long one
        return getattr(error, "strerror", None) or str(error), VideoFault.UNAVAILABLE


def _why_invalid(path: Path) -> tuple[str, VideoFault]:
    with path.open("rb") as file:
        if file.read(8)[4:] == b"ftyp":  # MP4 and MOV, whose index is mostly written at the end
            reason = "has no index of its pictures: it is cut short, or still being recorded"
            return reason, VideoFault.CUT_SHORT
    return "not a video", VideoFault.NO_VIDEO
