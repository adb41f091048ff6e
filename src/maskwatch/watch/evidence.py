"""Evidence, where somebody has asked for it: one picture of each violation, too coarse to tell who.

How coarse: the face alone, without hair, clothes and surroundings, as 8 x 8 blocks of one colour
each, and each colour as one of 16 steps. People recognise even a face they know well only from some
16 blocks across on (Harmon and Julesz 1973; Bachmann 1991); half as many in each direction leave a
quarter of that, enough to see whether the lower half of the face has another colour than the
upper. Networks do better than people: given photos of a handful of candidates, one can be guessed
from such mosaics more often than by chance (McPherson et al. 2016). That is why there is one
picture of each event and no film, why nothing in it tells which belong together, and why all of
them are deleted after a time.

The blocks are made before anything reaches the disk, and the file holds nothing but them.
"""

from __future__ import annotations

import io
import logging
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from maskwatch.events import Event
from maskwatch.schema import BoxXYXY, ImageRGB

_LOG = logging.getLogger(__name__)

BLOCKS = 8
"""Blocks across the longer side of a face."""

STEPS = 16
"""Of each colour."""

_SHOWN_PX = 16  # side of a block in the file, so that it can be looked at
_DAY_S = 24 * 60 * 60
_TIME = "%Y%m%dT%H%M%SZ"
# other files in the folder are none of our business
_NAME = re.compile(r"(\d{8}T\d{6}Z)_[0-9a-f]{32}\.png(\.part)?")
_COMPLAIN_EVERY_S = 300.0


def coarse(image_rgb: ImageRGB, box_xyxy: BoxXYXY) -> ImageRGB:
    """What may be kept of a face.

    Args:
        image_rgb: (H, W, 3).
        box_xyxy: of the face; must overlap the picture.

    Returns:
        (rows, columns, 3), one pixel a block, at most BLOCKS each way.
    """
    height, width = image_rgb.shape[:2]
    left, right = _inside(box_xyxy[0], box_xyxy[2], width)
    top, bottom = _inside(box_xyxy[1], box_xyxy[3], height)
    face_rgb = image_rgb[top:bottom, left:right]
    block_px = max(face_rgb.shape[:2]) / BLOCKS
    columns, rows = (max(1, round(side / block_px)) for side in face_rgb.shape[1::-1])
    blocks_rgb = cv2.resize(face_rgb, (columns, rows), interpolation=cv2.INTER_AREA)
    step = 256 // STEPS
    return np.asarray(blocks_rgb // step * step + step // 2, np.uint8)


class EvidenceFolder:
    """Keeps coarse pictures of violations for a time; may be used by several threads.

    A disk that is full, or a folder that must not be written, costs pictures and nothing else.
    """

    def __init__(
        self, folder: Path, keep_days: float, now_s: Callable[[], float] = time.time
    ) -> None:
        """Remember where; the folder is made with the first picture.

        Args:
            folder: where they lie.
            keep_days: older ones are deleted by `purge`.
            now_s: UTC seconds since the epoch.
        """
        self._folder = folder
        self._keep_days = keep_days
        self._now_s = now_s
        self._quiet_until_s = 0.0

    def keep(self, event: Event, image_rgb: ImageRGB, box_xyxy: BoxXYXY) -> None:
        """Write the picture of an event; its name holds the time and the number of the event."""
        shown_rgb = coarse(image_rgb, box_xyxy).repeat(_SHOWN_PX, 0).repeat(_SHOWN_PX, 1)
        content = io.BytesIO()
        Image.fromarray(shown_rgb).save(content, "PNG")
        moment = datetime.fromtimestamp(event.time_s, UTC).strftime(_TIME)
        path = self._folder / f"{moment}_{event.event_id}.png"
        part = path.with_suffix(".png.part")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(part, "wb", opener=_for_the_owner) as file:
                file.write(content.getvalue())
            part.replace(path)
        except OSError as error:
            self._complain(error)

    def purge(self) -> int:
        """Delete what is too old; how many pictures that were."""
        try:
            return purge_evidence(self._folder, self._now_s() - self._keep_days * _DAY_S)
        except OSError as error:
            self._complain(error)
            return 0

    def _complain(self, error: OSError) -> None:
        if self._now_s() >= self._quiet_until_s:
            self._quiet_until_s = self._now_s() + _COMPLAIN_EVERY_S
            _LOG.error("evidence: %s: %s", self._folder, error.strerror)


def purge_evidence(folder: Path, before_s: float) -> int:
    """Delete the pictures of a folder from before a moment, by the time in their names.

    Args:
        folder: may be missing.
        before_s: UTC seconds since the epoch.

    Returns:
        How many there were.

    Raises:
        OSError: the folder cannot be read or written.
    """
    deleted = 0
    if not folder.is_dir():
        return deleted
    for path in folder.iterdir():
        named = _NAME.fullmatch(path.name)
        if not named:
            continue
        taken = datetime.strptime(named[1], _TIME).replace(tzinfo=UTC)
        if taken.timestamp() < before_s:
            path.unlink(missing_ok=True)
            deleted += 1
    return deleted


def _inside(low: float, high: float, size: int) -> tuple[int, int]:
    """The pixels between two places, at least one."""
    first = min(max(0, int(low)), size - 1)
    return first, max(first + 1, min(size, round(high)))


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
