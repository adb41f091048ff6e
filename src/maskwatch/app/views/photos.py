"""The page for photos: many at a time, each with a border and a label on every face, and why.

Run by Streamlit from top to bottom on every change. Pictures live in the memory of this process
until they are removed or the browser's session ends, on whatever page the visitor is; nothing is
written to disk, and no path or address that a browser sends is opened.
"""

from __future__ import annotations

from functools import partial

import streamlit as st

from maskwatch.app import browser_camera
from maskwatch.app.components import CAMERA_PX, plain, show_legend
from maskwatch.app.correcting import privacy_words
from maskwatch.app.gallery import show_gallery
from maskwatch.app.intake import Given, hold, offer_field, round_of
from maskwatch.app.kept import count_in, take_over
from maskwatch.app.language import text
from maskwatch.app.look import put_unseen
from maskwatch.app.photos import MAX_PHOTOS, Photo, SessionPhotos
from maskwatch.app.session import app_settings, need_analyzer, show_privacy
from maskwatch.io.image_kinds import UPLOAD_SUFFIXES
from maskwatch.samples import SAMPLES, Sample

# keys of the session's state
STORE, SAMPLE, CAMERA, PICTURE = "photos", "sample", "camera", "picture"
LEFT_OUT, NEWS = "left_out", "news"
FIELD = "uploads"

# two beside each other fit on a telephone
_SAMPLE_PX = 150

_NAMED = 5
# of files that are left out

# The field takes pasted pictures only while it has the focus; this passes on all others.
PASTE = """<script>
    if (!window.maskwatchPastes) {
        window.maskwatchPastes = true;
        document.addEventListener("paste", (event) => {
            const field = document.querySelector('[data-testid="stFileUploaderDropzone"]');
            if (!field || field.contains(event.target) || event.target.closest?.("input, textarea"))
                return;
            const pasted = { clipboardData: event.clipboardData, bubbles: true, cancelable: true };
            field.dispatchEvent(new ClipboardEvent("paste", pasted));
        });
    }
</script>"""


# a picture of a sample can be pressed as well as the button below it, which reaches over it
_SAMPLES_LOOK = """<style>
    .st-key-samples [class*="-card"] { position: relative; }
    .st-key-samples :is([data-testid="stElementContainer"], [data-testid="stButton"], button) {
        position: static;
    }
    .st-key-samples button::after { content: ""; position: absolute; inset: 0; z-index: 1; }
</style>"""


def show_page() -> None:
    """The whole page."""
    st.title(text("photo.title"))
    store: SessionPhotos = st.session_state.setdefault(STORE, SessionPhotos())
    count_in(store)
    photos = store.given or chosen_sample()
    if not photos:
        st.write(text("photo.intro"))
    analyzer = need_analyzer()
    take_photos(store, folded=bool(photos))
    hold(STORE, bool(store.given))
    store.keep_only(photos)
    if photos:
        show_gallery(analyzer, store, photos)
    begin_at_top()
    if not store.given:
        offer_samples()
    if not photos:
        show_legend()
    show_privacy(analyzer, *privacy_words())


def begin_at_top() -> None:
    """Scroll up to what was chosen or uploaded just now; the field and samples lie below."""
    if number := st.session_state.get(NEWS):
        top = "document.querySelector('[data-testid=stMain]')?.scrollTo(0, 0)"
        put_unseen(f"<script>/* {number} */ {top};</script>")


def take_photos(store: SessionPhotos, folded: bool) -> None:
    """The field for photos and the camera, folded once there are photos to look at."""
    label = text("intake.more" if store.given else "intake.title")
    with st.expander(label, expanded=not folded, key=f"intake-{round_of(FIELD)}-{folded}"):
        take = partial(take_uploads, store)
        offer_field(FIELD, text("photo.upload"), UPLOAD_SUFFIXES, take, several=True)
        room = text("intake.room", megabytes=f"{app_settings().photos_mb / 2:g}")
        st.caption(f"{text('intake.paste')} {room}")
        if st.toggle(text("intake.camera"), key=CAMERA, persist_state="session"):
            show_camera(store)
    put_unseen(PASTE)
    if left_out := st.session_state.pop(LEFT_OUT, []):
        show_left_out(left_out)


def take_uploads(store: SessionPhotos, given: Given) -> None:
    """Take what was uploaded."""
    st.session_state[NEWS] = st.session_state.get(NEWS, 0) + 1
    st.session_state[LEFT_OUT] = store.add(given)


def show_camera(store: SessionPhotos) -> None:
    """The browser's camera, whose pictures are added one after the other."""
    if browser_camera.keeps_camera(st.context.url):
        st.warning(text("connection.no_camera_here"), icon=":material/no_photography:")
    st.camera_input(
        text("live.take_picture"),
        resolution="1080p",
        width=CAMERA_PX,
        key=PICTURE,
        on_change=take_picture,
        args=(store,),
    )


def take_picture(store: SessionPhotos) -> None:
    """Take what the camera took, unless it was only thrown away there."""
    if given := take_over(st.session_state[PICTURE]):
        st.session_state[LEFT_OUT] = store.add(given)


def show_left_out(names: list[str]) -> None:
    """Which files are not judged, and why."""
    listed = ", ".join(plain(name) for name in names[:_NAMED])
    if len(names) > _NAMED:
        listed = text("intake.and_more", names=listed, n=len(names) - _NAMED)
    st.warning(text("intake.left_out", limit=MAX_PHOTOS, names=listed), icon=":material/block:")


def chosen_sample() -> list[Photo]:
    """The drawn photo that was asked for, if any."""
    chosen: Sample | None = st.session_state.get(SAMPLE)
    if chosen is None:
        return []
    return [Photo(f"sample-{chosen.name}", chosen.path.name, chosen.path.read_bytes())]


def offer_samples() -> None:
    """A row of drawn photos to choose from; the button reaches over its picture."""
    put_unseen(_SAMPLES_LOOK)
    st.caption(text("samples.intro"))
    with st.container(horizontal=True, vertical_alignment="bottom", key="samples"):
        for sample in SAMPLES:
            with st.container(width=_SAMPLE_PX, key=f"sample-{sample.name}-card"):
                st.image(str(sample.path), width=_SAMPLE_PX, alt="")
                st.button(
                    text(f"samples.{sample.name}"),
                    key=f"sample-{sample.name}",
                    on_click=choose_sample,
                    args=(sample,),
                    width="stretch",
                )


def choose_sample(sample: Sample) -> None:
    """Judge this one."""
    st.session_state[SAMPLE] = sample
    st.session_state[NEWS] = st.session_state.get(NEWS, 0) + 1


show_page()
