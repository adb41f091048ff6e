"""The part of the page for training that begins a new run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

from maskwatch.app.findings import badge, plain
from maskwatch.app.language import catalogue, text
from maskwatch.app.launch import DATA_VARIABLE, WEIGHTS_VARIABLE
from maskwatch.errors import MaskWatchError
from maskwatch.schema import MaskState
from maskwatch.training.data_folders import (
    FEWEST,
    FolderCheck,
    check_folder,
    folder_version,
    offered_sets,
)
from maskwatch.training.job_control import BusyError, start_job
from maskwatch.training.job_folder import GROUPED, PROTOCOLS, JobFolder, Order
from maskwatch.training.recipe import Recipe, load_recipe
from maskwatch.training.shipped_recipes import classifier_recipes

MOST_EPOCHS = 1000
FIRST_RECIPE = "report"


def offer_new_run(runs: Path) -> JobFolder | None:
    """Everything to choose, and the button; returns the run that was started."""
    sets = offered_sets(listed_paths(DATA_VARIABLE))
    if not sets:
        st.info(text("new_run.no_data"), icon=":material/folder_off:")
        return None
    folders = choose_sets(sets)
    is_usable = bool(folders) and show_check(folders)
    recipe = choose_recipe()
    protocol = st.radio(
        text("new_run.split"),
        PROTOCOLS,
        format_func=lambda name: text(f"protocols.{name}"),
        captions=[text(f"split_notes.{name}") for name in PROTOCOLS],
    )
    if not st.button(text("new_run.start"), type="primary", disabled=not is_usable):
        return None
    protocol = protocol if protocol in PROTOCOLS else GROUPED
    order = Order(tuple(str(path) for path in folders.values()), protocol, recipe)
    try:
        return start_job(runs, order, listed_paths(WEIGHTS_VARIABLE))
    except BusyError as error:
        st.error(text("new_run.busy", name=plain(error.name)), icon=":material/hourglass_top:")
    except MaskWatchError as error:
        st.error(text("training.refused", why=plain(str(error))), icon=":material/error:")
    return None


def listed_paths(variable: str) -> list[Path]:
    """The paths that an environment variable holds, separated as in PATH."""
    return [Path(path) for path in os.environ.get(variable, "").split(os.pathsep) if path]


def choose_sets(sets: dict[str, Path]) -> dict[str, Path]:
    """The chosen sets; what a browser sends is looked up and never taken for a path."""
    chosen = st.multiselect(
        text("new_run.data"),
        list(sets),
        default=list(sets) if len(sets) == 1 else None,
        help=text("new_run.data_help"),
        placeholder=text("new_run.choose"),
    )
    return {name: sets[name] for name in chosen if name in sets}


def show_check(folders: dict[str, Path]) -> bool:
    """How many pictures there are of each class, and what is wrong; whether that is enough."""
    with st.spinner(text("new_run.looking")):
        checks = {name: check(path, folder_version(path)) for name, path in folders.items()}
    total = together(checks.values())
    say = catalogue()
    badges = "".join(
        badge(state, say.whole(total.counts.get(state.value, 0)))
        for state in MaskState
        if state is not MaskState.UNSURE
    )
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:.5rem">{badges}</div>')
    found = complaints(checks, total)
    for sentence in found:
        st.error(sentence, icon=":material/error:")
    if total.unreadable:
        first = plain(f"{total.unreadable[0].path.name}: {total.unreadable[0].reason}")
        count = len(total.unreadable)
        st.warning(say.counted("new_run.unreadable", count, first=first), icon=":material/warning:")
    return not (found or total.lacking)


@st.cache_data(show_spinner=False, max_entries=64)
def check(folder: Path, _version: tuple[int, int]) -> FolderCheck:
    """What a set holds; looked at anew when a file comes or goes."""
    return check_folder(folder)


def together(checks: Iterable[FolderCheck]) -> FolderCheck:
    """Several sets as one."""
    listed = list(checks)
    labels = {label for one in listed for label in one.counts}
    return FolderCheck(
        {label: sum(one.counts.get(label, 0) for one in listed) for label in labels},
        tuple(problem for one in listed for problem in one.unreadable),
    )


def complaints(checks: dict[str, FolderCheck], total: FolderCheck) -> list[str]:
    """What keeps a training from beginning, a sentence each."""
    say, found = catalogue(), []
    for name, one in checks.items():
        if one.trouble:
            found.append(text("new_run.no_pictures", name=plain(name)))
        if one.unknown:
            classes = plain(", ".join(one.unknown[:5]))
            found.append(text("new_run.unknown", name=plain(name), classes=classes))
    if not found and total.lacking:
        labels = ", ".join(say.label(MaskState(label)) for label in total.lacking)
        found.append(text("new_run.lacking", labels=labels, fewest=FEWEST))
    return found


def choose_recipe() -> Recipe:
    """The recipe with the wanted number of epochs."""
    paths = classifier_recipes()
    names: Sequence[str] = list(paths)
    first = names.index(FIRST_RECIPE) if FIRST_RECIPE in names else 0
    with st.container(horizontal=True):
        chosen = st.selectbox(text("new_run.recipe"), names, index=first)
        name = chosen if chosen in paths else names[first]
        recipe = load_recipe(paths[name])
        epochs = st.number_input(
            text("new_run.epochs"), 1, MOST_EPOCHS, recipe.fit.epochs, key=f"epochs-{name}"
        )
    words = catalogue().texts.get(f"recipes.{name.replace('-', '_')}")
    if words:
        st.caption(words)
    epochs = min(max(int(epochs), 1), MOST_EPOCHS)  # a browser may send anything
    return replace(recipe, fit=replace(recipe.fit, epochs=epochs))
