"""“Is an answer wrong?”: what a face really shows, told by a visitor and kept where it is allowed.

The operator allows it with `maskwatch app --corrections FOLDER`; without that nothing is offered.
A visitor keeps a face by a press of its own, under words that say what is kept and for how long.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from maskwatch.app.components import FACE_PX, choose_face
from maskwatch.app.language import catalogue, text
from maskwatch.app.session import app_settings
from maskwatch.errors import MaskWatchError
from maskwatch.io.style import STYLES
from maskwatch.schema import MaskState
from maskwatch.store.corrections import NO_FACE, Correction, CorrectionStore
from maskwatch.store.seen_faces import SeenFace

CHOICES = (MaskState.MASK, MaskState.NO_MASK, MaskState.INCORRECT_MASK, MaskState.UNSURE, NO_FACE)

# keys of the session's state: what this visitor has kept, by picture and face; what failed last
KEPT, FAILED = "kept_corrections", "correction_failed"

_Place = tuple[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Faces of a photo or a film, and what was answered.

    Attributes:
        field: names the fields of this form, unlike those of any other on the page.
        content: says what was judged by which networks, also where it is given once more.
        names: each face in words.
        urls: each face as a little picture.
        see: cuts the face with this number out.
        note: what else is to be said of them.
    """

    field: str
    content: str
    names: Sequence[str]
    urls: Sequence[str]
    see: Callable[[int], SeenFace]
    note: str = ""


def correction_store() -> CorrectionStore | None:
    """Where corrections are kept; None where the operator allows none.

    Raises:
        SettingError: the days are no positive number.
    """
    settings = app_settings()
    if settings.corrections is None:
        return None
    return CorrectionStore(settings.corrections, settings.corrections_days)


def privacy_words() -> list[str]:
    """What the line about privacy has to add."""
    if app_settings().corrections is None:
        return []
    return [text("correct.only_corrected", days=f"{app_settings().corrections_days:g}")]


def offer_correction(answers: Answers) -> None:
    """A switch, and behind it what a face really shows; nothing without a store."""
    store = correction_store()
    if store is None or not st.toggle(text("correct.ask"), key=f"correct-{answers.field}"):
        return
    st.caption(f"{text('correct.explained', days=f'{store.keep_days:g}')} {answers.note}")
    index = choose_face(answers.names, f"corrected-face-{answers.field}")
    show_face(answers.urls[index])
    kept: dict[_Place, Correction] = st.session_state.setdefault(KEPT, {})
    place = answers.content, index
    if place in kept and not is_there(store, kept[place]):
        del kept[place]
    if place in kept:
        said = text("correct.kept", label=shows_words(kept[place].right))
        st.success(said, icon=":material/check:")
        st.button(
            text("correct.undo"),
            key=f"undo-{answers.field}-{index}",
            on_click=undo,
            args=(store, kept, place),
        )
    else:
        offer_choice(store, kept, answers, index)
    if st.session_state.pop(FAILED, False):
        st.error(text("correct.failed"), icon=":material/error:")


def is_there(store: CorrectionStore, correction: Correction) -> bool:
    """Whether it is kept still: not undone on the page of corrections, nor its time over."""
    return os.path.exists(store.picture_path(correction))  # noqa: PTH110 - no error of a lost disk


def show_face(url: str) -> None:
    """The little picture of a face."""
    st.html(f'<img src="{escape(url)}" alt="" width="{FACE_PX}" height="{FACE_PX}">')


def offer_choice(
    store: CorrectionStore, kept: dict[_Place, Correction], answers: Answers, index: int
) -> None:
    """What the face shows, and the button that keeps it."""
    chosen = st.radio(
        text("correct.shows"),
        CHOICES,
        format_func=choice_words,
        index=None,
        key=f"shows-{answers.field}-{index}",
    )
    st.button(
        text("correct.keep"),
        key=f"keep-{answers.field}-{index}",
        disabled=chosen not in CHOICES,  # a browser may send anything
        on_click=keep,
        args=(store, kept, answers, index, chosen),
    )


def keep(
    store: CorrectionStore,
    kept: dict[_Place, Correction],
    answers: Answers,
    index: int,
    chosen: str,
) -> None:
    """Keep a face with what it shows."""
    right = None if chosen == NO_FACE else MaskState(chosen)
    try:
        seen = answers.see(index)
        kept[answers.content, index] = store.keep(
            seen.image_rgb, seen.face, right, seen.source, seen.model
        )
    except MaskWatchError:  # where the folder lies is not the visitor's business
        st.session_state[FAILED] = True


def undo(store: CorrectionStore, kept: dict[_Place, Correction], place: _Place) -> None:
    """Take back what this visitor kept."""
    try:
        store.delete([kept[place].correction_id])
        del kept[place]
    except MaskWatchError:
        st.session_state[FAILED] = True


def choice_words(choice: str) -> str:
    """A choice with its symbol."""
    if choice == NO_FACE:
        return text("correct.no_face")
    state = MaskState(choice)
    return f"{STYLES[state].symbol} {shows_words(state)}"


def shows_words(right: MaskState | None) -> str:
    """What a face shows, in words."""
    words: Mapping[MaskState | None, str] = {
        None: text("correct.no_face"),
        MaskState.UNSURE: text("correct.nobody_can_tell"),
    }
    return words.get(right) or catalogue().label(MaskState(str(right)))
