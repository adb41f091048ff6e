"""What `maskwatch app` starts: the pages, the way from one to the other, and the language."""

from __future__ import annotations

import gc

import streamlit as st

from maskwatch.app.browser_camera import HIDING
from maskwatch.app.intake import ask_before_leaving
from maskwatch.app.language import choose_language, text
from maskwatch.app.look import use_look
from maskwatch.app.session import app_settings
from maskwatch.app.settings import can_train

PAGES = {
    "photo": ":material/photo_camera:",
    "film": ":material/movie:",
    "live": ":material/videocam:",
    "statistics": ":material/bar_chart:",
    "model": ":material/insights:",
}
if app_settings().corrections:
    PAGES["corrections"] = ":material/rate_review:"
if app_settings().runs and can_train():
    PAGES["train"] = ":material/model_training:"

# of pages whose address is another word than their file
FILES = {"photo": "photos"}

# pages of pictures, which the whole window is for
WIDE = {"photo", "film", "live"}

# an emoji, for a Material symbol, as pages have, would be fetched from Google by every browser
st.set_page_config(page_icon="😷", layout="wide")
page = st.navigation(
    [
        st.Page(
            f"views/{FILES.get(name, name)}.py",
            title=text(f"pages.{name}"),
            icon=icon,
            url_path=name,
            default=name == "photo",
        )
        for name, icon in PAGES.items()
    ],
    position="top",
)
st.set_page_config(page_title=f"{page.title} · MaskWatch")
use_look((page.url_path or "photo") in WIDE, HIDING)
choose_language()
try:
    page.run()
finally:
    # Streamlit itself would have it after every part of a page as well, of live video each second
    gc.collect()
ask_before_leaving()
