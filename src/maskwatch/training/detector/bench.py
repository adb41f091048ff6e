"""The whole comparison on the test photos: each setting of our detector, and YuNet on request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from maskwatch._version import __version__
from maskwatch.detect import Detector, FaceDetector
from maskwatch.errors import DataError
from maskwatch.model_card import (
    SHIPPED_DETECTOR,
    SHIPPED_MODEL,
    DetectorCard,
    load_detector,
    load_model,
)
from maskwatch.runtime import available_cpus
from maskwatch.sources import load_image
from maskwatch.training.detector.answers import SCORE_FLOOR, PhotoAnswer, ask
from maskwatch.training.detector.coco import MOST_FACES
from maskwatch.training.detector.holdout import TruthPhoto, holdout_names
from maskwatch.training.detector.matching import FALSE_PER_PHOTO, MIN_IOU, at_score, compare
from maskwatch.training.detector.misses import misses_page
from maskwatch.training.detector.scores import SMALLEST_PX, DetectorScores, score
from maskwatch.training.detector.timing import detect_times, network_times
from maskwatch.training.detector.turning import TURNS_DEG
from maskwatch.training.detector.yunet import YuNet
from maskwatch.training.environment import cpu_name, git_revision, versions

BENCH_SCHEMA = "maskwatch.detector-bench/1"
TIMED_PHOTOS = 50
"""At most so many, evenly from all sets."""

_PACKAGES = ("onnxruntime", "opencv-python-headless", "numpy", "pycocotools", "pillow")


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared.

    Attributes:
        model: content of our detector's file.
        card: of our detector.
        sides_px: the settings it runs at.
        detectors: all of them by name and setting, ours first; asked for faces down to
            `SCORE_FLOOR`, to be scored.
        served: the same as users run them, at the card's lowest score, to be timed.
        yunet_sha256: of YuNet's file, None where it does not run.
    """

    model: bytes
    card: DetectorCard
    sides_px: tuple[int, ...]
    detectors: Mapping[str, Detector]
    served: Mapping[str, Detector]
    yunet_sha256: str | None


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One detector at one setting on one set.

    Attributes:
        detector: its name and setting.
        part: name of the set, "all" for all together.
        scores: what it is worth there.
        recall: of the faces from `SMALLEST_PX` on at the lowest score that the card takes for a
            face; None for a detector without a card.
        false_per_photo: false faces at that score.
    """

    detector: str
    part: str
    scores: DetectorScores
    recall: float | None
    false_per_photo: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        at_card = {"recall": self.recall, "false_per_photo": self.false_per_photo}
        return {
            "detector": self.detector,
            "part": self.part,
            **self.scores.to_dict(),
            "at_min_score": {k: v if v is None else round(v, 4) for k, v in at_card.items()},
        }


@dataclass(frozen=True, slots=True)
class Bench:
    """The result.

    Attributes:
        contest: what was compared.
        classifier_sha256: of the classifier that named the states, None where none did.
        photos: how many there were.
        state_photos: in how many of them states were scored.
        rows: set after set, the detectors in one order.
        network_ms: see `network_times`.
        detect_ms: see `detect_times`.
    """

    contest: Contest
    classifier_sha256: str | None
    photos: int
    state_photos: int
    rows: tuple[BenchRow, ...]
    network_ms: Mapping[str, Mapping[str, float]]
    detect_ms: Mapping[str, Mapping[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values, with what it was made with."""
        card = self.contest.card
        return {
            "schema": BENCH_SCHEMA,
            "made_with": {
                "maskwatch": __version__,
                "revision": git_revision(),
                "versions": versions(_PACKAGES),
                "machine": {"cpu": cpu_name(), "cores": available_cpus()},
            },
            "detector": {
                "name": card.name,
                "sha256": card.sha256,
                "sides_px": list(self.contest.sides_px),
                "coarse_side_px": card.coarse_side_px,
                "min_score": card.min_score,
                "nms_iou": card.nms_iou,
            },
            "classifier_sha256": self.classifier_sha256,
            "yunet_sha256": self.contest.yunet_sha256,
            "photos": {
                "listed": len(holdout_names()),
                "used": self.photos,
                "for_states": self.state_photos,
            },
            "rules": {
                "min_iou": MIN_IOU,
                "smallest_px": SMALLEST_PX,
                "false_per_photo": FALSE_PER_PHOTO,
                "score_floor": SCORE_FLOOR,
                "most_faces_per_photo": MOST_FACES,
            },
            "scores": [row.to_dict() for row in self.rows],
            "network_ms": self.network_ms,
            "detect_ms": self.detect_ms,
        }


