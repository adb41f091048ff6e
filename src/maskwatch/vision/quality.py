"""Picture + faces -> how well each face can be seen, measured without a further network.

A verdict on a face that is turned away, blurred, tiny or cut by the edge of the picture is worth
little, however sure the network is of it. `measure_quality` says what can be seen of a face,
`evidence_weight` how much a verdict on it should count beside those of other moments.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import Face, FaceQuality, ImageRGB
from maskwatch.vision.crop import crop_faces

Floats = NDArray[np.float64]
Ramp = tuple[float, float]
"""Where a weight leaves 0 and where it reaches 1; the first may be the larger."""

SHARPNESS_SIDE_PX = 48
"""Side of the grey square on which sharpness is measured: at 64 noise passes for detail, at 32 a
blur that the classifier feels does not show yet (docs/LOG.md). A smaller face is measured as it is:
enlarged it would always look blurred."""

MARGIN_RATIO = 0.15
"""How much of the surroundings should be in the picture; the shipped classifier looks at that."""

_LEAST_SIDE_PX = 8  # room for two steps of the far kind
_FAR_PX = 4
# steps (mean square, grey levels) that a camera's noise and rounding make where there is nothing
_NOISE_STEP = 16.0
# a face reaches so far from the middle of its eyes and mouth, in distances of eyes and mouth
_REACH = 1.05

# The network's own probabilities tell nearly all of how often it is right: weights fitted to films
# and to faces made small and blurred leave no more than these (docs/RESULTS.md, section 6).
# Bare and masked faces are told down to 8 px, masks worn incorrectly hardly below 20.
SIDE_PX: Ramp = (6.0, 12.0)
SHARPNESS: Ramp = (0.0, 0.1)
ROLL_DEG: Ramp = (80.0, 55.0)
# a face without a chin looks masked; half a face at the left or right edge would do, but is rare
VISIBLE_RATIO: Ramp = (0.65, 0.80)
# profiles are told as surely as others; what is turned further shows no mouth
YAW_DEG: Ramp = (90.0, 70.0)
# a hand before the mouth, a glove or a collar is a sure mask to the classifier, but half a face to
# the detector; to be chosen anew with another detector (`maskwatch bench street`)
DETECTION_SCORE: Ramp = (0.5, 0.71)


def measure_quality(
    image_rgb: ImageRGB, faces: Sequence[Face], margin_ratio: float = MARGIN_RATIO
) -> tuple[FaceQuality, ...]:
    """How well each face can be seen, in the order of `faces`.

    Args:
        image_rgb: (H, W, 3).
        faces: those found in it; each must overlap it.
        margin_ratio: share of a face's sides that belongs to its surroundings; 0 where the picture
            is the face and has none.
    """
    if not faces:
        return ()
    boxes_xyxy = np.array([face.box_xyxy for face in faces], float)
    points_xy = np.full((len(faces), 5, 2), np.nan)
    for points, face in zip(points_xy, faces, strict=True):
        if face.landmarks_xy is not None:
            points[:] = face.landmarks_xy
    height, width = image_rgb.shape[:2]
    sides_px = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1)
    crispness = _sharpness_of(image_rgb, boxes_xyxy, sides_px)
    visible = _visible_ratio(boxes_xyxy, points_xy, margin_ratio, (width, height))
    rolls, yaws = _turns_deg(points_xy)
    return tuple(
        FaceQuality(side, crisp, seen, _known(roll), _known(yaw))
        for side, crisp, seen, roll, yaw in zip(
            *(column.tolist() for column in (sides_px, crispness, visible, rolls, yaws)),
            strict=True,
        )
    )


def evidence_weight(quality: FaceQuality, detection_score: float) -> float:
    """How much a verdict on such a face should count, from 0 (not at all) to 1.

    What is not known (the turns of a face without landmarks) takes nothing away.

    Args:
        quality: how well the face can be seen.
        detection_score: how sure the detector is of it, 0 to 1; 1 where the box was given.
    """
    weight = _ramp(detection_score, DETECTION_SCORE)
    weight *= _ramp(quality.side_px, SIDE_PX)
    weight *= _ramp(quality.sharpness, SHARPNESS)
    weight *= _ramp(quality.visible_ratio, VISIBLE_RATIO)
    for turn_deg, ramp in ((quality.roll_deg, ROLL_DEG), (quality.yaw_deg, YAW_DEG)):
        weight *= 1.0 if turn_deg is None else _ramp(abs(turn_deg), ramp)
    return weight


def _sharpness_of(image_rgb: ImageRGB, boxes_xyxy: Floats, sides_px: Floats) -> Floats:
    """Sharpness (n,) of faces (n, 4), each at its own size where that is the smaller."""
    measured_px = np.clip(np.floor(sides_px + 0.5), _LEAST_SIDE_PX, SHARPNESS_SIDE_PX).astype(int)
    values = np.empty(len(boxes_xyxy))
    for side_px in np.unique(measured_px):
        same = measured_px == side_px
        values[same] = sharpness(crop_faces(image_rgb, boxes_xyxy[same], int(side_px), 0.0))
    return values


def sharpness(crops_rgb: NDArray[np.uint8]) -> Floats:
    """Blur of faces, from 0 (nothing finer than four pixels) to 1, (n,).

    Grey steps from pixel to pixel over those across four pixels, root mean square: a quarter where
    all is a gentle slope, half at a hard edge. Light and contrast hardly change the ratio.

    Args:
        crops_rgb: (n, S, S, 3), the tight square round each face; S is 8 to SHARPNESS_SIDE_PX.
    """
    side_px = crops_rgb.shape[1]
    column_rgb = crops_rgb.reshape(-1, side_px, 3)  # all crops in one conversion
    grey = cv2.cvtColor(column_rgb, cv2.COLOR_RGB2GRAY).reshape(-1, side_px, side_px)
    values = grey.astype(np.float32)
    near, far = (_mean_square_step(values, step_px) for step_px in (1, _FAR_PX))
    ratio = np.sqrt(near / (far + _NOISE_STEP))
    return np.asarray(np.clip(_FAR_PX * ratio - 1, 0, 1), float)


def _mean_square_step(values: NDArray[np.float32], step_px: int) -> NDArray[np.float32]:
    across = values[:, :, step_px:] - values[:, :, :-step_px]
    down = values[:, step_px:] - values[:, :-step_px]
    squares = (np.einsum("nij,nij->n", step, step) for step in (across, down))
    return np.asarray(sum(squares) / across[0].size, np.float32)


def _turns_deg(points_xy: Floats) -> tuple[Floats, Floats]:
    """Roll and yaw (n,) from five landmarks (n, 5, 2); NaN where there are none or they coincide.

    On the mean head the nose stands out from the plane of eyes and mouth by half their mean
    breadth (`training/synth/head.py`), so its offset in half breadths is the tangent of the yaw.
    """
    right_eye, left_eye, nose, right_mouth, left_mouth = np.moveaxis(points_xy, 1, 0)
    across = (left_eye - right_eye + left_mouth - right_mouth) / 2
    breadth = np.hypot(across[:, 0], across[:, 1])
    middle = (right_eye + left_eye + right_mouth + left_mouth) / 4
    with np.errstate(invalid="ignore", divide="ignore"):
        offset = ((nose - middle) * across).sum(axis=1) / breadth
        yaw = np.degrees(np.arctan(offset / (breadth / 2)))
    roll = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    return np.where(breadth > 0, roll, np.nan), yaw


def _visible_ratio(
    boxes_xyxy: Floats, points_xy: Floats, margin_ratio: float, image_wh: tuple[int, int]
) -> Floats:
    """Share (n,) of each face and its margin inside the picture.

    A detector's box ends at the edge of the picture; the landmarks tell how far the face goes on.
    """
    eyes, mouth = points_xy[:, :2].mean(axis=1), points_xy[:, 3:].mean(axis=1)
    middle = (eyes + mouth) / 2
    spans = np.stack([mouth - eyes, points_xy[:, 1] - points_xy[:, 0]])
    reach = _REACH * np.hypot(spans[..., 0], spans[..., 1]).max(axis=0)[:, None]
    low = np.fmin(boxes_xyxy[:, :2], middle - reach)  # fmin and fmax pass over NaN
    high = np.fmax(boxes_xyxy[:, 2:], middle + reach)
    margin = margin_ratio * (high - low)
    low, high = low - margin, high + margin
    inside = np.minimum(high, image_wh) - np.maximum(low, 0)
    return np.asarray((np.maximum(inside, 0) / (high - low)).prod(axis=1))


def _ramp(value: float, ramp: Ramp) -> float:
    zero, one = ramp
    return min(max((value - zero) / (one - zero), 0.0), 1.0)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
