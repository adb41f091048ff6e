"""Picture + report -> annotated copy: a border round each face, its label and the confidence.

Colour is never the only sign: each state also has its own line and its own symbol. The colours are
the blue, orange, vermillion and grey of Okabe and Ito (2008, "Color Universal Design"), which
colour-blind people can tell apart; labels stand on a dark plate, whatever the picture shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from maskwatch.schema import BoxXYXY, FaceOrigin, FaceVerdict, FrameReport, ImageRGB, MaskState

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PLATE: Colour = (20, 20, 20)
INK: Colour = (255, 255, 255)


class Line(StrEnum):
    """How a border is drawn, by the names that CSS uses too."""

    SOLID = "solid"
    DASHED = "dashed"
    DOUBLE = "double"
    DOTTED = "dotted"


@dataclass(frozen=True, slots=True)
class Style:
    """How a state is shown.

    Attributes:
        label: the verdict in words.
        colour: of border and symbol.
        line: of the border.
        symbol: a character that says the same.
        strokes: the symbol as lines through points of the unit square, where Pillow's font has no
            such character.
    """

    label: str
    colour: Colour
    line: Line
    symbol: str
    strokes: tuple[tuple[tuple[float, float], ...], ...] = ()


_TICK = (((0.2, 0.52), (0.42, 0.74), (0.8, 0.28)),)
_CROSS = (((0.26, 0.26), (0.74, 0.74)), ((0.74, 0.26), (0.26, 0.74)))

STYLES = {
    MaskState.MASK: Style("Mask worn", (0x00, 0x72, 0xB2), Line.SOLID, "✓", _TICK),
    MaskState.INCORRECT_MASK: Style("Mask worn incorrectly", (0xE6, 0x9F, 0x00), Line.DASHED, "!"),
    MaskState.NO_MASK: Style("No mask", (0xD5, 0x5E, 0x00), Line.DOUBLE, "✕", _CROSS),
    MaskState.UNSURE: Style("Unsure", (0x99, 0x99, 0x99), Line.DOTTED, "?"),
}


def verdict_text(face: FaceVerdict) -> str:
    """The verdict in words with its confidence, such as "Mask worn 98.7%"."""
    return f"{STYLES[face.state].label} {face.confidence:.1%}"


def annotate(image_rgb: ImageRGB, report: FrameReport) -> ImageRGB:
    """Draws a report on a copy of its picture.

    Args:
        image_rgb: the upright picture (H, W, 3) the report speaks of.
        report: what was found in it.
    """
    canvas = Image.fromarray(image_rgb)
    shorter_px = min(canvas.size)
    whole = report.face_origin is FaceOrigin.WHOLE_IMAGE
    # a border round the picture may be broader than one that must not hide a small face
    line_px = max(4, shorter_px // (40 if whole else 100))
    text_px = max(11, shorter_px // (15 if whole else 32))
    for face in report.faces:
        _draw_border(ImageDraw.Draw(canvas), face.box_xyxy, STYLES[face.state], line_px)
    for face in report.faces:  # after all borders, so that none crosses a label
        plate = _plate(face, text_px, canvas.width)
        canvas.paste(plate, _plate_corner(face.box_xyxy, plate.size, canvas.size, whole))
    return np.array(canvas)


def _draw_border(draw: ImageDraw.ImageDraw, box_xyxy: BoxXYXY, style: Style, line_px: int) -> None:
    left, top, right, bottom = (round(value) for value in box_xyxy)
    right, bottom = max(left, right - 1), max(top, bottom - 1)
    # the dark base keeps the pattern visible on any background
    draw.rectangle((left, top, right, bottom), outline=PLATE, width=line_px + 2)
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


def _plate(face: FaceVerdict, text_px: int, room_px: int) -> Image.Image:
    """The label on its dark plate, made smaller if the picture is too narrow for it."""
    text = verdict_text(face)
    while True:
        font = _font(text_px)
        side = round(text_px * 1.7)  # the square with the symbol, and so the height of the plate
        pad = max(2, text_px // 3)
        width = side + pad + round(font.getlength(text)) + pad
        if width <= room_px or text_px <= 8:
            break
        text_px = max(8, min(text_px - 1, text_px * room_px // width))
    plate = Image.new("RGB", (width, side), PLATE)
    plate.paste(_symbol(face.state, side), (0, 0))
    ImageDraw.Draw(plate).text((side + pad, side / 2), text, INK, font, anchor="lm")
    return plate


@lru_cache(maxsize=32)
def _symbol(state: MaskState, side: int) -> Image.Image:
    """The symbol, dark on a square of its colour; drawn four times too large for smooth edges."""
    style, large = STYLES[state], side * 4
    image = Image.new("RGB", (large, large), style.colour)
    draw = ImageDraw.Draw(image)
    for stroke in style.strokes:
        points = [(x * large, y * large) for x, y in stroke]
        draw.line(points, PLATE, width=large // 7, joint="curve")
    if not style.strokes:
        font = _font(round(large * 0.75))
        draw.text((large / 2, large / 2), style.symbol, PLATE, font, "mm", stroke_width=large // 40)
    return image.reduce(4)


@lru_cache(maxsize=64)
def _font(size_px: int) -> Font:
    return ImageFont.load_default(size_px)


def _plate_corner(
    box_xyxy: BoxXYXY, plate_wh: tuple[int, int], image_wh: tuple[int, int], inside: bool
) -> tuple[int, int]:
    """Where the plate goes: inside the border at the bottom, or above a face if there is room."""
    left, top, _, bottom = (round(value) for value in box_xyxy)
    y = bottom - plate_wh[1] if inside else top - plate_wh[1]
    if y < 0:
        y = min(bottom, image_wh[1] - plate_wh[1])
    return max(0, min(left, image_wh[0] - plate_wh[0])), max(0, y)
