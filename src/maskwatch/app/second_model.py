"""Two models on one photo: the one in use, and another one of this server, on the same faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

import maskwatch
from maskwatch.app.components import marked_jpeg, plain
from maskwatch.app.decoders import open_photo
from maskwatch.app.language import catalogue, text
from maskwatch.app.photos import Judged, Photo
from maskwatch.app.session import analyzer_of, app_settings, model_in_use
from maskwatch.app.settings import can_train
from maskwatch.errors import ImageError, ModelError
from maskwatch.io.style import STYLES, verdict_text
from maskwatch.models.card import SHIPPED_MODEL
from maskwatch.schema import Face, FrameReport

# how large each of the two pictures is shown at most
_SHOWN_PX = 700


def offer_second(
    analyzer: maskwatch.Analyzer,
    photo: Photo,
    judged: Judged,
    report: FrameReport,
    alone: bool,
    blur: bool,
) -> None:
    """A switch, and behind it what another model says; nothing where there is no other.

    Args:
        analyzer: the model in use.
        photo: the photo.
        judged: what is kept of it.
        report: what the model in use says.
        alone: whether there is room for two pictures beside each other.
        blur: whether heads in them are made too coarse to tell who.
    """
    others = other_models(model_in_use(analyzer))
    if not others or not st.toggle(text("second.ask"), key=f"second-{photo.upload_id}"):
        return
    chosen = st.selectbox(text("second.choose"), list(others), key=f"other-{photo.upload_id}")
    try:
        other = analyzer_of(others.get(chosen) or next(iter(others.values())))
        if other.card == analyzer.card:  # one network may be calibrated in two ways
            st.info(text("second.same"), icon=":material/equal:")
            return
        second = judge_again(other, photo, report)
    except (ModelError, ImageError) as error:
        st.error(text("second.broken", why=plain(str(error))), icon=":material/error:")
        return
    show_pictures(judged, (report, second), alone, blur)
    show_difference(report, second)


def other_models(in_use: Path) -> dict[str, Path]:
    """What else this server has, by names for people: the app's own models, those of its runs."""
    given = app_settings().model
    found = {text("second.shipped"): SHIPPED_MODEL}
    if given is not None:
        found[text("second.given")] = given
    runs = app_settings().runs
    if runs is not None and can_train():
        from maskwatch.training.jobs.folder import State, list_jobs  # needs the extra

        jobs = (job for job in list_jobs(runs) if job.status().state is State.FINISHED)
        found |= {job.name: job.model_path for job in jobs}
    return {name: path for name, path in found.items() if path.absolute() != in_use}


def judge_again(other: maskwatch.Analyzer, photo: Photo, report: FrameReport) -> FrameReport:
    """What another model says of the same faces."""
    faces = [Face(one.box_xyxy, one.detection_score, one.landmarks_xy) for one in report.faces]
    with open_photo(photo.content) as image_rgb:
        verdicts = other.judge(image_rgb, faces, report.face_origin)
    return replace(report, faces=verdicts, model=other.card.name)


def show_pictures(judged: Judged, reports: Sequence[FrameReport], alone: bool, blur: bool) -> None:
    """The marked photo of each model, side by side where there is room."""
    say = catalogue()
    places = st.columns(2) if alone else [st.container() for _ in reports]
    for place, report in zip(places, reports, strict=True):
        alt = f"{report.model}: {say.counts(report.faces)}"
        picture = marked_jpeg(judged.screen_jpeg, report, _SHOWN_PX, say.picture_words(), blur)
        place.image(picture, caption=plain(report.model), width="stretch", alt=alt)


def show_difference(first: FrameReport, second: FrameReport) -> None:
    """On how many faces they agree, and a row for each."""
    pairs = list(zip(first.faces, second.faces, strict=True))
    same = sum(a.state is b.state for a, b in pairs)
    say, words = catalogue(), catalogue().picture_words()
    st.markdown(text("second.agree", same=say.whole(same), n=say.whole(len(pairs))))
    names = (first.model, second.model)
    if names[0] == names[1]:  # runs of one recipe
        names = (names[0], f"{names[1]} (2)")
    cells = [
        [f"{STYLES[face.state].symbol} {verdict_text(face, words)}" for face in pair]
        for pair in pairs
    ]
    st.table(
        {
            text("gallery.number"): list(range(1, len(pairs) + 1)),
            names[0]: [a for a, _ in cells],
            names[1]: [b for _, b in cells],
            text("second.differ"): ["≠" if a.state is not b.state else "" for a, b in pairs],
        }
    )
