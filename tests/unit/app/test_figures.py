"""The figures about data and model say what the evidence holds, in both languages.

Run: pytest tests/unit/app/test_figures.py
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
from support import evidence_factory

from maskwatch.app.figures.base import (
    Figure,
    model_word,
    points,
    slice_word,
    span,
    spread,
    table,
    word,
)
from maskwatch.app.figures.data import data_figures
from maskwatch.app.figures.robustness import amount, robustness_figures, training_figures
from maskwatch.app.figures.scores import confusion, left_out, per_class, score_figures
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.model_summary import cannot_do, caveats, compared, tiles, unseen_tile
from maskwatch.models.evaluation import Estimate
from maskwatch.models.evidence import Epoch, Evidence

EN, ID = load_catalogue("en"), load_catalogue("id")
TOY = evidence_factory.evidence("a" * 64)


def figures(evidence: Evidence, say: Any) -> list[Figure]:
    return list(
        chain(
            data_figures(evidence.data, say),
            training_figures(evidence.training, say),
            score_figures(evidence.evaluation, say),
            robustness_figures(evidence.evaluation, say),
        )
    )


BY_TITLE = {figure.title: figure for figure in figures(TOY, EN)}


@pytest.mark.parametrize(
    ("score", "english", "indonesian"),
    [
        (Estimate(None, None, None), "\N{EN DASH}", "\N{EN DASH}"),
        (
            Estimate(0.97312, 0.965, 0.98),
            "97.3% (96.5\N{EN DASH}98.0%)",
            "97,3% (96,5\N{EN DASH}98,0%)",
        ),
    ],
)
def test_scores_are_written_with_their_interval(
    score: Estimate, english: str, indonesian: str
) -> None:
    assert spread(EN, score) == english
    assert spread(ID, score) == indonesian
    assert spread(EN, score).endswith((span(EN, score), span(EN, score) + ")"))


def test_points_are_written_with_their_interval() -> None:
    assert points(EN, Estimate(4.88, -1.0, 6.07)) == "4.9 (-1.0 to 6.1)"
    assert points(ID, Estimate(4.88, 3.63, 6.07)) == "4,9 (3,6 sampai 6,1)"
    assert points(EN, Estimate(None, None, None)) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("all", "All"),
        ("voc-853 faces", "voc-853, faces"),
        ("my own set pictures", "my own set, whole pictures"),
        ("whole pictures", "Whole pictures"),
        ("20 to 40 px", "20 to 40 px"),
        ("turned 30° and more", "30° and more"),
        ("something new", "something new"),
    ],
)
def test_slices_have_words(name: str, words: str) -> None:
    assert slice_word(EN, name) == words


def test_a_name_without_words_stays_itself() -> None:
    assert word(ID, "corruptions.fog") == "Kabut"
    assert word(ID, "corruptions.acid rain") == "acid rain"


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "0"), (-45.0, "\N{MINUS SIGN}45"), (1.3, "1,3"), (15.0, "15")]
)
def test_amounts_have_a_decimal_only_where_they_need_one(value: float, words: str) -> None:
    assert amount(ID, value) == words


def test_a_table_is_its_rows_by_column() -> None:
    assert table(["a", "b"], []) == {"a": [], "b": []}
    assert table(["a", "b"], [["1", "2"], ["3", "4"]]) == {"a": ["1", "3"], "b": ["2", "4"]}


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Faces by source and class", "170 labelled faces come from 1 public sets"),
        ("Faces by source and class", "“Mask worn incorrectly” is the rarest class, 20 or 11.8%"),
        ("Many copies of few photos", "labelled “Mask worn incorrectly” show only 2 different"),
        ("Copies leak across a careless split", "Split at random, 81.0% of the faces"),
        ("Brightness of each class", "“Mask worn incorrectly” is the darkest class"),
        ("Brightness gives the class away", "names the right class of 71% of the faces in All"),
        ("Size of the faces", "21 faces (12.4%) have fewer than 20 pixels"),
        ("Accuracy", "After 3 epochs the network gets 83.0%"),
        ("Accuracy", "its best epoch was 2, with 85.0%"),
        ("Loss", "ends at 0.410, close to its lowest, 0.400 in epoch 2"),
        ("What gets confused", "102 of 120 faces are answered correctly"),
        ("What gets confused", "to take “Mask worn” for “Mask worn incorrectly”, 16 times"),
        ("Each class with its intervals", "For comparison, the report's system finds 49.0%"),
        ("How far its confidence can be trusted", "worst on drawn, 20.0% over 120 faces"),
        (
            "Data sets it never saw",
            "At worst, trained without elsewhere, a model gets 45.0%",
        ),
        ("Corrupted pictures", "hardest is “Frost”, with 20.0% right"),
        ("Corrupted pictures", "it loses 12.3 (10.0 to 15.0) points of its 90.0%"),
        ("Rotated pictures", "rotated by \N{MINUS SIGN}45 degrees, 60.0%, and reaches 80.0%"),
        ("Size of the face", "worst on “Under 20 px”: 60.0%"),
        ("Turn of the head", "worst on “Under 15°”: 60.0%"),
    ],
)
def test_the_takeaway_is_computed(title: str, said: str) -> None:
    assert said in BY_TITLE[title].takeaway.replace("\\", "")


@pytest.mark.parametrize("say", [EN, ID], ids=lambda say: say.code)
def test_every_figure_has_words_a_chart_and_its_numbers(say: Any) -> None:
    for figure in figures(TOY, say):
        assert figure.takeaway and figure.charts
        columns = list(figure.table.values())
        assert columns and columns[0] and len({len(column) for column in columns}) == 1
        for chart in figure.charts:
            assert chart.to_dict()["height"]  # Altair has checked it, too


@pytest.mark.parametrize("say", [EN, ID], ids=lambda say: say.code)
def test_no_name_from_elsewhere_is_taken_for_markdown(say: Any) -> None:
    for figure in figures(TOY, say):
        assert "<b>" not in figure.takeaway + figure.note


def test_a_leak_is_never_shown_without_saying_that_it_leaks() -> None:
    figure = BY_TITLE["Copies leak across a careless split"]
    assert "memory" in figure.takeaway and "leaks as well" in figure.note


def test_a_model_that_is_not_the_reports_has_its_own_name() -> None:
    own, other = TOY.evaluation.models
    assert model_word(EN, TOY.evaluation, replace(other, name="mine_2")) == "mine_2"
    assert model_word(EN, TOY.evaluation, own) == "this model"
    assert model_word(EN, TOY.evaluation, other) == "the report's system"
    scores = TOY.evaluation.scores["toy 1"]["all"]
    compared = per_class([("this model", scores), ("mine_2", scores)], EN)
    assert r"mine\_2 finds" in compared.takeaway and "mine_2" in compared.table["Model"]


def test_kinds_that_training_never_draws_are_marked() -> None:
    assert BY_TITLE["Corrupted pictures"].table["Kind"] == ["Fog", "Frost *"]


@pytest.mark.parametrize(
    ("epochs", "said"),
    [
        ([(0.5, 0.5), (0.4, 0.6)], ["gets 60.0%", "the network began to overfit"]),
        ([(0.5, None)], ["no validation part", "no validation part"]),
    ],
)
def test_curves_of_other_runs(epochs: list[tuple[float, Any]], said: list[str]) -> None:
    made = tuple(
        Epoch(number, right, right, held_out, held_out and held_out)
        for number, (right, held_out) in enumerate(epochs, start=1)
    )
    drawn = list(training_figures(replace(TOY.training, epochs=made), EN))
    for figure, words in zip(drawn, said, strict=True):
        assert words in figure.takeaway


def test_a_run_without_accuracy_has_a_loss_only() -> None:
    epochs = (Epoch(1, None, 0.5, None, 0.4),)
    drawn = list(training_figures(replace(TOY.training, epochs=epochs), EN))
    assert [figure.title for figure in drawn] == ["Loss"]


def test_one_model_alone_is_compared_with_none() -> None:
    scores = TOY.evaluation.scores["toy 1"]["all"]
    alone = per_class([("this model", scores)], EN)
    assert "comparison" not in alone.takeaway
    assert set(alone.table["Model"]) == {"this model"}


def test_charts_can_be_made_while_another_thread_loads_pandas() -> None:
    """As when two browsers open the first page of a server at once."""
    code = """
