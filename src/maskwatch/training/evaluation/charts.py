"""The charts of the evaluation page as SVG, in the colours and text colour of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from maskwatch.training.evaluation.calibration import Calibration

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
    for share in (0, 0.25, 0.5, 0.75, 1):
        frame.append(_line(0, share, 1, share, "stroke-opacity='.25'"))
        frame.append(_text(_LEFT - 6, _y(share) + 4, f"{share:.0%}", "end"))
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
