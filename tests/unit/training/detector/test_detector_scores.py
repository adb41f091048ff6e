"""Detector scores: exact on hand-made answers, equal to pycocotools, defined where nothing is.

Run: pytest tests/unit/training/detector/test_detector_scores.py
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.data_factory import draw, save, voc_set, yolo_set
from support.paths import ROOT
from support.toy_model import BLUE, GREEN, RED, plain, write_toy_model

from maskwatch.errors import DataError, ImageError
from maskwatch.models.evaluation import UNDEFINED, Estimate
from maskwatch.schema import CLASSES, Face, FaceOrigin
from maskwatch.training.data.collect import set_folders
from maskwatch.training.data.holdout import (
    TruthPhoto,
    holdout_names,
    holdout_photos,
    looks,
    photo_name,
)
from maskwatch.training.detector.answers import (
    PhotoAnswer,
    TurnedAnswer,
    ask,
    turn_boxes,
    turn_image,
)
from maskwatch.training.detector.average_precision import (
    SIZES_PX,
    Found,
    average_precision,
    cheapest_score,
    class_precision,
    compare,
    face_precision,
    match,
    recall_at_false_rate,
)
from maskwatch.training.detector.operating import operate
from maskwatch.training.detector.scores import evaluate, score


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, float).reshape(-1, 4)


def square(left: float, side: float = 40) -> tuple[float, float, float, float]:
    """A square on one line with all others."""
    return (left, 10.0, left + side, 10.0 + side)


def found(*pairs: tuple[tuple[float, ...], float]) -> Found:
    """Found(box, score); best first."""
    return Found(boxes(*(box for box, _ in pairs)), np.array([value for _, value in pairs], float))


def truth(*rows: tuple[float, ...], path: Path = Path("none.jpg")) -> TruthPhoto:
    return TruthPhoto(path, path.name, boxes(*rows))


def upright(*answers: Found) -> list[PhotoAnswer]:
    return [PhotoAnswer(answer, {}) for answer in answers]


def on_canvas(turn_deg: int, *pairs: tuple[tuple[float, ...], float]) -> TurnedAnswer:
    """What is found where these boxes of a photo of 800 x 600 lie when it is turned."""
    answer, size_px = found(*pairs), (800, 600)
    placed = turn_boxes(answer.boxes_xyxy, size_px, turn_deg)
    return TurnedAnswer(replace(answer, boxes_xyxy=placed), size_px)


class Oracle:
    """Finds the faces it was told of, whatever it is shown."""

    origin = FaceOrigin.GIVEN

    def __init__(self, *known: tuple[float, ...], score: float = 0.9) -> None:
        self._faces = tuple(Face(box, score) for box in known)

    def detect(self, image_rgb):
        return self._faces


# --- the rule of matching


@pytest.mark.parametrize(
    ("detections", "faces", "counts", "expected"),
    [
        ([], [square(0)], None, []),
        ([square(0)], [], None, [-1]),
        ([square(0), square(0)], [square(0)], None, [0, -1]),  # the second is one too many
        ([square(8)], [square(0), square(10)], None, [1]),  # the nearer one
        ([square(0)], [square(20)], None, [-1]),  # a third in common
        ([square(0)], [square(0), square(5)], [False, True], [1]),  # rather one that counts
        ([square(0)], [square(0)], [False], [0]),
    ],
    ids=["nothing found", "no face", "twice", "nearer", "too far", "counting", "small"],
)
def test_each_face_is_taken_once_by_the_best_detection(detections, faces, counts, expected):
    counts = None if counts is None else np.array(counts)
    assert match(boxes(*detections), boxes(*faces), counts).tolist() == expected


# --- known answers

HAND_MADE = (
    [boxes(square(0), square(100), square(200)), boxes(square(0))],
    [
        found((square(0), 0.9), (square(300), 0.7), (square(100), 0.6)),
        found((square(0), 0.8), (square(300), 0.5)),
    ],
)
"""In order of score: hit, hit, false, hit, false; four faces."""


def test_the_hand_made_example_has_the_precision_it_has_on_paper():
    truths, answers = HAND_MADE
    # recall 0 to 0.5 (51 of 101 steps) at precision 1, to 0.75 (25 more) at 3/4, nothing beyond
    expected = (51 * 1 + 25 * 0.75) / 101
    assert average_precision(compare(answers, truths)) == pytest.approx(expected, abs=1e-12)
    assert face_precision(answers, truths)["all"]["ap50"] == pytest.approx(expected, abs=1e-9)


def test_the_hand_made_example_has_the_recall_it_has_on_paper():
    truths, answers = HAND_MADE
    # two photos allow no false face at 0.1 a photo
    assert recall_at_false_rate(compare(answers, truths)) == (0.5, 0.8)
    # with eight more empty photos one false face is allowed
    many = compare([*answers, *[found()] * 8], [*truths, *[boxes()] * 8])
    assert recall_at_false_rate(many) == (0.75, 0.6)


@pytest.mark.parametrize(("miss_cost", "score"), [(0.5, 0.8), (1.5, 0.6), (10, 0.6)])
def test_the_lowest_score_to_accept_is_the_one_that_costs_least(miss_cost, score):
    truths, answers = HAND_MADE
    # hits down the list 1, 2, 2, 3, 3 of four; false ones 0, 0, 1, 1, 2
    assert cheapest_score(compare(answers, truths), miss_cost) == score


@pytest.mark.parametrize(
    ("answers", "truths"),
    [
        ([found()], [boxes(square(0))]),
        ([found((square(0), 0.9))], [boxes()]),
        ([], []),
    ],
)
def test_without_faces_or_hits_no_score_is_the_cheapest(answers, truths):
    assert cheapest_score(compare(answers, truths), 1.0) is None


def test_a_box_drawn_another_way_is_the_face_at_a_loose_overlap():
    photo, answer = truth((0, 0, 40, 40)), found(((0, 0, 40, 16), 0.9))
    scores = score([photo], upright(answer))
    assert (scores.ap50.value, scores.ap30) == (0.0, pytest.approx(1.0))
    used = operate([photo], upright(answer), 0.5)
    assert (used.recall, used.loose_recall) == ({"all": 0.0}, {"all": 1.0})
    assert (used.false_per_photo, used.loose_false_per_photo) == (1.0, 0.0)


def test_what_users_get_is_told_by_state_size_and_turn():
    photo = TruthPhoto(
        Path("none.jpg"),
        "none.jpg",
        boxes(square(0), square(100), square(200, 80), square(300, 10)),
        np.array([0, 1, 1, 1]),
        boxes(square(500)),
        {"beard": np.array([False, True, True, True])},
    )
    seen_pairs = (
        (square(0), 0.9),
        (square(200, 80), 0.8),
        (square(500), 0.7),
        (square(700), 0.6),
        (square(100), 0.4),
    )
    seen = found(*seen_pairs)
    turned = {-30: on_canvas(-30, *seen_pairs), 30: on_canvas(30)}
    only_upright = truth(square(0), square(50))
    unasked = PhotoAnswer(found(), {})
    used = operate([photo], [PhotoAnswer(seen, turned)], 0.5)
    of_both = operate([photo, only_upright], [PhotoAnswer(seen, turned), unasked], 0.5)
    assert of_both.turned_recall == used.turned_recall  # nobody turned the second photo
    assert used.recall == {"all": pytest.approx(2 / 3), "mask": 1.0, "no_mask": 0.5}
    assert used.recall_by_size == {"under 20": 0.0, "20 to 60": 0.5, "over 60": 1.0}
    assert used.found_by_look == of_both.found_by_look == {"beard": (1, 2)}  # one is too small
    assert used.turned_recall == {30: pytest.approx(1 / 3)}
    assert used.false_per_photo == 1.0  # the undrawn face is none, nor is what scores low
    assert json.loads(json.dumps(used.to_dict()))["turned_recall"] == {"30": 0.3333}


def test_without_photos_nothing_is_known_of_what_users_get():
    used = operate([], [], 0.5)
    assert used.recall == {"all": None} and used.false_per_photo is None
    assert used.turned_recall == {}


def test_detections_of_one_score_pass_together():
    outcomes = compare([found((square(0), 0.5), (square(300), 0.5))], [boxes(square(0))])
    assert recall_at_false_rate(outcomes) == (0.0, None)


def test_small_faces_are_neither_hits_nor_misses_nor_false():
    truths = [boxes(square(0), square(100, side=19))]
    answers = [
        found((square(100, side=21), 0.9), (square(200, side=19), 0.8), (square(0), 0.7)),
    ]
    outcomes = compare(answers, truths, 20)
    assert outcomes.faces.tolist() == [1]
    assert outcomes.is_hit.tolist() == [False, False, True]
    assert outcomes.is_false.tolist() == [False, False, False]
    assert recall_at_false_rate(outcomes) == (1.0, 0.7)


def test_faces_that_nobody_drew_can_be_set_aside():
    drawn, undrawn = boxes(square(0)), boxes(square(100))
    answer = found((square(100), 0.9), (square(200), 0.8), (square(0), 0.7))
    assert compare([answer], [drawn], 20).is_false.tolist() == [True, True, False]
    outcomes = compare([answer], [drawn], 20, [undrawn])
    assert outcomes.faces.tolist() == [1]  # they are no faces to be found either
    assert outcomes.is_hit.tolist() == [False, False, True]
    assert outcomes.is_false.tolist() == [False, True, False]

    answer = found((square(100), 0.9), (square(0), 0.7))
    photo = truth(square(0))
    assert score([photo], upright(answer)).recall.value == 0
    assert score([photo], upright(answer)).recall_undrawn_aside == UNDEFINED
    scores = score([replace(photo, undrawn_xyxy=undrawn)], upright(answer))
    assert scores.recall.value == 0
    assert scores.recall_undrawn_aside.value == 1 and scores.undrawn_faces == 1


# --- nothing there

EMPTY = {
    "no photos": ([], [], 0, UNDEFINED),
    "no faces": ([truth()], [found((square(0), 0.9))], 0, UNDEFINED),
    "no detections": ([truth(square(0))], [found()], 1, Estimate(0.0, 0.0, 0.0)),
    "neither": ([truth()], [found()], 0, UNDEFINED),
}


@pytest.mark.parametrize(
    ("photos", "answers", "faces", "expected"), EMPTY.values(), ids=list(EMPTY)
)
def test_nothing_to_score_is_undefined_and_nothing_found_is_zero(photos, answers, faces, expected):
    scores = score(photos, upright(*answers))
    assert scores.photos == len(photos) and scores.faces["all"] == faces
    assert scores.ap50 == scores.recall == expected
    assert scores.ap50_95 == expected.value
    assert scores.threshold is None and scores.map50 is None
    assert scores.state_ap50 == {} and scores.turned_recall == {}
    json.dumps(scores.to_dict(), allow_nan=False)


def test_a_photo_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(ImageError, match=r"gone\.jpg: no such file"):
        evaluate(Oracle(), [truth(square(0), path=tmp_path / "gone.jpg")])


def test_truth_of_another_form_is_refused():
    with pytest.raises(ValueError, match=r"\(n, 4\)"):
        TruthPhoto(Path("a.jpg"), "a.jpg", np.zeros(4))
    with pytest.raises(ValueError, match=r"\(1,\)"):
        TruthPhoto(Path("a.jpg"), "a.jpg", boxes(square(0)), np.zeros(2, np.intp))


# --- an oracle


def test_an_oracle_scores_one_in_everything(tmp_path):
    picture = plain((128, 128, 128), 400, 120)
    faces = {RED: square(10, 15), GREEN: square(100, 40), BLUE: square(250, 80)}
    for colour, (left, top, right, bottom) in faces.items():
        picture[int(top) : int(bottom), int(left) : int(right)] = colour
    path = save(tmp_path / "a.png", picture)
    photo = TruthPhoto(path, "a", boxes(*faces.values()), np.arange(3))
    scores = evaluate(Oracle(*faces.values()), [photo], write_toy_model(tmp_path))
    assert scores.ap50 == scores.recall == Estimate(1.0, 1.0, 1.0)
    assert scores.ap50_95 == pytest.approx(1.0)
    assert scores.faces == {"all": 3, "under 20": 1, "20 to 60": 1, "over 60": 1}
    assert list(scores.ap50_by_size.values()) == pytest.approx([1.0] * 3)
    assert scores.threshold == 0.9
    assert scores.state_faces == dict.fromkeys(CLASSES, 1)
    assert scores.state_ap50 == pytest.approx(dict.fromkeys(CLASSES, 1.0))
    assert scores.map50 == pytest.approx(1.0)


def test_a_state_that_does_not_occur_is_left_out_of_the_mean(tmp_path):
    path = save(tmp_path / "a.png", plain(RED))
    photo = TruthPhoto(path, "a", boxes((0, 0, 40, 40)), np.array([1]))
    scores = evaluate(Oracle((0, 0, 40, 40)), [photo], write_toy_model(tmp_path))
    # the wrong state, but the only answer there is: one entry a state
    assert scores.state_ap50["mask"] is None and scores.state_ap50["incorrect_mask"] is None
    assert scores.map50 == scores.state_ap50["no_mask"] == pytest.approx(1.0)


def test_states_are_ranked_among_the_answers_of_their_own_class():
    sure, wrong = [0.9, 0.1, 0.0], [0.2, 0.8, 0.0]
    answer = Found(boxes(square(0), square(100)), np.array([0.9, 0.8]), np.array([wrong, sure]))
    precision = class_precision(
        [answer], [boxes(square(0), square(100))], [np.array([0, 0], np.intp)]
    )
    assert precision == [pytest.approx(1.0), None, None]


# --- as pycocotools has it

SIDES = st.integers(10, 40)
PLACES = st.tuples(st.integers(0, 60), st.integers(0, 60), SIDES, SIDES).map(
    lambda row: (row[0], row[1], row[0] + row[2], row[1] + row[3])
)
PHOTO = st.tuples(
    st.lists(PLACES, max_size=5),
    # coarse scores, so that many are equal
    st.lists(st.tuples(PLACES, st.integers(1, 5)), max_size=7),
)


def ranked(pairs) -> Found:
    ordered = sorted(pairs, key=lambda pair: -pair[1])
    return found(*((box, value / 5) for box, value in ordered))


@settings(max_examples=150, deadline=None)
@given(st.lists(PHOTO, min_size=1, max_size=5))
def test_our_average_precision_is_that_of_pycocotools(photos):
    truths = [boxes(*faces) for faces, _ in photos]
    answers = [ranked(pairs) for _, pairs in photos]
    ours = average_precision(compare(answers, truths))
    theirs = face_precision(answers, truths)["all"]["ap50"]
    assert theirs is None if np.isnan(ours) else ours == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(st.lists(PHOTO, min_size=1, max_size=4), st.integers(12, 35))
def test_small_faces_are_set_aside_as_pycocotools_does_it(photos, smallest_px):
    truths = [boxes(*faces) for faces, _ in photos]
    answers = [ranked(pairs) for _, pairs in photos]
    ours = average_precision(compare(answers, truths, smallest_px))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES_PX, "under 20", (smallest_px, 1e9))
        theirs = face_precision(answers, truths)["under 20"]["ap50"]
    assert theirs is None if np.isnan(ours) else ours == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(PHOTO, st.integers(0, 3)), min_size=1, max_size=4))
def test_weights_stand_for_repeated_photos(weighted_photos):
    truths = [boxes(*faces) for (faces, _), _ in weighted_photos]
    answers = [ranked(pairs) for (_, pairs), _ in weighted_photos]
    weights = np.array([weight for _, weight in weighted_photos])
    chosen = np.repeat(np.arange(len(weights)), weights)

    def repeated_and_weighted():
        repeated = compare([answers[i] for i in chosen], [truths[i] for i in chosen])
        return repeated, compare(answers, truths)

    repeated, weighted = repeated_and_weighted()
    expected = recall_at_false_rate(repeated)[0]
    assert recall_at_false_rate(weighted, weights)[0] == pytest.approx(expected, nan_ok=True)
    # the order of equal scores, which precision depends on, is another one in the repeated photos
    for number, item in enumerate(answers):
        item.scores[:] -= 1e-3 * np.arange(len(item.scores)) + 1e-5 * number
    repeated, weighted = repeated_and_weighted()
    expected = average_precision(repeated)
    assert average_precision(weighted, weights) == pytest.approx(expected, nan_ok=True)


def test_pycocotools_counts_a_whole_crowd_and_prints_nothing(capsys):
    crowd = boxes(*((30 * i, 0, 30 * i + 20, 20) for i in range(350)))
    answer = Found(crowd, np.linspace(0.9, 0.5, 350))
    assert face_precision([answer], [crowd])["all"]["ap50_95"] == pytest.approx(1.0)
    assert capsys.readouterr().out == ""


def test_the_interval_is_of_photos_and_always_the_same():
    photos = [truth(square(0), square(100)) for _ in range(20)]
    answers = upright(*[found((square(0), 0.9), (square(100), 0.8))] * 10, *[found()] * 10)
    scores = score(photos, answers)
    assert scores.recall.value == 0.5
    assert 0.25 <= scores.recall.low < 0.4 and 0.6 < scores.recall.high <= 0.75
    assert score(photos, answers) == scores


# --- turned photos


def test_an_upright_photo_is_laid_on_grey_unchanged():
    picture = draw(1, 40, 25)
    canvas, placed = turn_image(picture, 0), turn_boxes(boxes((3, 4, 13, 24)), (40, 25), 0)
    left, top = placed[0, :2].astype(int) - (3, 4)
    assert canvas.shape[0] == canvas.shape[1] >= np.hypot(40, 25)
    assert np.array_equal(canvas[top : top + 25, left : left + 40], picture)
    assert (canvas[0] == 128).all() and np.ptp(placed[0, [0, 2]]) == 10


@pytest.mark.parametrize("turn_deg", [90, -90, 180])
def test_quarter_turns_are_those_of_numpy(turn_deg):
    picture = draw(2, 40, 30)
    canvas = turn_image(picture, turn_deg)
    placed = turn_boxes(boxes((0, 0, 40, 30)), (40, 30), turn_deg)
    left, top, right, bottom = placed[0].round().astype(int)
    assert np.array_equal(canvas[top:bottom, left:right], np.rot90(picture, turn_deg // 90))


@pytest.mark.parametrize("turn_deg", [15, -30, 45])
def test_a_turned_box_holds_the_turned_ellipse(turn_deg):
    box = (60.0, 20.0, 100.0, 80.0)
    columns, rows = np.meshgrid(np.arange(160) + 0.5, np.arange(120) + 0.5)
    inside = ((columns - 80) / 20) ** 2 + ((rows - 50) / 30) ** 2 <= 1
    picture = np.where(inside[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)
    canvas = turn_image(picture, turn_deg)
    placed = turn_boxes(boxes(box), (160, 120), turn_deg)
    ys, xs = np.nonzero(canvas[..., 0] > 200)
    edges = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    assert placed[0] == pytest.approx(edges, abs=1.5)
    assert placed[0, 2] - placed[0, 0] < 60 * np.sqrt(2)


def test_turned_recall_is_a_share_of_the_faces_found_upright():
    photo = truth(square(0), square(100), square(200, 15))
    full = (square(0), 0.9), (square(100), 0.8)
    answer = PhotoAnswer(
        found(*full),
        {
            0: on_canvas(0, *full),
            15: on_canvas(15, *full),
            -15: on_canvas(-15, (square(0), 0.9)),
            45: on_canvas(45, (square(0), 0.9), (square(100), 0.1)),
            -45: on_canvas(-45),
        },
    )
    scores = score([photo], [answer])
    assert scores.turned_faces == 2 and scores.threshold == 0.8
    assert scores.turned_recall == {15: 0.75, 45: 0.25}
    assert scores.to_dict()["turned_recall"] == {"15": 0.75, "45": 0.25}


def test_every_turn_is_asked_both_ways_on_one_canvas(tmp_path):
    path = save(tmp_path / "a.jpg", draw(3, 60, 40))
    done: list[int] = []
    (answer,) = ask(
        Oracle(), [truth(square(0), path=path)], turns_deg=(15, 45), progress=done.append
    )
    assert sorted(answer.turned) == [-45, -15, 0, 15, 45] and done == [1]


def test_of_many_photos_one_in_so_many_is_turned(tmp_path):
    photos = [truth(square(0), path=save(tmp_path / f"{i}.jpg", draw(i, 60, 40))) for i in range(4)]
    answers = ask(Oracle(), photos, turns_deg=(15,), turned_every=3)
    assert [sorted(answer.turned) for answer in answers] == [[-15, 0, 15], [], [], [-15, 0, 15]]


# --- the list of test photos


def test_the_list_of_looks_is_well_formed():
    known = looks()
    assert set().union(*known.values()) == {"beard", "down", "headscarf", "kerchief", "profile"}
    sets = {name.split("/")[0] for name in known.keys() - holdout_names()}
    assert sets == {"macwin-498", "modelarts-286"}  # of others only test photos
    for places in (places for by_look in known.values() for places in by_look.values()):
        assert len(set(places)) == len(places)
        assert all(left < right and top < bottom for left, top, right, bottom in places)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["voc-853", "yolo-800", "macwin-498", "modelarts-286"])
def test_each_look_is_that_of_a_drawn_face(name):
    folder = ROOT.parent / "shared" / "data" / name
    if not folder.is_dir():
        pytest.skip("no public data in ../shared")
    photos, _ = holdout_photos(set_folders([f"{name}={folder}"]))
    listed = sum(len(p) for photo in photos for p in looks().get(photo.name, {}).values())
    assert listed == sum(is_so.sum() for photo in photos for is_so in photo.looks.values()) > 0


def test_the_list_of_test_photos_is_well_formed():
    names = holdout_names()
    assert len(names) > 300
    assert {name.split("/")[0] for name in names} == {"voc-853", "yolo-800"}
    for name in names:
        assert name == name.strip() and "\\" not in name and ".." not in name.split("/")
        assert Path(name).suffix.lower() in {".jpg", ".jpeg", ".png"}


def first_listed(set_name: str, count: int) -> list[str]:
    return sorted(name for name in holdout_names() if name.startswith(set_name))[:count]


def test_listed_photos_are_found_with_their_faces_and_others_left_out(tmp_path):
    one, two = (Path(name).stem for name in first_listed("voc-853", 2))
    objects = [("with_mask", (1, 2, 31, 42)), ("mask_weared_incorrect", (50, 2, 80, 42))]
    voc = voc_set(
        tmp_path / "v",
        {one: objects, two: [("without_mask", (5, 5, 25, 25))], "other": objects},
    )
    part, _, stem = first_listed("yolo-800", 1)[0].split("/")[1:]
    yolo = yolo_set(tmp_path / "y", {f"{part}/{Path(stem).stem}": "1 0.5 0.5 0.2 0.5\n"})
    photos, problems = holdout_photos({"voc-853": voc, "yolo-800": yolo})
    assert problems == ()
    assert [photo.name.split("/")[0] for photo in photos] == ["voc-853", "voc-853", "yolo-800"]
    assert {photo.name for photo in photos} <= holdout_names()
    assert photos[0].boxes_xyxy.tolist() == [[1, 2, 31, 42], [50, 2, 80, 42]]
    assert [list(photo.labels) for photo in photos] == [[0, 2], [1], [0]]
    assert photos[2].boxes_xyxy[0] == pytest.approx([40, 20, 60, 60])


def test_faces_that_another_detector_is_sure_of_are_kept_beside_the_drawn_ones(tmp_path):
    (name,) = first_listed("voc-853", 1)
    voc = voc_set(tmp_path / "v", {Path(name).stem: [("with_mask", (0, 0, 30, 40))]})
    rest = [0.0] * 10
    faces = [[2, 2, 30, 40, *rest, 0.9], [60, 0, 20, 30, *rest, 0.6], [90, 0, 9, 9, *rest, 0.5]]
    photos, _ = holdout_photos({"voc-853": voc}, {name: np.array(faces)})
    assert photos[0].undrawn_xyxy.tolist() == [[60, 0, 80, 30]]
    photos, _ = holdout_photos({"voc-853": voc}, {"other": np.array(faces)})
    assert photos[0].undrawn_xyxy.shape == (0, 4)


def test_sets_without_test_photos_are_named(tmp_path):
    voc = voc_set(tmp_path / "v", {"other": [("with_mask", (1, 2, 31, 42))]})
    with pytest.raises(DataError, match=r"none of the test photos of voc-853 is in it"):
        holdout_photos({"voc-853": voc})
    with pytest.raises(DataError, match=r"mine: no test photos.*voc-853, yolo-800"):
        holdout_photos({"mine": voc})
    assert photo_name("a", Path("x"), Path("x/y/z.jpg")) == "a/y/z.jpg"
