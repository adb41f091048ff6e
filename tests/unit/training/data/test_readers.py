"""The forms of the public sets become labelled faces, and nothing unusable vanishes in silence.

Run: pytest tests/unit/training/data/test_readers.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.data_factory import draw, folder_set, save, voc_set, yolo_set

from maskwatch.errors import DataError
from maskwatch.training.data.catalog import LABELS, PUBLIC_SETS, Layout, public_set
from maskwatch.training.data.readers import READERS, read_set

FACE = ("with_mask", (10, 20, 40, 60))


def reasons(folder: Path) -> list[str]:
    """The problems of a set as `file name: reason`."""
    return [f"{item.path.name}: {item.reason}" for item in read_set(folder).problems]


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "no such folder"),
        (lambda path: path.write_text("x"), "not a folder"),
        (lambda path: path.mkdir(), "no labelled picture in it (read as folder per class)"),
    ],
    ids=["missing", "a file", "empty"],
)
def test_a_folder_that_holds_no_set_is_one_clear_error(tmp_path, make, complaint):
    folder = tmp_path / "set"
    make(folder)
    with pytest.raises(DataError) as caught:
        read_set(folder)
    assert str(caught.value).startswith(f"{folder}: {complaint}")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_without_permission_is_named(tmp_path):
    folder_set(tmp_path, 1)
    (tmp_path / "with_mask").chmod(0)
    try:
        assert reasons(tmp_path) == ["with_mask: folder cannot be read (Permission denied)"]
    finally:
        (tmp_path / "with_mask").chmod(0o755)


def test_folder_per_class(tmp_path):
    faces = read_set(folder_set(tmp_path, 2)).faces
    assert [(face.class_name, face.image_path.name, face.box_xyxy) for face in faces] == [
        (name, f"{item}.jpg", None)
        for name in sorted(("with_mask", "without_mask", "mask_weared_incorrect"))
        for item in range(2)
    ]


def test_classes_may_lie_deeper_and_pictures_flat(tmp_path):
    save(tmp_path / "Dataset" / "train" / "with_mask" / "a.png", draw(1))
    save(tmp_path / "b.jpg", draw(2))
    assert {face.class_name for face in read_set(tmp_path).faces} == {"with_mask", "."}


def test_other_files_are_named_but_hidden_ones_ignored(tmp_path):
    folder_set(tmp_path, 1)
    (tmp_path / "with_mask" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "with_mask" / "._0.jpg").write_bytes(b"x")
    assert reasons(tmp_path) == ["Thumbs.db: not the file name of a picture"]


def test_voc_boxes_match_pictures_by_stem(tmp_path):
    voc_set(tmp_path, {"a": [FACE, ("without_mask", (50, 10, 90, 70))], "b": []})
    reading = read_set(tmp_path)
    assert reading.problems == ()
    assert [(face.class_name, face.box_xyxy) for face in reading.faces] == [
        ("with_mask", (10, 20, 40, 60)),
        ("without_mask", (50, 10, 90, 70)),
    ]
    assert {face.image_path.name for face in reading.faces} == {"a.jpg"}  # the XML says .png


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "b.xml: broken XML (no element found: line 1, column 0)"),
        ("<annotation><object>", "b.xml: broken XML (no element found: line 1, column 20)"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "b.xml: broken XML (unknown encoding"),
        ("<a><object><name>x</name></object></a>", "b.xml: object 1 lacks a name or four numbers"),
    ],
    ids=["empty", "truncated", "encoding", "no box"],
)
def test_broken_xml_costs_only_its_own_faces(tmp_path, text, complaint):
    voc_set(tmp_path, {"a": [FACE], "b": [FACE]})
    (tmp_path / "annotations" / "b.xml").write_text(text)
    (problem,) = reasons(tmp_path)
    assert problem.startswith(complaint)
    assert [face.image_path.stem for face in read_set(tmp_path).faces] == ["a"]


@pytest.mark.parametrize(
    ("box", "complaint"),
    [
        ((10, 10, 10, 30), "object 1: box (10, 10, 10, 30) is empty"),
        ((30, 10, 10, 30), "object 1: box (30, 10, 10, 30) is empty"),
        ((-9, 0, 20, 20), "object 1: box (-9, 0, 20, 20) reaches outside the 100 x 80 picture"),
        ((90, 0, 130, 9), "object 1: box (90, 0, 130, 9) reaches outside the 100 x 80 picture"),
        ((1, "x", 5, 9), "object 1 lacks a name or four numbers for its box"),
        ((1, "nan", 5, 9), "object 1 lacks a name or four numbers for its box"),
    ],
)
def test_a_wrong_box_is_named_and_its_neighbour_stays(tmp_path, box, complaint):
    voc_set(tmp_path, {"a": [("with_mask", box), FACE]})
    assert reasons(tmp_path) == [f"a.xml: {complaint}"]
    assert [face.box_xyxy for face in read_set(tmp_path).faces] == [(10, 20, 40, 60)]


def test_a_box_one_pixel_over_the_edge_is_cut_there(tmp_path):
    voc_set(tmp_path, {"a": [("with_mask", (80, 50, 101, 81))]})
    reading = read_set(tmp_path)
    assert reading.problems == ()
    assert reading.faces[0].box_xyxy == (80, 50, 100, 80)


def test_yolo_boxes_become_pixels(tmp_path):
    yolo_set(tmp_path, {"train/a": "1 0.5 0.5 0.2 0.5\n\n0 0.1 0.25 0.2 0.5\n", "valid/a": ""})
    reading = read_set(tmp_path)
    assert reading.problems == ()
    assert [face.class_name for face in reading.faces] == ["1", "0"]
    assert reading.faces[0].box_xyxy == pytest.approx((40, 20, 60, 60))
    assert reading.faces[1].box_xyxy == pytest.approx((0, 0, 20, 40))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("1 0.5 0.5 0.2", "line 2 is not 'class x y width height': 1 0.5 0.5 0.2"),
        ("1 0.5 0.5 0.2 0.2 9", "line 2 is not 'class x y width height': 1 0.5 0.5 0.2 0.2 9"),
        ("1 0.5 a 0.2 0.2", "line 2 is not 'class x y width height': 1 0.5 a 0.2 0.2"),
        ("x 0.5 0.5 0.2 0.2", "line 2 is not 'class x y width height': x 0.5 0.5 0.2 0.2"),
        ("1 0.5 inf 0.2 0.2", "line 2 is not 'class x y width height': 1 0.5 inf 0.2 0.2"),
        ("1 50 40 20 20", "line 2: box (4000, 2400, 6000, 4000) reaches outside the 100 x 80"),
        ("1 0.5 0.5 0 0.2", "line 2: box (50, 32, 50, 48) is empty"),
    ],
)
def test_a_wrong_yolo_line_is_named_and_the_others_stay(tmp_path, line, complaint):
    yolo_set(tmp_path, {"train/a": f"0 0.5 0.5 0.2 0.2\n{line}\n1 0.3 0.3 0.2 0.2\n"})
    (problem,) = reasons(tmp_path)
    assert problem.startswith(f"a.txt: {complaint}")
    assert [face.class_name for face in read_set(tmp_path).faces] == ["0", "1"]


def test_pictures_and_annotations_without_each_other_are_named(tmp_path):
    yolo_set(tmp_path, {"train/a": "0 0.5 0.5 0.2 0.2", "train/b": "", "train/c": ""})
    (tmp_path / "train" / "images" / "b.jpg").unlink()
    (tmp_path / "train" / "labels" / "c.txt").unlink()
    assert reasons(tmp_path) == [
        "b.txt: no picture for this annotation (b.txt)",
        "c.jpg: no annotation for this picture",
    ]


@pytest.mark.parametrize("layout", ["voc", "yolo"])
def test_an_unreadable_picture_of_a_box_set_is_named(tmp_path, layout):
    if layout == "voc":
        voc_set(tmp_path, {"a": [FACE], "b": [FACE]})
        broken = tmp_path / "images" / "b.jpg"
    else:
        yolo_set(tmp_path, {"train/a": "0 0.5 0.5 0.2 0.2", "train/b": "0 0.5 0.5 0.2 0.2"})
        broken = tmp_path / "train" / "images" / "b.jpg"
    broken.write_bytes(b"")
    (problem,) = read_set(tmp_path).problems
    assert problem.path == broken
    assert "empty" in problem.reason


@pytest.mark.parametrize(
    ("label", "text", "form"),
    [
        ("notes.xml", "<notes/>", Layout.FOLDERS),
        ("notes.txt", "1 2 3", Layout.FOLDERS),
        ("with_mask/a.txt", "a caption of the picture", Layout.FOLDERS),
        ("notes.json", "{}", Layout.FOLDERS),
        ("with_mask/a.xml", "<annotation/>", Layout.VOC),
        ("Annotations/a.xml", "<annotation/>", Layout.VOC),
        ("with_mask/a.txt", "", Layout.FOLDERS),
        ("notes.txt", "1 2 3 4 5", Layout.FOLDERS),
        ("with_mask/a.txt", "0 .5 .5 .5 .5", Layout.YOLO),
        ("labels/with_mask/a.txt", "", Layout.YOLO),
        ("labels/with_mask/a.txt", "0 .5 .5 .5 .5", Layout.YOLO),
    ],
)
def test_the_form_is_found_out(tmp_path, label, text, form):
    save(tmp_path / "with_mask" / "a.jpg", draw(1))
    (tmp_path / label).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / label).write_text(text)
    try:
        assert read_set(tmp_path).form == form
    except DataError as error:
        assert f"(read as {form})" in str(error)


def test_every_layout_of_the_catalog_has_a_reader():
    assert set(Layout) <= {*READERS, Layout.FOLDERS}


def test_catalog_records_are_consistent():
    for public in PUBLIC_SETS.values():
        assert set(public.counts) <= set(public.classes.values())
        assert set(public.counts) <= set(LABELS)
    assert [name for name, public in PUBLIC_SETS.items() if not public.shippable] == [
        "maskedface-net-500"
    ]
    with pytest.raises(DataError, match=r"^lfw: no public set of that name \(known: kaggle-8982, "):
        public_set("lfw")
