"""A mask as a sheet of material, whether it was drawn or cut from a photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.floating]

SHEET_WH = (240, 160)
"""Width and height of a sheet in its own pixels."""


@dataclass(frozen=True, slots=True)
class Material:
    """A sheet that can be laid on a head.

    Attributes:
        rgba: (160, 240, 4) in 0 to 1, colour not multiplied by alpha: what share of the light the
            material gives back. The upper edge comes first.
        side_top: how far the upper edge has come down at the sides, as a share of the height.
        side_bottom: where the lower edge is at the sides, the same.
        lift: how far a stiff mask stands off the mouth, in eye distances.
        strap_rgb: colour of its loops, the same way; None where it has none.
        straps_round_head: its two bands go round the head, not the ears.
        way: "drawn" or "sampled".
    """

    rgba: NDArray[np.float32]
    side_top: float
    side_bottom: float
    lift: float
    strap_rgb: tuple[float, float, float] | None
    straps_round_head: bool
    way: str


def sheet_grid() -> tuple[Pixels, Pixels]:
    """Every pixel's place across (-1 left to 1) and down (0 upper edge to 1), each (160, 240)."""
    width, height = SHEET_WH
    u = np.linspace(-1, 1, width, dtype=np.float32)
    v = np.linspace(0, 1, height, dtype=np.float32)
    grid = np.meshgrid(u, v)
    return grid[0], grid[1]
