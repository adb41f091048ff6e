"""An event for each steady change of a face's state, with nothing by which to follow it.

Run: pytest tests/unit/live/test_events.py
"""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import fakes
from support.alert_factory import NOON_S

from maskwatch.live.events import Event, EventFinder
from maskwatch.schema import MaskState

MASK, NO_MASK, INCORRECT, UNSURE = MaskState

Moment = tuple[float, dict[int, MaskState]]


def found(*moments: Moment) -> list[tuple[float, MaskState, MaskState, float]]:
    """When, from what, to what, after how long; in seconds of the camera."""
    clock = [0.0]
    finder = EventFinder("door", lambda: NOON_S + clock[0])
    events: list[Event] = []
    for time_s, tracks in moments:
        clock[0] = time_s
        faces = [fakes.tracked(state, track_id=i) for i, state in tracks.items()]
        events += finder.add(fakes.report(*faces), time_s).values()
    return [(e.time_s - NOON_S, e.old_state, e.new_state, e.old_duration_s) for e in events]


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([], []),
        ([(0, {})], []),
        ([(0, {1: UNSURE}), (9, {1: UNSURE})], []),
        ([(0, {1: MASK})], [(0, UNSURE, MASK, 0)]),
        ([(0, {1: UNSURE}), (0.5, {1: NO_MASK}), (1, {1: NO_MASK})], [(0.5, UNSURE, NO_MASK, 0.5)]),
        (
            [(0, {1: MASK}), (7, {1: MASK}), (8, {1: INCORRECT})],
            [(0, UNSURE, MASK, 0), (8, MASK, INCORRECT, 8)],
        ),
        (  # two faces, each for itself
            [(0, {1: MASK, 2: NO_MASK}), (1, {1: MASK, 2: MASK})],
            [(0, UNSURE, MASK, 0), (0, UNSURE, NO_MASK, 0), (1, NO_MASK, MASK, 1)],
        ),
        (  # out of view for a moment is no news
            [(0, {1: MASK}), (0.5, {}), (1, {1: MASK})],
            [(0, UNSURE, MASK, 0)],
        ),
        (  # who was away for long is somebody new
            [(0, {1: MASK}), (3, {}), (4, {1: MASK})],
            [(0, UNSURE, MASK, 0), (4, UNSURE, MASK, 0)],
        ),
        (  # nor is one whom a camera that sends few pictures misses in one of them
            [*((5 * i, {1: MASK}) for i in range(5)), (25, {}), (27, {1: MASK})],
            [(0, UNSURE, MASK, 0)],
        ),
        (  # a clock that goes back counts as no time
            [(5, {1: UNSURE}), (2, {1: MASK})],
            [(2, UNSURE, MASK, 0)],
        ),
    ],
)
def test_changes_and_only_changes(moments: list[Moment], expected: list[object]) -> None:
    assert found(*moments) == expected


def test_pictures_of_their_own_are_never_steady() -> None:
    assert EventFinder("door").add(fakes.report(fakes.verdict(NO_MASK)), 0.0) == {}


def test_what_is_in_an_event_and_what_is_not() -> None:
    report = fakes.report(fakes.tracked(NO_MASK, confidence=0.87654, track_id=4711))
    (event,) = EventFinder("door", lambda: NOON_S).add(report, 3.0).values()
    assert [field.name for field in fields(event)] == [
        "event_id",
        "camera",
        "time_s",
        "old_state",
        "new_state",
        "confidence",
        "old_duration_s",
    ]
    assert (event.camera, event.time_s, event.confidence) == ("door", NOON_S, 0.8765)
    assert "4711" not in repr(event).replace(event.event_id, "")


@given(
    st.lists(
        st.tuples(
            st.floats(0, 0.9),
            st.dictionaries(st.integers(1, 4), st.sampled_from(MaskState), max_size=4),
        ),
        max_size=40,
    )
)
def test_the_events_of_a_face_are_a_chain(steps: list[Moment]) -> None:
    """Each begins where the one before it ended, and no number comes twice."""
    finder, time_s = EventFinder("door"), 0.0
    last: dict[int, MaskState] = {}
    seen_s: dict[int, float] = {}
    numbers: list[str] = []
    for step_s, tracks in steps:
        time_s += step_s
        faces = [fakes.tracked(state, track_id=i) for i, state in tracks.items()]
        events = finder.add(fakes.report(*faces), time_s)
        for i, state in tracks.items():
            before = last.get(i, UNSURE) if time_s - seen_s.get(i, time_s) < 1.9 else None
            if before is not None:
                assert (i in events) == (state is not before)
            if i in events:
                assert events[i].new_state is state
                assert before is None or events[i].old_state is before
            last[i], seen_s[i] = state, time_s
        numbers += [event.event_id for event in events.values()]
    assert len(set(numbers)) == len(numbers)
