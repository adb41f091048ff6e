"""The words of the pages: every language has all of them, and every one is used.

Run: pytest tests/unit/app/test_catalogue.py
"""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from support import fakes

import maskwatch
from maskwatch import MaskState
from maskwatch.app import i18n
from maskwatch.app.i18n import LANGUAGES, Catalogue, load_catalogue
from maskwatch.errors import ImageError, ImageFault, VideoFault
from maskwatch.watch import page_app

_PAGE = Path(maskwatch.__file__).parent / "web" / "page"
_CAMERAS = _PAGE.with_name("cameras")
CODE = "\n".join(
    path.read_text(encoding="utf-8")
    for path in (
        *Path(i18n.__file__).parent.rglob("*.py"),
        *(path for kind in ("*.js", "lib/*.js", "*.html") for path in _PAGE.glob(kind)),
        *(path for kind in ("*.js", "*.html") for path in _CAMERAS.glob(kind)),
    )
)
ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")


def places(form: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(form) if name is not None}


def base(key: str) -> str:
    """A key as a page asks for it: without the form for one or for others."""
    return re.sub(r"\.(one|other)$", "", key)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_every_text_with_the_same_places(code: str) -> None:
    texts = load_catalogue(code).texts
    assert texts.keys() == ENGLISH.texts.keys()
    for key, form in texts.items():
        assert places(form) == places(ENGLISH.texts[key]), key
        assert form.strip() == form and form, key


def test_a_translation_is_not_the_english_text() -> None:
    """Short words may be the same in both; sentences are not."""
    same = [key for key, form in ENGLISH.texts.items() if INDONESIAN.texts[key] == form]
    assert not [key for key in same if ENGLISH.texts[key].count(" ") > 3]


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    asked = set(re.findall(r"""["']([a-z_]+\.[a-z_.]+)["']""", CODE))
    asked |= {"web.language", "cameras.language"}  # maskwatch/web lists the languages
    asked |= {f"web.{key}" for key in re.findall(r'tell\("(bench_\w+)"', CODE)}
    families = set(re.findall(r'(?:f"|`)([a-z_]+\.[a-z_.]*)\$?\{', CODE))
    keys = {base(key) for key in ENGLISH.texts}
    sections = {key.partition(".")[0] for key in keys}
    asked = {
        key
        for key in asked
        if key.partition(".")[0] in sections and not key.endswith((".py", ".html"))
    }
    assert asked <= keys
    assert not {key for key in keys - asked if not key.startswith(tuple(families))}


@pytest.mark.parametrize("say", [ENGLISH, INDONESIAN], ids=lambda say: say.code)
def test_every_state_and_every_fault_has_words(say: Catalogue) -> None:
    labels = {say.label(state) for state in MaskState}
    faults = {say.fault(ImageError("a.jpg", "", fault)) for fault in ImageFault}
    assert len(labels) == len(MaskState) and len(faults) == len(ImageFault)
    assert len({say.text(f"video_faults.{fault}") for fault in VideoFault}) == len(VideoFault)
    assert say.picture_words().labels == {state: say.label(state) for state in MaskState}


@pytest.mark.parametrize("say", [ENGLISH, INDONESIAN], ids=lambda say: say.code)
def test_every_refusal_of_the_page_of_the_cameras_has_words(say: Catalogue) -> None:
    """But for those that no visitor can cause, and the keys, which the page speaks of itself."""
    kinds = {one.name for one in vars(page_app).values() if isinstance(one, page_app.Kind)}
    kinds |= {one.name for one in page_app.MISTAKES.values()} | {"internal"}
    said = {key for key in say.texts if key.startswith("cameras.problems.")}
    assert said == {
        f"cameras.problems.{name}" for name in kinds - {"no_route", "unusable", "wrong_method"}
    }


@pytest.mark.parametrize(
    ("states", "english", "indonesian"),
    [
        ([], "0 faces", "0 wajah"),
        ([MaskState.UNSURE], "1 face: 1 unsure", "1 wajah: 1 tidak yakin"),
        (
            [MaskState.NO_MASK, MaskState.MASK, MaskState.NO_MASK],
            "3 faces: 1 mask worn, 2 no mask",
            "3 wajah: 1 masker dipakai, 2 tanpa masker",
        ),
    ],
)
def test_faces_are_counted(states: list[MaskState], english: str, indonesian: str) -> None:
    faces = [fakes.verdict(state) for state in states]
    assert ENGLISH.counts(faces) == english
    assert INDONESIAN.counts(faces) == indonesian


def test_numbers_are_written_as_the_language_does() -> None:
    assert (ENGLISH.percent(0.9874), INDONESIAN.percent(0.9874)) == ("98.7%", "98,7%")
    assert (ENGLISH.whole(12345), INDONESIAN.whole(12345)) == ("12,345", "12.345")
    assert (ENGLISH.number(0.5, 2), INDONESIAN.number(0.5, 2)) == ("0.50", "0,50")
