"""An alert is tried again until its sink has it, with growing pauses; then the next one is.

Run: pytest tests/unit/watch/test_outbox_sending.py
"""

from __future__ import annotations

import threading

import pytest
from support.alert_factory import NOON_S, alert
from support.waiting import LIMIT_S, until

from maskwatch.io.connections import RetryPolicy
from maskwatch.watch import outbox
from maskwatch.watch.outbox import (
    RETRY_POLICY,
    SET_ASIDE_AFTER,
    AlertQueue,
    Answer,
    Delivery,
    Outcome,
    Sender,
    end_all,
)

SENT, UNREACHABLE, NOT_NOW, NEVER = Outcome


class ScriptedSink:
    """Answers as it is told, the last word from then on, and notes what came."""

    name = "ops"

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.came: list[str] = []

    def send(self, delivery: Delivery) -> Answer:
        outcome = self.outcomes[min(len(self.came), len(self.outcomes) - 1)]
        self.came.append(delivery.alert.alert_id)
        return Answer(outcome, "answers 500")


def sending(sink: ScriptedSink, *names: str) -> tuple[AlertQueue, Sender]:
    queue = AlertQueue(["ops"])
    for name in names:
        queue.add(alert(name))
    return queue, Sender(sink, queue, lambda: NOON_S)


class StumblingSink(ScriptedSink):
    """Raises at first, as a library may over what a server says."""

    def send(self, delivery: Delivery) -> Answer:
        answer = super().send(delivery)
        if len(self.came) < 3:
            raise ValueError("https://hidden")
        return answer


def test_what_a_sink_raises_is_no_end(caplog: pytest.LogCaptureFixture) -> None:
    sink = StumblingSink(SENT)
    queue, sender = sending(sink, "one")
    pauses_s = [sender.step() for _ in range(3)]
    assert pauses_s[0] > 0 and pauses_s[1] > 0 and pauses_s[2] == 0
    assert sink.came == ["one"] * 3 and queue.lengths() == {"ops": 0}
    assert "fails (ValueError)" in caplog.text and "hidden" not in caplog.text


def test_a_queue_that_fails_ends_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "RETRY_POLICY", RetryPolicy(longest_pause_s=0.01))
    sink = ScriptedSink(SENT)
    queue, sender = sending(sink)
    take, calls = queue.next, []

    def fails_first(sink: str, timeout_s: float) -> Delivery | None:
        calls.append(sink)
        if len(calls) == 1:
            raise MemoryError
        return take(sink, timeout_s)

    monkeypatch.setattr(queue, "next", fails_first)
    sender.start()
    queue.add(alert("one"))
    until(lambda: sink.came == ["one"])
    end_all([sender])


def test_where_nothing_waits_nothing_is_done() -> None:
    sink = ScriptedSink(SENT)
    _, sender = sending(sink)
    assert (sender.step(), sink.came) == (0.0, [])


def test_what_is_sent_is_gone_and_the_cool_down_begins() -> None:
    sink = ScriptedSink(SENT)
    queue, sender = sending(sink, "one", "two")
    assert [sender.step() for _ in range(3)] == [0, 0, 0]
    assert sink.came == ["one", "two"]
    assert queue.status("bare", "door").sent_s == NOON_S


@pytest.mark.parametrize("failure", [UNREACHABLE, NOT_NOW])
def test_a_failure_is_tried_again_under_the_same_number(
    failure: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    sink = ScriptedSink(failure, failure, failure, SENT)
    queue, sender = sending(sink, "one", "two")
    pauses = [sender.step() for _ in range(3)]
    assert queue.status("bare", "door").sent_s is None
    assert sender.step() == sender.step() == 0
    assert sink.came == ["one"] * 4 + ["two"]
    assert all(0.5 * 2**i <= pause <= 2**i for i, pause in enumerate(pauses))
    assert caplog.messages == [
        "alerts to ops: answers 500; they wait and are tried again",
        "alerts to ops: sent again",
    ]


def test_pauses_grow_to_a_limit_and_differ() -> None:
    _, sender = sending(ScriptedSink(UNREACHABLE), "one")
    pauses = [sender.step() for _ in range(40)]
    assert max(pauses) <= RETRY_POLICY.longest_pause_s
    assert min(pauses[10:]) >= RETRY_POLICY.longest_pause_s / 2
    assert len(set(pauses[10:])) > 20


def test_what_will_never_be_taken_is_given_up_with_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = ScriptedSink(NEVER, SENT)
    queue, sender = sending(sink, "one", "two")
    assert sender.step() == 0
    assert caplog.messages == ["alerts to ops: one is given up: answers 500"]
    assert queue.status("bare", "door").sent_s is None
    sender.step()
    assert sink.came == ["one", "two"]


def test_order_is_kept_while_a_server_is_away() -> None:
    sink = ScriptedSink(*[UNREACHABLE] * 50, SENT)
    _, sender = sending(sink, "one", "two")
    for _ in range(52):
        sender.step()
    assert sink.came == ["one"] * 51 + ["two"]


def test_an_alert_that_a_server_does_not_like_does_not_hold_up_the_others_for_ever() -> None:
    class Picky(ScriptedSink):
        def send(self, delivery: Delivery) -> Answer:
            self.came.append(delivery.alert.alert_id)
            return Answer(NOT_NOW if delivery.alert.alert_id == "bad" else SENT)

    sink = Picky()
    queue, sender = sending(sink, "bad", "two", "three")
    for _ in range(SET_ASIDE_AFTER + 3):
        sender.step()
    assert sink.came == ["bad"] * SET_ASIDE_AFTER + ["two", "three", "bad"]
    assert queue.lengths() == {"ops": 1}


def test_a_thread_sends_what_comes_and_ends_when_it_is_told() -> None:
    sink = ScriptedSink(SENT)
    queue, sender = sending(sink)
    sender.start()
    queue.add(alert("late"))
    until(lambda: sink.came == ["late"])
    end_all([sender])
    queue.add(alert("later"))
    assert not any(thread.name == "alerts to ops" for thread in threading.enumerate())
    assert sink.came == ["late"] and queue.lengths() == {"ops": 1}


def test_one_that_was_never_started_can_be_stopped() -> None:
    end_all([sending(ScriptedSink(SENT))[1]])


def test_all_are_told_to_end_before_one_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the end takes the sum of all their time limits."""
    monkeypatch.setattr(outbox, "_FAREWELL_S", LIMIT_S)
    senders: list[Sender] = []

    class Hanging(ScriptedSink):
        """Ends its attempt once everybody was told to end."""

        def send(self, delivery: Delivery) -> Answer:
            answer = super().send(delivery)
            until(lambda: all(sender._stopping.is_set() for sender in senders))
            return answer

    sinks = [Hanging(UNREACHABLE) for _ in range(3)]
    senders += [sending(sink, "one")[1] for sink in sinks]
    for sender in senders:
        sender.start()
    until(lambda: all(sink.came for sink in sinks))
    end_all(senders)
    assert not any(thread.name == "alerts to ops" for thread in threading.enumerate())
    assert [sink.came for sink in sinks] == [["one"]] * 3
