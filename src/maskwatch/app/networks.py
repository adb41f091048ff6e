"""The networks of the pages: loaded once for all browser sessions, named in one line."""

from __future__ import annotations

import os

import streamlit as st

import maskwatch
from maskwatch.app.findings import plain
from maskwatch.app.launch import DETECTOR_VARIABLE, MODEL_VARIABLE, SIDE_VARIABLE
from maskwatch.errors import ModelError, SettingError


def need_analyzer() -> maskwatch.Analyzer:
    """The one analyzer for all browsers; where there is none, the page ends with why."""
    try:
        return _load_analyzer()
    except (ModelError, SettingError) as error:
        st.error(f"The models cannot be loaded. {plain(str(error))}", icon=":material/error:")
        st.stop()


@st.cache_resource(show_spinner="Loading the model ...")
def _load_analyzer() -> maskwatch.Analyzer:
    model, detector, side = (
        os.environ.get(name) or None for name in (MODEL_VARIABLE, DETECTOR_VARIABLE, SIDE_VARIABLE)
    )
    if side and not side.isdecimal():
        raise SettingError(f"{SIDE_VARIABLE}: must be a number of pixels, not {side}")
    return maskwatch.Analyzer(model, detector, int(side) if side else None)


def show_privacy(analyzer: maskwatch.Analyzer, what: str) -> None:
    """The last line of a page: nothing is stored, and which networks judge.

    Args:
        analyzer: what judges.
        what: what it judges, in the plural.
    """
    cards = (("Model", analyzer.card), ("Detector", analyzer.detector_card))
    names = (f"{role}: {plain(card.name)}, {card.sha256[:12]}." for role, card in cards if card)
    st.caption(
        f"{what} are judged in the memory of this server and never stored. {' '.join(names)}"
    )
