"""Frame -> faces. A detector is anything with this one method."""

from __future__ import annotations

from typing import Protocol

from maskwatch.schema import Face, FaceOrigin, ImageRGB


class Detector(Protocol):
    """Finds faces.

    Attributes:
        origin: what reports say about where its boxes come from.
    """

    origin: FaceOrigin

    def detect(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        """Find the faces of one image (H, W, 3); an empty tuple where there is none."""
        ...


class WholeImage:
    """Takes the whole picture for one face, as the student report did."""

    origin = FaceOrigin.WHOLE_IMAGE

    def detect(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        """One face that fills the picture."""
        height, width = image_rgb.shape[:2]
        return (Face(box_xyxy=(0.0, 0.0, float(width), float(height))),)
