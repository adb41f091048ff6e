"""Which sets are offered, and what is said of them before a training.

Run: pytest tests/unit/training/jobs/test_data_folders.py
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.data_factory import folder_set, voc_set, yolo_set

from maskwatch.training.jobs.data_folders import (
    check_folder,
    folder_version,
    named_folders,
    offered_sets,
)

BOX = (10, 10, 40, 40)


def test_nothing_offered(tmp_path: Path) -> None:
    assert offered_sets([]) == {}
    assert offered_sets([tmp_path, tmp_path / "none"]) == {}


def test_a_set_is_offered_itself_and_of_any_other_folder_the_folders_in_it(tmp_path: Path) -> None:
    folder_set(tmp_path / "all" / "faces", 1)
    voc_set(tmp_path / "all" / "boxes", {"a": [("with_mask", BOX)]})
    yolo_set(tmp_path / "yolo", {"train/a": ""})
    (tmp_path / "all" / "notes.txt").touch()
    (tmp_path / "all" / ".hidden").mkdir()
    assert list(offered_sets([tmp_path / "all"])) == ["boxes", "faces"]
    assert list(offered_sets([tmp_path / "all" / "faces", tmp_path / "all"])) == ["faces", "boxes"]
    assert list(offered_sets([tmp_path / "all" / "boxes"])) == ["boxes"]
    assert list(offered_sets([tmp_path / "yolo"])) == ["yolo"]


def test_a_folder_of_a_reserved_name_goes_by_its_parent_too(tmp_path: Path) -> None:
    assert list(named_folders([tmp_path / "a" / "synthetic"])) == ["a/synthetic"]


@pytest.mark.parametrize(
    ("names", "is_one"),
    [
        (["a/a.jpg", "b/b.jpg", "faces.json"], False),
        (["a/a.jpg", "b/b.jpg", "README.txt"], False),
        (["train/a.jpg", "valid/a.jpg"], True),
        (["WithMask/a.jpg", "other/a.jpg"], True),
        (["Images/a.jpg", "Labels/a.txt"], True),
        (["a.jpg", "a.xml"], True),
        (["a.jpg", "result.json"], True),
        (["data.yaml", "a/a.jpg"], True),
        (["obj.names", "obj/a.jpg"], True),
    ],
)
def test_a_folder_is_a_set_or_holds_sets(tmp_path: Path, names: list[str], is_one: bool) -> None:
    for name in names:
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).touch()
    assert (list(offered_sets([tmp_path / "root"])) == ["root"]) == is_one


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        ([], []),
        (["/a/x", "/a/y", "/a/x"], ["x", "y"]),
        (["/a/x", "/b/x", "/b/y"], ["a/x", "b/x", "y"]),
        (["/1/a/x", "/2/a/x"], ["/1/a/x", "/2/a/x"]),
    ],
)
def test_every_folder_has_a_name_of_its_own(paths: list[str], names: list[str]) -> None:
    assert list(named_folders(map(Path, paths))) == names


def test_pictures_are_counted_by_label(tmp_path: Path) -> None:
    found = check_folder(folder_set(tmp_path, 6))
    assert found.counts == {"mask": 6, "no_mask": 6, "incorrect_mask": 6, "unclear": 0}
    assert not (found.lacking or found.unknown or found.trouble or found.unreadable)


def test_boxes_are_counted_by_label(tmp_path: Path) -> None:
    boxes = [("with_mask", BOX), ("without_mask", BOX), ("with_mask", (0, 0, 900, 9))]
    found = check_folder(voc_set(tmp_path, {"a": boxes}))
    assert (found.counts["mask"], found.counts["no_mask"]) == (1, 1)
    assert "reaches outside" in found.unreadable[0].reason
    assert found.lacking == ("mask", "no_mask", "incorrect_mask")


@pytest.mark.parametrize(
    ("classes", "lacking", "untaught"),
    [
        (("with_mask",), ("no_mask", "incorrect_mask"), ()),
        (("with_mask", "without_mask"), (), ("incorrect_mask",)),
        (("Mask", "No mask", "incorrect"), (), ()),
    ],
)
def test_missing_classes_are_named(
    tmp_path: Path, classes: tuple[str, ...], lacking: tuple[str, ...], untaught: tuple[str, ...]
) -> None:
    found = check_folder(folder_set(tmp_path, 5, classes))
    assert (found.lacking, found.untaught) == (lacking, untaught)


def test_a_few_pictures_of_a_class_are_too_few_where_none_would_do(tmp_path: Path) -> None:
    folder_set(tmp_path, 5, ("with_mask", "without_mask"))
    found = check_folder(folder_set(tmp_path, 4, ("incorrect",)))
    assert (found.lacking, found.untaught) == (("incorrect_mask",), ())


def test_what_classes_are_taken_for_is_told(tmp_path: Path) -> None:
    found = check_folder(folder_set(tmp_path, 1, ("WithMask", "hat", "no-mask")))
    assert found.taken_as == {"WithMask": "mask", "no-mask": "no_mask"}
    assert found.unknown == ("hat",)


def test_classes_that_mean_nothing_are_named(tmp_path: Path) -> None:
    found = check_folder(folder_set(tmp_path, 5, ("with_mask", "cats", "birds")))
    assert found.unknown == ("birds", "cats")


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    assert "no labelled picture" in check_folder(tmp_path).trouble
    assert "no such folder" in check_folder(tmp_path / "gone").trouble


def test_the_version_changes_when_a_picture_comes_or_goes(tmp_path: Path) -> None:
    folder_set(tmp_path, 1)
    seen = {folder_version(tmp_path)}
    for change in ((tmp_path / "with_mask" / "0.jpg").unlink, (tmp_path / "new").mkdir):
        change()
        assert folder_version(tmp_path) not in seen
        seen.add(folder_version(tmp_path))
    assert folder_version(tmp_path / "gone") == (0, 0)
