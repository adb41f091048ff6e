"""Our tracker beside published ones on real films: who keeps a number, and for how long.

    python benchmarks/film_tracking.py --films ../shared/data/video

Faces are found once in the films that `maskwatch bench street` is about (`street.csv` says who is
where), and each tracker gets the same boxes and scores: every frame, every other one, and so on.
Those of `trackers` are told the time of each frame and which score a sure face has; all else is as
their authors left it, but that a face is known from its first frame on, as ours is. It belongs into
an environment of its own, for it installs another OpenCV over ours; without it ours runs alone. The
last line of output is one JSON document.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np

from maskwatch.io.video import open_source
from maskwatch.pipeline import Analyzer
from maskwatch.schema import BoxXYXY
from maskwatch.training.flicker.recording import pairs
from maskwatch.training.flicker.street import StreetTruth, film_path, read_truth
from maskwatch.vision.track import Tracker

RATES = (30, 15, 10, 5)
PAUSE_S = 1.0
"""Who is not seen for longer may come back as somebody else."""


@dataclass(frozen=True)
class Found:
    """The faces of one frame: (n, 4) pixels, (n,) scores, (n,) whether beyond doubt."""

    time_s: float
    boxes_xyxy: np.ndarray
    scores: np.ndarray
    sure: np.ndarray


@dataclass(frozen=True)
class Numbered:
    """A face that a tracker gave a number."""

    box_xyxy: BoxXYXY
    track_id: int


Step = Callable[[Found], list[int | None]]


def ours(rate: float, sure_score: float) -> Step:
    tracker, last_s = Tracker(), 0.0

    def step(found: Found) -> list[int | None]:
        nonlocal last_s
        elapsed_s, last_s = found.time_s - last_s, found.time_s
        return list(tracker.update(found.boxes_xyxy, found.sure, elapsed_s))

    return step


def of_trackers(name: str, **settings: Any) -> Callable[[float, float], Step]:
    def start(rate: float, sure_score: float) -> Step:
        import supervision
        import trackers

        # a second for who is lost, as ours has it; told the time, it counts that in seconds
        settings["high_conf_det_threshold"] = sure_score
        if "track_activation_threshold" in settings:
            settings["track_activation_threshold"] = sure_score
        tracker = getattr(trackers, name)(
            frame_rate=rate, lost_track_buffer=30, minimum_consecutive_frames=1, **settings
        )

        def step(found: Found) -> list[int | None]:
            detections = supervision.Detections(
                xyxy=found.boxes_xyxy.astype(np.float32),
                confidence=found.scores.astype(np.float32),
                class_id=np.arange(len(found.scores)),
            )
            answer = tracker.update(detections, timestamp=found.time_s)
            ids: list[int | None] = [None] * len(found.scores)
            if answer.tracker_id is not None:
                for place, number in zip(answer.class_id, answer.tracker_id, strict=True):
                    ids[place] = None if number < 0 else int(number)  # in an order of its own
            return ids

        return step

    return start


TRACKERS: dict[str, Callable[[float, float], Step]] = {
    "ours": ours,
    "ByteTrack": of_trackers("ByteTrackTracker", track_activation_threshold=0.0),
    "OC-SORT": of_trackers("OCSORTTracker"),
    "BoT-SORT": of_trackers("BoTSORTTracker", track_activation_threshold=0.0, enable_cmc=False),
}


def found_faces(analyzer: Analyzer, path: Path) -> list[Found]:
    """Look for faces in every frame of a film."""
    film = []
    with open_source(path) as frames:
        for frame in frames:
            faces, sure = analyzer.find_live(frame.image_rgb)
            boxes = np.array([face.box_xyxy for face in faces], float).reshape(-1, 4)
            scores = np.array([face.detection_score for face in faces], float)
            film.append(Found(frame.time_s, boxes, scores, sure))
    return film


def followed(film: Sequence[Found], truth: StreetTruth, step: Step) -> dict[str, Any]:
    """Counts of one film: moments of everybody labelled, numbers, switches, mixed numbers, time."""
    moments: dict[str, list[tuple[float, int]]] = {}
    owners: dict[int, str] = {}
    found = mixed = 0
    times_ms = []
    for faces in film:
        began = time.perf_counter()
        ids = step(faces)
        times_ms.append((time.perf_counter() - began) * 1000)
        numbered = [
            Numbered(tuple(box), -1 if i is None else i)
            for box, i in zip(faces.boxes_xyxy.tolist(), ids, strict=True)
        ]
        for sight, face in pairs(truth.at(faces.time_s), numbered):
            if sight.state is None:
                continue
            found += 1
            if face.track_id < 0:
                continue
            moments.setdefault(sight.person, []).append((faces.time_s, face.track_id))
            mixed += owners.get(face.track_id, sight.person) != sight.person
            owners[face.track_id] = sight.person
    switches = sum(
        one != other and after_s - before_s <= PAUSE_S
        for seen in moments.values()
        for (before_s, one), (after_s, other) in pairwise(seen)
    )
    step_s = float(np.median(np.diff([faces.time_s for faces in film])))
    return {
        "minutes": found * step_s / 60,
        "found": found,
        "numbered": sum(map(len, moments.values())),
        "switches": switches,
        "mixed": mixed,
        "people": len(moments),
        "numbers": sum(len({i for _, i in seen}) for seen in moments.values()),
        "times_ms": times_ms,
    }


def played(films: dict[str, list[Found]], start: Callable[[float, float], Step], rate: int) -> Any:
    """All films at one rate, from each frame that could be the first."""
    truths, counts = read_truth(), []
    card = Analyzer().detector_card
    assert card is not None
    sure_score = card.live_min_score
    for name, film in films.items():
        own_rate = 1 / float(np.median(np.diff([faces.time_s for faces in film])))
        stride = max(1, round(own_rate / rate))
        for first in range(stride):
            step = start(own_rate / stride, sure_score)
            counts.append(followed(film[first::stride], truths[name], step))
    total = {key: sum(count[key] for count in counts) for key in counts[0] if key != "times_ms"}
    times_ms = np.concatenate([count["times_ms"] for count in counts])
    return {
        "face_minutes": round(total["minutes"], 1),
        "switches_per_face_minute": round(total["switches"] / total["minutes"], 2),
        "to_another_person_per_face_minute": round(total["mixed"] / total["minutes"], 2),
        "numbers_a_person": round(total["numbers"] / total["people"], 2),
        "without_number": round(1 - total["numbered"] / total["found"], 4),
        "median_ms": round(float(np.median(times_ms)), 3),
        "p95_ms": round(float(np.percentile(times_ms, 95)), 3),
    }


@click.command()
@click.option("--films", "folder", default="../shared/data/video", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    paths = {name: path for name in read_truth() if (path := film_path(folder, name))}
    if not paths:
        raise click.UsageError(f"{folder}: none of the labelled films is there")
    analyzer = Analyzer()
    films = {name: found_faces(analyzer, path) for name, path in paths.items()}
    result = {}
    for name, start in TRACKERS.items():
        if name == "ours" or importlib.util.find_spec("trackers") is not None:
            result[name] = {f"{rate} fps": played(films, start, rate) for rate in RATES}
            print(name, result[name])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
