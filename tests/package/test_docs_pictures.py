"""The pictures of the documentation: the first one shows the four answers, and the sums add up.

Run: pytest tests/package/test_docs_pictures.py
"""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType

import pytest
from support.paths import ROOT

from maskwatch import Analyzer

sys.path.append(str(ROOT / "scripts"))
DOCS = ROOT / "docs"


@pytest.fixture
def figures() -> ModuleType:
    """Loaded by who runs these tests; to draw charts takes a second to load."""
    return importlib.import_module("figures")


def test_the_first_picture_shows_the_four_answers(figures: ModuleType) -> None:
    draw_samples = importlib.import_module("draw_samples")
    image_rgb = draw_samples.draw_scene(figures.HERO, and_then=figures.draw_cup)
    report = Analyzer().analyze(image_rgb)
    assert tuple(face.state for face in report.faces) == figures.SHOWS
    assert all(face.confidence > 0.9 for face in report.faces[:3])


NEVER_WRONG = [[10, 0, 0, 0], [0, 10, 0, 0], [0, 0, 10, 0]]
ALWAYS_UNSURE = [[0, 0, 0, 10]] * 3
ONE_IN_TEN = [[9, 0, 1, 0], [1, 9, 0, 0], [0, 1, 8, 1]]


@pytest.mark.parametrize(
    ("confusion", "share", "alarms"),
    [
        (NEVER_WRONG, 0.0, (0, 0, 0)),
        (NEVER_WRONG, 0.05, (50, 0, 0)),
        (ALWAYS_UNSURE, 0.05, (0, 0, 50)),
        (ONE_IN_TEN, 0.2, (180, 80, 20)),  # either violation is an alarm, also the wrong one
    ],
)
def test_alarms_of_a_day(
    figures: ModuleType,
    confusion: list[list[int]],
    share: float,
    alarms: tuple[float, float, float],
) -> None:
    assert figures.alarms(confusion, share) == pytest.approx(alarms)


def test_all_pictures_are_used_and_all_have_words() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    assert re.findall(r"!\[\]", pages) == []
    drawn = [path.name for path in (DOCS / "img").glob("*.*")]
    assert [name for name in drawn if name not in pages] == []
