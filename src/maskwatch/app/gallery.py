"""Photos and what was found in them, as a gallery of cards, a table and files to take away."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import maskwatch
from maskwatch.app.downloads import csv_file, json_file, zip_file
from maskwatch.app.findings import plain, show_findings
from maskwatch.app.language import catalogue, text
from maskwatch.app.look import speak_changes
from maskwatch.app.pictures import FACE_PX
from maskwatch.app.session_photos import Judged, Photo, SessionPhotos, needs_attention
from maskwatch.app.why import show_why
from maskwatch.errors import ImageError
from maskwatch.schema import FrameReport
from maskwatch.style import STYLES

PER_PAGE = 8
"""Photos on one page of the gallery."""

# how wide a card is: two in a row, or one where a crowd needs the room for its labels
_CARD_PX, _ROW_PX = 344, 704
# how tall a photo is shown at most, among others and alone
_TALLEST_PX, _TALLEST_ALONE_PX = 360, 560
# so many faces or more are a crowd
_CROWD = 5
# keys of the session's state
PAGE, ATTENTION, SUMMARY = "photo_page", "attention", "photo_summary"


def show_gallery(analyzer: maskwatch.Analyzer, store: SessionPhotos, photos: list[Photo]) -> None:
    """Every photo with what was found in it; the first is there before the last is judged."""
    bar, summary, tools = st.empty(), st.container(key=SUMMARY), st.container()
    only = len(photos) > 1 and st.toggle(
        text("gallery.attention"),
        key=ATTENTION,
        help=text("gallery.attention_help"),
        on_change=go_to_1,
    )
    pager, gallery = st.container(), st.container(horizontal=True)
    first = (st.session_state.get(PAGE, 1) - 1) * PER_PAGE
    judged: list[Judged] = []
    wanted: list[Judged] = []
    for photo, found in judged_one_by_one(analyzer, store, photos, bar):
        judged.append(found)
        if only and not needs_attention(found.result):
            continue
        wanted.append(found)
        if first < len(wanted) <= first + PER_PAGE:
            with gallery:
                show_card(analyzer, store, photo, found, alone=len(photos) == 1)
    pages = max(1, math.ceil(len(wanted) / PER_PAGE))
    if st.session_state.get(PAGE, 1) > pages:  # photos were taken away
        st.session_state[PAGE] = pages
        st.rerun()
    with pager:
        if pages > 1:
            st.pagination(pages, key=PAGE)
    if only and not wanted:
        gallery.success(text("gallery.all_well"), icon=":material/check:")
    with summary:
        show_summary(judged)
    with tools:
        show_downloads(photos, judged)
    show_table(wanted)


def judged_one_by_one(
    analyzer: maskwatch.Analyzer, store: SessionPhotos, photos: Sequence[Photo], bar: DeltaGenerator
) -> Iterator[tuple[Photo, Judged]]:
    """Each photo with what was found in it; the bar tells how far it is while any is judged."""
    for index, photo in enumerate(photos):
        found = store.find(analyzer, photo)
        if found is None:
            told = text("gallery.progress", n=index + 1, all=len(photos), name=plain(photo.name))
            bar.progress(index / len(photos), told)
            found = store.judge(analyzer, photo)
        yield photo, found
    bar.empty()


def go_to_1() -> None:
    """A filter was changed: begin with the first page."""
    st.session_state[PAGE] = 1


def show_card(
    analyzer: maskwatch.Analyzer, store: SessionPhotos, photo: Photo, judged: Judged, alone: bool
) -> None:
    """A photo, what was found in it, and why."""
    report = judged.report
    wide = alone or (report is not None and len(report.faces) >= _CROWD)
    room_px = _ROW_PX if wide else _CARD_PX
    with st.container(border=True, width=room_px):
        st.markdown(f"**{plain(photo.name)}**")
        if report is None:
            assert isinstance(judged.result, ImageError)
            why = catalogue().fault(judged.result)
            st.error(text("photo.unreadable", why=why), icon=":material/error:")
            return
        show_findings(report)
        width, height = report.image_size_wh
        tallest_px = _TALLEST_ALONE_PX if alone else _TALLEST_PX
        shown_px = max(1, min(room_px, round(tallest_px * width / height)))
        st.image(
            store.marked(judged, report, max(shown_px, tallest_px), catalogue()),
            width=shown_px,
            alt=f"{photo.name}: {catalogue().counts(report.faces)}",
        )
        if report.faces:
            st.fragment(show_why)(analyzer, store, photo, judged, report)


def show_summary(judged: Sequence[Judged]) -> None:
    """All photos in one line, that a screen reader speaks when it changes."""
    say = catalogue()
    reports = [found.report for found in judged if found.report]
    parts = [
        say.counted("gallery.judged", len(judged)),
        say.counts([face for report in reports for face in report.faces]),
    ]
    if attention := sum(needs_attention(found.result) for found in judged):
        parts.append(say.counted("gallery.looks", attention))
    if unreadable := len(judged) - len(reports):
        parts.append(say.counted("gallery.broken", unreadable))
    st.markdown(f"**{' · '.join(parts)}**")
    speak_changes(SUMMARY)


def show_downloads(photos: Sequence[Photo], judged: Sequence[Judged]) -> None:
    """The results as files; those of the pictures are made when they are asked for."""
    results = [found.result for found in judged]
    found = [(photo, j.report) for photo, j in zip(photos, judged, strict=True) if j.report]
    words = catalogue().picture_words()
    with st.container(horizontal=True):
        for name, mime, data, wanted in (
            ("zip", "application/zip", partial(zip_file, found, words), bool(found)),
            ("csv", "text/csv", partial(csv_file, results), True),
            ("json", "application/x-ndjson", partial(json_file, results), True),
        ):
            suffix = "jsonl" if name == "json" else name
            st.download_button(
                text(f"downloads.{name}"),
                data,
                file_name=f"maskwatch.{suffix}",
                mime=mime,
                key=f"download_{name}",
                on_click="ignore",
                icon=":material/download:",
                disabled=not wanted,
            )


def show_table(judged: Sequence[Judged]) -> None:
    """A row for each face of all photos, where there is more than one."""
    rows: list[tuple[str, str, int, FrameReport]] = [
        (url, report.source or "", index, report)
        for report, urls in ((j.report, j.face_urls) for j in judged)
        if report
        for index, url in enumerate(urls)
    ]
    if len(rows) < 2:
        return
    say = catalogue()
    faces = [report.faces[index] for _, _, index, report in rows]
    st.subheader(text("gallery.all_faces"))
    st.dataframe(
        {
            text("table.face"): [url for url, *_ in rows],
            text("gallery.photo"): [name for _, name, *_ in rows],
            text("gallery.number"): [index + 1 for _, _, index, _ in rows],
            text("table.verdict"): [
                f"{STYLES[f.state].symbol} {say.label(f.state)}" for f in faces
            ],
            text("table.confidence"): [say.percent(face.confidence) for face in faces],
        },
        column_config={text("table.face"): st.column_config.ImageColumn(width="small")},
        row_height=FACE_PX,
        hide_index=True,
        lazy=True,  # of thousands of faces the browser gets what it shows
    )
