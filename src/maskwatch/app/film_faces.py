"""The faces of a film whose answers a visitor may correct, without Streamlit.

The film is deleted once it is judged, and the marked one cannot serve: borders would tell the
answers. So one look is kept at each person for each answer that was shown of them, the clearest;
what was shown for no longer than a moment is not counted and not offered either.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskwatch.io.style import held_s
from maskwatch.live.counting import LEAST_S
from maskwatch.live.loop import Judged
from maskwatch.schema import MaskState, TrackedFace
from maskwatch.store.seen_faces import SeenFace, cut_out, from_png, to_png
from maskwatch.vision.quality import evidence_weight

SOURCE = "film"
"""Under which name faces of visitors' films are kept, those of all of them."""

MOST_FACES = 60
"""Of more in one film, those are left out of which it was unsure, then those it was surest of."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmFace:
    """A face of a film.

    Attributes:
        time_s: when it is seen.
        seen: it, and what was answered.
    """

    time_s: float
    seen: SeenFace


_Place = tuple[int, MaskState]


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    weight: float
    face: FilmFace


class FilmFaces:
    """A sink that keeps a look at each person for each answer."""

    def __init__(self) -> None:
        self._looks: dict[_Place, _Look] = {}
        self._since_s: dict[_Place, float] = {}

    def __call__(self, judged: Judged) -> None:
        """Look at the faces of a frame."""
        time_s = judged.frame.time_s
        for face in judged.report.faces:
            if not isinstance(face, TrackedFace):
                continue
            place = face.track_id, face.state
            since_s = self._since_s.setdefault(place, time_s)
            if time_s - since_s < LEAST_S or held_s(face):
                continue
            weight = evidence_weight(face.quality, face.detection_score) if face.quality else 0.0
            known = self._looks.get(place)
            if known is None or known.weight < weight:
                seen = cut_out(judged.frame.image_rgb, face, SOURCE, judged.report.model)
                self._looks[place] = _Look(weight, FilmFace(time_s, seen))
        while len(self._looks) > MOST_FACES:
            del self._looks[max(self._looks, key=self._dispensable)]

    def write(self, folder: Path) -> None:
        """Write a file for each, whose name says when it is seen; the folder is there at once."""
        part = folder.with_suffix(".part")
        part.mkdir()
        for number, look in enumerate(self._looks.values()):
            name = f"{look.face.time_s:.3f}_{number}.png"
            (part / name).write_bytes(to_png(look.face.seen))
        part.rename(folder)

    def _dispensable(self, place: _Place) -> tuple[bool, float]:
        """Rises with how little a correction would teach: a wrong answer is worth most."""
        face = self._looks[place].face.seen.face
        return face.state is MaskState.UNSURE, face.confidence


def read_faces(folder: Path) -> tuple[FilmFace, ...]:
    """The faces that were written into a folder, in the film's order; none where it is missing."""
    found = [
        FilmFace(float(path.name.partition("_")[0]), from_png(path.read_bytes()))
        for path in folder.glob("*.png")
    ]
    return tuple(sorted(found, key=lambda face: face.time_s))
