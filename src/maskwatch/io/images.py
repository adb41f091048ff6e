"""Pictures in: any readable image becomes one upright RGB uint8 array, any other one ImageError.

Everything about file formats, colour modes and orientation ends here; the other stages only ever
see RGB uint8 arrays (H, W, 3). No global setting of Pillow is touched, so threads may load side by
side.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from maskwatch.errors import ImageError, ImageFault
from maskwatch.io.addresses import shown_address
from maskwatch.io.folders import expand_pattern, walk_once
from maskwatch.io.image_decoding import Reduction, mended, upright
from maskwatch.io.image_kinds import (
    HEAD_BYTES,
    IMAGE_SUFFIXES,
    NAMES,
    RAW_ADVICE,
    ImageKind,
    Reader,
    counts_as_picture,
    kind_of,
    may_be_video,
)
from maskwatch.io.text_files import visible
from maskwatch.schema import ImageRGB

__all__ = ["IMAGE_SUFFIXES", "MAX_PIXELS", "ImageSource", "list_images", "load_image"]

ImageSource = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | IO[bytes]
    | Image.Image
    | NDArray[np.uint8]
)
"""Whatever can be analysed: a path, an image file as bytes or as an open file, a Pillow image, an
RGB array."""

MAX_PIXELS = 89_000_000
"""Largest picture that is decoded: just under the size at which Pillow begins to warn by itself."""

_LOG = logging.getLogger(__name__)

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/{1,2}(?=[^/])|data:", re.IGNORECASE)
# what 16 bits a pixel may hold: cameras put 10, 12 or 14 into them without scaling
_DEPTHS = (8, 10, 12, 14, 16)
_TIFF_BITS, _TIFF_KIND, _TIFF_DNG = 258, 254, 50706
# of 8 bits, what 14 in 16 do not reach
_DARK = 64


def load_image(
    source: ImageSource, max_pixels: int = MAX_PIXELS, reduction: Reduction | None = None
) -> ImageRGB:
    """Reads one image, turned upright, as an RGB uint8 array (H, W, 3).

    Animations give their first frame, transparency is laid on white, 10 to 16 bits are scaled to 8.

    Args:
        source: a path, an image file as bytes (bytearray, memoryview) or as an open binary file,
            which is read from its start, a Pillow image or an RGB uint8 array.
        max_pixels: a picture with more is not decoded.
        reduction: lets a large JPEG file be decoded smaller; it is for this picture alone.

    Raises:
        ImageError: it cannot be read; the message names the source and the reason.
    """
    if isinstance(source, np.ndarray):
        return _checked_array(source)
    if isinstance(source, Image.Image):
        return _decode(source, "<image>", max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return _read(io.BytesIO(source), "<bytes>", max_pixels, reduction)
    if not isinstance(source, str | os.PathLike):
        content = read_file(source)
        name = source_name(source) or "<file>"
        return _read(io.BytesIO(content), name, max_pixels, reduction)
    text = os.fsdecode(os.fspath(source))
    with _open(text) as file:
        return _read(file, text, max_pixels, reduction)


def source_name(source: object) -> str | None:
    """What a report says of where an image came from; None for what has no name."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(os.fspath(source))
    name = getattr(source, "name", None) if hasattr(source, "read") else None
    return name if isinstance(name, str) else None


def read_file(source: object) -> bytes:
    """The content of an image file that is named or open.

    Raises:
        ImageError: it cannot be read, or is neither.
    """
    if isinstance(source, str | os.PathLike):
        with _open(os.fsdecode(os.fspath(source))) as named:
            return named.read()
    name = source_name(source) or "<file>"
    if not hasattr(source, "read"):
        raise ImageError("<image>", _why_no_source(source), ImageFault.UNAVAILABLE)
    file: Any = source
    try:
        with suppress(AttributeError, OSError):  # a pipe only goes on
            file.seek(0)
        content = file.read()
    except UnicodeDecodeError:  # it is open as text, which a picture is not
        content = ""
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise ImageError(name, _why(error), ImageFault.UNAVAILABLE) from error
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content)
    if hasattr(content, "close"):  # what an asynchronous read answers; it would complain unawaited
        content.close()
    reason = "gives no bytes when it is read; open it in binary mode, or give its bytes"
    raise ImageError(name, reason, ImageFault.UNAVAILABLE)


@contextmanager
def _open(text: str) -> Iterator[IO[bytes]]:
    """A file by its name; whatever the system says on the way becomes an ImageError."""
    path = Path(text)
    try:
        if not path.is_file():
            raise _no_file(text)
        with path.open("rb") as file:
            yield file
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        if isinstance(error, OSError) and _ADDRESS.match(text):  # too long for a name
            raise _no_file(text) from error
        raise ImageError(text, _why(error), ImageFault.UNAVAILABLE) from error


def _no_file(text: str) -> ImageError:
    address = _ADDRESS.match(text)
    path = Path(text)
    if not address or os.path.lexists(path):
        return ImageError(text, _why_no_file(path), ImageFault.UNAVAILABLE)
    if not address[1]:
        reason = "the picture itself in text; decode its base64 and give the bytes"
        return ImageError("data:...", reason, ImageFault.UNAVAILABLE)
    # a Path makes one slash of two
    shown = shown_address(f"{address[1]}://{text[address.end() :]}")
    reason = (
        "an address, and none is fetched here; download it first, or give its bytes "
        "(`maskwatch live` takes addresses of cameras and films)"
    )
    return ImageError(shown, reason, ImageFault.UNAVAILABLE)


def _why_no_source(source: object) -> str:
    got = "None" if source is None else type(source).__name__
    return f"expected a path, bytes, an open file, a Pillow image or an RGB array, got {got}"


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
        matches = expand_pattern(str(source))
        if not matches:
            yield path
        for match in dict.fromkeys(matches):
            yield from _walk(match) if match.is_dir() else [match]