import sys
from maskwatch.app import charts

loaded = sys.modules.get("pandas")
assert loaded and hasattr(loaded, "Timestamp"), "another thread may be half through loading it"
charts.bars([{"place": "a", "value": 1, "text": "1", "words": "a: 1"}])
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_nothing_is_divided_by_a_class_without_faces() -> None:
    scores = TOY.evaluation.scores["toy 1"]["all"]
    empty = replace(scores, confusion=((0, 0, 0, 0), *scores.confusion[1:]))
    assert confusion(empty, EN).charts


def test_the_summary_has_the_main_numbers() -> None:
    evaluation = TOY.evaluation
    shown = tiles(evaluation.scores["toy 1"]["all"], EN)
    assert [tile.value for tile in shown] == ["60.0%", "59.0%", "60.0%"]
    unseen = unseen_tile(evaluation, EN)
    assert unseen and unseen.value == "45.0%"
    assert unseen_tile(replace(evaluation, left_out=()), EN) is None
    said = compared(evaluation, EN).replace("\\", "")
    assert "1,234 faces of 567 different photos" in said
    assert "the report's system gets 50.0%" in said
    alone = replace(evaluation, models=evaluation.models[:1], **only_own(evaluation))
    assert "report" not in compared(alone, EN)


def only_own(evaluation: Any) -> dict[str, Any]:
    names = ("scores", "calibration", "unclear", "sizes", "yaws", "corruptions")
    names += ("rotation_deg", "brightness_factor")  # type: ignore[assignment]
    return {name: {"toy 1": getattr(evaluation, name)["toy 1"]} for name in names}


