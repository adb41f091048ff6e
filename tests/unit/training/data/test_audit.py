"""The audit names what is unusable, drops nothing in silence, and links what belongs together.

The comparison of pictures is a parameter; here it is one that looks at the mean colour only.
Run: pytest tests/unit/training/data/test_audit.py
"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from support.data_factory import draw, folder_set, save, table_of, voc_set

from maskwatch.errors import DataError
from maskwatch.schema import ImageRGB
from maskwatch.training.data.audit import (
    Labelled,
    audit,
    labels_warning,
    measure,
    read_cuts,
    under_two_labels,
)
from maskwatch.training.data.collect import collect


def group_by_colour(images: Iterable[ImageRGB]) -> NDArray[np.int32]:
    """Same number for the same mean colour, give or take what JPEG changes."""
    means = [tuple((image.mean(axis=(0, 1)) / 8).round().astype(int)) for image in images]
    return np.array([means.index(mean) for mean in means], np.int32)


def group_none(images: Iterable[ImageRGB]) -> NDArray[np.int32]:
    return np.arange(sum(1 for _ in images), dtype=np.int32)


def names(paths: Iterable[str | Path]) -> list[str]:
    return [Path(path).name for path in paths]


def test_an_empty_manifest_has_no_usable_row():
    with pytest.raises(DataError, match="the manifest has no rows"):
        audit(table_of([]), group_none)


def test_a_clean_set_keeps_every_row_in_its_place(tmp_path):
    table = collect({"mine": folder_set(tmp_path, 3)}).table
    grouped, findings = audit(table, group_none)
    assert grouped.drop(columns="group").equals(table.drop(columns="group"))
    assert grouped["group"].nunique() == 9
    assert (findings.rows, findings.usable_rows, findings.unusable) == (9, 9, ())
    assert findings.identical == ()


def test_a_huge_file_is_never_in_memory_as_a_whole(tmp_path):
    folder = folder_set(tmp_path, 1)
    with (folder / "with_mask" / "huge.jpg").open("wb") as huge:
        huge.truncate(64_000_000)
    tracemalloc.start()
    try:
        _, findings = audit(collect({"mine": folder}).table, group_none)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert names(problem.path for problem in findings.unusable) == ["huge.jpg"]
    assert peak < 32_000_000


DAMAGE = {
    "empty.jpg": (lambda path: path.write_bytes(b""), "empty"),
    "text.jpg": (lambda path: path.write_text("this is no picture"), ""),
    "cut.jpg": (lambda path: path.write_bytes(path.read_bytes()[:400]), ""),
    "blank.png": (lambda path: save(path, np.zeros((40, 40, 3), np.uint8)), "blank"),
}


def test_unusable_pictures_are_named_counted_and_dropped(tmp_path):
    folder = folder_set(tmp_path / "set", 3)
    for number, (name, (break_it, _)) in enumerate(DAMAGE.items()):
        break_it(save(folder / "with_mask" / name, draw(90 + number)))
    table = collect({"mine": folder}).table
    grouped, findings = audit(table, group_none)
    assert sorted(names(item.path for item in findings.unusable)) == sorted(DAMAGE)
    for item in findings.unusable:
        assert DAMAGE[item.path.name][1] in item.reason
        assert item.reason and "\n" not in item.reason
    assert (findings.rows, findings.usable_rows, findings.empty) == (13, 9, 2)
    assert not set(names(grouped["image_path"])) & set(DAMAGE)


def test_a_picture_changed_or_gone_since_the_manifest_was_made_is_unusable(tmp_path):
    folder = folder_set(tmp_path, 2)
    table = collect({"mine": folder}).table
    save(folder / "with_mask" / "0.jpg", draw(77))
    (folder / "with_mask" / "1.jpg").unlink()
    _, findings = audit(table, group_none)
    assert [item.reason for item in findings.unusable] == [
        "has changed since the manifest was made",
        "cannot be read (No such file or directory)",
    ]


def test_a_box_outside_its_picture_costs_one_row(tmp_path):
    folder = voc_set(tmp_path, {"a": [("with_mask", (0, 0, 50, 50))] * 2})
    table = collect({"photos": folder}).table
    table.loc[0, "x_max"] = 130
    grouped, findings = audit(table, group_none)
    assert [item.reason for item in findings.unusable] == [
        "its box (0, 0, 130, 50) reaches outside the 100 x 80 picture"
    ]
    assert len(grouped) == 1


def test_nothing_usable_is_an_error(tmp_path):
    path = tmp_path / "with_mask" / "a.jpg"
    path.parent.mkdir()
    path.write_text("no picture")
    with pytest.raises(DataError, match=r"none of the 1 rows is usable, first: .*a\.jpg: "):
        audit(collect({"mine": tmp_path}).table, group_none)


def test_faces_of_one_photo_and_identical_files_share_a_group(tmp_path):
    photos = voc_set(
        tmp_path / "a", {"p": [("with_mask", (0, 0, 30, 30)), ("without_mask", (40, 0, 70, 30))]}
    )
    crops = folder_set(tmp_path / "b", 2)
    (crops / "with_mask" / "copy.jpg").write_bytes((crops / "with_mask" / "0.jpg").read_bytes())
    grouped, findings = audit(collect({"photos": photos, "crops": crops}).table, group_none)
    assert grouped[grouped["source"] == "photos"]["group"].nunique() == 1
    assert grouped[grouped["source"] == "crops"]["group"].nunique() == 6  # seven files, two alike
    assert [names(paths) for paths in findings.identical] == [["0.jpg", "copy.jpg"]]


def test_identical_pictures_under_two_labels_are_told_and_kept(tmp_path):
    folder = folder_set(tmp_path, 3)
    first = folder / "with_mask" / "0.jpg"
    second = folder / "without_mask" / "copy.jpg"
    for path in (second, first.with_name("again.jpg")):
        path.write_bytes(first.read_bytes())
    table = collect({"mine": folder}).table
    grouped, findings = audit(table, group_none)
    assert len(grouped) == len(table) == 11
    assert labels_warning(findings.under_two_labels) == (
        f"1 picture stands under two labels, such as {first} (mask) and {second} (no_mask)"
    )
    stored = json.loads(json.dumps(findings.to_dict()))["under_two_labels"]
    assert stored == [
        [{"path": str(first), "label": "mask"}, {"path": str(second), "label": "no_mask"}]
    ]


def test_of_boxes_only_the_same_one_stands_under_two_labels(tmp_path):
    boxes = [("with_mask", (0, 0, 30, 30)), ("without_mask", (40, 0, 70, 30))]
    photos = voc_set(tmp_path / "a", {"p": boxes})
    others = voc_set(tmp_path / "b", {"p": [("mask_weared_incorrect", (40, 0, 70, 30))]})
    table = collect({"one": photos}).table
    assert under_two_labels(table) == () and labels_warning(()) == ""
    both = collect({"one": photos, "two": others}).table
    ((one, other),) = under_two_labels(both)
    assert {one.label, other.label} == {"no_mask", "incorrect_mask"}


def test_the_first_few_under_two_labels_are_named():
    found = [(Labelled(f"{n}.jpg", "mask"), Labelled("b\nc", "no_mask")) for n in range(2000)]
    said = labels_warning(found)
    assert said.startswith(
        "2,000 pictures stand under two labels, such as 0.jpg (mask) and b\\nc ("
    )
    assert said.endswith("; 2.jpg (mask) and b\\nc (no_mask)")


def test_near_identical_pictures_are_linked_across_sources_through_boxes(tmp_path):
    """A crop cut from a photo joins the photo's group, and brings its own twins along."""
    photos = voc_set(
        tmp_path / "a",
        {"p": [("with_mask", (10, 10, 50, 60))], "q": [("with_mask", (0, 0, 40, 40))]},
    )
    photo = np.asarray(Image.open(photos / "images" / "p.jpg"))
    crops = folder_set(tmp_path / "b", 1)
    cut = save(crops / "with_mask" / "cut.png", photo[10:60, 10:50])
    save(cut.with_name("mirrored.png"), photo[10:60, 10:50][:, ::-1])
    grouped, findings = audit(collect({"photos": photos, "crops": crops}).table, group_by_colour)
    linked = grouped.groupby("group")["image_path"].agg(names).map(sorted).tolist()
    assert ["cut.png", "mirrored.png", "p.jpg"] in linked
    assert findings.groups_across_sources == 1
    assert findings.largest_groups[0] == 3


