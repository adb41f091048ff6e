"""Faces in a picture that was made smaller -> the same faces in the whole picture."""

from __future__ import annotations

from dataclasses import replace

from maskwatch.schema import BoxXYXY, Face, FaceVerdict, LandmarksXY

RatioXY = tuple[float, float]
"""Pixels of the whole picture a pixel of the smaller one, across and down."""


def scale_face(face: Face, ratio_xy: RatioXY) -> Face:
    """A face in the whole picture."""
    return replace(
        face,
        box_xyxy=_scaled_box(face.box_xyxy, ratio_xy),
        landmarks_xy=_scaled_points(face.landmarks_xy, ratio_xy),
    )


def scale_verdict(face: FaceVerdict, ratio_xy: RatioXY) -> FaceVerdict:
    """A judged face in the whole picture."""
    box_xyxy, quality = _scaled_box(face.box_xyxy, ratio_xy), face.quality
    if quality is not None:
        left, top, right, bottom = box_xyxy
        quality = replace(quality, side_px=max(right - left, bottom - top))
    return replace(
        face,
        box_xyxy=box_xyxy,
        landmarks_xy=_scaled_points(face.landmarks_xy, ratio_xy),
        quality=quality,
    )


def _scaled_box(box_xyxy: BoxXYXY, ratio_xy: RatioXY) -> BoxXYXY:
    across, down = ratio_xy
    left, top, right, bottom = box_xyxy
    return left * across, top * down, right * across, bottom * down


def _scaled_points(points_xy: LandmarksXY | None, ratio_xy: RatioXY) -> LandmarksXY | None:
    across, down = ratio_xy
    return points_xy and tuple((x * across, y * down) for x, y in points_xy)
