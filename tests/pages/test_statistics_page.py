"""The statistics page without a browser: what is kept is told, saved and deleted; trouble is told.

Run: pytest tests/pages/test_statistics_page.py
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from support.statistics_factory import entry, history

from maskwatch.app import consent, settings, views
from maskwatch.app.count_charts import MOST_BARS, Kind, day_bars, hour_bars
from maskwatch.app.i18n import load_catalogue
from maskwatch.live.counting import Count
from maskwatch.schema import MaskState
from maskwatch.store.statistics import StatisticsStore

MASK, NO_MASK, INCORRECT, UNSURE = MaskState
ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")
PAGE = Path(views.__file__).with_name("statistics.py")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    st.cache_resource.clear()
    path = tmp_path / "statistics.sqlite3"
    monkeypatch.setenv(settings.STATISTICS_VARIABLE, str(path))
    monkeypatch.setattr(type(st.context), "timezone", "Asia/Jakarta")
    return path


def opened() -> AppTest:
    return run(AppTest.from_file(str(PAGE), default_timeout=120))


def asked() -> AppTest:
    return run(AppTest.from_function(question, default_timeout=120))


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    """All that can be read on the page."""
    kinds = (page.title, page.markdown, page.caption, page.warning, page.info, page.get("html"))
    return " ".join(element.value for elements in kinds for element in elements)


def press(page: AppTest, key: str) -> AppTest:
    button = next(b for b in page.button if b.label == ENGLISH.text(key))
    button.click()
    return run(page)


def test_before_anything_is_kept_it_says_how_to_begin_and_makes_no_file(path: Path) -> None:
    page = opened()
    (message,) = page.info
    assert message.value == ENGLISH.text("statistics.empty")
    assert page.toggle(consent.KEEP).value is False
    assert not page.get("vega_lite_chart") and not page.button and not path.exists()


def test_what_is_kept_is_told_in_words_charts_and_tables(path: Path) -> None:
    StatisticsStore(path).add(
        [
            entry("2026-11-24T01:00", MASK, people=1200, face_s=3600),  # 8 o'clock in Jakarta
            entry("2026-11-24T01:20", NO_MASK, people=2, face_s=1200, source="gate"),
            entry("2026-11-24T17:00", NO_MASK, people=1, face_s=2400),  # and now it is the 25th
            entry("2026-11-24T17:00", UNSURE, people=3, face_s=7200),
        ]
    )
    page = opened()
    for phrase in (
        "24 Nov 2026 to 25 Nov 2026: 1,206 people: 1,200 mask worn, 3 no mask, 3 unsure.",
        "worn 50% of the time faces were visible (4.0 hours",
        "Most people came from 8:00 to 9:00 (1,202).",
        "Masks were worn least from 0:00 to 1:00 (0%).",
        "Asia/Jakarta",
    ):
        assert phrase in words(page).replace("\\", "")
    assert len(page.get("vega_lite_chart")) == 4
    hours, days = (table.value for table in page.dataframe)
    assert list(hours["Hour"]) == ["00", "08"]
    assert list(days["Day"]) == ["24 Nov", "25 Nov"]
    assert list(days["✓ Mask worn"]) == [1200, 0]
    assert list(days["✕ No mask"]) == [2, 1]
    assert list(days["Worn, of the time faces were visible"]) == ["75%", "0%"]
    assert list(days["Minutes with faces"]) == [80.0, 160.0]


def test_of_an_hour_with_hardly_anybody_no_share_is_told(path: Path) -> None:
    StatisticsStore(path).add(
        [
            entry("2026-11-24T01:00", MASK, people=100, face_s=900),
            entry("2026-11-24T01:20", NO_MASK, people=10, face_s=100),
            entry("2026-11-24T02:00", MASK, people=100, face_s=900),
            entry("2026-11-24T02:20", NO_MASK, people=20, face_s=200),
            entry("2026-11-24T15:00", NO_MASK, people=1, face_s=6),  # 22 o'clock in Jakarta
        ]
    )
    assert "Masks were worn least from 9:00 to 10:00 (82%)." in words(opened()).replace("\\", "")


def test_less_than_an_hour_is_told_in_minutes(path: Path) -> None:
    StatisticsStore(path).add([entry("2026-11-24T01:00", MASK, people=1, face_s=90)])
    assert "(2 minutes; unsure is left out)" in words(opened())


def test_other_days_can_be_chosen(path: Path) -> None:
    StatisticsStore(path).add([*history(days=60), entry("2026-03-20T08:00")])
    page = opened()
    (days,) = page.date_input
    assert days.value == (date(2026, 2, 19), date(2026, 3, 20))  # the last thirty
    days.set_value((date(2026, 1, 1), date(2026, 3, 20)))
    assert "1 Jan 2026 to 20 Mar 2026" in words(run(page))
    assert ENGLISH.text("statistics.by_week") in [title.value for title in page.header]
    page.date_input[0].set_value((date(2026, 3, 10),))  # the second is not chosen yet
    assert words(run(page)).count(ENGLISH.text("statistics.nobody")) == 1
    assert not page.get("vega_lite_chart")


def test_a_zone_that_nobody_knows_is_utc(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    StatisticsStore(path).add([entry()])
    for zone in (None, "Mars/Olympus", "../../etc/passwd", "Europe", "x" * 9999, "\0"):
        monkeypatch.setattr(type(st.context), "timezone", zone)
        assert "Times are in UTC." in words(opened())


def test_the_chosen_days_can_be_saved(path: Path) -> None:
    StatisticsStore(path).add([entry("2026-11-24T17:00"), entry("2026-11-24T16:40", NO_MASK)])
    page = opened()
    page.date_input[0].set_value((date(2026, 11, 25), date(2026, 11, 25)))
    as_csv, as_json = run(page).get("download_button")
    assert as_csv.label == "Save as CSV" and as_json.label == "Save as JSON"


def test_before_anything_is_deleted_there_is_a_question(path: Path) -> None:
    StatisticsStore(path).add([entry()])
    page = press(opened(), "statistics.delete")
    assert ENGLISH.text("statistics.delete_sure") in words(page)
    assert StatisticsStore(path).span()


def question() -> None:
    from maskwatch.app import consent
    from maskwatch.app.consent import confirm_deletion

    confirm_deletion(consent.statistics_writer())


def test_everything_is_deleted_only_by_a_yes(path: Path) -> None:
    store = StatisticsStore(path)
    store.add([entry()])
    page = asked()
    press(page, "statistics.delete_no")
    assert store.span()
    press(page, "statistics.delete_yes")
    assert store.span() is None


def test_a_file_that_cannot_be_read_is_one_message_that_does_not_say_where_it_is(
    path: Path,
) -> None:
    path.write_text("something else " * 1000)
    page = opened()
    (warning,) = page.warning
    assert ENGLISH.text("store_faults.foreign") in warning.value
    assert str(path) not in repr(page)
    assert page.toggle(consent.KEEP).value is False  # the rest of the page is there


def test_deletion_that_fails_says_so(path: Path) -> None:
    path.write_text("something else " * 1000)
    page = press(asked(), "statistics.delete_yes")
    (warning,) = page.warning
    assert ENGLISH.text("store_faults.foreign") in warning.value


def test_the_line_about_privacy_is_true_at_any_time(path: Path) -> None:
    page = opened()
    kept = ENGLISH.text("consent.only_counts", minutes=20)
    assert ENGLISH.text("networks.not_stored") in words(page) and kept not in words(page)
    page.toggle(consent.KEEP).set_value(True)
    assert kept in words(run(page))


@pytest.mark.parametrize(
    ("first", "last", "kind", "labels"),
    [
        (date(2026, 11, 24), date(2026, 11, 24), Kind.DAY, ["24 Nov"]),
        (date(2026, 2, 27), date(2026, 3, 1), Kind.DAY, ["27 Feb", "28 Feb", "1 Mar"]),
        (date(2026, 1, 1), date(2026, 2, 1), Kind.WEEK, [
            "29 Dec", "5 Jan", "12 Jan", "19 Jan", "26 Jan"
        ]),
        (date(2025, 5, 31), date(2026, 1, 1), Kind.MONTH, [
            "May 2025", "Jun 2025", "Jul 2025", "Aug 2025", "Sep 2025", "Oct 2025",
            "Nov 2025", "Dec 2025", "Jan 2026",
        ]),
    ],
)  # fmt: skip
def test_long_spans_are_shown_by_week_or_month(
    first: date, last: date, kind: Kind, labels: list[str]
) -> None:
    by_day = {first: {MASK: Count(1, 5.0)}, last: {MASK: Count(2, 7.0), UNSURE: Count(1, 1.0)}}
    shown, bars = day_bars(by_day, first, last, ENGLISH)
    assert shown is kind
    assert [bar.label for bar in bars] == labels
    assert sum(bar.everybody for bar in bars) == sum(
        c.people for s in by_day.values() for c in s.values()
    )


@pytest.mark.parametrize("days", [1, 30, 31, 32, 200, 210, 211, 400, 800])
def test_labels_tell_all_bars_apart_and_bars_are_few_enough(days: int) -> None:
    first = date(2024, 2, 29)
    _, bars = day_bars({}, first, date.fromordinal(first.toordinal() + days - 1), ENGLISH)
    assert len({bar.label for bar in bars}) == len(bars) <= MOST_BARS


def test_a_day_has_twenty_four_hours() -> None:
    bars = hour_bars(
        {8: {MASK: Count(2, 3.0), NO_MASK: Count(1, 1.0)}, 23: {UNSURE: Count(1, 9.0)}}
    )
    assert [bar.label for bar in bars] == [f"{hour:02}" for hour in range(24)]
    assert (bars[8].everybody, bars[8].ratio, bars[0].ratio, bars[23].ratio) == (
        3,
        0.75,
        None,
        None,
    )


@pytest.mark.parametrize("locale", ["en-GB", "id-ID"])
def test_the_page_speaks_the_language_of_its_reader(
    path: Path, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    monkeypatch.setattr(type(st.context), "locale", locale)
    StatisticsStore(path).add([entry("2026-10-01T01:00", people=1234)])
    say = load_catalogue(locale[:2])
    page = opened()
    assert say.text("statistics.title") in words(page)
    assert (
        "1 Okt 2026: 1.234 orang" if say is INDONESIAN else "1 Oct 2026: 1,234 people"
    ) in words(page)
    charts = json.dumps([str(chart.proto) for chart in page.get("vega_lite_chart")])
    assert say.label(NO_MASK) in charts
