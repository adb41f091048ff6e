"""How each state looks: its colour, line, symbol and words, the same through every door.

Colour is never the only sign: each state also has its own line and its own symbol. The colours are
the blue, orange, vermilion and grey of Okabe and Ito (2008, "Color Universal Design"), which
colour-blind people can tell apart; labels stand on a dark plate, whatever the picture shows.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont

from maskwatch.files import home_folder
from maskwatch.schema import FaceVerdict, MaskState, TrackedFace

Colour = tuple[int, int, int]

PLATE: Colour = (20, 20, 20)
INK: Colour = (255, 255, 255)


def hex_colour(colour: Colour) -> str:
    """Such as "#0072b2"."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


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


HELD_S = 0.5
"""A state that was last seen longer ago is shown as one of then, not of now."""


def held_s(face: FaceVerdict) -> float:
    """How old the state of a face in a video is in seconds; 0 where it is as good as new."""
    age_s = face.state_age_s if isinstance(face, TrackedFace) else 0.0
    return age_s if age_s >= HELD_S and face.state is not MaskState.UNSURE else 0.0


@dataclass(frozen=True, slots=True)
class Words:
    """What is written on pictures, in one language.

    Attributes:
        labels: each state in words.
        seconds_ago: when a state was last seen, with a place for {seconds}.
        in_doubt: of a state that stays for a moment although another has become likelier.
        status: of live video, with places for {rate}, {latency} (milliseconds) and {age} (seconds).
        decimal_mark: between a whole number and its fraction.
    """

    labels: Mapping[MaskState, str]
    seconds_ago: str
    in_doubt: str
    status: str
    decimal_mark: str

    def number(self, value: float, digits: int = 1) -> str:
        """A number with so many decimal places."""
        return f"{value:.{digits}f}".replace(".", self.decimal_mark)

    def percent(self, ratio: float, digits: int = 1) -> str:
        """A share such as "98.7%"."""
        return f"{self.number(100 * ratio, digits)}%"


ENGLISH = Words(
    labels={state: style.label for state, style in STYLES.items()},
    seconds_ago="{seconds} s ago",
    in_doubt="in doubt",
    status="{rate} frames/s, latency {latency} ms, age {age} s",
    decimal_mark=".",
)


def certainty_text(face: FaceVerdict, digits: int = 1, words: Words = ENGLISH) -> str:
    """The confidence such as "98.7%", or how long ago the state was seen such as "2 s ago".

    In a video the state stays for a moment when another has become likelier: "in doubt". Of who is
    unsure there it says nothing: that may be somebody who has just come, or is about to change.
    """
    age_s = held_s(face)
    if age_s:
        return words.seconds_ago.format(seconds=max(1, round(age_s)))
    unsure, likely = face.state is MaskState.UNSURE, face.confidence >= 0.5
    in_video = isinstance(face, TrackedFace)
    if unsure and (in_video or likely):
        return ""
    return words.in_doubt if in_video and not likely else words.percent(face.confidence, digits)


def verdict_text(face: FaceVerdict, words: Words = ENGLISH) -> str:
    """The verdict in words with its confidence or age, such as "Mask worn 98.7%"."""
    return f"{words.labels[face.state]} {certainty_text(face, words=words)}".rstrip()


# A font that has every letter of a text: Pillow's own, or else one that this machine has.
#
# Pillow's covers the languages of western and central Europe, Indonesian and Malay. For any other
# script the machine's fonts are looked through once.

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_LOG = logging.getLogger(__name__)

_NO_LETTER = "\U0010ffff"
_TRY_PX = 16
_SUFFIXES = {".ttf", ".otf", ".ttc"}


def font_for(text: str, size_px: int) -> Font:
    """A font of this size in which the text can be written; Pillow's own where none can."""
    path = _path_for(frozenset(letter for letter in text if not letter.isascii()))
    return _font(path, size_px)


@lru_cache(maxsize=64)  # 50 kB each, so not one for each text
def _font(path: Path | None, size_px: int) -> Font:
    return ImageFont.truetype(path, size_px) if path else ImageFont.load_default(size_px)


@cache
def _path_for(letters: frozenset[str]) -> Path | None:
    """The first font file with all the letters, None for Pillow's own."""
    if _has(ImageFont.load_default(_TRY_PX), letters):
        return None
    for path in font_files():
        try:
            font = ImageFont.truetype(path, _TRY_PX)
        except OSError:  # bitmap fonts and damaged files
            continue
        if _has(font, letters):
            return path
    words = "no font of this machine has all of %s; install one, such as Noto Sans of that script"
    _LOG.warning(words, "".join(sorted(letters)))
    return None


def _has(font: Font, letters: frozenset[str]) -> bool:
    missing = bytes(font.getmask(_NO_LETTER))
    return all(letter.isspace() or bytes(font.getmask(letter)) != missing for letter in letters)


def font_files() -> Iterator[Path]:
    """The font files of this machine, plain ones without serifs first: their names are short."""
    files = [path for folder in _folders() for path in folder.rglob("*")]
    fonts = [path for path in files if path.suffix.lower() in _SUFFIXES]
    yield from sorted(fonts, key=lambda path: ("Sans" not in path.name, len(path.name), path.name))


def _folders() -> tuple[Path, ...]:
    if sys.platform == "win32":
        return (Path(os.environ.get("WINDIR", "C:/Windows"), "Fonts"),)
    if sys.platform == "darwin":
        return Path("/System/Library/Fonts"), Path("/Library/Fonts")
    return Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home_folder() / ".fonts"