def enter(
    model: Path | None = None, sides_px: Sequence[int] = (), yunet: Path | None = None
) -> Contest:
    """Loads what is compared.

    Args:
        model: ONNX file of our detector with its card; the shipped one if None.
        sides_px: settings to compare; those of the card for photos and live video if empty.
        yunet: ONNX file of YuNet, run at the size of the photo and at twice it.

    Raises:
        ModelError: a model cannot be used.
        SettingError: a setting is out of range.
    """
    model = model or SHIPPED_DETECTOR
    content, card = load_detector(model)
    sides_px = tuple(dict.fromkeys(sides_px or (card.side_px, card.live_side_px)))
    names = {side: f"{card.name}, {side} px" for side in sides_px}
    detectors: dict[str, Detector] = {
        name: FaceDetector(model, side, SCORE_FLOOR) for side, name in names.items()
    }
    served: dict[str, Detector] = {name: FaceDetector(model, side) for side, name in names.items()}
    yunet_sha256 = None
    if yunet is not None:
        others = {
            f"{yunet.stem}, photo's size": YuNet(yunet),
            f"{yunet.stem}, twice the size": YuNet(yunet, 2),
        }
        detectors, served = {**detectors, **others}, {**served, **others}
        yunet_sha256 = sha256(yunet.read_bytes()).hexdigest()
    return Contest(content, card, sides_px, detectors, served, yunet_sha256)


def run_bench(
    contest: Contest,
    photos: Sequence[TruthPhoto],
    out: Path,
    with_states: bool = True,
    progress: Callable[[int], None] = lambda _photos: None,
) -> Bench:
    """Scores and times detectors on photos, and writes detector.json and misses.html.

    Args:
        contest: from `enter`.
        photos: from `holdout_photos`, at least one.
        out: folder to write to.
        with_states: judge the faces with the shipped classifier as well; see `unseen`.
        progress: called with the photos done since the last call; each detector sees all photos.

    Raises:
        ModelError: the classifier cannot be used.
        ImageError: a photo cannot be read.
        DataError: the folder cannot be written.
    """
    with _explained(out):
        out.mkdir(parents=True, exist_ok=True)  # shows before the work whether it can be written
    classifier = SHIPPED_MODEL if with_states else None
    answers = {
        name: ask(detector, photos, classifier, TURNS_DEG, progress)
        for name, detector in contest.detectors.items()
    }
    timed = (load_image(photo.path) for photo in photos[:: -(-len(photos) // TIMED_PHOTOS)])
    bench = Bench(
        contest,
        load_model(classifier)[1].sha256 if classifier else None,
        len(photos),
        sum(photo.labels is not None for photo in photos) if with_states else 0,
        rows=tuple(
            _row(name, part, photos, answers[name], contest)
            for part in _parts(photos)
            for name in contest.detectors
        ),
        network_ms=network_times(contest.model, contest.card.name),
        detect_ms=detect_times(contest.served, timed),
    )
    first = next(iter(contest.detectors))
    page = misses_page(photos, [answer.upright for answer in answers[first]], first, contest.card)
    with _explained(out):
        text = json.dumps(bench.to_dict(), indent=2) + "\n"
        (out / "detector.json").write_text(text, encoding="utf-8")
        (out / "misses.html").write_text(page, encoding="utf-8")
    return bench


def _parts(photos: Sequence[TruthPhoto]) -> list[str]:
    """The sets, and "all" where there are several."""
    names = sorted({photo.name.split("/")[0] for photo in photos})
    return names if len(names) == 1 else [*names, "all"]


def _row(
    name: str,
    part: str,
    photos: Sequence[TruthPhoto],
    answers: Sequence[PhotoAnswer],
    contest: Contest,
) -> BenchRow:
    pairs = [
        (photo, answer)
        for photo, answer in zip(photos, answers, strict=True)
        if part == "all" or photo.name.startswith(f"{part}/")
    ]
    members, theirs = [photo for photo, _ in pairs], [answer for _, answer in pairs]
    recall = false_per_photo = None
    if isinstance(contest.detectors[name], FaceDetector):
        truths = [photo.boxes_xyxy for photo in members]
        outcomes = compare([answer.upright for answer in theirs], truths, SMALLEST_PX)
        recall, false_per_photo = at_score(outcomes, contest.card.min_score)
    return BenchRow(name, part, score(members, theirs), recall, false_per_photo)


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror})") from error
