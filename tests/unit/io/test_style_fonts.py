"""Labels in any script: the font is one that has the letters.

Run: pytest tests/unit/io/test_style_fonts.py
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import ImageFont
from support.fakes import picture, report, verdict

from maskwatch import MaskState
from maskwatch.io import style
from maskwatch.io.draw import annotate
from maskwatch.io.style import ENGLISH, Words

DEJAVU = Path(matplotlib.get_data_path(), "fonts", "ttf")


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    """No test sees the fonts of another."""
    yield
    for cached in (style._font, style._path_for):
        cached.cache_clear()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a damaged font, an empty folder and DejaVu Sans."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "Sans.ttf").write_bytes(b"no font")
    (tmp_path / "DejaVuSans.ttf").write_bytes((DEJAVU / "DejaVuSans.ttf").read_bytes())
    monkeypatch.setattr(style, "_folders", lambda: (tmp_path, tmp_path / "gone"))
    style._path_for.cache_clear()
    style._font.cache_clear()
    return tmp_path


@pytest.mark.parametrize("text", ["", "Mask worn 98.7%", "Masker dipakai 98,7 %"])
def test_latin_needs_no_font_of_the_machine(machine: Path, text: str) -> None:
    assert style.font_for(text, 20).getname() == ImageFont.load_default(20).getname()


def test_texts_of_one_size_share_a_font() -> None:
    """Each costs memory; the texts of a video, which hold percentages, are hundreds."""
    fonts = {id(style.font_for(f"Mask worn {share / 10}%", 20)) for share in range(1000)}
    assert len(fonts) == 1


@pytest.mark.parametrize("text", ["Маска надета", "Μάσκα", "قناع"])
def test_other_scripts_get_a_font_that_has_them(machine: Path, text: str) -> None:
    font = style.font_for(text, 20)
    assert font.getname() == ("DejaVu Sans", "Book")
    assert font.size == 20


def test_without_such_a_font_one_line_says_what_to_install(
    machine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for size_px in (20, 30):
            assert style.font_for("マスク", size_px).getname()
    (record,) = caplog.records
    assert "クスマ" in record.getMessage() and "install" in record.getMessage()


def test_a_label_in_another_script_is_drawn_with_its_letters(machine: Path) -> None:
    """Neither the English words nor the boxes that stand for letters a font lacks."""
    image_rgb = picture(400, 300)
    russian = Words({**ENGLISH.labels, MaskState.MASK: "Маска"}, "", "", "", ",")
    boxes = Words({**ENGLISH.labels, MaskState.MASK: "\U0010ffff" * 5}, "", "", "", ",")
    seen = report(verdict(MaskState.MASK))
    drawn = [annotate(image_rgb, seen, words=words) for words in (ENGLISH, russian, boxes)]
    assert not any(np.array_equal(drawn[i], drawn[j]) for i, j in ((0, 1), (1, 2), (0, 2)))


def test_the_words_of_a_language_have_its_numbers() -> None:
    indonesian = Words(ENGLISH.labels, "", "", "", ",")
    assert ENGLISH.percent(0.9874) == "98.7%"
    assert indonesian.percent(0.9874) == "98,7%"
    assert indonesian.percent(1.0, 0) == "100%"
