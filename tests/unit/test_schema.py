"""A report survives the way to JSON and back, to the digits that its document keeps.

Run: pytest tests/unit/test_schema.py
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import report, tracked, verdict

from maskwatch.schema import (
    CLASSES,
    FaceOrigin,
    FaceQuality,
    FaceVerdict,
    FrameReport,
    MaskState,
    TrackedFace,
)

NUMBERS = st.floats(-1e6, 1e6)
SHARES = st.floats(0, 1)
ANGLES = st.none() | st.floats(-180, 180)
STATES = st.sampled_from(MaskState)
QUALITIES = st.builds(
    FaceQuality,
    side_px=st.floats(0, 1e5),
    sharpness=SHARES,
    visible_ratio=SHARES,
    roll_deg=ANGLES,
    yaw_deg=ANGLES,
)
FACE = {
    "box_xyxy": st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    "detection_score": SHARES,
    "state": STATES,
    "confidence": SHARES,
    "probabilities": st.fixed_dictionaries(dict.fromkeys(CLASSES, SHARES)),
    "landmarks_xy": st.none() | st.tuples(*[st.tuples(NUMBERS, NUMBERS)] * 5),
    "quality": st.none() | QUALITIES,
}
TRACKED = {"track_id": st.integers(1), "raw_state": STATES, "state_age_s": st.floats(0, 1e5)}
REPORTS = st.builds(
    FrameReport,
    faces=st.lists(st.builds(FaceVerdict, **FACE), max_size=3).map(tuple)
    | st.lists(st.builds(TrackedFace, **FACE, **TRACKED), max_size=3).map(tuple),
    image_size_wh=st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)),
    face_origin=st.sampled_from(FaceOrigin),
    model=st.text(),
    source=st.none() | st.text(),
    detector=st.none() | st.text(),
)


@given(REPORTS)
def test_there_and_back(before: FrameReport) -> None:
    document = json.loads(json.dumps(before.to_dict()))
    after = FrameReport.from_dict(document)
    assert json.loads(json.dumps(after.to_dict())) == document
    assert [type(face) for face in after.faces] == [type(face) for face in before.faces]
    assert [face.state for face in after.faces] == [face.state for face in before.faces]


@pytest.mark.parametrize(
    "before", [report(), report(verdict()), report(tracked()), report(source=None)]
)
def test_what_needs_no_rounding_comes_back_equal(before: FrameReport) -> None:
    assert FrameReport.from_dict(before.to_dict()) == before


def test_the_document_is_only_read() -> None:
    document = report(tracked()).to_dict()
    FrameReport.from_dict(document)
    assert document == report(tracked()).to_dict()


DOCUMENT = report(verdict()).to_dict()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "schema"),
        (None, "iterable"),
        ({**DOCUMENT, "schema": "maskwatch.report/2"}, "reads 'maskwatch.report/1'"),
        ({**DOCUMENT, "face_origin": "elsewhere"}, "elsewhere"),
        ({**DOCUMENT, "image_size_wh": [1]}, "not enough values"),
        ({**DOCUMENT, "faces": [{}]}, "box_xyxy"),
        ({**DOCUMENT, "faces": None}, "iterable"),
        ({**DOCUMENT, "mood": "good"}, "mood"),
        ({k: v for k, v in DOCUMENT.items() if k != "model"}, "model"),
    ],
)
def test_other_documents_are_refused(document: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        FrameReport.from_dict(document)
