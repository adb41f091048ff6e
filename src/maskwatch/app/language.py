"""The language of this browser's pages, and the switch for it."""

from __future__ import annotations

import streamlit as st

from maskwatch.app.i18n import LANGUAGES, Catalogue, load_catalogue

LANGUAGE = "lang"
"""What holds the language: the session's state, and at first the page's address (?lang=id)."""

_DEFAULT = "en"


def catalogue() -> Catalogue:
    """The words of this session; until there is a choice, those of its address or its browser."""
    wishes = (
        st.session_state.get(LANGUAGE),
        st.query_params.get(LANGUAGE),
        (st.context.locale or "").partition("-")[0],
    )
    return load_catalogue(next((code for code in wishes if code in LANGUAGES), _DEFAULT))


def text(key: str, /, **values: object) -> str:
    """A text in the session's language; see Catalogue.text."""
    return catalogue().text(key, **values)


def choose_language() -> None:
    """The switch between the languages."""
    st.session_state.setdefault(LANGUAGE, catalogue().code)
    st.segmented_control(
        " / ".join(load_catalogue(code).text("pages.language") for code in LANGUAGES),
        list(LANGUAGES),
        format_func=LANGUAGES.__getitem__,
        required=True,
        key=LANGUAGE,
        label_visibility="collapsed",
    )
    # a reload begins a new session, which finds it here
    st.query_params[LANGUAGE] = catalogue().code
