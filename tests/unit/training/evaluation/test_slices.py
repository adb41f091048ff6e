"""What can be measured of a face, what nobody can judge, what training imitates; empty case first.

Run: pytest tests/unit/training/evaluation/test_slices.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.data_factory import draw, save, table_of
from support.drawn_faces import DotDetector, face_manifest, landmarks

from maskwatch.errors import DataError
from maskwatch.models.evaluation import UNDEFINED, ClassScores, Estimate
from maskwatch.models.evaluation_document import (
    LEFT_OUT_ROWS,
    FullLeftOutSource,
    FullScoresOfSource,
    MeanOfSources,
)
from maskwatch.schema import CLASSES, Face, FaceOrigin, ImageRGB
from maskwatch.training.data.manifest import read_manifest
from maskwatch.training.data.parts import as_part, take_unclear
from maskwatch.training.evaluation.abstention import SHOWN, score_unclear, shown_unclear
from maskwatch.training.evaluation.answers import Answers
from maskwatch.training.evaluation.corruptions import (
    FAMILIES,
    IMITATED,
    NOT_IMITATED,
    UNPRACTISED,
    reasons,
)
from maskwatch.training.evaluation.result import left_out_means
from maskwatch.training.evaluation.slices import (
    MEASURES,
    Views,
    measure_views,
    measured_slices,
    score_rows,
)
from maskwatch.training.metrics import mean_with_interval

NOTHING = Answers(np.empty((0, 3), np.float32), 0.5, np.empty(0))
NO_VIEWS = Views(*np.empty((4, 0)))


def says(*rows: tuple[float, float, float]) -> Answers:
    return Answers(np.array(rows, np.float32), 0.5, np.full(len(rows), 100.0))


def test_slices_of_nothing_are_empty() -> None:
    part = as_part(table_of([]))
    slices = measured_slices(part, NOTHING.brightness, NO_VIEWS)
    assert list(slices) == list(MEASURES)
    for rows in slices.values():
        for row in score_rows(part, NOTHING, rows).values():
            assert row.n == 0 and row.accuracy.value is None


def test_every_row_is_in_one_slice_of_every_measure() -> None:
    sides = (19.9, 20, 39, 40, 80)
    boxes = [{"x_min": 0, "y_min": 0, "x_max": px, "y_max": px / 2} for px in sides]
    part = as_part(table_of([*boxes, {}]))
    light = np.array([0, 84.9, 85, 169, 170, 255.0])
    turns = np.array([-40, -9, 0, 15, 25, np.nan])
    tones = np.array([-60, 9.9, 10, 30, 50, np.nan])
    views = Views(turns, -turns, np.array([0, 0.149, 0.15, 0.39, 0.4, 1]), tones)
    slices = measured_slices(part, light, views)
    counts = {kind: [int(r.sum()) for r in rows.values()] for kind, rows in slices.items()}
    assert counts == {
        "sizes": [1, 2, 1, 1, 1],
        "lights": [2, 2, 2],
        "rolls": [2, 1, 2, 1],  # to either side alike; the last has no landmarks
        "yaws": [2, 2, 1, 1],
        "sharpness": [2, 2, 2],
        "tones": [2, 1, 1, 1, 1],
    }
    assert slices["sizes"]["whole pictures"].tolist() == [False] * 5 + [True]
    assert slices["rolls"]["no landmarks found"].tolist() == [False] * 5 + [True]
    for rows in slices.values():
        assert (np.sum(list(rows.values()), axis=0) == 1).all()


def test_no_rows_are_no_views() -> None:
    views = measure_views(table_of([]), DotDetector())
    assert views.roll_deg.shape == views.yaw_deg.shape == views.sharpness.shape == (0,)


def test_rows_are_measured_where_the_detector_finds_their_face(tmp_path: Path) -> None:
    table = read_manifest(face_manifest(tmp_path, [{}, {"boxed": False}, {}]))
    faceless = save(tmp_path / "none.png", draw(1))
    table.loc[2, ["image_path", "x_min", "y_min", "x_max", "y_max"]] = [str(faceless), 0, 0, 40, 40]
    done: list[int] = []
    views = measure_views(table, DotDetector(), done.append)
    assert sum(done) == 3
    assert views.roll_deg[:2] == pytest.approx([0, 0], abs=2)
    assert np.isnan(views.roll_deg).tolist() == np.isnan(views.yaw_deg).tolist()
    assert np.isnan(views.roll_deg).tolist() == [False, False, True]
    assert np.isnan(views.tone_deg[2])
    assert (views.sharpness >= 0).all()  # also where no face was found


class TurnedFace:
    """Says that every picture holds one face, tilted and turned as given."""

    origin = FaceOrigin.DETECTED

    def __init__(self, roll_deg: float, yaw_deg: float) -> None:
        angle = np.deg2rad(roll_deg)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        points = (landmarks((0, 0), 12, yaw_deg) @ turn + 24).tolist()
        self.face = Face((8.0, 8.0, 40.0, 40.0), 0.9, tuple((x, y) for x, y in points))

    def detect(self, _image_rgb: ImageRGB) -> tuple[Face, ...]:
        return (self.face,)


def test_turned_faces_are_told_from_upright_ones(tmp_path: Path) -> None:
    picture = save(tmp_path / "face.png", draw(4))
    table = table_of([{"image_path": str(picture)}])
    for roll, yaw in ((0, 0), (25, 0), (-25, 0), (0, 40)):
        views = measure_views(table, TurnedFace(roll, yaw))
        assert views.roll_deg[0] == pytest.approx(roll, abs=1)
        slices = measured_slices(as_part(table), np.array([100.0]), views)
        expected = "tilted 20° and more" if roll else "tilted under 10°"
        assert slices["rolls"][expected][0]
        assert slices["yaws"]["turned 30° and more" if yaw else "turned under 15°"][0]


def test_a_blurred_copy_is_less_sharp(tmp_path: Path) -> None:
    sharp = cv2.resize(draw(5), (96, 96), interpolation=cv2.INTER_NEAREST)
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 8), np.uint8)
    paths = [save(tmp_path / f"{k}.png", picture) for k, picture in enumerate((sharp, blurred))]
    views = measure_views(table_of([{"image_path": str(p)} for p in paths]), DotDetector())
    assert views.sharpness[0] > views.sharpness[1]


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match=r"text\.png"):
        measure_views(table_of([{"image_path": str(tmp_path / "text.png")}]), DotDetector())


def unclear_part(groups: str):
    rows = [{"label": "unclear", "group": group, "split": "test"} for group in groups]
    return take_unclear(table_of([*rows, {"label": "mask", "split": "test"}]), "test")


def test_of_no_unclear_faces_nothing_is_said() -> None:
    part = unclear_part("")
    row = score_unclear(part, NOTHING)
    assert (row.n, row.groups, row.confidence) == (0, 0, None)
    assert row.unsure_share == UNDEFINED
    assert sum(row.answers.values()) == 0 and shown_unclear(part, NOTHING) == ()


def test_only_unsure_is_right_of_an_unclear_face() -> None:
    part = unclear_part("aaab")
    given = says((0.9, 0.1, 0), (0.3, 0.4, 0.3), (0, 0.3, 0.7), (0.4, 0.3, 0.3))
    row = score_unclear(part, given)
    assert (row.n, row.groups, row.confidence) == (4, 2, 0.6)
    assert row.answers == {"mask": 1, "no_mask": 0, "incorrect_mask": 1, "unsure": 2}
    # resampled are the two groups, of which one holds a third and the other all unsure
    assert row.unsure_share == Estimate(0.5, 0.3333, 1.0)
    cases = shown_unclear(part, given)
    assert [case.row for case in cases] == [0, 2, 3]  # surest first, two of a group
    assert [case.answer.value for case in cases] == ["mask", "incorrect_mask", "unsure"]
    assert {case.label.value for case in cases} == {"unsure"}


def test_few_of_many_unclear_faces_are_shown() -> None:
    part = unclear_part("abcdefghijklmnopqrstuvwxyz")
    assert len(shown_unclear(part, says(*[(0.8, 0.1, 0.1)] * 26))) == SHOWN == 24


def test_the_interval_of_a_mean_resamples_groups() -> None:
    values = np.array([0] * 10 + [1] * 10)
    apart = mean_with_interval(values, np.arange(20))
    copies = mean_with_interval(values, np.repeat([0, 1], 10))
    assert apart.value == copies.value == 0.5
    assert (copies.low, copies.high) == (0, 1)
    assert 0.2 < apart.low < apart.high < 0.8


def test_every_corruption_is_judged_once_with_a_reason() -> None:
    assert set(IMITATED) | set(NOT_IMITATED) == set(FAMILIES)
    assert not set(IMITATED) & set(NOT_IMITATED)
    assert set(UNPRACTISED) == set(NOT_IMITATED) != set()
    assert list(reasons()) == list(FAMILIES)
    assert all(kin.reason for kin in reasons().values())


def left_out_row(accuracy: float | None, recall: float | None, ece: float | None):
    score, found = Estimate(accuracy, None, None), Estimate(recall, None, None)
    per_class = {state.value: ClassScores(1, score, found, score) for state in CLASSES}
    confusion = ((0, 0, 0, 0),) * 3
    return FullScoresOfSource(3, 3, score, score, score, per_class, confusion, ece, 0.5)


def test_every_left_out_source_weighs_alike() -> None:
    nothing = MeanOfSources(None, None, None, sources=0)
    assert left_out_means([])["without_source"].macro_f1 == nothing
    rows = [left_out_row(0.9, 1.0, 0.1), left_out_row(0.6, None, 0.3)]
    means = left_out_means(
        [FullLeftOutSource("drawn", "counts", row, row, row, "toy", "0" * 64) for row in rows]
    )
    assert tuple(means) == LEFT_OUT_ROWS
    assert means["without_source"].accuracy == MeanOfSources(0.75, 0.6, 0.9, sources=2)
    # a source without the class says nothing of it
    assert means["without_source"].recall["mask"].sources == 1
    assert means["without_source"].ece.value == 0.2
