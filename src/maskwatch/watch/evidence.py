"""Evidence, where somebody has asked for it: one picture of each violation, for a time.

The picture is made before anything reaches the disk, and the file holds nothing but it. Its name
tells when the event was and which, so that an alert or a page that names an event finds it. Where
answers are corrected, the folder `faces` in it holds the face of each event under the same name.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from maskwatch.errors import DataError
from maskwatch.live.events import Event
from maskwatch.schema import FaceVerdict, FrameReport, ImageRGB
from maskwatch.store.dated_files import DAY_S, DatedFiles, moment_of, write_private
from maskwatch.store.seen_faces import SeenFace, cut_out, from_png, to_png
from maskwatch.watch.pictures import Picture, PictureKind, event_picture

_LOG = logging.getLogger(__name__)

_EVENT_ID = re.compile("[0-9a-f]{32}")
_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}
_COMPLAIN_EVERY_S = 300.0
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
        self._files = _files_in(folder)
        self._keep_days = keep_days
        self._kind = kind
        self._now_s = now_s
        self._with_faces = with_faces
        self._complained_s = -math.inf

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
        return self._event_ids(self._folder)

    def face_ids(self) -> set[str]:
        """The events of which the face is kept."""
        return self._event_ids(self._folder / _FACES)

    def purge(self) -> int:
        """Delete what is too old; how many pictures that were."""
        try:
            self._files.take_for_new(self._now_s())
        except DataError as error:  # one that cannot be dated anew keeps no other
            self._complain(error)
        try:
            return purge_evidence(self._folder, self._oldest_s())
        except DataError as error:
            self._complain(error)
            return 0

    def _write(self, folder: Path, event: Event, picture: Picture) -> None:
        path = folder / f"{moment_of(event.time_s)}_{event.event_id}{picture.suffix}"
        try:
            write_private(path, picture.content)
        except DataError as error:
            self._complain(error)

    def _find(self, folder: Path, event_id: str) -> Picture | None:
        if not _EVENT_ID.fullmatch(event_id):
            return None
        with suppress(OSError):  # it cannot be read, or was deleted just now
            for path in folder.glob(f"[0-9]*_{event_id}.*"):  # a * takes unfinished ones as well
                taken_s, media_type = self._files.time_of(path.name), _MEDIA_TYPES.get(path.suffix)
                if taken_s is not None and taken_s >= self._oldest_s() and media_type:
                    return Picture(path.read_bytes(), media_type)
        return None

    def _event_ids(self, folder: Path) -> set[str]:
        try:
            names = self._files.names(folder)
        except DataError as error:  # the events are worth more
            self._complain(error)
            return set()
        return {Path(name).stem.partition("_")[2] for name in names}

    def _oldest_s(self) -> float:
        return self._now_s() - self._keep_days * DAY_S

    def _complain(self, what: object) -> None:
        now_s = self._now_s()
        # a clock that was put back must not silence it for longer
        if not 0 <= now_s - self._complained_s < _COMPLAIN_EVERY_S:
            self._complained_s = now_s
            _LOG.error("evidence: %s", what)


def purge_evidence(folder: Path, before_s: float) -> int:
    """Delete the pictures of a folder from before a moment, by the time in their names.

    Args:
        folder: may be missing.
        before_s: UTC seconds since the epoch.

    Returns:
        How many there were; the faces that lie beside them go with them.

    Raises:
        DataError: the folder cannot be read, or one of them not be deleted; the others are.
    """
    return sum(path.parent == folder for path in _files_in(folder).purge(before_s))


def _files_in(folder: Path) -> DatedFiles:
    return DatedFiles((folder / _FACES, folder), "_[0-9a-f]{32}", tuple(_MEDIA_TYPES))
