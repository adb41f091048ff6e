"""The networks of the pages: loaded once for all browser sessions, named in one line."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

import maskwatch
from maskwatch.app.active import ActiveModel, active_model
from maskwatch.app.findings import plain
from maskwatch.app.language import text
from maskwatch.app.launch import DETECTOR_VARIABLE, MODEL_VARIABLE, RUNS_VARIABLE, SIDE_VARIABLE
from maskwatch.errors import ModelError, SettingError


def need_analyzer() -> maskwatch.Analyzer:
    """The one analyzer for all browsers; where there is none, the page ends with why.

    A chosen model that cannot be used gives way to the one the app was started with.
    """
    try:
        with st.spinner(text("networks.loading")):
            return _chosen_analyzer() or _load_analyzer(os.environ.get(MODEL_VARIABLE) or None)
    except (ModelError, SettingError) as error:
        st.error(text("networks.broken", why=plain(str(error))), icon=":material/error:")
        st.stop()


def chosen_model() -> ActiveModel | None:
    """The model that was chosen on the page for training, None where there is none.

    Raises:
        ModelError: the choice cannot be read.
    """
    runs = os.environ.get(RUNS_VARIABLE)
    return active_model(Path(runs)) if runs else None


def _chosen_analyzer() -> maskwatch.Analyzer | None:
    try:
        chosen = chosen_model()
        if chosen is None:
            return None
        analyzer = _load_analyzer(str(chosen.path), chosen.version())
        if analyzer.card.sha256 != chosen.sha256:
            raise ModelError(f"{chosen.path}: is no longer the file that was chosen")
        return analyzer
    except ModelError as error:
        st.warning(text("chosen.unusable", why=plain(str(error))), icon=":material/warning:")
        return None


@st.cache_resource(show_spinner=False, max_entries=3)
def _load_analyzer(model: str | None, version: tuple[int, ...] | None = None) -> maskwatch.Analyzer:
    """The analyzer with this classifier.

    Args:
        model: its file, None for the shipped one.
        version: of the file, so that a changed one is loaded anew.
    """
    detector, side = (os.environ.get(name) or None for name in (DETECTOR_VARIABLE, SIDE_VARIABLE))
    if side and not side.isdecimal():
        raise SettingError(f"{SIDE_VARIABLE}: must be a number of pixels, not {side}")
    return maskwatch.Analyzer(model, detector, int(side) if side else None)


def show_privacy(analyzer: maskwatch.Analyzer, *kept: str) -> None:
    """The last line of a page: what is not stored and what is, and which networks judge."""
    cards = (("networks.model", analyzer.card), ("networks.detector", analyzer.detector_card))
    names = (text(key, name=plain(card.name), hash=card.sha256[:12]) for key, card in cards if card)
    st.caption(" ".join((text("networks.not_stored"), *kept, *names)))
