"""Which way up a picture is, by its EXIF entry."""

from __future__ import annotations

from contextlib import suppress

from PIL import ExifTags, Image

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
