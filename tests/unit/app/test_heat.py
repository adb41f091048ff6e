"""The heat map in colours, lines and words; how well a face can be seen, in words.

Run: pytest tests/unit/app/test_heat.py
"""

from __future__ import annotations

import numpy as np
import pytest

from maskwatch.app.heat import HEAT_PX, full_scale, heat_picture, legend_strip, place_of, tinted
from maskwatch.app.i18n import LANGUAGES, Catalogue, load_catalogue
from maskwatch.app.quality_hints import quality_level, quality_lines
from maskwatch.schema import FaceQuality

GREY = np.full((64, 64, 3), 128, np.uint8)
ENGLISH = load_catalogue("en")


def lightness(picture: np.ndarray) -> np.ndarray:
    return picture @ (0.2126, 0.7152, 0.0722)


def test_where_nothing_is_lost_the_crop_is_only_grey() -> None:
    picture = heat_picture(GREY, np.zeros((4, 4)))
    assert picture.shape == (HEAT_PX, HEAT_PX, 3)
    assert (picture == 128).all()
    assert (heat_picture(GREY, np.full((4, 4), -0.5)) == 128).all()


def test_the_place_that_counts_is_yellow_and_has_a_line_around_it() -> None:
    drop = np.zeros((4, 4))
    drop[2, 1] = 0.9
    picture = heat_picture(GREY, drop)
    y, x = round(HEAT_PX * 2.5 / 4), round(HEAT_PX * 1.5 / 4)
    red, green, blue = picture[y, x].astype(int)
    assert min(red, green) - blue > 80
    assert (picture == 255).all(axis=2).any() and (picture == 20).all(axis=2).any()
    assert (picture[: HEAT_PX // 4] == 128).all()


def test_the_legend_ends_where_the_map_does() -> None:
    assert full_scale(np.array([[0.4, -0.2]])) == 0.4
    assert full_scale(np.zeros((2, 2))) == 0.1
    strip = legend_strip()
    assert (strip[:, 0] == 128).all()
    whole = tinted(GREY, np.ones((64, 64)))
    assert (strip[:, -1] == whole[0, 0]).all()
    # blue and yellow differ in lightness too, so that a grey print tells them apart
    steps = np.diff(lightness(strip[0, 120:]))
    assert (steps > -1).all() and lightness(strip[0])[-1] - lightness(strip[0])[96] > 40


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [
        (0, 0, "upper_left"),
        (6, 7, "middle_centre"),
        (13, 7, "lower_centre"),
        (13, 13, "lower_right"),
    ],
)
def test_a_place_has_words_in_every_language(row: int, column: int, place: str) -> None:
    drop = np.zeros((14, 14))
    drop[row, column] = 0.3
    assert place_of(drop) == place
    assert all(f"places.{place}" in load_catalogue(code).texts for code in LANGUAGES)


@pytest.mark.parametrize(
    ("quality", "lines"),
    [
        (
            FaceQuality(1840.4, 0.621, 1.0),
            ["✓ Size: 1,840 pixels, good", "✓ Sharpness: 62%, good",
             "✓ Inside the picture: 100%, good"],
        ),
        (
            FaceQuality(9.0, 0.0, 0.7, roll_deg=-81.0, yaw_deg=-80.0),
            ["! Size: 9 pixels, limited", "✕ Sharpness: 0%, too poor to rely on",
             "! Inside the picture: 70%, limited", "! Turned aside: 80°, limited",
             "✕ Tilted: 81°, too poor to rely on"],
        ),
    ],
)  # fmt: skip
def test_quality_in_words(quality: FaceQuality, lines: list[str]) -> None:
    assert quality_lines(ENGLISH, quality) == lines


@pytest.mark.parametrize(
    "say", [load_catalogue(code) for code in LANGUAGES], ids=lambda say: say.code
)
def test_quality_has_words_in_every_language(say: Catalogue) -> None:
    assert len(quality_lines(say, FaceQuality(15.0, 0.04, 0.9, 10.0, -50.0))) == 5


@pytest.mark.parametrize(
    ("measured", "ramp", "level"),
    [
        (20.0, (10.0, 20.0), "good"),
        (10.0, (10.0, 20.0), "poor"),
        (10.1, (10.0, 20.0), "limited"),
        (45.0, (70.0, 45.0), "good"),
        (69.0, (70.0, 45.0), "limited"),
        (90.0, (70.0, 45.0), "poor"),
    ],
)
def test_levels_follow_what_counts_in_live_video(
    measured: float, ramp: tuple[float, float], level: str
) -> None:
    assert quality_level(measured, ramp) == level
