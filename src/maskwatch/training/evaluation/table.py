"""The result as lines of text for the command line; the page and the card hold more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from maskwatch.schema import CLASSES
from maskwatch.training.evaluation.imitated import UNPRACTISED
from maskwatch.training.evaluation.result import Evaluation, left_out_means
from maskwatch.training.evaluation.slices import MEASURES
from maskwatch.training.evaluation.unclear import NONE_THERE
from maskwatch.training.evaluation.wording import interval, number, points, share


def table_lines(result: Evaluation) -> Iterator[str]:
    """Every main number, one line per model under a title each."""
    names = [entrant.name for entrant in result.contest.entrants]
    others = _left_out_labels(result) if result.left_out else ()
    width = max(map(len, [*names, *others]))
    yield f"{'':<{width + 2}}  {_COLUMNS}"
    for part, row in result.scores[names[0]].items():
        yield f"{part}: {row['n']:,} rows in {row['groups']:,} groups"
        for name in names:
            yield f"  {name:<{width}}  {_cells(result.scores[name][part])}"
    yield from _left_out(result, width)
    yield from _unclear(result, width)
    for title, cells in _rest(result):
        yield title
        for name in names:
            yield f"  {name:<{width}}  {cells(name)}"
    yield "one crop in ONNX Runtime: median ms, p95 ms, times the first"
    for name, row in result.crop_ms.items():
        times = " ".join(f"{row[key]:>6.2f}" for key in ("median_ms", "p95_ms", "ratio"))
        yield f"  {name:<{width}}  {times}"


def _left_out_labels(result: Evaluation) -> tuple[str, str, str]:
    """What the three lines of a left-out source are called, in the order of LEFT_OUT_ROWS."""
    part, own = result.contest.part_name, result.contest.entrants[0].name
    return "without it, all rows", f"without it, {part}", f"{own}, {part}"


def _left_out(result: Evaluation, width: int) -> Iterator[str]:
    if not result.left_out:
        return
    labels = _left_out_labels(result)
    for item in result.left_out:
        yield f"{item.left_out.source} left out: {item.left_out.proof.value}"
        for label, row in zip(labels, item.by_name.values(), strict=True):
            yield f"  {label:<{width}}  {_cells(row)}  ECE {number(row['ece'])}"
    yield f"mean over the {len(result.left_out)} left-out sources (lowest-highest source)"
    for label, row in zip(labels, left_out_means(result.left_out).values(), strict=True):
        recalls = "  ".join(interval(row["recall"][state.value]) for state in CLASSES)
        ece = interval(row["ece"])
        yield f"  {label:<{width}}  {_overall(row)}{recalls}  ECE {ece}"


def _unclear(result: Evaluation, width: int) -> Iterator[str]:
    first = next(iter(result.unclear.values()))
    if not first["n"]:
        yield f"unclear faces: {NONE_THERE}"
        return
    yield (
        f"unclear faces, where only unsure is right: {first['n']:,} rows in {first['groups']:,} "
        "groups: unsure (95 %), answered mask, no mask, incorrect mask, mean confidence"
    )
    for name, row in result.unclear.items():
        counts = "  ".join(f"{row['answers'][state.value]:>4}" for state in CLASSES)
        unsure = interval(row["unsure_share"])
        yield f"  {name:<{width}}  {unsure:<21}{counts}  {number(row['confidence'])}"


def _rest(result: Evaluation) -> Iterator[tuple[str, Callable[[str], str]]]:
    """Titles, each with what makes the cells of a model."""
    own = result.contest.entrants[0].name
    for kind, measure in MEASURES.items():
        of_models = result.measured[kind]
        slices = ", ".join(f"{name} ({row['n']:,})" for name, row in of_models[own].items())
        yield (
            f"accuracy by {measure.column.lower()}: {slices}",
            lambda name, tables=of_models: _accuracies(tables[name]),  # type: ignore[misc]
        )
    yield (
        f"15 corruptions at 5 strengths, {result.sample['crops']} crops: accuracy clean, mean, "
        "points lost",
        lambda name: _spoilt(result.corruptions[name]),
    )
    yield (
        f"of those, what training does not imitate ({', '.join(UNPRACTISED)}): mean, points lost",
        lambda name: _mean_and_drop(result.corruptions[name]["unpractised"]),
    )
    yield (
        f"turned by {_amounts(result.rotation[own])} degrees: accuracy",
        lambda name: _sweep(result.rotation[name]),
    )
    yield (
        f"brightness times {_amounts(result.brightness[own])}: accuracy",
        lambda name: _sweep(result.brightness[name]),
    )
    yield (
        "calibration error (ECE, 15 bins)",
        lambda name: number(result.calibration[name]["all"].ece),
    )


_COLUMNS = (
    f"{'accuracy (95 %)':<21}{'macro F1 (95 %)':<21}{'unsure':<8}"
    "recall of mask, no mask, incorrect mask"
)


def _cells(scores: Mapping[str, Any]) -> str:
    recalls = "  ".join(interval(row["recall"]) for row in scores["per_class"].values())
    return f"{_overall(scores)}{recalls}"


def _overall(scores: Mapping[str, Any]) -> str:
    unsure = scores["unsure_share"]["value"]
    return f"{interval(scores['accuracy']):<21}{interval(scores['macro_f1']):<21}{share(unsure):<8}"


def _accuracies(slices: Mapping[str, Any]) -> str:
    return "  ".join(interval(row["accuracy"]) for row in slices.values())


def _spoilt(table: Mapping[str, Any]) -> str:
    return f"{number(table['clean']['accuracy'])}  {_mean_and_drop(table)}"


def _mean_and_drop(table: Mapping[str, Any]) -> str:
    return f"{number(table['mean']['accuracy'])}  {points(table['drop_points'])}"


def _sweep(table: Mapping[str, Any]) -> str:
    return "  ".join(number(row["accuracy"]) for row in table["all"])


def _amounts(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{row['amount']:g}" for row in table["all"])
