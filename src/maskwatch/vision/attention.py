"""Which part of a frame the detector looks at: all of it, where the faces just were, or none.

People before a camera mostly stay where they are, and what comes new moves. So a frame is looked at
whole once in a while and wherever something has changed apart from the faces that are known; in
between only a window round these is, and nothing where not even they have moved.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import BoxXYXY

WHOLE_EVERY = 3
"""Of so many frames in a row one at least is looked at whole ..."""
WHOLE_EVERY_S = 0.15
"""... and so often by the clock, so that nobody who comes in is seen later than that."""
EMPTY_S = 0.5
"""Where nobody was and nothing moves, it is looked at so often; who comes in moves."""

NOWHERE: BoxXYXY = (0.0, 0.0, 0.0, 0.0)
"""The part of a frame to look at where all is as it was."""

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
        self._doubts = False
        self._still: NDArray[np.float64] | None = None  # what the last whole look saw
        self._last: NDArray[np.float64] | None = None  # what the last look saw
        self._frames, self._since_s = 0, 0.0

    def window(
        self, patches: NDArray[np.float64], size_wh: tuple[int, int], elapsed_s: float
    ) -> BoxXYXY | None:
        """The part of the next frame to look at, in its pixels; None for all of it, or NOWHERE.

        Args:
            patches: (rows, columns) how bright its parts are beside their mean, see CutFinder.
            size_wh: its width and height.
            elapsed_s: since the last frame, 0 or more.
        """
        self._frames += 1
        self._since_s += elapsed_s
        if size_wh != self._size_wh:  # the faces that are known lie in another picture
            self._still, self._size_wh = None, size_wh
        if self._still is None or self._is_due():
            window_xyxy = None
        elif not self._doubts and not _moved(self._last, patches).any():
            return NOWHERE
        else:
            window_xyxy = self._calm_window(patches, size_wh)
        if window_xyxy is None:
            self._still, self._frames, self._since_s = patches, 0, 0.0
        self._last = patches
        return window_xyxy

    def _is_due(self) -> bool:
        """Whether it is time to look at all of the frame."""
        if len(self._boxes_xyxy) == 0:
            return self._since_s >= EMPTY_S
        return self._frames >= WHOLE_EVERY or self._since_s >= WHOLE_EVERY_S

    def _calm_window(
        self, patches: NDArray[np.float64], size_wh: tuple[int, int]
    ) -> BoxXYXY | None:
        """Round the known faces, if nothing else has moved."""
        if not 0 < len(self._boxes_xyxy) <= _MOST_FACES:
            return None
        window_xyxy = _window(self._boxes_xyxy, size_wh)
        if window_xyxy is None:
            return None
        elsewhere = ~_covered(window_xyxy, size_wh, patches.shape)
        return None if (_moved(self._still, patches) & elsewhere).any() else window_xyxy

    @property
    def followed(self) -> int:
        """How many faces a window is put round."""
        return len(self._boxes_xyxy)

    def see(self, boxes_xyxy: NDArray[np.float64], doubts: bool) -> None:
        """Be told what was seen in the frame.

        Args:
            boxes_xyxy: (n, 4) the faces that are to be followed.
            doubts: whether there is what may become one.
        """
        self._boxes_xyxy, self._doubts = boxes_xyxy, doubts

    def lose(self) -> None:
        """Be told that somebody is not where a face was: the next frame is looked at whole."""
        self._still = None


def _moved(last: NDArray[np.float64] | None, patches: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which patches have changed; all of them where nothing was seen before."""
    return np.abs(patches - (np.inf if last is None else last)) > _MOVED


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
