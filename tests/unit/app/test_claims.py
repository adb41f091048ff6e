"""What visitors' browsers claim to have counted: taken in apart, once, and only if it can be true.

Run: pytest tests/unit/app/test_claims.py
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support import fakes

from maskwatch.app.own_browser import MOST_FACES, ClaimCounter, is_near, read_claim
from maskwatch.live.counting import Count
from maskwatch.schema import MaskState
from maskwatch.store.statistics import (
    BUCKET_S,
    CLAIMED,
    CameraCounter,
    Entry,
    StatisticsStore,
    StatisticsWriter,
)

BEGAN_S = 1_000_000 * BUCKET_S
MASK, NO_MASK = MaskState.MASK, MaskState.NO_MASK


def claim(visit: str = "a", **counts: tuple[float, float]) -> dict[str, Any]:
    """So many people and seconds of faces of each state."""
    people, face_s = ({s: count[at] for s, count in counts.items()} for at in (0, 1))
    return {"visit": visit, "people": people, "face_s": face_s}


@pytest.fixture
def store(tmp_path: Path) -> StatisticsStore:
    return StatisticsStore(tmp_path / "statistics.sqlite3")


def kept(store: StatisticsStore, claims: list[tuple[object, float]]) -> list[Entry]:
    """What stands in the store after these claims, each so many seconds after the beginning."""
    writer, counter = StatisticsWriter(store), ClaimCounter(BEGAN_S)
    for each, after_s in claims:
        counter.add(each, writer, BEGAN_S + after_s)
    writer.flush()
    return store.entries(0, 2 * BEGAN_S)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([], {}),
        ([(None, 10)], {}),
        ([(claim(), 10)], {}),
        ([(claim(mask=(1, 9.0)), 10)], {MASK: Count(1, 9.0)}),
        # sums: what was told before is not added again
        ([(claim(mask=(1, 9.0)), 10), (claim(mask=(1, 9.0)), 20)], {MASK: Count(1, 9.0)}),
        ([(claim(mask=(1, 9.0)), 10), (claim(mask=(3, 12.0)), 20)], {MASK: Count(3, 12.0)}),
        # the page was opened anew
        ([(claim(mask=(2, 9.0)), 10), (claim("b", mask=(1, 2.0)), 20)], {MASK: Count(3, 11.0)}),
        # a person who showed something else for longer
        (
            [(claim(mask=(1, 1.0)), 10), (claim(mask=(0, 1.0), no_mask=(1, 2.0)), 20)],
            {MASK: Count(0, 1.0), NO_MASK: Count(1, 2.0)},
        ),
        ([(claim(mask=(1, MOST_FACES * 11.0)), 10)], {}),
        ([(claim(mask=(1000, 9.0)), 10)], {}),
        # visits of one page come one after the other, and what has taken no time nobody has seen
        ([(claim(each, mask=(1, 9.0)), 10) for each in "abab"], {MASK: Count(1, 9.0)}),
        ([(claim(each, mask=(1, 0.0)), 10) for each in "abab"], {MASK: Count(1, 0.0)}),
        ([(claim(each, mask=(1, 9.0)), n) for n, each in ((1, "a"), (1.5, "a"), (2, "b"))],
         {MASK: Count(2, 18.0)}),
    ],
)  # fmt: skip
def test_what_is_new_in_a_claim_is_added_once(
    store: StatisticsStore,
    claims: list[tuple[object, float]],
    expected: dict[MaskState, Count],
) -> None:
    entries = kept(store, claims)
    assert {entry.state: entry.count for entry in entries} == expected
    assert all(entry.source == CLAIMED and entry.start_s == BEGAN_S for entry in entries)


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "mask",
        [],
        {},
        {"visit": 1, "people": {}, "face_s": {}},
        {"visit": "a", "people": {}},
        {"visit": "a", "people": 3, "face_s": {}},
        claim(mask=(math.nan, 1.0)),
        claim(mask=(1, math.inf)),
        claim(mask=("1", 2.0)),  # type: ignore[arg-type]
        claim(mask=(True, 2.0)),
        claim(mask=(3, 0.1)),
    ],
)
def test_what_is_no_claim_is_passed_over(value: object) -> None:
    assert read_claim(value) is None


def test_what_is_below_nothing_is_nothing() -> None:
    sums = read_claim(claim(mask=(-1, 2.0), no_mask=(0, -1e-12)))
    assert sums is not None
    assert sums[MASK] == Count(0, 2.0) and sums[NO_MASK] == Count()


def test_claims_are_summed_apart_from_what_was_seen_here(store: StatisticsStore) -> None:
    day = datetime.fromtimestamp(BEGAN_S, UTC).date()
    assert not store.has_claims()
    writer = StatisticsWriter(store)
    seen = CameraCounter("browser", writer, lambda: BEGAN_S)
    for time_s in range(3):
        seen.add(fakes.report(fakes.tracked()), float(time_s))
    writer.flush()
    assert not store.has_claims()
    kept(store, [(claim(no_mask=(1, 5.0)), 10)])
    assert store.has_claims()
    for sums_of in (store.by_day, store.by_hour):
        ((_, here),) = sums_of(UTC, day, day).items()
        ((_, claimed),) = sums_of(UTC, day, day, claimed=True).items()
        assert set(here) == {fakes.tracked().state}
        assert claimed == {NO_MASK: Count(1, 5.0)}


@pytest.mark.parametrize(
    ("url", "near"),
    [
        (None, True),
        ("http://localhost:8501/live", True),
        ("http://127.0.0.1:8501", True),
        ("http://[::1]:8501", True),
        ("https://192.168.1.20:8501/live", True),
        ("https://kiosk:8501", True),
        ("https://kiosk.local/", True),
        ("https://maskwatch.streamlit.app/live", False),
        ("https://8.8.8.8/", False),
    ],
)
def test_which_server_is_near(url: str | None, near: bool) -> None:
    assert is_near(url) is near
