"""The whole comparison on the test photos: each setting of our detector, and YuNet on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch._version import __version__
from maskwatch.bench.speed import detect_times, network_times
from maskwatch.errors import DataError
from maskwatch.files import explained, write_json, write_text
from maskwatch.io.environment import cpu_name, git_revision, versions
from maskwatch.io.images import load_image
from maskwatch.models.card import (
    SHIPPED_DETECTOR,
    SHIPPED_MODEL,
    DetectorCard,
    ModelCard,
    load_detector,
    load_model,
)
from maskwatch.models.runtime import available_cpus
from maskwatch.training.data.holdout import TruthPhoto, holdout_names
from maskwatch.training.data.machine_faces import FOUND_SCORE
from maskwatch.training.data.manifest import data_sha256
from maskwatch.training.detector.answers import SCORE_FLOOR, TURNS_DEG, PhotoAnswer, YuNet, ask
from maskwatch.training.detector.average_precision import (
    FALSE_PER_PHOTO,
    LOOSE_IOU,
    MIN_IOU,
    MOST_FACES,
)
from maskwatch.training.detector.convention import in_convention
from maskwatch.training.detector.misses import misses_page
from maskwatch.training.detector.operating import Operating, operate
from maskwatch.training.detector.scores import SMALLEST_PX, DetectorScores, score
from maskwatch.vision.detect import Detector, FaceDetector

BENCH_SCHEMA = "maskwatch.detector-bench/1"
TIMED_PHOTOS = 50
"""At most so many, evenly from all sets."""

TURNED_PHOTOS = 400
"""The same for those that are turned: seven more looks at each take most of the time."""

YUNET_SCORE = FOUND_SCORE
"""YuNet comes without a lowest score; what it says from here on is nearly always a face."""

_PACKAGES = ("onnxruntime", "opencv-python-headless", "numpy", "pycocotools", "pillow")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared.

    Attributes:
        model: content of our detector's file.
        card: of our detector.
        sides_px: the settings it runs at.
        detectors: all of them by name and setting, ours first; asked for faces down to
            `SCORE_FLOOR`, to be scored.
        served: the same as users run them, at the card's lowest score for that side, to be timed.
        yunet_sha256: of YuNet's file, None where it does not run.
    """

    model: bytes
    card: DetectorCard
    sides_px: tuple[int, ...]
    detectors: Mapping[str, Detector]
    served: Mapping[str, Detector]
    yunet_sha256: str | None

    @property
    def learnt(self) -> tuple[str, ...]:
        """Sets that our detector was trained on, as its card says."""
        return tuple(self.card.training.get("sources", ()))


@dataclass(frozen=True, slots=True)
class Worth:
    """What one detector at one setting is worth on the photos of one set.

    Attributes:
        scores: over all scores.
        operating: what users get: at the card's lowest score, or YuNet's `YUNET_SCORE`.
    """

    scores: DetectorScores
    operating: Operating

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**self.scores.to_dict(), "at_min_score": self.operating.to_dict()}


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One detector at one setting on one set.

    Attributes:
        detector: its name and setting.
        part: name of the set, "all" for all together.
        as_drawn: with the boxes as they were published.
        in_convention: with the same faces drawn in one way, see convention.py; None where no other
            detector looked.
    """

    detector: str
    part: str
    as_drawn: Worth
    in_convention: Worth | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        row = {"detector": self.detector, "part": self.part, **self.as_drawn.to_dict()}
        if self.in_convention is not None:
            row["in_convention"] = self.in_convention.to_dict()
        return row


@dataclass(frozen=True, slots=True)
class Bench:
    """The result.

    Attributes:
        comparison: what was compared.
        classifier_sha256: of the classifier that named the states, None where none did.
        photos: how many there were.
        state_photos: in how many of them states were scored.
        rows: set after set, the detectors in one order.
        network_ms: see `network_times`.
        detect_ms: see `detect_times`.
    """

    comparison: Comparison
    classifier_sha256: str | None
    photos: int
    state_photos: int
    rows: tuple[BenchRow, ...]
    network_ms: Mapping[str, Mapping[str, float]]
    detect_ms: Mapping[str, Mapping[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values, with what it was made with."""
        card = self.comparison.card
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
                "sides_px": list(self.comparison.sides_px),
                "coarse_side_px": card.coarse_side_px,
                "coarse_face_px": card.coarse_face_px,
                "min_score": card.min_score,
                "live_min_score": card.live_min_score,
                "nms_iou": card.nms_iou,
            },
            "classifier_sha256": self.classifier_sha256,
            "yunet_sha256": self.comparison.yunet_sha256,
            "photos": {
                "listed": len(holdout_names()),
                "used": self.photos,
                "for_states": self.state_photos,
            },
            "rules": {
                "min_iou": MIN_IOU,
                "loose_iou": LOOSE_IOU,
                "yunet_score": YUNET_SCORE,
                "smallest_px": SMALLEST_PX,
                "false_per_photo": FALSE_PER_PHOTO,
                "score_floor": SCORE_FLOOR,
                "most_faces_per_photo": MOST_FACES,
            },
            "scores": [row.to_dict() for row in self.rows],
            "network_ms": self.network_ms,
            "detect_ms": self.detect_ms,
        }


