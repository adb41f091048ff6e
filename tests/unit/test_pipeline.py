"""Analyzer with real, tiny networks: every kind of input, found and given faces, order, unsure."""

import io
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.toy_detector import crowd, face_box, write_toy_detector
from support.toy_model import BLUE, GREEN, GREY, RED, plain, write_toy_model

from maskwatch import (
    Analyzer,
    FaceDetector,
    FaceOrigin,
    ImageError,
    MaskState,
    ModelError,
    SettingError,
    Stream,
    WholeImage,
)
from maskwatch.pipeline import reading_order
from maskwatch.schema import Face
from maskwatch.vision.edge import looks_like_crop


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory):
    return Analyzer(write_toy_model(tmp_path_factory.mktemp("toy")), detector=WholeImage())


@pytest.fixture(scope="module")
def finder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toys")
    return Analyzer(write_toy_model(folder), detector=write_toy_detector(folder))


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
    assert face.landmarks_xy is None
    assert report.detector is None and analyzer.detector_card is None


def test_every_face_is_found_and_judged_in_reading_order(finder):
    report = finder.analyze(crowd((12, 7, GREEN), (16, 3, BLUE), (3, 2, RED)))
    assert [face.state for face in report.faces] == ["mask", "incorrect_mask", "no_mask"]
    boxes = [pytest.approx(face_box(*cell), abs=1e-3) for cell in ((3, 2), (16, 3), (12, 7))]
    assert [face.box_xyxy for face in report.faces] == boxes
    assert all(face.detection_score > 0.99 for face in report.faces)
    assert all(len(face.landmarks_xy) == 5 for face in report.faces)
    assert report.face_origin is FaceOrigin.DETECTED
    assert report.detector == finder.detector_card.name == "toy detector 1"
    (mark, *_) = report.to_dict()["faces"][0]["landmarks_xy"]
    assert mark == [40.0, 32.0]


def test_every_verdict_says_how_well_the_face_is_seen(finder, tmp_path):
    report = finder.analyze(crowd((12, 7, GREEN), (1, 3, RED)))
    first, second = report.faces
    assert first.quality.side_px == second.quality.side_px == pytest.approx(48, abs=1e-3)
    assert first.quality.visible_ratio < second.quality.visible_ratio == 1  # the edge is near
    assert report.to_dict()["faces"][0]["quality"] == first.quality.to_dict()
    whole = Analyzer(write_toy_model(tmp_path), WholeImage()).analyze(plain(RED))
    assert whole.faces[0].quality.visible_ratio == 1


def test_a_photo_without_a_face(finder):
    report = finder.analyze(crowd())
    assert report.faces == ()
    assert report.face_origin is FaceOrigin.DETECTED
    assert report.to_dict()["detector"] == "toy detector 1"


class NeedsSurroundings:
    """Finds faces once the picture has surroundings, of 53 pixels here; counts its looks."""

    origin = FaceOrigin.DETECTED

    def __init__(self, finds):
        self.finds, self.looks = finds, 0

    def detect(self, image_rgb):
        self.looks += 1
        grey = bool((image_rgb[0, 0] == 127).all())
        return self.finds if grey else ()


FILLING, AT_EDGE = Face((53.0, 60.0, 153.0, 190.0)), Face((40.0, 90.0, 80.0, 120.0), 0.8)
IN_BORDER = Face((5.0, 5.0, 53.0, 53.0))


@pytest.mark.parametrize(
    ("size_wh", "finds", "origin"),
    [
        ((120, 160), (AT_EDGE, FILLING), FaceOrigin.WHOLE_IMAGE),
        ((120, 160), (), FaceOrigin.DETECTED),  # being small makes no face of it
        ((120, 160), (IN_BORDER,), FaceOrigin.DETECTED),
        ((300, 300), (FILLING,), FaceOrigin.DETECTED),
    ],
)
def test_a_small_picture_is_a_face_where_one_shows_with_a_border(tmp_path, size_wh, finds, origin):
    detector = NeedsSurroundings(finds)
    report = Analyzer(write_toy_model(tmp_path), detector).analyze(plain(RED, *size_wh))
    assert report.face_origin is origin
    if origin is FaceOrigin.WHOLE_IMAGE:
        (face,) = report.faces
        assert face.state is MaskState.MASK and face.box_xyxy == (0, 0, *size_wh)
    else:
        assert report.faces == ()
    assert detector.looks == (2 if max(size_wh) <= 256 else 1)


