"""What is kept of a violation is truly coarse, for a time only, and nothing else is deleted.

Run: pytest tests/test_evidence.py
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from alert_factory import NOON_S, event
from cartoon_face import cartoon
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from maskwatch.watch.evidence import BLOCKS, STEPS, EvidenceFolder, coarse, purge_evidence

DAY_S = 86_400.0
random = np.random.default_rng(0)


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
    EvidenceFolder(folder, 7).keep(one, image, box)
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
    now_s = [NOON_S]
    folder = EvidenceFolder(tmp_path, 7, lambda: now_s[0])
    assert folder.purge() == 0
    for days in (0, 3, 6):
        folder.keep(event(NOON_S + days * DAY_S), noise(), (0, 0, 9, 9))
    left_over = tmp_path / (f"20261101T000000Z_{'0' * 32}.png.part")  # of a program that was killed
    left_over.touch()
    others = ["holiday.png", "20200101T000000Z_notes.png", f"20200101T000000Z_{'0' * 32}.txt"]
    for name in others:
        (tmp_path / name).touch()
    assert folder.purge() == 1 and not left_over.exists()
    now_s[0] += 7 * DAY_S
    assert folder.purge() == 0
    now_s[0] += 1
    assert folder.purge() == 1
    now_s[0] += 7 * DAY_S
    assert folder.purge() == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)
    assert purge_evidence(tmp_path / "missing", now_s[0]) == 0


def test_a_folder_that_cannot_be_written_costs_pictures_and_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    now_s = [NOON_S]
    folder = EvidenceFolder(tmp_path / "file" / "evidence", 7, lambda: now_s[0])
    for _ in range(9):
        folder.keep(event(), noise(), (0, 0, 9, 9))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    now_s[0] += 301
    folder.keep(event(), noise(), (0, 0, 9, 9))
    assert len(caplog.records) == 2 and list(tmp_path.iterdir()) == [tmp_path / "file"]
