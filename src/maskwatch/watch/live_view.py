"""What a camera sees just now, for who looks at the page; nothing is held while nobody does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from maskwatch.io.draw import annotate
from maskwatch.io.style import ENGLISH, Words
from maskwatch.live.judge import Judged
from maskwatch.watch.pictures import Picture, as_jpeg, shrunk
from maskwatch.watch.zones import Zone, covered

ASKED_S = 5.0
"""Frames are held in memory for so long after somebody has asked for one."""


class LiveView:
    """The newest frame of one camera, as long as somebody asks for it; for several threads."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """Begin with nobody looking; `now_s` is a clock that never goes back."""
        self._now_s = now_s
        self._asked_s = -ASKED_S
        self._newest: tuple[Judged, Sequence[Zone]] | None = None

    def offer(self, judged: Judged, zones: Sequence[Zone] = ()) -> None:
        """Take in the next frame, and where its camera looks; let it go if nobody has asked."""
        asked = self._now_s() - self._asked_s < ASKED_S
        self._newest = (judged, zones) if asked else None

    def clear(self) -> None:
        """The camera is gone: what it last showed is not what is there now."""
        self._newest = None

    def picture(
        self, longest_px: int, plain: bool = False, words: Words = ENGLISH
    ) -> Picture | None:
        """The newest frame; None where none has come since somebody has asked.

        Args:
            longest_px: of its longer side, at most.
            plain: as the camera took it, to draw zones on; else marked with what was found in it,
                and with what is ignored painted over.
            words: what is written on it.
        """
        self._asked_s = self._now_s()
        if self._newest is None:
            return None
        judged, zones = self._newest
        image_rgb, report = shrunk(judged.frame.image_rgb, judged.report, longest_px)
        if not plain:
            image_rgb = annotate(covered(zones, image_rgb), report, longest_px, words)
        return as_jpeg(image_rgb)
