"""Frames of one camera -> reports whose labels stay put while people move."""

from __future__ import annotations

import math

import numpy as np

from maskwatch.errors import SettingError
from maskwatch.pipeline import Analyzer, reading_order
from maskwatch.quality import evidence_weight
from maskwatch.schema import FaceVerdict, FrameReport, ImageRGB, TrackedFace
from maskwatch.smooth import Look, Smoother, SmoothSettings, SteadyState
from maskwatch.sources import load_image
from maskwatch.track import Tracker


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
            SettingError: the steadiness is not between 0 and 1.
        """
        self._analyzer = analyzer
        self._settings = SmoothSettings.from_steadiness(steadiness)
        self.close()

    def close(self) -> None:
        """Forget everybody; the next frame begins anew. May be called at any time, also twice."""
        self._tracker = Tracker()
        self._smoother = Smoother(self._settings)
        self._time_s: float | None = None

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        """Take in the next frame.

        Args:
            image_rgb: RGB uint8 (H, W, 3); its size may change from frame to frame.
            time_s: when it was taken, on any clock. Frames may come irregularly; a clock that goes
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
        found, sure = self._analyzer.find_live(image_rgb)
        boxes_xyxy = np.array([face.box_xyxy for face in found], float).reshape(-1, 4)
        track_ids = self._tracker.update(boxes_xyxy, sure, elapsed_s)
        identity = dict(zip(found, track_ids, strict=True))
        faces = reading_order([face for face in found if identity[face] is not None])
        verdicts = self._analyzer.judge(image_rgb, faces, self._analyzer.origin)
        seen = {identity[face] or 0: verdict for face, verdict in zip(faces, verdicts, strict=True)}
        looks = {track_id: _look(verdict) for track_id, verdict in seen.items()}
        steady = self._smoother.update(looks, self._tracker.track_ids, elapsed_s)
        height, width = image_rgb.shape[:2]
        card = self._analyzer.detector_card
        return FrameReport(
            faces=tuple(_tracked(verdict, i, steady[i]) for i, verdict in seen.items()),
            image_size_wh=(width, height),
            face_origin=self._analyzer.origin,
            model=self._analyzer.card.name,
            detector=card.name if card else None,
        )

    def _tick(self, time_s: float) -> float:
        """Seconds since the last frame."""
        if not math.isfinite(time_s):
            raise SettingError(f"time_s: must be a finite number of seconds, not {time_s}")
        last_s, self._time_s = self._time_s, time_s
        return 0.0 if last_s is None else max(0.0, time_s - last_s)


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
