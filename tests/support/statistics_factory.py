"""Statistics as a camera would have left them."""

from __future__ import annotations

from datetime import UTC, datetime

from maskwatch.live.counting import Count
from maskwatch.schema import MaskState
from maskwatch.store.statistics import BUCKET_S, Entry, bucket_start


def entry(
    when: str = "2026-11-24T08:00",
    state: MaskState = MaskState.MASK,
    people: int = 1,
    face_s: float = 10.0,
    source: str = "door",
) -> Entry:
    """A count of the 20 minutes around a moment in UTC."""
    moment_s = datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()
    return Entry(bucket_start(moment_s), source, state, Count(people, face_s))


def history(days: int, sources: int = 1, first: str = "2026-01-01") -> list[Entry]:
    """Something in all states, at all times of so many days."""
    begin_s = entry(first).start_s
    return [
        Entry(start_s, f"door {number}", state, Count(1 + start_s // BUCKET_S % 5, 30.0))
        for start_s in range(begin_s, begin_s + days * 86_400, BUCKET_S)
        for number in range(sources)
        for state in MaskState
    ]
