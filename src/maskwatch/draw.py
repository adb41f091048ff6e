"""Picture + report -> annotated copy: a border round each face, its label and the confidence."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from maskwatch.labels import SHOWN_PX, face_labels, picture_label, status_plate
from maskwatch.schema import BoxXYXY, FaceOrigin, FrameReport, ImageRGB
from maskwatch.style import ENGLISH, PLATE, STYLES, Colour, Line, Style, Words, held_s


def annotate(
    image_rgb: ImageRGB, report: FrameReport, shown_px: int = SHOWN_PX, words: Words = ENGLISH
) -> ImageRGB:
    """Draws a report on a copy of its picture.

    Args:
        image_rgb: the upright picture (H, W, 3) the report speaks of.
        report: what was found in it.
        shown_px: how large its longer side will probably be shown; text is made for that.
        words: what is written.
    """
    canvas = Image.fromarray(image_rgb)
    whole = report.face_origin is FaceOrigin.WHOLE_IMAGE
    for face in report.faces:
        line_px = _line_px(face.box_xyxy, min(canvas.size), whole)
        if held_s(face):  # a state of a while ago is drawn with a thinner line
            line_px = max(1, line_px // 2)
        _draw_border(ImageDraw.Draw(canvas), face.box_xyxy, STYLES[face.state], line_px)
    # after all borders, so that none crosses a label
    if whole:
        labels = picture_label(report.faces, canvas.size, words)
    else:
        labels = face_labels(report.faces, canvas.size, shown_px, words)
    for plate, corner_xy in labels:
        canvas.paste(plate, corner_xy)
    return np.array(canvas)


def write_status(image_rgb: ImageRGB, text: str, shown_px: int = SHOWN_PX) -> ImageRGB:
    """Writes a line about the video itself at the lower left of a copy of a picture (H, W, 3)."""
    canvas = Image.fromarray(image_rgb)
    plate = status_plate(text, canvas.size, shown_px)
    canvas.paste(plate, (0, canvas.height - plate.height))
    return np.array(canvas)


def _line_px(box_xyxy: BoxXYXY, shorter_px: int, whole: bool) -> int:
    """Breadth of a border: most round a whole picture, least round a small face."""
    if whole:
        return max(4, shorter_px // 40)
    left, top, right, bottom = box_xyxy
    face_px = min(right - left, bottom - top)
    return max(1, min(max(4, shorter_px // 100), int(face_px) // 16))


def _draw_border(draw: ImageDraw.ImageDraw, box_xyxy: BoxXYXY, style: Style, line_px: int) -> None:
    left, top, right, bottom = (round(value) for value in box_xyxy)
    right, bottom = max(left, right - 1), max(top, bottom - 1)
    # the dark base keeps the pattern visible on any background
    base_px = line_px + (2 if line_px >= 4 else 1)
    draw.rectangle((left, top, right, bottom), outline=PLATE, width=base_px)
    if style.line is Line.DOUBLE:
        thin = max(1, line_px * 2 // 5)
        for inset in (0, line_px - thin):
            _outline(draw, (left, top, right, bottom), inset, style.colour, thin)
        return
    on, off = {
        Line.SOLID: (max(right, bottom) + 1, 1),
        Line.DASHED: (5 * line_px, 3 * line_px),
        Line.DOTTED: (line_px, line_px),
    }[style.line]
    for x in range(left, right + 1, on + off):
        end = min(x + on - 1, right)
        draw.rectangle((x, top, end, min(top + line_px - 1, bottom)), fill=style.colour)
        draw.rectangle((x, max(bottom - line_px + 1, top), end, bottom), fill=style.colour)
    for y in range(top, bottom + 1, on + off):
        end = min(y + on - 1, bottom)
        draw.rectangle((left, y, min(left + line_px - 1, right), end), fill=style.colour)
        draw.rectangle((max(right - line_px + 1, left), y, right, end), fill=style.colour)


def _outline(
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    inset: int,
    colour: Colour,
    width: int,
) -> None:
    left, top, right, bottom = box
    if right - left > 2 * inset and bottom - top > 2 * inset:
        inner = (left + inset, top + inset, right - inset, bottom - inset)
        draw.rectangle(inner, outline=colour, width=width)
