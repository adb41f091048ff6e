"""What every source of moving pictures is, and the border to PyAV, which reads most of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from fractions import Fraction
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np

from maskwatch.errors import MissingExtraError
from maskwatch.io.addresses import shown_address
from maskwatch.io.images import MAX_PIXELS
from maskwatch.schema import Frame, ImageRGB

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video import VideoFrame, VideoStream

_PICTURES = ("_pipe", "image2")
# half the lines of a wide picture come to 2.9
_LONGEST_PIXEL = 4.0


class VideoSource(ABC, Iterator[Frame]):
    """Frames, one after the other: `with open_source("0") as source: for frame in source: ...`.

    Nothing is opened before the first frame is asked for. It can be read once.

    Attributes:
        name: what messages call it: of an address, nothing that may hold a password.
        live: whether its pictures come when they come. Then only the newest is given and time is
            the monotonic clock at arrival; a file gives every picture and its own time from 0 on.
        dropped: how many frames came and were not given, because a newer one was there.
    """

    live: bool

    def __init__(self, name: str) -> None:
        self.name = shown_address(name)
        self.dropped = 0
        self._stopping = False
        self._frames = self._read()
        self._reading = Lock()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        """The next frame; waits for it.

        Raises:
            VideoError: it cannot be opened, or fails for good after some frames.
            MissingExtraError: PyAV is not installed.
        """
        with self._reading:
            return next(self._frames)

    def stop(self) -> None:
        """End the frames soon. Only notes it, so a signal handler may ask for it, or any thread."""
        self._stopping = True

    @property
    def stopped(self) -> bool:
        """Whether somebody asked for the end."""
        return self._stopping

    def close(self) -> None:
        """Let go of everything, before or after the first frame, once or twice, from any thread."""
        self.stop()
        with self._reading:  # until another thread that waits for a frame has seen it
            self._frames.close()

    def has_ended(self, timeout_s: float) -> bool:
        """Whether nothing is left of it, or will not be in time; for after `close`."""
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @abstractmethod
    def _read(self) -> Generator[Frame]:
        """Open it, yield its frames, and close it, whatever happens."""


def load_av() -> ModuleType:
    """PyAV, imported when it is needed.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import av
    except ModuleNotFoundError:
        raise MissingExtraError("reading video", "live") from None
    return av


def video_stream(container: InputContainer, number: int | None = None) -> VideoStream | None:
    """The stream of moving pictures to read, None if there is none; the cover of a song is none.

    Of several, such as the sizes that a stream is offered in, the one with the most pixels: small
    faces are lost in the others.

    Args:
        container: an opened file or connection.
        number: which one instead, counted from 0.
    """
    from av.stream import Disposition

    streams = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic
    ]
    if number is not None:
        return streams[number] if 0 <= number < len(streams) else None
    return max(streams, key=_pixels, default=None)


def is_picture(container: InputContainer) -> bool:
    """Whether it holds single pictures, in which PyAV also finds a video."""
    return container.format.name.endswith(_PICTURES)


def prepare(stream: VideoStream) -> str:
    """Set the limit of pixels that holds for pictures; what is wrong with the size, "" if nothing.

    Frames that get larger later fail to be decoded.
    """
    context = stream.codec_context
    context.options = {**context.options, "max_pixels": str(MAX_PIXELS)}
    if _pixels(stream) <= MAX_PIXELS:
        return ""
    limit = MAX_PIXELS // 1_000_000
    return f"frames of {context.width} x {context.height} pixels, over the limit of {limit} million"


def decoded(packet: Packet[Any]) -> list[VideoFrame] | None:
    """The pictures of a packet, None if it is damaged: the next one may be whole.

    A packet of no bytes only says that the picture before it goes on.
    """
    is_end = packet.pts is None and packet.dts is None
    if not packet.size and not is_end:
        return []
    try:
        return packet.decode()
    except load_av().FFmpegError:  # each decoder has its own
        return [] if is_end and not packet.size else None


def no_such_stream(container: InputContainer) -> str:
    """What to say where the stream that was asked for is not there."""
    count = len(container.streams.video)
    return f"has no such video stream; {count} in it, counted from 0"


def _with_square_pixels(image_rgb: ImageRGB, ratio: float) -> ImageRGB:
    """A picture (H, W, 3) stretched in the direction in which its pixels are longer.

    DVDs, DV and recorders of analogue cameras have such pixels; faces that are squeezed to half
    their height are mostly not found. What no camera has comes from a damaged file.
    """
    height, width = image_rgb.shape[:2]
    stretched_wh = round(width * max(1, ratio)), round(height / min(1, ratio))
    is_likely = 1 / _LONGEST_PIXEL <= ratio <= _LONGEST_PIXEL
    if not is_likely or stretched_wh == (width, height) or np.prod(stretched_wh) > MAX_PIXELS:
        return image_rgb
    return np.asarray(cv2.resize(image_rgb, stretched_wh), np.uint8)


def _pixels(stream: VideoStream) -> int:
    return stream.codec_context.width * stream.codec_context.height


def upright_rgb(picture: VideoFrame, pixel_shape: Fraction | None = None) -> ImageRGB:
    """A decoded picture as RGB (H, W, 3) as it is meant to be seen.

    It is turned as the file says, as phones have it, and its pixels are made square.

    Args:
        picture: as it was decoded.
        pixel_shape: how wide a pixel is for its height, as the stream says; square if None.
    """
    image_rgb = np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
    image_rgb = _with_square_pixels(image_rgb, float(pixel_shape or 1))
    quarters = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image_rgb, quarters)) if quarters else image_rgb
