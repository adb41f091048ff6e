"""The curves of the training run, as in the student report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from maskwatch.app import charts
from maskwatch.app.catalogue import Catalogue
from maskwatch.app.chart_series import two_series
from maskwatch.app.figure import NONE, Figure, Table, share, table
from maskwatch.evidence import Epoch, TrainingFacts


def training_figures(training: TrainingFacts, say: Catalogue) -> Iterator[Figure]:
    """Accuracy and loss by epoch, of what was measured."""
    epochs = training.epochs
    names = say.text("model_training.on_training"), say.text("model_training.on_validation")
    if any(epoch.accuracy is not None for epoch in epochs):
        yield Figure(
            say.text("model_training.accuracy"),
            _accuracy_says(epochs, say),
            (charts.lines(_rows(epochs, "accuracy", names, say), say, **_look(names, say)),),
            _table(epochs, say),
            say.text("model_training.accuracy_note"),
        )
    if any(epoch.loss is not None for epoch in epochs):
        yield Figure(
            say.text("model_training.loss"),
            _loss_says(epochs, say),
            (charts.free_lines(_rows(epochs, "loss", names, say), say, **_look(names, say)),),
            _table(epochs, say),
        )


def _look(names: tuple[str, str], say: Catalogue) -> dict[str, Any]:
    return {"series": two_series(*names), "x_title": say.text("model_training.epoch")}


def _rows(
    epochs: tuple[Epoch, ...], what: str, names: tuple[str, str], say: Catalogue
) -> list[charts.Row]:
    rows: list[charts.Row] = []
    for epoch in epochs:
        for name, value in zip(names, _pair(epoch, what), strict=True):
            number = _number(what, value, say)
            words = f"{say.text('model_training.epoch')} {epoch.epoch}, {name}: {number}"
            rows.append({"x": epoch.epoch, "value": value, "series": name, "words": words})
    return rows


def _pair(epoch: Epoch, what: str) -> tuple[float | None, float | None]:
    """On training and on validation."""
    if what == "accuracy":
        return epoch.accuracy, epoch.val_accuracy
    return epoch.loss, epoch.val_loss


def _number(what: str, value: float | None, say: Catalogue) -> str:
    if what == "accuracy":
        return share(say, value)
    return NONE if value is None else say.number(value, 3)


def _accuracy_says(epochs: tuple[Epoch, ...], say: Catalogue) -> str:
    judged = [epoch for epoch in epochs if epoch.val_accuracy is not None]
    if not judged:
        return say.text("model_training.no_validation")
    best = max(judged, key=lambda epoch: epoch.val_accuracy or 0)
    return say.text(
        "model_training.accuracy_say",
        last=share(say, judged[-1].val_accuracy),
        epochs=len(epochs),
        best=share(say, best.val_accuracy),
        epoch=best.epoch,
    )


def _loss_says(epochs: tuple[Epoch, ...], say: Catalogue) -> str:
    judged = [epoch for epoch in epochs if epoch.val_loss is not None]
    if not judged:
        return say.text("model_training.no_validation")
    best = min(judged, key=lambda epoch: epoch.val_loss or 0)
    # a loss that has left its lowest point behind by a tenth is what overfitting looks like
    rising = (judged[-1].val_loss or 0) > 1.1 * (best.val_loss or 0)
    return say.text(
        "model_training.loss_rises" if rising else "model_training.loss_say",
        last=_number("loss", judged[-1].val_loss, say),
        best=_number("loss", best.val_loss, say),
        epoch=best.epoch,
    )


def _table(epochs: tuple[Epoch, ...], say: Catalogue) -> Table:
    kinds = ("on_training", "on_validation")
    headings = [
        f"{say.text(f'model_training.{what}')}, {say.text(f'model_training.{kind}')}"
        for what in ("accuracy", "loss")
        for kind in kinds
    ]
    return table(
        [say.text("model_training.epoch"), *headings],
        [
            [
                str(epoch.epoch),
                *(_number("accuracy", value, say) for value in _pair(epoch, "accuracy")),
                *(_number("loss", value, say) for value in _pair(epoch, "loss")),
            ]
            for epoch in epochs
        ],
    )
