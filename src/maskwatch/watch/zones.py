"""Where a camera looks: polygons that it looks at, and polygons that it ignores; names for them.

A face is where its middle is. Corners are shares of width and height, so that a zone stays where it
is when a camera changes its resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import SettingError
from maskwatch.io.settings import require
from maskwatch.schema import FaceVerdict, FrameReport, ImageRGB


def check_name(name: str) -> None:
    """Raise a SettingError unless this can name a camera, a zone, a rule or a sink everywhere."""
    plain = 0 < len(name) <= 64 and name.isprintable() and name == name.strip()
    valid = "1 to 64 printable characters without / + # $ < > and spaces around"
    # the first four mean something in MQTT, the last two in messages that are HTML
    require(plain and not set(name) & set("/+#$<>"), "name", valid)


def check_once(what: str, names: Sequence[str], taken: Sequence[str] = ()) -> None:
    """Raise a SettingError where a name is there twice, or one that is taken."""
    # topics and numbers are made from names without regard to upper and lower case
    seen = {name.casefold() for name in taken}
    for index, name in enumerate(names):
        if name.casefold() in seen:
            raise SettingError(f"{what}[{index}].name is there twice; each needs a name of its own")
        seen.add(name.casefold())


MOST_ZONES = 50
"""Of one camera: each face is looked for in each of them."""

_MOST_CORNERS = 50
# of the picture; less is a slip of the hand, and nobody's middle is ever in it
_LEAST_AREA = 1e-4
_COVER_RGB = (128, 128, 128)


class ZoneKind(StrEnum):
    """What is done with faces in a zone."""

    INCLUDE = "include"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of a camera's picture.

    Attributes:
        name: in rules and alerts.
        polygon_xy: three corners or more, each as shares of width and height from the left and the
            top, 0 to 1.
        kind: whether it is looked at or ignored.
    """

    name: str
    polygon_xy: tuple[tuple[float, float], ...]
    kind: ZoneKind = ZoneKind.INCLUDE

    def __post_init__(self) -> None:
        check_name(self.name)
        corners = self.polygon_xy
        inside = all(0 <= value <= 1 for corner in corners for value in corner)
        valid = f"3 to {_MOST_CORNERS} corners, each two numbers from 0 to 1"
        require(inside and 3 <= len(corners) <= _MOST_CORNERS, "polygon_xy", valid)
        large = cv2.contourArea(_array(corners)) >= _LEAST_AREA
        require(large, "polygon_xy", "corners that enclose a part of the picture")

    def holds(self, face: FaceVerdict, size_wh: tuple[int, int]) -> bool:
        """Whether the middle of a face is in it; its edge belongs to it.

        Args:
            face: whose box is in pixels.
            size_wh: of the picture.
        """
        left, top, right, bottom = face.box_xyxy
        middle = ((left + right) / 2 / size_wh[0], (top + bottom) / 2 / size_wh[1])
        return cv2.pointPolygonTest(_array(self.polygon_xy), middle, False) >= 0


def check_zones(zones: Sequence[Zone]) -> None:
    """Raise a SettingError unless these can be the zones of one camera."""
    require(len(zones) <= MOST_ZONES, "zones", f"{MOST_ZONES} at most")
    check_once("zones", [zone.name for zone in zones])


def looked_at(zones: Sequence[Zone], report: FrameReport) -> FrameReport:
    """The report without the faces that a camera is not to look at.

    Those are the faces in an ignored zone, and where there are zones to look at, all that are in
    none of these.
    """
    if not zones:
        return report
    size_wh = report.image_size_wh
    included = [zone for zone in zones if zone.kind is ZoneKind.INCLUDE]
    ignored = [zone for zone in zones if zone.kind is ZoneKind.IGNORE]
    faces = tuple(
        face
        for face in report.faces
        if not any(zone.holds(face, size_wh) for zone in ignored)
        and (not included or any(zone.holds(face, size_wh) for zone in included))
    )
    return replace(report, faces=faces)


def within(zone: Zone | None, report: FrameReport) -> FrameReport:
    """The report with the faces of one zone only; None is the whole picture."""
    if zone is None:
        return report
    faces = tuple(face for face in report.faces if zone.holds(face, report.image_size_wh))
    return replace(report, faces=faces)


def covered(zones: Sequence[Zone], image_rgb: ImageRGB) -> ImageRGB:
    """The picture with its ignored zones painted over, for whatever is kept or shown of it.

    Args:
        zones: of the camera.
        image_rgb: (H, W, 3); stays as it is.
    """
    ignored = [zone for zone in zones if zone.kind is ZoneKind.IGNORE]
    if not ignored:
        return image_rgb
    height, width = image_rgb.shape[:2]
    painted = image_rgb.copy()
    for zone in ignored:
        corners_px = np.rint(_array(zone.polygon_xy) * (width, height)).astype(np.int32)
        cv2.fillPoly(painted, [corners_px], _COVER_RGB)
    return painted


def _array(corners: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    return np.array(corners, np.float32)
