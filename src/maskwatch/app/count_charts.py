"""Charts of counts that need no colour to be read: every part bears its symbol, and its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Any

import altair as alt

from maskwatch.app.charts import class_label
from maskwatch.app.i18n import Catalogue
from maskwatch.io.style import STYLES, hex_colour
from maskwatch.live.counting import RECENT_S, STEP_S, Count, SessionCounts, worn_ratio
from maskwatch.schema import MaskState
from maskwatch.store.statistics import Sums

_HEIGHT_PX = 220
# of the numbers beside a chart, so that one hour stands below the other in two charts
_NUMBERS_PX = 36
# a symbol needs so much room in its part of a bar; it is larger where there is more
_SYMBOL_PX, _LARGE_SYMBOL_PX = 8, 13

STACK = (MaskState.MASK, MaskState.INCORRECT_MASK, MaskState.NO_MASK, MaskState.UNSURE)
"""The parts of a bar from the bottom up, always in this order."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The counts of an hour, a day or several days.

    Attributes:
        label: of the bar, different from all others.
        sums: what was counted.
    """

    label: str
    sums: dict[MaskState, Count]

    def people(self, state: MaskState) -> int:
        """How many people showed this."""
        return self.sums.get(state, Count()).people

    @property
    def everybody(self) -> int:
        """How many people there were."""
        return sum(count.people for count in self.sums.values())

    @property
    def face_s(self) -> float:
        """How long faces were seen."""
        return sum(count.face_s for count in self.sums.values())

    @property
    def ratio(self) -> float | None:
        """Share of the face time with the mask worn, None where nothing was told."""
        return worn_ratio({state: count.face_s for state, count in self.sums.items()})


def people_chart(bars: Sequence[Bar], say: Catalogue) -> Any:
    """People by state, one bar each."""
    people, state_title = say.text("charts.people"), say.text("charts.state")
    base = alt.Chart(alt.InlineData(values=_stacked(bars, say))).encode(x=_bars_axis(bars))
    words = [class_label(say, state) for state in STACK]
    colours = [hex_colour(STYLES[state].colour) for state in STACK]
    blocks = base.mark_bar(stroke="white", strokeWidth=0.5).encode(
        y=alt.Y(
            "low:Q", title=people, axis=alt.Axis(format="d", tickMinStep=1, minExtent=_NUMBERS_PX)
        ),
        y2="high:Q",
        color=alt.Color("words:N", scale=alt.Scale(domain=words, range=colours), legend=None),
        tooltip=[
            alt.Tooltip("label:N", title=" "),
            alt.Tooltip("words:N", title=state_title),
            alt.Tooltip("people:Q", title=people, format="d"),
        ],
    )
    room = (
        f"bandwidth('x') >= {_SYMBOL_PX}"
        f" && abs(scale('y', datum.high) - scale('y', datum.low)) >= {_SYMBOL_PX}"
    )
    size = alt.expr(f"clamp(bandwidth('x'), {_SYMBOL_PX}, {_LARGE_SYMBOL_PX})")
    symbols = base.mark_text(fontSize=size, fontWeight="bold").encode(
        y="middle:Q",
        text="symbol:N",
        color=alt.Color("ink:N", scale=None),
        opacity=alt.condition(room, alt.value(1), alt.value(0)),
    )
    return alt.layer(blocks, symbols).properties(height=_HEIGHT_PX)


def ratio_chart(bars: Sequence[Bar], say: Catalogue) -> Any:
    """Share of the face time with the mask worn, a point for each bar of people_chart."""
    values = [{"label": bar.label, "ratio": bar.ratio} for bar in bars]
    return _line(
        alt.Chart(alt.InlineData(values=values)).encode(x=_bars_axis(bars)), "label:N", say
    )


def recent_chart(counts: SessionCounts, say: Catalogue) -> Any:
    """The same over the last minutes of a session; it changes once a step."""
    ratios = {step.index: step.ratio for step in counts.steps}
    values: list[dict[str, Any]] = [
        {"minutes": (index + 1 - counts.step_index) * STEP_S / 60, "ratio": ratios.get(index)}
        for index in range(counts.step_index - int(RECENT_S / STEP_S), counts.step_index)
    ]
    minutes = say.text("charts.minutes_ago")
    axis = alt.Axis(labelExpr="format(-datum.value, 'd')", tickMinStep=1, values=_minutes())
    scale = alt.Scale(domain=[-RECENT_S / 60, 0])
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("minutes:Q", title=minutes, scale=scale, axis=axis)
    )
    return _line(base, None, say)


def _minutes() -> list[int]:
    return list(range(-int(RECENT_S / 60), 1))


def _stacked(bars: Sequence[Bar], say: Catalogue) -> list[dict[str, Any]]:
    """A part of a bar for each state that has any."""
    parts = []
    for bar in bars:
        low = 0
        for state in STACK:
            people = bar.people(state)
            if people:
                parts.append(
                    {
                        "label": bar.label,
                        "words": class_label(say, state),
                        "symbol": STYLES[state].symbol,
                        "ink": "white" if state is MaskState.MASK else "black",  # 4.5 : 1 and more
                        "people": people,
                        "low": low,
                        "high": low + people,
                        "middle": low + people / 2,
                    }
                )
            low += people
    return parts


def _bars_axis(bars: Sequence[Bar]) -> alt.X:
    labels = [bar.label for bar in bars]
    axis = alt.Axis(title=None, labelAngle=0, labelOverlap="greedy")
    return alt.X("label:N", scale=alt.Scale(domain=labels), axis=axis)


def _line(base: alt.Chart, label: str | None, say: Catalogue) -> Any:
    worn = say.text("charts.worn")
    tooltip = [alt.Tooltip("ratio:Q", title=worn, format=".0%")]
    if label:
        tooltip.insert(0, alt.Tooltip(label, title=" "))
    colour = hex_colour(STYLES[MaskState.MASK].colour)
    # where nothing was told there is a gap in the line
    return (
        base.mark_line(
            point={"color": colour}, color=colour, invalid="break-paths-show-path-domains"
        )
        .encode(
            y=alt.Y(
                "ratio:Q",
                title=worn,
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1], minExtent=_NUMBERS_PX),
            ),
            tooltip=tooltip,
        )
        .properties(height=_HEIGHT_PX)
    )


# Sums by day and by hour -> the bars of a chart, with labels in words; without Streamlit.

MOST_BARS = 31
"""More cannot be told apart on a telephone: then weeks are shown, or months."""


class Kind(Enum):
    """What a bar stands for: the keys of its title and of its column in a table."""

    HOUR = ("statistics.by_hour", "statistics.hours")
    DAY = ("statistics.by_day", "statistics.day")
    WEEK = ("statistics.by_week", "statistics.week")
    MONTH = ("statistics.by_month", "statistics.month")


def hour_bars(by_hour: Mapping[int, Sums]) -> list[Bar]:
    """A bar for each hour of the day."""
    return [Bar(f"{hour:02}", by_hour.get(hour, {})) for hour in range(24)]


def day_bars(
    by_day: Mapping[date, Sums], first: date, last: date, say: Catalogue
) -> tuple[Kind, list[Bar]]:
    """A bar for each day, week (from Monday on) or month, also for those without anybody.

    Returns:
        What a bar stands for, and the bars in order.
    """
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    if len(days) <= MOST_BARS:
        kind, starts = Kind.DAY, days
    elif len(days) <= 7 * (MOST_BARS - 1):
        kind, starts = Kind.WEEK, [day - timedelta(days=day.weekday()) for day in days]
    else:
        kind, starts = Kind.MONTH, [day.replace(day=1) for day in days]
    sums: dict[date, Sums] = {start: {} for start in starts}
    for day, start in zip(days, starts, strict=True):
        for state, count in by_day.get(day, {}).items():
            sums[start][state] = sums[start].get(state, Count()) + count
    words = month_words if kind is Kind.MONTH else day_words
    return kind, [Bar(words(start, say), its) for start, its in sums.items()]


def day_words(day: date, say: Catalogue) -> str:
    """A day such as "24 Nov"."""
    month = say.text(f"months.{day.month}")
    return f"{day.day} {month}"


def month_words(day: date, say: Catalogue) -> str:
    """A month such as "Nov 2026"."""
    month = say.text(f"months.{day.month}")
    return f"{month} {day.year}"


def hour_words(hour: int, say: Catalogue) -> str:
    """An hour such as "8:00 to 9:00"."""
    return say.text("statistics.hour", begin=hour, end=hour + 1)
