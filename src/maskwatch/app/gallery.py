"""Photos and what was found in them, as a gallery of cards, a table and files to take away."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

import maskwatch
from maskwatch.app.components import (
    FACE_PX,
    choose_face,
    data_url,
    face_names,
    jpeg,
    plain,
    show_findings,
    strong,
)
from maskwatch.app.correcting import offer_correction
from maskwatch.app.heat import (
    HEAT_PX,
    WEAK,
    full_scale,
    heat_picture,
    legend_strip,
    place_of,
    saved_picture,
)
from maskwatch.app.language import catalogue, text
from maskwatch.app.look import speak_changes
from maskwatch.app.photos import (
    Judged,
    Photo,
    SessionPhotos,
    Why,
    csv_file,
    json_file,
    marked_file,
    needs_attention,
    photo_answers,
    zip_file,
    zip_names,
)
from maskwatch.app.quality_hints import quality_lines
from maskwatch.app.second_model import offer_second
from maskwatch.errors import ImageError
from maskwatch.io.style import STYLES, hex_colour
from maskwatch.schema import FaceVerdict, FrameReport

PER_PAGE = 8
"""Photos on one page of the gallery."""

# how wide a card is: three stand in a window of 1280 pixels, or one where a crowd needs the room
_CARD_PX, _ROW_PX = 396, 808
# how tall a photo is shown at most: among others, and alone on the first screen of 800 pixels
_TALLEST_PX, _TALLEST_ALONE_PX = 360, 430
# so many faces or more are a crowd
_CROWD = 5
# keys of the session's state
PAGE, ATTENTION, SUMMARY, BLUR = "photo_page", "attention", "photo_summary", "blur"


def show_gallery(analyzer: maskwatch.Analyzer, store: SessionPhotos, photos: list[Photo]) -> None:
    """Every photo with what was found in it; the first is there before the last is judged."""
    bar = st.empty()
    with st.container(horizontal=True, vertical_alignment="center"):
        summary, tools = st.container(key=SUMMARY), st.container(width="content")
        only = len(photos) > 1 and st.toggle(
            text("gallery.attention"),
            key=ATTENTION,
            help=text("gallery.attention_help"),
            on_change=go_to_1,
            persist_state="session",
        )
        if store.given:
            st.button(text("intake.clear"), on_click=store.given.clear, icon=":material/delete:")
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


def is_blurred() -> bool:
    """Whether heads in marked photos are made too coarse to tell who."""
    return bool(st.session_state.get(BLUR))


def go_to_1() -> None:
    """A filter was changed: begin with the first page."""
    st.session_state[PAGE] = 1


def show_card(
    analyzer: maskwatch.Analyzer, store: SessionPhotos, photo: Photo, judged: Judged, alone: bool
) -> None:
    """A photo, what was found in it, and why."""
    report = judged.report
    crowd = report is not None and len(report.faces) >= _CROWD
    width: Literal["stretch"] | int = "stretch" if alone else _ROW_PX if crowd else _CARD_PX
    with st.container(border=True, width=width, gap="xsmall"):
        show_name(store, photo)
        if report is None:
            assert isinstance(judged.result, ImageError)
            why = catalogue().fault(judged.result)
            st.error(text("photo.unreadable", why=why), icon=":material/error:")
            return
        if not alone or len(report.faces) < 2:  # of more, the line above has told
            show_findings(report)
        alt = f"{photo.name}: {catalogue().counts(report.faces)}"
        if alone:
            result, original = st.columns([3, 1] if crowd else 2)
            room_px, tallest_px = _ROW_PX, _TALLEST_ALONE_PX
            fit_px = shown_px(report, room_px, tallest_px)
            if not is_blurred():
                original.image(judged.screen_jpeg, width=fit_px, alt=photo.name)
                original.caption(text("photo.original"))
        else:
            result, room_px, tallest_px = st.container(), int(width), _TALLEST_PX
            fit_px = shown_px(report, room_px, tallest_px)
        marked = store.marked(judged, report, max(fit_px, tallest_px), catalogue(), is_blurred())
        result.image(marked, width=fit_px, alt=alt)
        if report.faces:
            st.fragment(show_why)(analyzer, store, photo, judged, report)
            st.fragment(offer_second)(analyzer, photo, judged, report, alone, is_blurred())
            st.fragment(offer_correction)(photo_answers(photo, judged, face_names(report)))


def show_name(store: SessionPhotos, photo: Photo) -> None:
    """The name of a photo, and the way to take the photo away where the visitor gave it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(strong(photo.name), width="stretch")
        if photo in store.given:
            st.button(
                text("intake.remove"),
                key=f"remove-{photo.upload_id}",
                on_click=store.remove,
                args=(photo.upload_id,),
                type="tertiary",
                icon=":material/close:",
            )


def shown_px(report: FrameReport, room_px: int, tallest_px: int) -> int:
    """How wide a photo is shown."""
    width, height = report.image_size_wh
    return max(1, min(room_px, round(tallest_px * width / height)))


