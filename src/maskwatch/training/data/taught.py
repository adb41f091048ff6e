"""Which of the three states a set of pictures can teach, and what it means if one is missing."""

from __future__ import annotations

from collections.abc import Mapping

from maskwatch.errors import DataError
from maskwatch.training.data.catalog import LABELS

FEWEST_STATES = 2
"""Of one state alone nothing can be learnt."""


def untaught(counts: Mapping[str, int]) -> tuple[str, ...]:
    """The labels that no picture shows."""
    return tuple(label for label in LABELS if not counts.get(label))


def check_taught(counts: Mapping[str, int], where: str) -> str:
    """What it means that pictures show two of the three states; empty where they show all.

    Args:
        counts: pictures or crops per label.
        where: what holds them, for the message.

    Raises:
        DataError: they show fewer than two.
    """
    missing = untaught(counts)
    if len(LABELS) - len(missing) < FEWEST_STATES:
        names = " or ".join(missing)
        raise DataError(f"{where} shows {names}; at least {FEWEST_STATES} of the three are needed")
    return what_it_means(missing[0]) if missing else ""


def what_it_means(label: str) -> str:
    """What a network is like that was taught without a state."""
    return (
        f"no picture of {label} to learn from: the network will hardly ever answer {label}, and "
        "give such faces one of the other two; add pictures of it, such as a public set, or those "
        "that `maskwatch data synthesise` makes of bare faces"
    )
