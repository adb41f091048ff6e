"""A picture that says in words why there is no other; nothing is shown unjudged."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from maskwatch.fonts import font_for
from maskwatch.schema import ImageRGB
from maskwatch.style import INK, PLATE

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
