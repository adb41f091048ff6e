"""The kinds of charts on the pages; without Streamlit, which gives them the page's colours.

What a colour tells, a mark, a line or a word tells as well. Words and numbers come in finished, in
the language of the page; only axes write numbers themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import altair as alt

# Altair looks into pandas where it finds it among the loaded modules, and fails where another
# thread is only half through loading it; here it waits until pandas is whole
import pandas  # noqa: F401
from altair.utils.schemapi import disable_debug_mode

from maskwatch.app.i18n import Catalogue
from maskwatch.io.style import STYLES, hex_colour
from maskwatch.schema import CLASSES, MaskState

# Each part would be checked as it is made, half of all work; the whole is checked when it is shown.
disable_debug_mode()

Row = Mapping[str, Any]
"""What one mark shows: "place" or "x", "series", "value", and "words" for the pointer."""

Chart = Any
"""Of Altair's many kinds of charts, one that st.altair_chart takes."""

# heights: of a bar, what a line is drawn on, a cell and a line of text in it, and what stands
# around these, since Streamlit's height of a chart is that with axis, legend and title
BAR_PX, PLOT_PX, CELL_PX, TEXT_PX = 16, 200, 30, 16
AXIS_PX, LEGEND_PX, TITLE_PX = 50, 28, 30
# letters in a line of a name, so that it leaves room for a chart on a telephone, or fits a column
_PLACE_LETTERS, _COLUMN_LETTERS = 18, 8
_SPLIT = "split(datum.label, '\\n')"
_SHADES = ("#f2f7fb", "#0072b2")


def bars(rows: Sequence[Row], series: Sequence[Series] = ()) -> Chart:
    """Horizontal bars with their values as words; of several series, one below the other.

    Args:
        rows: "place", "value", "text" (at the end of the bar), "words", and perhaps "series".
        series: the order of the bars of a place.
    """
    longest = max((row["value"] for row in rows), default=0) or 1
    scale = alt.Scale(domain=[0, 1.25 * longest], nice=False)  # room for the words
    chart = _chart(rows).encode(
        y=_places(rows), x=alt.X("value:Q", scale=scale, axis=None), tooltip=_tooltip()
    )
    single = hex_colour(STYLES[MaskState.MASK].colour)
    bar, words = chart.mark_bar(color=single), chart.mark_text(align="left", dx=4)
    if series:
        offset = alt.YOffset("series:N", sort=[item.name for item in series])
        bar = bar.encode(yOffset=offset, color=_colours(series))
        words = words.encode(yOffset=offset)
    return _sized(bar + words.encode(text="text:N"), rows, series, TEXT_PX - AXIS_PX)


def lines(
    rows: Sequence[Row], say: Catalogue, series: Sequence[Series], x_title: str, high: float = 1.0
) -> Chart:
    """A line with points per series over places in their order, values in percent.

    The axis begins at the tenth below the lowest value.

    Args:
        rows: "x" (a word), "value" (0 to 1 or None), "series" and "words".
        say: the language.
        series: their order.
        x_title: what the places are.
        high: of the axis.
    """
    lowest = min((row["value"] for row in rows if row["value"] is not None), default=0.0)
    scale = alt.Scale(domain=[math.floor(10 * lowest) / 10, high])
    return _line_chart(rows, say, series, x_title, scale, "share")


def free_lines(
    rows: Sequence[Row], say: Catalogue, series: Sequence[Series], x_title: str
) -> Chart:
    """The same for values of any size above 0."""
    return _line_chart(rows, say, series, x_title, alt.Scale(zero=True), "measure")


def intervals(
    rows: Sequence[Row], say: Catalogue, series: Sequence[Series], title: str = ""
) -> Chart:
    """Points with their 95 % intervals per place; of several series, one below the other.

    Args:
        rows: "place", "value", "low", "high" (0 to 1), "series" and "words".
        say: the language.
        series: their order.
        title: of the chart, where there are several.
    """
    base = _chart([row for row in rows if row["value"] is not None]).encode(
        y=_places(rows),
        yOffset=alt.YOffset("series:N", sort=[item.name for item in series]),
        color=_colours(series),
        tooltip=_tooltip(),
    )
    scale = alt.Scale(domain=[0, 1])
    spans = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=None, scale=scale, axis=_axis(say, "share")), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        x="value:Q", shape=_shapes(series)
    )
    chart = _sized(spans + points, rows, series, TITLE_PX if title else 0)
    return chart.properties(title=title) if title else chart


