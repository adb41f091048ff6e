"""What the sets hold that a run is to learn from, one by one and together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import streamlit as st

from maskwatch.training.jobs.data_folders import FolderCheck, check_folder, folder_version


def check(folder: Path) -> FolderCheck:
    """What a set holds; looked at anew when a file comes or goes."""
    return _check(folder, folder_version(folder))


@st.cache_data(show_spinner=False, max_entries=64)
def _check(folder: Path, version: tuple[int, int]) -> FolderCheck:
    return check_folder(folder)


def together(checks: Iterable[FolderCheck]) -> FolderCheck:
    """Several sets as one."""
    listed = list(checks)
    labels = {label for one in listed for label in one.counts}
    return FolderCheck(
        {label: sum(one.counts.get(label, 0) for one in listed) for label in labels},
        tuple(problem for one in listed for problem in one.unreadable),
        notes=tuple(note for one in listed for note in one.notes),
    )
