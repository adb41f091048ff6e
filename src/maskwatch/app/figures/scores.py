"""What the model scored on faces it never saw, beside what the report's system scores on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from maskwatch.app import charts
from maskwatch.app.charts import Series, class_label, two_series
from maskwatch.app.components import plain
from maskwatch.app.figures.base import (
    NONE,
    Figure,
    interval_row,
    model_word,
    share,
    slice_word,
    spread,
    table,
    word,
)
from maskwatch.app.i18n import Catalogue
from maskwatch.models.evaluation import Evaluation, Scores
from maskwatch.schema import CLASSES, MaskState

MEASURES = ("recall", "precision", "f1")
_STATES = (*CLASSES, MaskState.UNSURE)

Named = Sequence[tuple[str, Scores]]
"""Scores of models on the same faces by what tables call them, this model first."""


def score_figures(evaluation: Evaluation, say: Catalogue) -> Iterator[Figure]:
    """All of them, in the order of the page."""
    named = compared(evaluation, say)
    yield confusion(named[0][1], say)
    yield per_class(named, say)
    yield by_source(evaluation, say)
    yield reliability(evaluation, say)
    if evaluation.left_out:
        yield left_out(evaluation, say)


def compared(evaluation: Evaluation, say: Catalogue) -> Named:
    """The scores of this model and of the first other one on all rows."""
    return [
        (model_word(say, evaluation, model), evaluation.scores[model.name]["all"])
        for model in evaluation.models[:2]
    ]


def series_of(names: Sequence[str]) -> list[Series]:
    """One or two models in a chart."""
    return two_series(names[0], names[-1])[: len(names)]


def confusion(scores: Scores, say: Catalogue) -> Figure:
    """True class by answer."""
    shown, numbers, wrong = [], [], []
    for truth, counts in zip(CLASSES, scores.confusion, strict=True):
        total = sum(counts)
        for answer, count in zip(_STATES, counts, strict=True):
            ratio = count / total if total else 0.0
            n = say.whole(count)
            words = say.text(
                "model_scores.cell", label=say.label(truth), answer=say.label(answer), n=n
            )
            shown.append(
                {
                    "x": say.label(answer),
                    "place": class_label(say, truth),
                    "value": ratio,
                    "text": f"{n}\n{share(say, ratio if total else None)}",
                    "words": words,
                }
            )
            if answer not in (truth, MaskState.UNSURE):
                wrong.append((count, truth, answer))
        numbers.append([say.label(truth), *map(say.whole, counts)])
    most, label, answer = max(wrong, key=lambda item: item[0])
    right = sum(scores.confusion[k][k] for k in range(len(CLASSES)))
    return Figure(
        say.text("model_scores.confusion"),
        say.text(
            "model_scores.confusion_say",
            right=say.whole(right),
            n=say.whole(scores.n),
            label=say.label(label),
            answer=say.label(answer),
            most=say.whole(most),
        ),
        (charts.grid(shown, say.text("model_scores.answer"), lines_per_cell=2),),
        table([say.text("model_scores.label"), *map(say.label, _STATES)], numbers),
        say.text("model_scores.confusion_note"),
    )


def per_class(named: Named, say: Catalogue) -> Figure:
    """Recall, precision and F1 of each class with their intervals."""
    series = series_of([name for name, _ in named])
    drawn = tuple(
        charts.intervals(
            [
                interval_row(class_label(say, state), name, getattr(of[state], measure), say)
                for state in CLASSES
                for name, of in ((name, scores.per_class) for name, scores in named)
            ],
            say,
            series,
            say.text(f"model_scores.{measure}"),
        )
        for measure in MEASURES
    )
    worn_wrong = named[0][1].per_class[MaskState.INCORRECT_MASK]
    says = say.text(
        "model_scores.per_class_say",
        n=say.whole(worn_wrong.n),
        recall=spread(say, worn_wrong.recall),
        precision=spread(say, worn_wrong.precision),
    )
    if len(named) > 1:
        other, scores = named[1]
        recall = share(say, scores.per_class[MaskState.INCORRECT_MASK].recall.value)
        says += " " + say.text("model_scores.per_class_other", other=plain(other), recall=recall)
    return Figure(
        say.text("model_scores.per_class"),
        says,
        drawn,
        table(
            [
                say.text("model_scores.model"),
                say.text("table.verdict"),
                say.text("model_scores.faces"),
                *(say.text(f"model_scores.{m}") for m in MEASURES),
            ],
            [
                [
                    name,
                    say.label(state),
                    say.whole(scores.per_class[state].n),
                    *(spread(say, getattr(scores.per_class[state], m)) for m in MEASURES),
                ]
                for state in CLASSES
                for name, scores in named
            ],
        ),
        say.text("model_scores.per_class_note"),
    )


def by_source(evaluation: Evaluation, say: Catalogue) -> Figure:
    """Accuracy on each source, faces and whole pictures apart."""
    return sliced(
        evaluation,
        evaluation.scores,
        "model_scores.by_source",
        say,
    )


def sliced(
    evaluation: Evaluation, scores: Mapping[str, Mapping[str, Scores]], key: str, say: Catalogue
) -> Figure:
    """Accuracy by slices; the slice "all" stands aside.

    Args:
        evaluation: names the models.
        scores: of each model, by slice.
        key: of the title; with "_say" and "_note" behind it of what it says and how to read it.
        say: the language.
    """
    models = evaluation.models[:2]
    names = [model_word(say, evaluation, model) for model in models]
    own = scores[evaluation.own.name]
    there = {name: row for name, row in own.items() if row.n and name != "all"}
    shown = [
        interval_row(slice_word(say, name), called, scores[model.name][name].accuracy, say)
        for name in there
        for called, model in zip(names, models, strict=True)
    ]
    lowest = min(there, key=lambda name: there[name].accuracy.value or 0, default="all")
    numbers = [
        [
            slice_word(say, name),
            called,
            say.whole(scores[model.name][name].n),
            spread(say, scores[model.name][name].accuracy),
            spread(say, scores[model.name][name].per_class[MaskState.INCORRECT_MASK].recall),
            spread(say, scores[model.name][name].per_class[MaskState.INCORRECT_MASK].precision),
            share(say, scores[model.name][name].unsure_share.value),
        ]
        for name in there
        for called, model in zip(names, models, strict=True)
    ]
    worn_wrong = say.label(MaskState.INCORRECT_MASK)
    return Figure(
        say.text(key),
        say.text(
            f"{key}_say",
            slice=plain(slice_word(say, lowest)),
            accuracy=spread(say, own[lowest].accuracy) if lowest in own else NONE,
            n=say.whole(own[lowest].n) if lowest in own else NONE,
        ),
        (charts.intervals(shown, say, series_of(names)),),
        table(
            [
                say.text("model_scores.where"),
                say.text("model_scores.model"),
                say.text("model_scores.faces"),
                say.text("model_scores.accuracy"),
                f"{say.text('model_scores.recall')}: {worn_wrong}",
                f"{say.text('model_scores.precision')}: {worn_wrong}",
                say.label(MaskState.UNSURE),
            ],
            numbers,
        ),
        say.text(f"{key}_note"),
    )


# How far to trust the model: whether it knows how sure to be, and what it does elsewhere.


def reliability(evaluation: Evaluation, say: Catalogue) -> Figure:
    """Whether confidence foretells being right."""
    of_source = evaluation.calibration[evaluation.own.name]
    everything = of_source["all"]
    shown = [
        {
            "x": item.confidence,
            "value": item.accuracy,
            "size": item.n,
            "words": say.text(
                "model_scores.bin",
                n=say.whole(item.n),
                confidence=share(say, item.confidence),
                right=share(say, item.accuracy),
            ),
        }
        for item in everything.bins
        if item.n
    ]
    worst = max(of_source, key=lambda name: of_source[name].ece or 0)
    return Figure(
        say.text("model_scores.reliability"),
        say.text(
            "model_scores.reliability_say",
            confidence=share(say, everything.confidence),
            right=share(say, everything.accuracy),
            ece=share(say, everything.ece),
            source=plain(word(say, f"slices.{worst}")),
            worst=share(say, of_source[worst].ece),
            n=say.whole(of_source[worst].n),
        ),
        (
            charts.reliability(
                shown, say, say.text("table.confidence"), say.text("model_scores.right")
            ),
        ),
        table(
            [
                say.text("model_data.source"),
                say.text("model_scores.faces"),
                "ECE",
                say.text("table.confidence"),
                say.text("model_scores.right"),
            ],
            [
                [
                    word(say, f"slices.{name}"),
                    say.whole(item.n),
                    share(say, item.ece),
                    share(say, item.confidence),
                    share(say, item.accuracy),
                ]
                for name, item in of_source.items()
            ],
        ),
        say.text("model_scores.reliability_note"),
    )


def left_out(evaluation: Evaluation, say: Catalogue) -> Figure:
    """Sources in the eyes of models that never saw them."""
    without, own = say.text("model_scores.without"), say.text("figures.own")
    part = word(say, f"parts.{evaluation.data.part}")
    shown, numbers = [], []
    for item in evaluation.left_out:
        shown += [
            interval_row(item.source, without, item.without_source.accuracy, say),
            interval_row(item.source, own, item.evaluated_model_on_part.accuracy, say),
        ]
        rows = (
            (without, item.without_source),
            (f"{without}, {part}", item.without_source_on_part),
            (f"{own}, {part}", item.evaluated_model_on_part),
        )
        numbers += [
            [
                item.source,
                called,
                say.whole(scores.n),
                spread(say, scores.accuracy),
                *(spread(say, scores.per_class[state].recall) for state in CLASSES),
                share(say, scores.ece),
            ]
            for called, scores in rows
        ]
    says = ""
    if lowest := evaluation.worst_left_out:
        says = say.text(
            "model_scores.left_out_say",
            source=plain(lowest.source),
            accuracy=spread(say, lowest.without_source.accuracy),
            n=say.whole(lowest.without_source.n),
            own=share(say, lowest.evaluated_model_on_part.accuracy.value),
        )
    if len(evaluation.left_out) > 1:
        says += " " + say.text(
            "model_scores.left_out_mean",
            sources=len(evaluation.left_out),
            mean=share(say, evaluation.left_out_accuracy.value),
        )
    return Figure(
        say.text("model_scores.left_out"),
        says,
        (charts.intervals(shown, say, two_series(own, without)),),
        table(
            [
                say.text("model_data.source"),
                say.text("model_scores.model"),
                say.text("model_scores.faces"),
                say.text("model_scores.accuracy"),
                *(f"{say.text('model_scores.recall')}: {say.label(state)}" for state in CLASSES),
                "ECE",
            ],
            numbers,
        ),
        " ".join(_proofs(evaluation, say)),
    )


def _proofs(evaluation: Evaluation, say: Catalogue) -> Iterator[str]:
    """How it is known that models never saw their sources; those of a kind together."""
    for proof in dict.fromkeys(item.proof for item in evaluation.left_out):
        sources = [item.source for item in evaluation.left_out if item.proof == proof]
        yield f"{plain(', '.join(sources))}: " + say.text(f"proofs.{proof}")