def show_summary(judged: Sequence[Judged]) -> None:
    """All photos in one line, that a screen reader speaks when it changes."""
    say = catalogue()
    reports = [found.report for found in judged if found.report]
    parts = [
        say.counted("gallery.judged", len(judged)),
        say.counts([face for report in reports for face in report.faces]),
    ]
    attention = sum(needs_attention(found.result) for found in judged)
    if attention and len(judged) > 1:
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
    with st.popover(text("downloads.title"), icon=":material/download:"):
        help_text = text("gallery.blur_help")
        st.toggle(text("gallery.blur"), key=BLUR, help=help_text, persist_state="session")
        if len(found) == 1:
            photo, report = found[0]
            (name,) = zip_names([photo.name])
            data = partial(marked_file, photo, report, words, is_blurred())
            offer_file("photo", f"marked-{name}", "image/jpeg", data)
        elif found:
            data = partial(zip_file, found, words, is_blurred())
            offer_file("zip", "maskwatch.zip", "application/zip", data)
        offer_file("csv", "maskwatch.csv", "text/csv", partial(csv_file, results))
        jsonl = "application/x-ndjson"
        offer_file("json", "maskwatch.jsonl", jsonl, partial(json_file, results))


def offer_file(name: str, file_name: str, mime: str, data: Callable[[], str | bytes]) -> None:
    """A button for a file, which is made when it is pressed."""
    st.download_button(
        text(f"downloads.{name}"),
        data,
        file_name=file_name,
        mime=mime,
        key=f"download_{name}",
        on_click="ignore",
        width="stretch",
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
    st.header(text("gallery.all_faces"))
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


# Why a face got its verdict: what the network saw, what it made of it, and what that rests on.

# two beside each other fit on a telephone
_PICTURE_PX = 144


def show_why(
    analyzer: maskwatch.Analyzer,
    store: SessionPhotos,
    photo: Photo,
    judged: Judged,
    report: FrameReport,
) -> None:
    """A switch, and behind it why a face got its verdict; nothing is computed before."""
    if not st.toggle(text("why.ask"), key=f"why-{photo.upload_id}"):
        return
    index = choose_face(face_names(report), f"face-{photo.upload_id}")
    try:
        with st.spinner(text("why.asking")):
            why = store.why(analyzer, photo, judged, index)
    except ImageError as error:  # it could be opened before
        words = catalogue().fault(error)
        st.error(text("photo.unreadable", why=words), icon=":material/error:")
        return
    show_pictures(why, f"why-{index + 1}-{zip_names([photo.name])[0]}")
    show_probabilities(report.faces[index])
    quality = report.faces[index].quality
    if quality is not None:
        st.markdown(f"**{text('why.seen')}**")
        lines = quality_lines(catalogue(), quality)
        st.markdown("  \n".join(plain(line) for line in lines))


def show_pictures(why: Why, file_name: str) -> None:
    """What the network saw, and on it where the verdict rests; also as a file of this name."""
    say, explanation = catalogue(), why.explanation
    label, most = say.label(explanation.state), float(explanation.drop.max())
    numbers = {
        "state": label,
        "before": say.percent(explanation.probability),
        "after": say.percent(explanation.probability - most),
        "place": text(f"places.{place_of(explanation.drop)}"),
    }
    told = text("why.nowhere" if most < WEAK else "why.somewhere", **numbers)
    with st.container(horizontal=True):
        st.image(why.crop_rgb, caption=text("why.crop"), width=_PICTURE_PX, alt=text("why.crop"))
        st.image(
            heat_picture(why.crop_rgb, explanation.drop),
            caption=text("why.heat"),
            width=_PICTURE_PX,
            alt=told,
        )
    st.html(
        f'<div style="max-width:{HEAT_PX}px">'
        f'<img src="{data_url(legend_strip())}" alt="" style="width:100%;height:14px">'
        '<div style="display:flex;justify-content:space-between;font-size:.875rem">'
        f"<span>{say.percent(0, 0)}</span><span>{text('why.legend')}</span>"
        f"<span>{say.percent(full_scale(explanation.drop), 0)}</span></div></div>"
    )
    st.markdown(told)
    st.caption(text("why.means"))
    st.download_button(
        text("why.save"),
        lambda: jpeg(Image.fromarray(saved_picture(why.crop_rgb, explanation.drop, told)), 92),
        file_name=file_name,
        mime="image/jpeg",
        key=f"save-{file_name}",
        on_click="ignore",
        icon=":material/download:",
    )


def show_probabilities(face: FaceVerdict) -> None:
    """The three states as bars, the likeliest first, each with its symbol, words and number."""
    say = catalogue()
    ranked = sorted(face.probabilities.items(), key=lambda item: item[1], reverse=True)
    bars = "".join(
        '<li style="margin:0 0 .4rem 0">'
        f'<span aria-hidden="true">{STYLES[state].symbol}</span> {say.label(state)} '
        f"<strong>{say.percent(share)}</strong>"
        '<div aria-hidden="true" style="height:.6rem;border-radius:.3rem;'
        'background:color-mix(in srgb, currentColor 12%, transparent)">'
        f'<div style="height:100%;border-radius:.3rem;width:{100 * share:.1f}%;'
        f'background:{hex_colour(STYLES[state].colour)}"></div></div></li>'
        for state, share in ranked
    )
    st.html(f'<ul style="list-style:none;padding:0;margin:0">{bars}</ul>')
