"""What is kept of a violation is truly coarse, for a time only, and nothing else is deleted.

Run: pytest tests/unit/watch/test_event_pictures.py
"""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import fakes
from support.alert_factory import NOON_S, event
from support.cartoon_face import cartoon

from maskwatch.errors import DataError
from maskwatch.schema import FaceOrigin, FaceVerdict, FrameReport, MaskState
from maskwatch.watch.evidence import EvidenceFolder, purge_evidence
from maskwatch.watch.pictures import (
    BLOCKS,
    LONGEST_PX,
    STEPS,
    PictureKind,
    blurred,
    coarse,
    event_picture,
)

DAY_S = 86_400.0
random = np.random.default_rng(0)


def face_in(box: tuple[float, ...]) -> tuple[FrameReport, FaceVerdict]:
    """A report of one face, and the face."""
    face = fakes.verdict(box_xyxy=box)
    return fakes.report(face, origin=FaceOrigin.DETECTED), face


def noise(height: int = 200, width: int = 300) -> np.ndarray:
    return random.integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        ((10, 20, 110, 120), (8, 8)),
        ((10, 20, 90, 120), (8, 6)),
        ((0, 0, 300, 200), (5, 8)),
        ((10.4, 20.6, 12.2, 23.1), (8, 5)),  # a face of a few pixels has no more blocks
        ((-50, -50, 20, 30), (8, 5)),
        ((290, 190, 900, 900), (8, 8)),
        ((299.9, 199.9, 300, 200), (8, 8)),
    ],
)
def test_blocks_of_few_colours(box: tuple[float, ...], shape: tuple[int, int]) -> None:
    kept = coarse(noise(), box)
    assert kept.shape == (*shape, 3) and max(shape) <= BLOCKS
    assert len(np.unique(coarse(noise(999, 999), (0, 0, 999, 999)))) <= STEPS


@given(st.integers(0, 2**31), st.integers(16, 120))
def test_faces_that_differ_within_blocks_only_leave_the_same(seed: int, side_px: int) -> None:
    """All detail is gone: whatever is arranged anew within a block, nothing of it is kept."""
    side_px -= side_px % BLOCKS
    face = np.random.default_rng(seed).integers(0, 256, (side_px, side_px, 3), np.uint8)
    block_px = side_px // BLOCKS
    blocks = face.reshape(BLOCKS, block_px, BLOCKS, block_px, 3).swapaxes(1, 2)
    turned = blocks[:, :, ::-1, ::-1].swapaxes(1, 2).reshape(face.shape)
    box = (0.0, 0.0, float(side_px), float(side_px))
    assert np.array_equal(coarse(face, box), coarse(turned, box))


def test_what_lies_beside_the_face_has_no_part_in_it() -> None:
    face, box = noise(), (100.0, 50.0, 180.0, 150.0)
    other = noise()
    other[50:150, 100:180] = face[50:150, 100:180]
    assert np.array_equal(coarse(face, box), coarse(other, box))


def test_a_face_is_gone_and_its_mask_shows() -> None:
    """The lower half tells worn from missing; of 10,000 pixels, 64 colours are left."""
    kept = {}
    for masked in (True, False):
        image = cartoon(masked=masked)
        height, width = image.shape[:2]
        kept[masked] = coarse(image, (0.0, 0.0, float(width), float(height)))
        assert kept[masked].size <= 3 * BLOCKS * BLOCKS
    assert not np.array_equal(kept[True], kept[False])


