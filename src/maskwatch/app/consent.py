"""The visitor's switch for statistics, and the one ledger of this server that takes the counts."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from maskwatch.app.language import text
from maskwatch.app.launch import STATISTICS_VARIABLE
from maskwatch.bookkeeping import Bookkeeper, Ledger
from maskwatch.errors import StoreError
from maskwatch.store import BUCKET_S, StatisticsStore, default_path

KEEP = "keep_statistics"
"""What holds the switch in the session's state; off until the visitor turns it."""

SOURCE = "browser"
"""Under which name the cameras of visitors are counted, all of them together."""


def show_switch() -> None:
    """The switch, with what it does; the same on every page that shows it."""
    st.toggle(text("keeping.switch"), key=KEEP, persist_state="session")
    st.caption(text("keeping.explained", minutes=BUCKET_S // 60))


def is_kept() -> bool:
    """Whether this visitor has switched statistics on."""
    return bool(st.session_state.get(KEEP))


def privacy_words() -> list[str]:
    """What the line about privacy has to add."""
    return [text("keeping.only_counts", minutes=BUCKET_S // 60)] if is_kept() else []


def bookkeeper(before: Bookkeeper | None) -> Bookkeeper | None:
    """Who counts for this visitor from now on: the one before, a new one, or nobody."""
    if not is_kept():
        return None
    return before or Bookkeeper(SOURCE, ledger())


def ledger() -> Ledger:
    """The ledger of all visitors."""
    return _ledger(statistics_path())


def statistics_path() -> Path:
    """The file of the statistics."""
    return Path(os.environ.get(STATISTICS_VARIABLE) or default_path())


@st.cache_resource(show_spinner=False)
def _ledger(path: Path) -> Ledger:
    return Ledger(StatisticsStore(path))


def show_fault(error: StoreError | None) -> None:
    """Why statistics cannot be kept or shown; where the file lies is not the visitor's business."""
    if error:
        why = text(f"store_faults.{error.fault}")
        st.warning(text("keeping.broken", why=why), icon=":material/error:")
