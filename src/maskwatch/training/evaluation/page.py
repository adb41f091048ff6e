"""The result as one self-contained HTML page; it shows faces of others, so it is for looking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from maskwatch.schema import CLASSES, MaskState
from maskwatch.training.evaluation import charts
from maskwatch.training.evaluation.contest import doubts
from maskwatch.training.evaluation.corruptions import STRENGTHS
from maskwatch.training.evaluation.imitated import reasons
from maskwatch.training.evaluation.mistakes import Case, thumbnails
from maskwatch.training.evaluation.result import Evaluation, left_out_means
from maskwatch.training.evaluation.slices import MEASURES, NOT_SLICED
from maskwatch.training.evaluation.stress import BRIGHTNESS_FACTORS, ROTATIONS_DEG
from maskwatch.training.evaluation.unclear import NONE_THERE
from maskwatch.training.evaluation.wording import WORDS, number, occurs, share
from maskwatch.training.pages import jpeg_data_uri, render
from maskwatch.training.parts import Part


@dataclass(frozen=True, slots=True)
class _Picture:
    """A case as the page shows it."""

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
        doubts=doubts(contest),
        scores=result.scores,
        slices=list(result.scores[own]),
        occurring={part: _occurring(result, part) for part in result.scores[own]},
        left_out=result.left_out,
        left_out_mean=left_out_means(result.left_out),
        unclear=result.unclear,
        strictness=result.strictness,
        none_unclear=NONE_THERE,
        unclear_pictures=_pictures(contest.unclear, result.unclear_cases),
        sample=result.sample,
        families=reasons(),
        strengths=STRENGTHS,
        corruptions=result.corruptions,
        rotation=_sweeps(result.rotation[own], ROTATIONS_DEG, "rotation in degrees", "{}"),
        brightness=_sweeps(result.brightness[own], BRIGHTNESS_FACTORS, "brightness", "{:g}"),
        sweeps={"rotation": result.rotation, "brightness": result.brightness},
        measures=MEASURES,
        measured=result.measured,
        not_sliced=NOT_SLICED,
        calibration=result.calibration,
        reliability={
            name: charts.reliability(values, f"Reliability, {name}")
            for name, values in result.calibration[own].items()
        },
        mistakes=_pictures(contest.part, result.mistakes),
        wrong=_wrong(result),
        crop_ms=result.crop_ms,
        number=number,
        interval=small_interval,
        share=share,
    )


def _occurring(result: Evaluation, part: str) -> list[str]:
    """The classes that are in the rows of a slice, or that some model answers of them."""
    slices = [of_model[part]["per_class"] for of_model in result.scores.values()]
    return [key for key in WORDS if any(occurs(classes[key]) for classes in slices)]


def small_interval(score: dict[str, float | None]) -> Markup:
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


def _pictures(part: Part, cases: Sequence[Case]) -> list[_Picture]:
    thumbs = thumbnails(part, [case.row for case in cases])
    return [
        _Picture(
            jpeg_data_uri(thumb),
            _word(case.label),
            _word(case.answer),
            f"{case.confidence:.1%}",
            _place(case),
        )
        for case, thumb in zip(cases, thumbs, strict=True)
    ]


def _word(state: MaskState) -> str:
    return WORDS.get(state.value, state.value)


def _place(case: Case) -> str:
    size = "whole picture" if case.size_px is None else f"{case.size_px:.0f} px"
    return f"{case.source}, {size}"


def _wrong(result: Evaluation) -> dict[str, int]:
    """How many answers of the evaluated model are wrong, and how many are UNSURE."""
    answers = next(iter(result.answers.values()))
    states = answers.states
    unsure = int((states == len(CLASSES)).sum())
    return {"wrong": int((states != result.contest.part.labels).sum()) - unsure, "unsure": unsure}
