"""The page for statistics: what was counted while visitors had them switched on.

Days and hours are those of the visitor's time zone; the store sums, this page shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import streamlit as st

from maskwatch.app import consent
from maskwatch.app.charts import class_label
from maskwatch.app.components import plain, show_badges
from maskwatch.app.consent import offer_deletion
from maskwatch.app.count_charts import (
    STACK,
    Bar,
    Kind,
    day_bars,
    day_words,
    hour_bars,
    hour_words,
    people_chart,
    ratio_chart,
)
from maskwatch.app.i18n import Catalogue
from maskwatch.app.language import catalogue, text
from maskwatch.errors import StoreError
from maskwatch.schema import MaskState
from maskwatch.store.export import entries_to_csv, entries_to_json
from maskwatch.store.statistics import StatisticsStore, StatisticsWriter, day_span

# what is shown until another span is chosen
_DAYS = 30
# of the mean of all hours: in an hour with less, the share says little
_ENOUGH = 0.1


def show_page() -> None:
    """The whole page."""
    st.title(text("statistics.title"))
    st.write(text("statistics.intro"))
    consent.show_switch()
    try:
        show_statistics(consent.statistics_writer())
    except StoreError as error:
        consent.show_fault(error)
    st.caption(" ".join((text("networks.not_stored"), *consent.privacy_words())))


def show_statistics(writer: StatisticsWriter) -> None:
    """All that is kept, or how to begin.

    Raises:
        StoreError: the file cannot be read, or what is pending cannot be written.
    """
    writer.flush()
    span_s = writer.store.span()
    if span_s is None:
        st.info(text("statistics.empty"), icon=":material/bar_chart:")
        return
    zone = visitor_zone()
    first, last = choose_days(*(datetime.fromtimestamp(s, UTC).astimezone(zone) for s in span_s))
    st.caption(text("statistics.zone", zone=plain(str(zone))))
    claimed = chooses_claims(writer.store)
    show_days(writer.store, zone, first, last, claimed)
    show_export(writer.store, zone, first, last)
    offer_deletion(writer)


def chooses_claims(store: StatisticsStore) -> bool:
    """Whether to show what visitors' browsers claimed; asked only where there is any.

    Raises:
        StoreError: the file cannot be read.
    """
    if not store.has_claims():
        return False
    choice = st.segmented_control(
        text("own_browser.counted_by"),
        [False, True],
        format_func=lambda claimed: text(
            f"own_browser.{'counted_there' if claimed else 'counted_here'}"
        ),
        default=False,
        required=True,
    )
    if choice:
        st.caption(text("own_browser.only_claimed"))
    return bool(choice)


def visitor_zone() -> tzinfo:
    """The time zone of the browser; UTC where it names none that is known here."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (LookupError, OSError, ValueError):  # browsers may say what they like
        return ZoneInfo("UTC")


def choose_days(first: datetime, last: datetime) -> tuple[date, date]:
    """The span of days to show, of all that there are."""
    begin, end = first.date(), last.date()
    chosen = st.date_input(
        text("statistics.days"),
        (max(begin, end - timedelta(days=_DAYS - 1)), end),
        min_value=begin,
        max_value=end,
        format="YYYY-MM-DD",
    )
    days = chosen if isinstance(chosen, tuple) else (chosen,)
    return (days[0], days[-1]) if days else (begin, end)  # one only: the second is still to come


def show_days(store: StatisticsStore, zone: tzinfo, first: date, last: date, claimed: bool) -> None:
    """The counts of these days in words, by hour and by day."""
    hours = hour_bars(store.by_hour(zone, first, last, claimed))
    if not any(bar.face_s for bar in hours):
        st.info(text("statistics.nobody"), icon=":material/search_off:")
        return
    by_day = store.by_day(zone, first, last, claimed)
    kind, days = day_bars(by_day, first, last, catalogue())
    show_summary(hours, first, last)
    st.caption(text("statistics.stack"))
    show_badges(STACK)
    show_bars(Kind.HOUR, hours)
    show_bars(kind, days)


def show_summary(hours: Sequence[Bar], first: date, last: date) -> None:
    """What the charts show, for everyone who cannot see them or has no time."""
    say, total = catalogue(), whole(hours)
    shares = ", ".join(
        f"{say.whole(total.people(state))} {say.label(state).lower()}"
        for state in MaskState
        if total.people(state)
    )
    people = say.counted("statistics.people", total.everybody)
    begin, end = (f"{day_words(day, say)} {day.year}" for day in (first, last))
    days = begin if begin == end else text("statistics.span", first=begin, last=end)
    sentences = [f"**{days}: {people}{shares and ': '}{shares}.**"]
    if total.ratio is not None:
        worn = say.percent(total.ratio, 0)
        sentences.append(text("statistics.worn", ratio=worn, time=time_words(total.face_s, say)))
    busiest = max(hours, key=lambda bar: bar.everybody)
    if busiest.everybody:
        hour = hour_words(hours.index(busiest), say)
        sentences.append(text("statistics.busiest", hour=hour, n=say.whole(busiest.everybody)))
    enough_s = _ENOUGH * total.face_s / len(hours)
    told = [
        (bar.ratio, index)
        for index, bar in enumerate(hours)
        if bar.ratio is not None and bar.face_s >= enough_s
    ]
    if len(told) > 1:
        least, index = min(told)
        hour = hour_words(index, say)
        sentences.append(text("statistics.least", hour=hour, ratio=say.percent(least, 0)))
    st.markdown(" ".join(sentences))


def time_words(seconds: float, say: Catalogue) -> str:
    """A time in hours, or in minutes where it is less than one hour."""
    if seconds >= 3600:
        return text("statistics.for_hours", n=say.number(seconds / 3600))
    return say.counted("statistics.for_minutes", max(1, round(seconds / 60)))


def whole(bars: Sequence[Bar]) -> Bar:
    """All bars together."""
    counts = {state: [bar.sums[state] for bar in bars if state in bar.sums] for state in MaskState}
    return Bar("", {state: sum(its[1:], its[0]) for state, its in counts.items() if its})


def show_bars(kind: Kind, bars: Sequence[Bar]) -> None:
    """The same numbers as two charts and as a table."""
    say = catalogue()
    title, column = (text(key) for key in kind.value)
    st.header(title)
    st.altair_chart(
        people_chart(bars, say), width="stretch", alt=text("statistics.people_alt", title=title)
    )
    st.altair_chart(
        ratio_chart(bars, say), width="stretch", alt=text("statistics.ratio_alt", title=title)
    )
    shown = [bar for bar in bars if bar.face_s]
    ratios = [bar.ratio for bar in shown]
    with st.expander(text("statistics.table", title=title), icon=":material/table:"):
        st.dataframe(
            {
                column: [bar.label for bar in shown],
                **{
                    class_label(say, state): [bar.people(state) for bar in shown]
                    for state in MaskState
                },
                text("statistics.ratio"): [r if r is None else say.percent(r, 0) for r in ratios],
                text("statistics.minutes"): [round(bar.face_s / 60, 1) for bar in shown],
            },
            hide_index=True,
        )


def show_export(store: StatisticsStore, zone: tzinfo, first: date, last: date) -> None:
    """The same days for other programs; read from the store only when they are asked for."""
    span_s, name = day_span(zone, first, last), f"maskwatch-{first}-{last}"
    with st.container(horizontal=True):
        st.download_button(
            text("statistics.export", format="CSV"),
            lambda: entries_to_csv(store.entries(*span_s)),
            f"{name}.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            text("statistics.export", format="JSON"),
            lambda: entries_to_json(store.entries(*span_s)),
            f"{name}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )


show_page()
