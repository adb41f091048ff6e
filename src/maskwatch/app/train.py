"""The page for training: begin a run, watch it, compare runs, and choose what judges everywhere.

It reads and starts; the training itself is a process of its own, which goes on without this page.
What trains is never imported here: live video, in the same process, would crash beside it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

import maskwatch
from maskwatch.app.active import deactivate
from maskwatch.app.findings import plain
from maskwatch.app.language import catalogue, text
from maskwatch.app.launch import MODEL_VARIABLE, RUNS_VARIABLE
from maskwatch.app.networks import chosen_model, need_analyzer, show_privacy
from maskwatch.app.train_new import offer_new_run
from maskwatch.app.train_runs import SAID, SHOWN_RUN, act, show_curves, show_log, show_runs
from maskwatch.app.train_words import run_words, share_done, time_left
from maskwatch.errors import ModelError, SettingError
from maskwatch.training.job_control import stop_job
from maskwatch.training.job_folder import JobFolder, list_jobs
from maskwatch.training.job_status import State, Status

SPOKEN = "spoken_run"
EVERY_S = 2.0

# see live.py: the container stays, so a screen reader speaks what changes in it
SPEAK = f"""<script>
    document.querySelectorAll(".st-key-{SPOKEN}").forEach((spoken) => {{
        spoken.setAttribute("role", "status");
        spoken.setAttribute("aria-live", "polite");
    }});
</script>"""


def show_page() -> None:
    """The whole page."""
    st.title(text("pages.train"))
    st.write(text("training.intro"))
    analyzer = need_analyzer()
    runs = Path(os.environ[RUNS_VARIABLE])
    show_said()
    show_model(runs, analyzer)
    jobs = list_jobs(runs)
    running = next((job for job in jobs if job.status().is_alive), None)
    st.fragment(show_state, run_every=EVERY_S if running else None)(running or newest(jobs))
    st.subheader(text("new_run.title"))
    if running:
        st.info(text("new_run.busy", name=plain(running.name)), icon=":material/hourglass_top:")
    elif (started := offer_new_run(runs)) is not None:
        st.session_state[SHOWN_RUN] = started.name
        st.rerun()
    if jobs:
        st.subheader(text("runs.title"))
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
    is_given = bool(os.environ.get(MODEL_VARIABLE))
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
    st.html(SPEAK, unsafe_allow_javascript=True)
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
