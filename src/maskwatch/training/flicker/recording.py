"""Films through the networks once; then through streams at any frame rate and setting.

What the networks say of a frame does not depend on the frames around it, so a film of 30 frames a
second is analysed once and played at 30 and, every other frame left out, at 15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Protocol, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.models.card import DetectorCard, ModelCard
from maskwatch.pipeline import Analyzer
from maskwatch.schema import (
    BoxXYXY,
    Face,
    FaceOrigin,
    FaceQuality,
    FaceVerdict,
    ImageRGB,
    MaskState,
    TrackedFace,
)
from maskwatch.stream import Stream
from maskwatch.training.flicker.films import FilmFrame, Truth
from maskwatch.vision.detect import iou_matrix

_MIN_IOU = 0.3
_THUMBNAIL_WH = (64, 36)  # enough for a Stream to see a cut


class HasBox(Protocol):
    """Somebody whose place is known."""

    @property
    def box_xyxy(self) -> BoxXYXY:
        """(left, top, right, bottom) in pixels."""
        ...


Seen = TypeVar("Seen", bound=HasBox)
Shown = TypeVar("Shown", bound=HasBox)


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """One frame as the networks see it.

    Attributes:
        time_s: when it was taken.
        thumbnail_rgb: the frame made small; a Stream sees a cut in it, and nothing else.
        truths: who can be seen in it.
        verdicts: one for each face found, faint ones too.
        sure: (n,) whether each is a face beyond doubt.
    """

    time_s: float
    thumbnail_rgb: ImageRGB
    truths: tuple[Truth, ...]
    verdicts: dict[Face, FaceVerdict]
    sure: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Moment:
    """One person in one frame, as a stream shows it.

    Attributes:
        time_s: when.
        truth: what the person shows.
        face: what the stream makes of it.
        alone: the verdict on this frame alone.
    """

    time_s: float
    truth: MaskState
    face: TrackedFace
    alone: FaceVerdict


@dataclass(frozen=True, slots=True)
class Timeline:
    """One person of one film.

    Attributes:
        upset: what happened in the film.
        seconds: how long the person could be seen.
        moments: those in which the stream shows the face.
        missed: share of the frames in which it does not.
    """

    upset: str
    seconds: float
    moments: tuple[Moment, ...]
    missed: float


def record(analyzer: Analyzer, frames: Iterable[FilmFrame]) -> list[RecordedFrame]:
    """Find and judge the faces of every frame, as a Stream would have it done."""
    return [record_frame(analyzer, frame.image_rgb, frame.time_s, frame.truths) for frame in frames]


def record_frame(
    analyzer: Analyzer, image_rgb: ImageRGB, time_s: float, truths: tuple[Truth, ...] = ()
) -> RecordedFrame:
    """Find and judge the faces of one frame."""
    faces, sure = analyzer.find_live(image_rgb)
    verdicts = analyzer.judge(image_rgb, faces, analyzer.origin)
    small = cv2.resize(image_rgb, _THUMBNAIL_WH, interpolation=cv2.INTER_AREA)
    by_face = dict(zip(faces, verdicts, strict=True))
    return RecordedFrame(time_s, np.asarray(small, np.uint8), truths, by_face, sure)


def shown_faces(
    recorded: Iterable[RecordedFrame], stream_for: Callable[[Analyzer], Stream]
) -> Iterator[tuple[RecordedFrame, tuple[TrackedFace, ...]]]:
    """Put a recording through a stream: each frame with the faces that are shown of it."""
    replay = _Replay()
    stream = stream_for(cast(Analyzer, replay))
    for frame in recorded:
        replay.frame = frame
        faces = stream.update(frame.thumbnail_rgb, frame.time_s).faces
        yield frame, cast(tuple[TrackedFace, ...], faces)


def play(
    recorded: Sequence[RecordedFrame], upset: str, stream_for: Callable[[Analyzer], Stream]
) -> list[Timeline]:
    """Put a recording through a stream, and say of each person what was shown.

    Args:
        recorded: the frames that the camera delivers.
        upset: what happens in the film.
        stream_for: makes a stream with an analyzer.
    """
    persons = sorted({truth.person for frame in recorded for truth in frame.truths})
    moments: dict[int, list[Moment]] = {person: [] for person in persons}
    visible = dict.fromkeys(persons, 0)
    for frame, shown in shown_faces(recorded, stream_for):
        alone = {verdict.box_xyxy: verdict for verdict in frame.verdicts.values()}
        for truth in frame.truths:
            visible[truth.person] += 1
        for truth, face in pairs(frame.truths, shown):
            moment = Moment(frame.time_s, truth.state, face, alone[face.box_xyxy])
            moments[truth.person].append(moment)
    step_s = recorded[1].time_s - recorded[0].time_s
    return [
        Timeline(upset, visible[p] * step_s, tuple(moments[p]), 1 - len(moments[p]) / visible[p])
        for p in persons
    ]


class _Replay:
    """Answers like an Analyzer, from a recording."""

    frame: RecordedFrame
    origin = FaceOrigin.DETECTED
    detector_card: DetectorCard | None = None
    card = cast(ModelCard, SimpleNamespace(name="recorded"))

    def find_live(self, image_rgb: ImageRGB) -> tuple[tuple[Face, ...], NDArray[np.bool_]]:
        return tuple(self.frame.verdicts), self.frame.sure

    def judge(
        self, image_rgb: ImageRGB, faces: Sequence[Face], origin: FaceOrigin
    ) -> tuple[FaceVerdict, ...]:
        return tuple(self.frame.verdicts[face] for face in faces)

    def qualities(
        self, image_rgb: ImageRGB, faces: Sequence[Face], origin: FaceOrigin
    ) -> tuple[FaceQuality | None, ...]:
        return tuple(self.frame.verdicts[face].quality for face in faces)


def pairs(truths: Sequence[Seen], faces: Sequence[Shown]) -> list[tuple[Seen, Shown]]:
    """Who is which face: those that overlap each other most, so nobody takes a neighbour's."""
    if not truths or not faces:
        return []
    true_boxes = np.array([truth.box_xyxy for truth in truths])
    overlap = iou_matrix(true_boxes, np.array([face.box_xyxy for face in faces]))
    return [
        (truth, faces[best])
        for index, truth in enumerate(truths)
        if overlap[index, best := int(overlap[index].argmax())] >= _MIN_IOU
        and overlap[:, best].argmax() == index
    ]
