"""How numbers and classes are written in every table of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from maskwatch.training.catalog import LABELS

WORDS = dict(zip(LABELS, ("mask", "no mask", "incorrect mask"), strict=True))
"""The classes as tables name them."""


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """A share from 0 to 1 in percent."""
    return "-" if value is None else f"{value:.1%}"


def interval(score: Mapping[str, float | None]) -> str:
    """A score with its 95 % interval, or with its lowest and highest value."""
    if score["value"] is None:
        return "-"
    return f"{number(score['value'])} ({number(score['low'])}-{number(score['high'])})"


def points(score: Mapping[str, float | None]) -> str:
    """Percentage points with their 95 % interval; they may be negative."""
    if score["value"] is None:
        return "-"
    low, high = number(score["low"], 1), number(score["high"], 1)
    return f"{number(score['value'], 1)} ({low} to {high})"
