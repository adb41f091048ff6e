"""Sums by day and by hour -> the bars of a chart, with labels in words; without Streamlit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from enum import Enum

from maskwatch.app.catalogue import Catalogue
from maskwatch.app.count_charts import Bar
from maskwatch.store import Sums
from maskwatch.tally import Count

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
