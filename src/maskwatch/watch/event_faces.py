"""The face of an event as the camera took it, so that a wrong answer can be corrected later.

The whole picture of an event cannot serve: the border round the face would tell the answer. So a
PNG lies beside it, which holds the face with a little around it, and as text where the face is in
it and what was answered. There is no number in it that links two events.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from maskwatch.errors import DataError
from maskwatch.live.events import Event
from maskwatch.schema import FaceVerdict, ImageRGB
from maskwatch.store.corrections import face_with_surroundings
from maskwatch.watch.pictures import Picture

_TEXT = "maskwatch.event_face/1"


@dataclass(frozen=True, slots=True)
class EventFace:
    """The face of an event.

    Attributes:
        image_rgb: (H, W, 3), the face with its surroundings.
        face: what the event said of it; its box is in pixels of that picture.
        camera: that saw it.
        model: name of the classifier that answered.
    """

    image_rgb: ImageRGB
    face: FaceVerdict
    camera: str
    model: str


def face_picture(event: Event, image_rgb: ImageRGB, face: FaceVerdict, model: str) -> Picture:
    """The file of a face.

    Args:
        event: what is said of it.
        image_rgb: (H, W, 3), the picture that it was found in.
        face: it.
        model: name of the classifier.
    """
    kept_rgb, box_xyxy = face_with_surroundings(image_rgb, face.box_xyxy)
    answered = FaceVerdict(
        box_xyxy=box_xyxy,
        detection_score=face.detection_score,
        state=event.new_state,
        confidence=event.confidence,
        probabilities=face.probabilities,
    )
    document = {"face": answered.to_dict(), "camera": event.camera, "model": model}
    text = PngInfo()
    text.add_itxt(_TEXT, json.dumps(document))
    file = io.BytesIO()
    Image.fromarray(kept_rgb).save(file, "PNG", pnginfo=text)
    return Picture(file.getvalue(), "image/png")


def read_face(picture: Picture) -> EventFace:
    """The face in a file that `face_picture` made.

    Raises:
        DataError: it holds none.
    """
    try:
        with Image.open(io.BytesIO(picture.content), formats=["PNG"]) as opened:
            image_rgb = np.asarray(opened.convert("RGB"))
            document = json.loads(opened.info[_TEXT])
        face = FaceVerdict.from_dict(document["face"])
        return EventFace(image_rgb, face, document["camera"], document["model"])
    except (OSError, SyntaxError, KeyError, TypeError, ValueError) as error:
        raise DataError("the face of this event cannot be read") from error
