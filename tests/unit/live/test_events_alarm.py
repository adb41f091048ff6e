"""A warning comes for steady violations only, once a person, and not too often.

Run: pytest tests/unit/live/test_events_alarm.py
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import fakes

from maskwatch.live.events import COOL_DOWN_S, STAY_S, VIOLATIONS, Alarm, Alarmist
from maskwatch.schema import FrameReport, MaskState

MASK, NO_MASK, INCORRECT, UNSURE = MaskState


def seen(**tracks: MaskState) -> FrameReport:
    """These tracks (t1, t2, ...) in these states."""
    faces = [fakes.tracked(state, track_id=int(name[1:])) for name, state in tracks.items()]
    return fakes.report(*faces)


def alarms(*moments: tuple[float, FrameReport]) -> list[Alarm]:
    alarmist = Alarmist()
    return [alarmist.update(report, time_s) for time_s, report in moments]


@pytest.mark.parametrize(
    ("report", "states", "rings"),
    [
        (seen(), (), 0),
        (seen(t1=MASK, t2=UNSURE), (), 0),
        (seen(t1=NO_MASK, t2=MASK), (NO_MASK,), 1),
        (seen(t1=INCORRECT, t2=NO_MASK, t3=NO_MASK), (NO_MASK, INCORRECT), 1),
        (fakes.report(fakes.tracked(UNSURE, raw_state=NO_MASK)), (), 0),
        (fakes.report(fakes.tracked(MASK, raw_state=INCORRECT)), (), 0),
        (fakes.report(fakes.verdict(NO_MASK)), (), 0),  # a picture of its own is never steady
    ],
)
def test_only_steady_violations_warn(
    report: FrameReport, states: tuple[MaskState, ...], rings: int
) -> None:
    assert alarms((9.0, report)) == [Alarm(states, rings)]


def told(*moments: tuple[float, FrameReport]) -> list[tuple[object, object]]:
    return [(alarm.states, alarm.before) for alarm in alarms(*moments)]


def test_who_left_is_told_of_for_a_moment() -> None:
    bare, soon, late = told((0.0, seen(t1=NO_MASK)), (2.9, seen()), (3.1, seen()))
    assert STAY_S == 3.0
    assert (bare, soon, late) == (((NO_MASK,), ()), ((), (NO_MASK,)), ((), ()))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (seen(t1=MASK), ((), ())),  # put right: nothing to warn of, and nothing that was
        (seen(t1=UNSURE), ((), ())),
        (seen(t1=INCORRECT), ((INCORRECT,), ())),
        (seen(t2=MASK), ((), (NO_MASK,))),  # somebody else
        (seen(t2=NO_MASK), ((NO_MASK,), ())),
    ],
)
def test_a_warning_goes_when_its_person_changes(after: FrameReport, expected: object) -> None:
    assert told((0.0, seen(t1=NO_MASK)), (0.1, after))[1] == expected


@pytest.mark.parametrize(
    ("moments", "rings"),
    [
        # the same person, for as long as it lasts
        ([(t, seen(t1=NO_MASK)) for t in range(200)], 1),
        # out of view for a moment
        ([(0, seen(t1=NO_MASK)), (1, seen()), (40, seen()), (41, seen(t1=MASK))], 1),
        # another violation of the same person is no news
        ([(0, seen(t1=NO_MASK)), (40, seen(t1=INCORRECT))], 1),
        # a second person within the cool-down has to wait for its end
        ([(0, seen(t1=NO_MASK)), (1, seen(t1=NO_MASK, t2=NO_MASK))], 1),
        ([(t, seen(t1=NO_MASK, t2=NO_MASK) if t else seen(t1=NO_MASK)) for t in range(40)], 2),
        # it was put right, and is missing once more
        ([(0, seen(t1=NO_MASK)), (1, seen(t1=MASK)), (2, seen(t1=NO_MASK))], 1),
        ([(0, seen(t1=NO_MASK)), (1, seen(t1=MASK)), (40, seen(t1=NO_MASK))], 2),
        # nobody can tell for a moment, or for long: it is the same person still
        ([(0, seen(t1=NO_MASK)), (39, seen(t1=UNSURE)), (40, seen(t1=NO_MASK))], 1),
        ([(t, seen(t1=UNSURE if 5 < t < 95 else NO_MASK)) for t in range(200)], 1),
        # a clock that goes back is no time
        ([(100, seen(t1=NO_MASK)), (0, seen(t2=NO_MASK)), (29, seen(t2=NO_MASK))], 1),
    ],
)
def test_it_rings_once_a_person_and_not_too_often(
    moments: list[tuple[float, FrameReport]], rings: int
) -> None:
    assert alarms(*moments)[-1].rings == rings


@given(
    st.lists(
        st.tuples(
            st.floats(-5, 40),
            st.dictionaries(st.integers(1, 5), st.sampled_from(MaskState), max_size=3),
        ),
        max_size=50,
    )
)
def test_between_two_rings_there_is_peace(
    frames: list[tuple[float, dict[int, MaskState]]],
) -> None:
    alarmist, time_s, passed_s, rings, rung_at_s = Alarmist(), 0.0, 0.0, 0, -COOL_DOWN_S
    for index, (step_s, tracks) in enumerate(frames):
        time_s += step_s
        passed_s += max(0.0, step_s) if index else 0.0
        faces = [fakes.tracked(state, track_id=i) for i, state in tracks.items()]
        alarm = alarmist.update(fakes.report(*faces), time_s)
        violations = set(tracks.values()) & set(VIOLATIONS)
        assert violations <= set(alarm.states) <= set(VIOLATIONS)
        if alarm.rings > rings:
            assert alarm.rings == rings + 1 and violations
            assert passed_s - rung_at_s >= COOL_DOWN_S - 1e-6
            rings, rung_at_s = alarm.rings, passed_s
        else:
            assert alarm.rings == rings
