"""The result as one self-contained HTML page; it shows faces of others, so it is for looking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from maskwatch.models.evaluation import Calibration, Estimate, number, share
from maskwatch.models.evaluation_document import FullSweep
from maskwatch.schema import CLASSES, MaskState
from maskwatch.training.data.catalog import WORDS
from maskwatch.training.data.parts import Part
from maskwatch.training.data.report import jpeg_data_uri, render
from maskwatch.training.evaluation.abstention import NONE_THERE
from maskwatch.training.evaluation.comparison import caveats
from maskwatch.training.evaluation.corruptions import STRENGTHS, reasons
from maskwatch.training.evaluation.mistakes import Case, thumbnails
from maskwatch.training.evaluation.result import Result
from maskwatch.training.evaluation.robustness import BRIGHTNESS_FACTORS, ROTATIONS_DEG
from maskwatch.training.evaluation.slices import MEASURES, NOT_SLICED


@dataclass(frozen=True, slots=True)
class _Picture:
    """A case as the page shows it."""

    data: str
    label: str
    answer: str
    confidence: str
    place: str


def evaluation_page(result: Result) -> str:
    """The page as text.

    Raises:
        DataError: images that cannot be read.
    """
    comparison, found = result.comparison, result.found
    names = [model.name for model in comparison.models]
    own = names[0]
    return render(
        "evaluation.html",
        comparison=comparison,
        names=names,
        own=own,
        words=WORDS,
        groups=found.scores[own]["all"].groups,
        caveats=caveats(comparison),
        scores=found.scores,
        slices=list(found.scores[own]),
        occurring={part: _occurring(result, part) for part in found.scores[own]},
        left_out=found.left_out,
        left_out_mean=found.left_out_mean,
        unclear=found.unclear,
        thresholds=found.strictness,
        none_unclear=NONE_THERE,
        unclear_pictures=_pictures(comparison.unclear, result.unclear_cases),
        sample=found.sample,
        families=reasons(),
        strengths=STRENGTHS,
        corruptions=found.corruptions,
        rotation=_sweeps(found.rotation_deg[own], ROTATIONS_DEG, "rotation in degrees", "{}"),
        brightness=_sweeps(found.brightness_factor[own], BRIGHTNESS_FACTORS, "brightness", "{:g}"),
        sweeps={
            "rotation": found.rotation_deg,
            "brightness": found.brightness_factor,
        },
        measures=MEASURES,
        measured={kind: getattr(found, kind) for kind in MEASURES},
        not_sliced=NOT_SLICED,
        calibration=found.calibration,
        reliability={
            name: reliability(values, f"Reliability, {name}")
            for name, values in found.calibration[own].items()
        },
        mistakes=_pictures(comparison.part, result.mistakes),
        wrong=_wrong(result),
        crop_ms=found.crop_ms,
        number=number,
        interval=small_interval,
        share=share,
    )


def _occurring(result: Result, part: str) -> list[str]:
    """The classes that are in the rows of a slice, or that some model answers of them."""
    slices = [of_model[part].per_class for of_model in result.found.scores.values()]
    return [key for key in WORDS if any(classes[key].occurs for classes in slices)]


def small_interval(score: Estimate) -> Markup:
    """A score with its 95 % interval in small print."""
    return Markup(score.text("{value:.3f} <small>{low:.3f}-{high:.3f}</small>"))


def _sweeps(sweep: FullSweep, amounts: Sequence[float], label: str, form: str) -> dict[str, Markup]:
    """A chart of the recalls for all crops, faces and whole pictures, where there are any."""
    places = [form.format(amount) for amount in amounts]
    drawn = {}
    for name, rows in sweep.by_kind.items():
        if not rows[0].n:
            continue
        series = {
            WORDS[state.value]: (
                f"var(--{state.value})",
                [row.recall[state.value] for row in rows],
            )
            for state in CLASSES
        }
        drawn[name] = lines(series, places, f"Recall by {label}, {name}", label)
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


def _wrong(result: Result) -> dict[str, int]:
    """How many answers of the evaluated model are wrong, and how many are UNSURE."""
    answers = next(iter(result.answers.values()))
    states = answers.states
    unsure = int((states == len(CLASSES)).sum())
    return {
        "wrong": int((states != result.comparison.part.labels).sum()) - unsure,
        "unsure": unsure,
    }


# The charts of the evaluation page as SVG, in the colours and text colour of the page.

# colours are the page's CSS variables, so light and dark pages each set their own
_WIDTH, _HEIGHT = 360, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 12, 40
_DASHES = ("", "6 3", "2 3", "8 3 2 3")

Series = Mapping[str, tuple[str, Sequence[float | None]]]
"""Name -> (CSS colour, a share from 0 to 1 for each place, None where there is none)."""


def reliability(values: Calibration, title: str) -> Markup:
    """Accuracy by confidence in 15 bins beside the diagonal; darker bars hold more answers."""
    most = max((item.n for item in values.bins), default=0) or 1
    parts = [_line(0, 0, 1, 1, "stroke-dasharray='4 4'")]
    for item in values.bins:
        if item.accuracy is None:
            continue
        left, right = _x(item.low), _x(item.high)
        top, bottom = _y(item.accuracy), _y(0)
        words = (
            f"{item.n:,} answers, confidence {item.confidence:.3f}, accuracy {item.accuracy:.3f}"
        )
        shade = 0.25 + 0.75 * (item.n / most) ** 0.5
        parts.append(
            f"<rect x='{left + 1:.1f}' y='{top:.1f}' width='{right - left - 2:.1f}' "
            f"height='{max(bottom - top, 1):.1f}' fill='var(--mask)' fill-opacity='{shade:.2f}'>"
            f"<title>{words}</title></rect>"
        )
    ticks = {share: f"{share:g}" for share in (0, 0.25, 0.5, 0.75, 1)}
    return _chart(title, "confidence", ticks, parts)


def lines(series: Series, places: Sequence[str], title: str, x_label: str) -> Markup:
    """One line per series over evenly spaced places, with a legend beneath."""
    step = 1 / max(len(places) - 1, 1)
    parts = []
    for index, (name, (colour, shares)) in enumerate(series.items()):
        points = [(k * step, s) for k, s in enumerate(shares) if s is not None]
        path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
        dash = f"stroke-dasharray='{_DASHES[index % len(_DASHES)]}'"
        parts.append(
            f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2.5' {dash}/>"
        )
        parts += [
            f"<circle cx='{_x(x):.1f}' cy='{_y(y):.1f}' r='3.2' fill='{colour}'>"
            f"<title>{escape(name)}: {y:.1%}</title></circle>"
            for x, y in points
        ]
    ticks = {k * step: name for k, name in enumerate(places)}
    return _chart(title, x_label, ticks, parts) + _legend(series)


def _legend(series: Series) -> Markup:
    items = "".join(
        f"<span><svg class='key' viewBox='0 0 28 8' aria-hidden='true'><path d='M0 4H28' "
        f"stroke='{colour}' stroke-width='3' stroke-dasharray='{_DASHES[k % len(_DASHES)]}'/></svg>"
        f"{escape(name)}</span>"
        for k, (name, (colour, _)) in enumerate(series.items())
    )
    return Markup(f"<div class='legend'>{items}</div>")


def _chart(title: str, x_label: str, ticks: Mapping[float, str], parts: Sequence[str]) -> Markup:
    frame = []
    for height in (0, 0.25, 0.5, 0.75, 1):
        frame.append(_line(0, height, 1, height, "stroke-opacity='.25'"))
        frame.append(_text(_LEFT - 6, _y(height) + 4, f"{height:.0%}", "end"))
    frame += [_text(_x(place), _HEIGHT - _BOTTOM + 16, name) for place, name in ticks.items()]
    frame.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, x_label))
    body = "".join([*frame, *parts])
    return Markup(
        f"<svg class='chart' viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img' "
        f"aria-label='{escape(title)}'>{body}</svg>"
    )


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _line(x0: float, y0: float, x1: float, y1: float, style: str) -> str:
    return (
        f"<line x1='{_x(x0):.1f}' y1='{_y(y0):.1f}' x2='{_x(x1):.1f}' y2='{_y(y1):.1f}' "
        f"stroke='currentColor' {style}/>"
    )


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='12' "
        f"fill='currentColor'>{escape(words)}</text>"
    )
