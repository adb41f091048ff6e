"""A store that is down, or whose token has expired, ends a run, however short the list is.

Run: pytest tests/unit/batch/test_outage.py
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from support.batch_factory import rows_of

from maskwatch.batch import run
from maskwatch.batch.plan import Chunk, UnreachableError, error_row, failure_row
from maskwatch.batch.run import Count, Run
from maskwatch.batch.worker import Judged
from maskwatch.errors import BatchError, ImageFault


class NoNetworks:
    """None is needed to fail to fetch a picture."""

    hashes = ("a", "b")
    detector_side_px = None
    tiles = "off"

    def pinned(self) -> NoNetworks:
        return self


class Store:
    """Pictures of an object store, some of which it does not give.

    Attributes:
        down: whether it gives none.
        shut: numbers of those that it never gives.
    """

    def __init__(self, count: int, *shut: int) -> None:
        self.names = [f"s3://photos/{number:04}.jpg" for number in range(count)]
        self.shut = {self.names[number] for number in shut}
        self.down = False
        self.asked: list[str] = []

    def judge(self, chunks: Iterable[Chunk], task: Any, workers: Any) -> Judged:
        for chunk in chunks:
            self.asked += chunk.names
            yield chunk, [self._row(name) for name in chunk.names]

    def _row(self, name: str) -> dict[str, Any]:
        if self.down or name in self.shut:
            gone = UnreachableError(name, "expired token", ImageFault.UNAVAILABLE)
            return failure_row(name, gone)
        return error_row(name, "empty file", "empty")


@pytest.fixture
def no_store_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "list_pictures", lambda sources: [*sources])


def begin(store: Store, out: Path) -> Run:
    return Run(store.names, str(out), NoNetworks())


def judge(store: Store, out: Path) -> int:
    """How many pictures got rows."""
    return sum((one.pictures for one in begin(store, out).judge(store.judge)), 0)


@pytest.mark.usefixtures("no_store_is_listed")
@pytest.mark.parametrize("count", [1, 5, 31, 100, 300])
def test_an_outage_ends_the_run_and_leaves_everything_to_be_judged(
    tmp_path: Path, count: int
) -> None:
    store = Store(count)
    store.down = True
    with pytest.raises(BatchError, match="expired token, nor can others be fetched"):
        judge(store, tmp_path)
    assert begin(store, tmp_path).done == 0 and len(store.asked) < 20
    store.down = False
    assert judge(store, tmp_path) == count
    assert begin(store, tmp_path).done == count


@pytest.mark.usefixtures("no_store_is_listed")
@pytest.mark.parametrize("shut", [(0,), (99,), (0, 1, 2, 3, 4, 5, 99), (4, 50, 98, 99)])
def test_some_that_are_never_given_get_their_rows(tmp_path: Path, shut: tuple[int, ...]) -> None:
    store = Store(100, *shut)
    assert judge(store, tmp_path) == 100
    rows = rows_of(tmp_path)
    assert [row["source"] for row in rows] == store.names
    assert {row["source"] for row in rows if row["fault"] == "unreachable"} == store.shut


@pytest.mark.usefixtures("no_store_is_listed")
def test_a_few_that_are_left_of_an_earlier_run_get_their_rows_as_well(tmp_path: Path) -> None:
    """Else a run with some that may not be read would never be done."""
    store = Store(60, 58, 59)
    judging = begin(store, tmp_path).judge(store.judge)
    total = Count.of([])
    while total.pictures < 56:
        total += next(judging)
    judging.close()
    assert begin(store, tmp_path).done >= 56
    judge(store, tmp_path)
    assert begin(store, tmp_path).done == 60


@pytest.mark.usefixtures("no_store_is_listed")
def test_an_outage_in_the_middle_keeps_what_is_done(tmp_path: Path) -> None:
    store = Store(96)
    judging = begin(store, tmp_path).judge(store.judge)
    for _ in range(10):
        next(judging)
    store.down = True
    with pytest.raises(BatchError):
        list(judging)
    assert begin(store, tmp_path).done == 30
