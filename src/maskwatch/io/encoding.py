"""Pictures -> the bytes of image files, to be sent to a service."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from maskwatch.errors import ImageError
from maskwatch.io.images import ImageSource, load_image, read_file
from maskwatch.schema import ImageRGB

_JPEG_QUALITY = 92


def encoded(image: ImageSource) -> bytes:
    """The bytes of an image file; of an array or a Pillow image without loss.

    Raises:
        ImageError: a file cannot be read, or an array is no picture.
    """
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if isinstance(image, np.ndarray | Image.Image):
        return _file(load_image(image), "PNG", compress_level=1)
    return read_file(image)


def each_encoded(images: Sequence[ImageSource]) -> list[bytes | ImageError]:
    """The bytes of image files; of several, an ImageError in the place of each that has none.

    Raises:
        ImageError: the only image has none.
    """
    return [encoded(images[0])] if len(images) == 1 else [_encoded_or_why(one) for one in images]


def jpeg(image_rgb: ImageRGB) -> bytes:
    """One frame as a file that is small enough to be sent many times a second.

    Raises:
        ImageError: the array is no picture.
    """
    return _file(load_image(image_rgb), "JPEG", quality=_JPEG_QUALITY)


def _encoded_or_why(image: ImageSource) -> bytes | ImageError:
    try:
        return encoded(image)
    except ImageError as error:
        return error


def _file(image_rgb: ImageRGB, format_name: str, **options: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image_rgb).save(content, format_name, **options)
    return content.getvalue()
