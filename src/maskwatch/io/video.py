"""A video file: every frame, at its own time."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskwatch.errors import VideoError
from maskwatch.schema import Frame
from maskwatch.video_source import VideoSource, load_av, upright_rgb, video_stream

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video import VideoFrame, VideoStream

_LOG = logging.getLogger(__name__)

# Formats in which PyAV also finds a video: single pictures, and text as a terminal would show it.
_PICTURES = ("_pipe", "image2")
_TEXT = ("tty",)
# The end of a file may lie a little before its announced end, if its sound is longer.
_SLACK_S = 0.5
# A clock that goes back by less has two pictures in disorder; by more, it starts anew.
_DISORDER_S = 1.0


class VideoFile(VideoSource):
    """Every frame of a file, in the order in which they show."""

    live = False

    def __init__(self, path: Path) -> None:
        """Note which file; it is opened with the first frame."""
        self._path = path
        self._damaged = 0
        self._end_s = 0.0
        super().__init__(str(path))

    def _read(self) -> Generator[Frame]:
        with self._open() as container:
            stream = video_stream(container)
            if stream is None or container.format.name.endswith(_PICTURES + _TEXT):
                raise self._error(self._why_no_video(container))
            stream.thread_type = "AUTO"  # the next pictures are decoded while this one is looked at
            clock = MediaClock(1 / float(stream.average_rate or 25))
            index = 0
            for picture in self._pictures(container, stream):
                if self._stopping:
                    return
                yield Frame(upright_rgb(picture), clock.time_s(picture.time), index)
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
        if reason := _why_no_file(self._path):
            raise self._error(reason)
        try:
            # a playlist or project file must not fetch what it names from elsewhere; and a file's
            # name may look like an address
            options = {"protocol_whitelist": "file"}
            container: InputContainer = av.open(f"file:{self._path}", options=options)
        except av.FFmpegError as error:
            if isinstance(error, av.InvalidDataError):
                raise self._error(_why_invalid(self._path)) from None
            raise self._error(f"cannot be opened ({error.strerror})") from None
        return container

    def _pictures(self, container: InputContainer, stream: VideoStream) -> Generator[VideoFrame]:
        """Decode what can be decoded, and note how far the file went and what was damaged."""
        av = load_av()
        start_s = (container.start_time or 0) / av.time_base
        try:
            for packet in container.demux():
                if packet.pts is not None:
                    end = (packet.pts + (packet.duration or 0)) * packet.time_base
                    self._end_s = max(self._end_s, float(end) - start_s)
                if packet.stream is stream:
                    yield from self._decoded(packet)
        except av.FFmpegError as error:
            raise self._error(f"cannot be read on ({error.strerror})") from None

    def _decoded(self, packet: Packet[Any]) -> list[VideoFrame]:
        """The pictures of a packet; none if it is damaged, which is counted."""
        try:
            return packet.decode()
        except load_av().InvalidDataError:
            self._damaged += 1
            return []

    def _check_end(self, container: InputContainer, stream: VideoStream, frames: int) -> None:
        """Say so where the file is shorter than it announces, or damaged."""
        if not frames:
            raise self._error("holds no picture that can be decoded")
        announced_s = max(
            (container.duration or 0) / load_av().time_base,
            # what is left of a cut AVI looks whole but for this count, empty pictures included
            float(stream.frames / (stream.average_rate or 1)),
        )
        if self._end_s < announced_s - _SLACK_S:
            ends = f"it ends after {self._end_s:.1f} of {announced_s:.1f} s"
            raise self._error(f"cut short: {ends}")
        if self._damaged:
            _LOG.warning("%s: %d damaged pictures were left out", self.name, self._damaged)

    def _why_no_video(self, container: InputContainer) -> str:
        if container.format.name.endswith(_PICTURES):
            return "a picture, not a video; `maskwatch predict` judges pictures"
        if container.streams.audio:
            return "holds sound but no video"
        return "not a video"

    def _error(self, reason: str) -> VideoError:
        return VideoError(self.name, reason)


class MediaClock:
    """Turns the times a file gives its pictures into ones that start at 0 and only grow.

    A broken file has pictures without a time, or a clock that starts anew in the middle.

    Attributes:
        mended: how many times the file's clock went backwards.
    """

    def __init__(self, step_s: float) -> None:
        """Begin.

        Args:
            step_s: from one picture to the next, where the file does not say.
        """
        self._step_s = step_s
        self._offset_s: float | None = None
        self._last_s = -step_s
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
        if media_s is not None and behind_s >= 0:
            self.mended += 1
            if behind_s > _DISORDER_S:
                time_s = next_s
                self._offset_s = next_s - media_s
            else:
                time_s = self._last_s + self._step_s / 100
        self._last_s = time_s
        return time_s


def _why_no_file(path: Path) -> str:
    """What keeps a path from being a file to read; nothing if it is one."""
    try:
        if not path.exists():
            return "no such file"
        if path.is_dir():
            return "a folder; `maskwatch predict` judges folders of pictures"
        if not path.is_file():
            return "not a regular file"
        if not os.access(path, os.R_OK):
            return "permission denied"
        return "" if path.stat().st_size else "empty file"
    except (OSError, ValueError) as error:  # a null character in the name, or a very long one
        return getattr(error, "strerror", None) or str(error)


def _why_invalid(path: Path) -> str:
    with path.open("rb") as file:
        if file.read(8)[4:] == b"ftyp":  # MP4 and MOV, whose index is mostly written at the end
            return "has no index of its pictures: it is cut short, or still being recorded"
    return "not a video"
