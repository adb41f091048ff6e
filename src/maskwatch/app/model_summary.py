"""The model in a few sentences and numbers: what it is, how good, what it cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from maskwatch.app.components import plain
from maskwatch.app.figures.base import model_word, share, slice_word, span
from maskwatch.app.i18n import Catalogue
from maskwatch.errors import EvidenceError, EvidenceFault
from maskwatch.models.card import DetectorCard, ModelCard
from maskwatch.models.evaluation import Estimate, Evaluation, Mistake, Scores
from maskwatch.models.evidence import (
    EVALUATION_FILE,
    FACES_FILE,
    MISTAKES,
    cut_faces,
    read_document,
)
from maskwatch.models.records import read_record
from maskwatch.schema import MaskState

FEW = 20
"""A share of fewer faces says too little for the summary."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A main number: what it is, its value, and its interval or what it is measured on."""

    label: str
    value: str
    below: str


def what_it_is(card: ModelCard, say: Catalogue) -> str:
    """The model in a sentence; Markdown."""
    return say.text(
        "model.what",
        name=plain(card.name),
        side=card.input_side_px,
        threshold=say.percent(card.unsure_below, 0),
    )


def tiles(scores: Scores, say: Catalogue) -> list[Tile]:
    """The main numbers of some scores."""
    worn_wrong = scores.per_class[MaskState.INCORRECT_MASK]
    named = (
        ("accuracy", scores.accuracy),
        ("found", worn_wrong.recall),
        ("trusted", worn_wrong.precision),
    )
    return [_tile(say.text(f"model.{name}"), score, say) for name, score in named]


def unseen_tile(evaluation: Evaluation, say: Catalogue) -> Tile | None:
    """How many faces of sources are judged rightly by a model that never saw them."""
    accuracy = evaluation.left_out_accuracy
    return None if accuracy.value is None else _tile(say.text("model.unseen"), accuracy, say)


def compared(evaluation: Evaluation, say: Catalogue) -> str:
    """On what the numbers are measured, and what another model reaches there."""
    data = evaluation.data
    words = say.text(
        "model.measured",
        n=say.whole(data.rows),
        groups=say.whole(data.groups),
    )
    if len(evaluation.left_out) > 1:
        words += " " + say.text("model.left_out_mean", sources=len(evaluation.left_out))
    for model in evaluation.models[1:2]:
        accuracy = share(say, evaluation.scores[model.name]["all"].accuracy.value)
        name = plain(model_word(say, evaluation, model))
        words += " " + say.text("model.rival", name=name, accuracy=accuracy)
    return words


def caveats(evaluation: Evaluation, say: Catalogue) -> Iterator[str]:
    """Why the numbers may be too good; nothing where nothing is known."""
    if evaluation.own.seen != "no":
        yield say.text(f"seen.{evaluation.own.seen}")
    if evaluation.data.rows_with_a_twin_in_training:
        yield say.text("model.twins", n=say.whole(evaluation.data.rows_with_a_twin_in_training))


def calibrated_since(evaluation: Evaluation, card: ModelCard, say: Catalogue) -> Iterator[str]:
    """That the loaded model answers otherwise than the evaluated one, where it does."""
    if evaluation.own.temperature != card.temperature:
        yield say.text("model.calibrated_since")


def cannot_do(evaluation: Evaluation, say: Catalogue) -> Iterator[str]:
    """Where it fails, with numbers, and what nobody has measured; Markdown."""
    unclear = evaluation.unclear[evaluation.own.name]
    if unclear.n:
        yield say.text(
            "model.unclear",
            n=say.whole(unclear.n),
            unsure=share(say, unclear.unsure_share.value),
        )
    yield from _false_alarms(evaluation, say)
    if worst := evaluation.worst_left_out:
        yield say.text(
            "model.elsewhere",
            source=plain(worst.source),
            accuracy=share(say, worst.without_source.accuracy.value),
            n=say.whole(worst.without_source.n),
        )
    yield say.text("model.people")
    yield say.text("model.not_for")


