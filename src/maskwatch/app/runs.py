"""The part of the page for training about the runs there are: compare, look into, use, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import streamlit as st

from maskwatch.app.components import plain
from maskwatch.app.figures import base
from maskwatch.app.i18n import Catalogue
from maskwatch.app.language import catalogue, text
from maskwatch.app.learning import show_comparison
from maskwatch.app.session import activate, app_settings, deactivate, readable_choice
from maskwatch.errors import MaskWatchError
from maskwatch.models.evaluation import Estimate
from maskwatch.schema import CLASSES
from maskwatch.training.jobs.control import BusyError, delete_job, resume_job
from maskwatch.training.jobs.folder import REPORT, JobFolder, State, Status, Step
from maskwatch.training.run_files import Epoch

SHOWN_RUN, SAID = "shown_run", "said"
"""Keys of the session's state: the run that is looked into, and what is to be said once."""

LOG_LINES = 20


def show_runs(runs: Path, jobs: Sequence[JobFolder]) -> None:
    """All runs in a table, the curves of some, and everything about one."""
    show_table(jobs)
    compare(jobs)
    names = [job.name for job in jobs]
    if st.session_state.get(SHOWN_RUN) not in names:
        st.session_state[SHOWN_RUN] = names[0]
    chosen = st.selectbox(text("runs.look_into"), names, key=SHOWN_RUN)
    job = next((job for job in jobs if job.name == chosen), None)
    if job is not None:
        with st.container(border=True):
            show_run(job)
            offer_actions(runs, job)


def show_table(jobs: Sequence[JobFolder]) -> None:
    """One line for each run, the newest first."""
    say = catalogue()
    scores = [job.scores() for job in jobs]
    wrong = [s.get("per_class", {}).get("incorrect_mask", {}).get("recall") for s in scores]
    st.dataframe(
        {
            text("runs.run"): [job.name for job in jobs],
            text("runs.state"): [text(f"run_states.{job.status().state}") for job in jobs],
            text("runs.accuracy"): [spread(s.get("accuracy"), say) for s in scores],
            text("runs.macro_f1"): [spread(s.get("macro_f1"), say) for s in scores],
            text("runs.found_incorrect"): [spread(score, say) for score in wrong],
            text("runs.split"): [text(f"protocols.{job.order().protocol}") for job in jobs],
            text("runs.data"): [", ".join(job.order().sets) for job in jobs],
        },
        hide_index=True,
    )
    st.caption(text("runs.scores_note"))


def compare(jobs: Sequence[JobFolder]) -> None:
    """Curves of several runs in one chart."""
    curves = {job.name: history for job in jobs if (history := job.history())}
    if len(curves) < 2:
        return
    chosen = st.multiselect(
        text("runs.compare"),
        list(curves),
        default=list(curves)[:3],
        max_selections=MOST_RUNS,
        placeholder=text("new_run.choose"),
    )
    shown = {name: curves[name] for name in chosen if name in curves}
    if not shown:
        return
    for column, what in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        names = ", ".join(shown)
        column.altair_chart(
            compared_curves(shown, what, catalogue()),
            alt=text("curves.compared_alt", title=text(f"curves.{what}"), names=names),
        )
    st.caption(text("runs.compare_note"))


def show_run(job: JobFolder) -> None:
    """What a run was asked for, how it ended, and what it is worth."""
    order, status = job.order(), job.status()
    st.markdown(f"**{plain(job.name)}**: {text(f'run_states.{status.state}')}")
    if status.state is State.LOST:
        st.warning(text("runs.lost"), icon=":material/power_off:")
    if status.state is State.FAILED:
        st.error(plain(status.error), icon=":material/error:")
    sets = plain(", ".join(order.sets))
    st.caption(text("runs.asked", recipe=plain(order.recipe.name), data=sets))
    show_scores(job)
    show_comparison(job)
    if not status.is_alive:  # it is shown at the top otherwise
        show_curves(job.history())
        show_log(job)
    with st.expander(text("runs.recipe")):
        st.code(order.recipe.to_yaml(), language="yaml")


def show_curves(history: Sequence[Epoch]) -> None:
    """Accuracy and loss by epoch, side by side where there is room."""
    if not history:
        return
    say = catalogue()
    for column, what in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        chart = run_curves(history, what, say)
        column.altair_chart(chart, alt=curve_words(history, what, say))


def show_log(job: JobFolder) -> None:
    """The last of what a run printed."""
    with st.expander(text("runs.log")):
        st.code("\n".join(job.log_lines(LOG_LINES)) or NONE, language=None, wrap_lines=True)


