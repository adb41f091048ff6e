"""Drawn photos to try before uploading one; scripts/draw_samples.py makes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskwatch.schema import MaskState

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Sample:
    """A drawn photo.

    Attributes:
        name: of it, in the catalogue too.
        shows: what the faces in it are meant to show, in reading order.
    """

    name: str
    shows: tuple[MaskState, ...]

    @property
    def path(self) -> Path:
        """Where the picture is."""
        return FOLDER / f"{self.name}.jpg"


SAMPLES = (
    Sample("worn", (MaskState.MASK,)),
    Sample("nose_out", (MaskState.INCORRECT_MASK,)),
    Sample("bare", (MaskState.NO_MASK,)),
    Sample(
        "group",
        (MaskState.MASK, MaskState.INCORRECT_MASK, MaskState.NO_MASK, MaskState.MASK),
    ),
)
