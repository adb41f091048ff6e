"""The manifest: what is written is read back, moves with its pictures, and says what is wrong.

Also how sets become a manifest (`collect`) and how a copy is checked (`fetch`).
Run: pytest tests/unit/training/data/test_manifest.py
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from support.data_factory import folder_set, table_of, voc_set, yolo_set
from support.paths import ROOT

from maskwatch.errors import DataError, SettingError
from maskwatch.training.data.collect import (
    class_map,
    collect,
    counts_per_label,
    fetch_set,
    set_folders,
)
from maskwatch.training.data.machine_faces import main_face, read_main_faces
from maskwatch.training.data.manifest import (
    COLUMNS,
    HASH_KEY,
    data_sha256,
    has_box,
    read_manifest,
    write_manifest,
)

SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture
def voc_table(tmp_path):
    folder = voc_set(tmp_path / "set", {"a": [("with_mask", (10, 20, 40, 60))]})
    return collect({"photos": folder}).table


def test_an_empty_manifest_goes_round(tmp_path):
    write_manifest(table_of([]), tmp_path / "m.parquet")
    table = read_manifest(tmp_path / "m.parquet")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 0


def test_a_manifest_goes_round(tmp_path, voc_table):
    write_manifest(voc_table, tmp_path / "deep" / "er" / "m.parquet")
    back = read_manifest(tmp_path / "deep" / "er" / "m.parquet")
    pd.testing.assert_frame_equal(back, voc_table)
    row = back.iloc[0]
    picture = tmp_path / "set" / "images" / "a.jpg"
    assert row["image_path"] == str(picture)
    assert row["sha256"] == hashlib.sha256(picture.read_bytes()).hexdigest()
    assert row["group"] is None
    assert row["split"] is None
    assert [row[name] for name in ("x_min", "y_min", "x_max", "y_max")] == [10, 20, 40, 60]


def test_stored_paths_are_relative_so_that_a_moved_pair_works(tmp_path):
    before = tmp_path / "before"
    table = collect({"photos": folder_set(before / "set", 1)}).table
    write_manifest(table, before / "lists" / "m.parquet")
    stored = pd.read_parquet(before / "lists" / "m.parquet")["image_path"]
    assert set(stored) == {
        f"../set/{name}/0.jpg" for name in ("with_mask", "without_mask", "mask_weared_incorrect")
    }
    after = tmp_path / "after"
    shutil.move(before, after)
    moved = read_manifest(after / "lists" / "m.parquet")
    assert all(Path(name).is_relative_to(after) for name in moved["image_path"])
    assert data_sha256(moved) == data_sha256(table)


def test_the_data_hash_is_in_the_file(tmp_path, voc_table):
    write_manifest(voc_table, tmp_path / "m.parquet")
    metadata = pq.read_schema(tmp_path / "m.parquet").metadata
    assert metadata[HASH_KEY].decode() == data_sha256(voc_table)


def test_the_data_hash_ignores_order_and_paths_and_nothing_else():
    rows = [
        {"label": "mask", "split": "train"},
        {"label": "no_mask", "x_min": 1, "y_min": 2, "x_max": 3, "y_max": 4, "group": "g"},
    ]
    table = table_of(rows)
    same = data_sha256(table)
    assert data_sha256(table.iloc[::-1]) == same
    assert data_sha256(table.assign(image_path="elsewhere.jpg")) == same
    changes = {"label": "incorrect_mask", "source": "x", "sha256": "0", "group": "h"}
    for column, value in {**changes, "split": "val", "x_max": 5.0}.items():
        assert data_sha256(table.assign(**{column: value})) != same, column
    assert data_sha256(table.iloc[:1]) != same


def test_missing_pictures_are_counted_and_the_first_named(tmp_path):
    folder = folder_set(tmp_path / "set", 2)
    write_manifest(collect({"photos": folder}).table, tmp_path / "m.parquet")
    shutil.rmtree(folder / "with_mask")
    with pytest.raises(DataError) as caught:
        read_manifest(tmp_path / "m.parquet")
    first = folder / "with_mask" / "0.jpg"
    assert str(caught.value).startswith(
        f"{tmp_path / 'm.parquet'}: 2 of its pictures are gone, first: {first}"
    )


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "no such manifest"),
        (lambda path: path.write_bytes(b""), "not a readable manifest (not Parquet, or damaged)"),
        (lambda path: path.write_text("image_path,label"), "not a readable manifest (not Parquet"),
        (lambda path: path.mkdir(), "is not a file"),
    ],
    ids=["missing", "empty", "text", "folder"],
)
def test_what_is_no_parquet_file_is_refused(tmp_path, make, complaint):
    path = tmp_path / "m.parquet"
    make(path)
    with pytest.raises(DataError) as caught:
        read_manifest(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.drop(columns=["label", "group"]), "it lacks the columns label, group"),
        (lambda t: t.assign(label="masked"), "label masked is none of mask, no_mask, incorrect"),
        (lambda t: t.assign(label=None), "label None is none of"),
        (lambda t: t.assign(split="dev"), "split dev is none of train, val, test"),
        (lambda t: t.assign(x_max=np.nan), "1 rows have an empty or endless box, first: "),
        (lambda t: t.assign(x_max=3.0), "1 rows have an empty or endless box, first: "),
        (lambda t: t.assign(x_max=np.inf), "1 rows have an empty or endless box, first: "),
        (lambda t: t.assign(x_max="wide"), "x_max is not a column of numbers"),
        *(
            (lambda t, name=name: t.assign(**{name: 2021}), f"{name} is not a column of text")
            for name in ("image_path", "label", "source", "sha256", "group", "split")
        ),
        (lambda t: t.assign(image_path=None), "image_path is missing in 1 rows"),
        (lambda t: t.assign(sha256=None), "sha256 is missing in 1 rows"),
    ],
)
def test_wrong_values_are_refused_on_reading_and_writing(tmp_path, voc_table, change, complaint):
    path = tmp_path / "m.parquet"
    wrong = change(voc_table)
    wrong.to_parquet(path)
    with pytest.raises(DataError) as caught:
        read_manifest(path)
    assert complaint in str(caught.value)
    with pytest.raises(DataError) as caught:
        write_manifest(wrong, tmp_path / "out.parquet")
    assert complaint in str(caught.value)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["m.parquet", "set"]


def test_a_manifest_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        write_manifest(table_of([]), tmp_path / "file" / "m.parquet")


def test_sets_of_all_layouts_share_one_table(tmp_path):
    table = collect(
        {
            "crops": folder_set(tmp_path / "a", 2),
            "photos": voc_set(tmp_path / "b", {"a": [("without_mask", (0, 0, 9, 9))]}),
            "yolo-800": yolo_set(tmp_path / "c", {"t/a": "0 0.5 0.5 0.2 0.2\n1 0.3 0.3 0.1 0.1"}),
        }
    ).table
    assert tuple(table.columns) == COLUMNS
    assert counts_per_label(table) == {
        "mask": 3,
        "no_mask": 4,
        "incorrect_mask": 2,
        "unclear": 0,
    }
    assert has_box(table).tolist() == [False] * 6 + [True] * 3
    assert table["source"].tolist() == ["crops"] * 6 + ["photos"] + ["yolo-800"] * 2


def test_unknown_classes_are_listed_and_can_be_mapped(tmp_path):
    folder = folder_set(tmp_path / "set", 1, classes=("With-Mask", "chin", "nose", "hand"))
    with pytest.raises(
        DataError, match=r"unknown classes chin, hand, nose .*; map each with --class NAME="
    ):
        collect({"mine": folder})
    classes = class_map(["chin=incorrect_mask", "nose=incorrect_mask", "hand=unclear"])
    table = collect({"mine": folder}, classes).table
    assert counts_per_label(table) == {
        "mask": 1,
        "no_mask": 0,
        "incorrect_mask": 2,
        "unclear": 1,
    }


@pytest.mark.parametrize("text", ["", "x", "x=", "=mask", "x=masked"])
def test_a_senseless_class_option_is_refused(text):
    with pytest.raises(SettingError, match="give NAME=LABEL with a label of mask, no_mask, "):
        class_map([text])


def test_a_class_that_is_given_two_labels_is_refused():
    with pytest.raises(SettingError, match="class A: is given as mask and as no_mask"):
        class_map(["A=mask", "A=no_mask"])
    assert class_map(["A=mask", "A=mask"]) == {"A": "mask"}


def test_a_picture_whose_name_is_too_long_for_any_file_is_gone(tmp_path):
    path = tmp_path / "m.parquet"
    table_of([{"image_path": "x" * 300}]).to_parquet(path)
    with pytest.raises(DataError, match="1 of its pictures are gone, first: "):
        read_manifest(path)


def test_a_public_set_without_one_of_its_classes_is_an_error(tmp_path):
    folder = folder_set(tmp_path / "set", 1, classes=("with_mask", "without_mask"))
    with pytest.raises(DataError, match="no picture of class incorrect_mask, which kaggle-8982 ha"):
        collect({"kaggle-8982": folder})


def test_a_picture_that_cannot_be_opened_is_a_problem(tmp_path):
    folder = folder_set(tmp_path / "set", 1)
    (folder / "with_mask" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    collection = collect({"mine": folder})
    (problem,) = collection.problems
    assert str(problem).endswith("gone.jpg: cannot be read (No such file or directory)")
    assert len(collection.table) == 3


BIG, SMALL, UNSURE = (10, 10, 40, 40, 0.9), (60, 0, 19, 19, 0.7), (0, 0, 90, 70, 0.59)


@pytest.mark.parametrize(
    ("faces", "box"),
    [
        ([], None),
        ([UNSURE], None),
        ([BIG], (10, 10, 50, 50)),
        ([BIG, UNSURE], (10, 10, 50, 50)),
        ([SMALL, BIG], (10, 10, 50, 50)),  # 4.4 times the area
        ([BIG, (60, 0, 21, 21, 0.7)], None),  # 3.6 times
        ([BIG, BIG], None),
        ([(-5, -5, 200, 200, 0.9)], (0, 0, 100, 80)),
        ([(150, 0, 20, 20, 0.9)], None),
    ],
)
def test_the_one_face_a_picture_is_about(faces, box):
    assert main_face(faces, 100, 80) == box


def test_machine_boxes_reach_only_pictures_without_boxes(tmp_path):
    crops = folder_set(tmp_path / "a", 1)
    photos = voc_set(tmp_path / "b", {"a": [("with_mask", (0, 0, 9, 9))]})
    found = {"size": [48, 48], "faces": [[4, 5, 20, 20, *[0.0] * 10, 0.8]]}
    path = tmp_path / "faces.json"
    path.write_text(json.dumps({"crops/with_mask/0.jpg": found, "photos/images/a.jpg": found}))
    collection = collect({"crops": crops, "photos": photos}, machine_boxes=read_main_faces(path))
    assert collection.machine_boxes == 1
    table = collection.table
    assert table.groupby("source")["x_max"].max().to_dict() == {"crops": 24, "photos": 9}
    # the whole picture stays, beside the face that was found in it
    found_in = table[table["image_path"].str.endswith("with_mask/0.jpg")]
    assert sorted(found_in["x_min"].isna()) == [False, True]
    assert found_in["sha256"].nunique() == found_in["label"].nunique() == 1


FOUND = "[0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.9]"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not a readable JSON file"),
        ("[" * 100_000, "not a readable JSON file"),
        ("[1]", "not of the form"),
        ('{"a": 1}', "not of the form"),
        ('{"a": {"size": [9, 9], "faces": [[1, 2]]}}', "not of the form"),
        ('{"a": {"size": [9], "faces": []}}', "not of the form"),
        (f'{{"a": {{"size": [null, null], "faces": [{FOUND}]}}}}', "not of the form"),
        (f'{{"a": {{"size": [9, NaN], "faces": [{FOUND}]}}}}', "not of the form"),
        (f'{{"a": {{"size": [9, 9], "faces": [{FOUND.replace("1", "null")}]}}}}', "not of the"),
    ],
)
def test_a_broken_faces_file_is_one_clear_error(tmp_path, text, complaint):
    path = tmp_path / "faces.json"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_main_faces(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")
    assert "\n" not in str(caught.value)


def test_an_incomplete_copy_of_a_public_set_is_refused(tmp_path):
    folder = folder_set(tmp_path / "set", 2)
    with pytest.raises(DataError) as caught:
        fetch_set("kaggle-8982", folder)
    assert (
        "expected 2,994 mask, 2,994 no_mask, 2,994 incorrect_mask, found 2 mask, 2 no_mask, 2 "
        in str(caught.value)
    )


def test_a_set_that_is_not_on_kaggle_says_where_it_is():
    with pytest.raises(
        DataError, match=r"not on Kaggle; get it from https://github\.com/adityap27"
    ):
        fetch_set("yolo-800")


def test_without_network_the_download_is_one_clear_error(monkeypatch, tmp_path):
    """A closed port stands for the missing network; everything else is the real kagglehub."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    with pytest.raises(DataError) as caught:
        fetch_set("voc-853")
    message = str(caught.value)
    assert message.startswith("voc-853: download failed (")
    assert "https://www.kaggle.com/datasets/andrewmvd/face-mask-detection" in message
    assert "\n" not in message


