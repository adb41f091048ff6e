"""What was found in a picture, as elements of a page: words, the marked picture, a list."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import streamlit as st

import maskwatch
from maskwatch.app.language import catalogue, text
from maskwatch.app.pictures import FACE_PX, data_url, for_screen
from maskwatch.crop import crop_faces
from maskwatch.draw import annotate
from maskwatch.errors import ImageError
from maskwatch.schema import FaceOrigin, FaceVerdict, FrameReport, ImageRGB, MaskState
from maskwatch.sources import load_image
from maskwatch.style import STYLES


def show_photo(analyzer: maskwatch.Analyzer, content: bytes) -> None:
    """One photo: what was found, in words, in the picture beside the original, and as a list."""
    try:
        image_rgb = load_image(content)
    except ImageError as error:
        st.error(text("photo.unreadable", why=catalogue().fault(error)), icon=":material/error:")
        return
    report = analyzer.analyze(image_rgb)
    show_findings(report)
    if len(report.faces) > 1:  # labels of many faces need the whole width
        result, original = st.container(), st.container()
    else:
        original, result = st.columns(2)
    marked_rgb = annotate(image_rgb, report, words=catalogue().picture_words())
    original.image(for_screen(image_rgb), caption=text("photo.original"), width="stretch")
    result.image(for_screen(marked_rgb), caption=text("photo.result"), width="stretch")
    if len(report.faces) > 1:
        show_list(image_rgb, report)


def show_findings(report: FrameReport) -> None:
    """What was found, in words, for everyone who cannot read it off the picture."""
    if not report.faces:
        st.info(text("photo.no_face"), icon=":material/search_off:")
    elif len(report.faces) == 1:
        show_verdict(report.faces[0])
    else:
        st.markdown(f"**{catalogue().counts(report.faces)}**")
    if report.face_origin is FaceOrigin.WHOLE_IMAGE:
        st.info(text("photo.whole_image"), icon=":material/crop_free:")


def show_verdict(face: FaceVerdict) -> None:
    """The verdict on the only face, with the probability of each state."""
    say = catalogue()
    st.html(badge(face.state, say.percent(face.confidence)))
    ranked = sorted(face.probabilities.items(), key=lambda item: item[1], reverse=True)
    st.caption(" · ".join(f"{say.label(state)} {say.percent(share)}" for state, share in ranked))


def show_list(image_rgb: ImageRGB, report: FrameReport) -> None:
    """A row for each face, in reading order."""
    boxes_xyxy = np.array([face.box_xyxy for face in report.faces])
    crops = crop_faces(image_rgb, boxes_xyxy, FACE_PX, margin_ratio=0.15)
    say, states = catalogue(), [face.state for face in report.faces]
    st.dataframe(
        {
            text("table.face"): [data_url(crop) for crop in crops],
            text("table.verdict"): [f"{STYLES[s].symbol} {say.label(s)}" for s in states],
            text("table.confidence"): [say.percent(face.confidence) for face in report.faces],
        },
        column_config={text("table.face"): st.column_config.ImageColumn(width="small")},
        row_height=FACE_PX,
        hide_index=True,
    )


def show_legend() -> None:
    """What the borders mean, before there is a photo to show it."""
    st.caption(text("legend.intro"))
    show_badges(MaskState)


def show_badges(states: Iterable[MaskState]) -> None:
    """What each state looks like, side by side."""
    badges = "".join(badge(state) for state in states)
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:.5rem">{badges}</div>')


def badge(state: MaskState, confidence: str = "") -> str:
    """A verdict as HTML, in the colour and line that its border has in the picture."""
    return framed(state, f"<strong>{catalogue().label(state)}</strong> {confidence}")


def framed(state: MaskState, words: str) -> str:
    """Words about a state as HTML, with its symbol, in the colour and line of its border."""
    style = STYLES[state]
    colour = "#{:02x}{:02x}{:02x}".format(*style.colour)
    return (
        f'<div style="display:inline-block;border:4px {style.line.value} {colour};'
        'border-radius:.5rem;padding:.2rem .8rem">'
        f'<span aria-hidden="true">{style.symbol}</span> {words}</div>'
    )


def plain(text: str) -> str:
    """Text that Streamlit shows as it is, although a file name may hold Markdown."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)  # Markdown takes no others back
