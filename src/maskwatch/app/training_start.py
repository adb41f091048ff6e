"""A run begins: what the sets hold that it is to learn from, and why it cannot be started."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import streamlit as st

from maskwatch.app.components import plain
from maskwatch.app.language import catalogue, text
from maskwatch.app.session import app_settings
from maskwatch.errors import MaskWatchError
from maskwatch.schema import MaskState
from maskwatch.training.jobs.control import BusyError, start_job
from maskwatch.training.jobs.data_folders import (
    FEWEST,
    FolderCheck,
    check_folder,
    folder_version,
)
from maskwatch.training.jobs.different_photos import different_photos
from maskwatch.training.jobs.folder import GROUPED, JobFolder, Order


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


def start(runs: Path, order: Order) -> JobFolder | None:
    """Begin the run that is asked for; None where that cannot be, which the page then says."""
    try:
        if order.protocol == GROUPED and (few := _states_of_few_photos(order.sets.values())):
            said = text("new_run.few_photos", labels=", ".join(few), fewest=FEWEST)
            st.error(said, icon=":material/error:")
            return None
        return start_job(runs, order, app_settings().weights)
    except BusyError as error:
        st.error(text("new_run.busy", name=plain(error.name)), icon=":material/hourglass_top:")
    except MaskWatchError as error:
        st.error(text("training.refused", why=plain(str(error))), icon=":material/error:")
    return None


def _states_of_few_photos(folders: Iterable[Path]) -> list[str]:
    """The states whose photos cannot be split, in words; the job itself would fail of them."""
    with st.spinner(text("new_run.comparing")):
        photos = different_photos(list(folders))
    say = catalogue()
    return [say.label(MaskState(label)) for label, count in photos.items() if count < FEWEST]
