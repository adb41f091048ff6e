"""What a session knows of its photos: nothing is judged twice, nothing is kept for nothing.

Run: pytest tests/unit/app/test_photos.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import bad_images, fakes
from support.toy_detector import crowd, face_box, write_toy_detector
from support.toy_model import BLUE, GREEN, GREY, RED, plain, write_toy_model

from maskwatch import Analyzer, MaskState
from maskwatch.app import photos as photos_module
from maskwatch.app.components import SCREEN_PX, scaled
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.photos import Photo, SessionPhotos, needs_attention
from maskwatch.errors import ImageError, ImageFault
from maskwatch.files import told_apart
from maskwatch.io.images import load_image
from maskwatch.io.report import Result
from maskwatch.schema import FaceOrigin

ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")


class Counting(Analyzer):
    """Counts how many pictures are judged."""

    judged = 0

    def analyze(self, *arguments: object, **named: object):
        self.judged += 1
        return super().analyze(*arguments, **named)


@pytest.fixture
def analyzer(tmp_path: Path) -> Counting:
    return Counting(write_toy_model(tmp_path), write_toy_detector(tmp_path))


def photo(upload_id: str, image: np.ndarray, name: str = "a.png") -> Photo:
    return Photo(upload_id, name, bad_images.encoded("PNG", Image.fromarray(image)))


CROWD = crowd((3, 2, RED), (7, 2, GREEN), (3, 7, BLUE))


def test_a_photo_is_judged_once_whatever_its_name(analyzer: Counting) -> None:
    store = SessionPhotos()
    first, again = photo("1", CROWD), photo("2", CROWD, "b.png")
    assert store.find(analyzer, first) is None
    found = store.judge(analyzer, first)
    known = store.find(analyzer, again)
    assert analyzer.judged == 1 and known
    assert (found.result.source, known.result.source) == ("a.png", "b.png")
    assert found.result.faces == known.result.faces == analyzer.analyze(CROWD).faces
    assert len(found.face_urls) == 3


def test_another_model_judges_anew(analyzer: Counting, tmp_path: Path) -> None:
    store = SessionPhotos()
    store.judge(analyzer, photo("1", CROWD))
    folder = tmp_path / "other"
    folder.mkdir()
    other = Counting(write_toy_model(folder, side_px=48), write_toy_detector(folder))
    assert store.find(other, photo("1", CROWD)) is None
    store.judge(other, photo("1", CROWD))
    assert other.judged == 1


def test_the_same_model_judges_anew_once_it_was_calibrated_anew(
    analyzer: Counting, tmp_path: Path
) -> None:
    store = SessionPhotos()
    before = store.judge(analyzer, photo("1", CROWD)).report
    card = tmp_path / "toy.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"temperature": 3.0}))
    again = Counting(tmp_path / "toy.onnx", tmp_path / "detector.onnx")
    assert again.card.sha256 == analyzer.card.sha256
    after = store.judge(again, photo("1", CROWD)).report
    assert after.faces == again.analyze(CROWD).faces != before.faces


def test_an_unreadable_photo_is_kept_with_its_name_and_reason(analyzer: Counting) -> None:
    store = SessionPhotos()
    content, reason = bad_images.BAD["text.jpg"]
    found = store.judge(analyzer, Photo("1", "text.jpg", content()))
    assert isinstance(found.result, ImageError) and found.report is None
    assert found.result.source == "text.jpg" and reason in found.result.reason
    assert store.find(analyzer, Photo("2", "b.jpg", content())).result.source == "b.jpg"


@pytest.mark.parametrize("secret", [b"/etc/passwd", b"http://127.0.0.1/a.jpg", b"file:///a.jpg"])
def test_a_file_that_holds_an_address_is_no_picture(analyzer: Counting, secret: bytes) -> None:
    found = SessionPhotos().judge(analyzer, Photo("1", secret.decode(), secret))
    assert found.result.fault is ImageFault.FORMAT


def test_what_the_page_no_longer_holds_is_forgotten(analyzer: Counting) -> None:
    store = SessionPhotos()
    photos = [photo(str(i), plain((i, 0, 0)), f"{i}.png") for i in range(3)]
    for each in photos:
        found = store.judge(analyzer, each)
        store.marked(found, found.report, 300, ENGLISH)
        store.why(analyzer, each, found, 0)
    store.keep_only(photos[1:])
    assert store.find(analyzer, photos[0]) is None
    assert store.find(analyzer, photos[1])
    assert len(store._judged) == len(store._marked) == len(store._why) == 2
    store.keep_only([])
    assert not (store._keys or store._judged or store._marked or store._why)


def test_only_recent_pictures_and_reasons_are_kept(
    analyzer: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos_module, "_RECENT", 2)
    store = SessionPhotos()
    found = store.judge(analyzer, photo("1", CROWD))
    first = store.why(analyzer, photo("1", CROWD), found, 0)
    for index in (1, 0, 2):
        store.why(analyzer, photo("1", CROWD), found, index)
    assert store.why(analyzer, photo("1", CROWD), found, 0) is first  # looked at last but one
    assert [index for _, index in store._why] == [2, 0]


def test_the_words_on_a_picture_follow_the_language(analyzer: Counting) -> None:
    store = SessionPhotos()
    found = store.judge(analyzer, photo("1", CROWD))
    english = store.marked(found, found.report, 300, ENGLISH)
    assert english != store.marked(found, found.report, 300, INDONESIAN)
    assert english is store.marked(found, found.report, 300, ENGLISH)
    assert english != store.marked(found, found.report, 300, ENGLISH, blur=True)
    assert analyzer.judged == 1


def test_why_shows_the_crop_and_the_verdict_that_was_given(analyzer: Counting) -> None:
    store = SessionPhotos()
    found = store.judge(analyzer, photo("1", CROWD))
    for index, face in enumerate(found.report.faces):
        why = store.why(analyzer, photo("1", CROWD), found, index)
        assert why.explanation.state is face.state
        assert why.explanation.probability == pytest.approx(face.confidence, abs=1e-4)
        assert why.crop_rgb.shape == (32, 32, 3)


@pytest.mark.parametrize("size_wh", [(1, 1), (3, 200), (SCREEN_PX * 2, 40)])
def test_odd_sizes_are_judged_and_marked(analyzer: Counting, size_wh: tuple[int, int]) -> None:
    store = SessionPhotos()
    found = store.judge(analyzer, photo("1", plain(RED, *size_wh)))
    marked = load_image(store.marked(found, found.report, 300, ENGLISH))
    assert max(marked.shape) <= SCREEN_PX


def test_a_report_is_scaled_with_its_picture() -> None:
    report = fakes.report(
        fakes.verdict(box_xyxy=face_box(3, 2)), size_wh=(320, 240), origin=FaceOrigin.DETECTED
    )
    half = scaled(report, (160, 120))
    assert half.image_size_wh == (160, 120)
    assert half.faces[0].box_xyxy == tuple(value / 2 for value in face_box(3, 2))
    assert scaled(half, (320, 240)) == report
    assert scaled(fakes.report(size_wh=(10, 10)), (5, 5)).faces == ()


@pytest.mark.parametrize(
    ("result", "needed"),
    [
        (fakes.report(), True),
        (ImageError("a.jpg", "empty file", ImageFault.EMPTY), True),
        (fakes.report(fakes.verdict()), False),
        (fakes.report(fakes.verdict(), fakes.verdict()), False),
        *(
            (fakes.report(fakes.verdict(), fakes.verdict(state)), True)
            for state in MaskState
            if state is not MaskState.MASK
        ),
    ],
)
def test_what_needs_attention(result: Result, needed: bool) -> None:
    assert needs_attention(result) is needed


@pytest.mark.parametrize(
    ("names", "apart"),
    [
        ([], []),
        (["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"]),
        (["a.jpg", "a.jpg", "a.jpg"], ["a.jpg", "a (2).jpg", "a (3).jpg"]),
        (["a.jpg", "a (2).jpg", "a.jpg"], ["a.jpg", "a (2).jpg", "a (3).jpg"]),
        (["", ""], ["", " (2)"]),
        ([".jpg", ".jpg"], [".jpg", ".jpg (2)"]),
    ],
)
def test_equal_names_are_told_apart(names: list[str], apart: list[str]) -> None:
    assert told_apart(names) == apart


@given(st.lists(st.sampled_from(["a", "a.", "a.b", ".a", "a (2)", "a (2).b", "A.b", ""])))
def test_no_two_names_stay_equal(names: list[str]) -> None:
    assert len(set(told_apart(names))) == len(names)
    assert len({name.casefold() for name in told_apart(names, str.casefold)}) == len(names)


def test_a_grey_face_is_unsure(analyzer: Counting) -> None:
    found = SessionPhotos().judge(analyzer, photo("1", plain(GREY)))
    assert needs_attention(found.result)
