"""Golden vectors for what is done frame after frame: cuts, attention, tracks, states, counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from maskwatch import MaskState
from maskwatch.live.counting import Session
from maskwatch.live.events import Alarmist
from maskwatch.schema import (
    CLASSES,
    Face,
    FaceOrigin,
    FaceQuality,
    FaceVerdict,
    FrameReport,
    ImageRGB,
    TrackedFace,
)
from maskwatch.stream import Stream
from maskwatch.vision.attention import Attention
from maskwatch.vision.cut import CutFinder
from maskwatch.vision.letter_box import is_within, letter_box, whole_cells
from maskwatch.vision.smooth import Look, Smoother, SmoothSettings
from maskwatch.vision.track import Tracker
from support.contract_parts import Values, drawn, face_of, part, picture, shown_face


def walks(
    rng: np.random.Generator, people: int, frames: int, slower: float = 1.0
) -> Iterator[tuple[float, list[Any]]]:
    """Boxes of people who walk about, hide and are faint at times, at an uneven pace."""
    place, speed = rng.uniform(0, 400, (people, 2)), rng.normal(0, 120, (people, 2))
    side = rng.uniform(30, 90, people)
    for _ in range(frames):
        elapsed = float(rng.choice((0.0, 0.03, 0.07, 0.2, 0.6), p=(0.02, 0.4, 0.4, 0.13, 0.05)))
        place, speed = place + speed * elapsed, speed * 0.98 + rng.normal(0, 8, (people, 2))
        seen = []
        for at in rng.permutation(people):
            if rng.random() < 0.15:
                continue
            x, y = place[at] + rng.normal(0, 2, 2)
            half = side[at] * rng.uniform(0.47, 0.53)
            box = [round(float(v), 2) for v in (x - half, y - half, x + half, y + half)]
            seen.append((int(at), box, bool(rng.random() < 0.8)))
        yield round(elapsed * slower, 2), seen


@part
def cuts(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for width, height in ((64, 36), (70, 50), (5, 3)):
        first = drawn(rng, width, height)
        moved, flat = np.roll(first, 2, axis=1), np.full_like(first, 40)
        images = [first, moved, drawn(rng, width, height), first // 2, flat, flat + 3]
        finder, given, answer = CutFinder(), [], []
        for _ in range(60):
            scene, elapsed = int(rng.integers(len(images))), float(rng.choice((0.03, 0.2, 0.5)))
            answer.append(finder.is_cut(images[scene], elapsed))
            given.append({"scene": scene, "elapsed": elapsed})
        yield {"scenes": [picture(image) for image in images], "frames": given}, answer


@part
def attention(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for people in (0, 1, 4):
        scenes = [rng.normal(0, 60, (9, 16)).round(2)]
        scenes += [scenes[0] + rng.normal(0, 3, (9, 16)).round(2) for _ in range(3)]
        scenes.append(scenes[0].copy())
        scenes[-1][2, 3] += 30  # something moves
        watch, given, answer = Attention(), [], []
        middles = rng.uniform((60, 60), (260, 180), (people, 2))
        for frame in range(80):
            scene, lost = int(rng.choice(5, p=(0.3, 0.2, 0.2, 0.2, 0.1))), bool(rng.random() < 0.1)
            size = [640, 360] if frame < 60 else [480, 360]
            elapsed = float(rng.choice((0.03, 0.1, 0.2), p=(0.6, 0.3, 0.1)))
            low = middles + rng.normal(0, 2, (people, 2)) - 20
            boxes = np.hstack([low, low + rng.uniform(20, 60, (people, 2))]).round(2)
            window = watch.window(scenes[scene], (size[0], size[1]), elapsed)
            answer.append([window and list(window), watch.followed])
            doubts = bool(rng.random() < 0.3)
            watch.see(boxes, doubts)
            if lost:
                watch.lose()
            told = {"scene": scene, "size": size, "elapsed": elapsed}
            given.append({**told, "boxes": boxes.tolist(), "doubts": doubts, "lost": lost})
        yield {"scenes": [scene.ravel().tolist() for scene in scenes], "frames": given}, answer


@part
def windows(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for width, height, side in ((640, 480, 384), (270, 480, 384), (30, 20, 96)):
        padded, ratio = letter_box(np.zeros((height, width, 3), np.uint8), side)
        for _ in range(8):
            low = rng.uniform(-0.1, 0.9, 2) * (width, height)
            window = np.concatenate([low, low + rng.uniform(0.01, 0.6, 2) * (width, height)])
            cells = whole_cells(tuple(window.round(2).tolist()), ratio, padded.shape)
            corner = rng.uniform(0, 0.9, (10, 2)) * padded.shape[1::-1]
            boxes = np.hstack([corner, corner + rng.uniform(4, 60, (10, 2))]).round(1)
            boxes[0] = cells
            inside = is_within(boxes, cells, padded.shape)
            size = {"columns": padded.shape[1], "rows": padded.shape[0]}
            given = {"window": window.round(2).tolist(), "ratio": ratio.tolist(), **size}
            yield {**given, "boxes": boxes.tolist()}, {"cells": cells, "within": inside.tolist()}


@part
def tracker(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    paces = ((1, 40, 1), (4, 120, 1), (9, 120, 1), (25, 60, 1), (3, 60, 20), (3, 60, 80))
    for people, frames, slower in paces:
        follower, given, answer = Tracker(), [], []
        for elapsed, seen in walks(rng, people, frames, slower):
            boxes, sure = [box for _, box, _ in seen], [sure for *_, sure in seen]
            array = np.array(boxes, float).reshape(-1, 4)
            answer.append(list(follower.update(array, np.array(sure, bool), elapsed)))
            given.append({"elapsed": elapsed, "boxes": boxes, "sure": sure})
        yield {"frames": given}, answer


def told(rng: np.random.Generator, state: int) -> dict[MaskState, float]:
    """What a network might say of a face that shows this class."""
    weights = np.full(3, 0.4)
    weights[state] = rng.choice((8.0, 2.0, 0.6))
    row = rng.dirichlet(weights).round(4)
    row[2] = round(1 - row[0] - row[1], 4)
    return dict(zip(CLASSES, row.tolist(), strict=True))


@part
def smoother(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for steadiness, slower in ((0.0, 1), (0.5, 1), (1.0, 1), (0.5, 20), (1.0, 200)):
        steady = Smoother(SmoothSettings.from_steadiness(steadiness))
        given, answer, state = [], [], 0
        for frame in range(120):
            if frame % 30 == 29:
                state = int(rng.integers(3))
            elapsed = float(rng.choice((0.03, 0.07, 0.4))) * slower
            looks = {
                key: Look(told(rng, state), float(rng.choice((0.0, 0.2, 0.7, 1.0))))
                for key in (1, 2)
                if rng.random() < 0.85
            }
            ids = {1, 2} if frame != 60 else {1}
            ids |= set(looks)
            shown = steady.update(looks, ids, elapsed)
            given.append(
                {
                    "elapsed": elapsed,
                    "ids": sorted(ids),
                    "looks": [
                        {"id": key, "probabilities": look.probabilities, "weight": look.weight}
                        for key, look in looks.items()
                    ],
                }
            )
            answer.append(
                [[i, s.state, list(s.probabilities.values()), s.age_s] for i, s in shown.items()]
            )
        yield {"steadiness": steadiness, "frames": given}, answer


Scripted = tuple[Face, bool, dict[MaskState, float], FaceQuality]


class Script:
    """Stands for an Analyzer whose networks say what a script holds."""

    origin = FaceOrigin.DETECTED

    class card:
        name = "script"

    detector_card = card

    def __init__(self) -> None:
        self.frame: list[Scripted] = []
        self.past: list[Scripted] = []
        self.judged: list[tuple[float, ...]] = []
        self.windows: list[Any] = []

    def find_live(self, image_rgb: ImageRGB, window_xyxy: Any = None) -> Any:
        """The faces of the script, of which a window shows those whose middle it holds."""
        self.windows.append(window_xyxy and list(window_xyxy))
        seen = [e for e in self.frame if window_xyxy is None or _holds(window_xyxy, e[0].box_xyxy)]
        return tuple(f for f, *_ in seen), np.array([s for _, s, *_ in seen], bool)

    def judge(self, image_rgb: ImageRGB, faces: Any, origin: FaceOrigin) -> Any:
        self.judged = [face.box_xyxy for face in faces]
        return tuple(self._verdict(face) for face in faces)

    def qualities(self, image_rgb: ImageRGB, faces: Any, origin: FaceOrigin) -> Any:
        return tuple(self._verdict(face).quality for face in faces)

    def _verdict(self, face: Face) -> FaceVerdict:
        known = reversed(self.past + self.frame)  # where nothing moves, faces are those of before
        *_, row, seen = next(entry for entry in known if entry[0] == face)
        best = max(row, key=row.__getitem__)
        state = best if row[best] >= 0.5 else MaskState.UNSURE
        return FaceVerdict(face.box_xyxy, face.detection_score, state, row[best], row, None, seen)


def _holds(window: Any, box: Any) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return bool(window[0] <= x <= window[2] and window[1] <= y <= window[3])


SPACE = np.array([480.0, 270.0, 480.0, 270.0])
"""Within which people walk about."""
SIZES = ((64, 36), (64, 18), (65, 18))
"""In which the view of a stream goes on: of its shape, of another one, and nearly of that one."""


@part
def stream(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for people, slower, sizes in ((1, 1, ()), (3, 1, ()), (2, 20, ()), (2, 1, SIZES)):
        script, scenes = Script(), [drawn(rng, 32, 18) for _ in range(1 if sizes else 2)]
        for size in sizes:
            scene_rgb = cv2.resize(scenes[0], size, interpolation=cv2.INTER_NEAREST)
            scenes.append(scene_rgb.astype(np.uint8))
        views = len(scenes)
        scenes += [_stirred(scene) for scene in scenes]
        watch, given, answer, time_s = Stream(script), [], [], 100.0  # type: ignore[arg-type]
        for frame, (elapsed, seen) in enumerate(walks(rng, people, 100, slower)):
            scene = frame * views // 100 + views * int(rng.random() < 0.5)
            height, width = scenes[scene].shape[:2]
            time_s = round(time_s + elapsed, 2)
            script.past += script.frame
            script.frame, script.windows = [], []
            for at, place, sure in seen:
                box = (np.array(place) * np.tile([width, height], 2) / SPACE).round(3).tolist()
                score = round(float(rng.uniform(0.55, 1)), 3)
                crisp = FaceQuality(place[2] - place[0], round(float(rng.uniform(0, 0.4)), 3), 1.0)
                script.frame.append((face_of(box, score), sure, told(rng, at % 3), crisp))
            report = watch.update(scenes[scene], time_s)
            faces = [_scripted(*entry) for entry in script.frame]
            given.append({"time": time_s, "scene": scene, "faces": faces})
            answer.append(
                {
                    "judged": [list(box) for box in script.judged],
                    "windows": script.windows,
                    "faces": [_tracked(face) for face in report.faces],
                }
            )
        yield {"scenes": [picture(image) for image in scenes], "frames": given}, answer


def _stirred(scene_rgb: ImageRGB) -> ImageRGB:
    """The same view, in the middle of which something moves."""
    stirred, (height, width) = scene_rgb.copy(), scene_rgb.shape[:2]
    stirred[height // 2 : height // 2 + 2, width // 2 : width // 2 + 2] ^= 64
    return stirred


def _scripted(face: Face, sure: bool, row: Any, seen: FaceQuality) -> Values:
    values = {"box": list(face.box_xyxy), "score": face.detection_score, "sure": sure}
    return {**values, "probabilities": row, "quality": [seen.side_px, seen.sharpness]}


def _tracked(face: FaceVerdict) -> list[Any]:
    assert isinstance(face, TrackedFace)
    steady = [face.confidence, *face.probabilities.values(), face.state_age_s]
    return [face.track_id, face.state, face.raw_state, *steady, face.detection_score]


@part
def counting(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for slower in (1, 15):  # a camera of pictures in a row, and one that sends few
        session, given, answer, time_s = Session(), [], [], 5.0
        for frame in range(80):
            step = float(rng.choice((0.1, 0.3, 1.5), p=(0.7, 0.25, 0.05)))
            time_s = round(time_s + slower * step, 2)
            states = {
                key: rng.choice(list(MaskState), p=(0.6, 0.2, 0.1, 0.1))
                for key in (1 + frame // 20, 9, 2 + frame // 7)
                if rng.random() < 0.8
            }
            faces = tuple(shown_face(MaskState(state), key) for key, state in states.items())
            seen = session.add(FrameReport(faces, (9, 9), FaceOrigin.DETECTED, "m"), time_s)
            given.append({"time": time_s, "states": [[k, str(s)] for k, s in states.items()]})
            told = (seen.in_view, seen.people, seen.face_s)
            answer.append([[c.get(s, 0) for s in MaskState] for c in told])
        yield {"frames": given}, answer


@part
def warning(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for people in (1, 6):
        alarmist, given, answer, time_s = Alarmist(), [], [], 5.0
        shown: dict[int, MaskState] = {}
        for _ in range(200):
            step = float(rng.choice((-0.2, 0.1, 0.7, 4.0, 31.0), p=(0.02, 0.4, 0.4, 0.16, 0.02)))
            time_s = round(time_s + step, 2)
            if rng.random() < 0.3:  # one comes, goes or shows something else
                shown.pop(key := int(rng.integers(people)), None)
                if rng.random() < 0.7:
                    shown[key] = rng.choice(list(MaskState), p=(0.3, 0.4, 0.2, 0.1))
            faces = tuple(shown_face(MaskState(state), key) for key, state in shown.items())
            alarm = alarmist.update(FrameReport(faces, (9, 9), FaceOrigin.DETECTED, "m"), time_s)
            given.append({"time": time_s, "states": [[k, str(s)] for k, s in shown.items()]})
            answer.append([list(alarm.states), alarm.rings, list(alarm.before)])
        yield {"frames": given}, answer
