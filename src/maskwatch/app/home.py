"""What `maskwatch app` starts: the pages and the way from one to the other."""

from __future__ import annotations

import streamlit as st

st.set_page_config(page_title="MaskWatch", page_icon=":material/masks:", layout="centered")
st.navigation(
    [
        st.Page("photo.py", title="Photo", icon=":material/photo_camera:", default=True),
        st.Page("live.py", title="Live", icon=":material/videocam:"),
    ],
    position="top",
).run()
