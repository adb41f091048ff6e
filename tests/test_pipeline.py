"""Analyzer with a real, tiny network: every kind of input, given boxes, order, unsure."""

import io
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from toy_model import BLUE, GREEN, GREY, RED, plain, write_toy_model

from maskwatch import Analyzer, FaceOrigin, ImageError, MaskState, SettingError
from maskwatch.pipeline import reading_order
from maskwatch.schema import Face


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory):
    return Analyzer(write_toy_model(tmp_path_factory.mktemp("toy")))


@pytest.mark.parametrize(
    ("colour", "state"),
    [
        (RED, MaskState.MASK),
        (GREEN, MaskState.NO_MASK),
        (BLUE, MaskState.INCORRECT_MASK),
        (GREY, MaskState.UNSURE),
    ],
)
def test_the_whole_picture_is_the_face(analyzer, colour, state):
    report = analyzer.analyze(plain(colour, 50, 30))
    (face,) = report.faces
    assert face.state is state
    assert face.box_xyxy == (0, 0, 50, 30)
    assert report.face_origin is FaceOrigin.WHOLE_IMAGE
    assert report.image_size_wh == (50, 30)
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert face.confidence == max(face.probabilities.values())


def test_path_bytes_pil_and_array_give_the_same_verdict(analyzer, tmp_path):
    image = np.random.default_rng(1).integers(0, 255, (33, 47, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    inputs = (tmp_path / "a.png", str(tmp_path / "a.png"), buffer.getvalue(),
              Image.fromarray(image), image)  # fmt: skip
    answers = [analyzer.analyze(given).faces for given in inputs]
    assert all(answer == answers[0] for answer in answers)


def test_given_boxes_replace_the_detector_and_come_in_reading_order(analyzer):
    image = plain(GREY, 120, 80)
    image[10:30, 70:90], image[12:32, 10:30], image[50:70, 40:60] = RED, GREEN, BLUE
    boxes = [(40, 50, 60, 70), (70, 10, 90, 30), (10, 12, 30, 32)]
    report = analyzer.analyze(image, boxes=boxes)
    assert [face.state for face in report.faces] == ["no_mask", "mask", "incorrect_mask"]
    assert report.face_origin is FaceOrigin.GIVEN


@pytest.mark.parametrize("boxes", [[], np.empty((0, 4)), ()])
def test_no_boxes_means_no_faces(analyzer, boxes):
    assert analyzer.analyze(plain(RED), boxes=boxes).faces == ()


def test_boxes_are_cut_at_the_edge_of_the_picture(analyzer):
    (face,) = analyzer.analyze(plain(RED, 40, 30), boxes=[(-10, -10, 20, 500)]).faces
    assert face.box_xyxy == (0, 0, 20, 30) and face.state is MaskState.MASK


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        ([(10, 10, 5, 20)], r"boxes\[0\]"),
        ([(0, 0, 5, 5), (50, 50, 60, 60)], r"boxes\[1\].*40 x 40"),
        ([(0, 0, float("nan"), 5)], r"boxes\[0\]"),
        ([(0, 0, 5)], r"shape \(n, 4\)"),
        ([1, 2, 3, 4], r"shape \(n, 4\)"),
        ("face", "numbers"),
    ],
)
def test_a_box_that_is_none_is_refused_by_number(analyzer, boxes, words):
    with pytest.raises(SettingError, match=words):
        analyzer.analyze(plain(RED), boxes=boxes)


def test_more_faces_than_a_batch(analyzer):
    boxes = [(x, y, x + 8, y + 8) for y in range(0, 80, 10) for x in range(0, 100, 10)]
    faces = analyzer.analyze(plain(BLUE, 100, 80), boxes=boxes).faces
    assert len(faces) == 80 and {face.state for face in faces} == {MaskState.INCORRECT_MASK}


def test_an_unreadable_image_is_an_image_error(analyzer):
    with pytest.raises(ImageError):
        analyzer.analyze(b"no picture")


def test_a_report_serialises_to_plain_values(analyzer, tmp_path):
    Image.fromarray(plain(RED)).save(tmp_path / "a.png")
    document = analyzer.analyze(tmp_path / "a.png").to_dict()
    assert document["source"] == str(tmp_path / "a.png")
    assert document["model"] == "toy 1"
    (face,) = document["faces"]
    assert face["state"] == "mask"
    assert set(face["probabilities"]) == {"mask", "no_mask", "incorrect_mask"}


def test_temperature_softens_and_the_threshold_decides(tmp_path):
    image = plain((150, 120, 110))
    sharp = Analyzer(write_toy_model(tmp_path)).analyze(image).faces[0]
    soft = Analyzer(write_toy_model(tmp_path, temperature=4.0)).analyze(image).faces[0]
    assert sharp.state is MaskState.MASK and soft.state is MaskState.UNSURE
    assert 1 / 3 < soft.confidence < sharp.confidence


def test_the_classes_come_from_the_card(tmp_path):
    turned = (MaskState.NO_MASK, MaskState.INCORRECT_MASK, MaskState.MASK)
    analyzer = Analyzer(write_toy_model(tmp_path, classes=turned))
    assert analyzer.analyze(plain(RED)).faces[0].state is MaskState.NO_MASK


def test_threads_share_one_analyzer(analyzer):
    wrong = []

    def work(colour, state):
        for _ in range(20):
            if analyzer.analyze(plain(colour)).faces[0].state is not state:
                wrong.append(colour)

    jobs = [(RED, MaskState.MASK), (GREEN, MaskState.NO_MASK)] * 3
    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


ROW_TABLE = [
    ([], []),
    ([(0, 0, 10, 10)], [0]),
    ([(50, 0, 60, 10), (0, 2, 10, 12)], [1, 0]),  # one row
    ([(0, 50, 10, 60), (90, 0, 99, 10)], [1, 0]),  # two rows
    ([(0, 0, 10, 10), (0, 9, 10, 29)], [0, 1]),  # centre below the first face's bottom
]


@pytest.mark.parametrize(("boxes", "order"), ROW_TABLE)
def test_reading_order(boxes, order):
    faces = [Face(box) for box in boxes]
    assert list(reading_order(faces)) == [faces[index] for index in order]


@given(st.lists(st.tuples(*[st.integers(0, 50)] * 4), max_size=20))
def test_reading_order_keeps_every_face(numbers):
    faces = [Face((x, y, x + w + 1, y + h + 1)) for x, y, w, h in numbers]
    assert sorted(reading_order(faces), key=str) == sorted(faces, key=str)
