"""A clock that was ahead, or has lost its time: nothing goes too soon, too late, or out of sight.

Run: pytest tests/unit/store/test_wrong_clocks.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import fakes
from support.alert_factory import NOON_S, event
from support.data_factory import draw
from support.statistics_factory import entry

from maskwatch.errors import DataError
from maskwatch.live.counting import Count
from maskwatch.schema import CLASSES, FaceOrigin, FaceVerdict, MaskState
from maskwatch.store.clock import believable
from maskwatch.store.corrections import CorrectionStore
from maskwatch.store.statistics import StatisticsStore, bucket_start
from maskwatch.watch.event_store import EventStore
from maskwatch.watch.evidence import EvidenceFolder

DAY_S = 86_400.0
LOST = (-5.0, 0.0, 5.0, 946_684_800.0, 1_577_836_800.0)  # 1970, 2000 and 2020
EVER = (-1e12, 1e12)
FACE = FaceVerdict((100.0, 80.0, 180.0, 190.0), 0.9, MaskState.MASK, 0.8, dict.fromkeys(CLASSES, 1))
SMALL = fakes.verdict(box_xyxy=(0, 0, 9, 9))


class Clock:
    def __init__(self, now_s: float = NOON_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def keep_picture(folder: EvidenceFolder, time_s: float) -> str:
    one = event(time_s)
    report = fakes.report(SMALL, origin=FaceOrigin.DETECTED)
    folder.keep(one, np.zeros((20, 30, 3), np.uint8), report, SMALL)
    return one.event_id


@pytest.mark.parametrize("lost_s", LOST)
def test_a_clock_that_has_lost_its_time_costs_no_picture_and_no_correction(
    lost_s: float, tmp_path: Path
) -> None:
    """A power cut, and a computer without a battery for its clock, until a server tells it."""
    clock = Clock()
    folder = EvidenceFolder(tmp_path / "evidence", 7, now_s=clock)
    corrections = CorrectionStore(tmp_path / "corrections", 30, clock)
    before = keep_picture(folder, NOON_S)
    corrected = corrections.keep(draw(1, 400, 300), FACE, MaskState.NO_MASK, "door", "toy")
    clock.now_s = lost_s
    assert folder.purge() == 0 and corrections.entries() == [corrected]
    clock.now_s = NOON_S + 6.9 * DAY_S
    assert folder.purge() == 0 and folder.event_ids() == {before}
    assert corrections.entries() == [corrected]
    clock.now_s = NOON_S + 7.1 * DAY_S
    assert folder.purge() == 1
    clock.now_s = NOON_S + 30.1 * DAY_S
    assert corrections.entries() == []


@pytest.mark.parametrize("lost_s", [s for s in LOST if s > 0])
def test_what_is_kept_meanwhile_goes_in_time_from_when_the_clock_is_right(
    lost_s: float, tmp_path: Path
) -> None:
    clock = Clock(lost_s)
    folder = EvidenceFolder(tmp_path / "evidence", 7, now_s=clock)
    corrections = CorrectionStore(tmp_path / "corrections", 30, clock)
    meanwhile = keep_picture(folder, lost_s)
    corrections.keep(draw(1, 400, 300), FACE, MaskState.NO_MASK, "door", "toy")
    assert folder.purge() == 0 and folder.find(meanwhile) and len(corrections.entries()) == 1
    clock.now_s = NOON_S
    assert folder.purge() == 0 and folder.find(meanwhile)
    assert [one.time_s for one in corrections.entries()] == [NOON_S]
    clock.now_s = NOON_S + 30.1 * DAY_S
    assert folder.purge() == 1 and corrections.entries() == []


def test_a_file_that_cannot_be_dated_anew_keeps_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    folder = EvidenceFolder(tmp_path / "evidence", 7, now_s=clock)
    corrections = CorrectionStore(tmp_path / "corrections", 7, clock)
    stuck = keep_picture(folder, NOON_S + 300 * DAY_S)
    keep_picture(folder, NOON_S)
    others = [keep_picture(folder, NOON_S + days * DAY_S) for days in (200, 400)]
    corrections.keep(draw(1, 400, 300), FACE, MaskState.NO_MASK, "door", "toy")
    clock.now_s += 300 * DAY_S
    corrected = corrections.keep(draw(1, 400, 300), FACE, MaskState.MASK, "door", "toy")
    rename = Path.rename

    def of_somebody_else(path: Path, target: Path) -> Path:
        if stuck in path.name or corrected.correction_id in path.name:
            raise PermissionError(1, "Operation not permitted")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", of_somebody_else)
    clock.now_s = NOON_S + 8 * DAY_S
    assert folder.purge() == 1 and folder.event_ids() == {stuck, *others}
    assert folder.find(others[0]) and folder.find(others[1])
    assert "cannot be renamed (Operation not permitted)" in caplog.text
    with pytest.raises(DataError, match="cannot be renamed"):
        corrections.purge()
    kept = {path.stem for path in (tmp_path / "corrections").glob("*/*")}
    assert kept == {corrected.correction_id}
    clock.now_s += 8 * DAY_S
    assert folder.purge() == 2 and folder.event_ids() == {stuck}


def test_events_of_no_true_moment_are_of_now_and_stand_above_no_newer_ones(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "s.sqlite3")
    true = [event(NOON_S - DAY_S), event(NOON_S + 600)]  # a clock is a little out now and then
    ahead = [event(NOON_S + 3650 * DAY_S + second) for second in range(3)]
    lost = [event(second) for second in range(3)]
    store.take_for_new(NOON_S)  # there is no file yet
    store.write([*true, *ahead, *lost])
    store.take_for_new(5.0)
    assert store.events(*EVER) == [*lost, *true, *ahead]
    store.take_for_new(NOON_S)
    dated = {one.event_id: one.time_s for one in store.events(*EVER)}
    assert dated == {one.event_id: one.time_s for one in true} | {
        one.event_id: NOON_S for one in (*ahead, *lost)
    }
    store.take_for_new(NOON_S + DAY_S)
    assert dated == {one.event_id: one.time_s for one in store.events(*EVER)}
    assert store.purge(NOON_S + DAY_S) == 8


def test_counts_of_no_true_moment_are_added_to_those_of_now(tmp_path: Path) -> None:
    store = StatisticsStore(tmp_path / "s.sqlite3")
    now_s, bare = entry("2026-11-24T12:00").start_s + 700.0, MaskState.NO_MASK
    yesterday, today = entry("2026-11-23T12:00"), entry("2026-11-24T12:00", people=2, face_s=3.0)
    wrong = [entry("2036-01-01T00:00"), entry("2037-01-01T00:00"), entry("1970-01-01T00:00")]
    others = [entry("2036-01-01T00:00", bare), entry("2036-01-01T00:00", source="hall")]
    store.take_for_new(now_s)  # there is no file yet
    store.add([yesterday, today, *wrong, *others])
    before = store.entries(*EVER)
    store.take_for_new(5.0)
    assert store.entries(*EVER) == before
    for _ in range(2):
        store.take_for_new(now_s)
        kept = {(e.start_s, e.source, e.state): e.count for e in store.entries(*EVER)}
        assert kept == {
            (yesterday.start_s, "door", MaskState.MASK): yesterday.count,
            (bucket_start(now_s), "door", MaskState.MASK): Count(5, 33.0),
            (bucket_start(now_s), "door", bare): Count(1, 10.0),
            (bucket_start(now_s), "hall", MaskState.MASK): Count(1, 10.0),
        }


@pytest.mark.parametrize("now_s", LOST)
def test_nothing_is_believed_of_a_clock_that_has_lost_its_time(now_s: float) -> None:
    assert believable(now_s) is None
    first_s, last_s = believable(NOON_S) or (0.0, 0.0)
    assert now_s < first_s < NOON_S < last_s < NOON_S + DAY_S
