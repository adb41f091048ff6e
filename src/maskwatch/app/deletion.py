"""How a visitor deletes all statistics: after a question."""

from __future__ import annotations

import streamlit as st

from maskwatch.app import keeping
from maskwatch.app.language import text
from maskwatch.bookkeeping import Ledger
from maskwatch.errors import StoreError


def offer_deletion(ledger: Ledger) -> None:
    """The button, and the question behind it."""
    if st.button(text("statistics.delete"), icon=":material/delete:"):
        st.dialog(text("statistics.delete"))(confirm_deletion)(ledger)


def confirm_deletion(ledger: Ledger) -> None:
    """Ask before everything is gone."""
    st.write(text("statistics.delete_sure"))
    with st.container(horizontal=True):
        if st.button(text("statistics.delete_yes"), type="primary"):
            try:
                ledger.purge()
            except StoreError as error:
                keeping.show_fault(error)
            else:
                st.rerun()
        if st.button(text("statistics.delete_no")):
            st.rerun()
