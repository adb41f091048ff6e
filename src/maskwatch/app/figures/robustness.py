"""How the scores fall when pictures are corrupted, turned, darker or brighter, and faces small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from maskwatch.app import charts
from maskwatch.app.charts import two_series
from maskwatch.app.components import plain
from maskwatch.app.figures.base import NONE, Figure, Table, model_word, points, share, table, word
from maskwatch.app.figures.scores import series_of, sliced
from maskwatch.app.i18n import Catalogue
from maskwatch.models.evaluation import Accuracy, Evaluation, Sweep
from maskwatch.models.evidence import Epoch, TrainingFacts


def robustness_figures(evaluation: Evaluation, say: Catalogue) -> Iterator[Figure]:
    """All of them, in the order of the page."""
    yield corruptions(evaluation, say)
    yield sweep(evaluation, evaluation.rotation_deg, "rotation", say)
    yield sweep(evaluation, evaluation.brightness_factor, "brightness", say)
    for key, scores in (("sizes", evaluation.sizes), ("yaws", evaluation.yaws)):
        yield sliced(evaluation, scores, f"model_robustness.{key}", say)


def corruptions(evaluation: Evaluation, say: Catalogue) -> Figure:
    """Accuracy by kind and strength of the corruption."""
    models = evaluation.models[:2]
    own = evaluation.corruptions[evaluation.own.name]
    practised = evaluation.imitated_by_training
    called = {
        name: word(say, f"corruptions.{name}") + ("" if practised[name].imitated else " *")
        for name in own.families
    }
    shown = [
        {
            "x": str(strength),
            "place": called[name],
            "value": item.accuracy or 0.0,
            "text": share_without_mark(say, item),
            "words": f"{called[name]}, {strength}: {share(say, item.accuracy)}",
        }
        for name, strengths in own.families.items()
        for strength, item in enumerate(strengths, start=1)
    ]
    hardest = min(own.families, key=lambda name: mean(own.families[name]))
    says = say.text(
        "model_robustness.corruptions_say",
        kinds=len(own.families),
        points=points(say, own.drop_points),
        clean=share(say, own.clean.accuracy),
        hardest=word(say, f"corruptions.{hardest}"),
        accuracy=share(say, mean(own.families[hardest])),
    )
    for model in models[1:]:
        lost = points(say, evaluation.corruptions[model.name].drop_points)
        name = plain(model_word(say, evaluation, model))
        says += " " + say.text("model_robustness.corruptions_other", other=name, points=lost)
    headings = [model_word(say, evaluation, model) for model in models]
    return Figure(
        say.text("model_robustness.corruptions"),
        says,
        (charts.grid(shown, say.text("model_robustness.strength")),),
        table(
            [say.text("model_robustness.kind"), *headings],
            [
                [
                    called[name],
                    *(
                        share(say, mean(evaluation.corruptions[model.name].families[name]))
                        for model in models
                    ),
                ]
                for name in own.families
            ],
        ),
        say.text(
            "model_robustness.corruptions_note",
            crops=say.whole(evaluation.sample.crops),
            points=points(say, own.unpractised.drop_points),
        ),
    )


def sweep(evaluation: Evaluation, sweeps: Mapping[str, Sweep], kind: str, say: Catalogue) -> Figure:
    """Accuracy over angles or brightness; `kind` is "rotation" or "brightness"."""
    models = evaluation.models[:2]
    names = [model_word(say, evaluation, model) for model in models]
    own = [item for item in sweeps[evaluation.own.name].all if item.accuracy is not None]
    shown = [
        {
            "x": amount(say, item.amount),
            "value": item.accuracy,
            "series": name,
            "words": f"{amount(say, item.amount)}, {name}: {share(say, item.accuracy)}",
        }
        for name, model in zip(names, models, strict=True)
        for item in sweeps[model.name].all
    ]
    lowest = min(own, key=lambda item: item.accuracy or 0, default=None)
    best = max(own, key=lambda item: item.accuracy or 0, default=None)
    x_title = say.text(f"model_robustness.{kind}_axis")
    return Figure(
        say.text(f"model_robustness.{kind}"),
        say.text(
            f"model_robustness.{kind}_say",
            lowest=share(say, lowest.accuracy if lowest else None),
            at=amount(say, lowest.amount) if lowest else NONE,
            best=share(say, best.accuracy if best else None),
        ),
        (charts.lines(shown, say, series_of(names), x_title),),
        table(
            [x_title, *names],
            [
                [
                    amount(say, item.amount),
                    *(share(say, sweeps[model.name].all[place].accuracy) for model in models),
                ]
                for place, item in enumerate(sweeps[evaluation.own.name].all)
            ],
        ),
        say.text("model_robustness.sweep_note", crops=say.whole(evaluation.sample.crops)),
    )


def amount(say: Catalogue, value: float) -> str:
    """An angle or a factor, with a decimal only where it has one."""
    return f"{value:g}".replace(".", say.texts["format.decimal_mark"]).replace(
        "-", "\N{MINUS SIGN}"
    )


def mean(strengths: tuple[Accuracy, ...]) -> float:
    """Mean accuracy over the strengths of a family."""
    known = [item.accuracy for item in strengths if item.accuracy is not None]
    return sum(known) / len(known) if known else 0.0


def share_without_mark(say: Catalogue, item: Accuracy) -> str:
    """A share in a narrow cell, such as "93.4"."""
    return NONE if item.accuracy is None else say.number(100 * item.accuracy)


# The curves of the training run, as in the student report.


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