def test_set_folders_need_a_name_each(tmp_path):
    assert set_folders([f"a={tmp_path}", "b=x=y"]) == {"a": tmp_path, "b": Path("x=y")}
    with pytest.raises(SettingError, match="each set needs a name of its own"):
        set_folders(["a=x", "a=y"])
    with pytest.raises(SettingError, match="each set needs a name of its own"):
        set_folders(["=x"])
    with pytest.raises(DataError, match="no public set of that name"):
        set_folders(["mine"])


@pytest.mark.parametrize("text", ["voc-853=", "mine= "])
def test_a_set_whose_folder_is_empty_is_not_downloaded(text):
    with pytest.raises(SettingError, match=f"'{text}': the folder behind the = is empty; give"):
        set_folders([text])


@pytest.mark.parametrize("text", ["synthetic=x", "synthetic"])
def test_the_name_of_what_is_synthesised_is_no_name_of_a_set(text):
    with pytest.raises(SettingError, match=f"'{text}': synthetic is the name .* another name"):
        set_folders([text])


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no public data beside the checkout")
@pytest.mark.parametrize("name", ["voc-853", "yolo-800", "incorrect-photos", "maskedface-net-500"])
def test_public_copies_are_complete(name):
    _, collection = fetch_set(name, SHARED / name)
    assert collection.problems == ()


def test_a_manifest_with_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(DataError, match=r": cannot be read \(File name too long\)$"):
        read_manifest(tmp_path / ("a" * 300))
