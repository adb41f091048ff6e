"""Curves of training runs; what a colour tells, a mark and a kind of line tell as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from maskwatch.app.catalogue import Catalogue
from maskwatch.training.run_files import Epoch

MOST_RUNS = 5
"""More curves in one chart cannot be told apart."""

_HEIGHT_PX = 300
# blue, vermillion, green, purple and grey of Okabe and Ito (2008)
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#999999")
_DASHES = ((1, 0), (6, 3), (2, 2), (8, 2, 2, 2), (10, 4))
_MARKS = ("circle", "square", "triangle-up", "diamond", "cross")


def run_curves(history: Sequence[Epoch], what: str, say: Catalogue) -> Any:
    """The "accuracy" or "loss" of a run by epoch, on training and validation pictures."""
    names = {what: say.text("curves.training"), f"val_{what}": say.text("curves.validation")}
    rows = [row for key, name in names.items() for row in _rows(history, key, name, say)]
    return _chart(rows, list(names.values()), what, say)


def compared_curves(histories: Mapping[str, Sequence[Epoch]], what: str, say: Catalogue) -> Any:
    """The "accuracy" or "loss" of several runs by epoch, on their validation pictures."""
    rows = [
        row
        for name, history in histories.items()
        for row in _rows(history, f"val_{what}", name, say)
    ]
    return _chart(rows, list(histories), what, say)


def curve_words(history: Sequence[Epoch], what: str, say: Catalogue) -> str:
    """The last point of both curves, for everyone who cannot see the chart."""
    last = history[-1]
    values = [_number(last[key], what, say) for key in (what, f"val_{what}") if key in last]
    title = say.text(f"curves.{what}")
    return say.text("curves.alt", title=title, epoch=len(history), values=" / ".join(values))


def _rows(
    history: Sequence[Epoch], key: str, name: str, say: Catalogue
) -> Iterator[dict[str, object]]:
    what = key.removeprefix("val_")
    for epoch in history:
        if key in epoch:
            number = int(epoch["epoch"])
            words = f"{name}, {say.text('curves.epoch')} {number}: "
            words += _number(epoch[key], what, say)
            yield {"epoch": number, "value": epoch[key], "series": name, "words": words}


def _number(value: float, what: str, say: Catalogue) -> str:
    return say.percent(value) if what == "accuracy" else say.number(value, 3)


def _chart(
    rows: Sequence[Mapping[str, object]], names: Sequence[str], what: str, say: Catalogue
) -> Any:
    legend = alt.Legend(title=None, orient="top", columns=1, labelLimit=300, symbolStrokeWidth=0)
    colours = alt.Scale(domain=names, range=_COLOURS[: len(names)])
    dashes = alt.Scale(domain=names, range=_DASHES[: len(names)])
    marks = alt.Scale(domain=names, range=_MARKS[: len(names)])
    point = say.texts["format.decimal_mark"]
    numbers = "'.0%'" if what == "accuracy" else "'.2f'"
    words = f"replace(format(datum.value, {numbers}), '.', '{point}')"
    axis = alt.Axis(labelExpr=words, tickCount=5)
    base = alt.Chart(alt.InlineData(values=list(rows))).encode(
        x=alt.X(
            "epoch:Q",
            title=say.text("curves.epoch"),
            scale=alt.Scale(nice=False, padding=12),
            axis=alt.Axis(format="d", tickMinStep=1),
        ),
        y=alt.Y(
            "value:Q", title=say.text(f"curves.{what}"), scale=alt.Scale(zero=False), axis=axis
        ),
        color=alt.Color("series:N", scale=colours, legend=legend),
        tooltip=alt.Tooltip("words:N", title=" "),
    )
    line = base.mark_line(strokeWidth=2).encode(
        strokeDash=alt.StrokeDash("series:N", scale=dashes, legend=None)
    )
    points = base.mark_point(filled=True, size=60, opacity=1).encode(
        shape=alt.Shape("series:N", scale=marks, legend=legend)
    )
    return (line + points).properties(height=_HEIGHT_PX)