def _walk(folder: Path) -> Iterator[Path]:
    """The pictures under a folder, or the folder itself if it holds none; unreadable ones too."""
    closed: list[Path] = []
    empty = True
    for parent, names in walk_once(folder, lambda error: closed.append(Path(error.filename))):
        for name in names:
            if counts_as_picture(name) or _is_nameless_picture(parent / name):
                empty = False
                yield parent / name
    yield from closed or ([folder] if empty else [])


def _is_nameless_picture(path: Path) -> bool:
    """Whether a file whose name does not say so is a picture, or a link that leads nowhere."""
    if path.name.startswith("."):
        return False
    try:
        if not path.is_file():
            return path.is_symlink() and not path.exists()
        with path.open("rb") as file:
            return kind_of(file.read(HEAD_BYTES)) is not None
    except OSError:
        return False


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        if not os.access(path, os.R_OK | os.X_OK):
            return "permission denied"
        return "a folder without images" if next(_walk(path)) == path else "a folder"
    if path.exists():
        return "not a regular file"
    return "a link that leads nowhere" if path.is_symlink() else "no such file"


def _read(file: IO[bytes], name: str, max_pixels: int, reduction: Reduction | None) -> ImageRGB:
    head = file.read(HEAD_BYTES)
    if not head:
        raise ImageError(name, "empty file", ImageFault.EMPTY)
    kind = kind_of(head, name)
    if kind is None:
        reason = f"not a {NAMES} image"
        if may_be_video(head):
            reason = "a film, not a picture; `maskwatch live` judges films"
        raise ImageError(name, reason, ImageFault.FORMAT)
    reader = kind.reader()
    if reader is None:
        raise ImageError(name, f"{kind.name}, which {kind.advice}", ImageFault.FORMAT)

    def decode(file: IO[bytes]) -> ImageRGB:
        return _decode_file(reader, kind, file, name, max_pixels, reduction)

    try:
        return decode(file)
    except ImageError as error:
        if error.fault is not ImageFault.DAMAGED:
            raise
        file.seek(0)
        found = mended(kind.name, file, lambda content: decode(io.BytesIO(content)))
        if found is None:
            raise
        _LOG.warning("%s: %s", visible(name), found.remark)
        return found.image_rgb


def _decode_file(
    reader: Reader,
    kind: ImageKind,
    file: IO[bytes],
    name: str,
    max_pixels: int,
    reduction: Reduction | None,
) -> ImageRGB:
    file.seek(0)
    try:
        image = reader(file)
        is_raw = isinstance(image, TiffImageFile) and _is_raw(image)
    except Exception as error:  # Pillow's readers raise anything at all on damaged headers
        reason = f"damaged {kind.name} ({_why(error)})"
        raise ImageError(name, reason, ImageFault.DAMAGED) from error
    if is_raw:
        raise ImageError(name, f"raw photo, which {RAW_ADVICE}", ImageFault.FORMAT)
    deep = any(";16" in str(part) for part in image.tile) and not image.mode.startswith("I;16")
    image_rgb = _decode(image, name, max_pixels, reduction)
    if deep and image_rgb.max() < _DARK:
        file.seek(0)
        return _deep_rgb(image, file.read(), image_rgb)
    return image_rgb


def _deep_rgb(image: Image.Image, content: bytes, dark_rgb: ImageRGB) -> ImageRGB:
    """A picture of 16 bits a colour, scaled by its largest value.

    Of these Pillow keeps the upper half, in which pictures of 14 bits are dark.
    """
    try:
        pixels = cv2.imdecode(
            np.frombuffer(content, np.uint8),
            cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION,
        )
    except cv2.error:
        return dark_rgb
    if pixels is None or pixels.dtype != np.uint16:
        return dark_rgb
    values = np.asarray(pixels, np.uint16)[:, :, ::-1]
    return np.array(upright(image, Image.fromarray(np.ascontiguousarray(_to_bytes(values)))))


def _is_raw(image: TiffImageFile) -> bool:
    """Whether it is a camera's raw file, of which Pillow would read the preview."""
    tags = image.tag_v2
    return _TIFF_DNG in tags or bool(tags.get(_TIFF_KIND, 0) & 1)


def _decode(
    image: Image.Image, name: str, max_pixels: int, reduction: Reduction | None = None
) -> ImageRGB:
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
        if reduction:
            reduction.begin(image)
        image.load()
        return np.array(upright(image, _to_rgb(image)))
    except Exception as error:  # as above, on damaged pixel data
        reason = f"damaged {image.format or 'image'} ({_why(error)})"
        raise ImageError(name, reason, ImageFault.DAMAGED) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling
        bits = image.tag_v2.get(_TIFF_BITS, (16,))[0] if isinstance(image, TiffImageFile) else 16
        grey = _to_bytes(np.asarray(image), bits if bits < 16 else None)
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        opaque = Image.new("RGB", image.size, "white")
        layer = image.convert("RGBA")
        opaque.paste(layer, mask=layer)
        return opaque
    return image.convert("RGB")


def _to_bytes(values: NDArray[np.uint16], bits: int | None = None) -> NDArray[np.uint8]:
    """16 bits to 8; where the file does not say how many are used, the largest value tells.

    Cameras put 10, 12 or 14 bits into 16 as they are, which would be nearly black.
    """
    if bits is None:
        largest = int(values.max())
        bits = next(depth for depth in _DEPTHS if largest < 1 << depth)
    return (values.astype(np.uint32) * 255 // ((1 << bits) - 1)).astype(np.uint8)


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
