"""The result as one self-contained HTML page; it shows faces of others, so it is for looking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from maskwatch.schema import CLASSES
from maskwatch.training.catalog import LABELS
from maskwatch.training.evaluation import charts
from maskwatch.training.evaluation.contest import Entrant, Proof, Seen
from maskwatch.training.evaluation.corruptions import FAMILIES, STRENGTHS
from maskwatch.training.evaluation.mistakes import Mistake, thumbnails
from maskwatch.training.evaluation.result import Evaluation
from maskwatch.training.evaluation.slices import LIGHTS, NOT_SLICED, SIZES
from maskwatch.training.evaluation.stress import BRIGHTNESS_FACTORS, ROTATIONS_DEG
from maskwatch.training.pages import jpeg_data_uri, render

WORDS = dict(zip(LABELS, ("mask", "no mask", "incorrect mask"), strict=True))
"""The classes as the page names them."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A mistake as the page shows it."""

    data: str
    label: str
    answer: str
    confidence: str
    place: str


def evaluation_page(result: Evaluation) -> str:
    """The page as text.

    Raises:
        DataError: images that cannot be read.
    """
    contest = result.contest
    names = [entrant.name for entrant in contest.entrants]
    own = names[0]
    return render(
        "evaluation.html",
        contest=contest,
        names=names,
        own=own,
        words=WORDS,
        groups=result.scores[own]["all"]["groups"],
        doubts=doubts(result),
        scores=result.scores,
        slices=list(result.scores[own]),
        left_out=result.left_out,
        sample=result.sample,
        families=FAMILIES,
        strengths=STRENGTHS,
        corruptions=result.corruptions,
        rotation=_sweeps(result.rotation[own], ROTATIONS_DEG, "rotation in degrees", "{}"),
        brightness=_sweeps(result.brightness[own], BRIGHTNESS_FACTORS, "brightness", "{:g}"),
        sweeps={"rotation": result.rotation, "brightness": result.brightness},
        sizes=result.sizes,
        lights=result.lights,
        size_names=SIZES,
        light_names=LIGHTS,
        not_sliced=NOT_SLICED,
        calibration=result.calibration,
        reliability={
            name: charts.reliability(values, f"Reliability, {name}")
            for name, values in result.calibration[own].items()
        },
        mistakes=_pictures(result),
        wrong=_wrong(result),
        crop_ms=result.crop_ms,
        number=number,
        interval=interval,
        share=share,
    )


def doubts(result: Evaluation) -> list[str]:
    """Why the scores may be too good, one sentence each; empty where nothing is known."""
    contest = result.contest
    sentences = [
        f"{entrant.name} was {entrant.seen.value}{_own_test(entrant)}."
        for entrant in contest.entrants
        if entrant.seen is not Seen.NO
    ]
    if contest.twins:
        sentences.append(
            f"{contest.twins:,} of {len(contest.part.labels):,} rows have a near-identical picture "
            "in the training part of the manifest: their scores are partly memory."
        )
    sentences += [
        f"{item.left_out.entrant.card.name}, given as trained without {item.left_out.source}: "
        f"{item.left_out.proof.value}."
        for item in result.left_out
        if item.left_out.proof in (Proof.ABSENT, Proof.NONE)
    ]
    return sentences


def _own_test(entrant: Entrant) -> str:
    """What the card of a model says of its own test part, to compare with; empty if nothing."""
    accuracy = entrant.card.scores.get("all", {}).get("accuracy", {})
    if entrant.seen is not Seen.UNKNOWN or entrant.card.scores.get("part") != "test":
        return ""
    low, high = share(accuracy.get("low")), share(accuracy.get("high"))
    return f"; on its own test part its card says {share(accuracy.get('value'))} ({low} to {high})"


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """A share from 0 to 1 in percent."""
    return "-" if value is None else f"{value:.1%}"


def interval(score: dict[str, float | None]) -> Markup:
    """A score with its 95 % interval in small print."""
    if score["value"] is None:
        return Markup("-")
    return Markup("{} <small>{}-{}</small>").format(
        number(score["value"]), number(score["low"]), number(score["high"])
    )


def _sweeps(
    table: dict[str, list[dict[str, Any]]], amounts: Sequence[float], label: str, form: str
) -> dict[str, Markup]:
    """A chart of the recalls for all crops, faces and whole pictures, where there are any."""
    places = [form.format(amount) for amount in amounts]
    drawn = {}
    for name, rows in table.items():
        if not rows[0]["n"]:
            continue
        series = {
            WORDS[state.value]: (
                f"var(--{state.value})",
                [row["recall"][state.value] for row in rows],
            )
            for state in CLASSES
        }
        drawn[name] = charts.lines(series, places, f"Recall by {label}, {name}", label)
    return drawn


def _pictures(result: Evaluation) -> list[_Picture]:
    rows = [mistake.row for mistake in result.mistakes]
    return [
        _Picture(
            jpeg_data_uri(thumb),
            WORDS[mistake.label.value],
            WORDS[mistake.answer.value],
            f"{mistake.confidence:.1%}",
            _place(mistake),
        )
        for mistake, thumb in zip(
            result.mistakes, thumbnails(result.contest.part, rows), strict=True
        )
    ]


def _place(mistake: Mistake) -> str:
    size = "whole picture" if mistake.size_px is None else f"{mistake.size_px:.0f} px"
    return f"{mistake.source}, {size}"


def _wrong(result: Evaluation) -> dict[str, int]:
    """How many answers of the evaluated model are wrong, and how many are UNSURE."""
    answers = next(iter(result.answers.values()))
    states = answers.states
    unsure = int((states == len(CLASSES)).sum())
    return {"wrong": int((states != result.contest.part.labels).sum()) - unsure, "unsure": unsure}
