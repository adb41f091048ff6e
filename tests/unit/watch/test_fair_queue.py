"""Where there is too little for all, everybody gets the same share, and always the newest.

Run: pytest tests/test_turns.py
"""

from __future__ import annotations

import threading
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from maskwatch.watch.turns import Turns


def test_nothing_comes_of_nothing() -> None:
    turns: Turns[str, int] = Turns()
    assert turns.take(0) is None
    assert turns.is_idle("a")


def test_the_newest_is_taken_and_the_rest_is_counted() -> None:
    turns: Turns[str, int] = Turns()
    for number in range(5):
        turns.put("a", number)
    assert turns.take(0) == ("a", 4)
    assert (turns.dropped["a"], turns.dropped["b"]) == (4, 0)


def test_whoever_waits_longest_is_next_however_much_the_others_offer() -> None:
    turns: Turns[str, int] = Turns()
    turns.put("loud", 0)
    turns.put("quiet", 0)
    for number in range(1, 9):
        turns.put("loud", number)
    assert turns.take(0) == ("loud", 8)
    turns.done("loud")
    turns.put("loud", 9)
    assert turns.take(0) == ("quiet", 0)


def test_nobody_is_served_twice_at_once() -> None:
    turns: Turns[str, int] = Turns()
    turns.put("a", 1)
    assert turns.take(0) == ("a", 1)
    turns.put("a", 2)
    assert turns.take(0) is None and not turns.is_idle("a")
    turns.put("b", 3)
    assert turns.take(0) == ("b", 3)
    turns.done("a")
    assert turns.take(0) == ("a", 2)
    turns.done("a")
    assert turns.is_idle("a") and not turns.is_idle("b")


def test_who_waits_for_a_value_gets_it() -> None:
    turns: Turns[str, int] = Turns()
    threading.Timer(0.05, turns.put, ("a", 1)).start()
    assert turns.take(30) == ("a", 1)


@given(
    st.integers(2, 12),
    st.integers(1, 4),
    st.lists(st.lists(st.integers(0, 11), max_size=20), min_size=1, max_size=60),
)
def test_shares_are_even(cameras: int, workers: int, offers: list[list[int]]) -> None:
    """Among those who always have something to offer nobody gets two more than another."""
    turns: Turns[int, int] = Turns()
    served: Counter[int] = Counter(dict.fromkeys(range(cameras), 0))
    for offer in offers:
        for camera in [*offer, *range(cameras)]:  # some offer more than others
            if camera < cameras:
                turns.put(camera, 0)
        taken = [turn[0] for _ in range(workers) if (turn := turns.take(0))]
        assert len(taken) == len(set(taken)) == min(workers, cameras)
        served.update(taken)
        for camera in taken:
            turns.done(camera)
        assert max(served.values()) - min(served.values()) <= 1
