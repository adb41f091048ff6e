"""The networks of the pages: loaded once for all browser sessions, named in one line."""

from __future__ import annotations

import os

import streamlit as st

import maskwatch
from maskwatch.app.findings import plain
from maskwatch.app.language import text
from maskwatch.app.launch import DETECTOR_VARIABLE, MODEL_VARIABLE, SIDE_VARIABLE
from maskwatch.errors import ModelError, SettingError


def need_analyzer() -> maskwatch.Analyzer:
    """The one analyzer for all browsers; where there is none, the page ends with why."""
    try:
        with st.spinner(text("networks.loading")):
            return _load_analyzer()
    except (ModelError, SettingError) as error:
        st.error(text("networks.broken", why=plain(str(error))), icon=":material/error:")
        st.stop()


@st.cache_resource(show_spinner=False)
def _load_analyzer() -> maskwatch.Analyzer:
    model, detector, side = (
        os.environ.get(name) or None for name in (MODEL_VARIABLE, DETECTOR_VARIABLE, SIDE_VARIABLE)
    )
    if side and not side.isdecimal():
        raise SettingError(f"{SIDE_VARIABLE}: must be a number of pixels, not {side}")
    return maskwatch.Analyzer(model, detector, int(side) if side else None)


def show_privacy(analyzer: maskwatch.Analyzer, *kept: str) -> None:
    """The last line of a page: what is not stored and what is, and which networks judge."""
    cards = (("networks.model", analyzer.card), ("networks.detector", analyzer.detector_card))
    names = (text(key, name=plain(card.name), hash=card.sha256[:12]) for key, card in cards if card)
    st.caption(" ".join((text("networks.not_stored"), *kept, *names)))
