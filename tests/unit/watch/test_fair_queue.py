"""Where there is too little for all, everybody gets the same share, and always the newest.

Run: pytest tests/unit/watch/test_fair_queue.py
"""

from __future__ import annotations

import threading
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from maskwatch.watch.fair_queue import FairQueue


def test_nothing_comes_of_nothing() -> None:
    queue: FairQueue[str, int] = FairQueue()
    assert queue.take(0) is None
    assert queue.is_idle("a")


def test_the_newest_is_taken_and_the_rest_is_counted() -> None:
    queue: FairQueue[str, int] = FairQueue()
    for number in range(5):
        queue.put("a", number)
    assert queue.take(0) == ("a", 4)
    assert (queue.dropped["a"], queue.dropped["b"]) == (4, 0)


def test_whoever_waits_longest_is_next_however_much_the_others_offer() -> None:
    queue: FairQueue[str, int] = FairQueue()
    queue.put("loud", 0)
    queue.put("quiet", 0)
    for number in range(1, 9):
        queue.put("loud", number)
    assert queue.take(0) == ("loud", 8)
    queue.done("loud")
    queue.put("loud", 9)
    assert queue.take(0) == ("quiet", 0)


def test_nobody_is_served_twice_at_once() -> None:
    queue: FairQueue[str, int] = FairQueue()
    queue.put("a", 1)
    assert queue.take(0) == ("a", 1)
    queue.put("a", 2)
    assert queue.take(0) is None and not queue.is_idle("a")
    queue.put("b", 3)
    assert queue.take(0) == ("b", 3)
    queue.done("a")
    assert queue.take(0) == ("a", 2)
    queue.done("a")
    assert queue.is_idle("a") and not queue.is_idle("b")


def test_who_waits_for_a_value_gets_it() -> None:
    queue: FairQueue[str, int] = FairQueue()
    threading.Timer(0.05, queue.put, ("a", 1)).start()
    assert queue.take(30) == ("a", 1)


@given(
    st.integers(2, 12),
    st.integers(1, 4),
    st.lists(st.lists(st.integers(0, 11), max_size=20), min_size=1, max_size=60),
)
def test_shares_are_even(cameras: int, workers: int, offers: list[list[int]]) -> None:
    """Among those who always have something to offer nobody gets two more than another."""
    queue: FairQueue[int, int] = FairQueue()
    served: Counter[int] = Counter(dict.fromkeys(range(cameras), 0))
    for offer in offers:
        for camera in [*offer, *range(cameras)]:  # some offer more than others
            if camera < cameras:
                queue.put(camera, 0)
        taken = [turn[0] for _ in range(workers) if (turn := queue.take(0))]
        assert len(taken) == len(set(taken)) == min(workers, cameras)
        served.update(taken)
        for camera in taken:
            queue.done(camera)
        assert max(served.values()) - min(served.values()) <= 1