def grid(rows: Sequence[Row], x_title: str, lines_per_cell: int = 1) -> Chart:
    """A table of shares, the higher the darker, with its numbers in it.

    Args:
        rows: "x", "place", "value" (0 to 1), "text" and "words".
        x_title: what the columns are.
        lines_per_cell: of "text".
    """
    base = _chart(rows).encode(
        x=alt.X(
            "x:N",
            sort=_in_order(rows, "x"),
            title=x_title,
            axis=_names_axis(),
        ),
        y=_places(rows),
        tooltip=_tooltip(),
    )
    cells = base.mark_rect().encode(
        color=alt.Color("value:Q", scale=alt.Scale(domain=[0, 1], range=list(_SHADES)), legend=None)
    )
    ink = alt.condition("datum.value > 0.55", alt.value("white"), alt.value("black"))
    text = base.mark_text(lineBreak="\n").encode(text="text:N", color=ink)
    return (cells + text).properties(height=alt.Step(CELL_PX + TEXT_PX * (lines_per_cell - 1)))


def reliability(rows: Sequence[Row], say: Catalogue, x_title: str, y_title: str) -> Chart:
    """How many are right by how sure they were; on the dotted line both are the same.

    Args:
        rows: "x" and "value" (0 to 1), "size" (how many answers) and "words".
        say: the language.
        x_title: what the confidence is called.
        y_title: what the share of right ones is called.
    """
    scale = alt.Scale(domain=[0, 1])
    ends = _chart([{"x": 0, "value": 0}, {"x": 1, "value": 1}])
    same = ends.mark_line(strokeDash=[2, 3], color="#808080")
    colour = hex_colour(STYLES[MaskState.MASK].colour)
    chart = _chart(rows)
    path = chart.mark_line(color=colour)
    points = chart.mark_point(filled=True, color=colour, opacity=0.8).encode(
        size=alt.Size("size:Q", scale=alt.Scale(type="sqrt", range=[20, 500]), legend=None),
        tooltip=_tooltip(),
    )
    x = alt.X("x:Q", title=x_title, scale=scale, axis=_axis(say, "share"))
    y = alt.Y("value:Q", title=y_title, scale=scale, axis=_axis(say, "share"))
    layers = [layer.encode(x=x, y=y) for layer in (same, path, points)]
    return alt.layer(*layers).properties(height=PLOT_PX + 2 * AXIS_PX)


def _line_chart(
    rows: Sequence[Row],
    say: Catalogue,
    series: Sequence[Series],
    x_title: str,
    scale: alt.Scale,
    kind: str,
) -> Chart:
    base = _chart([row for row in rows if row["value"] is not None]).encode(
        x=alt.X(
            "x:N",
            sort=_in_order(rows, "x"),
            title=x_title,
            axis=alt.Axis(labelAngle=0, labelOverlap="greedy"),
        ),
        y=alt.Y("value:Q", title=None, scale=scale, axis=_axis(say, kind)),
        color=_colours(series),
        tooltip=_tooltip(),
    )
    names = [item.name for item in series]
    dashes = alt.Scale(domain=names, range=[list(item.dash) for item in series])
    line = base.mark_line(strokeWidth=2, clip=True).encode(
        strokeDash=alt.StrokeDash("series:N", scale=dashes, legend=None)
    )
    points = base.mark_point(filled=True, size=55, opacity=1).encode(shape=_shapes(series))
    return (line + points).properties(height=PLOT_PX + AXIS_PX + LEGEND_PX * len(series))


def _chart(rows: Sequence[Row]) -> alt.Chart:
    return alt.Chart(alt.Data(values=_wrapped(rows)))  # type: ignore[no-untyped-call]


def _wrapped(rows: Sequence[Row]) -> list[Row]:
    """The same with the names of places in lines."""
    return [
        {key: _lines(key, value) if key in ("place", "x") else value for key, value in row.items()}
        for row in rows
    ]


