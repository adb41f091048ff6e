"""What to change about the camera, from one frame and over some.

Run: pytest tests/unit/app/test_view_check.py
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support import fakes

from maskwatch.app.i18n import LANGUAGES, load_catalogue
from maskwatch.app.quality_hints import LASTS_S, NOBODY, ViewCheck, faults
from maskwatch.schema import FaceQuality, FaceVerdict, MaskState

FRAME = np.full((480, 640, 3), 128, np.uint8)
WELL = FaceQuality(side_px=200, sharpness=0.5, visible_ratio=1.0, roll_deg=0.0, yaw_deg=None)


def face(side_px: float = 200.0, **quality: float) -> FaceVerdict:
    box_xyxy = (100.0, 100.0, 100.0 + side_px, 100.0 + side_px)
    return replace(fakes.tracked(MaskState.MASK, box_xyxy), quality=replace(WELL, **quality))


@pytest.mark.parametrize(
    ("faces", "grey", "expected"),
    [
        ([], 128, [NOBODY]),
        ([face()], 128, []),
        ([replace(face(), quality=None)], 128, []),
        ([face(30)], 128, ["closer"]),
        ([face(), face(30)], 128, []),  # the nearest counts
        ([face()], 20, ["dark"]),
        ([face(visible_ratio=0.6)], 128, ["cut"]),
        ([face(sharpness=0.0)], 128, ["blurred"]),
        ([face(yaw_deg=-85.0)], 128, ["turned"]),
        ([face(roll_deg=75.0)], 128, ["tilted"]),
        ([face(30, sharpness=0.0)], 20, ["closer", "dark", "blurred"]),
    ],
)
def test_what_hinders(faces: list[FaceVerdict], grey: int, expected: list[str]) -> None:
    frame = np.full_like(FRAME, grey)
    assert list(faults(frame, fakes.report(*faces))) == expected
    for code in LANGUAGES:
        assert all(load_catalogue(code).text(f"view_check.{fault}") for fault in expected)


def test_what_is_wrong_for_a_moment_is_not_told() -> None:
    check, empty, good = ViewCheck(), fakes.report(), fakes.report(face())
    told = []
    for report, time_s in ((empty, 0.0), (good, 0.5), (empty, 1.2), (empty, 1.2 + LASTS_S)):
        check.update(FRAME, report, time_s)
        told.append(check.hints)
    assert told == [(), (), (), (NOBODY,)]
    check.update(FRAME, good, 9.0)
    assert check.hints == ()
