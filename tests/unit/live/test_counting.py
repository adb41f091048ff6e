"""People are counted once, by what they showed longest, whatever clocks and frame rates do.

Run: pytest tests/unit/live/test_counting.py
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import fakes

from maskwatch.live.counting import (
    RECENT_S,
    STEP_S,
    Clock,
    Count,
    PeopleCounter,
    Session,
    SessionCounts,
    Step,
    worn_ratio,
)
from maskwatch.schema import FrameReport, MaskState

MASK, NO_MASK, INCORRECT, UNSURE = MaskState
NOBODY = dict.fromkeys(MaskState, 0)


def seen(**tracks: MaskState) -> FrameReport:
    """These tracks (t1, t2, ...) in these states."""
    faces = [fakes.tracked(state, track_id=int(name[1:])) for name, state in tracks.items()]
    return fakes.report(*faces)


def watched(*spans: tuple[float, FrameReport], per_second: float = 10.0) -> SessionCounts:
    """The counts after each report has lasted so many seconds."""
    session, time_s = Session(), 100.0
    counts = session.add(fakes.report(), time_s)
    for seconds, report in spans:
        for _ in range(round(seconds * per_second)):
            time_s += 1 / per_second
            counts = session.add(report, time_s)
    return counts


@pytest.mark.parametrize(
    ("spans", "in_view", "people"),
    [
        ([], {}, {}),
        ([(1, seen())], {}, {}),
        ([(2, seen(t1=MASK))], {MASK: 1}, {MASK: 1}),
        ([(2, seen(t1=MASK)), (0.5, seen())], {}, {MASK: 1}),
        # the state held longest, not the first and not the last
        ([(1, seen(t1=UNSURE)), (2, seen(t1=MASK))], {MASK: 1}, {MASK: 1}),
        ([(2, seen(t1=NO_MASK)), (1, seen(t1=MASK))], {MASK: 1}, {NO_MASK: 1}),
        ([(2, seen(t1=UNSURE)), (1, seen(t1=MASK))], {MASK: 1}, {UNSURE: 1}),
        # hidden for a moment, and once more counted only once
        ([(2, seen(t1=MASK)), (0.5, seen()), (1, seen(t1=MASK))], {MASK: 1}, {MASK: 1}),
        (
            [(2, seen(t1=MASK, t2=NO_MASK, t3=NO_MASK))],
            {MASK: 1, NO_MASK: 2},
            {MASK: 1, NO_MASK: 2},
        ),
        # a flash that a detector mistook for a face
        ([(0.3, seen(t1=NO_MASK)), (3, seen())], {}, {}),
        # without a track nobody can be counted once
        ([(2, fakes.report(fakes.verdict()))], {}, {}),
    ],
)
@pytest.mark.parametrize("per_second", [10, 30])
def test_people_are_counted_once(
    spans: list[tuple[float, FrameReport]],
    in_view: dict[MaskState, int],
    people: dict[MaskState, int],
    per_second: float,
) -> None:
    counts = watched(*spans, per_second=per_second)
    assert counts.in_view == in_view
    assert counts.people == NOBODY | people


def test_what_a_single_frame_says_does_not_count() -> None:
    faces = [fakes.tracked(MASK, raw_state=NO_MASK)]
    counts = watched((3, fakes.report(*faces)))
    assert counts.people == NOBODY | {MASK: 1}
    assert counts.face_s[NO_MASK] == 0


def test_face_time_is_that_of_all_faces_and_a_gap_is_not_seen() -> None:
    counts = watched((10, seen(t1=MASK, t2=NO_MASK)), (5, seen(t1=MASK)))
    assert counts.face_s == pytest.approx(NOBODY | {MASK: 15, NO_MASK: 10})
    session = Session()
    session.add(seen(t1=MASK), 0.0)
    assert session.add(seen(t1=MASK), 3600.0).face_s[MASK] == 1.0


def test_a_person_is_counted_where_it_came_and_its_time_where_it_passed() -> None:
    counter = PeopleCounter()
    total: Counter[tuple[int, MaskState]] = Counter()
    time_by_period: Counter[int] = Counter()
    for second, (state, period) in enumerate([(UNSURE, 7)] * 3 + [(MASK, 8)] * 6):
        for (where, what), count in counter.add(seen(t1=state), second, period).items():
            total[where, what] += count.people
            time_by_period[where] += count.face_s
    assert {key: n for key, n in total.items() if n} == {(7, MASK): 1}
    assert time_by_period == {7: 2, 8: 6}


@pytest.mark.parametrize(
    ("face_s", "ratio"),
    [
        ({}, None),
        ({UNSURE: 5.0}, None),
        ({MASK: 3.0, NO_MASK: 1.0, UNSURE: 99.0}, 0.75),
        ({INCORRECT: 2.0}, 0.0),
    ],
)
def test_compliance_leaves_out_what_is_unsure(
    face_s: dict[MaskState, float], ratio: float | None
) -> None:
    assert worn_ratio(face_s) == ratio


def test_compliance_is_told_in_steps_of_the_last_minutes() -> None:
    bare, masked = seen(t1=NO_MASK), seen(t1=MASK)
    counts = watched((STEP_S, bare), (STEP_S, masked), (STEP_S, seen()), (STEP_S + 0.5, masked))
    ratios = {step.index: round(step.ratio, 1) for step in counts.steps}
    assert ratios == {0: 0.0, 1: 1.0, 3: 1.0}  # nobody there is no compliance and no violation
    assert counts.step_index == 4
    long = watched((3 * RECENT_S, masked), per_second=2)
    assert len(long.steps) == RECENT_S / STEP_S
    assert long.steps[-1] == Step(long.step_index - 1, 1.0)


@given(st.lists(st.floats(-1e6, 1e6)))
def test_a_clock_never_goes_back(times_s: list[float]) -> None:
    clock, before_s = Clock(), 0.0
    for time_s in times_s:
        assert clock.advance(time_s) >= 0
        assert clock.now_s >= before_s
        before_s = clock.now_s


moments = st.lists(
    st.tuples(
        st.one_of(st.floats(-2.0, 3.0), st.just(0.04), st.just(1e5)),
        st.dictionaries(st.integers(1, 8), st.sampled_from(MaskState), max_size=4),
    ),
    max_size=60,
)


def play(frames: list[tuple[float, dict[int, MaskState]]]) -> list[tuple[FrameReport, float]]:
    """Reports with times from steps in time, which may go back."""
    time_s, reports = 0.0, []
    for step_s, tracks in frames:
        time_s += step_s
        faces = [fakes.tracked(state, track_id=i) for i, state in tracks.items()]
        reports.append((fakes.report(*faces), time_s))
    return reports


@given(moments)
def test_the_numbers_always_make_sense(frames: list[tuple[float, dict[int, MaskState]]]) -> None:
    session, before = Session(), 0.0
    for report, time_s in play(frames):
        counts = session.add(report, time_s)
        assert sum(counts.in_view.values()) == len(report.faces)
        assert min(counts.people.values()) >= 0
        assert sum(counts.people.values()) >= before  # nobody is ever taken back, only moved
        before = sum(counts.people.values())
        assert before <= sum(counts.face_s.values()) / 0.5 + 1e-6
        assert all(0 <= step.ratio <= 1 for step in counts.steps)
        assert [step.index for step in counts.steps] == sorted({s.index for s in counts.steps})


@given(moments, st.lists(st.integers(0, 3), min_size=60, max_size=60))
def test_changes_add_up_to_the_session_in_whatever_periods(
    frames: list[tuple[float, dict[int, MaskState]]], periods: list[int]
) -> None:
    session, counter, counts = Session(), PeopleCounter(), SessionCounts()
    total: dict[tuple[int, MaskState], Count] = {}
    for (report, time_s), period in zip(play(frames), periods, strict=False):
        counts = session.add(report, time_s)
        for key, count in counter.add(report, time_s, period).items():
            total[key] = total.get(key, Count()) + count
    assert all(count.people >= 0 for count in total.values())
    for state in MaskState:
        parts = [count for (_, what), count in total.items() if what is state]
        assert sum(count.people for count in parts) == counts.people.get(state, 0)
        assert sum(count.face_s for count in parts) == pytest.approx(counts.face_s.get(state, 0))


def test_thousands_of_people_leave_nothing_behind() -> None:
    session, time_s = Session(), 0.0
    for first in range(1, 10_000, 50):
        faces = [fakes.tracked(MASK, track_id=first + i) for i in range(50)]
        for _ in range(4):
            time_s += 0.25
            counts = session.add(fakes.report(*faces), time_s)
    assert counts.people[MASK] == 10_000
    assert len(session._counter._people) <= 200


def test_who_is_missed_by_a_camera_that_sends_few_pictures_is_not_counted_again() -> None:
    """A track ends after one and a half of the usual times between two pictures."""
    session, time_s = Session(), 0.0
    moments = [(5.0, True)] * 5 + [(5.0, False), (2.0, True), (5.0, True)]
    for elapsed_s, is_seen in moments:
        time_s += elapsed_s
        counts = session.add(seen(t1=NO_MASK) if is_seen else seen(), time_s)
    assert counts.people[NO_MASK] == 1
