"""Picture + report -> annotated copy: a border round each face, its label and the confidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from maskwatch.io.style import (
    ENGLISH,
    INK,
    PLATE,
    STYLES,
    Colour,
    Line,
    Style,
    Words,
    certainty_text,
    font_for,
    held_s,
    verdict_text,
)
from maskwatch.schema import BoxXYXY, FaceOrigin, FaceVerdict, FrameReport, ImageRGB, MaskState

# Which label a face gets and where it stands: beside faces, never on another one.
#
# A label says as much as there is room for: verdict and confidence (or, in a video, how long ago it
# was seen), the latter alone, or only the symbol of the state; where a crowd leaves no room at all,
# the border has to do.

Label = tuple[Image.Image, tuple[int, int]]
"""A plate and its left upper corner in the picture."""

SMALLEST_TEXT_PX = 11

SHOWN_PX = 800
"""How large the longer side of a picture is mostly shown."""

# among others a label wider than this many faces no longer shows whose it is
_FACES_WIDE = 3
# a label inside its own face covers no more of its height than this share
_FACE_SHARE = 1 / 4


def picture_label(
    faces: Sequence[FaceVerdict], image_wh: tuple[int, int], words: Words = ENGLISH
) -> Iterator[Label]:
    """The label of a picture that is one face: at the bottom, inside its border."""
    for face in faces:
        text_px = max(SMALLEST_TEXT_PX, min(image_wh) // 15)
        plate = _plate(face.state, verdict_text(face, words), text_px, image_wh[0])
        yield plate, (0, max(0, image_wh[1] - plate.height))


def face_labels(
    faces: Sequence[FaceVerdict],
    image_wh: tuple[int, int],
    shown_px: int = SHOWN_PX,
    words: Words = ENGLISH,
) -> Iterator[Label]:
    """The labels of the faces in a picture, each where it covers no other face and no label.

    The largest face chooses first. Text can be read where the picture is shown `shown_px` large.
    """
    taken = np.array([face.box_xyxy for face in faces], float).reshape(-1, 4)
    sizes = (taken[:, 2] - taken[:, 0]) * (taken[:, 3] - taken[:, 1])
    for index in np.argsort(-sizes, kind="stable"):
        others = np.delete(taken, index, axis=0)
        for plate, (x, y) in _candidates(faces[index], image_wh, shown_px, words, len(faces) == 1):
            box_xyxy = (x, y, x + plate.width, y + plate.height)
            if _is_free(box_xyxy, others, image_wh):
                taken = np.vstack([taken, box_xyxy])
                yield plate, (x, y)
                break


def status_plate(text: str, image_wh: tuple[int, int], shown_px: int = SHOWN_PX) -> Image.Image:
    """A line of text on a dark plate, somewhat larger than the smallest that can be read."""
    return _plate(None, text, round(1.3 * _least_text_px(image_wh, shown_px)), image_wh[0])


def _least_text_px(image_wh: tuple[int, int], shown_px: int) -> int:
    return max(SMALLEST_TEXT_PX, max(image_wh) * 10 // shown_px)


def _candidates(
    face: FaceVerdict, image_wh: tuple[int, int], shown_px: int, words: Words, alone: bool
) -> Iterator[Label]:
    """Labels for a face, the most telling first: outside it, then inside, then the mere symbol."""
    left, top, right, bottom = face.box_xyxy
    face_width, face_height = right - left, bottom - top
    least_px = _least_text_px(image_wh, shown_px)
    text_px = max(least_px, min(round(face_width / 6), max(image_wh) * 16 // shown_px))

    # made when they are asked for: the first one mostly fits
    def plates() -> Iterator[Image.Image]:
        texts = (verdict_text(face, words), text_px), (certainty_text(face, 0, words), least_px)
        for text, height_px in texts:
            plate = _plate(face.state, text, height_px, image_wh[0])
            if alone or plate.width <= _FACES_WIDE * face_width:
                yield plate

    for plate in plates():
        yield from ((plate, corner_xy) for corner_xy in _corners(face.box_xyxy, plate, image_wh))
    symbol = _plate(face.state, "", round(least_px * 0.6), image_wh[0])
    for plate in (*plates(), symbol):
        if plate.width <= face_width and plate.height <= face_height * _FACE_SHARE:
            yield plate, (math.ceil(left), math.floor(bottom) - plate.height)
    yield from ((symbol, corner_xy) for corner_xy in _corners(face.box_xyxy, symbol, image_wh))


def _corners(
    box_xyxy: BoxXYXY, plate: Image.Image, image_wh: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """Places round a face: above and below it, at its left or right end, and beside it."""
    left, top = (math.floor(value) for value in box_xyxy[:2])
    right, bottom = (math.ceil(value) for value in box_xyxy[2:])
    last_x = image_wh[0] - plate.width
    for y in (top - plate.height, bottom):
        for x in (left, right - plate.width):
            yield max(0, min(x, last_x)), y
    for x in (right, left - plate.width):
        yield x, top


def _is_free(box_xyxy: BoxXYXY, taken: NDArray[np.float64], image_wh: tuple[int, int]) -> bool:
    left, top, right, bottom = box_xyxy
    if left < 0 or top < 0 or right > image_wh[0] or bottom > image_wh[1]:
        return False
    beside = (taken[:, 2] <= left) | (taken[:, 0] >= right)
    apart = (taken[:, 3] <= top) | (taken[:, 1] >= bottom)
    return bool((beside | apart).all())


@lru_cache(maxsize=128)  # faces of a video say the same for a while, and some hundred others alike
def _plate(state: MaskState | None, text: str, text_px: int, room_px: int) -> Image.Image:
    """A symbol, if of a state, and a text on a dark plate, smaller where the picture is narrow.

    Not to be drawn on: it may be shown again.
    """
    while True:
        font = font_for(text, text_px)
        height = round(text_px * 1.7)  # also the side of the square with the symbol
        side = height if state else 0
        pad = max(2, text_px // 3)
        width = side + (pad + round(font.getlength(text)) + pad if text else 0)
        if width <= room_px or text_px <= 8:
            break
        text_px = max(8, min(text_px - 1, text_px * room_px // width))
    plate = Image.new("RGB", (width, height), PLATE)
    if state:
        plate.paste(_symbol(state, side), (0, 0))
    ImageDraw.Draw(plate).text((side + pad, height / 2), text, INK, font, anchor="lm")
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
        font = font_for(style.symbol, round(large * 0.75))
        draw.text((large / 2, large / 2), style.symbol, PLATE, font, "mm", stroke_width=large // 40)
    return image.reduce(4)


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


# A picture that says in words why there is no other; nothing is shown unjudged.

_LARGEST_PX, _SMALLEST_PX = 48, 8
# lines on a picture this many times as wide as a letter is high can be read at a glance
_LETTERS_WIDE = 22


@lru_cache(maxsize=8)
def notice_picture(text: str, size_wh: tuple[int, int]) -> ImageRGB:
    """A dark picture (H, W, 3) with a text in the middle. All callers share it: do not write on it.

    Args:
        text: one sentence; broken into lines as the width asks for.
        size_wh: width and height of the picture in pixels.
    """
    width, height = size_wh
    text_px = max(_SMALLEST_PX, min(_LARGEST_PX, width // _LETTERS_WIDE, height // 6))
    font = font_for(text, text_px)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= 0.9 * width:
            lines[-1] = longer
        else:
            lines.append(word)
    canvas = Image.new("RGB", size_wh, PLATE)
    ImageDraw.Draw(canvas).multiline_text(
        (width / 2, height / 2),
        "\n".join(lines),
        INK,
        font,
        "mm",
        spacing=text_px / 3,
        align="center",
    )
    picture = np.array(canvas)
    picture.flags.writeable = False
    return picture
