"""Videos drawn with PyAV: every picture has a colour and a number of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from maskwatch.schema import ImageRGB

TICKS = 1000
WIDTH, HEIGHT, FPS = 96, 64, 25


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> ImageRGB:
    """A picture that holds its number: eight bars, white for one, the lowest bit leftmost.

    The noise round them makes each as large in a file as the next.
    """
    noise = np.random.default_rng(number).integers(0, 256, (height, width, 1), np.uint8)
    image = np.repeat(noise, 3, axis=2)
    for bit in range(8):
        bar = slice(bit * width // 8, (bit + 1) * width // 8)
        image[height // 4 : height * 3 // 4, bar] = 255 if number >> bit & 1 else 0
    return image


def number_in(image: ImageRGB) -> int:
    """The number a picture holds, after any lossy codec."""
    height, width = image.shape[:2]
    middle = image[height // 3 : height * 2 // 3]
    bars = [middle[:, (2 * bit + 1) * width // 16].mean() > 127 for bit in range(8)]
    return sum(int(bar) << bit for bit, bar in enumerate(bars))


def write_video(
    path: Path,
    images: Iterable[ImageRGB],
    times_s: Sequence[float] | None = None,
    codec: str = "libx264",
    rotation_deg: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write pictures of one size; each shows at its time, at FPS a second where none is given."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = None
        for index, image in enumerate(images):
            if stream is None:
                stream = container.add_stream(codec, rate=FPS)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
                stream.codec_context.time_base = Fraction(1, TICKS)
                if rotation_deg:
                    stream.set_display_rotation(rotation_deg)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = round((times_s[index] if times_s else index / FPS) * TICKS)
            frame.time_base = Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def count_up(count: int, width: int = WIDTH, height: int = HEIGHT) -> list[ImageRGB]:
    """Pictures with the numbers from 0 on."""
    return [numbered(number, width, height) for number in range(count)]
