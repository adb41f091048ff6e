"""Corrected answers: faces that a person told what they show, in a folder that can be trained on.

FOLDER/images/ID.jpg    the face with a little around it, no larger than training needs
FOLDER/labels/ID.txt    its box and what it shows, as YOLO has it; empty where no face is
FOLDER/data.yaml        the names of YOLO's classes
FOLDER/records/ID.json  what was answered, by which model, where; written last

So the folder is a labelled set like any other: `maskwatch data manifest mine=FOLDER` reads it. The
pictures show people. Nothing is kept unless the owner of a computer named a folder, and all of it
is deleted after the days that the owner chose: the time is in the names, so no file that was cut
off, and no record that cannot be read, outlives the others.
"""

from __future__ import annotations

import io
import json
import logging
import math
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np
from PIL import Image

from maskwatch.errors import DataError, SettingError
from maskwatch.schema import CLASSES, BoxXYXY, FaceVerdict, ImageRGB, MaskState
from maskwatch.store.dated_files import DAY_S, DatedFiles, moment_of, write_private

_LOG = logging.getLogger(__name__)

CORRECTION_SCHEMA = "maskwatch.correction/1"

MARGIN_RATIO = 0.5
"""What is kept around a face, in its longer side: as much as the recipes turn and shift it in."""

FACE_PX = 256
"""Longer side of a kept face at most; twice what the classifier sees."""

CLASS_NAMES = (*(state.value for state in CLASSES), "unclear")
"""YOLO's classes by their numbers; what nobody can tell is "unclear", as in manifests."""

NO_FACE = "no_face"
"""Among the choices of a page, the one that stands for no state."""

_EVERY_S = 60 * 60
_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_PLACES = {"images": ".jpg", "labels": ".txt", "records": ".json"}


@dataclass(frozen=True, slots=True)
class Correction:
    """A face and what a person says that it shows.

    Attributes:
        correction_id: begins with the moment.
        time_s: when it was given, UTC seconds since the epoch.
        source: the door it came through, such as "photo", or the name of a camera.
        model: name of the classifier that answered.
        answered: what that said.
        confidence: of that answer.
        right: what the face shows; UNSURE where nobody can tell, None where there is no face.
        box_xyxy: of the face, in pixels of the kept picture.
        size_wh: of the kept picture.
        event_id: of the event of a camera that it corrects, if any.
    """

    correction_id: str
    time_s: float
    source: str
    model: str
    answered: MaskState
    confidence: float
    right: MaskState | None
    box_xyxy: BoxXYXY
    size_wh: tuple[int, int]
    event_id: str | None = None

    @property
    def class_name(self) -> str | None:
        """Of CLASS_NAMES; None where there is no face."""
        if self.right is None:
            return None
        return CLASS_NAMES[-1] if self.right is MaskState.UNSURE else self.right.value

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"schema": CORRECTION_SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Correction:
        """The correction that `to_dict` told.

        Raises:
            ValueError: it is none, or one of another version.
        """
        values = dict(document)
        try:
            if values.pop("schema") != CORRECTION_SCHEMA:
                raise ValueError(f"no {CORRECTION_SCHEMA}")
            left, top, right, bottom = values["box_xyxy"]
            width, height = values["size_wh"]
            values |= {"box_xyxy": (left, top, right, bottom), "size_wh": (width, height)}
            values["answered"] = MaskState(values["answered"])
            values["right"] = None if values["right"] is None else MaskState(values["right"])
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no {CORRECTION_SCHEMA} ({error})") from error


