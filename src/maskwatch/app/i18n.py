"""The words of the pages in one language; without Streamlit.

Each language has a TOML file (catalogues/en.toml); nothing that a person reads stands
in the code of a page. To add a language, translate a catalogue and name it in `LANGUAGES`.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from maskwatch.app.decoders import MAX_PIXELS
from maskwatch.errors import ImageError
from maskwatch.io.style import Words
from maskwatch.schema import FaceVerdict, MaskState

LANGUAGES = {"en": "English", "id": "Bahasa Indonesia"}
"""Every language there is, by its code and in its own words."""

_FOLDER = Path(__file__).with_name("catalogues")


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """All texts of a language.

    Attributes:
        code: of the language.
        texts: by section and name, such as "photo.title", with places in braces.
    """

    code: str
    texts: Mapping[str, str]

    def text(self, key: str, /, **values: object) -> str:
        """The text of a key, its places filled in."""
        return self.texts[key].format(**values)

    def counted(self, key: str, n: int, /, **values: object) -> str:
        """A text about n things in its form for one or for others; its place {n} is the number."""
        return self.text(f"{key}.{'one' if n == 1 else 'other'}", n=self.whole(n), **values)

    def label(self, state: MaskState) -> str:
        """A state in words."""
        return self.texts[f"states.{state}"]

    def counts(self, faces: Sequence[FaceVerdict]) -> str:
        """How many faces show what, such as "3 faces: 2 mask worn, 1 unsure"."""
        found = Counter(face.state for face in faces)
        shares = ", ".join(
            f"{self.whole(found[state])} {self.label(state).lower()}"
            for state in MaskState
            if found[state]
        )
        return f"{self.counted('counts.faces', len(faces))}{shares and ': '}{shares}"

    def fault(self, error: ImageError) -> str:
        """Why an image cannot be read."""
        return self.text(f"faults.{error.fault}", megapixels=MAX_PIXELS // 1_000_000)

    def number(self, value: float, digits: int = 1) -> str:
        """A number with so many decimal places."""
        return f"{value:.{digits}f}".replace(".", self.texts["format.decimal_mark"])

    def percent(self, ratio: float, digits: int = 1) -> str:
        """A share such as "98.7%"."""
        return f"{self.number(100 * ratio, digits)}%"

    def whole(self, value: int) -> str:
        """A whole number such as "12,345"."""
        return f"{value:,}".replace(",", self.texts["format.thousands_mark"])

    def picture_words(self) -> Words:
        """What is written on pictures."""
        return Words(
            labels={state: self.label(state) for state in MaskState},
            seconds_ago=self.texts["picture.seconds_ago"],
            in_doubt=self.texts["picture.in_doubt"],
            status=self.texts["picture.status"],
            decimal_mark=self.texts["format.decimal_mark"],
        )


@cache
def load_catalogue(code: str) -> Catalogue:
    """The catalogue of a language in `LANGUAGES`."""
    document = tomllib.loads((_FOLDER / f"{code}.toml").read_text(encoding="utf-8"))
    return Catalogue(code, dict(_flat(document, "")))


def _flat(values: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        key = f"{where}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{key}.")
        else:
            yield key, value
