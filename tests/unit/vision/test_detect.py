"""FaceDetector with a real, tiny network: where faces are found, at any size of picture.

Run: pytest tests/unit/vision/test_detect.py
"""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.toy_detector import DOT_PX, FACE_PX, MAGENTA, crowd, face_box, write_toy_detector
from support.toy_model import GREEN, RED, plain, write_toy_model

from maskwatch import Analyzer, FaceDetector, FaceOrigin, ModelError, SettingError
from maskwatch.models.card import card_path
from maskwatch.vision.detect import VOTE_IOU, iou_matrix
from maskwatch.vision.letter_box import letter_box


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_detector(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def detector(path: Path) -> FaceDetector:
    return FaceDetector(path)


def test_no_face(detector: FaceDetector) -> None:
    assert detector.detect(crowd()) == ()
    assert detector.origin is FaceOrigin.DETECTED


def test_every_face_with_its_box_score_and_landmarks(detector: FaceDetector) -> None:
    faces = detector.detect(crowd((3, 2, RED), (12, 7, GREEN)))
    assert sorted(face.box_xyxy for face in faces) == [
        pytest.approx(face_box(3, 2), abs=1e-3),
        pytest.approx(face_box(12, 7), abs=1e-3),
    ]
    assert all(0.99 < face.detection_score <= 1 for face in faces)
    (face,) = (face for face in faces if face.box_xyxy[0] < 100)
    assert face.landmarks_xy == ((40, 32), (72, 32), (56, 40), (48, 56), (64, 56))


def test_the_surest_comes_first(detector: FaceDetector) -> None:
    image = crowd((3, 2, RED), (12, 7, GREEN), (16, 3, GREEN))
    image[2 * DOT_PX : 3 * DOT_PX, 3 * DOT_PX : 4 * DOT_PX] = (235, 0, 235)
    scores = [face.detection_score for face in detector.detect(image)]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == 2


@pytest.mark.parametrize("factor", [0.5, 2, 4])
def test_boxes_are_in_pixels_of_the_picture_whatever_its_size(
    detector: FaceDetector, factor: float
) -> None:
    image = crowd((5, 4, RED))
    scaled = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    (face,) = detector.detect(scaled)
    assert np.array(face.box_xyxy) == pytest.approx(np.array(face_box(5, 4)) * factor, abs=0.01)
    assert face.landmarks_xy is not None
    assert face.landmarks_xy[2] == pytest.approx((88 * factor, 72 * factor), abs=0.01)


def test_a_face_at_the_edge_is_cut_off_there(detector: FaceDetector) -> None:
    image = crowd()
    image[-DOT_PX:, -DOT_PX:] = MAGENTA
    (face,) = detector.detect(image)
    assert face.box_xyxy == (320 - 2 * DOT_PX, 240 - 2 * DOT_PX, 320, 240)


def test_a_face_in_the_padding_is_none(detector: FaceDetector) -> None:
    assert detector.detect(np.full((3, 320, 3), 128, np.uint8)) == ()


def test_the_score_that_is_asked_for(path: Path) -> None:
    image = crowd((3, 2, RED))
    image[2 * DOT_PX : 3 * DOT_PX, 3 * DOT_PX : 4 * DOT_PX] = (230, 0, 230)  # logit 1
    assert len(FaceDetector(path).detect(image)) == 1
    assert FaceDetector(path, min_score=0.8).detect(image) == ()


def test_live_video_has_a_lowest_score_of_its_own(tmp_path: Path) -> None:
    path = write_toy_detector(tmp_path, live_side_px=320, live_min_score=0.9)
    own, given = FaceDetector(path), FaceDetector(path, min_score=0.8)
    assert (own.min_score, own.live_min_score) == (0.5, 0.9)
    assert (given.min_score, given.live_min_score) == (0.8, 0.8)
    for detector in (own, given):
        again = pickle.loads(pickle.dumps(detector))
        assert (again.min_score, again.live_min_score) == (
            detector.min_score,
            detector.live_min_score,
        )
    image = crowd((3, 2, RED))
    image[2 * DOT_PX : 3 * DOT_PX, 3 * DOT_PX : 4 * DOT_PX] = (230, 0, 230)  # logit 1, so 0.73
    assert len(own.detect(image)) == 1
    faces, sure = Analyzer(detector=own).find_live(image)
    assert (len(faces), sure.tolist()) == (1, [False])


def test_a_larger_side_finds_smaller_faces(path: Path) -> None:
    small = cv2.resize(crowd((5, 4, RED)), (160, 120), interpolation=cv2.INTER_NEAREST)
    image = np.full((240, 320, 3), 128, np.uint8)
    image[:120, :160] = small  # a dot of 8 pixels
    assert FaceDetector(path).detect(image) == ()
    (face,) = FaceDetector(path, side_px=640).detect(image)
    assert np.array(face.box_xyxy) == pytest.approx(np.array(face_box(5, 4)) / 2, abs=0.01)


def sizes(faces: tuple) -> set[int]:
    return {round(face.box_xyxy[2] - face.box_xyxy[0]) for face in faces}


def test_the_coarse_look_finds_faces_that_are_too_large_for_the_fine_one(tmp_path: Path) -> None:
    image = plain(MAGENTA, 320, 240)
    fine = FaceDetector(write_toy_detector(tmp_path)).detect(image)
    assert max(sizes(fine)) <= FACE_PX
    both = FaceDetector(write_toy_detector(tmp_path, coarse_side_px=160)).detect(image)
    assert max(sizes(both)) > 1.5 * FACE_PX
    rows = np.array([face.box_xyxy for face in both])
    among = iou_matrix(rows, rows)
    np.fill_diagonal(among, 0)
    assert among.max() < VOTE_IOU  # a face that both looks see is one face


def test_large_faces_are_left_to_the_coarse_look_where_there_is_one(tmp_path: Path) -> None:
    image = plain(MAGENTA, 320, 240)
    path = write_toy_detector(tmp_path, coarse_side_px=160, fine_face_px=FACE_PX - 1)
    assert min(sizes(FaceDetector(path).detect(image))) > FACE_PX
    alone = write_toy_detector(tmp_path, fine_face_px=FACE_PX - 1)
    assert FACE_PX in sizes(FaceDetector(alone).detect(image))


def test_small_faces_are_left_to_the_fine_look(tmp_path: Path) -> None:
    image = plain(MAGENTA, 320, 240)
    answering, silent = (
        FaceDetector(write_toy_detector(tmp_path, coarse_side_px=160, coarse_face_px=least_px))
        for least_px in (FACE_PX - 1, FACE_PX + 1)
    )
    assert max(sizes(answering.detect(image))) > 1.5 * FACE_PX
    assert max(sizes(silent.detect(image))) <= FACE_PX


@pytest.mark.parametrize(("least_px", "fine_answers"), [(FACE_PX // 2 - 1, False), (30, True)])
def test_no_size_of_face_is_left_out_between_the_looks(
    tmp_path: Path, least_px: int, fine_answers: bool
) -> None:
    """A face that is too small for the coarse look is one for the fine one, whatever its card."""
    limits = {"coarse_side_px": 160, "coarse_face_px": least_px, "fine_face_px": FACE_PX - 1}
    detector = FaceDetector(write_toy_detector(tmp_path, **limits))
    assert (FACE_PX in sizes(detector.detect(plain(MAGENTA, 320, 240)))) is fine_answers


def test_a_face_lies_in_the_mean_of_the_boxes_that_saw_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = np.array([[0, 0, 40, 40], [4, 0, 44, 40], [100, 0, 140, 40]], np.float32)
    seen = boxes, np.array([0.9, 0.9, 0.8], np.float32), np.zeros((3, 5, 2), np.float32)
    monkeypatch.setattr(FaceDetector, "_look", lambda *_: seen)
    first, second = FaceDetector(path).detect(plain(RED, 320, 240))
    assert first.box_xyxy == pytest.approx((2, 0, 42, 40), abs=1e-4)
    assert second.box_xyxy == (100, 0, 140, 40)


def test_the_network_runs_once_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = FaceDetector(write_toy_detector(tmp_path, coarse_side_px=160))
    run, sides = FaceDetector._run, []

    def count(self: FaceDetector, padded_rgb: np.ndarray) -> np.ndarray:
        sides.append(padded_rgb.shape[1])
        return run(self, padded_rgb)

    monkeypatch.setattr(FaceDetector, "_run", count)
    detector.detect(plain(GREEN, 320, 240))
    assert sides == [320, 160]
    detector.detect(plain(GREEN, 40, 30))  # too small for a second look
    assert sides == [320, 160, 160]


@pytest.mark.parametrize(("side_px", "looks"), [(160, 1), (192, 1), (224, 2), (288, 2)])
def test_a_face_that_fills_the_picture_is_seen_at_a_side_that_was_learnt(
    tmp_path: Path, side_px: int, looks: int
) -> None:
    path = write_toy_detector(tmp_path, coarse_side_px=160)
    detector, alone = (
        FaceDetector(path, side_px),
        FaceDetector(write_toy_detector(tmp_path), side_px),
    )
    image = plain(MAGENTA, 320, 240)
    assert (sizes(detector.detect(image)) == sizes(alone.detect(image))) == (looks == 1)


def test_a_small_picture_gets_no_second_look_at_the_same_size(tmp_path: Path) -> None:
    path = write_toy_detector(tmp_path, coarse_side_px=160)
    image = plain(MAGENTA, 40, 30)  # enlarged four times, to 160
    once, again = FaceDetector(path, side_px=160), FaceDetector(path)
    assert again.detect(image) == once.detect(image)


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (1, 400), (400, 1), (3, 2), (31, 33), (40_000, 1), (2, 40_000), (6000, 5000)],
)
def test_any_size_of_picture(detector: FaceDetector, width: int, height: int) -> None:
    for face in detector.detect(plain(MAGENTA, width, height)):
        left, top, right, bottom = face.box_xyxy
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert detector.detect(plain(GREEN, width, height)) == ()


@pytest.mark.parametrize(
    ("size_wh", "side_px", "padded_wh"),
    [
        ((640, 480), 320, (320, 256)),
        ((1, 1), 320, (32, 32)),
        ((40, 30), 320, (160, 128)),
        ((40_000, 1), 640, (640, 32)),
        ((33, 99), 33, (32, 64)),
    ],
)
def test_the_letter_box_holds_whole_cells_and_no_more_than_it_must(
    size_wh: tuple[int, int], side_px: int, padded_wh: tuple[int, int]
) -> None:
    padded, ratio_xy = letter_box(plain(RED, *size_wh), side_px)
    assert padded.shape == (padded_wh[1], padded_wh[0], 3)
    columns, rows = (round(float(r) * side) for r, side in zip(ratio_xy, size_wh, strict=True))
    assert (padded[:rows, :columns] == RED).all()
    assert (padded[rows:] == 127).all() and (padded[:, columns:] == 127).all()


@pytest.mark.parametrize("side_px", [0, 31, 4097, -640])
def test_a_side_out_of_range_is_refused_with_the_range(path: Path, side_px: int) -> None:
    with pytest.raises(SettingError, match=f"32 to 4096 pixels, not {side_px}"):
        FaceDetector(path, side_px=side_px)


@pytest.mark.parametrize("min_score", [0, 1, -0.5, float("nan")])
def test_a_score_out_of_range_is_refused_with_the_range(path: Path, min_score: float) -> None:
    with pytest.raises(SettingError, match="between 0 and 1"):
        FaceDetector(path, min_score=min_score)


def test_a_classifier_is_no_detector(tmp_path: Path, path: Path) -> None:
    classifier = write_toy_model(tmp_path)
    with pytest.raises(ModelError, match="a classifier; give it as --model"):
        FaceDetector(classifier)
    values = path.with_suffix(".json").read_text()
    _, digest = card_path(classifier).read_text().split('"sha256": "')
    _, other = values.split('"sha256": "')
    card_path(classifier).write_text(values.replace(other[:64], digest[:64]))
    with pytest.raises(ModelError, match="no face detector"):
        FaceDetector(classifier)


def test_threads_share_one_detector(detector: FaceDetector) -> None:
    pictures = [crowd((3, 2, RED)), crowd((3, 2, RED), (12, 7, GREEN))]
    wrong = []

    def work(image: np.ndarray, count: int) -> None:
        wrong.extend(n for _ in range(10) if (n := len(detector.detect(image))) != count)

    jobs = [threading.Thread(target=work, args=(pictures[i % 2], i % 2 + 1)) for i in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert wrong == []