def test_of_several_left_out_sources_the_mean_and_the_worst_are_told() -> None:
    (one,) = TOY.evaluation.left_out
    better = replace(one, source="nearer", without_source=evidence_factory.of_source(0.95, 8))
    several = replace(TOY.evaluation, left_out=(better, one))
    unseen = unseen_tile(several, EN)
    assert unseen and (unseen.value, unseen.below) == ("70.0%", "45.0\N{EN DASH}95.0%")
    assert "the mean of 2 data sets, with the lowest and the highest" in compared(several, EN)
    assert "when elsewhere is left out of training" in " ".join(cannot_do(several, EN))
    assert "nearer" not in " ".join(cannot_do(several, EN))
    figure = left_out(several, EN)
    assert "without elsewhere" in figure.takeaway and "the mean is 70.0%" in figure.takeaway
    assert figure.note.count("counts no face") == 1 and "elsewhere" in figure.note
    assert len(figure.table["Source"]) == 6


def test_what_it_cannot_do_has_numbers() -> None:
    said = " ".join(cannot_do(TOY.evaluation, EN))
    for words in ("of 9 faces behind a hand", "calls 25.0% unsure", "45.0% of its 77"):
        assert words in said
    assert "only 70.0% of these answers are right" in said


@pytest.mark.parametrize(
    ("seen", "twins", "said"),
    [
        ("no", 0, []),
        ("learnt", 0, ["trained on these very faces"]),
        ("unknown", 7, ["trained on other data", "7 of the faces have a near-identical picture"]),
        ("tuned", 0, ["adjusted on these faces"]),
    ],
)
def test_caveats_are_told(seen: str, twins: int, said: list[str]) -> None:
    found = list(caveats(evidence_factory.evaluation("a" * 64, seen, twins), EN))
    assert len(found) == len(said)
    for sentence, words in zip(found, said, strict=True):
        assert words in sentence
