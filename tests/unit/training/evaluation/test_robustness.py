"""The tables of an evaluation: calibration, robustness, mistakes; the empty case first.

Run: pytest tests/unit/training/evaluation/test_robustness.py
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.data_factory import draw, save, table_of

from maskwatch.models.evaluation_document import FullAccuracy
from maskwatch.models.records import to_json
from maskwatch.schema import MaskState
from maskwatch.training.data.parts import as_part
from maskwatch.training.evaluation import page
from maskwatch.training.evaluation.abstention import BINS, calibration
from maskwatch.training.evaluation.answers import Answers
from maskwatch.training.evaluation.corruptions import FAMILIES, SIDE_PX, STRENGTHS, UNPRACTISED
from maskwatch.training.evaluation.mistakes import PER_GROUP, faces_sheet, worst_mistakes
from maskwatch.training.evaluation.robustness import (
    CONDITIONS,
    Robustness,
    corruption_table,
    describe_sample,
    mean_over_classes,
    sample,
    sweep_table,
    turn,
)

LABELS = ("mask", "no_mask", "incorrect_mask")
NOTHING = Answers(np.empty((0, 3), np.float32), 0.5, np.empty(0))


def part_of(*rows, folder=None):
    """A part of rows; their pictures are drawn if a folder is given."""
    filled = []
    for number, row in enumerate(rows):
        row = dict(row)
        if folder is not None:
            row["image_path"] = str(save(folder / f"{number}.png", draw(number)))
        filled.append(row)
    return as_part(table_of(filled))


def box(px):
    return {"x_min": 0, "y_min": 0, "x_max": px, "y_max": px / 2}


def says(*rows, unsure_below=0.5):
    return Answers(np.array(rows, np.float32), unsure_below, np.full(len(rows), 100.0))


def test_calibration_of_nothing_is_undefined():
    empty = calibration(np.empty(0, int), np.empty((0, 3)))
    assert (empty.n, empty.ece, empty.accuracy) == (0, None, None)
    assert len(empty.bins) == BINS and {item.n for item in empty.bins} == {0}


def test_calibration_error_is_what_one_gets_by_hand():
    # bins of a fifteenth: 0.5 lies in the 8th, 0.62 in the 10th, 0.9 and 0.92 in the 14th
    probabilities = np.array(
        [(0.5, 0.3, 0.2), (0.62, 0.3, 0.08), (0.05, 0.9, 0.05), (0.04, 0.04, 0.92)]
    )
    result = calibration(np.array([0, 1, 1, 2]), probabilities)
    assert [item.n for item in result.bins] == [0] * 7 + [1, 0, 1, 0, 0, 0, 2, 0]
    assert (result.bins[13].confidence, result.bins[13].accuracy) == (0.91, 1.0)
    # |0.5 - 1| + |0.62 - 0| + 2 * |0.91 - 1| over four
    assert result.ece == pytest.approx((0.5 + 0.62 + 0.18) / 4)
    assert result.accuracy == 0.75


def test_a_confidence_of_one_is_in_the_last_bin():
    result = calibration(np.array([0]), np.array([(1.0, 0, 0)]))
    assert result.bins[-1].n == 1 and result.ece == 0
    drawn = page.reliability(result, "a <title>")
    assert drawn.count("<rect") == 1 and "a &lt;title&gt;" in drawn


def test_a_sample_is_balanced_and_takes_few_of_a_group():
    rows = [{"label": "mask", "group": "copies"}] * 9
    rows += [{"label": "no_mask", "group": f"g{k}"} for k in range(9)]
    rows += [{"label": "incorrect_mask", "group": "copies"}] * 2
    chosen = sample(part_of(*rows), crops=15)
    assert np.bincount(chosen.labels).tolist() == [3, 5, 2]
    assert (chosen.seeds == sample(part_of(*rows), crops=15).seeds).all()
    assert len(sample(part_of()).labels) == 0


def robustness_of(part, corrupted):
    """Right on clean crops; under every other condition it says `corrupted` (n,)."""
    states = {condition: np.asarray(corrupted, np.intp) for condition in CONDITIONS}
    states["clean", 0] = states["rotation", 0] = states["light", 1.0] = part.labels
    faces = part.table["x_min"].notna().to_numpy()
    return Robustness(part, faces, {"toy": states})


def test_robustness_of_nothing_is_undefined():
    robustness = robustness_of(part_of(), [])
    table = corruption_table(robustness, "toy")
    assert table.clean.accuracy is None and table.drop_points.value is None
    assert sweep_table(robustness, "toy", "rotation").all[0].n == 0
    assert describe_sample(robustness).crops == 0


def test_every_class_weighs_alike_and_unsure_is_not_found():
    part = part_of(*[{"label": "mask", "group": "a"}] * 3, {"label": "no_mask", **box(30)})
    robustness = robustness_of(part, [0, 0, 3, 0])
    table = corruption_table(robustness, "toy")
    assert table.clean == FullAccuracy(accuracy=1.0, unsure_share=0.0)
    # two of three masks, no face without: the mean of 2/3 and 0
    assert table.mean == FullAccuracy(accuracy=0.3333, unsure_share=0.25)
    assert table.drop_points.value == pytest.approx(66.67)
    assert set(table.families) == set(FAMILIES)
    assert [len(rows) for rows in table.families.values()] == [len(STRENGTHS)] * len(FAMILIES)
    turned = sweep_table(robustness, "toy", "rotation")
    assert [row.amount for row in turned.all] == [-45, -30, -15, 0, 15, 30, 45]
    assert turned.all[3].accuracy == 1.0
    assert turned.faces[0].recall == {"mask": None, "no_mask": 0.0, "incorrect_mask": None}
    assert turned.pictures[0].n == 3


def test_what_training_never_draws_has_a_mean_of_its_own():
    part = part_of({"label": "mask"}, {"label": "no_mask"})
    robustness = robustness_of(part, part.labels)  # nothing corrupts anything but what is new
    for family in UNPRACTISED:
        for strength in STRENGTHS:
            robustness.states["toy"][family, strength] = np.array([3, 3])
    table = corruption_table(robustness, "toy")
    assert table.unpractised.mean == FullAccuracy(accuracy=0.0, unsure_share=1.0)
    assert table.unpractised.drop_points.value == 100
    share = len(UNPRACTISED) / len(FAMILIES)
    assert table.drop_points.value == pytest.approx(100 * share, abs=0.01)


def test_the_interval_of_a_mean_goes_by_groups():
    values = np.array([0.0] * 10 + [1.0] * 10)
    one_class = np.zeros(20, int)
    apart = mean_over_classes(one_class, np.arange(20), values)
    copies = mean_over_classes(one_class, np.repeat([0, 1], 10), values)
    assert apart.value == copies.value == 0.5
    assert copies.low == 0 and copies.high == 1
    assert apart.low > 0.2 and apart.high < 0.8


def test_turning_moves_surroundings_into_the_corners():
    canvas = np.full((318, 318, 3), 50, np.uint8)
    canvas[47:271, 47:271] = 200
    upright = turn(canvas, 0)
    assert upright.shape == (SIDE_PX, SIDE_PX, 3) and (upright == 200).all()
    turned = turn(canvas, 45)
    assert (turned[0, 0] == 50).all() and (turned[112, 112] == 200).all()
    canvas[150:160, 47:90] = 0  # a mark at the left goes down when turned counter-clockwise
    marked = turn(canvas, 45)
    assert (marked[112:, :112] == 0).any() and not (marked[:112, :112] == 0).any()


def test_mistakes_are_the_surest_wrong_answers_few_of_a_group():
    rows = [{"label": "mask", "group": "copies", **box(30)}] * 4
    rows += [{"label": "no_mask", "group": "b"}, {"label": "no_mask", "group": "c"}]
    part = part_of(*rows)
    sure_wrong, right, unsure = (0.1, 0.8, 0.1), (0.1, 0.8, 0.1), (0.4, 0.3, 0.3)
    given = says((0, 0.7, 0.3), sure_wrong, (0.05, 0.9, 0.05), (0.2, 0.6, 0.2), right, unsure)
    mistakes = worst_mistakes(part, given)
    assert [item.row for item in mistakes] == [2, 1] and len(mistakes) == PER_GROUP
    assert mistakes[0].label is MaskState.MASK and mistakes[0].answer is MaskState.NO_MASK
    assert mistakes[0].size_px == 30 and mistakes[0].box_xyxy == (0, 0, 30, 15)
    assert "image_path" not in to_json(mistakes[0].shown)
    assert worst_mistakes(part_of(), NOTHING) == ()


def test_the_sheet_shows_mistakes_first(tmp_path):
    rows = [{"label": label, "group": f"g{k}"} for k, label in enumerate(LABELS * 3)]
    part = part_of(*rows, folder=tmp_path)
    given = np.full((9, 3), 0.05, np.float32)
    given[np.arange(9), part.labels] = 0.9
    given[4] = (0.9, 0.05, 0.05)
    sheet = faces_sheet(part, says(*given))
    assert sheet.dtype == np.uint8 and sheet.shape[1] > 1000 and sheet.shape[0] < 600
    other = faces_sheet(part, says(*given[[*range(4), 1, *range(5, 9)]]))
    assert (sheet[:230, :200] != other[:230, :200]).any()
    assert faces_sheet(part_of(), NOTHING).ndim == 3


def test_lines_leave_gaps_out_and_name_their_series():
    series = {"<mask>": ("red", [1.0, None, 0.5]), "none": ("blue", [None, None, None])}
    drawn = page.lines(series, ["-1", "0", "1"], "t", "x")
    assert drawn.count("<circle") == 2 and "&lt;mask&gt;: 50.0%" in drawn


def test_a_part_keeps_its_rows_together():
    part = part_of({"label": "mask"}, {"label": "no_mask"}, {"label": "incorrect_mask"})
    chosen = part.take(np.array([2, 0]))
    assert chosen.labels.tolist() == [2, 0]
    assert chosen.table["label"].tolist() == ["incorrect_mask", "mask"]
    masked = part.take(part.labels == 1)
    assert masked.table["label"].tolist() == ["no_mask"]
    assert replace(masked, labels=masked.labels).seeds.tolist() == [part.seeds[1]]
