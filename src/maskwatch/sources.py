"""Pictures in: any readable image becomes one upright RGB uint8 array, any other one ImageError.

Everything about file formats, colour modes and orientation ends here; the other stages only ever
see RGB uint8 arrays (H, W, 3). No global setting of Pillow is touched, so threads may load side by
side.
"""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from maskwatch.errors import ImageError, ImageFault
from maskwatch.schema import ImageRGB

ImageSource = str | Path | bytes | Image.Image | NDArray[np.uint8]
"""Whatever can be analysed: a path, the bytes of an image file, a Pillow image, an RGB array."""

MAX_PIXELS = 89_000_000
"""Largest picture that is decoded: just under the size at which Pillow begins to warn by itself."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
"""What counts as a picture inside a folder; a file that is named is opened whatever its suffix."""

# Opening by signature instead of Image.open keeps out Pillow's many other formats, and its size
# warning, which can only be silenced for the whole process.
_READERS: tuple[tuple[bytes, type[ImageFile]], ...] = (
    (b"\xff\xd8\xff", JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", PngImageFile),
    (b"GIF8", GifImageFile),
    (b"BM", BmpImageFile),
    (b"II*\0", TiffImageFile),
    (b"MM\0*", TiffImageFile),
)

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def load_image(source: ImageSource, max_pixels: int = MAX_PIXELS) -> ImageRGB:
    """Reads one image, turned upright, as an RGB uint8 array (H, W, 3).

    Animations give their first frame, transparency is laid on white, 16 bits are scaled to 8.

    Args:
        source: a path, the bytes of an image file, a Pillow image or an RGB uint8 array.
        max_pixels: a picture with more is not decoded.

    Raises:
        ImageError: it cannot be read; the message names the source and the reason.
    """
    if isinstance(source, np.ndarray):
        return _checked_array(source)
    if isinstance(source, Image.Image):
        return _decode(source, "<image>", max_pixels)
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), "<bytes>", max_pixels)
    path = Path(source)
    try:
        if not path.is_file():
            raise ImageError(str(path), _why_no_file(path), ImageFault.UNAVAILABLE)
        with path.open("rb") as file:
            return _read(file, str(path), max_pixels)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise ImageError(str(path), _why(error), ImageFault.UNAVAILABLE) from error


def list_images(source: str | Path | Iterable[str | Path]) -> Iterator[Path]:
    """Expands a file, a folder (recursive, sorted), a glob pattern or a list of these.

    What holds no picture (a missing file, an empty or unreadable folder, a pattern without match)
    is yielded as it is: `load_image` then says what is wrong with it, and the rest goes on.
    """
    if not isinstance(source, str | Path):
        for item in source:
            yield from list_images(item)
        return
    path = Path(source)
    # os.path, because Path.is_dir and Path.exists raise where they may not look
    if os.path.isdir(path):  # noqa: PTH112
        yield from _walk(path)
    elif os.path.exists(path):  # noqa: PTH110
        yield path
    else:
        names = glob.glob(str(source), recursive=True)  # noqa: PTH207 - Path.glob: relative only
        matches = [Path(name) for name in sorted(names)]
        yield from [match for match in matches if not match.is_dir()] or [path]


def _walk(folder: Path) -> Iterator[Path]:
    """The pictures under a folder, or the folder itself if it holds none; unreadable ones too."""
    closed: list[Path] = []
    empty = True
    for parent, folders, names in os.walk(
        folder, onerror=lambda error: closed.append(Path(error.filename))
    ):
        folders.sort()
        for name in sorted(names):
            # a leading dot marks what systems leave beside pictures, such as ._photo.jpg
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
                empty = False
                yield Path(parent, name)
    yield from closed or ([folder] if empty else [])


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        if not os.access(path, os.R_OK | os.X_OK):
            return "permission denied"
        return "a folder without images" if next(_walk(path)) == path else "a folder"
    return "not a regular file" if path.exists() else "no such file"


def _read(file: IO[bytes], name: str, max_pixels: int) -> ImageRGB:
    head = file.read(12)
    file.seek(0)
    if not head:
        raise ImageError(name, "empty file", ImageFault.EMPTY)
    reader = next((reader for signature, reader in _READERS if head.startswith(signature)), None)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        reader = WebPImageFile
    if reader is None:
        reason = "not a JPEG, PNG, WebP, BMP, TIFF or GIF image"
        raise ImageError(name, reason, ImageFault.FORMAT)
    try:
        image = reader(file)
    except Exception as error:  # Pillow's readers raise anything at all on damaged headers
        reason = f"damaged {reader.format} ({_why(error)})"
        raise ImageError(name, reason, ImageFault.DAMAGED) from error
    return _decode(image, name, max_pixels)


def _decode(image: Image.Image, name: str, max_pixels: int) -> ImageRGB:
    width, height = image.size
    if width * height > max_pixels:
        limit = max_pixels / 1_000_000
        reason = f"{width} x {height} pixels, over the limit of {limit:g} megapixels"
        raise ImageError(name, reason, ImageFault.TOO_LARGE)
    if width < 1 or height < 1:
        raise ImageError(name, f"no pixels ({width} x {height})", ImageFault.PIXELS)
    if image.mode in ("I", "F"):
        reason = "32-bit pixels, whose range is not defined; save it with 8 or 16"
        raise ImageError(name, reason, ImageFault.PIXELS)
    try:
        image.load()
        return np.array(_upright(image, _to_rgb(image)))
    except Exception as error:  # as above, on damaged pixel data
        reason = f"damaged {image.format or 'image'} ({_why(error)})"
        raise ImageError(name, reason, ImageFault.DAMAGED) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling
        return Image.fromarray((np.asarray(image) // 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        opaque = Image.new("RGB", image.size, "white")
        layer = image.convert("RGBA")
        opaque.paste(layer, mask=layer)
        return opaque
    return image.convert("RGB")


def _upright(image: Image.Image, rgb: Image.Image) -> Image.Image:
    """Turns the picture as its EXIF orientation asks; a broken EXIF block asks for nothing."""
    turn = None
    with suppress(Exception):
        turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return rgb if turn is None else rgb.transpose(turn)


def _checked_array(array: NDArray[np.uint8]) -> ImageRGB:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ImageError(
            "<array>",
            "expected uint8 of shape (height, width, 3), all at least 1, "
            f"got {array.dtype} of shape {array.shape}",
            ImageFault.PIXELS,
        )
    return array


def _why(error: BaseException) -> str:
    """The reason in one line, without the file name that operating system errors repeat."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if str(error) == "not identified by this driver":
        return "its header names no pixels"
    return " ".join(str(error).split()) or type(error).__name__
