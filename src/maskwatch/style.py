"""How each state looks: its colour, line, symbol and words, the same through every door.

Colour is never the only sign: each state also has its own line and its own symbol. The colours are
the blue, orange, vermillion and grey of Okabe and Ito (2008, "Color Universal Design"), which
colour-blind people can tell apart; labels stand on a dark plate, whatever the picture shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from maskwatch.schema import FaceVerdict, MaskState, TrackedFace

Colour = tuple[int, int, int]

PLATE: Colour = (20, 20, 20)
INK: Colour = (255, 255, 255)

HELD_S = 1.0
"""A verdict on a face that was last seen well longer ago than this shows its age."""


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
    """The verdict in words with its confidence, such as "Mask worn 98.7%".

    In a video it goes without the decimal, which would flicker; one that is held from earlier says
    since when: "Mask worn 99%, 3 s ago".
    """
    label = STYLES[face.state].label
    if not isinstance(face, TrackedFace):
        return f"{label} {face.confidence:.1%}"
    held = f", {face.state_age_s:.0f} s ago" if face.state_age_s >= HELD_S else ""
    return f"{label} {face.confidence:.0%}{held}"
