"""Writes one picture of every odd or broken kind: real files, made where the test runs."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

from support.fakes import picture

_ORIENTATION = 0x0112


def encoded(
    format_name: str = "JPEG", image: Image.Image | None = None, **options: object
) -> bytes:
    """The bytes of a file of `fakes.picture`, or of the image given."""
    content = io.BytesIO()
    (image or Image.fromarray(picture())).save(content, format_name, **options)
    return content.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A tiny PNG whose header promises any size; its pixel data is a line of zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1 + 3 * 100))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data) for kind, data in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    )


def rotated(orientation: int) -> bytes:
    """A JPEG that looks like `fakes.picture` once its EXIF orientation is applied."""
    undo = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    exif = Image.Exif()
    exif[_ORIENTATION] = undo
    upright = Image.fromarray(picture())
    upright.getexif()[_ORIENTATION] = undo
    stored = ImageOps.exif_transpose(upright)
    exif[_ORIENTATION] = orientation
    return encoded("JPEG", stored, exif=exif, quality=95, subsampling=0)


def _gray_16(format_name: str) -> bytes:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)
    return encoded(format_name, Image.fromarray(np.tile(ramp, (4, 1))))


def _palette() -> Image.Image:
    return Image.fromarray(picture()).quantize(16)


def _alpha() -> Image.Image:
    image = Image.fromarray(picture()).convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    return image


def _animated(format_name: str) -> bytes:
    later = Image.new("RGB", Image.fromarray(picture()).size, "black")
    return encoded(format_name, save_all=True, append_images=[later], lossless=True)


def _text_bomb() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "a" * 80_000_000, zip=True)
    return encoded("PNG", pnginfo=info)


def _float_tiff() -> bytes:
    return encoded("TIFF", Image.fromarray(np.ones((4, 5), np.float32)))


FINE: dict[str, Callable[[], bytes]] = {
    "plain.jpg": encoded,
    "plain.png": lambda: encoded("PNG"),
    "plain.webp": lambda: encoded("WEBP", lossless=True),
    "plain.bmp": lambda: encoded("BMP"),
    "plain.tiff": lambda: encoded("TIFF"),
    "plain.gif": lambda: encoded("GIF"),
    "png named.jpg": lambda: encoded("PNG"),
    "progressive.jpg": lambda: encoded("JPEG", progressive=True),
    "cmyk.jpg": lambda: encoded("JPEG", Image.fromarray(picture()).convert("CMYK"), quality=95),
    "palette.png": lambda: encoded("PNG", _palette()),
    "animated.gif": lambda: _animated("GIF"),
    "animated.png": lambda: _animated("PNG"),
    "animated.webp": lambda: _animated("WEBP"),
    "deflate.tiff": lambda: encoded("TIFF", compression="tiff_adobe_deflate"),
    "broken exif.jpg": lambda: encoded("JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff"),
    "text bomb.png": _text_bomb,
    "without its end.jpg": lambda: encoded()[:-2],
    "zeros for its end.jpg": lambda: encoded()[:-2] + bytes(2000),
    "progressive without its end.jpg": lambda: encoded("JPEG", progressive=True)[:-2],
    "plain.avif": lambda: encoded("AVIF", quality=90),
    **{f"exif {n}.jpg": lambda n=n: rotated(n) for n in range(1, 9)},
}
"""Files that show `fakes.picture`, however they were stored."""

BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.jpg": (bytes, "empty file"),
    "truncated.jpg": (lambda: encoded()[:-400], "damaged JPEG"),
    "truncated.png": (lambda: encoded("PNG")[:-60], "damaged PNG"),
    "header only.jpg": (lambda: b"\xff\xd8\xff", "damaged JPEG"),
    "header only.webp": (lambda: b"RIFF\0\0\0\0WEBP", "damaged WebP"),
    "zero pixels.png": (lambda: png_that_claims(0, 100), "damaged PNG"),
    "text.jpg": (lambda: b"I am no picture.\n", "not a JPEG, PNG"),
    "page.png": (lambda: b"<!doctype html><title>404</title>", "not a JPEG, PNG"),
    "bomb.png": (lambda: png_that_claims(30_000, 30_000), "30000 x 30000 pixels, over the limit"),
    "just too large.png": (lambda: png_that_claims(10_000, 9_000), "over the limit of 89 mega"),
    "float.tiff": (_float_tiff, "32-bit pixels"),
}
"""Files without a usable picture, and what their reason must say."""

SIXTEEN_BIT: dict[str, Callable[[], bytes]] = {
    "gray16.png": lambda: _gray_16("PNG"),
    "gray16.tiff": lambda: _gray_16("TIFF"),
}
"""Files with a ramp from black to white in 65536 steps."""

SEE_THROUGH: dict[str, Callable[[], bytes]] = {
    "alpha.png": lambda: encoded("PNG", _alpha()),
    "gray alpha.png": lambda: encoded("PNG", _alpha().convert("LA")),
    "palette alpha.png": lambda: encoded("PNG", Image.new("P", (4, 4), 0), transparency=0),
    "colour key.png": lambda: encoded("PNG", Image.new("RGB", (4, 4)), transparency=(0, 0, 0)),
    "alpha.webp": lambda: encoded("WEBP", _alpha()),
}
"""Files in which every pixel is transparent, and so white."""


def write(folder: Path, name: str) -> Path:
    """Writes one of the files above."""
    makers = {**FINE, **SIXTEEN_BIT, **SEE_THROUGH, **{k: v[0] for k, v in BAD.items()}}
    path = folder / name
    path.write_bytes(makers[name]())
    return path