@pytest.mark.parametrize(("side_px", "whole"), [(59, False), (60, True)])
def test_a_face_of_half_a_small_picture_is_what_it_is_of(tmp_path, side_px, whole):
    detector = NeedsSurroundings((Face((80.0, 80.0, 80.0 + side_px, 100.0)),))
    report = Analyzer(write_toy_model(tmp_path), detector).analyze(plain(RED, 120, 160))
    assert (report.face_origin is FaceOrigin.WHOLE_IMAGE) is whole


def test_small_faces_that_show_with_a_border_are_told_where_they_are(tmp_path):
    marks = ((50.0, 95.0), (60.0, 95.0), (55.0, 100.0), (50.0, 110.0), (60.0, 110.0))
    marked = Face(AT_EDGE.box_xyxy, 0.8, marks)
    detector = NeedsSurroundings((IN_BORDER, marked, Face((160.0, 180.0, 190.0, 300.0))))
    report = Analyzer(write_toy_model(tmp_path), detector).analyze(plain(RED, 120, 160))
    assert report.face_origin is FaceOrigin.DETECTED
    first, second = report.faces
    assert first.box_xyxy == (0, 37, 27, 67) and first.detection_score == 0.8
    assert first.landmarks_xy == ((-3, 42), (7, 42), (2, 47), (-3, 57), (7, 57))
    assert second.box_xyxy == (107, 127, 120, 160)
    assert first.state is second.state is MaskState.MASK


class Own:
    """A detector of the user's own, which answers with one thing whatever it is shown."""

    origin = FaceOrigin.DETECTED

    def __init__(self, *faces):
        self.faces = faces

    def detect(self, image_rgb):
        return (face for face in self.faces)


def test_boxes_of_an_own_detector_that_are_not_in_the_picture_are_no_faces(tmp_path):
    partly, inside = Face((-20, -20, 40, 40)), Face((60, 10, 90, 40))
    beside = [Face((320, 10, 380, 60)), Face((10, -50, 60, 0)), Face((-80, -80, -10, -10))]
    analyzer = Analyzer(write_toy_model(tmp_path), Own(*beside, partly, inside))
    picture = plain(RED, 320, 200)
    boxes = [(-20, -20, 40, 40), (60, 10, 90, 40)]
    assert [face.box_xyxy for face in analyzer.analyze(picture).faces] == boxes
    found, sure = analyzer.find_live(picture)
    assert found == (partly, inside) and sure.tolist() == [True, True]


def test_two_equal_faces_are_two_in_a_photo_and_in_a_stream(tmp_path):
    twins = Face((10, 10, 60, 60)), Face((10, 10, 60, 60))
    analyzer, picture = Analyzer(write_toy_model(tmp_path), Own(*twins)), plain(RED, 120, 80)
    assert len(analyzer.analyze(picture).faces) == 2
    assert [face.track_id for face in Stream(analyzer).update(picture, 0.0).faces] == [1, 2]


CROP_TABLE = [
    (1, 1, True),
    (256, 256, True),
    (257, 256, False),  # too large
    (154, 256, True),
    (153, 256, False),  # too narrow
    (256, 153, False),
    (640, 480, False),
]


@pytest.mark.parametrize(("width", "height", "answer"), CROP_TABLE)
def test_what_looks_like_a_cut_out_face(width, height, answer):
    assert looks_like_crop(width, height) is answer


def test_given_boxes_need_no_detector(finder):
    report = finder.analyze(crowd((3, 2, RED)), boxes=[(0, 100, 50, 150)])
    assert [face.box_xyxy for face in report.faces] == [(0, 100, 50, 150)]
    assert report.face_origin is FaceOrigin.GIVEN and report.detector is None
    assert finder.analyze(plain(RED), boxes=[]).faces == ()


def test_a_detector_may_be_a_file_or_an_object_and_a_file_may_get_a_side(tmp_path):
    model, detector = write_toy_model(tmp_path), write_toy_detector(tmp_path)
    image = np.kron(crowd((3, 2, RED)), np.ones((2, 2, 1), np.uint8))
    by_object = Analyzer(model, detector=FaceDetector(detector, 640)).analyze(image)
    by_path = Analyzer(model, detector=str(detector), detector_side_px=640).analyze(image)
    assert by_object == by_path
    assert by_object.detector == "toy detector 1"
    assert by_object != Analyzer(model, detector=detector).analyze(image)


