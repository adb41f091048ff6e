"""Asks before a reload or a closed tab takes away what only this session holds.

Pages and languages are changed without loss; a reload begins a new session, with nothing in it.
"""

from __future__ import annotations

import streamlit as st

from maskwatch.app.look import put_unseen

HELD = "held"
"""Key of the session's state: names of what would be lost. Browsers ask in words of their own."""


def hold(name: str, is_there: bool) -> None:
    """Say whether there is something of this name to lose."""
    held: set[str] = st.session_state.setdefault(HELD, set())
    (held.add if is_there else held.discard)(name)


def ask_before_leaving() -> None:
    """Have the browser ask, where there is something to lose."""
    asks = "(event) => event.preventDefault()" if st.session_state.get(HELD) else "null"
    put_unseen(f"<script>window.onbeforeunload = {asks};</script>")