class CorrectionStore:
    """The corrections in one folder; may be used by several threads and processes at once."""

    def __init__(
        self, folder: Path, keep_days: float, now_s: Callable[[], float] = time.time
    ) -> None:
        """Remember where; the folder is made with the first correction.

        Args:
            folder: where they lie; nothing else belongs there.
            keep_days: older ones are deleted, whenever something is kept or looked at.
            now_s: UTC seconds since the epoch.

        Raises:
            SettingError: the days are no positive number.
        """
        if not keep_days > 0:
            raise SettingError(f"corrections: must be kept for more than 0 days, not {keep_days:g}")
        self.folder = folder
        self.keep_days = keep_days
        self._now_s = now_s
        places = [folder / place for place in _PLACES]
        self._files = DatedFiles(places, "-[0-9a-f]{8}", tuple(_PLACES.values()))
        self._told: set[str] = set()  # names of records that cannot be read

    def keep(
        self,
        image_rgb: ImageRGB,
        face: FaceVerdict,
        right: MaskState | None,
        source: str,
        model: str,
        event_id: str | None = None,
    ) -> Correction:
        """Keep a face of a picture with what it really shows.

        Args:
            image_rgb: (H, W, 3), the picture that the face was found in.
            face: what was answered.
            right: what it shows; see Correction.
            source: the door it came through, or the name of a camera.
            model: name of the classifier that answered.
            event_id: of the event of a camera that it corrects, if any.

        Raises:
            DataError: it cannot be written; nothing is kept.
        """
        self.purge()
        kept_rgb, box_xyxy = face_with_surroundings(image_rgb, face.box_xyxy)
        now_s = self._now_s()
        correction = Correction(
            correction_id=f"{moment_of(now_s)}-{os.urandom(4).hex()}",
            time_s=round(now_s, 3),
            source=source,
            model=model,
            answered=face.state,
            confidence=round(face.confidence, 4),
            right=right,
            box_xyxy=box_xyxy,
            size_wh=(kept_rgb.shape[1], kept_rgb.shape[0]),
            event_id=event_id,
        )
        record = json.dumps(correction.to_dict(), ensure_ascii=False) + "\n"
        write_private(self.folder / "data.yaml", class_list().encode())
        write_private(self.picture_path(correction), _jpeg(kept_rgb))
        label_path = self._path("labels", correction.correction_id)
        write_private(label_path, yolo_line(correction).encode())
        write_private(self._path("records", correction.correction_id), record.encode())
        return correction

    def entries(self) -> list[Correction]:
        """All that are kept and can be read, the newest first; the log names the others once.

        Raises:
            DataError: the folder cannot be read, or something too old cannot be deleted.
        """
        self.purge()
        found = []
        for name in self._names():
            path = self.folder / "records" / name
            try:
                one = Correction.from_dict(json.loads(path.read_text(encoding="utf-8")))
                if one.correction_id != path.stem:  # its files were dated anew
                    time_s = self._files.time_of(name) or 0.0
                    one = replace(one, correction_id=path.stem, time_s=time_s)
                found.append(one)
            except FileNotFoundError:  # somebody has just undone it
                continue
            except (OSError, ValueError):
                if name not in self._told:
                    _LOG.warning("%s: no correction that this version reads; it is left out", path)
                self._told.add(name)
        return sorted(found, key=lambda one: one.correction_id, reverse=True)

    def ids(self, before_s: float = math.inf) -> list[str]:
        """Of all that are kept, also of those that cannot be read and of what was cut off.

        Args:
            before_s: only of what was given before; UTC seconds since the epoch.

        Raises:
            DataError: as `entries`.
        """
        self.purge()
        return sorted(
            correction_id
            for correction_id, paths in self._paths().items()
            if (self._files.time_of(paths[0].name) or 0.0) < before_s
        )

    def _paths(self) -> dict[str, list[Path]]:
        """All files of each correction; who was cut off between them has written no record."""
        found: dict[str, list[Path]] = {}
        for path in self._files.paths():
            if named := _ID.search(path.name):
                found.setdefault(named[0], []).append(path)
        return found

    def _names(self) -> list[str]:
        return sorted(self._files.names(self.folder / "records"))

    def picture_path(self, correction: Correction) -> Path:
        """Where the kept picture lies."""
        return self._path("images", correction.correction_id)

    def delete(self, correction_ids: Iterable[str]) -> int:
        """Undo corrections: all of their files go.

        Returns:
            How many of them there were.

        Raises:
            DataError: one cannot be deleted.
        """
        # what is no ID is not among them: it may come from a browser
        kept = self._paths()
        there = kept.keys() & set(correction_ids)
        for path in (path for correction_id in there for path in kept[correction_id]):
            _remove(path)
        return len(there)

    def purge(self) -> None:
        """Delete what is too old, whole or not.

        Raises:
            DataError: something cannot be read or deleted.
        """
        now_s = self._now_s()
        try:
            self._files.take_for_new(now_s)
        finally:  # one that cannot be dated anew keeps no other
            self._files.purge(now_s - self.keep_days * DAY_S)

    def _path(self, place: str, correction_id: str) -> Path:
        return self.folder / place / f"{correction_id}{_PLACES[place]}"


