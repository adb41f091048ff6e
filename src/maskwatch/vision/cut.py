"""Frame after frame -> whether the picture has become another one: a cut, a camera switched over.

Who was seen before a cut is not who stands there after it. Two frames in a row show nearly the same
large patches of light and dark; across a cut they have nothing in common.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import ImageRGB

_COLUMNS, _ROWS = 16, 9
# looked at in so many points across and down a patch; the mean hides small movements
_POINTS = 4
# variance (of the sum of three channels) below which there is nothing to compare: a dark room, a
# frame that was lost; the next frame is held against the one before
_FLAT = 225.0
# least correlation of two frames in a row, and what a second between them takes off it: what moves
# changes the picture too. On nine films it is at least .67 after 67 ms and .36 after 200 ms;
# pictures of different films reach .43 (docs/LOG.md)
_LEAST_LIKENESS, _LESS_A_SECOND = 0.6, 1.5


class CutFinder:
    """Finds the cuts of one camera or film; not for several threads.

    Attributes:
        patches: how bright the patches of the frame taken in last are beside their mean, (9, 16).
    """

    def __init__(self) -> None:
        self.patches = np.zeros((_ROWS, _COLUMNS))
        self._last: NDArray[np.float64] | None = None
        self._since_s = 0.0

    def is_cut(self, image_rgb: ImageRGB, elapsed_s: float) -> bool:
        """Take in the next frame and say whether it shows another scene than the last one.

        Args:
            image_rgb: (H, W, 3); its size may change from frame to frame.
            elapsed_s: since the last frame, 0 or more; after some 0.4 s nothing is a cut, since
                people can do as much.
        """
        self._since_s += elapsed_s
        patches, last, since_s = _patches(image_rgb), self._last, self._since_s
        self.patches = patches
        if (patches**2).mean() < _FLAT:
            return False
        self._last, self._since_s = patches, 0.0
        if last is None:
            return False
        return _likeness(last, patches) < _LEAST_LIKENESS - _LESS_A_SECOND * since_s


def _patches(image_rgb: ImageRGB) -> NDArray[np.float64]:
    """How bright the patches of a frame are beside their mean, (9, 16)."""
    height, width = image_rgb.shape[:2]
    rows, columns = (
        (np.arange(count * _POINTS) * 2 + 1) * length // (2 * count * _POINTS)
        for count, length in ((_ROWS, height), (_COLUMNS, width))
    )
    points = image_rgb[rows[:, None], columns].sum(axis=2, dtype=np.float64)
    patches = points.reshape(_ROWS, _POINTS, _COLUMNS, _POINTS).mean(axis=(1, 3))
    return np.asarray(patches - patches.mean())


def _likeness(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Correlation, -1 to 1, which light that grows or fades as a whole does not change."""
    return float((one * other).mean() / np.sqrt((one**2).mean() * (other**2).mean()))
