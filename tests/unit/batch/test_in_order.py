"""Results come in the order asked for, whoever is done first, and few are begun ahead.

Run: pytest tests/unit/batch/test_in_order.py
"""

from __future__ import annotations

from itertools import count, islice
from threading import Barrier, Event, get_ident

import pytest

from maskwatch.io.process import in_order


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("items", [0, 1, 2, 7, 50])
def test_results_come_in_the_order_of_the_items(items: int, workers: int) -> None:
    assert list(in_order(str, range(items), workers)) == list(map(str, range(items)))


def test_several_are_done_at_a_time_and_the_first_waits_for_nobody() -> None:
    both, later = Barrier(2, timeout=120), Event()

    def do(item: int) -> int:
        if item < 2:
            both.wait()  # passes only where two are at it
        if item == 1:
            assert later.wait(120)  # done last
        if item == 2:
            later.set()
        return item

    assert list(in_order(do, range(4), 2)) == [0, 1, 2, 3]


def test_a_slow_reader_has_few_begun_ahead_and_one_who_leaves_none_more() -> None:
    begun: list[int] = []
    results = in_order(lambda item: begun.append(item) or item, count(), 2)
    assert list(islice(results, 5)) == [0, 1, 2, 3, 4]
    assert max(begun) < 5 + 4
    results.close()
    after = len(begun)
    assert after <= 9


def test_an_exception_comes_in_its_turn() -> None:
    results = in_order(lambda item: 1 // item, [1, 0, 1], 2)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_one_worker_is_the_reader() -> None:
    assert set(in_order(lambda item: get_ident(), range(3), 1)) == {get_ident()}
