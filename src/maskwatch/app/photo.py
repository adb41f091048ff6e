"""The page: upload pictures, see each beside its annotated copy with verdict and confidence.

Run by Streamlit from top to bottom on every change. Pictures live in the memory of this process as
long as the browser shows them; nothing is written to disk.
"""

from __future__ import annotations

import os
import re

import streamlit as st
from PIL import Image

import maskwatch
from maskwatch.app.launch import MODEL_VARIABLE
from maskwatch.draw import annotate
from maskwatch.errors import ImageError, ModelError
from maskwatch.schema import FaceVerdict, ImageRGB, MaskState
from maskwatch.sources import load_image
from maskwatch.style import STYLES

# longest side of what the browser gets; more only costs time on the way
# (a comment: Streamlit prints every string that stands alone)
SCREEN_PX = 1600


@st.cache_resource(show_spinner="Loading the model ...")
def load_analyzer() -> maskwatch.Analyzer:
    """One analyzer for all browser sessions."""
    return maskwatch.Analyzer(os.environ.get(MODEL_VARIABLE) or None)


def show_page() -> None:
    """The whole page."""
    st.set_page_config(page_title="MaskWatch", page_icon=":material/masks:", layout="centered")
    st.title("MaskWatch")
    st.write(
        "Is the mask worn, worn incorrectly or missing? Upload photos of **one face each**; "
        "the whole picture is judged."
    )
    try:
        analyzer = load_analyzer()
    except ModelError as error:
        st.error(f"The model cannot be loaded. {plain(str(error))}", icon=":material/error:")
        st.stop()
    uploads = st.file_uploader(
        "Photos (JPG, JPEG or PNG)", type=["jpg", "jpeg", "png"], accept_multiple_files=True
    )
    for upload in uploads:
        with st.container(border=True):
            show_photo(analyzer, upload.name, upload.getvalue())
    if not uploads:
        show_legend()
    st.caption(
        "Photos are judged in the memory of this server and never stored. "
        f"Model: {plain(analyzer.card.name)}, {analyzer.card.sha256[:12]}."
    )


def show_photo(analyzer: maskwatch.Analyzer, name: str, content: bytes) -> None:
    """One photo: its verdict, the original and the result side by side."""
    st.markdown(f"**{plain(name)}**")
    try:
        image_rgb = load_image(content)
    except ImageError as error:
        st.error(f"This photo cannot be read: {plain(error.reason)}.", icon=":material/error:")
        return
    report = analyzer.analyze(image_rgb)
    for face in report.faces:
        show_verdict(face)
    original, result = st.columns(2)
    original.image(for_screen(image_rgb), caption="Original", width="stretch")
    result.image(for_screen(annotate(image_rgb, report)), caption="Result", width="stretch")


def show_verdict(face: FaceVerdict) -> None:
    """The verdict in words, for everyone who cannot read it off the picture."""
    st.html(badge(face.state, f"{face.confidence:.1%}"))
    ranked = sorted(face.probabilities.items(), key=lambda item: item[1], reverse=True)
    st.caption(" · ".join(f"{STYLES[state].label} {share:.1%}" for state, share in ranked))


def show_legend() -> None:
    """What the borders mean, before there is a photo to show it."""
    st.caption("Colour, line and symbol tell the verdict:")
    badges = "".join(badge(state) for state in MaskState)
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:.5rem">{badges}</div>')


def badge(state: MaskState, confidence: str = "") -> str:
    """A verdict as HTML, in the colour and line that its border has in the picture."""
    style = STYLES[state]
    colour = "#{:02x}{:02x}{:02x}".format(*style.colour)
    return (
        f'<div style="display:inline-block;border:4px {style.line.value} {colour};'
        'border-radius:.5rem;padding:.2rem .8rem">'
        f'<span aria-hidden="true">{style.symbol}</span> '
        f"<strong>{style.label}</strong> {confidence}</div>"
    )


def for_screen(image_rgb: ImageRGB) -> Image.Image:
    """The picture at a size made for the browser."""
    image = Image.fromarray(image_rgb)
    image.thumbnail((SCREEN_PX, SCREEN_PX))
    return image


def plain(text: str) -> str:
    """Text that Streamlit shows as it is, although a file name may hold Markdown."""
    return re.sub(r"([^\w\s])", r"\\\1", text)


show_page()
