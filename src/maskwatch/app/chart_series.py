"""Things that stand beside each other in a chart, each with a colour, a mark and a line."""

from __future__ import annotations

from dataclasses import dataclass

from maskwatch.app.catalogue import Catalogue
from maskwatch.schema import CLASSES, MaskState
from maskwatch.style import STYLES, Colour


@dataclass(frozen=True, slots=True)
class Series:
    """One of several things in a chart, told apart by more than its colour.

    Attributes:
        name: in the legend.
        colour: as "#rrggbb".
        mark: shape of its points, a name of Vega's.
        dash: of its line: lengths of stroke and gap.
    """

    name: str
    colour: str
    mark: str
    dash: tuple[int, int]


_MARKS = {
    MaskState.MASK: ("circle", (1, 0)),
    MaskState.NO_MASK: ("cross", (2, 2)),
    MaskState.INCORRECT_MASK: ("triangle-up", (6, 3)),
}


def hex_colour(colour: Colour) -> str:
    """Such as "#0072b2"."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def class_series(say: Catalogue) -> list[Series]:
    """The three classes, as everywhere in MaskWatch."""
    return [
        Series(class_label(say, state), hex_colour(STYLES[state].colour), *_MARKS[state])
        for state in CLASSES
    ]


def class_label(say: Catalogue, state: MaskState) -> str:
    """A class with its symbol, such as "✓ Mask worn"."""
    return f"{STYLES[state].symbol} {say.label(state)}"


def two_series(first: str, second: str) -> list[Series]:
    """What a chart is about, and what it is compared with."""
    blue, vermillion = (STYLES[s].colour for s in (MaskState.MASK, MaskState.NO_MASK))
    return [
        Series(first, hex_colour(blue), "circle", (1, 0)),
        Series(second, hex_colour(vermillion), "square", (5, 3)),
    ]
