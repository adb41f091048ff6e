"""The page for a film: it is judged from start to end, and comes back marked, with a table."""

from __future__ import annotations

import logging
from functools import partial

import streamlit as st

import maskwatch
from maskwatch.app.components import little_pictures, show_legend, strong
from maskwatch.app.correcting import Answers, offer_correction, privacy_words
from maskwatch.app.film import FILM_MB, FILM_SUFFIXES, Film, FilmState
from maskwatch.app.film_process import FilmOrder
from maskwatch.app.intake import Given, hold, offer_field, round_of
from maskwatch.app.kept import count_in
from maskwatch.app.language import catalogue, text
from maskwatch.app.look import speak_changes
from maskwatch.app.people import show_people
from maskwatch.app.session import app_settings, model_in_use, need_analyzer, show_privacy
from maskwatch.io.style import verdict_text

# keys of the session's state
FILM, REFUSED, BLUR = "film", "film_refused", "film_blur"
SPOKEN, SEEN_END = "film_spoken", "film_seen_end"

FIELD = "film-upload"

# the film stands on the first screen with its numbers
_STAGE_PX = 720


def show_page() -> None:
    """The whole page."""
    st.title(text("pages.film"))
    analyzer = need_analyzer()
    film: Film | None = st.session_state.get(FILM)
    take_film(analyzer, film)
    hold(FILM, film is not None)
    if film:
        every_s = None if film.state.ended else 1.0
        st.fragment(show_film, run_every=every_s)(film)
        if film.state.faces:
            st.fragment(offer_correction)(film_answers(film))
    else:
        show_legend()
    show_privacy(analyzer, *privacy_words(), not_stored="film.kept")


def take_film(analyzer: maskwatch.Analyzer, film: Film | None) -> None:
    """The field for a film, folded once there is one."""
    if not film:
        st.write(text("film.intro"))
    intake = f"film-intake-{round_of(FIELD)}"
    with st.expander(text("film.title"), expanded=not film, key=intake):
        st.toggle(text("gallery.blur"), key=BLUR, help=text("film.blur"), persist_state="session")
        take = partial(begin, analyzer)
        offer_field(FIELD, text("film.upload"), FILM_SUFFIXES, take, limit_mb=FILM_MB)
    if why := st.session_state.pop(REFUSED, ""):
        st.warning(text(f"film.{why}"), icon=":material/hourglass:")


def begin(analyzer: maskwatch.Analyzer, given: Given) -> None:
    """Judge the film that was uploaded; the one before stays where that cannot be."""
    if before := st.session_state.get(FILM):
        before.stop()  # so that the next may begin
    _, name, content = given[0]
    try:
        film = Film(name, content, order(analyzer))
    except BlockingIOError:
        st.session_state[REFUSED] = "busy"
    except OSError:
        logging.getLogger(__name__).exception("A film cannot be taken")
        st.session_state[REFUSED] = "no_room"
    else:
        forget()
        count_in(film)
        st.session_state[FILM] = film


def order(analyzer: maskwatch.Analyzer) -> FilmOrder:
    """How the pages judge, in the visitor's language."""
    settings = app_settings()
    detector = settings.detector
    return FilmOrder(
        language=catalogue().code,
        model=str(model_in_use(analyzer)),
        detector=str(detector.absolute()) if detector else None,
        detector_side_px=settings.detector_side_px,
        blur=bool(st.session_state.get(BLUR)),
        faces=settings.corrections is not None,
    )


def forget() -> None:
    """Take the film away, also while it is judged."""
    film: Film | None = st.session_state.pop(FILM, None)
    st.session_state.pop(SEEN_END, None)
    if film:
        film.stop()


def show_film(film: Film) -> None:
    """How far it is; at the end the marked film and the table."""
    state = film.state
    if state.ended and not st.session_state.get(SEEN_END):
        st.session_state[SEEN_END] = True
        st.rerun(scope="app")  # nothing more will change
    stage, side = st.columns([3, 2])
    with stage.container(width=_STAGE_PX):
        if state.fault:
            why = text(f"video_faults.{state.fault}")
            st.error(text("film.fault", why=why), icon=":material/error:")
        if state.marked:
            st.video(state.marked)
        elif not state.ended:
            st.progress(state.share, progress_words(state))
    with side:
        with st.container(key=SPOKEN):
            st.markdown(strong(film.name))
            if state.ended and not state.fault:
                st.markdown(end_words(state))
        show_people(text("film.people"), {text("charts.people"): state.people}, state.face_s)
        show_buttons(film, state)
    speak_changes(SPOKEN)


def show_buttons(film: Film, state: FilmState) -> None:
    """What can be kept, and the way to end it."""
    stem = film.name.rpartition(".")[0] or film.name
    with st.container(horizontal=True):
        if state.marked:
            offer_file("marked", state.marked, f"{stem}-marked.mp4", "video/mp4")
        if state.rows:
            offer_file("rows", state.rows, f"{stem}.csv", "text/csv")
        if state.ended:
            st.button(text("intake.remove"), on_click=forget, icon=":material/close:")
        else:
            st.button(text("live.stop"), on_click=film.stop, icon=":material/stop:")


def offer_file(name: str, data: bytes, file_name: str, mime: str) -> None:
    """A button for a file."""
    st.download_button(
        text(f"film.{name}"),
        data,
        file_name=file_name,
        mime=mime,
        on_click="ignore",
        icon=":material/download:",
    )


def film_answers(film: Film) -> Answers:
    """The faces of a judged film, each named by its moment, for a visitor to correct."""
    words, faces = catalogue().picture_words(), film.state.faces
    field = f"film-{round_of(FIELD)}"
    return Answers(
        field=field,
        content=field,
        # with a number, for several may show the same in one second
        names=[
            f"{number}: {clock(one.time_s)} {verdict_text(one.seen.face, words)}"
            for number, one in enumerate(faces, start=1)
        ],
        urls=[little_pictures(one.seen.image_rgb, [one.seen.face])[0] for one in faces],
        see=lambda index: faces[index].seen,
        note=text("film.answers"),
    )


def clock(time_s: float) -> str:
    """A moment as players of films show it, such as "1:05"."""
    return f"{int(time_s) // 60}:{int(time_s) % 60:02d}"


def progress_words(state: FilmState) -> str:
    """Up to where it is judged."""
    say = catalogue()
    done, whole = say.whole(round(state.time_s)), say.whole(round(state.length_s))
    return text("film.progress" if state.length_s else "film.at", done=done, all=whole)


def end_words(state: FilmState) -> str:
    """What became of a film without a fault."""
    if not state.stopped:
        return text("film.judged")
    return text("film.stopped", progress=progress_words(state))


show_page()
