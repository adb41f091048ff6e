"""A font that has every letter of a text: Pillow's own, or else one that this machine has.

Pillow's covers the languages of western and central Europe, Indonesian and Malay. For any other
script the machine's fonts are looked through once.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_LOG = logging.getLogger(__name__)

_NO_LETTER = "\U0010ffff"
_TRY_PX = 16
_SUFFIXES = {".ttf", ".otf", ".ttc"}


@lru_cache(maxsize=256)
def font_for(text: str, size_px: int) -> Font:
    """A font of this size in which the text can be written; Pillow's own where none can."""
    path = _path_for(frozenset(letter for letter in text if not letter.isascii()))
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
    return Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts"
