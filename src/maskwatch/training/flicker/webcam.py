"""A real film: somebody before a webcam takes the mask off and puts it on again.

`webcam_on_off.gif` of `chandrikadeb7/Face-Mask-Detection` (MIT), 65 frames of a screen in which
that project's boxes are burnt in. The times were read off the frames by eye: bare from the first
frame in which the mouth is free of cloth until the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from maskwatch.errors import DataError
from maskwatch.schema import MaskState
from maskwatch.training.flicker.films import FilmFrame, Truth

NAME = "webcam"
BARE_S = (0.73, 2.33)
# where his face is all along, in the 640 x 420 pixels of the file
_FACE_XYXY = (250.0, 165.0, 345.0, 295.0)


def webcam_film(path: Path) -> Iterator[FilmFrame]:
    """The frames with their truth.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with Image.open(path) as gif:
            time_s = 0.0
            for frame in ImageSequence.Iterator(gif):
                bare = BARE_S[0] <= round(time_s, 3) < BARE_S[1]
                state = MaskState.NO_MASK if bare else MaskState.MASK
                image_rgb = np.array(frame.convert("RGB"))
                yield FilmFrame(image_rgb, time_s, (Truth(0, _FACE_XYXY, state),))
                time_s += frame.info["duration"] / 1000
    except OSError as error:
        raise DataError(f"{path}: is not the webcam film, or cannot be read") from error
