"""Verdicts are drawn where they belong, in colours and lines that everyone can tell apart.

Run: pytest tests/unit/io/test_draw.py
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support.fakes import report, tracked, verdict

from maskwatch.io.draw import annotate, write_status
from maskwatch.io.style import INK, PLATE, STYLES, verdict_text
from maskwatch.schema import FaceOrigin, MaskState


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance after WCAG 2.2."""
    channels = [value / 255 for value in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_labels_can_be_read_on_their_plate() -> None:
    assert contrast(INK, PLATE) >= 4.5
    for style in STYLES.values():  # 3:1 is what WCAG asks of symbols and borders
        assert contrast(style.colour, PLATE) >= 3


def test_every_state_differs_in_colour_line_symbol_and_words() -> None:
    assert set(STYLES) == set(MaskState)
    for what in ("colour", "line", "symbol", "label"):
        assert len({getattr(style, what) for style in STYLES.values()}) == len(MaskState)


@pytest.mark.parametrize("state", MaskState)
def test_the_whole_picture_gets_a_border_in_its_colour(state: MaskState) -> None:
    image = np.full((200, 240, 3), 90, np.uint8)
    drawn = annotate(image, report(verdict(state, (0.0, 0.0, 240.0, 200.0)), size_wh=(240, 200)))
    assert drawn.shape == image.shape
    assert (image == 90).all()  # the picture itself is left alone
    assert (drawn[60:120, 60:180] == 90).all()
    for edge in (drawn[0], drawn[:, 0], drawn[:, -1], drawn[-1]):
        assert (edge == STYLES[state].colour).all(axis=-1).any()


def test_a_face_gets_its_border_and_its_label_above() -> None:
    image = np.full((300, 400, 3), 90, np.uint8)
    face = verdict(MaskState.NO_MASK, (200.0, 150.0, 300.0, 250.0))
    drawn = annotate(image, report(face, size_wh=(400, 300), origin=FaceOrigin.GIVEN))
    changed = np.argwhere((drawn != 90).any(axis=-1))
    top, left = changed.min(axis=0)
    bottom, right = changed.max(axis=0)
    assert (left, bottom) == (200, 249)
    assert top < 150
    assert right < 400
    assert (drawn[156:244, 206:294] == 90).all()


def test_no_faces_no_change() -> None:
    image = np.full((30, 40, 3), 90, np.uint8)
    assert np.array_equal(annotate(image, report()), image)


@pytest.mark.parametrize("state", MaskState)
@pytest.mark.parametrize("origin", FaceOrigin)
def test_any_size_can_be_drawn_on(state: MaskState, origin: FaceOrigin) -> None:
    for height, width in itertools.product((1, 2, 7, 40, 3000), (1, 3, 20, 100)):
        image = np.zeros((height, width, 3), np.uint8)
        face = verdict(state, (0.0, 0.0, float(width), float(height)))
        assert annotate(image, report(face, origin=origin)).shape == image.shape


def test_the_verdict_in_words() -> None:
    assert verdict_text(verdict(MaskState.INCORRECT_MASK, confidence=0.987)) == (
        "Mask worn incorrectly 98.7%"
    )


def test_a_line_about_the_video_stands_at_the_lower_left() -> None:
    image = np.full((240, 320, 3), 90, np.uint8)
    drawn = write_status(image, "30 frames/s, latency 9 ms, age 0.1 s")
    assert (image == 90).all()
    assert (drawn[:200] == 90).all() and (drawn[:, 300:] == 90).all()
    assert (drawn[236:, :4] == PLATE).all()
    assert (drawn[200:] == INK).all(axis=2).any()


@pytest.mark.parametrize("width", [1, 40, 100])
def test_the_line_fits_a_narrow_picture(width: int) -> None:
    drawn = write_status(np.full((50, width, 3), 90, np.uint8), "30 frames/s, latency 9 ms")
    assert drawn.shape == (50, width, 3)
    assert (drawn[:20] == 90).all()


@pytest.mark.parametrize(
    ("age_s", "text"),
    [
        (0.0, "No mask 75.0%"),
        (0.4, "No mask 75.0%"),
        (0.6, "No mask 1 s ago"),
        (7.6, "No mask 8 s ago"),
    ],
)
def test_a_state_that_is_held_says_since_when(age_s: float, text: str) -> None:
    assert verdict_text(tracked(MaskState.NO_MASK, state_age_s=age_s)) == text


def test_a_state_that_has_become_unlikely_is_in_doubt() -> None:
    assert verdict_text(tracked(MaskState.MASK, confidence=0.3)) == "Mask worn in doubt"


def test_who_is_unsure_holds_nothing_and_is_never_sure() -> None:
    held = tracked(MaskState.UNSURE, state_age_s=9, confidence=0.4)
    assert verdict_text(held) == "Unsure"
    assert verdict_text(tracked(MaskState.UNSURE, confidence=0.75)) == "Unsure"


def test_of_who_is_unsure_only_a_photo_gives_a_number() -> None:
    assert verdict_text(tracked(MaskState.UNSURE, confidence=0.4)) == "Unsure"
    assert verdict_text(verdict(MaskState.UNSURE, (1.0, 2.0, 30.0, 40.0), 0.4)) == "Unsure 40.0%"


def test_a_held_state_looks_different() -> None:
    image = np.full((300, 400, 3), 90, np.uint8)
    box = (100.0, 100.0, 260.0, 260.0)
    fresh, held = (
        annotate(
            image,
            report(
                tracked(box_xyxy=box, state_age_s=age),
                size_wh=(400, 300),
                origin=FaceOrigin.DETECTED,
            ),
        )
        for age in (0.0, 2.0)
    )
    border = [(drawn[100:260, 100:130] != 90).any(axis=-1).sum() for drawn in (fresh, held)]
    assert border[1] < 0.8 * border[0]  # thinner
    assert (fresh[:100] != held[:100]).any()  # and labelled differently
