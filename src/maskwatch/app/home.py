"""What `maskwatch app` starts: the pages, the way from one to the other, and the language."""

from __future__ import annotations

import streamlit as st

from maskwatch.app.language import choose_language, text
from maskwatch.app.look import use_look

PAGES = {
    "photo": ":material/photo_camera:",
    "live": ":material/videocam:",
    "statistics": ":material/bar_chart:",
}

st.set_page_config(page_title="MaskWatch", page_icon=":material/masks:", layout="centered")
page = st.navigation(
    [
        st.Page(
            "photo.py", title=text("pages.photo"), icon=":material/photo_camera:", default=True
        ),
        st.Page("live.py", title=text("pages.live"), icon=":material/videocam:"),
        st.Page(  # a file statistics.py beside this one would hide Python's own module
            "statistics_page.py",
            title=text("statistics.title"),
            icon=":material/bar_chart:",
            url_path="statistics",
        ),
    ],
    position="top",
)
use_look()
with st.container(horizontal=True, horizontal_alignment="right"):
    choose_language()
page.run()
