"""The page for photos: many at a time, each with a border and a label on every face, and why.

Run by Streamlit from top to bottom on every change. Pictures live in the memory of this process
until they are removed or the browser's session ends; nothing is written to disk, and no path or
address that a browser sends is opened.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from maskwatch.app import connection
from maskwatch.app.findings import plain, show_legend
from maskwatch.app.gallery import show_gallery
from maskwatch.app.language import text
from maskwatch.app.networks import need_analyzer, show_privacy
from maskwatch.app.samples import SAMPLES, Sample
from maskwatch.app.session_photos import MAX_PHOTOS, Photo, SessionPhotos, told_apart

# keys of the session's state
STORE, SAMPLE, CAMERA, ROUND = "photos", "sample", "camera", "upload_round"

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


def show_page() -> None:
    """The whole page."""
    st.title(text("photo.title"))
    st.write(text("photo.intro"))
    analyzer = need_analyzer()
    photos = take_photos()
    own, photos = bool(photos), photos or chosen_sample()
    store: SessionPhotos = st.session_state.setdefault(STORE, SessionPhotos())
    store.keep_only(photos)
    if photos:
        show_gallery(analyzer, store, photos)
    if not own:
        offer_samples()
    if not photos:
        show_legend()
    show_privacy(analyzer)


def take_photos() -> list[Photo]:
    """What the browser uploaded or its camera took, up to a limit."""
    number = st.session_state.setdefault(ROUND, 0)
    uploads = st.file_uploader(
        text("photo.upload"),
        type=["jpg", "jpeg", "png", "webp"],
        accept_multiple_files=True,
        key=f"uploads-{number}",
    )
    st.caption(text("intake.paste"))
    st.html(PASTE, unsafe_allow_javascript=True)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        with_camera = st.toggle(text("intake.camera"), key=CAMERA)
        if uploads:
            st.button(text("intake.clear"), on_click=start_over, icon=":material/delete:")
    taken = take_picture() if with_camera else None
    given = [*([taken] if taken else []), *uploads]
    names = told_apart(file.name for file in given)
    if left_out := names[MAX_PHOTOS:]:
        show_left_out(left_out)
    return [
        Photo(file.file_id, name, file.getvalue())
        for file, name in list(zip(given, names, strict=True))[:MAX_PHOTOS]
    ]


def start_over() -> None:
    """Forget every upload: a field with another key is empty."""
    st.session_state[ROUND] += 1


def take_picture() -> UploadedFile | None:
    """A picture of the browser's camera."""
    if connection.keeps_camera(st.context.url):
        st.warning(text("connection.no_camera_here"), icon=":material/no_photography:")
    return st.camera_input(text("live.take_picture"), resolution="1080p")


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
    """A row of drawn photos to choose from."""
    st.caption(text("samples.intro"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for sample in SAMPLES:
            with st.container(width=160):
                st.image(str(sample.path), width=160, alt=text(f"samples.{sample.name}"))
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


show_page()