def show_scores(job: JobFolder) -> None:
    """The scores of a run on its validation pictures, and how far to trust them."""
    say, scores = catalogue(), job.scores()
    if not scores:
        return
    st.markdown(
        text(
            "runs.score",
            n=say.whole(scores["n"]),
            groups=say.whole(scores["groups"]),
            accuracy=spread(scores["accuracy"], say),
            macro_f1=spread(scores["macro_f1"], say),
        )
    )
    twins = job.data().get("twin_share", 0)
    if twins:
        st.warning(text("runs.leaks", share=say.percent(twins, 0)), icon=":material/content_copy:")
    elif job.order().protocol != REPORT:
        st.caption(text("runs.no_leak"))
    show_classes(job)
    show_confusion(job)
    card = job.card()
    exported = card.get("scores", {}).get("all", {})
    if exported:
        st.caption(
            text(
                "runs.exported",
                name=plain(str(card["name"])),
                hash=str(card["sha256"])[:12],
                accuracy=spread(exported["accuracy"], say),
                unsure=say.percent(exported["unsure_share"]["value"]),
            )
        )


def show_classes(job: JobFolder) -> None:
    """Precision, recall and F1 of each class."""
    say, per_class = catalogue(), job.scores()["per_class"]
    table = {text("charts.state"): [say.label(state) for state in CLASSES]}
    for what in ("precision", "recall", "f1"):
        cells = [spread(per_class[state.value][what], say) for state in CLASSES]
        table[text(f"runs.{what}")] = cells
    st.table(table)


def show_confusion(job: JobFolder) -> None:
    """What was answered for each class."""
    say, counts = catalogue(), job.scores()["confusion"]
    st.markdown(f"**{text('runs.confusion')}**")
    table = {text("runs.true_answered"): [say.label(state) for state in CLASSES]}
    for column, state in enumerate(CLASSES):
        cells = [
            f"{say.whole(row[column])} ({say.percent(row[column] / max(sum(row), 1))})"
            for row in counts
        ]
        table[say.label(state)] = cells
    st.table(table)


def offer_actions(runs: Path, job: JobFolder) -> None:
    """What can be done with a run now."""
    status = job.status()
    if status.is_alive:
        return
    state = status.state
    chosen = readable_choice()
    is_active = chosen is not None and chosen.run == job.name
    with st.container(horizontal=True):
        if state is State.FINISHED and not is_active:
            offer_activation(job)
        if state is not State.FINISHED and st.button(text("runs.resume"), type="primary"):
            act(lambda: resume_job(job, app_settings().weights))
        with st.popover(text("runs.delete"), icon=":material/delete:"):
            question = "runs.delete_active" if is_active else "runs.delete_sure"
            st.write(text(question, name=plain(job.name)))
            if st.button(text("runs.delete_yes"), type="primary"):
                act(lambda: delete(runs, job, is_active), text("runs.deleted", name=job.name))


def offer_activation(job: JobFolder) -> None:
    """Let the model of a run judge on all pages, once that was confirmed."""
    with st.popover(text("runs.activate"), icon=":material/check:"):
        st.write(text("runs.activate_sure", name=plain(job.name)))
        if st.button(text("runs.activate_yes"), type="primary"):
            act(lambda: activate(job.model_path), text("runs.activated"))


def delete(runs: Path, job: JobFolder, is_active: bool) -> None:
    """Remove a run; where its model was in use, the app's own takes over first."""
    if is_active:
        deactivate(runs)
    delete_job(job)


def act(action: Callable[[], object], said: str = "") -> None:
    """Do something with a run, say what became of it, and show the page anew."""
    try:
        action()
    except BusyError as error:
        st.error(text("new_run.busy", name=plain(error.name)), icon=":material/hourglass_top:")
    except MaskWatchError as error:
        st.error(text("training.refused", why=plain(str(error))), icon=":material/error:")
    else:
        st.session_state[SAID] = said
        st.rerun()


# What the page for training says of runs, in the words of a language; without Streamlit.

NONE = "-"
"""In place of a number that is not there."""


def run_words(job: JobFolder, status: Status, say: Catalogue) -> str:
    """How a run is, in one sentence that stays the same as long as there is no news; Markdown."""
    name = f"**{plain(job.name)}**"
    if status.state is State.RUNNING:
        return f"{name}: {step_words(status, say)}"
    return f"{name}: {say.text(f'run_states.{status.state}')}"


def step_words(status: Status, say: Catalogue) -> str:
    """What a run does now."""
    if status.step is Step.TRAINING:
        return say.text("run_steps.training", epoch=status.epoch, epochs=status.epochs)
    if status.step is Step.AUDITING and 0 < status.total <= status.done:
        return say.text("run_steps.comparing")
    return say.text(f"run_steps.{status.step}")


