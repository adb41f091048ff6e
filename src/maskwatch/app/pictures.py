"""Pictures as a browser gets them: small enough, marked, as JPEG; without Streamlit."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from maskwatch.draw import annotate
from maskwatch.schema import FrameReport, ImageRGB
from maskwatch.sources import load_image
from maskwatch.style import Words

SCREEN_PX = 1600
"""Longest side of what the browser gets; more only costs time on the way."""

FACE_PX = 64
"""Side of the little pictures of faces in lists."""


def for_screen(image_rgb: ImageRGB) -> Image.Image:
    """The picture at a size made for the browser."""
    height, width = image_rgb.shape[:2]
    ratio = SCREEN_PX / max(width, height)
    if ratio >= 1:
        return Image.fromarray(image_rgb)
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    # three times as fast as Pillow, and a large photo is waited for
    return Image.fromarray(cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA))


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    """The picture as a file."""
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return content.getvalue()


def data_url(image_rgb: ImageRGB) -> str:
    """The picture as an address that holds it."""
    content = jpeg(Image.fromarray(image_rgb))
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def marked_jpeg(screen_jpeg: bytes, report: FrameReport, shown_px: int, words: Words) -> bytes:
    """The picture with what was found drawn on it.

    Args:
        screen_jpeg: the picture, perhaps smaller than it was when it was judged.
        report: what was found in it at its full size.
        shown_px: how large its longer side is shown.
        words: what is written.
    """
    image_rgb = load_image(screen_jpeg)
    height, width = image_rgb.shape[:2]
    fitted = scaled(report, (width, height))
    return jpeg(Image.fromarray(annotate(image_rgb, fitted, shown_px, words)))


def scaled(report: FrameReport, size_wh: tuple[int, int]) -> FrameReport:
    """The report as it is of the same picture in another size."""
    ratio_wh = np.divide(size_wh, report.image_size_wh)
    faces = []
    for face in report.faces:
        left, top, right, bottom = np.multiply(face.box_xyxy, np.tile(ratio_wh, 2)).tolist()
        faces.append(replace(face, box_xyxy=(left, top, right, bottom)))
    return replace(report, faces=tuple(faces), image_size_wh=size_wh)
