"""Corrections: what is kept of a face, read again by what trains, undone, and deleted in time.

Run: pytest tests/unit/store/test_kept_corrections.py
"""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.data_factory import draw
from support.waiting import until

from maskwatch.errors import DataError, SettingError
from maskwatch.schema import CLASSES, FaceVerdict, MaskState
from maskwatch.store import corrections
from maskwatch.store.corrections import (
    CORRECTION_SCHEMA,
    FACE_PX,
    Correction,
    CorrectionStore,
    face_with_surroundings,
)
from maskwatch.store.dated_files import write_private
from maskwatch.store.export import FORMS, export_folder, export_zip
from maskwatch.training.data.catalog import UNCLEAR
from maskwatch.training.data.collect import collect
from maskwatch.training.data.manifest import BOX

DAY_S = 86_400.0
NOON_S = 1_800_000_000.0
PICTURE = draw(1, 400, 300)
RIGHT = (*CLASSES, MaskState.UNSURE, None)


def verdict(
    state: MaskState = MaskState.MASK,
    box: tuple[float, float, float, float] = (100.0, 80.0, 180.0, 190.0),
) -> FaceVerdict:
    return FaceVerdict(box, 0.9, state, 0.8, dict.fromkeys(CLASSES, 1 / 3))


class Clock:
    def __init__(self) -> None:
        self.now_s = NOON_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> CorrectionStore:
    return CorrectionStore(tmp_path / "corrections", keep_days=30, now_s=clock)


def keep(store: CorrectionStore, right: MaskState | None = MaskState.NO_MASK) -> Correction:
    return store.keep(PICTURE, verdict(), right, "photo", "toy")


def files(store: CorrectionStore) -> list[str]:
    return sorted(p.name for p in store.folder.rglob("*") if p.is_file())


def test_nothing_is_made_before_something_is_kept(store: CorrectionStore) -> None:
    assert store.entries() == [] and store.delete(["20270115T080000Z-00000000"]) == 0
    store.purge()
    assert not store.folder.exists()


@pytest.mark.parametrize("right", RIGHT)
def test_what_was_kept_is_listed_as_it_was(store: CorrectionStore, right: MaskState | None) -> None:
    kept = keep(store, right)
    assert store.entries() == [kept]
    assert (kept.answered, kept.right, kept.source, kept.model) == (
        MaskState.MASK,
        right,
        "photo",
        "toy",
    )
    with Image.open(store.picture_path(kept)) as picture:
        assert picture.size == kept.size_wh and not picture.getexif()
    assert len(files(store)) == 4 and store.folder.stat().st_mode & 0o077 == 0


def test_nobody_else_reads_it_in_a_folder_that_somebody_else_made(store: CorrectionStore) -> None:
    store.folder.mkdir(mode=0o755)
    keep(store)
    kept = [path for path in store.folder.rglob("*") if path.is_file()]
    assert len(kept) == 4 and {path.stat().st_mode & 0o777 for path in kept} == {0o600}


def test_it_goes_in_time_when_the_clock_was_ahead_and_is_put_right(
    store: CorrectionStore, clock: Clock
) -> None:
    clock.now_s += 300 * DAY_S
    ahead = keep(store)
    clock.now_s = NOON_S
    (found,) = store.entries()
    assert (found.time_s, found.right, found.box_xyxy) == (NOON_S, ahead.right, ahead.box_xyxy)
    assert store.picture_path(found).exists() and store.entries() == [found]
    assert len(files(store)) == 4 and not [n for n in files(store) if ahead.correction_id in n]
    clock.now_s += 29.9 * DAY_S
    assert store.entries() == [found]
    clock.now_s += 0.2 * DAY_S
    assert store.entries() == [] and files(store) == ["data.yaml"]


def test_the_newest_is_first(store: CorrectionStore, clock: Clock) -> None:
    kept = []
    for _ in range(3):
        kept.append(keep(store))
        clock.now_s += 1
    assert store.entries() == kept[::-1]