def delete_in_time(store: CorrectionStore) -> None:
    """Delete what is too old now and every hour, as long as the program runs.

    Raises:
        DataError: something cannot be read or deleted now; later the log says so.
    """

    def work() -> None:
        while True:
            time.sleep(_EVERY_S)
            try:
                store.purge()
            except DataError as error:
                _LOG.error("corrections: %s", error)

    store.purge()
    Thread(target=work, name="corrections", daemon=True).start()


def face_with_surroundings(image_rgb: ImageRGB, box_xyxy: BoxXYXY) -> tuple[ImageRGB, BoxXYXY]:
    """What is kept of a picture for a face: as much as training looks at, and no more.

    Args:
        image_rgb: (H, W, 3).
        box_xyxy: of the face; must overlap the picture.

    Returns:
        (h, w, 3), the face with MARGIN_RATIO around it as far as the picture goes, and the box in
        its pixels. A face of more than FACE_PX is made that large.
    """
    height, width = image_rgb.shape[:2]
    left, top, right, bottom = box_xyxy
    longer = max(right - left, bottom - top)
    margin = MARGIN_RATIO * longer
    x0, y0 = max(0, int(left - margin)), max(0, int(top - margin))
    x1, y1 = min(width, round(right + margin) + 1), min(height, round(bottom + margin) + 1)
    kept_rgb = np.ascontiguousarray(image_rgb[y0:y1, x0:x1])
    box = np.array([left - x0, top - y0, right - x0, bottom - y0])
    ratio = FACE_PX / longer
    if ratio < 1:
        size_wh = max(1, round(kept_rgb.shape[1] * ratio)), max(1, round(kept_rgb.shape[0] * ratio))
        box = box * np.tile(np.divide(size_wh, kept_rgb.shape[1::-1]), 2)
        kept_rgb = np.asarray(cv2.resize(kept_rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    ends = np.tile(kept_rgb.shape[1::-1], 2)
    a, b, c, d = np.clip(box, 0, ends).round(2).tolist()
    return kept_rgb, (a, b, c, d)


def yolo_line(correction: Correction) -> str:
    """The label file of a correction; empty where there is no face."""
    name = correction.class_name
    if name is None:
        return ""
    (width, height), (left, top, right, bottom) = correction.size_wh, correction.box_xyxy
    shares = (
        (left + right) / 2 / width,
        (top + bottom) / 2 / height,
        (right - left) / width,
        (bottom - top) / height,
    )
    return " ".join([str(CLASS_NAMES.index(name)), *(f"{share:.6f}" for share in shares)]) + "\n"


def class_list() -> str:
    """`data.yaml` of a YOLO set."""
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(CLASS_NAMES))
    return f"path: .\ntrain: images\nval: images\nnames:\n{names}"


def _jpeg(image_rgb: ImageRGB) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image_rgb).save(content, "JPEG", quality=92)
    return content.getvalue()


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be deleted ({error.strerror})") from error
