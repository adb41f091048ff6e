"""What was found in a picture, as elements of a page: words, the marked picture, a list."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import streamlit as st
from PIL import Image

import maskwatch
from maskwatch.app.decoders import open_photo
from maskwatch.app.language import catalogue, text
from maskwatch.errors import ImageError
from maskwatch.io.blur import blur_heads
from maskwatch.io.draw import annotate
from maskwatch.io.images import load_image
from maskwatch.io.style import STYLES, Words, hex_colour, verdict_text
from maskwatch.schema import FaceOrigin, FaceVerdict, FrameReport, ImageRGB, MaskState
from maskwatch.vision.crop import crop_faces


def show_photo(analyzer: maskwatch.Analyzer, content: bytes) -> None:
    """One photo: what was found, in words, in the picture beside the original, and as a list."""
    try:
        with open_photo(content) as image_rgb:
            show_judged(image_rgb, analyzer.analyze(image_rgb))
    except ImageError as error:
        st.error(text("photo.unreadable", why=catalogue().fault(error)), icon=":material/error:")


def show_judged(image_rgb: ImageRGB, report: FrameReport) -> None:
    """What was found in a photo that was opened."""
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
    say, states = catalogue(), [face.state for face in report.faces]
    st.dataframe(
        {
            text("table.face"): little_pictures(image_rgb, report.faces),
            text("gallery.number"): list(range(1, len(states) + 1)),
            text("table.verdict"): [f"{STYLES[s].symbol} {say.label(s)}" for s in states],
            text("table.confidence"): [say.percent(face.confidence) for face in report.faces],
        },
        column_config={text("table.face"): st.column_config.ImageColumn(width="small")},
        row_height=FACE_PX,
        hide_index=True,
    )


def face_names(report: FrameReport) -> list[str]:
    """Each face of a report in words, to choose one by."""
    words = catalogue().picture_words()
    return [f"{i}: {verdict_text(face, words)}" for i, face in enumerate(report.faces, 1)]


def choose_face(names: Sequence[str], key: str) -> int:
    """Which of some faces is meant; the only one where there are no others."""
    if len(names) == 1:
        return 0
    return st.selectbox(
        text("table.face"), range(len(names)), format_func=lambda i: names[i], key=key
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
    colour = hex_colour(style.colour)
    return (
        f'<div style="display:inline-block;border:4px {style.line.value} {colour};'
        'border-radius:.5rem;padding:.2rem .8rem">'
        f'<span aria-hidden="true">{style.symbol}</span> {words}</div>'
    )


def plain(text: str) -> str:
    """Text that Streamlit shows as it is, although a file name may hold Markdown."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)  # Markdown takes no others back


def strong(text: str) -> str:
    """The same in bold; beside a space, Markdown would show the asterisks themselves."""
    return f"**{plain(text.strip())}**"


# Pictures as a browser gets them: small enough, marked, as JPEG; without Streamlit.

SCREEN_PX = 1600
"""Longest side of what the browser gets; more only costs time on the way."""

CAMERA_PX = 560
"""How wide the camera is shown at most, so that its button stands on the first screen."""

FACE_PX = 64
"""Side of the little pictures of faces in lists."""


def for_screen(image_rgb: ImageRGB) -> Image.Image:
    """The picture at a size made for the browser."""
    height, width = image_rgb.shape[:2]
    ratio = SCREEN_PX / max(width, height)
    if ratio >= 1:
        return Image.fromarray(image_rgb)
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    # three times as fast as Pillow, and a large photo is waited for
    return Image.fromarray(cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA))


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    """The picture as a file."""
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return content.getvalue()


def data_url(image_rgb: ImageRGB) -> str:
    """The picture as an address that holds it."""
    content = jpeg(Image.fromarray(image_rgb))
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def little_pictures(image_rgb: ImageRGB, faces: Sequence[FaceVerdict]) -> list[str]:
    """Each of these faces of a picture as an address that holds it."""
    boxes_xyxy = np.array([face.box_xyxy for face in faces], float).reshape(-1, 4)
    return [
        data_url(crop) for crop in crop_faces(image_rgb, boxes_xyxy, FACE_PX, margin_ratio=0.15)
    ]


def marked_jpeg(
    screen_jpeg: bytes, report: FrameReport, shown_px: int, words: Words, blur: bool = False
) -> bytes:
    """The picture with what was found drawn on it.

    Args:
        screen_jpeg: the picture, perhaps smaller than it was when it was judged.
        report: what was found in it at its full size.
        shown_px: how large its longer side is shown.
        words: what is written.
        blur: whether heads are made too coarse to tell who.
    """
    image_rgb = load_image(screen_jpeg)
    height, width = image_rgb.shape[:2]
    fitted = scaled(report, (width, height))
    image_rgb = blur_heads(image_rgb, fitted) if blur else image_rgb
    return jpeg(Image.fromarray(annotate(image_rgb, fitted, shown_px, words)))


def scaled(report: FrameReport, size_wh: tuple[int, int]) -> FrameReport:
    """The report as it is of the same picture in another size."""
    ratio_wh = np.divide(size_wh, report.image_size_wh)
    faces = []
    for face in report.faces:
        left, top, right, bottom = np.multiply(face.box_xyxy, np.tile(ratio_wh, 2)).tolist()
        faces.append(replace(face, box_xyxy=(left, top, right, bottom)))
    return replace(report, faces=tuple(faces), image_size_wh=size_wh)