@given(
    st.tuples(st.floats(-50, 390), st.floats(-50, 290)),
    st.tuples(st.floats(12, 600), st.floats(12, 600)),
)
def test_the_box_is_on_the_same_face_in_what_is_kept(
    corner: tuple[float, float], size: tuple[float, float]
) -> None:
    (left, top), (width, height) = corner, size
    box = (left, top, max(left + width, 5.0), max(top + height, 5.0))
    kept, (x0, y0, x1, y1) = face_with_surroundings(PICTURE, box)
    assert 0 <= x0 < x1 <= kept.shape[1] and 0 <= y0 < y1 <= kept.shape[0]
    assert max(x1 - x0, y1 - y0) <= FACE_PX + 1
    inside = [max(0.0, box[0]), max(0.0, box[1]), min(400.0, box[2]), min(300.0, box[3])]
    ratio = min(1.0, FACE_PX / max(box[2] - box[0], box[3] - box[1]))
    assert np.allclose(
        [x1 - x0, y1 - y0],
        [(inside[2] - inside[0]) * ratio, (inside[3] - inside[1]) * ratio],
        atol=1.5,
    )
    if ratio == 1 and inside[2] - inside[0] > 2 and inside[3] - inside[1] > 2:
        middle = kept[int((y0 + y1) / 2), int((x0 + x1) / 2)]
        same = PICTURE[int((inside[1] + inside[3]) / 2), int((inside[0] + inside[2]) / 2)]
        assert np.abs(middle.astype(int) - same).max() <= 12  # of neighbouring pixels


def test_what_is_kept_ends_where_training_stops_to_look() -> None:
    kept, _ = face_with_surroundings(draw(2, 2000, 2000), (900, 900, 1000, 1000))
    assert kept.shape[:2] == (201, 201)


def test_the_folder_is_a_set_that_trains(store: CorrectionStore) -> None:
    for right in RIGHT:
        keep(store, right)
    collection = collect({"corrections": store.folder})
    assert sorted(collection.table["label"]) == sorted([*(s.value for s in CLASSES), UNCLEAR])
    kept = {one.correction_id: one.box_xyxy for one in store.entries()}
    for _, row in collection.table.iterrows():
        box = kept[Path(row["image_path"]).stem]
        assert np.allclose(row[list(BOX)].astype(float), box, atol=0.6)
    assert not [p for p in collection.problems if "no annotation" in p.reason]


@pytest.mark.parametrize("form", FORMS)
def test_an_export_is_read_again_as_the_same(
    store: CorrectionStore, tmp_path: Path, form: str
) -> None:
    for right in RIGHT:
        keep(store, right)
    assert export_folder(store, form, tmp_path / form) == 5
    labels = [collect({"s": folder}).table for folder in (store.folder, tmp_path / form)]
    assert sorted(labels[0]["label"]) == sorted(labels[1]["label"])
    assert not list((tmp_path / form).rglob("records"))
    names = zipfile.ZipFile(BytesIO(export_zip(store, form))).namelist()
    written = [p for p in (tmp_path / form).rglob("*") if p.is_file()]
    assert sorted(names) == sorted(p.relative_to(tmp_path / form).as_posix() for p in written)
    with pytest.raises(DataError, match="is not empty"):
        export_folder(store, form, tmp_path / form)


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_of_a_computer_without_a_clock(
    store: CorrectionStore, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """It begins in 1970 whenever it is switched on, and no archive can say that."""
    keep(store, MaskState.MASK)
    monkeypatch.setattr("time.localtime", lambda _=None: time.gmtime(0))
    archive = zipfile.ZipFile(BytesIO(export_zip(store, form)))
    assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_coco_says_what_was_answered(store: CorrectionStore, tmp_path: Path) -> None:
    keep(store, MaskState.INCORRECT_MASK)
    keep(store, None)
    export_folder(store, "coco", tmp_path / "out")
    document = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert len(document["images"]) == 2
    (annotation,) = document["annotations"]
    assert annotation["attributes"]["answered"] == "mask"
    assert document["categories"][annotation["category_id"] - 1]["name"] == "incorrect_mask"


def test_undone_is_gone_with_all_files_and_nothing_else(store: CorrectionStore) -> None:
    first, second = keep(store), keep(store)
    assert store.delete([first.correction_id, first.correction_id]) == 1
    assert store.entries() == [second] and not [n for n in files(store) if first.correction_id in n]


@pytest.mark.parametrize("name", ["", "..", "../data", "data", "20270115T080000Z-0000000", "*"])
def test_what_is_no_number_of_a_correction_deletes_nothing(
    store: CorrectionStore, name: str
) -> None:
    keep(store)
    before = files(store)
    assert store.delete([name]) == 0 and files(store) == before


@pytest.mark.parametrize("look", [CorrectionStore.entries, CorrectionStore.purge, keep])
def test_after_its_days_it_is_gone_with_the_next_look(
    store: CorrectionStore, clock: Clock, look: Callable[[CorrectionStore], object]
) -> None:
    old = keep(store)
    cut_off = store.folder / "images" / f".{old.correction_id}.0a1b2c3d.part.jpg"
    cut_off.write_bytes(b"half a face")
    (store.folder / "images" / "note.jpg").write_bytes(b"of somebody else")
    clock.now_s += 29.9 * DAY_S
    young = keep(store)
    assert store.entries() == [young, old]
    clock.now_s += 0.2 * DAY_S
    look(store)
    assert not [name for name in files(store) if old.correction_id in name]
    assert young in store.entries() and "note.jpg" in files(store)


def test_while_a_program_runs_what_becomes_too_old_is_deleted(
    store: CorrectionStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections, "_EVERY_S", 0.05)
    keep(store)
    corrections.delete_in_time(store)
    assert len(files(store)) == 4
    clock.now_s += 31 * DAY_S
    until(lambda: files(store) == ["data.yaml"], "it is deleted")


def test_threads_and_other_stores_of_the_folder_lose_nothing(
    store: CorrectionStore, clock: Clock
) -> None:
    stores = [store, CorrectionStore(store.folder, 30, clock)]
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(keep, stores * 10))
        assert len(list(pool.map(CorrectionStore.entries, stores * 2))) == 4
        deleted = pool.map(lambda one: stores[0].delete([one.correction_id]), kept[:5])
        assert sum(deleted) == 5
    assert {one.correction_id for one in store.entries()} == {one.correction_id for one in kept[5:]}


