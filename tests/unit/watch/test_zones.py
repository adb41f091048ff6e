"""Zones: who is looked at, who is ignored, and what is painted over.

Run: pytest tests/unit/watch/test_zones.py
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import fakes

from maskwatch.errors import SettingError
from maskwatch.schema import TrackedFace
from maskwatch.watch.zones import Zone, ZoneKind, covered, looked_at, within

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
TOP = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5))
DOOR = Zone("door", LEFT)
ROAD = Zone("road", TOP, ZoneKind.IGNORE)
SIZE_WH = (200, 100)


def face_at(x: float, y: float, track_id: int = 1) -> TrackedFace:
    """A face whose middle is there, in pixels."""
    return fakes.tracked(box_xyxy=(x - 5, y - 5, x + 5, y + 5), track_id=track_id)


@pytest.mark.parametrize(
    ("zones", "seen"),
    [
        ((), [1, 2, 3, 4]),  # no zone: everywhere
        ((DOOR,), [1, 3]),
        ((ROAD,), [3, 4]),  # nothing to look at is named, so all but what is ignored
        ((DOOR, ROAD), [3]),
        ((DOOR, Zone("right", ((0.6, 0), (1, 0), (1, 1), (0.6, 1)))), [1, 2, 3, 4]),
        ((DOOR, Zone("also left", LEFT, ZoneKind.IGNORE)), []),
    ],
)
def test_who_is_looked_at(zones: tuple[Zone, ...], seen: list[int]) -> None:
    middles = [(50, 20), (150, 20), (50, 80), (150, 80)]
    faces = [face_at(x, y, number) for number, (x, y) in enumerate(middles, start=1)]
    report = looked_at(zones, fakes.report(*faces, size_wh=SIZE_WH))
    assert [face.track_id for face in report.faces] == seen
    assert looked_at(zones, fakes.report(size_wh=SIZE_WH)).faces == ()


def test_a_place_is_one_zone_or_everything() -> None:
    report = fakes.report(face_at(50, 20), face_at(150, 20, 2), size_wh=SIZE_WH)
    assert within(None, report) is report
    assert [face.track_id for face in within(DOOR, report).faces] == [1]


@given(x=st.integers(0, 200), y=st.integers(0, 100))
def test_a_half_and_the_other_half_hold_everybody(x: int, y: int) -> None:
    right = Zone("right", tuple((corner_x + 0.5, corner_y) for corner_x, corner_y in LEFT))
    face = face_at(x, y)
    assert DOOR.holds(face, SIZE_WH) or right.holds(face, SIZE_WH)
    assert DOOR.holds(face, SIZE_WH) == (x <= 100)


def test_a_notch_in_a_zone_is_not_in_it() -> None:
    notched = Zone(
        "u", ((0, 0), (0.2, 0), (0.2, 0.8), (0.8, 0.8), (0.8, 0), (1, 0), (1, 1), (0, 1))
    )
    held = [notched.holds(face_at(x, 30), SIZE_WH) for x in (20, 100, 180)]
    assert held == [True, False, True]


@pytest.mark.parametrize(
    "polygon",
    [(), ((0, 0), (1, 1)), ((0, 0), (1, 0), (2, 1)), ((-0.1, 0), (1, 0), (1, 1)),
     ((0, 0), (0.5, 0.5), (1, 1)), ((0.0, 0.0),) * 3, ((0, 0), (1, 0), (float("nan"), 1)),
     tuple((i / 60, i % 2) for i in range(60))],
)  # fmt: skip
def test_what_encloses_nothing_is_no_zone(polygon: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(SettingError, match="polygon_xy must be"):
        Zone("z", polygon)


def test_what_is_ignored_is_painted_over_and_the_picture_stays_as_it_was() -> None:
    image_rgb = np.full((100, 200, 3), 255, np.uint8)
    painted = covered([DOOR, ROAD], image_rgb)
    assert (painted[:49] == 128).all() and (painted[52:] == 255).all()
    assert (image_rgb == 255).all()
    assert covered([DOOR], image_rgb) is image_rgb
