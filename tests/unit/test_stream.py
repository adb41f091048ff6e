"""A stream names each face, keeps its state steady, and survives whatever a camera does.

Run: pytest tests/unit/test_stream.py
"""

from __future__ import annotations

import json
import threading

import cv2
import numpy as np
import pytest
from support.drawn_faces import landmarks
from support.toy_detector import MAGENTA, crowd, face_box, write_toy_detector
from support.toy_model import BLUE, GREEN, GREY, RED, plain, write_toy_model

import maskwatch
from maskwatch import Analyzer, MaskState, Stream, TrackedFace, WholeImage
from maskwatch.errors import ImageError, SettingError
from maskwatch.io.report import to_jsonl
from maskwatch.schema import Face, FaceOrigin

STEP_S = 1 / 15


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory) -> Analyzer:
    folder = tmp_path_factory.mktemp("models")
    return Analyzer(write_toy_model(folder), write_toy_detector(folder), 320)


def play(stream: Stream, *pictures: np.ndarray, start_s: float = 0.0) -> list:
    return [stream.update(picture, start_s + i * STEP_S) for i, picture in enumerate(pictures)]


def textured(picture: np.ndarray) -> np.ndarray:
    """Fine stripes, which leave the mean colour of a cell alone: a plain face counts as blurred."""
    stripes = np.where(np.arange(picture.shape[1]) // 2 % 2, 6, -6)[None, :, None]
    changed = np.clip(picture.astype(int) + stripes, 0, 255).astype(np.uint8)
    return np.where((picture == MAGENTA).all(axis=2, keepdims=True), picture, changed)


def count_judged(analyzer: Analyzer, monkeypatch) -> list[int]:
    """Grows by a number with each frame: how many of its faces are judged."""
    judged: list[int] = []
    judge = analyzer.judge

    def counted(image_rgb, faces, origin):
        judged.append(len(faces))
        return judge(image_rgb, faces, origin)

    monkeypatch.setattr(analyzer, "judge", counted)
    return judged


def test_a_frame_without_a_face(analyzer) -> None:
    report = Stream(analyzer).update(crowd(), 0.0)
    assert report.faces == ()
    assert report.face_origin == "detected"
    assert report.detector == "toy detector 1"


def test_a_small_frame_without_a_face_is_not_taken_for_one(analyzer) -> None:
    picture = np.full((160, 160, 3), 128, np.uint8)
    assert analyzer.analyze(picture).face_origin == "whole_image"
    assert Stream(analyzer).update(picture, 0.0).faces == ()


def test_each_face_is_named_and_becomes_steady(analyzer) -> None:
    picture = textured(crowd((12, 7, GREEN), (3, 2, RED)))
    first, *_, last = play(Stream(analyzer), *[picture] * 20)
    assert [face.state for face in first.faces] == [MaskState.UNSURE] * 2
    assert [face.raw_state for face in first.faces] == ["mask", "no_mask"]
    assert [face.state for face in last.faces] == ["mask", "no_mask"]
    assert [sorted(r.track_id for r in report.faces) for report in (first, last)] == [[1, 2]] * 2
    assert all(isinstance(face, TrackedFace) and face.state_age_s == 0 for face in last.faces)
    assert last.faces[0].confidence == last.faces[0].probabilities[MaskState.MASK] > 0.9
    assert last.faces[0].box_xyxy == pytest.approx(face_box(3, 2), abs=1e-3)


def test_a_wrong_frame_shows_in_the_raw_state_alone(analyzer, monkeypatch) -> None:
    monkeypatch.setattr("maskwatch.stream.LOOK_AGAIN_S", STEP_S / 4)  # judged in every frame
    good, bad = (textured(crowd((3, 2, colour))) for colour in (RED, GREEN))
    reports = play(Stream(analyzer), *[good] * 20, bad, bad, good)
    faces = [face for report in reports[19:] for face in report.faces]
    assert [face.raw_state for face in faces] == ["mask", "no_mask", "no_mask", "mask"]
    assert {face.state for face in faces} == {MaskState.MASK}


def test_a_face_beyond_doubt_is_judged_ten_times_a_second_and_follows_all_the_same(
    analyzer, monkeypatch
) -> None:
    judged = count_judged(analyzer, monkeypatch)
    stream = Stream(analyzer)
    pictures = [textured(crowd((3, 2, RED), (12, 7, GREEN))), textured(crowd((4, 2, RED)))]
    reports = [stream.update(pictures[0], number / 30) for number in range(60)]
    assert judged[0] == 2  # whoever is new is judged at once
    assert 0 < sum(judged[30:60]) <= 22  # one second, two faces, ten times each
    assert max(judged[30:60]) == 1  # in turn, not both in one frame
    assert [face.state for face in reports[-1].faces] == ["mask", "no_mask"]
    moved = stream.update(pictures[1], 60 / 30).faces[0]
    assert moved.box_xyxy == pytest.approx(face_box(4, 2), abs=1e-3)
    assert moved.quality is not None


def test_a_face_in_doubt_is_judged_in_every_frame(analyzer, monkeypatch) -> None:
    judged = count_judged(analyzer, monkeypatch)
    stream = Stream(analyzer)
    for number in range(30):
        stream.update(textured(crowd((3, 2, GREY))), number / 30)
    assert judged == [1] * 30


def test_a_true_change_shows(analyzer) -> None:
    pictures = [textured(crowd((3, 2, colour))) for colour in (RED, BLUE)]
    reports = play(Stream(analyzer), *[pictures[0]] * 20, *[pictures[1]] * 12)
    assert [report.faces[0].state for report in (reports[19], reports[-1])] == [
        "mask",
        "incorrect_mask",
    ]
    assert {report.faces[0].track_id for report in reports} == {1}


@pytest.mark.parametrize("apart_s", [1.5, 2.0, 5.0])
def test_few_pictures_tell_what_each_can_tell(analyzer, apart_s: float) -> None:
    """Who stays is known from one to the next; who is in one only gets an answer as well."""
    alone = textured(crowd((3, 2, RED)))
    both = textured(crowd((3, 2, RED), (12, 7, GREEN)))
    stream = Stream(analyzer)
    reports = [
        stream.update(picture, number * apart_s)
        for number, picture in enumerate([alone] * 4 + [both] + [alone] * 2)
    ]
    shown = [[(face.track_id, str(face.state)) for face in report.faces] for report in reports]
    one = 1 if apart_s < 4 else 2  # the first time, four seconds are a stream that stood still
    two = [(one, "mask"), (one + 1, "no_mask")]
    assert shown[2:] == [[(one, "mask")]] * 2 + [two] + [[(one, "mask")]] * 2


def test_a_gap_in_a_film_tells_nothing_from_one_view(analyzer) -> None:
    stream, picture = Stream(analyzer), textured(crowd((3, 2, RED)))
    play(stream, *[picture] * 20)
    (face,) = stream.update(picture, 30.0).faces
    assert face.state == "unsure"


@pytest.mark.parametrize("pause_s", [1.2, 3.5])
def test_a_stream_that_stops_now_and_then_shows_the_same_people(analyzer, pause_s: float) -> None:
    stream, picture = Stream(analyzer), textured(crowd((3, 2, RED), (12, 7, GREEN)))
    for start_s in np.arange(4) * (19 * STEP_S + pause_s):
        reports = play(stream, *[picture] * 20, start_s=float(start_s))
        assert {face.track_id for report in reports for face in report.faces} == {1, 2}
        if start_s:
            assert [face.state for face in reports[0].faces] == ["mask", "no_mask"]


def test_a_label_that_flips_never_breaks_a_track(analyzer) -> None:
    pictures = [textured(crowd((5, 5, colour))) for colour in (RED, GREEN, BLUE, GREY)]
    assert {r.faces[0].track_id for r in play(Stream(analyzer), *pictures * 10)} == {1}


class OneFace:
    """Somebody who turns the head or lifts a hand: finds one face with what it is told of it."""

    origin = FaceOrigin.DETECTED
    yaw_deg = 0.0
    score = 1.0

    def detect(self, image_rgb: np.ndarray) -> tuple[Face, ...]:
        points = landmarks((56, 48), 16, self.yaw_deg).tolist()
        return (Face((32, 24, 80, 72), self.score, tuple((x, y) for x, y in points)),)


@pytest.mark.parametrize(("what", "poor", "good"), [("yaw_deg", 88.0, 0.0), ("score", 0.4, 0.8)])
def test_who_turns_away_or_lifts_a_hand_keeps_the_state_and_it_says_since_when(
    tmp_path, monkeypatch, what: str, poor: float, good: float
) -> None:
    monkeypatch.setattr("maskwatch.stream.LOOK_AGAIN_S", STEP_S / 4)  # judged in every frame
    detector = OneFace()
    stream = Stream(Analyzer(write_toy_model(tmp_path), detector))
    red, green = (textured(plain(colour, 120, 120)) for colour in (RED, GREEN))
    play(stream, *[red] * 20)
    setattr(detector, what, poor)
    for number in range(1, 14):
        (face,) = stream.update(green, (19 + number) * STEP_S).faces
        assert (face.raw_state, face.state, face.track_id) == ("no_mask", "mask", 1)
        assert face.state_age_s == pytest.approx(number * STEP_S)
    setattr(detector, what, good)
    (face,) = stream.update(red, 33 * STEP_S).faces
    assert (face.state, face.state_age_s) == ("mask", 0)


def test_nobody_outlives_a_cut(tmp_path) -> None:
    """The next scene shows another person, even where the last one's face was."""
    stream = Stream(Analyzer(write_toy_model(tmp_path), OneFace()))
    before, after = (textured(scene(seed)) for seed in range(2))
    (face,) = play(stream, *[before] * 20)[-1].faces
    assert (face.track_id, face.state_age_s) == (1, 0)
    (face,) = stream.update(after, 20 * STEP_S).faces
    assert (face.track_id, face.state) == (2, "unsure")


def scene(seed: int) -> np.ndarray:
    """A picture that has nothing in common with that of another seed but the face."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return cv2.resize(patches, (120, 120), interpolation=cv2.INTER_CUBIC)


def test_a_face_is_remembered_for_a_moment_but_not_shown(analyzer) -> None:
    face = textured(crowd((3, 2, RED)))
    stream = Stream(analyzer)
    play(stream, *[face] * 20)
    (gone,) = play(stream, crowd(), start_s=20 * STEP_S)
    assert gone.faces == ()
    (back,) = play(stream, face, start_s=25 * STEP_S)
    assert (back.faces[0].track_id, back.faces[0].state) == (1, "mask")
    (late,) = play(stream, face, start_s=100)
    assert (late.faces[0].track_id, late.faces[0].state) == (2, "unsure")


def faint(picture: np.ndarray) -> np.ndarray:
    """The dot a little too dark for the detector to be sure of a face: it scores 0.35."""
    return np.where((picture == MAGENTA).all(axis=2, keepdims=True), (222, 0, 222), picture).astype(
        np.uint8
    )


def test_a_face_that_scores_low_is_followed_but_nobody_begins_with_one(analyzer) -> None:
    sure, unsure = (change(crowd((3, 2, RED))) for change in (textured, faint))
    assert analyzer.analyze(unsure).faces == ()
    stream = Stream(analyzer)
    assert [len(report.faces) for report in play(stream, unsure, sure, unsure)] == [0, 1, 1]


def test_frames_are_searched_at_the_side_for_live_video(tmp_path) -> None:
    paths = write_toy_model(tmp_path), write_toy_detector(tmp_path, live_side_px=160)
    large = crowd((3, 2, RED)).repeat(2, axis=0).repeat(2, axis=1)  # 640: its dots show at 320 only
    assert len(Stream(Analyzer(*paths, 320)).update(large, 0.0).faces) == 1
    assert len(Analyzer(*paths).analyze(large).faces) == 1
    assert Stream(Analyzer(*paths)).update(large, 0.0).faces == ()


def test_a_clock_that_goes_back_or_stands_still(analyzer) -> None:
    face = textured(crowd((3, 2, RED)))
    stream = Stream(analyzer)
    play(stream, *[face] * 20, start_s=1000.0)
    for time_s in (0.0, 0.0, -5.0, 2.0, 1.9):
        (seen,) = stream.update(face, time_s).faces
        assert seen.track_id in (1, 2)
        assert seen.state_age_s >= 0


def test_a_clock_that_leaps(analyzer) -> None:
    face = textured(crowd((3, 2, RED)))
    stream = Stream(analyzer)
    play(stream, *[face] * 20, start_s=-1e308)
    for time_s in (0.0, 1e18, 1e300, 1e308, 1.0):
        (seen,) = stream.update(face, time_s).faces
        assert seen.state_age_s >= 0


@pytest.mark.parametrize("time_s", [float("nan"), float("inf"), None, "1.5"])
def test_a_time_that_is_none(analyzer, time_s) -> None:
    with pytest.raises(SettingError, match="time_s: must be a finite number"):
        Stream(analyzer).update(crowd(), time_s)


@pytest.mark.parametrize(
    "picture", [np.zeros((40, 60), np.uint8), np.zeros((0, 0, 3), np.uint8), np.zeros((9, 9, 3))]
)
def test_what_is_no_picture(analyzer, picture: np.ndarray) -> None:
    stream = Stream(analyzer)
    with pytest.raises(ImageError):
        stream.update(picture, 0.0)
    assert stream.update(crowd(), 0.1).faces == ()  # and goes on


def test_the_size_may_change(analyzer) -> None:
    """As a browser sends fewer pixels, when the network is slow; another shape is another view."""
    stream, small = Stream(analyzer), textured(crowd((3, 2, RED), (12, 7, GREEN)))
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    pictures = [small] * 20 + [large, large, small, large[:, :-2]]
    for picture, report in list(zip(pictures, play(stream, *pictures), strict=True))[19:]:
        assert report.image_size_wh == (picture.shape[1], picture.shape[0])
        side_px = 48 if picture is small else 96
        assert report.faces[0].quality.side_px == pytest.approx(side_px, rel=0.01)
        assert [(f.track_id, f.state) for f in report.faces] == [(1, "mask"), (2, "no_mask")]
    (other,) = play(stream, large[:-32], start_s=24 * STEP_S)
    assert [(face.track_id, face.state) for face in other.faces] == [(3, "unsure"), (4, "unsure")]


@pytest.mark.parametrize("steadiness", [2, float("nan"), None, "calm"])
def test_a_senseless_steadiness(analyzer, steadiness) -> None:
    with pytest.raises(SettingError, match="steadiness: must lie between 0 and 1, not"):
        Stream(analyzer, steadiness=steadiness)


@pytest.mark.parametrize("given", [None, "photo.jpg", Analyzer])
def test_a_stream_of_no_analyzer(given) -> None:
    with pytest.raises(SettingError, match="analyzer: must be an Analyzer, not"):
        Stream(given)


def test_closing_forgets_and_may_be_done_twice(analyzer) -> None:
    stream = Stream(analyzer)
    stream.close()
    play(stream, *[textured(crowd((3, 2, RED)))] * 20)
    stream.close()
    stream.close()
    (face,) = stream.update(textured(crowd((3, 2, RED))), 0.0).faces
    assert (face.track_id, face.state) == (2, "unsure")  # no number comes back


def test_another_steadiness_begins_the_labels_anew_and_keeps_the_numbers(analyzer) -> None:
    picture = textured(crowd((3, 2, RED)))
    stream = Stream(analyzer, 0.2)
    assert stream.steadiness == 0.2
    play(stream, *[picture] * 20)
    stream.steadiness = 1.0
    first, *_, last = play(stream, *[picture] * 30, start_s=20 * STEP_S)
    assert stream.steadiness == 1.0
    assert [(r.faces[0].track_id, r.faces[0].state) for r in (first, last)] == [
        (1, "unsure"),
        (1, "mask"),
    ]
    with pytest.raises(SettingError, match="steadiness: must lie between 0 and 1, not 2"):
        stream.steadiness = 2
    assert stream.steadiness == 1.0


def test_the_whole_picture_as_one_face(tmp_path) -> None:
    stream = Stream(Analyzer(write_toy_model(tmp_path), WholeImage()))
    picture = textured(plain(RED, 120, 120))
    *_, last = play(stream, *[picture] * 15)
    assert (last.face_origin, last.faces[0].state) == ("whole_image", "mask")


def test_streams_share_an_analyzer_and_nothing_else(analyzer) -> None:
    """Each of several threads sees the same as it would alone."""
    pictures = {c: [textured(crowd((3, 2, c)))] * 15 for c in (RED, GREEN, BLUE)}
    alone = {c: [r.to_dict() for r in play(Stream(analyzer), *p)] for c, p in pictures.items()}
    together: dict = {}

    def run(colour) -> None:
        together[colour] = [r.to_dict() for r in play(Stream(analyzer), *pictures[colour])]

    threads = [threading.Thread(target=run, args=(colour,)) for colour in pictures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert together == alone


def test_one_serialised_form(analyzer) -> None:
    *_, last = play(Stream(analyzer), *[textured(crowd((3, 2, RED)))] * 12)
    (line,) = to_jsonl([last])
    (face,) = json.loads(line)["faces"]
    assert (face["track_id"], face["raw_state"], face["state_age_s"]) == (1, "mask", 0)
    plain_face = analyzer.analyze(textured(crowd((3, 2, RED)))).to_dict()["faces"][0]
    assert set(plain_face) < set(face)


def test_the_public_name() -> None:
    assert maskwatch.Stream is Stream


class Foreign:
    """A detector of somebody else: what it gives are arrays and lists."""

    origin = FaceOrigin.DETECTED

    def __init__(self, box: object) -> None:
        self._box = box

    def detect(self, image_rgb: np.ndarray) -> list[Face]:
        points = np.float32(landmarks((56, 48), 16))
        return [Face(self._box, np.float32(0.9), points)]


@pytest.mark.parametrize("box", [[32, 24, 80, 72], np.array([32, 24, 80, 72], np.float32)])
def test_faces_of_other_detectors_become_plain_numbers(tmp_path, box: object) -> None:
    analyzer = Analyzer(write_toy_model(tmp_path), Foreign(box))
    image_rgb = textured(plain(RED, 120, 120))
    reports = [analyzer.analyze(image_rgb), Stream(analyzer).update(image_rgb, 0.0)]
    for report, line in zip(reports, to_jsonl(reports), strict=True):
        assert report.faces[0].box_xyxy == (32.0, 24.0, 80.0, 72.0)
        assert json.loads(line)["faces"][0]["detection_score"] == 0.9


@pytest.mark.parametrize(
    "box",
    [(9, 9, 9, 20), (9, 9, 5, 20), (0, 0, float("nan"), 9), (0, 0, float("inf"), 9), (1, 2, 3), ()],
)
def test_a_box_that_is_none_is_named(tmp_path, box: tuple[float, ...]) -> None:
    analyzer = Analyzer(write_toy_model(tmp_path), Foreign(box))
    for judge in (analyzer.analyze, lambda image: Stream(analyzer).update(image, 0.0)):
        with pytest.raises(SettingError, match=r"box_xyxy: must be four numbers with left < right"):
            judge(plain(RED, 120, 120))
