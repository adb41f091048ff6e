"""Who is told of what and when: steady violations, once, and never in a cool-down.

Run: pytest tests/test_alerts.py
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import fakes
import pytest
from alert_factory import NOON_S
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.errors import SettingError
from maskwatch.schema import FrameReport, MaskState
from maskwatch.watch.alerts import CLEAR_S, Alert, AlertKind, Rule, RuleStatus, RuleWatch
from maskwatch.watch.queue import AlertQueue

MASK, NO_MASK, INCORRECT, UNSURE = MaskState
RULE = Rule("bare", min_duration_s=2, cool_down_s=60)
CLEAR = Rule("bare", min_duration_s=0, cool_down_s=60, all_clear=True)

Moment = tuple[float, dict[int, MaskState]]


def seen(tracks: dict[int, MaskState]) -> FrameReport:
    return fakes.report(*(fakes.tracked(state, track_id=i) for i, state in tracks.items()))


def told(rule: Rule, moments: Sequence[Moment], sends: bool = True) -> list[tuple[float, Any]]:
    """When something was told, and what: state, or the all-clear; sent at once, or never."""
    watch, queue, alerts = RuleWatch(rule, "door"), AlertQueue(["sink"]), []
    for time_s, tracks in moments:
        status, utc_s = queue.status(rule.name, "door"), NOON_S + time_s
        if alert := watch.update(seen(tracks), time_s, status, utc_s):
            queue.add(alert)
            document = json.loads(alert.body)
            alerts.append((time_s, document.get("state", document["kind"])))
            delivery = queue.next("sink")
            assert delivery
            if sends:
                queue.sent(delivery, utc_s)
            else:
                queue.give_up(delivery)
    return alerts


def steady(tracks: dict[int, MaskState], first: int, last: int) -> list[Moment]:
    """A frame each second."""
    return [(float(time_s), tracks) for time_s in range(first, last + 1)]


@pytest.mark.parametrize(
    ("rule", "moments", "expected"),
    [
        (RULE, [], []),
        (RULE, steady({}, 0, 9), []),
        (RULE, steady({1: MASK, 2: UNSURE}, 0, 99), []),
        (RULE, steady({1: NO_MASK}, 0, 1), []),
        (RULE, steady({1: NO_MASK}, 0, 2), [(2, "no_mask")]),
        (RULE, steady({1: INCORRECT}, 5, 300), [(7, "incorrect_mask")]),
        # another violation of the same face is no news, and does not begin anew
        (RULE, steady({1: NO_MASK}, 0, 1) + steady({1: INCORRECT}, 2, 99), [(2, "incorrect_mask")]),
        # only the states of the rule
        (Rule("r", states=(INCORRECT,)), steady({1: NO_MASK, 2: INCORRECT}, 0, 99),
         [(2, "incorrect_mask")]),
        # put right in time
        (RULE, steady({1: NO_MASK}, 0, 1) + steady({1: MASK}, 2, 3) + steady({1: NO_MASK}, 4, 5),
         []),
        # several at once are one alert
        (RULE, steady({1: NO_MASK, 2: NO_MASK}, 0, 300), [(2, "no_mask")]),
        # who comes within the cool-down is told of at its end, if it still lasts ...
        (RULE, steady({1: NO_MASK}, 0, 9) + steady({2: NO_MASK}, 10, 80),
         [(2, "no_mask"), (62, "no_mask")]),
        # ... and not if it does not
        (RULE, steady({1: NO_MASK}, 0, 9) + steady({2: NO_MASK}, 10, 50) + steady({}, 51, 99),
         [(2, "no_mask")]),
        # the same face, after it had shown something else
        (RULE, steady({1: NO_MASK}, 0, 3) + steady({1: MASK}, 4, 70) + steady({1: NO_MASK}, 71, 99),
         [(2, "no_mask"), (73, "no_mask")]),
        # a gap without frames is no time in which anything was seen
        (CLEAR, [(0, {1: NO_MASK}), (999, {2: UNSURE})], [(0, "no_mask")]),
        (CLEAR, steady({1: NO_MASK}, 0, 3) + steady({1: MASK}, 4, 30),
         [(0, "no_mask"), (3 + CLEAR_S, "all_clear")]),
        (CLEAR, steady({1: NO_MASK}, 0, 3) + steady({}, 4, 9) + steady({2: NO_MASK}, 10, 30),
         [(0, "no_mask")]),
        (CLEAR, steady({1: MASK}, 0, 60), []),
    ],
)  # fmt: skip
def test_when_something_is_told(
    rule: Rule, moments: Sequence[Moment], expected: list[tuple[float, str]]
) -> None:
    assert told(rule, moments) == expected


@pytest.mark.parametrize(
    ("sent_s", "cools_down"),
    [
        (None, False),
        (NOON_S, True),
        (NOON_S - 59.9, True),
        (NOON_S - 60, False),
        (NOON_S + 1, False),  # the clock was put back; nobody knows for how long it would be silent
    ],
)
def test_the_cool_down(sent_s: float | None, cools_down: bool) -> None:
    watch = RuleWatch(Rule("bare", min_duration_s=0), "door")
    alert = watch.update(seen({1: NO_MASK}), 0.0, RuleStatus(sent_s), NOON_S)
    assert (alert is None) == cools_down


def test_where_sending_fails_no_cool_down_begins() -> None:
    one_after_the_other = [
        moment for i in range(5) for moment in steady({i: NO_MASK}, 10 * i, 10 * i + 5)
    ]
    assert len(told(RULE, one_after_the_other, sends=True)) == 1
    assert len(told(RULE, one_after_the_other, sends=False)) == 5


def test_what_an_alert_says() -> None:
    watch = RuleWatch(RULE, "west gate")
    watch.update(seen({4711: NO_MASK}), 1.0, RuleStatus(), NOON_S)
    alert = watch.update(seen({4711: NO_MASK, 2: MASK}), 4.5, RuleStatus(), NOON_S + 3.5)
    assert isinstance(alert, Alert) and alert.kind is AlertKind.VIOLATION
    document = json.loads(alert.body)
    assert document.pop("id") == alert.alert_id and len(alert.alert_id) == 32
    assert document == {
        "schema": "maskwatch.alert/1",
        "kind": "violation",
        "rule": "bare",
        "camera": "west gate",
        "time_utc": "2026-11-24T12:00:03.500Z",
        "state": "no_mask",
        "confidence": 0.75,
        "lasted_s": 3.5,
        "people": 1,
    }
    assert "4711" not in alert.body.replace(alert.alert_id, "")


def test_after_a_new_start_the_all_clear_of_an_old_alert_still_comes() -> None:
    watch, raised = RuleWatch(CLEAR, "door"), RuleStatus(NOON_S, raised=True)
    alerts = [watch.update(seen({}), t, raised, NOON_S + t) for t in (0.0, 5.0, CLEAR_S)]
    assert [alert and alert.kind for alert in alerts] == [None, None, AlertKind.ALL_CLEAR]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": ""}, "name must be 1 to 64"),
        ({"name": "a/b"}, "name must be"),
        ({"name": "a\nb"}, "name must be"),
        ({"states": ()}, "states must be some of no_mask, incorrect_mask"),
        ({"states": (NO_MASK, UNSURE)}, r"states must be .*, not \['unsure'\]"),
        ({"states": (MASK,)}, r"states must be .*, not \['mask'\]"),
        ({"min_duration_s": -1}, "min_duration_s must be 0 to 3600"),
        ({"cool_down_s": 1e9}, "cool_down_s must be 0 to"),
    ],
)
def test_a_senseless_rule(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Rule(**{"name": "bare", **values})


@given(
    st.lists(
        st.tuples(
            st.floats(0, 30),
            st.dictionaries(st.integers(1, 4), st.sampled_from(MaskState), max_size=3),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_between_two_sent_alerts_there_is_peace(
    frames: list[tuple[float, dict[int, MaskState], bool]],
) -> None:
    rule = Rule("bare", min_duration_s=1, cool_down_s=60)
    watch, queue, time_s, sent_s = RuleWatch(rule, "door"), AlertQueue(["sink"]), 0.0, -1e9
    for step_s, tracks, sends in frames:
        time_s += step_s
        alert = watch.update(seen(tracks), time_s, queue.status("bare", "door"), NOON_S + time_s)
        if alert is None:
            continue
        assert time_s - sent_s >= 60 - 1e-6
        assert set(tracks.values()) & {NO_MASK, INCORRECT}
        queue.add(alert)
        delivery = queue.next("sink")
        assert delivery
        if sends:
            queue.sent(delivery, NOON_S + time_s)
            sent_s = time_s
        else:
            queue.give_up(delivery)
