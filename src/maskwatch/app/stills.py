"""Single pictures of the browser's camera instead of video, each judged like a photo."""

from __future__ import annotations

import streamlit as st

import maskwatch
from maskwatch.app.components import CAMERA_PX, show_legend, show_photo
from maskwatch.app.kept import KeptFile, count_in, take_over
from maskwatch.app.language import text
from maskwatch.app.leaving import hold

# keys of the session's state
PICTURE, TAKEN = "still_picture", "still_taken"


def show_still(analyzer: maskwatch.Analyzer) -> None:
    """A picture on request; it stays until the next."""
    st.camera_input(
        text("live.take_picture"),
        resolution="1080p",
        width=CAMERA_PX,
        key=PICTURE,
        on_change=take_still,
    )
    taken: KeptFile | None = st.session_state.get(TAKEN)
    hold(TAKEN, taken is not None)
    if taken:
        show_photo(analyzer, taken.content)
    else:
        show_legend()


def take_still() -> None:
    """Keep what the camera took, or forget it where it was thrown away."""
    given = take_over(st.session_state[PICTURE])
    if given:
        st.session_state[TAKEN] = KeptFile(given[0][2])
        count_in(st.session_state[TAKEN])
    elif st.session_state[PICTURE] is None:
        st.session_state.pop(TAKEN, None)
