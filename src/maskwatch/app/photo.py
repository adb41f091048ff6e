"""The page for photos: upload some, see each beside its copy with a border and label on every face.

Run by Streamlit from top to bottom on every change. Pictures live in the memory of this process as
long as the browser shows them; nothing is written to disk.
"""

from __future__ import annotations

import streamlit as st

from maskwatch.app.findings import plain, show_legend, show_photo
from maskwatch.app.language import text
from maskwatch.app.networks import need_analyzer, show_privacy


def show_page() -> None:
    """The whole page."""
    st.title(text("photo.title"))
    st.write(text("photo.intro"))
    analyzer = need_analyzer()
    uploads = st.file_uploader(
        text("photo.upload"), type=["jpg", "jpeg", "png", "webp"], accept_multiple_files=True
    )
    for upload in uploads:
        with st.container(border=True):
            st.markdown(f"**{plain(upload.name)}**")
            show_photo(analyzer, upload.getvalue())
    if not uploads:
        show_legend()
    show_privacy(analyzer)


show_page()
