"""Alerts wait in order, within bounds, and what the disk knows is what there is.

Run: pytest tests/unit/watch/test_outbox_queue.py
"""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.alert_factory import NOON_S, alert

from maskwatch.watch.outbox import AlertQueue, Changes, Delivery, RuleKey
from maskwatch.watch.rules import AlertKind, RuleStatus

CLEAR = AlertKind.ALL_CLEAR


def ids(queue: AlertQueue, sink: str) -> list[str]:
    """What would be sent, in order."""
    found = []
    while delivery := queue.next(sink):
        found.append(delivery.alert.alert_id)
        queue.give_up(delivery)
    return found


class Disk:
    """What a store would hold."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[str, str], Delivery] = {}
        self.rules: dict[RuleKey, RuleStatus] = {}

    def write(self, changes: Changes) -> None:
        for key, delivery in changes.waiting.items():
            if delivery is None:
                self.waiting.pop(key, None)
            else:
                self.waiting.setdefault(key, delivery)
        self.rules.update(changes.rules)


def test_nothing_waits() -> None:
    queue = AlertQueue(["web", "mqtt"])
    assert queue.next("web") is None and not queue.has_changes()
    assert not queue.take_changes()
    assert queue.lengths() == queue.dropped() == {"web": 0, "mqtt": 0}
    assert queue.status("rule", "camera") == RuleStatus()


def test_each_sink_gets_each_alert_in_order_and_for_itself() -> None:
    queue = AlertQueue(["web", "mqtt"])
    alerts = [alert() for _ in range(3)]
    for one in alerts:
        queue.add(one)
    expected = [one.alert_id for one in alerts]
    assert ids(queue, "web") == expected
    assert queue.lengths() == {"web": 0, "mqtt": 3}
    assert ids(queue, "mqtt") == expected


def test_the_next_one_stays_until_something_became_of_it() -> None:
    queue = AlertQueue(["web"])
    queue.add(alert("first"))
    assert queue.next("web") == queue.next("web")


@pytest.mark.parametrize(
    ("sent", "silent_from_s"),
    [
        ([(0, 0)], 0),
        ([(0, 3600)], 0),  # late: an alert of an hour ago silences nothing now
        ([(0, 1), (100, 101)], 100),
        ([(100, 101), (0, 3600)], 100),  # another sink has the newer one already
        ([(500, 0)], 0),  # the clock was put back meanwhile
        ([(500, 500), (10, 11)], 10),
    ],
)
def test_the_cool_down_is_counted_from_when_an_alert_came_up(
    sent: list[tuple[float, float]], silent_from_s: float
) -> None:
    queue = AlertQueue(["web"])
    for came_up_s, sent_s in sent:
        delivery = Delivery(alert(time_s=NOON_S + came_up_s), "web")
        queue.sent(delivery, NOON_S + sent_s)
    assert queue.status("bare", "door").sent_s == NOON_S + silent_from_s


def test_one_that_is_set_aside_lets_the_others_go_first() -> None:
    queue = AlertQueue(["web"])
    for name in ("one", "two", "three"):
        queue.add(alert(name))
    first = queue.next("web")
    assert first
    queue.set_aside(first)
    assert ids(queue, "web") == ["two", "three", "one"]
    queue.set_aside(first)  # it is gone already
    assert queue.next("web") is None


def test_who_waits_for_an_alert_gets_it() -> None:
    queue = AlertQueue(["web"])
    threading.Timer(0.05, queue.add, (alert("late"),)).start()
    delivery = queue.next("web", 30)
    assert delivery and delivery.alert.alert_id == "late"


def test_the_cool_down_begins_with_a_violation_that_was_sent_and_with_nothing_else() -> None:
    queue = AlertQueue(["web", "mqtt"])
    queue.add(alert("one"))
    assert queue.status("bare", "door") == RuleStatus(None, raised=True)
    web, mqtt = queue.next("web"), queue.next("mqtt")
    assert web and mqtt
    queue.give_up(web)
    assert queue.status("bare", "door").sent_s is None
    queue.sent(mqtt, NOON_S)
    assert queue.status("bare", "door") == RuleStatus(NOON_S, raised=True)
    assert queue.status("bare", "gate") == queue.status("other", "door") == RuleStatus()
    queue.add(alert("clear", CLEAR))
    clear = queue.next("web")
    assert clear
    queue.sent(clear, NOON_S + 500)
    assert queue.status("bare", "door") == RuleStatus(NOON_S, raised=False)


def test_what_is_too_much_gives_way_the_oldest_first_and_is_counted_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue = AlertQueue(["web", "mqtt"], limit=3)
    for number in range(210):
        queue.add(alert(str(number)))
    assert queue.dropped() == {"web": 207, "mqtt": 207}
    assert len(caplog.messages) == 2 * 3  # the first, and then each hundredth
    assert caplog.messages[0] == (
        "alerts to web: more than 3 wait, the oldest is given up (1 so far)"
    )
    assert ids(queue, "web") == ["207", "208", "209"]


def test_one_that_gave_way_while_it_was_sent_still_counts_as_sent() -> None:
    queue = AlertQueue(["web"], limit=1)
    queue.add(alert("one"))
    delivery = queue.next("web")
    assert delivery
    queue.add(alert("two"))
    queue.sent(delivery, NOON_S)
    assert queue.status("bare", "door").sent_s == NOON_S
    assert ids(queue, "web") == ["two"]


def test_what_an_earlier_run_left_is_sent_on(caplog: pytest.LogCaptureFixture) -> None:
    left = [Delivery(alert(name), sink) for name in ("a", "b", "c") for sink in ("web", "gone")]
    rules = {("bare", "door"): RuleStatus(NOON_S, raised=True)}
    queue = AlertQueue(["web"], limit=2, waiting=left, rules=rules)
    assert queue.status("bare", "door") == rules["bare", "door"]
    assert "3 alerts waited for a sink that is no more" in caplog.messages[0]
    disk = Disk()
    disk.waiting = {delivery.key: delivery for delivery in left}
    disk.write(queue.take_changes())
    assert list(disk.waiting) == [("b", "web"), ("c", "web")]
    assert ids(queue, "web") == ["b", "c"]


def test_each_change_is_announced() -> None:
    queue, changes = AlertQueue(["web"]), []
    queue.on_change = lambda: changes.append(queue.has_changes())
    queue.add(alert())
    for become in (lambda d: queue.sent(d, NOON_S), queue.give_up):
        delivery = queue.next("web")
        assert delivery
        become(delivery)
        queue.add(alert())
    assert changes == [True] * 5


SINKS = ("web", "mqtt")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "sent", "give up", "aside", "written", "failed", "begun"]),
        st.sampled_from(SINKS),
    ),
    max_size=80,
)


@given(st.integers(1, 5), STEPS)
def test_whatever_happens_bounds_hold_and_the_disk_knows_it_in_the_end(
    limit: int, steps: list[tuple[str, str]]
) -> None:
    """Writes succeed, fail, or are going on while more happens; the oldest give way, no others."""
    queue, disk, number = AlertQueue(SINKS, limit), Disk(), 0
    model: dict[str, list[str]] = {sink: [] for sink in SINKS}
    dropped = dict.fromkeys(SINKS, 0)
    going_on: Changes | None = None
    for action, sink in steps:
        delivery = queue.next(sink)
        if action == "add":
            number += 1
            queue.add(alert(str(number)))
            for name in SINKS:
                model[name].append(str(number))
                if len(model[name]) > limit:
                    model[name].pop(0)
                    dropped[name] += 1
        elif action == "begun":
            going_on = going_on or queue.take_changes()
        elif action in ("written", "failed"):
            batch, going_on = going_on or queue.take_changes(), None
            (disk.write if action == "written" else queue.put_back)(batch)
        elif delivery:
            key = delivery.alert.alert_id
            assert key == model[sink][0]
            model[sink].pop(0)
            if action == "aside":
                queue.set_aside(delivery)
                model[sink].append(key)
            elif action == "sent":
                queue.sent(delivery, NOON_S)
            else:
                queue.give_up(delivery)
        assert queue.lengths() == {name: len(keys) for name, keys in model.items()}
        assert max(queue.lengths().values()) <= limit
    if going_on:
        queue.put_back(going_on)
    last = queue.take_changes()
    # of what the disk has never seen, nothing needs to be deleted there
    assert all(key in disk.waiting for key, one in last.waiting.items() if one is None)
    disk.write(last)
    assert queue.dropped() == dropped
    assert {key for key, sink in disk.waiting if sink == "web"} == set(model["web"])
    assert {key for key, sink in disk.waiting if sink == "mqtt"} == set(model["mqtt"])
    again = AlertQueue(SINKS, limit, waiting=disk.waiting.values(), rules=disk.rules)
    assert again.lengths() == queue.lengths()
    assert again.status("bare", "door") == queue.status("bare", "door")
