"""How many different photos there are: copies once, and as a split would count.

Run: pytest tests/unit/training/jobs/test_different_photos.py
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.data_factory import draw, folder_set, save

from maskwatch.errors import DataError
from maskwatch.training.data.audit import audit
from maskwatch.training.data.catalog import LABELS
from maskwatch.training.data.collect import collect
from maskwatch.training.data.near_duplicates import group_near_duplicates
from maskwatch.training.data.split import split_grouped
from maskwatch.training.jobs.data_folders import FEWEST
from maskwatch.training.jobs.different_photos import count_photos, different_photos, spread


def with_copies(root: Path, photos: int, copies: int, label: str) -> Path:
    """Photos of one label, each as often in another light; the copies lie side by side."""
    for photo in range(photos):
        for copy in range(copies):
            drawn = draw(photo, 96, 96, brightness=110 + copy % 40)
            save(root / label / f"{photo:03}-{copy:03}.png", drawn)
    return root


def test_copies_count_once_and_broken_files_do_not(tmp_path: Path) -> None:
    folder = folder_set(with_copies(tmp_path / "set", 3, 6, "mask"), 6, ("no_mask",))
    (folder / "no_mask" / "0.jpg").write_bytes(b"no picture")
    assert different_photos([folder]) == {"mask": 3, "no_mask": 5}


def test_sets_count_together_and_a_photo_in_both_once(tmp_path: Path) -> None:
    one = folder_set(tmp_path / "one", 2, ("mask", "no_mask"))
    other = with_copies(tmp_path / "other", 4, 1, "mask")
    save(one / "mask" / "another.jpg", draw(99))
    assert different_photos([one, other]) == {"mask": 5, "no_mask": 2}


@pytest.mark.parametrize("photos", [FEWEST - 1, FEWEST])
def test_what_counts_as_enough_can_be_split(tmp_path: Path, photos: int) -> None:
    for number, label in enumerate(LABELS):
        for photo in range(photos):
            for copy in range(3):
                drawn = draw(100 * number + photo, 96, 96, brightness=120 + 8 * copy)
                save(tmp_path / "set" / label / f"{photo}-{copy}.png", drawn)
    table = collect({"set": tmp_path / "set"}).table
    assert count_photos(table) == dict.fromkeys(LABELS, photos)
    audited, _ = audit(table, group_near_duplicates)
    if photos < FEWEST:
        with pytest.raises(DataError, match="different photos, copies counted once"):
            split_grouped(audited, folds=5, test=True)
    else:
        split_grouped(audited, folds=5, test=True)


def test_photos_that_the_first_look_misses_are_found(tmp_path: Path) -> None:
    folder = with_copies(tmp_path / "set", 1, 90, "mask")
    for number in range(FEWEST - 1):  # they come last, after all copies
        save(folder / "mask" / f"9{number}.png", draw(50 + number, 96, 96))
    assert count_photos(collect({"set": folder}).table)["mask"] == FEWEST


def test_a_look_at_some_takes_them_from_all_over(tmp_path: Path) -> None:
    table = collect({"set": folder_set(tmp_path / "set", 9, ("mask", "no_mask"))}).table
    some = spread(table, 3)
    assert [Path(path).name for path in some["image_path"]] == 2 * ["0.jpg", "4.jpg", "8.jpg"]
    assert len(spread(table, 100)) == len(table)


def test_what_cannot_be_compared_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown classes cats") as raised:
        different_photos([folder_set(tmp_path / "set", 2, ("cats", "dogs"))])
    assert "\n" not in str(raised.value)
