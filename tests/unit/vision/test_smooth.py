"""A state stays put until it has really changed, at any frame rate; who is not seen has no vote.

Run: pytest tests/unit/vision/test_smooth.py
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwatch.errors import SettingError
from maskwatch.schema import CLASSES, MaskState
from maskwatch.vision.smooth import Look, Smoother, SmoothSettings, SteadyState

MASK, NO_MASK, INCORRECT = CLASSES
UNSURE = MaskState.UNSURE


def look(state: MaskState, sure: float = 0.98, weight: float = 1.0) -> Look:
    rest = (1 - sure) / 2
    return Look({s: sure if s is state else rest for s in CLASSES}, weight)


class Watch:
    """One face before a camera of so many frames a second."""

    def __init__(self, per_second: float = 15.0, steadiness: float = 0.5) -> None:
        self.smoother = Smoother(SmoothSettings.from_steadiness(steadiness))
        self.step_s = 1 / per_second

    def see(self, one: Look) -> SteadyState:
        return self.smoother.update({1: one}, {1}, self.step_s)[1]

    def states(self, seconds: float, one: Look) -> list[MaskState]:
        return [self.see(one).state for _ in range(round(seconds / self.step_s))]

    def seconds_until(self, state: MaskState, one: Look, limit_s: float = 20.0) -> float:
        for number in range(1, round(limit_s / self.step_s)):
            if self.see(one).state is state:
                return number * self.step_s
        return float("inf")


def switches(states: Iterable[MaskState]) -> int:
    shown = list(states)
    return sum(one is not other for one, other in itertools.pairwise(shown))


def test_nobody_seen() -> None:
    assert Smoother(SmoothSettings()).update({}, set(), 0.1) == {}


def test_unsure_until_there_was_enough_to_see() -> None:
    watch = Watch()
    assert watch.see(look(MASK)).state is UNSURE
    assert watch.seconds_until(MASK, look(MASK)) < 0.4
    assert Watch().seconds_until(MASK, look(MASK, sure=0.6)) > 0.6


@pytest.mark.parametrize(("steadiness", "shows_s"), [(0.0, 0.27), (0.5, 0.5), (1.0, 0.91)])
@pytest.mark.parametrize("per_second", [15, 30])
def test_the_lag_is_the_one_that_is_promised(
    steadiness: float, shows_s: float, per_second: float
) -> None:
    """A clear change shows after so long, also after an hour of the other state.

    (A peer's votes could not be overturned any more once there were sixteen.)
    """
    watch = Watch(per_second, steadiness)
    assert set(watch.states(2, look(MASK))[-5:]) == {MASK}
    for other, before_s in ((NO_MASK, 5), (INCORRECT, 60), (MASK, 0.5 + shows_s)):
        seconds = watch.seconds_until(other, look(other))
        assert seconds == pytest.approx(shows_s, rel=0.1, abs=1.01 * watch.step_s)
        watch.states(before_s, look(other))


@pytest.mark.parametrize("sure", [0.75, 0.9, 0.98])
def test_15_and_30_frames_a_second_come_to_the_same_answer(sure: float) -> None:
    def lag_s(per_second: float) -> float:
        watch = Watch(per_second)
        watch.states(5, look(MASK))
        return watch.seconds_until(NO_MASK, look(NO_MASK, sure))

    assert lag_s(30) == pytest.approx(lag_s(15), abs=1.01 / 15)
    assert lag_s(60) == pytest.approx(lag_s(15), abs=1.01 / 15)


def test_irregular_frames_come_to_the_same_answer() -> None:
    random = np.random.default_rng(0)
    lags = []
    for _ in range(20):
        smoother = Smoother(SmoothSettings())
        time_s, shown = 0.0, UNSURE
        while shown is not NO_MASK:
            elapsed_s = float(random.choice([0.01, 0.03, 0.07, 0.12]))
            time_s += elapsed_s
            one = look(MASK if time_s < 4 else NO_MASK)
            shown = smoother.update({1: one}, {1}, elapsed_s)[1].state
        lags.append(time_s - 4)
    assert max(lags) - min(lags) < 0.25


def test_a_few_wrong_frames_change_nothing() -> None:
    watch = Watch()
    watch.states(2, look(MASK))
    for _ in range(30):
        assert set(watch.states(0.2, look(NO_MASK)) + watch.states(0.6, look(MASK))) == {MASK}


def test_a_view_on_which_the_network_is_undecided_changes_nothing() -> None:
    """A tilt or a shadow makes a run of verdicts wrong together, but seldom sure ones."""
    watch = Watch()
    watch.states(2, look(MASK))
    for _ in range(10):
        undecided = watch.states(1.2, look(INCORRECT, sure=0.75))
        assert set(undecided + watch.states(1, look(MASK))) == {MASK}


def test_frames_that_alternate_do_not_flicker() -> None:
    watch = Watch()
    watch.states(2, look(MASK))
    shown = [watch.see(look((MASK, NO_MASK)[i % 2], sure=0.9)).state for i in range(300)]
    assert switches(shown) <= 1
    assert NO_MASK not in shown


def test_the_newest_frames_decide() -> None:
    """A peer's smoother showed the class of the oldest frame of its window."""
    watch = Watch()
    watch.states(3, look(MASK))
    watch.states(1.5, look(NO_MASK))
    assert watch.see(look(NO_MASK)).state is NO_MASK


@pytest.mark.parametrize("weight", [0.0, 0.02])
def test_poor_views_hold_the_state_and_its_age_grows(weight: float) -> None:
    watch = Watch()
    watch.states(2, look(MASK))
    assert watch.see(look(MASK)).age_s == 0
    ages = []
    for _ in range(14):
        steady = watch.see(look(NO_MASK, weight=weight))
        assert steady.state is MASK
        ages.append(steady.age_s)
    assert ages == pytest.approx([(i + 1) / 15 for i in range(14)])
    assert watch.see(look(MASK)).age_s == 0


@pytest.mark.parametrize("per_second", [1.5, 5, 15, 30])
@pytest.mark.parametrize("steadiness", [0, 0.5, 1])
def test_an_answer_of_long_ago_is_not_shown(per_second: float, steadiness: float) -> None:
    watch = Watch(per_second, steadiness)
    watch.states(10, look(MASK))
    held_s = watch.seconds_until(UNSURE, look(NO_MASK, weight=0.0))
    assert held_s == pytest.approx(SmoothSettings().hold_s, abs=1.01 * watch.step_s)
    assert set(watch.states(5, look(NO_MASK, weight=0.0))) == {UNSURE}


def test_who_shows_himself_again_is_what_he_was() -> None:
    watch = Watch()
    watch.states(3, look(MASK))
    watch.states(1.5, look(NO_MASK, weight=0.0))
    assert watch.seconds_until(MASK, look(MASK)) < 0.2


def test_one_frame_in_two_seconds_is_no_old_answer() -> None:
    watch = Watch(per_second=0.5)
    assert set(watch.states(60, look(MASK))[15:]) == {MASK}


def newcomers(apart_s: float, *looks: Look, steadiness: float = 0.5) -> list[MaskState]:
    """What is shown of people who are each in one picture only, after some without anybody."""
    smoother = Smoother(SmoothSettings.from_steadiness(steadiness))
    for _ in range(3):
        smoother.update({}, set(), apart_s)
    return [smoother.update({key: one}, {key}, apart_s)[key].state for key, one in enumerate(looks)]


@pytest.mark.parametrize("apart_s", [1.5, 2.0, 5.0, 60.0])
def test_a_slow_camera_tells_from_one_view_what_one_view_can_tell(apart_s: float) -> None:
    clear = [look(MASK), look(NO_MASK), look(INCORRECT)]
    assert newcomers(apart_s, *clear) == [MASK, NO_MASK, INCORRECT]
    doubtful = [look(NO_MASK, sure=0.85), look(NO_MASK, weight=0.2), look(NO_MASK, weight=0.0)]
    assert newcomers(apart_s, *doubtful) == [UNSURE] * 3
    assert newcomers(apart_s, *clear, steadiness=1) == [UNSURE] * 3  # calmer: no first view counts


@pytest.mark.parametrize("apart_s", [1 / 30, 0.5, 1.0])
def test_any_other_camera_tells_nothing_from_the_first_view(apart_s: float) -> None:
    assert newcomers(apart_s, look(MASK, sure=0.999)) == [UNSURE]


@pytest.mark.parametrize(("steadiness", "pictures"), [(0.0, 1), (0.5, 1), (1.0, 3)])
def test_a_change_at_a_slow_camera_shows_within_pictures(steadiness: float, pictures: int) -> None:
    watch = Watch(per_second=0.2, steadiness=steadiness)
    watch.states(60, look(MASK))
    assert watch.seconds_until(NO_MASK, look(NO_MASK), limit_s=60) <= 5 * pictures


@pytest.mark.parametrize("steadiness", [0.0, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("apart_s", [2.0, 10.0, 30.0, 600.0])
def test_pictures_that_agree_give_an_answer_however_far_apart(
    steadiness: float, apart_s: float
) -> None:
    watch = Watch(per_second=1 / apart_s, steadiness=steadiness)
    assert watch.states(4 * apart_s, look(NO_MASK))[-1] is NO_MASK


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(CLASSES), st.floats(1 / 3, 1), st.floats(0, 1)), max_size=30
    ),
    st.lists(st.tuples(st.sampled_from(CLASSES), st.floats(1 / 3, 1)), max_size=60),
    st.floats(0.005, 0.5),
)
def test_an_abstention_is_never_a_vote(before, unseen, step_s: float) -> None:
    """Whatever the network says of faces that cannot be seen, no state comes of it.

    (A peer counted every face it could not see as one without a mask.)
    """
    one, other = (Smoother(SmoothSettings()) for _ in range(2))
    shown = UNSURE
    for state, sure, weight in before:
        for smoother in (one, other):
            shown = smoother.update({1: look(state, sure, weight)}, {1}, step_s)[1].state
    flat = Look(dict.fromkeys(CLASSES, 1 / 3), 0.0)
    for state, sure in unseen:
        steady = one.update({1: look(state, sure, 0.0)}, {1}, step_s)[1]
        assert steady.state in (shown, UNSURE)
        assert steady == other.update({1: flat}, {1}, step_s)[1]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(CLASSES), st.floats(0, 1), st.floats(0, 1), st.floats(0, 9)))
)
def test_whatever_comes_the_belief_is_a_belief(moments) -> None:
    smoother = Smoother(SmoothSettings())
    for state, sure, weight, elapsed_s in moments:
        steady = smoother.update({1: look(state, sure, weight)}, {1}, elapsed_s)[1]
        assert sum(steady.probabilities.values()) == pytest.approx(1)
        assert min(steady.probabilities.values()) >= 0
        assert steady.age_s >= 0


