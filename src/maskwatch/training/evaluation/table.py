"""The result as lines of text for the command line; the page and the card hold more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from maskwatch.models.evaluation import POINTS, Corruptions, Loss, Scores, Sweep, number, share
from maskwatch.models.evaluation_document import MeanScores
from maskwatch.schema import CLASSES
from maskwatch.training.evaluation.abstention import NONE_THERE
from maskwatch.training.evaluation.corruptions import UNPRACTISED
from maskwatch.training.evaluation.result import Result
from maskwatch.training.evaluation.slices import MEASURES


def table_lines(result: Result) -> Iterator[str]:
    """Every main number, one line per model under a title each."""
    names = [model.name for model in result.comparison.models]
    others = _left_out_labels(result) if result.found.left_out else ()
    width = max(map(len, [*names, *others]))
    yield f"{'':<{width + 2}}  {_COLUMNS}"
    for part, row in result.found.scores[names[0]].items():
        yield f"{part}: {row.n:,} rows in {row.groups:,} groups"
        for name in names:
            yield f"  {name:<{width}}  {_cells(result.found.scores[name][part])}"
    yield from _left_out(result, width)
    yield from _unclear(result, width)
    for title, cells in _rest(result):
        yield title
        for name in names:
            yield f"  {name:<{width}}  {cells(name)}"
    yield "one crop in ONNX Runtime: median ms, p95 ms, times the first"
    for name, taken in result.found.crop_ms.items():
        times = " ".join(f"{taken[key]:>6.2f}" for key in ("median_ms", "p95_ms", "ratio"))
        yield f"  {name:<{width}}  {times}"


def _left_out_labels(result: Result) -> tuple[str, str, str]:
    """What the three lines of a left-out source are called, in the order of LEFT_OUT_ROWS."""
    part, own = result.comparison.part_name, result.comparison.models[0].name
    return "without it, all rows", f"without it, {part}", f"{own}, {part}"


def _left_out(result: Result, width: int) -> Iterator[str]:
    if not result.found.left_out:
        return
    labels = _left_out_labels(result)
    for item in result.found.left_out:
        yield f"{item.source} left out: {item.proof}"
        for label, row in zip(labels, item.by_name.values(), strict=True):
            yield f"  {label:<{width}}  {_cells(row)}  ECE {number(row.ece)}"
    yield f"mean over left-out sources, {len(result.found.left_out)} in all (lowest-highest source)"
    for label, mean in zip(labels, result.found.left_out_mean.values(), strict=True):
        recalls = "  ".join(mean.recall[state.value].text() for state in CLASSES)
        yield f"  {label:<{width}}  {_overall(mean)}{recalls}  ECE {mean.ece.text()}"


def _unclear(result: Result, width: int) -> Iterator[str]:
    first = next(iter(result.found.unclear.values()))
    if not first.n:
        yield f"unclear faces: {NONE_THERE}"
        return
    yield (
        f"unclear faces, where only unsure is right: {first.n:,} rows in {first.groups:,} "
        "groups: unsure (95 %), answered mask, no mask, incorrect mask, mean confidence"
    )
    for name, row in result.found.unclear.items():
        counts = "  ".join(f"{row.answers[state.value]:>4}" for state in CLASSES)
        unsure = row.unsure_share.text()
        yield f"  {name:<{width}}  {unsure:<21}{counts}  {number(row.confidence)}"


def _rest(result: Result) -> Iterator[tuple[str, Callable[[str], str]]]:
    """Titles, each with what makes the cells of a model."""
    own = result.comparison.models[0].name
    for kind, measure in MEASURES.items():
        of_models = getattr(result.found, kind)
        slices = ", ".join(f"{name} ({row.n:,})" for name, row in of_models[own].items())
        yield (
            f"accuracy by {measure.column.lower()}: {slices}",
            lambda name, tables=of_models: _accuracies(tables[name]),  # type: ignore[misc]
        )
    yield (
        f"15 corruptions at 5 strengths, {result.found.sample.crops} crops: accuracy clean, mean, "
        "points lost",
        lambda name: _corrupted(result.found.corruptions[name]),
    )
    yield (
        f"of those, what training does not imitate ({', '.join(UNPRACTISED)}): mean, points lost",
        lambda name: _mean_and_drop(result.found.corruptions[name].unpractised),
    )
    yield (
        f"turned by {_amounts(result.found.rotation_deg[own])} degrees: accuracy",
        lambda name: _sweep(result.found.rotation_deg[name]),
    )
    yield (
        f"brightness times {_amounts(result.found.brightness_factor[own])}: accuracy",
        lambda name: _sweep(result.found.brightness_factor[name]),
    )
    yield (
        "calibration error (ECE, 15 bins)",
        lambda name: number(result.found.calibration[name]["all"].ece),
    )


_COLUMNS = (
    f"{'accuracy (95 %)':<21}{'macro F1 (95 %)':<21}{'unsure':<8}"
    "recall of mask, no mask, incorrect mask"
)


def _cells(scores: Scores) -> str:
    recalls = "  ".join(row.recall.text() for row in scores.per_class.values())
    return f"{_overall(scores)}{recalls}"


def _overall(scores: Scores | MeanScores) -> str:
    unsure = scores.unsure_share.value
    return f"{scores.accuracy.text():<21}{scores.macro_f1.text():<21}{share(unsure):<8}"


def _accuracies(slices: Mapping[str, Scores]) -> str:
    return "  ".join(row.accuracy.text() for row in slices.values())


def _corrupted(table: Corruptions) -> str:
    return f"{number(table.clean.accuracy)}  {_mean_and_drop(table)}"


def _mean_and_drop(table: Loss) -> str:
    return f"{number(table.mean.accuracy)}  {table.drop_points.text(POINTS)}"


def _sweep(table: Sweep) -> str:
    return "  ".join(number(row.accuracy) for row in table.all)


def _amounts(table: Sweep) -> str:
    return ", ".join(f"{row.amount:g}" for row in table.all)
