"""The film page's logic, without a browser: a film is chosen, judged, kept and taken away.

Run: pytest tests/pages/test_film_page.py
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from support import fakes
from support.cartoon_face import cartoon
from support.toy_detector import write_toy_detector
from support.toy_model import write_toy_model
from support.waiting import until

from maskwatch.app import film as film_module
from maskwatch.app import settings, views
from maskwatch.app.film_faces import FilmFace
from maskwatch.app.film_process import FilmOrder
from maskwatch.app.i18n import load_catalogue
from maskwatch.io.recording import Recording
from maskwatch.schema import MaskState
from maskwatch.store.corrections import CorrectionStore
from maskwatch.store.seen_faces import SeenFace

PAGE = Path(views.__file__).with_name("film.py")
ENGLISH = load_catalogue("en")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """The page; its film ends with the test, for the next test's waits only so long for it."""
    st.cache_resource.clear()
    monkeypatch.setenv(settings.MODEL_VARIABLE, str(write_toy_model(tmp_path)))
    monkeypatch.setenv(settings.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    page = AppTest.from_file(str(PAGE), default_timeout=120).run()
    assert not page.exception
    yield page
    if "film" in page.session_state:
        page.session_state["film"].stop()
        until(lambda: page.session_state["film"].state.ended, "it ends")


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with Recording(path) as recording:
        for index in range(40):
            recording.add(cartoon(masked=index < 15), index / 10)
    return path.read_bytes()


def choose(page: AppTest, name: str, content: bytes) -> None:
    page.file_uploader[0].set_value((name, content, "video/mp4")).run()
    assert not page.exception


def judged(page: AppTest) -> None:
    """The film is at its end."""
    film = page.session_state["film"]
    until(lambda: film.state.ended, "it ends")
    page.run()
    assert not page.exception


def test_before_a_film_it_says_what_comes_of_one(page: AppTest) -> None:
    words = " ".join(element.value for kind in (page.markdown, page.caption) for element in kind)
    for key in ("film.intro", "film.kept"):
        assert ENGLISH.text(key) in words
    assert not page.button and not page.get("download_button")


def test_a_film_is_judged_kept_and_taken_away(page: AppTest, content: bytes) -> None:
    choose(page, "a *film*.mp4", content)
    judged(page)
    assert not page.error
    assert [button.proto.label for button in page.get("download_button")] == [
        ENGLISH.text("film.marked"),
        ENGLISH.text("film.rows"),
    ]
    assert len(page.get("video")) == 1
    assert r"**a \*film\*\.mp4**" in [element.value for element in page.markdown]
    page.button[0].click().run()
    assert not page.exception and not page.get("video")
    assert page.expander[0].proto.expanded


def test_a_switch_hides_who_it_is(
    page: AppTest, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[FilmOrder] = []
    begin = film_module.Film.__init__

    def noted(self: film_module.Film, name: str, content: bytes, order: FilmOrder) -> None:
        orders.append(order)
        begin(self, name, content, order)

    monkeypatch.setattr(film_module.Film, "__init__", noted)
    page.toggle("film_blur").set_value(True).run()
    choose(page, "film.mp4", content)
    judged(page)
    assert [order.blur for order in orders] == [True]


def shown(page: AppTest) -> list[str]:
    return [toggle.label for toggle in page.toggle]


def test_without_the_operators_folder_no_face_of_a_film_is_cut_out(
    page: AppTest, content: bytes
) -> None:
    choose(page, "film.mp4", content)
    judged(page)
    assert ENGLISH.text("correct.ask") not in shown(page)
    assert not page.session_state["film"].state.faces


def test_a_face_of_a_film_is_corrected_and_taken_back(
    page: AppTest, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    st.cache_resource.clear()
    for name in (settings.MODEL_VARIABLE, settings.DETECTOR_VARIABLE):
        monkeypatch.delenv(name)  # toys find nobody in a film
    monkeypatch.setenv(settings.CORRECTIONS_VARIABLE, str(tmp_path / "corrections"))
    store = CorrectionStore(tmp_path / "corrections", 30)
    choose(page, "film.mp4", content)
    judged(page)
    ask = next(one for one in page.toggle if one.label == ENGLISH.text("correct.ask"))
    ask.set_value(True).run()
    assert not store.folder.exists()
    (faces,) = (box for box in page.selectbox if box.label == ENGLISH.text("table.face"))
    moments = {int(name.split()[1].partition(":")[2]): name for name in faces.options}
    assert "Mask worn" in moments[min(moments)] and "No mask" in moments[max(moments)]
    faces.set_value(len(faces.options) - 1).run()
    page.radio[0].set_value(MaskState.INCORRECT_MASK).run()
    press(page, "correct.keep")
    (kept,) = store.entries()
    assert (kept.answered, kept.right) == (MaskState.NO_MASK, MaskState.INCORRECT_MASK)
    assert kept.source == "film"
    assert ENGLISH.text("correct.kept", label="Mask worn incorrectly") in page.success[0].value
    press(page, "correct.undo")
    assert store.entries() == []


def test_faces_that_show_the_same_in_one_second_are_told_apart(
    page: AppTest, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    st.cache_resource.clear()
    monkeypatch.setenv(settings.CORRECTIONS_VARIABLE, str(tmp_path / "corrections"))
    choose(page, "film.mp4", content)
    judged(page)
    work = page.session_state["film"]._work
    seen = [SeenFace(fakes.picture(), fakes.verdict(), "film", "toy") for _ in range(2)]
    work.state = replace(work.state, faces=tuple(FilmFace(1.0, one) for one in seen))
    page.run()
    next(one for one in page.toggle if one.label == ENGLISH.text("correct.ask")).set_value(True)
    page.run()
    for index in (1, 0):
        page.selectbox[0].set_value(index).run()
        assert not page.exception and page.selectbox[0].value == index


def press(page: AppTest, key: str) -> None:
    next(button for button in page.button if button.label == ENGLISH.text(key)).click().run()
    assert not page.exception


def test_what_is_no_film_is_one_message(page: AppTest) -> None:
    choose(page, "text.mp4", b"I am no film." * 100)
    judged(page)
    (error,) = page.error
    assert "not a video" in error.value and not page.get("video")


def test_while_another_film_is_judged_it_says_so(
    page: AppTest, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_module, "_STOP_S", 0)
    with film_module._RUNNING:
        choose(page, "film.mp4", content)
    (warning,) = page.warning
    assert warning.value == ENGLISH.text("film.busy")
    assert not page.run().warning


def test_where_the_next_film_is_refused_the_one_before_is_still_there(
    page: AppTest, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(page, "first.mp4", content)
    judged(page)
    monkeypatch.setattr(film_module, "_STOP_S", 0)
    with film_module._RUNNING:
        choose(page, "second.mp4", content)
    assert [warning.value for warning in page.warning] == [ENGLISH.text("film.busy")]
    assert page.session_state["film"].name == "first.mp4" and len(page.get("video")) == 1


def test_a_film_that_was_stopped_is_not_called_done(page: AppTest, content: bytes) -> None:
    choose(page, "film.mp4", content)
    judged(page)
    work = page.session_state["film"]._work
    work.state = replace(work.state, stopped=True, time_s=2.0, length_s=3.9)
    page.run()
    told = ENGLISH.text("film.progress", done="2", all="4")
    words = [element.value for element in page.markdown]
    assert ENGLISH.text("film.stopped", progress=told) in words
    assert ENGLISH.text("film.judged") not in words
