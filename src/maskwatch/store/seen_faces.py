"""A face as it was seen and judged, in one file, so that a wrong answer can be corrected later.

A marked picture cannot serve: the border round the face would tell the answer. So a PNG holds the
face with a little around it, and as text where the face is in it and what was answered. There is no
number in it that links two faces.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from maskwatch.errors import DataError
from maskwatch.schema import FaceVerdict, ImageRGB
from maskwatch.store.corrections import face_with_surroundings

_TEXT = "maskwatch.seen_face/1"


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """A face and what was answered.

    Attributes:
        image_rgb: (H, W, 3), the face with its surroundings.
        face: what was answered; its box is in pixels of that picture.
        source: the door it came through, such as "photo", or the name of a camera.
        model: name of the classifier that answered.
    """

    image_rgb: ImageRGB
    face: FaceVerdict
    source: str
    model: str


def cut_out(image_rgb: ImageRGB, face: FaceVerdict, source: str, model: str) -> SeenFace:
    """A face of a picture, and no more of it than a correction keeps.

    Args:
        image_rgb: (H, W, 3), the picture that it was found in.
        face: what was answered.
        source: see SeenFace.
        model: name of the classifier that answered.
    """
    kept_rgb, box_xyxy = face_with_surroundings(image_rgb, face.box_xyxy)
    answered = FaceVerdict(
        box_xyxy=box_xyxy,
        detection_score=face.detection_score,
        state=face.state,
        confidence=face.confidence,
        probabilities=face.probabilities,
    )
    return SeenFace(kept_rgb, answered, source, model)


def to_png(seen: SeenFace) -> bytes:
    """The file of a face."""
    document = {"face": seen.face.to_dict(), "source": seen.source, "model": seen.model}
    text = PngInfo()
    text.add_itxt(_TEXT, json.dumps(document))
    file = io.BytesIO()
    Image.fromarray(seen.image_rgb).save(file, "PNG", pnginfo=text)
    return file.getvalue()


def from_png(content: bytes) -> SeenFace:
    """The face in a file that `to_png` made.

    Raises:
        DataError: it holds none.
    """
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as opened:
            image_rgb = np.asarray(opened.convert("RGB"))
            document = json.loads(opened.info[_TEXT])
        face = FaceVerdict.from_dict(document["face"])
        return SeenFace(image_rgb, face, document["source"], document["model"])
    except (OSError, SyntaxError, KeyError, TypeError, ValueError) as error:
        raise DataError("the picture of this face cannot be read") from error