def _lines(key: str, name: Any) -> Any:
    letters = _PLACE_LETTERS if key == "place" else _COLUMN_LETTERS
    if not isinstance(name, str):
        return name
    return "\n".join(wrap(name, letters, break_long_words=False, break_on_hyphens=False))


def _places(rows: Sequence[Row]) -> alt.Y:
    return alt.Y("place:N", sort=_in_order(rows, "place"), title=None, axis=_names_axis())


def _names_axis() -> alt.Axis:
    """An axis of names that are all written, in lines."""
    return alt.Axis(
        labelExpr=_SPLIT,
        labelAngle=0,
        labelOverlap=False,
        labelLimit=200,
        ticks=False,
        domain=False,
        grid=False,
    )


def _in_order(rows: Sequence[Row], key: str) -> list[Any]:
    return list(dict.fromkeys(_lines(key, row[key]) for row in rows))


def _colours(series: Sequence[Series]) -> alt.Color:
    names, colours = [item.name for item in series], [item.colour for item in series]
    legend = _legend()
    return alt.Color("series:N", scale=alt.Scale(domain=names, range=colours), legend=legend)


def _shapes(series: Sequence[Series]) -> alt.Shape:
    scale = alt.Scale(domain=[s.name for s in series], range=[s.mark for s in series])
    legend = _legend()
    return alt.Shape("series:N", scale=scale, legend=legend)


def _legend() -> alt.Legend:
    """One name a line, and the mark without the dash of the line it stands on."""
    return alt.Legend(
        title=None, orient="top", columns=1, labelLimit=300, symbolStrokeWidth=0, symbolOpacity=1
    )


def _tooltip() -> alt.Tooltip:
    return alt.Tooltip("words:N", title=" ")


def _axis(say: Catalogue, kind: str) -> alt.Axis:
    """An axis that writes a "share", a "count" or a "measure" as the language does."""
    point, comma = say.texts["format.decimal_mark"], say.texts["format.thousands_mark"]
    forms = {
        "share": "format(datum.value, '.0%')",
        "count": f"replace(format(datum.value, ','), /,/g, '{comma}')",
        "measure": f"replace(format(datum.value, '.1f'), '.', '{point}')",
    }
    return alt.Axis(labelExpr=forms[kind], tickCount=5, labelFlush=True)


def _sized(chart: Any, rows: Sequence[Row], series: Sequence[Series], more_px: int = 0) -> Chart:
    """As high as its places need, each with a line for every series and some space."""
    places_px = len(_in_order(rows, "place")) * (BAR_PX * max(len(series), 1) + 12)
    return chart.properties(height=places_px + AXIS_PX + LEGEND_PX * len(series) + more_px)


# Things that stand beside each other in a chart, each with a colour, a mark and a line.


@dataclass(frozen=True, slots=True)
class Series:
    """One of several things in a chart, told apart by more than its colour.

    Attributes:
        name: in the legend.
        colour: as "#rrggbb".
        mark: shape of its points, a name of Vega's.
        dash: of its line: lengths of stroke and gap.
    """

    name: str
    colour: str
    mark: str
    dash: tuple[int, int]


_MARKS = {
    MaskState.MASK: ("circle", (1, 0)),
    MaskState.NO_MASK: ("cross", (2, 2)),
    MaskState.INCORRECT_MASK: ("triangle-up", (6, 3)),
}


def class_series(say: Catalogue) -> list[Series]:
    """The three classes, as everywhere in MaskWatch."""
    return [
        Series(class_label(say, state), hex_colour(STYLES[state].colour), *_MARKS[state])
        for state in CLASSES
    ]


def class_label(say: Catalogue, state: MaskState) -> str:
    """A class with its symbol, such as "✓ Mask worn"."""
    return f"{STYLES[state].symbol} {say.label(state)}"


def two_series(first: str, second: str) -> list[Series]:
    """What a chart is about, and what it is compared with."""
    blue, vermilion = (STYLES[s].colour for s in (MaskState.MASK, MaskState.NO_MASK))
    return [
        Series(first, hex_colour(blue), "circle", (1, 0)),
        Series(second, hex_colour(vermilion), "square", (5, 3)),
    ]