def test_tiny_faces_are_counted_and_only_follow_their_photo(tmp_path):
    boxes = {"p": [("with_mask", (0, 0, 19, 40))], "q": [("with_mask", (0, 0, 20, 40))]}
    seen = []

    def count(images: Iterable[ImageRGB]) -> NDArray[np.int32]:
        seen.extend(image.shape for image in images)
        return np.zeros(len(seen), np.int32)

    grouped, findings = audit(collect({"photos": voc_set(tmp_path, boxes)}).table, count)
    assert seen == [(40, 20, 3)]
    assert findings.tiny_faces == {"photos": 1}
    assert grouped["group"].nunique() == 2


def test_groups_depend_neither_on_row_order_nor_on_the_folder(tmp_path):
    table = collect({"mine": folder_set(tmp_path / "a", 4)}).table
    moved = collect({"mine": folder_set(tmp_path / "b" / "c", 4)}).table
    expected = audit(table, group_by_colour)[0]["group"].tolist()
    assert audit(moved, group_by_colour)[0]["group"].tolist() == expected
    reversed_rows = audit(table.iloc[::-1], group_by_colour)[0]
    assert reversed_rows["group"].tolist() == expected[::-1]


def test_cuts_are_the_exact_pixels_of_a_box(tmp_path):
    folder = voc_set(
        tmp_path, {"p": [("with_mask", (10, 20, 40, 60)), ("with_mask", (98, 0, 101, 9))]}
    )
    table = collect({"photos": folder}).table
    image = np.asarray(Image.open(folder / "images" / "p.jpg"))
    first, second = read_cuts(table)
    np.testing.assert_array_equal(first, image[20:60, 10:40])
    np.testing.assert_array_equal(second, image[0:9, 98:100])


