"""Things done by threads, some at a time, their results in the order in which they were asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")


def in_order(do: Callable[[Item], Done], items: Iterable[Item], workers: int) -> Iterator[Done]:
    """What comes of each item, in their order; an exception comes where its result would.

    No more than twice as many as there are workers are begun before the first of them is taken, so
    that a slow reader fills no memory. Once nobody reads any more, none is begun.

    Args:
        do: called in threads, for several items at a time.
        items: taken as they are needed.
        workers: how many threads; with one, all is done in the thread that reads.
    """
    if workers == 1:
        yield from map(do, items)
        return
    begun: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                begun.append(pool.submit(do, item))
                if len(begun) == 2 * workers:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
