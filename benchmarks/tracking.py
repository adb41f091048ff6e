"""Our tracker beside published ones: identities kept and time taken, on people who walk and cross.

    python benchmarks/tracking.py     # ours, and `trackers` and `norfair` where they are installed

Drawn walks, fixed seed: faces of several sizes cross a picture of 640 x 480 on their own ways; who
stands behind another is hidden; boxes wander by 4 %, one in thirty is missed. A face whose identity
changes, or that gets the identity of another, counts as a switch. Libraries that know only frames
are told nothing of the time; they belong into a virtual environment of their own, because they
install another OpenCV over ours. The last line of output is one JSON document.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from maskwatch.vision.track import Tracker

Boxes = np.ndarray
Step = Callable[[Boxes, float], list[int | None]]
WALKS_S, SPEEDS = 60.0, {"30 fps": 30.0, "15 fps": 15.0, "5 fps": 5.0, "irregular": 0.0}
IMPORTS = {"ours": "maskwatch.vision.track", "trackers": "trackers", "norfair": "norfair"}


def walk(faces: int, per_second: float, seed: int) -> Iterator[tuple[float, Boxes, np.ndarray]]:
    """Moments of a walk: time in seconds, boxes (n, 4) seen, and whose they are (n,)."""
    random = np.random.default_rng(seed)
    side = np.sort(random.uniform(40, 110, faces))
    at = random.uniform((60, 60), (580, 420), (faces, 2))
    goal = random.uniform((60, 60), (580, 420), (faces, 2))
    speed = random.uniform(0.4, 2.0, faces) * side
    time_s = 0.0
    while time_s < WALKS_S:
        step_s = 1 / per_second if per_second else float(random.choice([0.02, 0.05, 0.1, 0.3]))
        time_s += step_s
        way = goal - at
        far = np.linalg.norm(way, axis=1, keepdims=True)
        at = at + way / np.maximum(far, 1) * np.minimum(speed[:, None] * step_s, far)
        there = far[:, 0] < 5
        goal[there] = random.uniform((60, 60), (580, 420), (int(there.sum()), 2))
        apart = np.linalg.norm(at[:, None] - at[None], axis=2)
        nearer = side[None] > side[:, None]
        hidden = (nearer & (apart < 0.45 * side[None])).any(axis=1)
        seen = np.flatnonzero(~hidden & (random.random(faces) > 1 / 30))
        middle = at[seen] + random.normal(0, 0.04, (len(seen), 2)) * side[seen, None]
        half = side[seen, None] / 2 * random.normal(1, 0.04, (len(seen), 2)) * (0.85, 1.0)
        yield time_s, np.concatenate([middle - half, middle + half], axis=1), seen


def ours() -> Step:
    tracker, last_s = Tracker(), 0.0

    def step(boxes: Boxes, time_s: float) -> list[int | None]:
        nonlocal last_s
        elapsed_s, last_s = time_s - last_s, time_s
        return list(tracker.update(boxes, np.ones(len(boxes), bool), elapsed_s))

    return step


def of_trackers() -> Step:
    import supervision
    import trackers

    tracker = trackers.ByteTrackTracker(
        lost_track_buffer=30, frame_rate=30, minimum_consecutive_frames=1
    )

    def step(boxes: Boxes, time_s: float) -> list[int | None]:
        detections = supervision.Detections(
            xyxy=boxes.astype(np.float32),
            confidence=np.full(len(boxes), 0.9, np.float32),
            class_id=np.arange(len(boxes)),
        )
        answer = tracker.update(detections, timestamp=time_s)
        ids: list[int | None] = [None] * len(boxes)
        for place, number in zip(answer.class_id, answer.tracker_id, strict=True):
            ids[place] = None if number < 0 else int(number)  # it answers in an order of its own
        return ids

    return step


def of_norfair() -> Step:
    import norfair

    tracker = norfair.Tracker("iou", 0.7, hit_counter_max=30, initialization_delay=0)

    def step(boxes: Boxes, time_s: float) -> list[int | None]:
        faces = [norfair.Detection(box.reshape(2, 2), data=i) for i, box in enumerate(boxes)]
        ids: list[int | None] = [None] * len(boxes)
        for track in tracker.update(faces):
            if track.last_detection in faces:
                ids[track.last_detection.data] = track.id
        return ids

    return step


TRACKERS = {"ours": ours, "trackers": of_trackers, "norfair": of_norfair}


def switches(start: Callable[[], Step], per_second: float) -> float:
    """Identity changes a face and minute, ten walks of six faces."""
    changes = 0
    for seed in range(10):
        step = start()
        id_of: dict[int, int] = {}
        owner_of: dict[int, int] = {}
        for time_s, boxes, whose in walk(6, per_second, seed):
            for track_id, face in zip(step(boxes, time_s), whose.tolist(), strict=True):
                if track_id is None:
                    continue
                changes += face in id_of and id_of[face] != track_id
                changes += track_id in owner_of and owner_of[track_id] != face
                id_of[face], owner_of[track_id] = track_id, face
    return round(changes / (10 * 6 * WALKS_S / 60), 2)


def step_ms(start: Callable[[], Step], faces: int) -> dict[str, float]:
    """Median and p95 of one call."""
    step, times = start(), []
    places = np.stack(np.divmod(np.arange(faces), 10), axis=1)[:, ::-1] * 60 + 40.0
    for frame in range(150):
        middle = places + 6 * np.sin(frame / 20 + np.arange(faces))[:, None]
        boxes = np.concatenate([middle - 18, middle + 18], axis=1)
        began = time.perf_counter()
        step(boxes, frame / 30)
        times.append((time.perf_counter() - began) * 1000)
    return {
        "median": round(float(np.median(times)), 3),
        "p95": round(float(np.percentile(times, 95)), 3),
    }


def import_s(module: str) -> float:
    """Seconds to import a module in a fresh interpreter, the best of three."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [subprocess.check_output([sys.executable, "-c", code]) for _ in range(3)]
    return round(min(map(float, runs)), 3)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    result: dict[str, Any] = {"machine": platform.processor() or platform.machine()}
    for name, start in TRACKERS.items():
        if importlib.util.find_spec(IMPORTS[name].partition(".")[0]) is None:
            continue
        result[name] = {
            "import_s": import_s(IMPORTS[name]),
            "step_ms": {faces: step_ms(start, faces) for faces in (1, 10, 100)},
            "switches_per_face_minute": {
                pace: switches(start, per_second) for pace, per_second in SPEEDS.items()
            },
        }
        print(name, result[name])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