def test_the_file_holds_the_blocks_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "evidence"
    one, image, box = event(), noise(), (10.0, 20.0, 110.0, 120.0)
    EvidenceFolder(folder, 7).keep(one, image, *face_in(box))
    (path,) = folder.iterdir()
    assert path.name == f"20261124T120000Z_{one.event_id}.png"
    assert path.stat().st_mode & 0o777 == 0o600 and folder.stat().st_mode & 0o777 == 0o700
    with Image.open(path) as picture:
        shown = np.asarray(picture)
        assert picture.info == {} and not picture.getexif()
    blocks = shown.reshape(8, 16, 8, 16, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()  # each block is one colour to its edge
    assert np.array_equal(blocks[:, 0, :, 0], coarse(image, box))


def test_pictures_go_when_their_time_is_over(tmp_path: Path) -> None:
    now_s = [NOON_S + 6 * DAY_S]
    folder = EvidenceFolder(tmp_path, 7, now_s=lambda: now_s[0])
    assert folder.purge() == 0
    for days in (0, 3, 6):
        folder.keep(event(NOON_S + days * DAY_S), noise(), *face_in((0, 0, 9, 9)))
    # of a program that was killed
    left_over = tmp_path / f".20261101T000000Z_{'0' * 32}.01234567.part.png"
    left_over.touch()
    others = ["holiday.png", "20200101T000000Z_notes.png", f"20200101T000000Z_{'0' * 32}.txt"]
    others += [f"{moment}_{'0' * 32}.png" for moment in ("20261399T999999Z", "00000101T000000Z")]
    for name in others:
        (tmp_path / name).touch()
    others.append(f"20200101T000000Z_{'1' * 32}.png")
    (tmp_path / others[-1]).mkdir()
    assert folder.purge() == 1 and not left_over.exists()
    now_s[0] += DAY_S
    assert folder.purge() == 0
    now_s[0] += 1
    assert folder.purge() == 1
    now_s[0] += 7 * DAY_S
    assert folder.purge() == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)
    assert purge_evidence(tmp_path / "missing", now_s[0]) == 0


def test_pictures_go_in_time_when_the_clock_was_ahead_and_is_put_right(tmp_path: Path) -> None:
    now_s = [NOON_S + 300 * DAY_S]
    folder = EvidenceFolder(tmp_path, 7, now_s=lambda: now_s[0], with_faces=True)
    ahead, late = event(now_s[0]), event(NOON_S + 600)
    folder.keep(ahead, noise(), *face_in((0, 0, 9, 9)))
    now_s[0] = NOON_S
    folder.keep(late, noise(), *face_in((0, 0, 9, 9)))  # a clock is a little out now and then
    assert folder.purge() == 0
    assert folder.event_ids() == folder.face_ids() == {ahead.event_id, late.event_id}
    assert folder.find(ahead.event_id) and folder.find_face(ahead.event_id)
    now_s[0] += 7 * DAY_S + 1
    assert folder.find(ahead.event_id) is None and folder.find(late.event_id)
    assert folder.purge() == 1 and folder.event_ids() == folder.face_ids() == {late.event_id}


