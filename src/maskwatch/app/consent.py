"""The visitor's switch for statistics, and the one writer of this server's counts."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from maskwatch.app.language import text
from maskwatch.app.session import app_settings
from maskwatch.errors import StoreError
from maskwatch.store.statistics import (
    BUCKET_S,
    CameraCounter,
    StatisticsStore,
    StatisticsWriter,
    default_path,
)

KEEP = "keep_statistics"
"""What holds the switch in the session's state; off until the visitor turns it."""

SOURCE = "browser"
"""Under which name the cameras of visitors are counted, all of them together."""


def show_switch() -> None:
    """The switch, with what it does; the same on every page that shows it."""
    st.toggle(text("consent.switch"), key=KEEP, persist_state="session")
    st.caption(text("consent.explained", minutes=BUCKET_S // 60))


def is_kept() -> bool:
    """Whether this visitor has switched statistics on."""
    return bool(st.session_state.get(KEEP))


def privacy_words() -> list[str]:
    """What the line about privacy has to add."""
    return [text("consent.only_counts", minutes=BUCKET_S // 60)] if is_kept() else []


def camera_counter(before: CameraCounter | None) -> CameraCounter | None:
    """Who counts for this visitor from now on: the one before, a new one, or nobody."""
    if not is_kept():
        return None
    return before or CameraCounter(SOURCE, statistics_writer())


def statistics_writer() -> StatisticsWriter:
    """What writes the counts of all visitors."""
    return _writer(statistics_path())


def statistics_path() -> Path:
    """The file of the statistics."""
    return app_settings().statistics or default_path()


@st.cache_resource(show_spinner=False)
def _writer(path: Path) -> StatisticsWriter:
    return StatisticsWriter(StatisticsStore(path))


def show_fault(error: StoreError | None) -> None:
    """Why statistics cannot be kept or shown; where the file lies is not the visitor's business."""
    if error:
        why = text(f"store_faults.{error.fault}")
        st.warning(text("consent.broken", why=why), icon=":material/error:")


# How a visitor deletes all statistics: after a question.


def offer_deletion(writer: StatisticsWriter) -> None:
    """The button, and the question behind it."""
    if st.button(text("statistics.delete"), icon=":material/delete:"):
        st.dialog(text("statistics.delete"))(confirm_deletion)(writer)


def confirm_deletion(writer: StatisticsWriter) -> None:
    """Ask before everything is gone."""
    st.write(text("statistics.delete_sure"))
    with st.container(horizontal=True):
        if st.button(text("statistics.delete_yes"), type="primary"):
            try:
                writer.purge()
            except StoreError as error:
                show_fault(error)
            else:
                st.rerun()
        if st.button(text("statistics.delete_no")):
            st.rerun()
