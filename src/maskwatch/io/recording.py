"""Annotated pictures -> an MP4 file that always plays, whatever ends the recording."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np

from maskwatch.errors import SettingError, VideoError, VideoFault
from maskwatch.files import explained
from maskwatch.io.video_source import load_av
from maskwatch.schema import ImageRGB

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video import VideoStream

# of the clock in the file; 30, 25 and 24 frames a second are whole numbers of it
_TICKS = 90_000
# at these x264 takes less time than the rest of a frame, and the picture is good
_QUALITY = {"preset": "veryfast", "crf": "23"}


class Recording:
    """An H.264 video that grows in a file beside the target and takes its place at the end.

    Pictures keep their real times, and all get the size of the first, with bars where the shape
    differs.
    """

    def __init__(self, target: Path) -> None:
        """Choose where; the file is begun with the first picture.

        Raises:
            SettingError: it is no MP4 file, or cannot be written there.
            MissingExtraError: PyAV is not installed.
        """
        if target.suffix.lower() != ".mp4":
            raise SettingError(f"--save {target}: the name must end in .mp4")
        self._target = target
        with explained(target, SettingError):
            if target.is_dir():
                raise SettingError(f"--save {target}: is a folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            self._growing = _free_beside(target)
            self._growing.touch()
            self._growing.unlink()
        self._container: OutputContainer | None = None
        self._first_s = 0.0
        self._ticks = -1

    def add(self, image_rgb: ImageRGB, time_s: float) -> None:
        """Append a picture (H, W, 3).

        Args:
            image_rgb: the picture.
            time_s: when it shows, on any clock; later than the last.

        Raises:
            VideoError: it cannot be written.
        """
        try:
            container = self._container or self._begin(image_rgb, time_s)
            picture = load_av().VideoFrame.from_ndarray(self._fitted(image_rgb), format="rgb24")
            self._ticks = max(self._ticks + 1, round((time_s - self._first_s) * _TICKS))
            picture.pts, picture.time_base = self._ticks, Fraction(1, _TICKS)
            container.mux(self._stream.encode(picture))
        except (OSError, load_av().FFmpegError) as error:  # x264's refusals are no OSError
            raise self._error(error) from error

    def close(self) -> None:
        """Finish the file and put it in its place; there is none if no picture came."""
        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            try:
                container.mux(self._stream.encode(None))
            finally:
                container.close()
            self._growing.replace(self._target)
        except (OSError, load_av().FFmpegError) as error:
            raise self._error(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _begin(self, image_rgb: ImageRGB, time_s: float) -> OutputContainer:
        # in pieces that play even if the machine goes off; made one ordinary file at the end
        options = {"movflags": "hybrid_fragmented"}
        container: OutputContainer = load_av().open(
            str(self._growing), "w", format="mp4", options=options
        )
        self._stream: VideoStream = container.add_stream("libx264", options=_QUALITY)
        height, width = image_rgb.shape[:2]
        # the colours have half as many pixels each way, so the sides are even
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        self._first_s, self._container = time_s, container
        return container

    def _fitted(self, image_rgb: ImageRGB) -> ImageRGB:
        """A picture as large as the video: as it is, with an edge of a pixel, or scaled."""
        width, height = self._stream.width, self._stream.height
        rows, columns = image_rgb.shape[:2]
        if (rows, columns) == (height, width):
            return image_rgb
        if 0 <= height - rows <= 1 and 0 <= width - columns <= 1:
            return np.pad(image_rgb, ((0, height - rows), (0, width - columns), (0, 0)), "edge")
        scale = min(width / columns, height / rows)
        columns, rows = max(1, round(columns * scale)), max(1, round(rows * scale))
        x, y = (width - columns) // 2, (height - rows) // 2
        canvas = np.zeros((height, width, 3), np.uint8)
        canvas[y : y + rows, x : x + columns] = cv2.resize(image_rgb, (columns, rows))
        return canvas

    def _error(self, error: Exception) -> VideoError:
        reason = (
            f"cannot be written on ({_why(error)}); {self._growing.name} holds what was written"
        )
        return VideoError(str(self._target), reason, VideoFault.UNWRITABLE)


def _free_beside(target: Path) -> Path:
    """A name beside the target that no file has.

    What a machine that went off left there may be all there is of a film, and the very source.
    """
    marks = chain([""], (f" ({number})" for number in count(2)))
    parts = (target.with_name(f"{target.name}{mark}.part") for mark in marks)
    return next(part for part in parts if not part.exists())


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