def test_a_folder_that_fails_is_named_again_where_the_clock_was_ahead(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    now_s = [NOON_S + 3000 * DAY_S]
    folder = EvidenceFolder(tmp_path / "file" / "e", 7, now_s=lambda: now_s[0])
    for moment_s, lines in ((now_s[0], 1), (NOON_S, 2), (NOON_S + 1, 2), (NOON_S + 300, 3)):
        now_s[0] = moment_s
        folder.keep(event(moment_s), noise(), *face_in((0, 0, 9, 9)))
        assert len(caplog.messages) == lines


def test_a_picture_that_cannot_be_deleted_keeps_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = [NOON_S]
    folder = EvidenceFolder(tmp_path, 7, now_s=lambda: now_s[0], with_faces=True)
    events = [event() for _ in range(5)]
    for one in events:
        folder.keep(one, noise(), *face_in((0, 0, 9, 9)))
    unlink = Path.unlink

    def of_somebody_else(path: Path, missing_ok: bool = False) -> None:
        if events[2].event_id in path.name:
            raise PermissionError(1, "Operation not permitted")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", of_somebody_else)
    now_s[0] += 7 * DAY_S + 1
    folder.purge()
    assert folder.event_ids() == folder.face_ids() == {events[2].event_id}
    assert "Operation not permitted" in caplog.text


def test_a_folder_that_cannot_be_written_costs_pictures_and_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    now_s = [NOON_S]
    folder = EvidenceFolder(tmp_path / "file" / "evidence", 7, now_s=lambda: now_s[0])
    for _ in range(9):
        folder.keep(event(), noise(), *face_in((0, 0, 9, 9)))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    now_s[0] += 301
    folder.keep(event(), noise(), *face_in((0, 0, 9, 9)))
    assert len(caplog.records) == 2 and list(tmp_path.iterdir()) == [tmp_path / "file"]


BOX = (100.0, 40.0, 180.0, 140.0)
LANDMARKS = ((120.0, 70.0), (160.0, 70.0), (140.0, 90.0), (125.0, 115.0), (155.0, 115.0))


@pytest.mark.parametrize("landmarks", [None, LANDMARKS])
def test_blurred_shows_the_lower_face_and_no_detail_of_anything_else(landmarks: object) -> None:
    face = replace(fakes.verdict(box_xyxy=BOX), landmarks_xy=landmarks)
    image = np.full((200, 300, 3), 120, np.uint8)
    image[::2] = 136  # detail finer than any block
    seen = blurred(image, face)
    height, width = seen.shape[:2]
    assert max(height, width) == 256
    rows = np.abs(np.diff(seen[:, width // 2].astype(int), axis=0)).max(1)
    detailed = np.flatnonzero(rows > 4)
    # the cut goes from 15 to 165; between eyes and nose is 80, the middle of the box is 90
    border = (80 if landmarks else 90) - 15
    assert abs(detailed[0] / height - border / 150) < 0.02
    assert abs(detailed[-1] / height - (140 - 15) / 150) < 0.02
    assert (np.abs(np.diff(seen[:, 2].astype(int), axis=0)) <= 4).all()  # beside the face


def test_blurred_follows_a_face_that_is_turned() -> None:
    """One that lies on its side, its forehead to the left: the right part is shown."""
    points = ((120.0, 75.0), (120.0, 105.0), (140.0, 90.0), (160.0, 80.0), (160.0, 100.0))
    face = replace(fakes.verdict(box_xyxy=BOX), landmarks_xy=points)
    image = np.full((200, 300, 3), 120, np.uint8)
    image[:, ::2] = 136
    seen = blurred(image, face)
    columns = np.abs(np.diff(seen[seen.shape[0] // 2].astype(int), axis=0)).max(1)
    detailed = np.flatnonzero(columns > 4) / seen.shape[1]
    assert abs(detailed[0] - (130 - 80) / 120) < 0.02
    assert abs(detailed[-1] - (180 - 80) / 120) < 0.02


@given(st.integers(-50, 320), st.integers(-50, 220), st.integers(1, 200), st.integers(1, 200))
def test_every_kind_is_made_of_every_face(left: int, top: int, width: int, height: int) -> None:
    report, face = face_in((left, top, left + width, top + height))
    for kind in PictureKind:
        picture = event_picture(kind, noise(), report, face)
        with Image.open(io.BytesIO(picture.content)) as image:
            assert image.get_format_mimetype() == picture.media_type == kind.media_type
            assert not image.getexif()


def test_whole_is_the_picture_with_one_face_marked_and_no_larger_than_is_needed() -> None:
    report, face = face_in((400.0, 300.0, 700.0, 700.0))
    image = np.full((1500, 2000, 3), 200, np.uint8)
    picture = event_picture(PictureKind.WHOLE, image, report, face)
    with Image.open(io.BytesIO(picture.content)) as opened:
        seen = np.asarray(opened.convert("RGB")).astype(int)
    assert seen.shape == (960, LONGEST_PX, 3)
    assert (np.abs(seen[700:] - 200) < 10).all() and (np.abs(seen - 200) > 50).any()


@pytest.mark.parametrize("kind", PictureKind)
def test_a_picture_is_found_by_its_event_as_long_as_it_may_be_kept(
    kind: PictureKind, tmp_path: Path
) -> None:
    now_s = [NOON_S]
    folder, one = EvidenceFolder(tmp_path, 7, kind, lambda: now_s[0]), event()
    assert folder.find(one.event_id) is None
    folder.keep(one, noise(), *face_in(BOX))
    (path,) = tmp_path.iterdir()
    found = folder.find(one.event_id)
    assert found and found.content == path.read_bytes() and found.media_type == kind.media_type
    for other in (event().event_id, "", "*", "../" + one.event_id, one.event_id[:-1] + "?"):
        assert folder.find(other) is None
    now_s[0] += 7 * DAY_S + 1  # before the next purge
    assert folder.find(one.event_id) is None
    assert folder.purge() == 1 and not list(tmp_path.iterdir())


def test_a_picture_that_is_being_written_is_not_found(tmp_path: Path) -> None:
    folder, one = EvidenceFolder(tmp_path, 7, now_s=lambda: NOON_S), event()
    (tmp_path / f".20261124T120000Z_{one.event_id}.0badf00d.part.png").write_bytes(b"half")
    assert folder.find(one.event_id) is None and folder.event_ids() == set()


def test_a_folder_that_cannot_be_read_costs_pictures_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = EvidenceFolder(tmp_path / ("n" * 300), 7, now_s=lambda: NOON_S)
    assert folder.find(event().event_id) is None and folder.purge() == 0
    assert folder.event_ids() == folder.face_ids() == set()
    assert len(caplog.messages) == 1


def test_a_face_lies_beside_the_whole_picture_as_it_was_taken_and_goes_with_it(
    tmp_path: Path,
) -> None:
    now_s, image = [NOON_S], noise()
    report, face = face_in((100.0, 50.0, 180.0, 150.0))
    one = replace(event(), camera="door", new_state=MaskState.NO_MASK, confidence=0.75)
    with_faces = EvidenceFolder(tmp_path, 7, PictureKind.WHOLE, lambda: now_s[0], with_faces=True)
    with_faces.keep(one, image, report, face)
    found = with_faces.find_face(one.event_id)
    assert found and (found.source, found.model) == ("door", report.model)
    assert (found.face.state, found.face.confidence) == (MaskState.NO_MASK, 0.75)
    left, top, right, bottom = map(round, found.face.box_xyxy)
    # no border is drawn on it, and nothing is lost
    assert np.array_equal(found.image_rgb[top:bottom, left:right], image[50:150, 100:180])
    assert with_faces.face_ids() == with_faces.event_ids() == {one.event_id}
    for other in (event().event_id, "*", "../" + one.event_id):
        assert with_faces.find_face(other) is None
    now_s[0] += 7 * DAY_S + 1
    assert with_faces.find_face(one.event_id) is None
    assert with_faces.purge() == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_no_face_is_kept_where_nobody_corrects(tmp_path: Path) -> None:
    folder, one = EvidenceFolder(tmp_path, 7, PictureKind.WHOLE, lambda: NOON_S), event()
    folder.keep(one, noise(), *face_in((0, 0, 9, 9)))
    assert folder.face_ids() == set() and folder.find_face(one.event_id) is None
    assert not (tmp_path / "faces").exists()


@pytest.mark.parametrize("content", [b"", b"no picture", coarse(noise(), (0, 0, 9, 9)).tobytes()])
def test_a_face_that_cannot_be_read_is_said(tmp_path: Path, content: bytes) -> None:
    folder, one = EvidenceFolder(tmp_path, 7, now_s=lambda: NOON_S, with_faces=True), event()
    folder.keep(one, noise(), *face_in((0, 0, 9, 9)))
    (path,) = (tmp_path / "faces").iterdir()
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        folder.find_face(one.event_id)