def load_comparison(
    model: Path | None = None, sides_px: Sequence[int] = (), yunet: Path | None = None
) -> Comparison:
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
    least = {card.live_side_px: card.live_min_score, card.side_px: card.min_score}
    served: dict[str, Detector] = {
        name: FaceDetector(model, side, least.get(side)) for side, name in names.items()
    }
    yunet_sha256 = None
    if yunet is not None:
        others = {
            f"{yunet.stem}, photo's size": YuNet(yunet),
            f"{yunet.stem}, twice the size": YuNet(yunet, 2),
        }
        detectors, served = {**detectors, **others}, {**served, **others}
        yunet_sha256 = sha256(yunet.read_bytes()).hexdigest()
    return Comparison(content, card, sides_px, detectors, served, yunet_sha256)


def run_bench(
    comparison: Comparison,
    photos: Sequence[TruthPhoto],
    out: Path,
    with_states: bool = True,
    found: Mapping[str, NDArray[np.float64]] | None = None,
    progress: Callable[[int], None] = lambda _photos: None,
) -> Bench:
    """Scores and times detectors on photos, and writes detector.json and misses.html.

    Args:
        comparison: from `load_comparison`.
        photos: from `holdout_photos`, at least one.
        out: folder to write to.
        with_states: judge the faces with the shipped classifier as well; see
            `forget_seen_states`.
        found: faces another detector found; with them, photos are scored in one way of drawing too.
        progress: called with the photos done since the last call; each detector sees all photos.

    Raises:
        ModelError: the classifier cannot be used.
        ImageError: a photo cannot be read.
        DataError: the folder cannot be written.
    """
    with explained(out):
        out.mkdir(parents=True, exist_ok=True)  # shows before the work whether it can be written
    classifier = SHIPPED_MODEL if with_states else None
    every = max(1, -(-len(photos) // TURNED_PHOTOS))
    answers = {
        name: ask(detector, photos, classifier, TURNS_DEG, progress, every)
        for name, detector in comparison.detectors.items()
    }
    alike = None if found is None else in_convention(photos, found)
    timed = (load_image(photo.path) for photo in photos[:: -(-len(photos) // TIMED_PHOTOS)])
    bench = Bench(
        comparison,
        load_model(classifier)[1].sha256 if classifier else None,
        len(photos),
        sum(photo.labels is not None for photo in photos) if with_states else 0,
        rows=tuple(_rows(comparison, photos, alike, answers)),
        network_ms=network_times(comparison.model, comparison.card.name),
        detect_ms=detect_times(comparison.served, timed),
    )
    first = next(iter(comparison.detectors))
    page = misses_page(
        alike or photos, [answer.upright for answer in answers[first]], first, comparison.card
    )
    write_json(out / "detector.json", bench.to_dict(), indent=2)
    write_text(out / "misses.html", page)
    return bench


def _parts(photos: Sequence[TruthPhoto]) -> list[str]:
    """The sets, and "all" where there are several."""
    names = sorted({photo.name.split("/")[0] for photo in photos})
    return names if len(names) == 1 else [*names, "all"]


def _rows(
    comparison: Comparison,
    photos: Sequence[TruthPhoto],
    alike: Sequence[TruthPhoto] | None,
    answers: Mapping[str, Sequence[PhotoAnswer]],
) -> Iterator[BenchRow]:
    """Set after set, the detectors in one order."""
    for part in _parts(photos):
        members = [
            index
            for index, photo in enumerate(photos)
            if part == "all" or photo.name.startswith(f"{part}/")
        ]
        for name, served in comparison.served.items():
            min_score = served.min_score if isinstance(served, FaceDetector) else YUNET_SCORE
            theirs = answers[name]
            yield BenchRow(
                name,
                part,
                _worth(members, photos, theirs, min_score),
                None if alike is None else _worth(members, alike, theirs, min_score),
            )


def _worth(
    members: Sequence[int],
    photos: Sequence[TruthPhoto],
    answers: Sequence[PhotoAnswer],
    min_score: float,
) -> Worth:
    chosen, theirs = [photos[index] for index in members], [answers[index] for index in members]
    return Worth(score(chosen, theirs), operate(chosen, theirs, min_score))


# Which test photos of the detector the classifier has not learnt from either.
#
# `maskwatch data split --test` keeps all of them for testing, as the shipped classifier's split
# did; a split made otherwise may not. States scored on photos that were learnt would be too good.


def forget_seen_states(
    photos: Sequence[TruthPhoto], table: pd.DataFrame, card: ModelCard
) -> tuple[TruthPhoto, ...]:
    """Takes the states from all photos but those in the test part of the classifier.

    Photos are found by their content, wherever they lie.

    Args:
        photos: with states.
        table: the manifest the classifier was trained on.
        card: of the classifier.

    Raises:
        DataError: it was trained on another manifest, or no photo is left.
    """
    trained_on = card.training.get("data_sha256")
    if data_sha256(table) != trained_on:
        raise DataError(
            f"{card.name} was trained on other data than this manifest (the hash in its card "
            f"starts with {str(trained_on)[:12]}); give the manifest of its run"
        )
    unseen = set(table.loc[table["split"] == "test", "sha256"])
    kept = tuple(
        photo
        if sha256(photo.path.read_bytes()).hexdigest() in unseen
        else replace(photo, labels=None)
        for photo in photos
    )
    if all(photo.labels is None for photo in kept):
        raise DataError(f"no test photo is in the test part of {card.name}; leave the manifest out")
    return kept