def test_an_own_detector_has_no_side_to_set(tmp_path):
    with pytest.raises(SettingError, match="detector_side_px"):
        Analyzer(write_toy_model(tmp_path), detector=WholeImage(), detector_side_px=640)
    with pytest.raises(SettingError, match="32 to 4096"):
        Analyzer(write_toy_model(tmp_path), write_toy_detector(tmp_path), detector_side_px=5)


def test_a_detector_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.onnx: cannot read the model file"):
        Analyzer(write_toy_model(tmp_path), detector="gone.onnx")


def test_path_bytes_pil_and_array_give_the_same_verdict(analyzer, tmp_path):
    image = np.random.default_rng(1).integers(0, 255, (33, 47, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    inputs = (tmp_path / "a.png", str(tmp_path / "a.png"), buffer.getvalue(),
              Image.fromarray(image), image)  # fmt: skip
    answers = [analyzer.analyze(given).faces for given in inputs]
    assert all(answer == answers[0] for answer in answers)


def test_given_boxes_replace_the_detector_and_keep_their_order(analyzer):
    image = plain(GREY, 120, 80)
    image[10:30, 70:90], image[12:32, 10:30], image[50:70, 40:60] = RED, GREEN, BLUE
    boxes = [(40, 50, 60, 70), (70, 10, 90, 30), (10, 12, 30, 32)]
    report = analyzer.analyze(image, boxes=boxes)
    assert [face.state for face in report.faces] == ["incorrect_mask", "mask", "no_mask"]
    assert [face.box_xyxy for face in report.faces] == boxes
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
    sharp = Analyzer(write_toy_model(tmp_path), WholeImage()).analyze(image).faces[0]
    soft_model = write_toy_model(tmp_path, temperature=4.0)
    soft = Analyzer(soft_model, WholeImage()).analyze(image).faces[0]
    assert sharp.state is MaskState.MASK and soft.state is MaskState.UNSURE
    assert 1 / 3 < soft.confidence < sharp.confidence


def test_the_classes_come_from_the_card(tmp_path):
    turned = (MaskState.NO_MASK, MaskState.INCORRECT_MASK, MaskState.MASK)
    analyzer = Analyzer(write_toy_model(tmp_path, classes=turned), WholeImage())
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


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((0.1, 0.37, 0.23, 0.6), r"boxes\[1\]: .* at least a pixel .*; shares of the picture\?"),
        ((0, 0, 1, 1), "shares of the picture"),
        ((0.2, 0.2, 0.2, 0.2), "shares of the picture"),
        ((10, 10, 10.5, 40), "of at least a pixel inside the 40 x 40 image$"),
        ((39.5, 0, 80, 40), "of at least a pixel"),
        ((-5, -5, 0.5, 0.5), "of at least a pixel"),
    ],
)
def test_boxes_that_cover_no_pixel_are_refused_by_number(finder, box, message):
    with pytest.raises(SettingError, match=message):
        finder.analyze(plain(RED), boxes=[(0, 0, 20, 20), box])


def test_a_box_of_one_pixel_is_a_box(finder):
    (face,) = finder.analyze(plain(RED), boxes=[(7, 7, 8, 8)]).faces
    assert face.box_xyxy == (7, 7, 8, 8)
    assert len(finder.analyze(plain(RED, 1, 1), boxes=[(0, 0, 1, 1)]).faces) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": 5}, "model: must be the path"),
        ({"model": b"a.onnx"}, "model: must be the path"),
        ({"detector": 5}, "detector: must be the path of an ONNX file or an object that detects"),
        ({"detector": WholeImage}, "an object that detects, not <class 'maskwatch.*WholeImage'>"),
        ({"detector_side_px": "640"}, "detector_side_px: must be a whole number"),
        ({"detector_side_px": 640.5}, "detector_side_px: must be a whole number"),
        ({"detector_side_px": True}, "detector_side_px: must be a whole number"),
    ],
)
def test_wrong_types_are_setting_errors(arguments, message):
    with pytest.raises(SettingError, match=message):
        Analyzer(**arguments)


def test_a_report_is_called_after_an_open_file(finder, tmp_path):
    path = tmp_path / "red.png"
    Image.fromarray(plain(RED)).save(path)
    with path.open("rb") as file:
        assert finder.analyze(file).source == str(path)
    assert finder.analyze(io.BytesIO(path.read_bytes())).source is None
