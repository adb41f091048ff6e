"""How far apart the pictures of a camera come, so that one who sends few is told from a gap.

A camera that sends a picture every five seconds shows each person a few times or once: what would
be a gap for others is all that it ever shows.
"""

from __future__ import annotations

from collections import deque
from statistics import median

SLOW_S = 1.0
"""A camera whose pictures usually come further apart is slow."""

# the middle one of three is no single gap, and no picture that is sent twice
_LOOKED_AT = 3


class Pace:
    """The usual time between the pictures of one camera; not for several threads."""

    def __init__(self) -> None:
        self._elapsed_s = deque([0.0] * _LOOKED_AT, maxlen=_LOOKED_AT)

    def see(self, elapsed_s: float) -> None:
        """Take in the next picture, which comes so long after the last one."""
        self._elapsed_s.append(elapsed_s)

    @property
    def usual_s(self) -> float:
        """Between two pictures; 0 as long as there were too few."""
        return median(self._elapsed_s)

    @property
    def is_slow(self) -> bool:
        """Whether there are usually more than SLOW_S between two pictures."""
        return self.usual_s > SLOW_S