def test_a_record_that_is_just_written_is_not_read(store: CorrectionStore) -> None:
    kept = keep(store)
    (store.folder / "records" / f".{kept.correction_id}.0a1b2c3d.part.json").write_text("{")
    assert store.entries() == [kept]


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"schema": "maskwatch.correction/2"}', '{"schema": 1, "a": 2}']
)
def test_a_record_of_another_version_is_named_and_keeps_no_other_back(
    store: CorrectionStore, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    odd, kept = keep(store), keep(store)
    path = store.folder / "records" / f"{odd.correction_id}.json"
    path.write_text(content)
    assert store.entries() == store.entries() == [kept]
    assert caplog.messages == [f"{path}: no correction that this version reads; it is left out"]
    assert sorted(store.ids()) == sorted([odd.correction_id, kept.correction_id])
    assert store.ids(before_s=NOON_S) == []
    assert store.delete(store.ids()) == 2  # who deletes all, deletes it too
    assert not list(store.folder.rglob("*.j*"))


@pytest.mark.parametrize("lasts", [1, 2, 3])
def test_what_was_cut_off_before_its_record_goes_with_all_the_others(
    store: CorrectionStore, clock: Clock, lasts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, written = keep(store), []

    def write(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) > lasts:
            part = path.with_name(f".{path.stem}.0a1b2c3d.part{path.suffix}")
            part.write_bytes(content[:-1])
            raise OSError("no power")
        write_private(path, content)

    clock.now_s += 10
    monkeypatch.setattr(corrections, "write_private", write)
    with pytest.raises(OSError, match="no power"):
        keep(store)
    assert store.entries() == [whole]
    cut_off = written[1].stem
    assert store.ids() == [whole.correction_id, cut_off]
    assert store.ids(before_s=NOON_S + 5) == [whole.correction_id]
    assert store.delete([cut_off]) == 1 and store.entries() == [whole] and len(files(store)) == 4
    assert store.delete(store.ids()) == 1 and files(store) == ["data.yaml"]


def test_the_record_is_stable(store: CorrectionStore) -> None:
    kept = keep(store)
    document = json.loads((store.folder / "records" / f"{kept.correction_id}.json").read_text())
    assert document == {
        "schema": CORRECTION_SCHEMA,
        "correction_id": kept.correction_id,
        "time_s": NOON_S,
        "source": "photo",
        "model": "toy",
        "answered": "mask",
        "confidence": 0.8,
        "right": "no_mask",
        "box_xyxy": list(kept.box_xyxy),
        "size_wh": list(kept.size_wh),
        "event_id": None,
    }
    del document["event_id"]  # as it was before events could be corrected
    assert Correction.from_dict(document) == kept


@pytest.mark.parametrize("days", [0.0, -1.0, float("nan")])
def test_days_are_positive(tmp_path: Path, days: float) -> None:
    with pytest.raises(SettingError, match="more than 0 days"):
        CorrectionStore(tmp_path, days)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file"):
        CorrectionStore(tmp_path / "file" / "x", 30).keep(PICTURE, verdict(), None, "photo", "toy")
