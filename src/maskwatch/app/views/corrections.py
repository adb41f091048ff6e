"""The page of corrected answers: what is kept, until when; each can be undone and taken away."""

from __future__ import annotations

import base64
import math
from collections import Counter
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from maskwatch.app.components import badge, plain
from maskwatch.app.correcting import correction_store, show_face, shows_words
from maskwatch.app.language import catalogue, text
from maskwatch.app.session import need_analyzer, show_privacy
from maskwatch.errors import MaskWatchError
from maskwatch.schema import CLASSES, MaskState
from maskwatch.store.corrections import Correction, CorrectionStore
from maskwatch.store.export import FORMS, export_zip

PER_PAGE = 12
# two beside each other fit on a telephone
_CARD_PX = 160
_DAY_S = 24 * 60 * 60
# keys of the session's state
PAGE, FAILED = "corrections_page", "corrections_failed"


def show_page() -> None:
    """The whole page."""
    st.title(text("pages.corrections"))
    analyzer = need_analyzer()
    store = correction_store()
    if store is None:  # the way here is shown only with one
        return
    st.write(text("corrections.intro", days=f"{store.keep_days:g}"))
    if st.session_state.pop(FAILED, False):
        st.error(text("corrections.broken"), icon=":material/error:")
    try:
        kept = store.entries()
    except MaskWatchError:
        st.error(text("corrections.broken"), icon=":material/error:")
        return
    if kept:
        show_counts(kept)
        offer_files(store)
        show_kept(store, kept)
    else:
        st.info(text("corrections.none"), icon=":material/inbox:")
    show_privacy(analyzer, text("correct.only_corrected", days=f"{store.keep_days:g}"))


def show_counts(kept: list[Correction]) -> None:
    """How many there are, and of what."""
    say = catalogue()
    found = Counter(one.right for one in kept)
    st.markdown(f"**{say.counted('corrections.count', len(kept))}**")
    badges = "".join(badge(state, say.whole(found[state])) for state in CLASSES if found[state])
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:.5rem">{badges}</div>')
    others = [one for one in (MaskState.UNSURE, None) if found[one]]
    st.caption(" · ".join(f"{shows_words(one)}: {say.whole(found[one])}" for one in others))


def offer_files(store: CorrectionStore) -> None:
    """All of them as files for other tools, and the way to delete all."""
    with st.container(horizontal=True):
        for form in FORMS:
            st.download_button(
                text(f"corrections.{form}"),
                partial(export_zip, store, form),
                file_name=f"maskwatch-corrections-{form}.zip",
                mime="application/zip",
                key=f"export_{form}",
                on_click="ignore",
                icon=":material/download:",
            )
        with st.popover(text("corrections.delete_all"), icon=":material/delete:"):
            st.write(text("corrections.delete_sure"))
            st.button(
                text("corrections.delete_yes"), type="primary", on_click=delete, args=(store, None)
            )


def show_kept(store: CorrectionStore, kept: list[Correction]) -> None:
    """One card each, the newest first."""
    pages = math.ceil(len(kept) / PER_PAGE)
    if st.session_state.get(PAGE, 1) > pages:
        st.session_state[PAGE] = pages
    first = 0
    if pages > 1:
        first = (st.pagination(pages, key=PAGE) - 1) * PER_PAGE
    with st.container(horizontal=True):
        for one in kept[first : first + PER_PAGE]:
            with st.container(border=True, width=_CARD_PX):
                show_one(store, one)


def show_one(store: CorrectionStore, one: Correction) -> None:
    """A face, what was answered and what it shows, until when it is kept, and how to undo it."""
    try:
        content = base64.b64encode(store.picture_path(one).read_bytes()).decode()
    except OSError:  # somebody has just undone it
        return
    say = catalogue()
    show_face(f"data:image/jpeg;base64,{content}")
    answered = text(
        "corrections.answered", label=say.label(one.answered), share=say.percent(one.confidence)
    )
    ends = datetime.fromtimestamp(one.time_s + store.keep_days * _DAY_S, UTC)
    st.markdown(f"**{plain(shows_words(one.right))}**")
    st.caption(f"{answered}  \n{text('corrections.until', day=ends.strftime('%Y-%m-%d'))}")
    st.button(
        text("corrections.undo"),
        key=f"undo-{one.correction_id}",
        on_click=delete,
        args=(store, one.correction_id),
    )


def delete(store: CorrectionStore, correction_id: str | None) -> None:
    """Delete one, or all of them."""
    try:
        store.delete(store.ids() if correction_id is None else [correction_id])
    except MaskWatchError:
        st.session_state[FAILED] = True


show_page()
