"""The page for training: begin a run, watch it, compare runs, and choose what judges everywhere.

It reads and starts; the training itself is a process of its own, which goes on without this page.
What trains is never imported here: live video, in the same process, would crash beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

import maskwatch
from maskwatch.app.components import badge, plain
from maskwatch.app.language import catalogue, text
from maskwatch.app.learning import offer_learning
from maskwatch.app.look import speak_changes
from maskwatch.app.runs import (
    SAID,
    SHOWN_RUN,
    act,
    run_words,
    share_done,
    show_curves,
    show_log,
    show_runs,
    time_left,
)
from maskwatch.app.session import (
    app_settings,
    chosen_model,
    deactivate,
    need_analyzer,
    show_privacy,
)
from maskwatch.app.training_start import check, start, together
from maskwatch.errors import ModelError, SettingError
from maskwatch.schema import MaskState
from maskwatch.training.data.catalog import LABELS
from maskwatch.training.jobs.control import stop_job
from maskwatch.training.jobs.data_folders import (
    FEWEST,
    FolderCheck,
    offered_sets,
)
from maskwatch.training.jobs.folder import (
    GROUPED,
    PROTOCOLS,
    JobFolder,
    Order,
    State,
    Status,
    list_jobs,
)
from maskwatch.training.recipes.classifier import Recipe, classifier_recipes, load_recipe

# The part of the page for training that begins a new run.

MOST_EPOCHS = 1000
FIRST_RECIPE = "report"


def offer_new_run(runs: Path) -> JobFolder | None:
    """Everything to choose, and the button; returns the run that was started."""
    sets = offered_sets(app_settings().data)
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
    data = tuple(str(path) for path in folders.values())
    return start(runs, Order(data, protocol, recipe))


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
        checks = {name: check(path) for name, path in folders.items()}
    total = together(checks.values())
    say = catalogue()
    badges = "".join(
        badge(state, say.whole(total.counts.get(state.value, 0)))
        for state in MaskState
        if state is not MaskState.UNSURE
    )
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:.5rem">{badges}</div>')
    for sentence in meanings(checks):
        st.caption(sentence)
    found = complaints(checks, total)
    for sentence in found:
        st.error(sentence, icon=":material/error:")
    if total.untaught and not found:
        labels = ", ".join(say.label(MaskState(label)) for label in total.untaught)
        st.warning(text("new_run.untaught", labels=labels), icon=":material/warning:")
    for note in total.notes:
        st.warning(plain(note), icon=":material/warning:")
    if total.unreadable:
        first = plain(f"{total.unreadable[0].path.name}: {total.unreadable[0].reason}")
        count = len(total.unreadable)
        st.warning(say.counted("new_run.unreadable", count, first=first), icon=":material/warning:")
    return not (found or total.lacking)


def meanings(checks: dict[str, FolderCheck]) -> list[str]:
    """What the classes of each set are taken for, a sentence each."""
    say = catalogue()
    return [
        text(
            "new_run.taken_as",
            name=plain(name),
            classes=", ".join(
                f"{plain(kind)} = {say.label(MaskState(label))}"
                for kind, label in sorted(one.taken_as.items())
                if label in LABELS
            ),
        )
        for name, one in checks.items()
        if one.taken_as
    ]


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


SPOKEN = "spoken_run"
EVERY_S = 2.0


def show_page() -> None:
    """The whole page."""
    st.title(text("pages.train"))
    st.write(text("training.intro"))
    analyzer = need_analyzer()
    runs = app_settings().runs
    if runs is None:  # the way here is shown only with one
        return
    show_said()
    show_model(runs, analyzer)
    jobs = list_jobs(runs)
    running = next((job for job in jobs if job.status().is_alive), None)
    st.fragment(show_state, run_every=EVERY_S if running else None)(running or newest(jobs))
    started = None if running else offer_learning(runs, analyzer)
    st.header(text("new_run.title"))
    if running:
        st.info(text("new_run.busy", name=plain(running.name)), icon=":material/hourglass_top:")
    elif (started := started or offer_new_run(runs)) is not None:
        st.session_state[SHOWN_RUN] = started.name
        st.rerun()
    if jobs:
        st.header(text("runs.title"))
        try:
            show_runs(runs, jobs)
        except SettingError:  # another visitor has just deleted one
            st.rerun()
    st.caption(text("training.trusted"))
    show_privacy(analyzer)


def newest(jobs: Sequence[JobFolder]) -> JobFolder | None:
    """The run that was asked for last."""
    return jobs[0] if jobs else None


def show_said() -> None:
    """What became of the last press, once."""
    said = st.session_state.pop(SAID, "")
    if said:
        st.success(said, icon=":material/check:")


def show_model(runs: Path, analyzer: maskwatch.Analyzer) -> None:
    """Which model judges on all pages, and the way back to the app's own."""
    card = analyzer.card
    try:
        chosen = chosen_model()
        is_chosen = chosen is not None
    except ModelError:
        chosen, is_chosen = None, True
    is_given = app_settings().model is not None
    in_use = chosen is not None and chosen.sha256 == card.sha256
    origin = "by_run" if in_use else "given" if is_given else "shipped"
    run = plain(chosen.run) if chosen and in_use else ""
    st.markdown(
        text("chosen.now", name=plain(card.name), hash=card.sha256[:12])
        + " "
        + text(f"model_origins.{origin}", run=run)
    )
    back = text("chosen.use_given" if is_given else "chosen.use_shipped")
    if is_chosen and st.button(back, icon=":material/undo:"):
        act(lambda: deactivate(runs), text("chosen.is_back"))


def show_state(job: JobFolder | None) -> None:
    """How the run that is going on, or was last, is; in words that are spoken when they change."""
    status = job.status() if job else None
    with st.container(key=SPOKEN):
        st.markdown(run_words(job, status, catalogue()) if job and status else text("runs.none"))
    speak_changes(SPOKEN)
    if job is None or status is None:
        return
    if status.is_alive:
        st.session_state[SPOKEN] = job.name
        show_progress(job, status)
    elif st.session_state.pop(SPOKEN, None) == job.name:
        st.rerun(scope="app")  # it has just ended: all of the page changes


def show_progress(job: JobFolder, status: Status) -> None:
    """How far a run is, with its curves and what it prints."""
    share = share_done(status)
    if share is not None:
        st.progress(share, text=time_left(status, catalogue()) or None)
    show_curves(job.history())
    if status.state is State.STOPPING:
        st.caption(text("training.stopping_note"))
    elif st.button(text("training.stop"), icon=":material/stop_circle:"):
        act(lambda: stop_job(job))
    show_log(job)


show_page()
