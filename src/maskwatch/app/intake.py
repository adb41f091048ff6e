"""A field for a visitor's files, and the question before a reload or a closed tab loses them.

The field is empty again once its files were taken over. Pages and languages are changed without
loss; a reload begins a new session, with nothing in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from maskwatch.app.kept import take_over
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


Given = list[tuple[str, str, bytes]]
"""Of each file the upload, the name and the content."""


def round_of(name: str) -> int:
    """How often something was taken from this field; for keys of what begins anew with it."""
    return int(st.session_state.get(_round_key(name), 0))


def offer_field(
    name: str,
    label: str,
    suffixes: Sequence[str],
    take: Callable[[Given], object],
    several: bool = False,
    limit_mb: int | None = None,
) -> None:
    """Show the field.

    Args:
        name: of the field, unlike that of any other.
        label: what it is for.
        suffixes: of files that it takes.
        take: gets what was given.
        several: whether it takes several files at a time.
        limit_mb: how large a file may be; None for the limit of all fields.
    """
    key = f"{name}-{round_of(name)}"
    st.file_uploader(
        label,
        type=list(suffixes),
        accept_multiple_files=several,
        max_upload_size=limit_mb,
        key=key,
        on_change=_take,
        args=(name, key, take),
    )


def _take(name: str, key: str, take: Callable[[Given], object]) -> None:
    if given := take_over(st.session_state[key]):
        st.session_state[_round_key(name)] = round_of(name) + 1
        take(given)


def _round_key(name: str) -> str:
    return f"{name}-round"
