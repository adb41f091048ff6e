"""The face detector in the package: complete, small, unaltered, and it finds faces.

Run: pytest tests/unit/vision/test_shipped_detector.py
"""

from __future__ import annotations

import json
import random
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from support.paths import ROOT
from support.toy_model import GREY, plain

import maskwatch
from maskwatch.io.images import load_image
from maskwatch.models.card import SHIPPED_DETECTOR, load_detector
from maskwatch.training.data.machine_faces import found_boxes, read_found_faces
from maskwatch.vision.detect import FaceDetector, grid_points, iou_matrix

SHARED = ROOT.parent / "shared" / "data"
GOLDEN = SHIPPED_DETECTOR.with_suffix(".golden.npz")


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def test_the_package_holds_detector_card_and_golden_tensors_under_15_megabytes() -> None:
    content, card = load_detector(SHIPPED_DETECTOR)
    assert len(content) < 15e6
    assert GOLDEN.exists()
    assert card.licence == "Apache-2.0"
    assert card.training and card.scores and card.limits
    assert card.live_side_px <= card.side_px


def test_a_copy_with_one_changed_byte_does_not_load(tmp_path: Path) -> None:
    copy = tmp_path / "detector.onnx"
    content = bytearray(SHIPPED_DETECTOR.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    copy.with_suffix(".json").write_bytes(SHIPPED_DETECTOR.with_suffix(".json").read_bytes())
    with pytest.raises(maskwatch.ModelError, match="sha256 differs"):
        maskwatch.Analyzer(detector=copy)


def test_golden_tensors(detector: FaceDetector) -> None:
    golden = np.load(GOLDEN)
    height, width = golden["image"].shape[:2]
    expected = golden["output"].reshape(len(grid_points(width, height)[0]), 15)
    assert np.allclose(detector._run(golden["image"]), expected, atol=1e-3)


@pytest.mark.parametrize(("width", "height"), [(32, 32), (64, 32), (160, 416)])
def test_any_multiple_of_32_and_any_batch(detector: FaceDetector, width: int, height: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), np.uint8)
    answers = detector.network.run(images)
    assert answers.shape == (3, len(grid_points(width, height)[0]), 15)
    assert np.allclose(answers[1], detector._run(images[1]), atol=1e-3)


def test_a_plain_picture_has_no_face(detector: FaceDetector) -> None:
    assert detector.detect(plain(GREY, 400, 300)) == ()


def test_it_is_the_default() -> None:
    _, card = load_detector(SHIPPED_DETECTOR)
    assert maskwatch.Analyzer().detector_card == card


@pytest.mark.shared
def test_it_finds_most_faces_of_real_photos_and_little_else(detector: FaceDetector) -> None:
    """A sample of a public set, faces of 16 pixels and more; not a measurement.

    A face that nobody drew, but another detector sees as well, is none too many.
    """
    if not SHARED.exists():
        pytest.skip(f"the public data is not at {SHARED}")
    seen = read_found_faces(SHARED / "faces.json")
    pictures = sorted((SHARED / "voc-853" / "images").iterdir())
    wanted = found = extra = 0
    for picture in random.Random(0).sample(pictures, 30):
        tree = ElementTree.parse(SHARED / "voc-853" / "annotations" / f"{picture.stem}.xml")
        truth = np.array(
            [
                [float(box.findtext(side, "")) for side in ("xmin", "ymin", "xmax", "ymax")]
                for box in tree.iter("bndbox")
            ]
        )
        faces = detector.detect(load_image(picture))
        boxes = np.array([face.box_xyxy for face in faces]).reshape(-1, 4)
        hits = iou_matrix(truth, boxes) > 0.4
        others = found_boxes(seen[f"voc-853/images/{picture.name}"])
        is_face = (iou_matrix(np.concatenate([truth, others]), boxes) > 0.4).any(axis=0)
        clear = (truth[:, 2:] - truth[:, :2]).min(axis=1) >= 16
        wanted += clear.sum()
        found += hits.any(axis=1)[clear].sum()
        extra += (~is_face).sum()
    assert found >= 0.8 * wanted, f"{found} of {wanted}"
    assert extra <= 0.25 * wanted, f"{extra} beside {wanted}"


@pytest.mark.shared
def test_a_face_that_somebody_cut_out_is_one_face(detector: FaceDetector) -> None:
    if not SHARED.exists():
        pytest.skip(f"the public data is not at {SHARED}")
    for name in ("with_mask", "without_mask", "mask_weared_incorrect"):
        pictures = sorted((SHARED / "kaggle-8982" / name).iterdir())
        counts = [
            len(detector.detect(load_image(picture)))
            for picture in random.Random(0).sample(pictures, 20)
        ]
        assert sum(count == 1 for count in counts) >= 14, f"{name}: {counts}"
        assert max(counts) <= 2, f"{name}: {counts}"


@pytest.mark.shared
def test_landmarks_lie_in_the_face_with_eyes_above_the_mouth(detector: FaceDetector) -> None:
    if not SHARED.exists():
        pytest.skip(f"the public data is not at {SHARED}")
    known = json.loads((SHARED / "faces.json").read_text())
    names = [n for n in sorted(known) if n.startswith("faces-binary/without_mask/")]
    names = [n for n in names if len(known[n]["faces"]) == 1]
    upright = judged = 0
    for name in random.Random(0).sample(names, 20):
        for face in detector.detect(load_image(SHARED / name))[:1]:
            right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks_xy or ()
            judged += 1
            upright += (
                right_eye[0] < left_eye[0]
                and right_mouth[0] < left_mouth[0]
                and max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])
            )
    assert judged >= 15
    assert upright >= 0.8 * judged, f"{upright} of {judged}"
