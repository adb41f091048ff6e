"""What goes between the client and a service: images as files, answers as records."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from maskwatch.errors import ImageError, ImageFault
from maskwatch.report import Result
from maskwatch.schema import FrameReport, ImageRGB
from maskwatch.sources import load_image

_JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """What became of one frame.

    Attributes:
        result: its report, each face a TrackedFace, or why it could not be read.
        frame: its number among those sent, from 0 on.
        time_s: when it was taken.
        dropped: how many frames were dropped so far, because a newer one was there.
        latency_s: from its arrival at the service to the answer.
    """

    result: Result
    frame: int
    time_s: float
    dropped: int
    latency_s: float


def encoded(image: str | Path | bytes | ImageRGB) -> bytes:
    """The bytes of an image file; of an array without loss.

    Raises:
        ImageError: a file cannot be read, or an array is no picture.
    """
    if isinstance(image, bytes):
        return image
    if not isinstance(image, str | Path):
        return _file(load_image(image), "PNG", compress_level=1)
    try:
        return Path(image).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(str(image), reason.lower(), ImageFault.UNAVAILABLE) from error


def jpeg(image_rgb: ImageRGB) -> bytes:
    """One frame as a file that is small enough to be sent many times a second."""
    return _file(image_rgb, "JPEG", quality=_JPEG_QUALITY)


def name_of(image: str | Path | bytes | ImageRGB) -> str | None:
    """What the report of an image says of where it came from."""
    return str(image) if isinstance(image, str | Path) else None


def to_result(entry: Mapping[str, Any], source: str | None) -> Result:
    """What the service tells of an image -> its report, or why there is none.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    if "error" in entry:
        return ImageError(source or "<image>", entry["error"], ImageFault(entry["fault"]))
    return FrameReport.from_dict({**entry, "source": source})


def to_stream_answer(message: str | bytes) -> StreamAnswer:
    """What the service tells of a frame.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    document = to_json(message)
    about = {name: document.pop(name) for name in ("time_s", "frame", "dropped")}
    latency_s = document.pop("latency_ms") / 1000
    return StreamAnswer(to_result(document, None), latency_s=latency_s, **about)


def to_json(content: str | bytes) -> dict[str, Any]:
    """A JSON object; an empty one where there is something else."""
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _file(image_rgb: ImageRGB, format_name: str, **options: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image_rgb).save(content, format_name, **options)
    return content.getvalue()
