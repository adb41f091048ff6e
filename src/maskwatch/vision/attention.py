"""Which part of a frame the detector looks at: all of it, or where the faces just were.

People before a camera mostly stay where they are, and what comes new moves. So a frame is looked at
whole once in a while and wherever something has changed apart from the faces that are known; in
between only a window round these is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import BoxXYXY

WHOLE_EVERY = 3
"""Of so many frames in a row one at least is looked at whole ..."""
WHOLE_EVERY_S = 0.15
"""... and so often by the clock, so that nobody who comes in is seen later than that."""

_MARGIN = 0.75  # of a face's longer side, on each side: as far as it may move, and a bit to see
_MOST_SHARE = 0.6  # a window larger than this saves nothing
_MOST_FACES = 2  # of more, one nearly always moves away, and the frame is then looked at twice
# of a patch's brightness, the sum of three channels; a camera's noise is a third of it
_MOVED = 12.0


class Attention:
    """Chooses the part for one camera, frame after frame; not for several threads."""

    def __init__(self) -> None:
        self._size_wh = 0, 0
        self._boxes_xyxy: NDArray[np.float64] = np.empty((0, 4))
        self._still: NDArray[np.float64] | None = None  # what the last whole look saw
        self._frames, self._since_s = 0, 0.0

    def window(
        self, patches: NDArray[np.float64], size_wh: tuple[int, int], elapsed_s: float
    ) -> BoxXYXY | None:
        """The part of the next frame to look at, in its pixels; None for all of it.

        Args:
            patches: (rows, columns) how bright its parts are beside their mean, see CutFinder.
            size_wh: its width and height.
            elapsed_s: since the last frame, 0 or more.
        """
        self._frames += 1
        self._since_s += elapsed_s
        if size_wh != self._size_wh:  # the faces that are known lie in another picture
            self._still, self._size_wh = None, size_wh
        window_xyxy = self._calm_window(patches, size_wh)
        if window_xyxy is None:
            self._still, self._frames, self._since_s = patches, 0, 0.0
        return window_xyxy

    def _calm_window(
        self, patches: NDArray[np.float64], size_wh: tuple[int, int]
    ) -> BoxXYXY | None:
        """Round the known faces, if it is not time to look at all and nothing else has moved."""
        due = self._frames >= WHOLE_EVERY or self._since_s >= WHOLE_EVERY_S
        if due or self._still is None or not 0 < len(self._boxes_xyxy) <= _MOST_FACES:
            return None
        window_xyxy = _window(self._boxes_xyxy, size_wh)
        if window_xyxy is None:
            return None
        moved = np.abs(patches - self._still) > _MOVED
        moved &= ~_covered(window_xyxy, size_wh, patches.shape)
        return None if moved.any() else window_xyxy

    @property
    def followed(self) -> int:
        """How many faces a window is put round."""
        return len(self._boxes_xyxy)

    def see(self, boxes_xyxy: NDArray[np.float64]) -> None:
        """Be told where the faces (n, 4) of the frame are that are to be followed."""
        self._boxes_xyxy = boxes_xyxy

    def lose(self) -> None:
        """Be told that somebody is not where a face was: the next frame is looked at whole."""
        self._still = None


def _window(boxes_xyxy: NDArray[np.float64], size_wh: tuple[int, int]) -> BoxXYXY | None:
    """The part of the frame round all boxes; None where that is nearly all of it."""
    margins = _MARGIN * (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1, keepdims=True)
    low = np.maximum((boxes_xyxy[:, :2] - margins).min(axis=0), 0)
    high = np.minimum((boxes_xyxy[:, 2:] + margins).max(axis=0), size_wh)
    if (high - low).prod() > _MOST_SHARE * np.prod(size_wh):
        return None
    left, top, right, bottom = np.concatenate([low, high]).tolist()
    return left, top, right, bottom


def _covered(
    window_xyxy: BoxXYXY, size_wh: tuple[int, int], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Which patches of a frame (rows, columns) a window touches."""
    rows, columns = shape
    left, top, right, bottom = window_xyxy
    width, height = size_wh
    x = np.arange(columns) * width / columns
    y = np.arange(rows) * height / rows
    across = (x + width / columns > left) & (x < right)
    down = (y + height / rows > top) & (y < bottom)
    return np.asarray(down[:, None] & across[None], np.bool_)
