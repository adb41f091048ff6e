"""The model card for people says what the evaluation found, neither more nor less.

Run: pytest tests/unit/training/evaluation/test_evaluation_card.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.evaluation_factory import SECOND, drawn_data, three_models
from support.toy_model import write_toy_model

from maskwatch.training.data.manifest import read_manifest
from maskwatch.training.evaluation.card_tables import code, plain, table
from maskwatch.training.evaluation.comparison import load_comparison
from maskwatch.training.evaluation.model_card import card_text, command
from maskwatch.training.evaluation.run import FILES, evaluate, work
from maskwatch.training.evaluation.slices import NOT_SLICED

CLASSES = {"mask": "mask", "no mask": "no_mask", "incorrect mask": "incorrect_mask"}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Tests only read it."""
    return drawn_data(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def models(tmp_path_factory, data) -> tuple[Path, Path, Path]:
    return three_models(tmp_path_factory.mktemp("models"), data)


@pytest.fixture(scope="module")
def done(models, data, tmp_path_factory):
    """An evaluation, the card it wrote and its document."""
    own, other, without = models
    comparison = load_comparison(
        own, read_manifest(data), data.name, baselines=[other], left_out=[(SECOND, without)]
    )
    out = tmp_path_factory.mktemp("out")
    steps: list[int] = []
    result = evaluate(comparison, out, steps.append)
    assert sum(steps) == work(comparison)
    assert {path.name for path in out.iterdir()} == set(FILES)
    document = json.loads((out / "evaluation.json").read_text())
    return result, (out / "model_card.md").read_text(), document


def rows_of(card: str, header: str) -> list[list[str]]:
    """Cells of every table whose first column is called so."""
    rows = []
    for block in card.split("\n\n"):
        lines = block.splitlines()
        if lines and lines[0].startswith(f"| {header} |"):
            rows += [line.strip("| ").split(" | ") for line in lines[2:]]
    assert rows, header
    return rows


def written(score: dict[str, float | None]) -> str:
    """A score as the card must write it, spelt out anew."""
    if score["value"] is None:
        return "-"
    return f"{score['value']:.3f} ({score['low']:.3f}-{score['high']:.3f})"


def expected_scores(scores: dict) -> list[str]:
    recalls = [
        f"{written(row['recall'])} of {row['n']}" if row["n"] else "-"
        for row in scores["per_class"].values()
    ]
    unsure = scores["unsure_share"]["value"]
    share = "-" if unsure is None else f"{100 * unsure:.1f}%"
    return [written(scores["accuracy"]), written(scores["macro_f1"]), *recalls, share]


def test_scores_by_class_and_source_are_those_of_the_evaluation(done):
    _, card, document = done
    slices = document["scores"]["toy 1"]
    for cells in rows_of(card, "class"):
        row = slices["all"]["per_class"][CLASSES[cells[0]]]
        assert cells[1:] == [
            str(row["n"]),
            *(written(row[k]) for k in ("precision", "recall", "f1")),
        ]
    answered = [[int(count) for count in cells[1:]] for cells in rows_of(card, "true class")]
    assert answered == slices["all"]["confusion"]
    overall = [cells for cells in rows_of(card, "source") if cells[0] in map(plain, slices)]
    names = {plain(name): row for name, row in slices.items()}
    per_slice = [cells for cells in overall if len(cells) == 9]
    assert [cells[0] for cells in per_slice] == list(names)
    for name, *cells in per_slice:
        row = names[name]
        assert cells == [str(row["n"]), str(row["groups"]), *expected_scores(row)]
    per_class = [cells for cells in overall if len(cells) == 6]
    assert len(per_class) == sum(
        row["n"] > 0 or row["precision"]["value"] is not None
        for name, s in slices.items()
        if name != "all"
        for row in s["per_class"].values()
    )
    # a class without rows that was answered is a false alarm, and is not left out
    assert ["drawn faces", "mask", "0", "0.000 (0.000-0.000)", "-", "-"] in per_class
    for name, word, count, *cells in per_class:
        row = names[name]["per_class"][CLASSES[word]]
        assert count == str(row["n"])
        assert cells == [written(row[key]) for key in ("precision", "recall", "f1")]


def test_measured_slices_and_calibration_are_those_of_the_evaluation(done):
    _, card, document = done
    kinds = {"size": "sizes", "light": "lights", "roll": "rolls", "yaw": "yaws"}
    for header, kind in (kinds | {"sharpness": "sharpness", "skin tone": "tones"}).items():
        slices = document[kind]["toy 1"]
        expected = [
            [plain(name), str(row["n"]), str(row["groups"]), *expected_scores(row)]
            for name, row in slices.items()
        ]
        assert rows_of(card, header) == expected
    errors = {cells[0]: cells[2] for cells in rows_of(card, "source") if len(cells) == 5}
    assert errors == {
        plain(name): f"{row['ece']:.3f}" for name, row in document["calibration"]["toy 1"].items()
    }


def test_left_out_sources_and_unclear_faces_are_those_of_the_evaluation(done):
    _, card, document = done
    (row,), mean = document["left_out"], document["left_out_mean"]["without_source"]
    first, *_ = (cells for cells in rows_of(card, "source") if cells[1] == "without it, all rows")
    scores = row["without_source"]
    assert first[2:] == [str(scores["n"]), "18", *expected_scores(scores), f"{scores['ece']:.3f}"]
    means = next(cells for cells in rows_of(card, "source") if cells[0] == "**mean of 1**")
    assert means[4:6] == [written(mean["accuracy"]), written(mean["macro_f1"])]
    assert means[-1] == written(mean["ece"])
    unclear = next(cells for cells in rows_of(card, "model") if len(cells) == 8)
    said = document["unclear"]["toy 1"]
    counts = [str(said["answers"][key]) for key in CLASSES.values()]
    assert unclear == [
        "toy 1",
        "3",
        "2",
        written(said["unsure_share"]),
        *counts,
        f"{said['confidence']:.3f}",
    ]


def test_stricter_thresholds_are_those_of_the_evaluation(done):
    _, card, document = done
    rows = document["strictness"]["toy 1"]
    assert [row["unsure_below"] for row in rows if row["is_own"]] == [0.5]
    assert rows_of(card, "unsure below") == [
        [
            f"**{row['unsure_below']:g}**" if row["is_own"] else f"{row['unsure_below']:g}",
            f"{100 * row['unsure_share']['value']:.1f}%",
            written(row["accuracy_of_answers"]),
            *(str(row[k]) for k in ("wrong_answers", "withheld_wrong", "withheld_right")),
            written(row["unclear_unsure_share"]),
        ]
        for row in rows
    ]


def test_corrupted_and_turned_pictures_are_those_of_the_evaluation(done):
    _, card, document = done
    table_of_model = document["corruptions"]["toy 1"]
    rows = {cells[0]: cells[1:] for cells in rows_of(card, "family, mean of 5 strengths")}
    drop, unpractised = table_of_model["drop_points"], table_of_model["unpractised"]["drop_points"]
    for name, said in (("of all 15", drop), ("of those not imitated", unpractised)):
        points = f"{said['value']:.1f} ({said['low']:.1f} to {said['high']:.1f})"
        assert rows[f"**mean {name}**"][-1] == points
    for family, strengths in table_of_model["families"].items():
        lost = sum(row["drop_points"] for row in strengths) / 5
        kin = document["imitated_by_training"][family]
        assert rows[family][0] == f"{'yes' if kin['imitated'] else 'no'}: {kin['reason']}"
        assert rows[family][3] == f"{lost:.1f}"
    for header, key in (("degrees", "rotation_deg"), ("brightness times", "brightness_factor")):
        accuracy, unsure = rows_of(card, header)
        amounts = document[key]["toy 1"]["all"]
        assert accuracy == ["accuracy", *(f"{row['accuracy']:.3f}" for row in amounts)]
        assert unsure == ["unsure", *(f"{row['unsure_share']:.1%}" for row in amounts)]


def test_what_comes_first_is_what_stands_below(done):
    _, card, document = done
    short = dict(rows_of(card, "in short"))
    scores = document["scores"]["toy 1"]["all"]
    incorrect = scores["per_class"]["incorrect_mask"]
    assert short["accuracy"] == written(scores["accuracy"])
    assert short["unsure"] == written(scores["unsure_share"])
    assert short["incorrect masks: recall"] == written(incorrect["recall"])
    assert short["incorrect masks: precision"] == written(incorrect["precision"])
    mean = document["left_out_mean"]["without_source"]["macro_f1"]
    assert short["macro F1 on sources left out of training, mean"] == written(mean)
    unclear = document["unclear"]["toy 1"]["unsure_share"]
    assert short["faces that nobody can judge, answered unsure"] == written(unclear)


def test_it_says_what_the_model_is_and_is_not_for(done, models):
    _, card, document = done
    assert card.startswith("# Model card: toy 1\n")
    assert document["models"][0]["sha256"] in card and document["data"]["data_sha256"] in card
    assert "**Not for identifying people.**" in card and "**Not for punishing people.**" in card
    assert "tests" in card and "knows three colours" in card  # use and limits of its own card
    assert all(sentence in card for sentence in NOT_SLICED)
    assert "swapped was trained on another manifest" in card
    assert "| drawn | CC0-1.0 | - | 18 | 6 | 6 |" in card
    assert "<b>" not in card.split("```")[0] and r"\<b\>second\</b\>" in card
    assert str(models[0].parent) not in card


def test_the_command_names_every_model_and_no_folder_of_this_machine(done):
    result, card, _ = done
    expected = (
        "maskwatch evaluate toy.onnx --data split.parquet --baseline toy.onnx "
        "--left-out '<b>second</b>=toy.onnx' --out evaluation"
    )
    assert command(result.comparison) == expected
    assert card.endswith(f"```\n{expected}\n```\n")


def test_the_same_evaluation_gives_the_same_card(done, models, data, tmp_path):
    result, card, _ = done
    assert card_text(result) == card
    comparison = result.comparison
    evaluate(comparison, tmp_path / "again")
    assert (tmp_path / "again" / "model_card.md").read_text() == card


def test_what_was_not_measured_is_said(models, data, tmp_path):
    comparison = load_comparison(models[1], read_manifest(data), data.name, "val")
    card = card_text(evaluate(comparison, tmp_path))
    assert "Not measured: no model that was trained without a source was given" in card
    assert "has no faces labelled unclear" in card
    assert "does not say what it learnt from" in card
    assert "--part val" in card
    short = dict(rows_of(card, "in short"))
    assert short["faces that nobody can judge, answered unsure"] == "-"
    page = (tmp_path / "evaluation.html").read_text()
    assert "has no faces labelled unclear" in page and "Unclear face" not in page


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "logits divided by 1"),
        (
            {"temperature": 1.25, "logit_shift": (0.25, 0.5, -0.75)},
            "logits divided by 1.25, then +0.25 for `mask`, +0.50 for `no_mask`, "
            "-0.75 for `incorrect_mask`",
        ),
    ],
)
def test_how_the_probabilities_were_calibrated_is_said(data, tmp_path, values, expected):
    comparison = load_comparison(
        write_toy_model(tmp_path, **values), read_manifest(data), data.name
    )
    card = card_text(evaluate(comparison, tmp_path / "out"))
    assert f"- Calibration: {expected}\n" in card


def test_any_text_stays_text():
    assert table(["a"], []) == "| a |\n| --- |"
    assert plain("a|b\n<i>_c_") == r"a\|b \<i\>\_c\_"
    assert code("a`b\nc") == "`a'b c`"
    assert not re.search(r"(?<!\\)[*_<|]", plain("*bold* _x_ <b> |"))
