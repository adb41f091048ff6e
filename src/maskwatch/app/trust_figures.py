"""How far to trust the model: whether it knows how sure to be, and what it does elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from maskwatch.app import charts
from maskwatch.app.catalogue import Catalogue
from maskwatch.app.chart_series import two_series
from maskwatch.app.figure import Figure, interval_row, share, spread, table, word
from maskwatch.app.findings import plain
from maskwatch.evaluated import Evaluation
from maskwatch.schema import CLASSES


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
                *(say.text("model_data.source"), say.text("model_scores.faces")),
                *("ECE", say.text("table.confidence"), say.text("model_scores.right")),
            ],
            [
                [
                    *(word(say, f"slices.{name}"), say.whole(item.n), share(say, item.ece)),
                    *(share(say, item.confidence), share(say, item.accuracy)),
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
                *(item.source, called, say.whole(scores.n), spread(say, scores.accuracy)),
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
                *(say.text("model_data.source"), say.text("model_scores.model")),
                *(say.text("model_scores.faces"), say.text("model_scores.accuracy")),
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