def share_done(status: Status) -> float | None:
    """How much of its step a run has done, 0 to 1; None where nobody knows."""
    if not status.total:
        return None
    done = status.done / status.total
    if status.step is Step.TRAINING:
        return min((status.epoch - 1 + done) / status.epochs, 1.0)
    return done if done < 1 else None


def time_left(status: Status, say: Catalogue) -> str:
    """How long the step will still take, roughly; empty where nobody knows."""
    if status.left_s is None:
        return ""
    minutes = round(status.left_s / 60)
    if minutes < 1:
        return say.text("training.left_moment")
    if minutes < 90:
        return say.counted("training.left_minutes", minutes)
    return say.counted("training.left_hours", round(minutes / 60))


def spread(score: Mapping[str, Any] | None, say: Catalogue) -> str:
    """A score with its interval as the page about the model writes it, or that there is none."""
    return base.spread(say, Estimate(**score)) if score else NONE


# Curves of training runs; what a colour tells, a mark and a kind of line tell as well.

MOST_RUNS = 5
"""More curves in one chart cannot be told apart."""

_HEIGHT_PX = 300
# blue, vermilion, green, purple and grey of Okabe and Ito (2008)
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#999999")
_DASHES = ((1, 0), (6, 3), (2, 2), (8, 2, 2, 2), (10, 4))
_MARKS = ("circle", "square", "triangle-up", "diamond", "cross")


def run_curves(history: Sequence[Epoch], what: str, say: Catalogue) -> Any:
    """The "accuracy" or "loss" of a run by epoch, on training and validation pictures."""
    names = {what: say.text("curves.training"), f"val_{what}": say.text("curves.validation")}
    rows = [row for key, name in names.items() for row in _rows(history, key, name, say)]
    return _chart(rows, list(names.values()), what, say)


def compared_curves(histories: Mapping[str, Sequence[Epoch]], what: str, say: Catalogue) -> Any:
    """The "accuracy" or "loss" of several runs by epoch, on their validation pictures."""
    rows = [
        row
        for name, history in histories.items()
        for row in _rows(history, f"val_{what}", name, say)
    ]
    return _chart(rows, list(histories), what, say)


def curve_words(history: Sequence[Epoch], what: str, say: Catalogue) -> str:
    """The last point of both curves, for everyone who cannot see the chart."""
    last = history[-1]
    values = [_number(last[key], what, say) for key in (what, f"val_{what}") if key in last]
    title = say.text(f"curves.{what}")
    return say.text("curves.alt", title=title, epoch=len(history), values=" / ".join(values))


def _rows(
    history: Sequence[Epoch], key: str, name: str, say: Catalogue
) -> Iterator[dict[str, object]]:
    what = key.removeprefix("val_")
    for epoch in history:
        if key in epoch:
            number = int(epoch["epoch"])
            words = f"{name}, {say.text('curves.epoch')} {number}: "
            words += _number(epoch[key], what, say)
            yield {"epoch": number, "value": epoch[key], "series": name, "words": words}


def _number(value: float, what: str, say: Catalogue) -> str:
    return say.percent(value) if what == "accuracy" else say.number(value, 3)


def _chart(
    rows: Sequence[Mapping[str, object]], names: Sequence[str], what: str, say: Catalogue
) -> Any:
    legend = alt.Legend(title=None, orient="top", columns=1, labelLimit=300, symbolStrokeWidth=0)
    colours = alt.Scale(domain=names, range=_COLOURS[: len(names)])
    dashes = alt.Scale(domain=names, range=_DASHES[: len(names)])
    marks = alt.Scale(domain=names, range=_MARKS[: len(names)])
    point = say.texts["format.decimal_mark"]
    numbers = "'.0%'" if what == "accuracy" else "'.2f'"
    words = f"replace(format(datum.value, {numbers}), '.', '{point}')"
    # a tick for each number that can be written: closer ones would bear the same label
    axis = alt.Axis(labelExpr=words, tickCount=5, tickMinStep=0.01)
    base = alt.Chart(alt.InlineData(values=list(rows))).encode(
        x=alt.X(
            "epoch:Q",
            title=say.text("curves.epoch"),
            scale=alt.Scale(nice=False, padding=12),
            axis=alt.Axis(format="d", tickMinStep=1),
        ),
        y=alt.Y(
            "value:Q", title=say.text(f"curves.{what}"), scale=alt.Scale(zero=False), axis=axis
        ),
        color=alt.Color("series:N", scale=colours, legend=legend),
        tooltip=alt.Tooltip("words:N", title=" "),
    )
    line = base.mark_line(strokeWidth=2).encode(
        strokeDash=alt.StrokeDash("series:N", scale=dashes, legend=None)
    )
    points = base.mark_point(filled=True, size=60, opacity=1).encode(
        shape=alt.Shape("series:N", scale=marks, legend=legend)
    )
    return (line + points).properties(height=_HEIGHT_PX)