def test_two_changes_are_never_close_together() -> None:
    settings = SmoothSettings.from_steadiness(0)
    watch = Watch(60, steadiness=0)
    random = np.random.default_rng(0)
    changed_s, shown, time_s = [], UNSURE, 0.0
    for _ in range(600):
        state = CLASSES[int(random.integers(3))]
        for _ in range(int(random.integers(1, 20))):
            time_s += watch.step_s
            now = watch.see(look(state)).state
            if now is not shown:
                changed_s.append(time_s)
                shown = now
    assert len(changed_s) > 20
    assert min(np.diff(changed_s)) >= settings.stay_s - 1e-9


def test_a_face_that_left_is_forgotten_and_starts_anew() -> None:
    watch = Watch()
    watch.states(3, look(MASK))
    assert watch.smoother.update({}, {1}, 0.5) == {}  # not in this frame, so not shown
    assert watch.see(look(MASK)).state is MASK  # but remembered
    watch.smoother.update({}, set(), 0.1)
    assert watch.see(look(MASK)).state is UNSURE


def test_faces_do_not_touch_each_other() -> None:
    both, alone = (Smoother(SmoothSettings()) for _ in range(2))
    for number in range(60):
        one = look(MASK if number < 30 else NO_MASK)
        seen = both.update({1: one, 2: look(INCORRECT)}, {1, 2}, 1 / 15)
        assert seen[1] == alone.update({1: one}, {1}, 1 / 15)[1]
    assert seen[2].state is INCORRECT


@pytest.mark.parametrize("steadiness", [-0.1, 1.1, float("nan")])
def test_a_senseless_dial(steadiness: float) -> None:
    with pytest.raises(SettingError, match="steadiness: must lie between 0 and 1"):
        SmoothSettings.from_steadiness(steadiness)


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_steadier_is_slower(one: float, other: float) -> None:
    low, high = (SmoothSettings.from_steadiness(value) for value in sorted((one, other)))
    assert low.looks_per_s >= high.looks_per_s
    assert low.stay_s <= high.stay_s
