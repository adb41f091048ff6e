"""What every HTML page of the training path shares: the templates, and pictures inside the page."""

from __future__ import annotations

import base64

import cv2
import jinja2

from maskwatch.schema import ImageRGB


def render(template: str, **values: object) -> str:
    """A page as text.

    Args:
        template: its file in training/templates; text is escaped, a missing value is an error.
        **values: what the template names.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("maskwatch.training"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(**values)


def jpeg_data_uri(image_rgb: ImageRGB, quality: int = 80) -> str:
    """A picture (H, W, 3) as a JPEG in a data URI, so that a page needs no file beside it."""
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode()
