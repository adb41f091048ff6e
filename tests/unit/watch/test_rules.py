"""Who is told of what and when: steady violations, once, and never in a cool-down.

Run: pytest tests/unit/watch/test_rules.py
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import fakes
from support.alert_factory import NOON_S

from maskwatch.errors import SettingError
from maskwatch.schema import FrameReport, MaskState
from maskwatch.watch.hours import Hours
from maskwatch.watch.outbox import AlertQueue, Delivery
from maskwatch.watch.rules import CLEAR_S, Alert, AlertKind, Rule, RuleStatus, RuleWatch
from maskwatch.watch.zones import Zone

MASK, NO_MASK, INCORRECT, UNSURE = MaskState
RULE = Rule("bare", min_duration_s=2, cool_down_s=60)
CLEAR = Rule("bare", min_duration_s=0, cool_down_s=60, all_clear=True)

STAY = Rule("bare", min_duration_s=2, min_stay_s=10)
THREE = Rule("bare", min_duration_s=2, min_people=3)

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
        # nobody can tell for a moment: it goes on ...
        (RULE, steady({1: NO_MASK}, 0, 9) + steady({1: UNSURE}, 10, 11)
         + steady({1: NO_MASK}, 12, 99), [(2, "no_mask")]),
        (Rule("r", min_duration_s=9), steady({1: NO_MASK}, 0, 4) + steady({1: UNSURE}, 5, 6)
         + steady({1: NO_MASK}, 7, 99), [(9, "no_mask")]),
        (Rule("r", min_duration_s=9), steady({1: NO_MASK}, 0, 7) + steady({1: UNSURE}, 8, 9)
         + steady({1: NO_MASK}, 10, 99), [(10, "no_mask")]),
        # ... for longer: it has to last anew, but is no news if it was told of
        (RULE, steady({1: NO_MASK}, 0, 1) + steady({1: UNSURE}, 2, 6) + steady({1: NO_MASK}, 7, 99),
         [(9, "no_mask")]),
        (RULE, steady({1: NO_MASK}, 0, 9) + steady({1: UNSURE}, 10, 70)
         + steady({1: NO_MASK}, 71, 99), [(2, "no_mask")]),
        # what follows an all-clear is told again
        (CLEAR, steady({1: NO_MASK}, 0, 3) + steady({1: UNSURE}, 4, 70)
         + steady({1: NO_MASK}, 71, 99),
         [(0, "no_mask"), (3 + CLEAR_S, "all_clear"), (71, "no_mask")]),
        # a gap without frames is no time in which anything was seen
        (CLEAR, [(0, {1: NO_MASK}), (999, {2: UNSURE})], [(0, "no_mask")]),
        (CLEAR, steady({1: NO_MASK}, 0, 3) + steady({1: MASK}, 4, 30),
         [(0, "no_mask"), (3 + CLEAR_S, "all_clear")]),
        (CLEAR, steady({1: NO_MASK}, 0, 3) + steady({}, 4, 9) + steady({2: NO_MASK}, 10, 30),
         [(0, "no_mask")]),
        (CLEAR, steady({1: MASK}, 0, 60), []),
        # whoever passes by is not told of, whatever they showed meanwhile; who stays is
        (STAY, steady({1: NO_MASK}, 0, 9), []),
        (STAY, steady({1: MASK}, 0, 7) + steady({1: NO_MASK}, 8, 99), [(10, "no_mask")]),
        (STAY, steady({1: NO_MASK}, 0, 8) + steady({}, 9, 10) + steady({1: NO_MASK}, 11, 99),
         [(11, "no_mask")]),
        (STAY, steady({1: NO_MASK}, 0, 8) + steady({}, 9, 20) + steady({1: NO_MASK}, 21, 30), []),
        # so many at once, each for long enough
        (THREE, steady({1: NO_MASK, 2: NO_MASK, 3: MASK}, 0, 99), []),
        (THREE, steady({1: NO_MASK, 2: NO_MASK}, 0, 9)
         + steady({1: NO_MASK, 2: NO_MASK, 3: INCORRECT}, 10, 99), [(12, "no_mask")]),
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


def test_outside_its_hours_a_rule_is_silent_and_tells_what_still_lasts_when_they_begin() -> None:
    noon = Hours(("tue 12:01-13:00",), "UTC")
    rule = Rule("bare", min_duration_s=2, hours=noon)
    assert told(rule, steady({1: NO_MASK}, 0, 90)) == [(60, "no_mask")]
    assert told(rule, steady({1: NO_MASK}, 0, 59)) == []


def test_the_all_clear_comes_at_any_hour() -> None:
    rule = replace(CLEAR, hours=Hours(("tue 12:00-12:01",), "UTC"))
    moments = steady({1: NO_MASK}, 0, 55) + steady({}, 56, 99)
    assert told(rule, moments) == [(0, "no_mask"), (55 + CLEAR_S, "all_clear")]


def test_each_zone_is_a_place_of_its_own() -> None:
    """One silent place does not silence the other, and people of both are not added up."""
    zones = [
        Zone("left", ((0, 0), (0.5, 0), (0.5, 1), (0, 1))),
        Zone("right", ((0.5, 0), (1, 0), (1, 1), (0.5, 1))),
        Zone("nobody's", ((0, 0), (0.1, 0), (0.1, 0.1))),
    ]
    rule = Rule("bare", min_duration_s=0, zones=("left", "right"))
    watches = [RuleWatch(rule, "door", zone) for zone in rule.places(zones)]
    assert [watch.place for watch in watches] == ["door/left", "door/right"]
    queue, said = AlertQueue(["sink"]), []
    both = fakes.report(
        fakes.tracked(NO_MASK, (0, 0, 20, 40), track_id=1),
        fakes.tracked(NO_MASK, (40, 0, 60, 40), track_id=2),
    )
    for time_s in (0.0, 1.0):
        for watch in watches:
            status = queue.status("bare", watch.place)
            if alert := watch.update(both, time_s, status, NOON_S + time_s):
                queue.add(alert)
                queue.sent(Delivery(alert, "sink"), NOON_S)
                said.append((json.loads(alert.body)["zone"], json.loads(alert.body)["people"]))
    assert said == [("left", 1), ("right", 1)]
    assert queue.status("bare", "door/left").sent_s == NOON_S
    assert queue.status("bare", "door") == RuleStatus()
    (place,) = Rule("everywhere").places(zones)
    assert place is None


def test_an_alert_counts_all_who_show_it_at_once() -> None:
    """Also those of whom it has told before: a rule for three people never tells of one."""
    rule = Rule("bare", min_duration_s=0, min_people=3, cool_down_s=0)
    watch, people = RuleWatch(rule, "door"), []
    for time_s in range(6):
        crowd = seen(dict.fromkeys(range(1, 2 + time_s), NO_MASK))
        if alert := watch.update(crowd, time_s, RuleStatus(), NOON_S + time_s):
            people.append(json.loads(alert.body)["people"])
    assert people == [3, 4, 5, 6]


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


@pytest.mark.parametrize(
    ("page_url", "event_ids", "more"),
    [
        (None, {}, {}),
        (None, {7: "e7", 8: "e8"}, {"event": "e7"}),
        ("https://c.example.org/", {7: "e7"},
         {"event": "e7", "link": "https://c.example.org/#event=e7"}),
        ("https://c.example.org", {}, {"link": "https://c.example.org"}),
    ],
)  # fmt: skip
def test_an_alert_names_its_event_and_where_to_see_it(
    page_url: str | None, event_ids: dict[int, str], more: dict[str, str]
) -> None:
    watch = RuleWatch(Rule("bare", min_duration_s=0), "door", page_url=page_url)
    alert = watch.update(seen({7: NO_MASK}), 0.0, RuleStatus(), NOON_S, event_ids)
    assert alert and alert.event_id == more.get("event")
    document = json.loads(alert.body)
    assert {key: document[key] for key in ("event", "link") if key in document} == more


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
        ({"states": (NO_MASK, UNSURE)}, "states must be some of no_mask, incorrect_mask"),
        ({"states": (MASK,)}, "states must be some of no_mask, incorrect_mask"),
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
