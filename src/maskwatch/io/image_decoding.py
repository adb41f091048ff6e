"""What is done before and after a decoder: which way up, how small, and files that it refuses.

Small cameras send JPEGs without the last two bytes, or with zeros after them. What the decoder
makes of a file whose pixels are all there does not depend on what is put after it; of one that is
cut, whatever is put there becomes pixels. So the file is read with several endings: it is whole
where they all give the same picture, and each part of it has been sent to the last bit.

PNGs carry texts that may be damaged, or larger than Pillow reads. Photos that are much larger than
what is looked at are decoded at a fraction of their size.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import ExifTags, Image

from maskwatch.errors import ImageError
from maskwatch.schema import ImageRGB

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_ITS_SIDE = [turn for number, turn in _UPRIGHT.items() if number >= 5]
"""Turns that change the places of width and height."""


def upright(image: Image.Image, rgb: Image.Image) -> Image.Image:
    """Turns the picture as its EXIF orientation asks."""
    turn = turn_of(image)
    return rgb if turn is None else rgb.transpose(turn)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What its EXIF orientation asks for; a broken EXIF block asks for nothing."""
    with suppress(Exception):
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return None


class Reduction:
    """Lets a JPEG that is much larger than needed be decoded at a half, a quarter or an eighth.

    That takes a fourth of the time and less. Of anything else nothing is left out.

    Attributes:
        whole_wh: width and height of the whole upright picture; None until one is decoded smaller.
    """

    def __init__(self, least_px: int) -> None:
        """Ask for so many pixels on the longer side at least."""
        self._least_px = least_px
        self.whole_wh: tuple[int, int] | None = None

    def begin(self, image: Image.Image) -> None:
        """Choose the size at which a picture will be decoded."""
        width, height = image.size
        scales = (scale for scale in (8, 4, 2) if max(width, height) >= scale * self._least_px)
        scale = next(scales, 1)
        smaller_wh = max(1, width // scale), max(1, height // scale)
        if scale > 1 and image.draft(None, smaller_wh):  # None of anything but a JPEG
            on_its_side = turn_of(image) in ON_ITS_SIDE
            self.whole_wh = (height, width) if on_its_side else (width, height)


_END = b"\xff\xd9"
_BASELINE, _PROGRESSIVE = (0xC0, 0xC1), (0xC2,)
_SCAN = 0xDA
_RESTART = 0xD0
_COEFFICIENTS = 64
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# a larger file is not read again
_LARGEST_BYTES = 64_000_000

Decode = Callable[[bytes], ImageRGB]


@dataclass(frozen=True, slots=True, eq=False)
class Mended:
    """A picture that could be had after all.

    Attributes:
        image_rgb: (H, W, 3).
        remark: what was the matter with the file.
    """

    image_rgb: ImageRGB
    remark: str


def mended(kind: str, file: IO[bytes], decode: Decode) -> Mended | None:
    """The picture of a file that was refused, None where more than an end or a text is missing.

    Args:
        kind: its name in `image_kinds`.
        file: at its beginning.
        decode: reads the content of a file, or raises an ImageError.
    """
    if kind not in ("JPEG", "PNG"):
        return None
    content = file.read(_LARGEST_BYTES)
    if kind == "JPEG":
        image_rgb, remark = mended_jpeg(content, decode), "lacks its end; all its pixels are there"
    else:
        image_rgb, remark = _without_texts(content, decode), "its texts cannot be read; left out"
    return None if image_rgb is None else Mended(image_rgb, remark)


def mended_jpeg(content: bytes, decode: Decode) -> ImageRGB | None:
    """The picture of a JPEG that lacks only its end; None where more is missing.

    Args:
        content: of the file.
        decode: reads such a content, or raises an ImageError.
    """
    body = content.rstrip(b"\0")  # what cameras and downloads fill up with
    body = body[:-1] if body.endswith(b"\xff") else body  # the first half of the end
    if not _all_scans(body):
        return None
    with suppress(ImageError):
        first, *endings = _endings(body)
        image_rgb = decode(body + first)
        if all(np.array_equal(image_rgb, decode(body + ending)) for ending in endings):
            return image_rgb
    return None


def _without_texts(content: bytes, decode: Decode) -> ImageRGB | None:
    kept, at = [content[:8]], 8
    while at + 8 <= len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        if content[at + 4 : at + 8] not in _TEXTS:
            kept.append(content[at:end])
        at = end
    bare = b"".join(kept)
    with suppress(ImageError):
        return None if bare == content else decode(bare)
    return None


def _endings(body: bytes) -> Iterator[bytes]:
    """The proper end, and two with noise and the marks at which a decoder may go on."""
    yield _END
    last = max(range(8), key=lambda number: body.rfind(bytes((0xFF, _RESTART + number))))
    for seed in (1, 2):
        noise = random.Random(seed)
        parts = (
            bytes(noise.randrange(1, 255) for _ in range(64))
            + bytes((0xFF, _RESTART + (last + number) % 8))
            for number in range(1, 17)
        )
        yield b"".join(parts) + _END


def _all_scans(content: bytes) -> bool:
    """Whether a scan of every component's every coefficient has begun, down to the last bit."""
    missing: dict[int, set[int]] = {}
    for marker, segment in _segments(content):
        if marker in _BASELINE + _PROGRESSIVE and len(segment) >= 6:
            missing = {number: set(range(_COEFFICIENTS)) for number in segment[6::3]}
        elif marker == _SCAN and len(segment) >= 4:
            count = segment[0]
            first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
            if bits & 0x0F == 0:  # no lower bits are to come
                for number in segment[1 : 1 + 2 * count : 2]:
                    missing.get(number, set()).difference_update(range(first, last + 1))
    return bool(missing) and not any(missing.values())


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker of each segment and what stands in it; the pixels between them are passed over."""
    at = 2
    while (at := content.find(b"\xff", at)) >= 0 and at + 4 <= len(content):
        marker = content[at + 1]
        if marker in (0x00, 0xFF) or 0xD0 <= marker <= 0xD8:  # no marker, or one without a segment
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        yield marker, content[at + 4 : at + 2 + length]
        at += 2 + length
