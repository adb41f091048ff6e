"""What `maskwatch app` starts: the pages, the way from one to the other, and the language."""

from __future__ import annotations

import os

import streamlit as st

from maskwatch.app.language import choose_language, text
from maskwatch.app.launch import RUNS_VARIABLE, can_train
from maskwatch.app.look import use_look

PAGES = {
    "photo": ":material/photo_camera:",
    "live": ":material/videocam:",
    "statistics": ":material/bar_chart:",
    "model": ":material/insights:",
}
if os.environ.get(RUNS_VARIABLE) and can_train():
    PAGES["train"] = ":material/model_training:"

# an emoji, for a Material symbol would be fetched from Google by every visitor's browser
st.set_page_config(page_title="MaskWatch", page_icon="😷", layout="centered")
page = st.navigation(
    [
        st.Page(
            # a file statistics.py beside this one would hide Python's own module
            "statistics_page.py" if name == "statistics" else f"{name}.py",
            title=text(f"pages.{name}"),
            icon=icon,
            url_path=name,
            default=name == "photo",
        )
        for name, icon in PAGES.items()
    ],
    position="top",
)
use_look()
with st.container(horizontal=True, horizontal_alignment="right"):
    choose_language()
page.run()
