"""Frames of one camera -> reports whose labels stay put while people move."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import SettingError
from maskwatch.io.images import load_image
from maskwatch.pipeline import Analyzer, reading_places, size_of
from maskwatch.schema import Face, FaceVerdict, FrameReport, ImageRGB, TrackedFace
from maskwatch.vision.attention import NOWHERE, Attention
from maskwatch.vision.cut import CutFinder
from maskwatch.vision.quality import evidence_weight
from maskwatch.vision.smooth import Look, Smoother, SmoothSettings, SteadyState
from maskwatch.vision.track import Tracker

LOOK_AGAIN_S = 0.1
"""A face that shows beyond doubt what it did is judged once in so long, any other in every frame.

Neighbouring frames show nearly the same picture; what this changes is in docs/LOG.md."""

_BEYOND_DOUBT = 0.95
# turns of the faces fall apart by this share of a turn, so that not all come due in one frame
_STAGGER = (math.sqrt(5) - 1) / 2
# A camera or browser that saves sends the same view in fewer pixels, whose shape differs by what is
# rounded to whole blocks; 5:4 and 4:3 are 7 % apart.
_SAME_SHAPE = 0.03
# after an hour everybody is forgotten; a clock may leap by more than numbers can square
_LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Last:
    """A face in the last frame: what it showed, and in which of its turns."""

    verdict: FaceVerdict
    turn: int


class Stream:
    """Follows the faces of one camera, video or browser session and keeps their states steady.

    Touched by one thread; many may share an Analyzer. Faces are looked for at the detector's side
    for live video, unless the Analyzer was given another.

    Example:
        >>> stream = Stream(Analyzer())
        >>> for image_rgb, time_s in frames:
        ...     for face in stream.update(image_rgb, time_s).faces:
        ...         print(face.track_id, face.state, face.state_age_s)
    """

    def __init__(self, analyzer: Analyzer, steadiness: float = 0.5) -> None:
        """Begin with nobody seen.

        Args:
            analyzer: finds and judges the faces.
            steadiness: 0 follows each change at once and flickers most, 1 is calmest; how long a
                change takes to show is in SmoothSettings.from_steadiness.

        Raises:
            SettingError: the steadiness is not between 0 and 1, or the first is no Analyzer.
        """
        if isinstance(analyzer, type) or not hasattr(analyzer, "find_live"):
            raise SettingError(f"analyzer: must be an Analyzer, not {analyzer!r}")
        self._analyzer = analyzer
        self._tracker = Tracker()
        self._steadiness = steadiness
        self.close()

    @property
    def steadiness(self) -> float:
        """From 0 to 1. Set anew, all labels begin anew too; each face keeps its number."""
        return self._steadiness

    @steadiness.setter
    def steadiness(self, steadiness: float) -> None:
        _check_number("steadiness", steadiness, "lie between 0 and 1")
        self._smoother = Smoother(SmoothSettings.from_steadiness(steadiness))
        self._steady: Mapping[int, SteadyState] = {}
        self._steadiness = steadiness

    def close(self) -> None:
        """Forget everybody; the next frame begins anew. May be called at any time, also twice.

        No number comes back: whoever is seen next gets one that nobody had.
        """
        self._tracker.forget()
        self._cuts = CutFinder()
        self._attention = Attention()
        self.steadiness = self._steadiness
        self._found: tuple[tuple[Face, ...], NDArray[np.bool_]] = (), np.empty(0, np.bool_)
        self._last: dict[int, _Last] = {}
        self._time_s: float | None = None
        self._size_wh: tuple[int, int] | None = None
        self._watched_s = 0.0

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        """Take in the next frame.

        Args:
            image_rgb: RGB uint8 (H, W, 3); its size may change from frame to frame. Of the same
                shape it is the same view, and each face keeps its number; of another, a new one.
            time_s: when it was taken, on any clock. Frames may come irregularly; where they usually
                come more than a second apart, one clear view gives an answer. A clock that goes
                back counts as no time passed.

        Returns:
            The faces of this frame, each a TrackedFace, in reading order. A face that is not in the
            frame is not in the report, though it is remembered for a moment.

        Raises:
            ImageError: the array is no RGB picture.
            SettingError: the time is not a finite number.
        """
        image_rgb = load_image(image_rgb)
        elapsed_s = self._tick(time_s)
        self._fit(size_of(image_rgb))
        if self._cuts.is_cut(image_rgb, elapsed_s):
            self._tracker.forget()
            self._attention.lose()
        found, sure = self._find(image_rgb, elapsed_s)
        boxes_xyxy = np.array([face.box_xyxy for face in found], float).reshape(-1, 4)
        track_ids = self._tracker.update(boxes_xyxy, sure, elapsed_s)
        self._attend(boxes_xyxy, track_ids)
        known = [(i, face) for face, i in zip(found, track_ids, strict=True) if i is not None]
        tracked = dict(known[place] for place in reading_places([face for _, face in known]))
        seen = self._verdicts(image_rgb, tracked)
        looks = {track_id: _look(verdict) for track_id, verdict in seen.items()}
        self._steady = self._smoother.update(looks, self._tracker.track_ids, elapsed_s)
        if any(verdict.state is not self._steady[i].state for i, verdict in seen.items()):
            self._attention.lose()  # an answer may be about to change: nothing of it is to be late
        card = self._analyzer.detector_card
        return FrameReport(
            faces=tuple(_tracked(verdict, i, self._steady[i]) for i, verdict in seen.items()),
            image_size_wh=size_of(image_rgb),
            face_origin=self._analyzer.origin,
            model=self._analyzer.card.name,
            detector=card.name if card else None,
        )

    def _fit(self, size_wh: tuple[int, int]) -> None:
        """In a frame of another size, look for everybody where they are in that one."""
        last_wh, self._size_wh = self._size_wh or size_wh, size_wh
        across, down = size_wh[0] / last_wh[0], size_wh[1] / last_wh[1]
        if abs(across / down - 1) > _SAME_SHAPE:
            self._tracker.forget()
        elif size_wh != last_wh:
            self._tracker.scale((across, down))

    def _find(
        self, image_rgb: ImageRGB, elapsed_s: float
    ) -> tuple[tuple[Face, ...], NDArray[np.bool_]]:
        """The faces of a frame, looked for all over it, where they were or not at all."""
        if self._analyzer.detector_card is None:  # a detector of one's own sees frames only
            return self._analyzer.find_live(image_rgb)
        size_wh = size_of(image_rgb)
        window_xyxy = self._attention.window(self._cuts.patches, size_wh, elapsed_s)
        if window_xyxy != NOWHERE:
            self._found = self._analyzer.find_live(image_rgb, window_xyxy)
            if window_xyxy is not None and len(self._found[0]) < self._attention.followed:
                self._found = self._analyzer.find_live(image_rgb)
        return self._found

    def _attend(self, boxes_xyxy: NDArray[np.float64], track_ids: Sequence[int | None]) -> None:
        """Follow the faces that have a number; if one is gone, look for it everywhere."""
        known = np.array([track_id is not None for track_id in track_ids], bool)
        self._attention.see(boxes_xyxy[known], doubts=not known.all())
        if not self._tracker.track_ids <= set(track_ids):
            self._attention.lose()

    def _verdicts(self, image_rgb: ImageRGB, tracked: Mapping[int, Face]) -> dict[int, FaceVerdict]:
        """Judge the faces that are due; of the others take the last verdict, seen as they are now.

        Args:
            image_rgb: (H, W, 3).
            tracked: its faces by identity.

        Returns:
            A verdict for each, in the same order.
        """
        origin = self._analyzer.origin
        turns = {key: int(self._watched_s / LOOK_AGAIN_S + key * _STAGGER) for key in tracked}
        due = [key for key, turn in turns.items() if self._is_due(key, turn)]
        judged = self._analyzer.judge(image_rgb, [tracked[key] for key in due], origin)
        verdicts = dict(zip(due, judged, strict=True))
        known = [key for key in tracked if key not in verdicts]
        faces = [tracked[key] for key in known]
        qualities = self._analyzer.qualities(image_rgb, faces, origin)
        for key, face, quality in zip(known, faces, qualities, strict=True):
            verdicts[key] = replace(
                self._last[key].verdict,
                box_xyxy=face.box_xyxy,
                detection_score=face.detection_score,
                landmarks_xy=face.landmarks_xy,
                quality=quality,
            )
        self._last = {key: _Last(verdicts[key], turns[key]) for key in tracked}
        return {key: verdicts[key] for key in tracked}

    def _is_due(self, key: int, turn: int) -> bool:
        last, steady = self._last.get(key), self._steady.get(key)
        if last is None or steady is None or last.turn != turn:
            return True
        certain = steady.probabilities.get(steady.state, 0.0) >= _BEYOND_DOUBT
        return not certain or last.verdict.state is not steady.state

    def _tick(self, time_s: float) -> float:
        """Seconds since the last frame."""
        _check_number("time_s", time_s, "be a finite number of seconds")
        last_s, self._time_s = self._time_s, time_s
        elapsed_s = 0.0 if last_s is None else min(max(0.0, time_s - last_s), _LONGEST_S)
        self._watched_s += elapsed_s
        return elapsed_s


def _check_number(name: str, value: object, must: str) -> None:
    if not isinstance(value, Real) or not math.isfinite(value):
        raise SettingError(f"{name}: must {must}, not {value!r}")


def _look(verdict: FaceVerdict) -> Look:
    quality, score = verdict.quality, verdict.detection_score
    weight = 1.0 if quality is None else evidence_weight(quality, score)
    return Look(verdict.probabilities, weight)


def _tracked(verdict: FaceVerdict, track_id: int, steady: SteadyState) -> TrackedFace:
    likeliest = max(steady.probabilities.values())
    return TrackedFace(
        box_xyxy=verdict.box_xyxy,
        detection_score=verdict.detection_score,
        state=steady.state,
        confidence=steady.probabilities.get(steady.state, likeliest),  # UNSURE has none
        probabilities=steady.probabilities,
        landmarks_xy=verdict.landmarks_xy,
        quality=verdict.quality,
        track_id=track_id,
        raw_state=verdict.state,
        state_age_s=steady.age_s,
    )