def test_measures_are_in_pixels_and_grey_levels(tmp_path):
    path = tmp_path / "with_mask" / "a.png"
    half = np.zeros((30, 50, 3), np.uint8)
    half[:, 25:] = 200
    save(path, half)
    row = measure(collect({"mine": tmp_path}).table).iloc[0]
    assert (row["width_px"], row["height_px"], row["face_px"]) == (50, 30, 30)
    assert row["brightness"] == 100


def test_brightness_per_class_shows_the_darker_one(tmp_path):
    _, findings = audit(collect({"mine": folder_set(tmp_path, 4)}).table, group_none)
    light = findings.brightness
    assert list(light) == ["mask", "no_mask", "incorrect_mask"]
    assert light["incorrect_mask"].mean + 40 < light["mask"].mean


def test_progress_counts_every_row_twice(tmp_path):
    steps: list[int] = []
    table = collect({"mine": folder_set(tmp_path, 2)}).table
    audit(table, group_none, steps.append)
    assert sum(steps) == 2 * len(table)


def test_findings_are_plain_values(tmp_path):
    _, findings = audit(collect({"mine": folder_set(tmp_path / "set", 2)}).table, group_none)
    stored = json.loads(json.dumps(findings.to_dict()))
    assert stored["rows"] == 6
    assert stored["unusable"] == []
    assert stored["brightness"]["mask"].keys() == {"mean", "std"}
