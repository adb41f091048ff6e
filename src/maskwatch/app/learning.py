"""The part of the page for training about corrections: learn from them, and what that brought."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

import maskwatch
from maskwatch.app.components import plain
from maskwatch.app.correcting import correction_store
from maskwatch.app.language import catalogue, text
from maskwatch.app.session import app_settings, model_in_use
from maskwatch.app.training_start import check, start, together
from maskwatch.errors import MaskWatchError
from maskwatch.schema import MaskState
from maskwatch.training.data.catalog import LABELS
from maskwatch.training.jobs.comparison import Compared, may_be_chance, read_comparison
from maskwatch.training.jobs.data_folders import FEWEST, offered_sets
from maskwatch.training.jobs.folder import GROUPED, JobFolder, Order
from maskwatch.training.recipes.classifier import classifier_recipes, load_recipe

RECIPE = "onwards"
"""What a run on corrections is told."""


def offer_learning(runs: Path, analyzer: maskwatch.Analyzer) -> JobFolder | None:
    """What is kept, and the button that trains on it; returns the run that was started."""
    store = correction_store()
    if store is None:
        return None
    st.header(text("learning.title"))
    try:
        kept = store.entries()
    except MaskWatchError:
        st.error(text("corrections.broken"), icon=":material/error:")
        return None
    if not kept:
        st.info(text("corrections.none"), icon=":material/inbox:")
        return None
    st.write(text("learning.about", n=catalogue().whole(len(kept))))
    sets = offered_sets(app_settings().data)
    more = st.multiselect(
        text("learning.more"),
        list(sets),
        help=text("learning.more_help"),
        placeholder=text("new_run.choose"),
        disabled=not sets,
    )
    folders = [store.folder, *(sets[name] for name in more if name in sets)]
    counts = together(map(check, folders)).counts
    lacking = [label for label in LABELS if counts.get(label, 0) < FEWEST]
    if lacking:  # a network that goes on without one of the states loses it
        labels = ", ".join(catalogue().label(MaskState(label)) for label in lacking)
        st.warning(text("learning.few", labels=labels, fewest=FEWEST), icon=":material/inbox:")
    if not st.button(text("learning.start"), type="primary", disabled=bool(lacking)):
        return None
    data = tuple(str(path.absolute()) for path in folders)
    recipe = load_recipe(classifier_recipes()[RECIPE])
    return start(runs, Order(data, GROUPED, recipe, str(model_in_use(analyzer))))


def show_comparison(job: JobFolder) -> None:
    """What a run on corrections mended and spoilt; nothing for any other run."""
    try:
        compared = read_comparison(job.path)
    except MaskWatchError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if not compared:
        return
    say = catalogue()
    st.markdown(f"**{text('learning.compared')}**")
    st.table(
        {
            text("learning.source"): [one.source for one in compared],
            text("learning.faces"): [say.whole(one.faces) for one in compared],
            text("learning.old_right"): [_share(one.old_right, one) for one in compared],
            text("learning.new_right"): [_share(one.new_right, one) for one in compared],
            text("learning.mended"): [say.whole(one.mended) for one in compared],
            text("learning.spoilt"): [say.whole(one.spoilt) for one in compared],
        }
    )
    mended, spoilt = (sum(getattr(one, what) for one in compared) for what in ("mended", "spoilt"))
    numbers = {"n": sum(one.faces for one in compared), "mended": mended, "spoilt": spoilt}
    said = text("learning.better", **{what: say.whole(n) for what, n in numbers.items()})
    if may_be_chance(mended, spoilt):
        st.warning(f"{said} {text('learning.by_chance')}", icon=":material/casino:")
    elif mended > spoilt:
        st.success(said, icon=":material/trending_up:")
    else:
        st.error(said, icon=":material/trending_down:")
    st.caption(text("learning.note"))
    if learnt := [one.source for one in compared if one.old_learnt]:
        st.caption(text("learning.learnt", names=plain(", ".join(learnt))))


def _share(right: int, one: Compared) -> str:
    say = catalogue()
    return f"{say.whole(right)} ({say.percent(right / max(one.faces, 1), 0)})"
