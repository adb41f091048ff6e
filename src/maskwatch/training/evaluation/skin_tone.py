"""An estimate of the skin's tone in a photo, to see whether faces of one tone are judged worse.

The individual typology angle (Chardon et al. 1991) tells how light a colour is against how yellow;
dermatology groups skin by it, and so do audits of face data (Merler et al. 2019, "Diversity in
Faces"). It is taken from the bridge of the nose, which no mask and seldom hair covers. Lamp, shade,
exposure and make-up move it as much as skin does: it describes pictures, and nobody's skin.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import ImageRGB

SMALLEST_PX = 12.0
"""Eyes nearer than this leave a bridge of too few pixels."""

# of the distance between the eyes: how wide the patch is, and from how far above them to below
_WIDTH, _ABOVE, _BELOW = 0.4, 0.35, 0.15


def typology_angle_deg(image_rgb: ImageRGB, landmarks_xy: NDArray[np.float64]) -> float:
    """Individual typology angle at the bridge of the nose; NaN where that cannot be seen.

    Args:
        image_rgb: (H, W, 3).
        landmarks_xy: (5, 2), right and left eye first.

    Returns:
        Degrees from -90 to 90; light skin is above 41, dark skin under 10.
    """
    right_eye, left_eye = landmarks_xy[:2]
    across = left_eye - right_eye
    apart_px = float(np.hypot(*across))
    if apart_px < SMALLEST_PX:
        return float("nan")
    across = across / apart_px
    down = np.array([-across[1], across[0]])
    size = np.ceil(np.array([_WIDTH, _ABOVE + _BELOW]) * apart_px).astype(int)
    corner = (right_eye + left_eye) / 2 - (across * _WIDTH / 2 + down * _ABOVE) * apart_px
    warp = np.column_stack([across, down, corner])
    patch_rgb = cv2.warpAffine(
        image_rgb,
        warp,
        (int(size[0]), int(size[1])),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    lab = cv2.cvtColor(patch_rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    lightness, _, yellow = np.median(lab, axis=0)
    return float(np.rad2deg(np.arctan2(lightness - 50, max(yellow, 1e-6))))
