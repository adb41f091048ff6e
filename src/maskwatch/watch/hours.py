"""When a rule may tell: hours of the week in a time zone, but not on holidays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from maskwatch.errors import SettingError
from maskwatch.io.settings import require

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Of the week, as settings have them."""

_SPAN = re.compile(
    rf"({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))? (\d\d):(\d\d)-(\d\d):(\d\d)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the week.

    Attributes:
        weekly: such as "mon-fri 07:00-18:00" or "sat 22:00-06:00"; the end is not included, and
            one that is no later than the beginning is on the next day. 24:00 is a day's end.
        time_zone: such as Europe/Berlin; "" is that of this computer.
        holidays: days on which nothing begins, such as 2026-12-25, or several in a row,
            2026-12-24/2027-01-06.
    """

    weekly: tuple[str, ...]
    time_zone: str = ""
    holidays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(bool(self.weekly), "weekly", "at least one span of hours")
        for index, text in enumerate(self.weekly):
            valid = "such as mon-fri 07:00-18:00"
            require(_span(text) is not None, f"weekly[{index}]", valid)
        for index, text in enumerate(self.holidays):
            valid = "a day such as 2026-12-25, or days such as 2026-12-24/2027-01-06"
            require(_days(text) is not None, f"holidays[{index}]", valid)
        try:
            self._zone()
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise SettingError("time_zone must be a name such as Europe/Berlin") from None

    def cover(self, utc_s: float) -> bool:
        """Whether a moment (UTC seconds since the epoch) is within them."""
        moment = datetime.fromtimestamp(utc_s, UTC).astimezone(self._zone())
        clock, today = moment.time().replace(fold=0), moment.date()
        yesterday = today - timedelta(days=1)
        return any(
            (self._begins(span, today) and span.begin <= clock and (clock < span.end or span.late))
            or (self._begins(span, yesterday) and span.late and clock < span.end)
            for span in filter(None, map(_span, self.weekly))
        )

    def _begins(self, span: _Span, day: date) -> bool:
        holidays = filter(None, map(_days, self.holidays))
        return day.weekday() in span.days and not any(a <= day <= b for a, b in holidays)

    def _zone(self) -> tzinfo | None:
        return ZoneInfo(self.time_zone) if self.time_zone else None


@dataclass(frozen=True, slots=True)
class _Span:
    """Hours on some days of the week; `late` means that the end is on the day after."""

    days: frozenset[int]
    begin: time
    end: time
    late: bool


def _span(text: str) -> _Span | None:
    """What a text such as "mon-fri 07:00-18:00" means; None where it means nothing."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    first = DAYS.index(found[1].lower())
    last = DAYS.index((found[2] or found[1]).lower())
    days = frozenset((first + offset) % 7 for offset in range((last - first) % 7 + 1))
    end_text = (0, 0) if found.group(5, 6) == ("24", "00") else (int(found[5]), int(found[6]))
    try:
        begin, end = time(int(found[3]), int(found[4])), time(*end_text)
    except ValueError:
        return None
    return _Span(days, begin, end, end <= begin)


def _days(text: str) -> tuple[date, date] | None:
    """The first and the last of some days; None where the text means none."""
    first, found, last = text.partition("/")
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last if found else first)
    except ValueError:
        return None
    return (begin, end) if begin <= end else None
