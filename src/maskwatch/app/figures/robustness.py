"""How the scores fall when pictures are spoilt, turned, darker or brighter, and faces small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from maskwatch.app import charts
from maskwatch.app.catalogue import Catalogue
from maskwatch.app.figure import NONE, Figure, model_word, points, share, table, word
from maskwatch.app.findings import plain
from maskwatch.app.score_figures import series_of, sliced
from maskwatch.evaluated import Accuracy, Evaluation, Sweep


def stress_figures(evaluation: Evaluation, say: Catalogue) -> Iterator[Figure]:
    """All of them, in the order of the page."""
    yield corruptions(evaluation, say)
    yield sweep(evaluation, evaluation.rotation_deg, "rotation", say)
    yield sweep(evaluation, evaluation.brightness_factor, "brightness", say)
    for key, scores in (("sizes", evaluation.sizes), ("yaws", evaluation.yaws)):
        yield sliced(evaluation, scores, f"model_stress.{key}", say)


def corruptions(evaluation: Evaluation, say: Catalogue) -> Figure:
    """Accuracy by kind and strength of what spoils the picture."""
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
        "model_stress.corruptions_say",
        kinds=len(own.families),
        points=points(say, own.drop_points),
        clean=share(say, own.clean.accuracy),
        hardest=word(say, f"corruptions.{hardest}"),
        accuracy=share(say, mean(own.families[hardest])),
    )
    for model in models[1:]:
        lost = points(say, evaluation.corruptions[model.name].drop_points)
        name = plain(model_word(say, evaluation, model))
        says += " " + say.text("model_stress.corruptions_other", other=name, points=lost)
    headings = [model_word(say, evaluation, model) for model in models]
    return Figure(
        say.text("model_stress.corruptions"),
        says,
        (charts.grid(shown, say.text("model_stress.strength")),),
        table(
            [say.text("model_stress.kind"), *headings],
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
            "model_stress.corruptions_note",
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
    x_title = say.text(f"model_stress.{kind}_axis")
    return Figure(
        say.text(f"model_stress.{kind}"),
        say.text(
            f"model_stress.{kind}_say",
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
        say.text("model_stress.sweep_note", crops=say.whole(evaluation.sample.crops)),
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
