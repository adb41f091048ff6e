"""Evidence, where somebody has asked for it: one picture of each violation, for a time.

The picture is made before anything reaches the disk, and the file holds nothing but it. Its name
tells when the event was and which, so that an alert or a page that names an event finds it. Where
answers are corrected, the folder `faces` in it holds the face of each event under the same name.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from maskwatch.errors import DataError
from maskwatch.files import explained, writing
from maskwatch.live.events import Event
from maskwatch.schema import FaceVerdict, FrameReport, ImageRGB
from maskwatch.store.seen_faces import SeenFace, cut_out, from_png, to_png
from maskwatch.watch.pictures import Picture, PictureKind, event_picture

_LOG = logging.getLogger(__name__)

_DAY_S = 24 * 60 * 60
_TIME = "%Y%m%dT%H%M%SZ"
# other files in the folder are none of our business
_NAME = re.compile(r"\.?(\d{8}T\d{6}Z)_([0-9a-f]{32})(\.[0-9a-f]{8}\.part)?\.(png|jpg)(\.part)?")
_EVENT_ID = re.compile("[0-9a-f]{32}")
_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}
_COMPLAIN_EVERY_S = 300.0
_AHEAD_S = 3600.0
_FACES = "faces"


class EvidenceFolder:
    """Keeps pictures of violations for a time; may be used by several threads.

    A disk that is full, or a folder that must not be written, costs pictures and nothing else.
    """

    def __init__(
        self,
        folder: Path,
        keep_days: float,
        kind: PictureKind = PictureKind.COARSE,
        now_s: Callable[[], float] = time.time,
        with_faces: bool = False,
    ) -> None:
        """Remember where; the folder is made with the first picture.

        Args:
            folder: where they lie.
            keep_days: older ones are deleted by `purge`.
            kind: how much they show.
            now_s: UTC seconds since the epoch.
            with_faces: whether the face of each event is kept as well, to be corrected.
        """
        self._folder = folder
        self._keep_days = keep_days
        self._kind = kind
        self._now_s = now_s
        self._with_faces = with_faces
        self._quiet_until_s = 0.0

    def keep(
        self, event: Event, image_rgb: ImageRGB, report: FrameReport, face: FaceVerdict
    ) -> None:
        """Write the picture of an event; see event_picture."""
        self._write(self._folder, event, event_picture(self._kind, image_rgb, report, face))
        if self._with_faces:
            answered = replace(face, state=event.new_state, confidence=event.confidence)
            seen = cut_out(image_rgb, answered, event.camera, report.model)
            self._write(self._folder / _FACES, event, Picture(to_png(seen), "image/png"))

    def find(self, event_id: str) -> Picture | None:
        """The picture of an event; None where none is kept, or its time is over."""
        return self._find(self._folder, event_id)

    def find_face(self, event_id: str) -> SeenFace | None:
        """The face of an event; None where none is kept, or its time is over.

        Raises:
            DataError: its file cannot be read.
        """
        picture = self._find(self._folder / _FACES, event_id)
        return from_png(picture.content) if picture else None

    def event_ids(self) -> set[str]:
        """The events of which a picture is kept."""
        return _event_ids(self._folder)

    def face_ids(self) -> set[str]:
        """The events of which the face is kept."""
        return _event_ids(self._folder / _FACES)

    def purge(self) -> int:
        """Delete what is too old; how many pictures that were."""
        try:
            _take_for_new(self._folder, self._now_s())
            return purge_evidence(self._folder, self._oldest_s())
        except OSError as error:
            self._complain(f"{self._folder}: {error.strerror}")
            return 0

    def _write(self, folder: Path, event: Event, picture: Picture) -> None:
        moment = datetime.fromtimestamp(event.time_s, UTC).strftime(_TIME)
        path = folder / f"{moment}_{event.event_id}{picture.suffix}"
        try:
            with explained(path):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with writing(path) as part, open(part, "wb", opener=_for_the_owner) as file:
                file.write(picture.content)
        except DataError as error:
            self._complain(error)

    def _find(self, folder: Path, event_id: str) -> Picture | None:
        if not _EVENT_ID.fullmatch(event_id):
            return None
        for path in folder.glob(f"*_{event_id}.*"):
            taken_s = _taken_s(path.name)
            if taken_s is None or taken_s < self._oldest_s() or path.suffix not in _MEDIA_TYPES:
                continue
            with suppress(OSError):  # deleted just now
                return Picture(path.read_bytes(), _MEDIA_TYPES[path.suffix])
        return None

    def _oldest_s(self) -> float:
        return self._now_s() - self._keep_days * _DAY_S

    def _complain(self, what: object) -> None:
        if self._now_s() >= self._quiet_until_s:
            self._quiet_until_s = self._now_s() + _COMPLAIN_EVERY_S
            _LOG.error("evidence: %s", what)


def purge_evidence(folder: Path, before_s: float) -> int:
    """Delete the pictures of a folder from before a moment, by the time in their names.

    Args:
        folder: may be missing.
        before_s: UTC seconds since the epoch.

    Returns:
        How many there were; the faces that lie beside them go with them.

    Raises:
        OSError: the folder cannot be read, or one of them not be deleted; the others are.
    """
    deleted, failed = 0, None
    for place in (folder / _FACES, folder):
        for path, taken_s in _pictures(place):
            if taken_s >= before_s:
                continue
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                failed = error
            else:
                deleted += place is folder
    if failed:
        raise failed
    return deleted


def _take_for_new(folder: Path, now_s: float) -> None:
    """Date pictures of tomorrow today: the clock was put right, and they must go in time."""
    now = datetime.fromtimestamp(now_s, UTC).strftime(_TIME)
    for place in (folder / _FACES, folder):
        for path, taken_s in _pictures(place):
            if taken_s > now_s + _AHEAD_S:
                path.rename(path.with_name(re.sub(r"\d{8}T\d{6}Z", now, path.name, count=1)))


def _pictures(folder: Path) -> list[tuple[Path, float]]:
    """The pictures in a folder, also those that were not finished, and when each was taken."""
    paths = list(folder.iterdir()) if folder.is_dir() else []
    taken = [(path, _taken_s(path.name)) for path in paths if not path.is_dir()]
    return [(path, taken_s) for path, taken_s in taken if taken_s is not None]


def _event_ids(folder: Path) -> set[str]:
    names = [_NAME.fullmatch(path.name) for path in folder.glob("[0-9]*")]
    return {named[2] for named in names if named}


def _taken_s(name: str) -> float | None:
    """The moment in the name of a picture; None for any other file."""
    named = _NAME.fullmatch(name)
    try:
        return datetime.strptime(named[1], _TIME).replace(tzinfo=UTC).timestamp() if named else None
    except ValueError:  # 31 February
        return None


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