def _false_alarms(evaluation: Evaluation, say: Catalogue) -> Iterator[str]:
    """The slice in which "worn incorrectly" is trusted least."""
    there = {
        name: scores.per_class[MaskState.INCORRECT_MASK]
        for name, scores in evaluation.scores[evaluation.own.name].items()
        if name != "all" and scores.per_class[MaskState.INCORRECT_MASK].n >= FEW
    }
    known = {name: row for name, row in there.items() if row.precision.value is not None}
    if known:
        worst = min(known, key=lambda name: known[name].precision.value or 0)
        yield say.text(
            "model.false_alarms",
            slice=plain(slice_word(say, worst)),
            label=say.label(MaskState.INCORRECT_MASK),
            right=share(say, known[worst].precision.value),
        )


def _tile(label: str, score: Estimate, say: Catalogue) -> Tile:
    return Tile(label, share(say, score.value), span(say, score))


def _shifts(card: ModelCard, say: Catalogue) -> str:
    pairs = zip(card.classes, card.logit_shift, strict=True)
    return ", ".join(f"{say.label(state)} {say.number(shift, 2)}" for state, shift in pairs)


def network_rows(
    card: ModelCard, detector: DetectorCard | None, say: Catalogue
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Which networks are loaded: a heading for each, and what its card says."""
    yield (
        say.text("model_networks.classifier"),
        [
            (say.text("model_networks.name"), card.name),
            ("SHA-256", card.sha256),
            (say.text("model_networks.input_side"), f"{card.input_side_px} px"),
            (say.text("model_networks.margin"), say.percent(card.crop_margin_ratio, 0)),
            (say.text("model_networks.unsure_below"), say.percent(card.unsure_below, 0)),
            (say.text("model_networks.temperature"), say.number(card.temperature, 3)),
            (say.text("model_networks.logit_shift"), _shifts(card, say)),
            (say.text("model_networks.licence"), card.licence),
        ],
    )
    if detector is None:
        return
    yield (
        say.text("model_networks.detector"),
        [
            (say.text("model_networks.name"), detector.name),
            ("SHA-256", detector.sha256),
            (say.text("model_networks.photo_side"), f"{detector.side_px} px"),
            (say.text("model_networks.live_side"), f"{detector.live_side_px} px"),
            (say.text("model_networks.min_score"), say.number(detector.min_score, 2)),
            (say.text("model_networks.live_min_score"), say.number(detector.live_min_score, 2)),
            (say.text("model_networks.overlap"), say.percent(detector.nms_iou, 0)),
            (say.text("model_networks.licence"), detector.licence),
        ],
    )


# Pictures of mistakes, from the folder of an evaluation on this machine; without Streamlit.
#
# They show people of public data sets, so none ships. Where the folder is, whoever starts the pages
# says; nothing that comes from a browser names a file.


@dataclass(frozen=True, slots=True)
class _Model:
    sha256: str


@dataclass(frozen=True, slots=True)
class _Mistakes:
    models: tuple[_Model, ...]
    mistakes: tuple[Mistake, ...]


def load_mistakes(folder: Path, sha256: str) -> list[tuple[Mistake, Image.Image]]:
    """The surest mistakes with their pictures.

    Args:
        folder: what `maskwatch evaluate` filled.
        sha256: hash of the model that is meant.

    Raises:
        EvidenceError: there is no evaluation, it is damaged, or of another model.
    """
    path = folder / EVALUATION_FILE
    document = read_document(path, Evaluation.SCHEMA)
    try:
        evaluation = read_record(_Mistakes, document)
        if [model.sha256 for model in evaluation.models[:1]] != [sha256]:
            raise EvidenceError(path, "it is about another model file", EvidenceFault.FOREIGN)
        shown = evaluation.mistakes[:MISTAKES]
        with Image.open(folder / FACES_FILE) as sheet:
            return list(zip(shown, cut_faces(sheet.convert("RGB"), len(shown)), strict=True))
    except (OSError, ValueError) as error:
        raise EvidenceError(folder, str(error), EvidenceFault.DAMAGED) from error
