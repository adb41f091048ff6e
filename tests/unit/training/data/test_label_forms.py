"""Every form of label file gives the same faces, in any encoding, and tells what it cannot read.

Run: pytest tests/unit/training/data/test_label_forms.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.data_factory import draw, save
from support.label_factory import (
    CLASSES,
    FORMS,
    HEIGHT,
    WIDTH,
    Faces,
    coco_text,
    pictures,
    voc_text,
    write,
    yolo_text,
)

from maskwatch.errors import DataError
from maskwatch.training.data.collect import class_map, collect
from maskwatch.training.data.readers import read_set

FACES = {
    "a": [("with_mask", (10.0, 20.0, 40.0, 60.0)), ("without_mask", (50.0, 10.0, 90.0, 70.0))],
    "b_jpg.rf.1f": [("mask_weared_incorrect", (0.0, 0.0, 100.0, 80.0))],
}
LABEL_SUFFIXES = {".txt", ".xml", ".json", ".csv", ".yaml", ".names"}


Found = list[tuple[str, str, tuple[float, ...] | None]]


def found(folder: Path) -> Found:
    """Each face as stem, class and box, in order."""
    faces = read_set(folder).faces
    return sorted((face.image_path.stem, face.class_name, face.box_xyxy) for face in faces)


def assert_same(found: Found, faces: Faces) -> None:
    expected = sorted((stem, *face) for stem, listed in faces.items() for face in listed)
    assert [face[:2] for face in found] == [face[:2] for face in expected]
    for (_, _, box), (_, _, drawn) in zip(found, expected, strict=True):
        assert box == pytest.approx(drawn, abs=1e-6)


def reasons(folder: Path) -> list[str]:
    return [f"{item.path.name}: {item.reason}" for item in read_set(folder).problems]


def label_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix in LABEL_SUFFIXES]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_faces(tmp_path, form):
    FORMS[form](tmp_path, FACES)
    assert_same(found(tmp_path), FACES)
    assert reasons(tmp_path) == []
    assert read_set(tmp_path).notes == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("form", FORMS)
def test_any_encoding_of_any_form_is_read(tmp_path, form, encoding):
    FORMS[form](tmp_path, FACES)
    for path in label_files(tmp_path):
        text = path.read_bytes().decode()
        path.write_bytes(text.encode(encoding))
    assert_same(found(tmp_path), FACES)


@pytest.mark.parametrize("form", FORMS)
def test_without_a_face_a_form_is_one_clear_error(tmp_path, form):
    FORMS[form](tmp_path, {"a": []})
    with pytest.raises(DataError, match=r"no labelled picture in it|unknown classes"):
        collect({"mine": tmp_path})


@pytest.mark.parametrize("form", FORMS)
def test_an_emptied_label_file_is_one_clear_error(tmp_path, form):
    FORMS[form](tmp_path, FACES)
    for path in label_files(tmp_path):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no labelled picture in it|unknown classes") as caught:
        collect({"mine": tmp_path})
    assert "\n" not in str(caught.value)


@st.composite
def boxes(draw_from):
    """A box inside of the picture, at least a thousandth of a pixel wide and high."""
    left = draw_from(st.floats(0, WIDTH - 1))
    top = draw_from(st.floats(0, HEIGHT - 1))
    right = draw_from(st.floats(max(left + 1e-3, 2), WIDTH))  # not taken for shares
    bottom = draw_from(st.floats(max(top + 1e-3, 2), HEIGHT))
    return left, top, right, bottom


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=10)
@given(faces=st.lists(st.tuples(st.sampled_from(CLASSES), boxes()), min_size=1, max_size=4))
def test_boxes_survive_the_way_through_each_form(form, faces):
    with tempfile.TemporaryDirectory() as folder:
        FORMS[form](Path(folder), {"a": faces})
        assert_same(found(Path(folder)), {"a": faces})


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.json", "{", None),  # not named like labels, so nobody's business
        ("_annotations.coco.json", '{"images": [', "broken JSON (Expecting value: line 1"),
        ("_annotations.coco.json", "[" * 100_000, "broken JSON ("),
        ("annotations.xml", "<annotations><image", "broken XML (unclosed token: line 1"),
        ("annotations.xml", "<annotations><track/></annotations>", "labels of a film; export them"),
        ("a.xml", "<annotation>", "broken XML (no element found"),
    ],
)
def test_a_broken_label_file_is_named_where_no_other_is_found(tmp_path, name, text, complaint):
    save(tmp_path / "with_mask" / "a.jpg", draw(1))
    write(tmp_path / "with_mask" / name, text)
    (reason,) = reasons(tmp_path)
    assert reason.startswith(f"{name}: {complaint or 'not the file name of a picture'}")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"bbox": [1, 2, 3]}, "annotation 0 lacks a listed category or four numbers"),
        ({"bbox": [1, "x", 3, 4]}, "annotation 0 lacks a listed category or four numbers"),
        ({"bbox": [1, 1e999, 3, 4]}, "annotation 0 lacks a listed category or four numbers"),
        ({"bbox": []}, "annotation 0 lacks a listed category or four numbers"),
        ({"category_id": 9}, "annotation 0 lacks a listed category or four numbers"),
        ({"image_id": 9}, "1 annotations of image 9, which is not listed"),
        ({"iscrowd": 1}, "annotation 0 is a crowd, not a face"),
        ({"bbox": [1, 2, 0, 4]}, "annotation 0: box (1, 2, 1, 6) is empty"),
        ({"bbox": [1, 2, 300, 4]}, "annotation 0: box (1, 2, 301, 6) reaches outside the 100"),
    ],
)
def test_a_wrong_coco_entry_is_named_and_the_others_stay(tmp_path, change, complaint):
    pictures(tmp_path, FACES)
    content = json.loads(coco_text(FACES, ""))
    content["annotations"][0] |= change
    write(tmp_path / "labels.json", json.dumps(content))
    (reason,) = reasons(tmp_path)
    assert reason.startswith(f"labels.json: {complaint}")
    assert len(found(tmp_path)) == 2


@pytest.mark.parametrize("kind", ["coco", "create_ml", "cvat"])
def test_a_picture_that_stands_twice_in_a_file_is_not_counted_twice(tmp_path, kind):
    FORMS[kind](tmp_path, {"a": FACES["a"]})
    (path,) = label_files(tmp_path)
    text = path.read_text()
    if kind == "cvat":
        path.write_text(text.replace("</annotations>", text[text.index("<image") :]))
    else:
        content = json.loads(text)
        images = content["images"] if kind == "coco" else content
        images += [{**images[0], "id": 7}]
        path.write_text(json.dumps(content))
    assert_same(found(tmp_path), {"a": FACES["a"]})
    assert [reason.partition(": ")[2] for reason in reasons(tmp_path)] == [
        f"a.jpg is labelled before, in {path.relative_to(tmp_path).as_posix()}"
    ]


def test_an_outline_without_a_box_gives_the_box_around_it(tmp_path):
    pictures(tmp_path, "a")
    content = json.loads(coco_text({"a": FACES["a"][:1]}, ""))
    del content["annotations"][0]["bbox"]
    content["annotations"][0]["segmentation"] = [[10, 20, 40, 25, 30, 60]]
    write(tmp_path / "labels.json", json.dumps(content))
    assert [box for _, _, box in found(tmp_path)] == [(10, 20, 40, 60)]


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ('<polygon label="x" points="10,20;40,25;30,60"/>', (10, 20, 40, 60)),
        ('<mask label="x" left="10" top="20" width="30" height="40" rle="1"/>', (10, 20, 40, 60)),
        ('<box label="x" xtl="20" ytl="30" xbr="40" ybr="40" rotation="90"/>', (25, 25, 35, 45)),
        ('<tag label="x"/>', None),
        ('<box label="" xtl="1" ytl="2" xbr="3" ybr="4"/>', "lacks a label or the numbers"),
        ('<polyline label="x" points="1,2;3,4"/>', "lacks a label or the numbers"),
    ],
)
def test_shapes_of_cvat(tmp_path, shape, box):
    pictures(tmp_path, "a")
    other = '<box label="y" xtl="1" ytl="2" xbr="3" ybr="4"/>'
    image = f'<image name="a.jpg" width="100" height="80">{shape}{other}</image>'
    write(tmp_path / "annotations.xml", f"<annotations>{image}</annotations>")
    faces = {face.class_name: face.box_xyxy for face in read_set(tmp_path).faces}
    assert faces.pop("y") == (1, 2, 3, 4)
    if isinstance(box, str):
        assert box in reasons(tmp_path)[0]
    else:
        assert faces.get("x") == (pytest.approx(box) if box else None)


@pytest.mark.parametrize(
    ("line", "box"),
    [
        ("1 0.5 0.5 0.2 0.5", (40, 20, 60, 60)),
        ("1.0 0.5 0.5 0.2 0.5", (40, 20, 60, 60)),
        ("1 0.5 0.5 0.2 0.5 0.87", (40, 20, 60, 60)),
        ("1 0.1 0.25 0.3 0.25 0.3 0.5", (10, 20, 30, 40)),
        ("1 0.1 0.25 0.3 0.25 0.3 0.5 0.9", (10, 20, 30, 40)),
        ("1 0.5 0.5 0.2 0.5 1.5", None),
        ("1.5 0.5 0.5 0.2 0.5", None),
        ("-1 0.5 0.5 0.2 0.5", None),
        ("1 0.5 0.5", None),
    ],
)
def test_lines_of_yolo(tmp_path, line, box):
    pictures(tmp_path / "images", "ab")
    write(tmp_path / "labels" / "a.txt", line)
    write(tmp_path / "labels" / "b.txt", "0 0.5 0.5 0.5 0.5")
    faces = [face for face in read_set(tmp_path).faces if face.image_path.stem == "a"]
    assert [face.box_xyxy for face in faces] == ([pytest.approx(box)] if box else [])
    assert bool(reasons(tmp_path)) != bool(box)


def test_keypoints_after_a_box_are_no_outline(tmp_path):
    landmarks = " ".join(["0.45 0.4"] * 5)
    pictures(tmp_path / "images", "a")
    write(tmp_path / "labels" / "a.txt", f"0 0.5 0.5 0.2 0.5 {landmarks}")
    write(tmp_path / "data.yaml", "kpt_shape: [5, 2]\nnames: {0: with_mask}\n")
    assert found(tmp_path) == [("a", "with_mask", pytest.approx((40, 20, 60, 60)))]


FRONTAL = "0.43 0.4 0.57 0.4 0.5 0.5 0.45 0.62 0.55 0.62"
PROFILE = "0.42 0.4 0.46 0.4 0.41 0.5 0.42 0.62 0.45 0.62"
OUTLINE = "0.46 0.5 0.47 0.46 0.5 0.45 0.53 0.46 0.54 0.5 0.52 0.55 0.48 0.55"
"""As many numbers as five keypoints behind a box; the first four are a box around the others."""


@pytest.mark.parametrize(
    ("lines", "shape"),
    [
        ([f"0.5 0.5 0.2 0.5 {FRONTAL}"], "[5, 2]"),
        ([f"0.5 0.5 0.2 0.5 {FRONTAL} 0.9"], "[5, 2]"),
        ([f"0.5 0.5 0.2 0.5 {FRONTAL}", f"0.5 0.5 0.2 0.5 {PROFILE}"], "[5, 2]"),
        ([f"0.5 0.5 0.2 0.5 {'-1 ' * 10}"], "[5, 2]"),
        (["0.5 0.5 0.2 0.5 " + "0.45 0.4 2 " * 4 + "0 0 0"], "[5, 3]"),
    ],
)
def test_keypoints_that_nothing_tells_of_are_named(tmp_path, lines, shape):
    pictures(tmp_path / "images", "ab")
    write(tmp_path / "labels" / "a.txt", "\n".join(f"0 {line}" for line in lines))
    write(tmp_path / "labels" / "b.txt", "0 0.5 0.5 0.5 0.5")
    assert [face.image_path.stem for face in read_set(tmp_path).faces] == ["b"]
    told = reasons(tmp_path)
    assert len(told) == len(lines)
    assert all(f"add `kpt_shape: {shape}` to the `names` in data.yaml" in line for line in told)
    write(tmp_path / "data.yaml", f"kpt_shape: {shape}\nnames: {{0: with_mask}}\n")
    boxes = [box for stem, _, box in found(tmp_path) if stem == "a"]
    assert boxes == [pytest.approx((40, 20, 60, 60))] * len(lines)


@pytest.mark.parametrize("turns", range(7))
@pytest.mark.parametrize("order", [1, -1])
def test_an_outline_of_as_many_numbers_stays_one(tmp_path, turns, order):
    points = list(zip(*[iter(OUTLINE.split())] * 2, strict=True))[::order]
    line = " ".join(" ".join(point) for point in points[turns:] + points[:turns])
    pictures(tmp_path / "images", "a")
    write(tmp_path / "labels" / "a.txt", f"0 {line}")
    assert found(tmp_path) == [("a", "0", pytest.approx((46, 36, 54, 44)))]
    assert reasons(tmp_path) == []


@pytest.mark.parametrize(
    ("files", "name", "problems"),
    [
        ({}, "1", 0),
        ({"classes.txt": "x\nwith_mask\n"}, "with_mask", 0),
        ({"labels/classes.txt": "x\nwith_mask\n"}, "with_mask", 0),
        ({"data/obj.names": "x\nwith_mask"}, "with_mask", 0),
        ({"data.yaml": "names: [x, with_mask]"}, "with_mask", 0),
        ({"data.yaml": "names:\n  0: x\n  1: with_mask\n"}, "with_mask", 0),
        ({"data.yaml": "names: [yes, no]"}, "no", 0),
        ({"data.yaml": "names: {0: on, 1: off}"}, "off", 0),
        ({"data.yaml": "names: [x]"}, "1", 0),
        ({"data.yaml": "names: [x, null]"}, "1", 0),  # "None" would stand for no mask
        ({"data.yaml": "names: {0: x, 1: ''}"}, "1", 0),
        ({"data.yaml": "names: [x"}, "1", 0),
        ({"data.yaml": "a: *b"}, "1", 0),
        ({"notes.json": '{"categories": [{"id": 1, "name": "with_mask"}]}'}, "with_mask", 0),
        ({"classes.txt": "x\ny", "data.yaml": "names: [x, y]"}, "y", 0),
        ({"classes.txt": "x\ny", "data.yaml": "names: [y, x]"}, "1", 1),
        ({"classes.txt": "x\ny", "labels/classes.txt": "x\nz"}, "z", 0),
    ],
)
def test_names_of_yolo_classes(tmp_path, files, name, problems):
    pictures(tmp_path / "images", "a")
    write(tmp_path / "labels" / "a.txt", "1 0.5 0.5 0.5 0.5")
    for path, text in files.items():
        write(tmp_path / path, text)
    (face,) = read_set(tmp_path).faces
    assert (face.class_name, face.class_id) == (name, "1")
    assert len(reasons(tmp_path)) == problems


def test_a_class_of_yolo_is_mapped_by_its_number_or_its_name(tmp_path):
    pictures(tmp_path / "images", "a")
    write(tmp_path / "labels" / "a.txt", yolo_text(FACES["a"]))
    write(tmp_path / "classes.txt", "one\ntwo\nthree")
    for classes in ({"1": "mask", "2": "no_mask"}, {"two": "mask", "three": "no_mask"}):
        collection = collect({"mine": tmp_path}, classes)
        assert list(collection.table["label"]) == ["mask", "no_mask"]
        assert collection.classes == ("mine: YOLO boxes; three (2) = no_mask, two (1) = mask",)
    with pytest.raises(DataError, match=r"unknown classes three, two \(2 of 2 faces, .*; map each"):
        collect({"mine": tmp_path})


@pytest.mark.parametrize(
    ("rows", "boxes", "complaint"),
    [
        (["name,x1,x2,y1,y2,classname", "a.jpg,1,9,2,8,x"], [(1, 2, 9, 8)], None),
        (["Image Path;Label;Left;Top;Right;Bottom", "a.jpg;x;1;2;9;8"], [(1, 2, 9, 8)], None),
        (["image;label;left;top;right;bottom", "a.jpg;x;1,5;2;9;8,25"], [(1.5, 2, 9, 8.25)], None),
        (["a.jpg,1,2,9,8,x", "a.jpg,3,4,9,8,"], [(1, 2, 9, 8)], "line 2 lacks a class or"),
        (["a.jpg,1,2,9,8,x", "", "a.jpg,3,4,9,8,"], [(1, 2, 9, 8)], "line 3 lacks a class or"),
        (["a.jpg,1,2,9,8,x", "a.jpg,3,4,9,x,x"], [(1, 2, 9, 8)], "line 2 lacks a class or"),
        (["a.jpg,1,2,9,8,x", "a.jpg,3"], [(1, 2, 9, 8)], "line 2 has too few cells: a.jpg,3"),
        (["a.jpg,1,2,9,8,x", "b.jpg,1,2,9,8,x"], [(1, 2, 9, 8)], "no picture for this annotation"),
        (["a.jpg,1,2,9,8,x", "a.jpg,9,2,1,8,x"], [(1, 2, 9, 8)], "line 2: box (9, 2, 1, 8) is emp"),
        (
            [
                "filename,width,height,class,xmin,ymin,xmax,ymax",
                "a.jpg,100,80,x,1,2,9,8",
                "a.jpg,90,80,x,3,4,9,8",
            ],
            [(1, 2, 9, 8)],
            "line 3 gives a.jpg another size",
        ),
        (["filename,class,xmin,ymin,xmax,ymax", '"a.jpg","x",1,2,9,8'], [(1, 2, 9, 8)], None),
        (["filename,x,y,width,height,class", "a.jpg,1,2,8,6,x"], [(1, 2, 9, 8)], None),
        (["filename,x,y,w,h,width,height,class", "a.jpg,1,2,8,6,100,80,x"], [(1, 2, 9, 8)], None),
        (
            ["file,x,y,width,height,image_width,image_height,label", "a.jpg,2,4,16,12,200,160,x"],
            [(1, 2, 9, 8)],
            None,
        ),
    ],
)
def test_tables(tmp_path, rows, boxes, complaint):
    pictures(tmp_path, "a")
    write(tmp_path / "boxes.csv", "\n".join(rows))
    assert [face.box_xyxy for face in read_set(tmp_path).faces] == boxes
    assert [complaint in reason for reason in reasons(tmp_path)] == ([True] if complaint else [])


def test_a_table_without_boxes_leaves_the_folders_as_they_are(tmp_path):
    save(tmp_path / "with_mask" / "a.jpg", draw(1))
    write(tmp_path / "list.csv", "filename,label\na.jpg,with_mask\n")
    assert found(tmp_path) == [("a", "with_mask", None)]


@pytest.mark.parametrize(
    "header", ["filename,x,y,width,class", "filename,x_center,y_center,width,height", "file,bbox"]
)
def test_a_table_of_boxes_in_unknown_columns_is_named(tmp_path, header):
    save(tmp_path / "with_mask" / "a.jpg", draw(1))
    write(tmp_path / "list.csv", f"{header}\na.jpg,1,2,3,4,5\n")
    assert found(tmp_path) == [("a", "with_mask", None)]
    columns = header.replace(",", ", ")
    assert reasons(tmp_path) == [f"list.csv: a table whose columns are not understood: {columns}"]


def test_the_form_that_is_left_aside_is_told(tmp_path):
    FORMS["voc_beside"](tmp_path, {"a": FACES["a"]})
    write(tmp_path / "train" / "a.txt", yolo_text(FACES["a"]))
    assert_same(found(tmp_path), {"a": FACES["a"]})
    assert read_set(tmp_path).notes == ("read as Pascal VOC boxes; YOLO boxes are left aside",)


def test_the_box_of_an_outline_in_voc(tmp_path):
    pictures(tmp_path, "a")
    outline = (
        "<polygon><x1>10</x1><y1>20</y1><x2>40</x2><y2>25</y2><x3>30</x3><y3>60</y3></polygon>"
    )
    item = f"<object><name>x</name>{outline}</object>"
    write(tmp_path / "a.xml", voc_text("a.jpg", []).replace("</ann", f"{item}</ann"))
    assert found(tmp_path) == [("a", "x", (10, 20, 40, 60))]


@pytest.mark.parametrize("edge", [1.0, 1.002])
def test_shares_in_a_table_may_reach_over_the_edge_by_rounding(tmp_path, edge):
    pictures(tmp_path, "ab")
    rows = (f"a.jpg,mask,0.1,0.25,0.5,{edge}", "b.jpg,mask,0.2,0.5,0.4,0.75")
    write(tmp_path / "t.csv", "\n".join(("filename,class,xmin,ymin,xmax,ymax", *rows)))
    assert_same(
        found(tmp_path),
        {"a": [("mask", (10, 20, 50, 80))], "b": [("mask", (20, 40, 40, 60))]},
    )


def test_one_stray_class_is_shown_where_it_is_and_can_be_left_out(tmp_path):
    pictures(tmp_path / "images", "a")
    pictures(tmp_path / "images", "b")
    write(tmp_path / "labels" / "a.txt", "0 0.5 0.5 0.5 0.5\n7 0.2 0.2 0.1 0.1\n")
    write(tmp_path / "labels" / "b.txt", "1 0.5 0.5 0.5 0.5\n")
    write(tmp_path / "classes.txt", "with_mask\nwithout_mask")
    with pytest.raises(DataError, match=r"classes 7 \(1 of 3 faces, first: images/a\.jpg\).*drop"):
        collect({"mine": tmp_path})
    collection = collect({"mine": tmp_path}, class_map(["7=drop"]))
    assert list(collection.table["label"]) == ["mask", "no_mask"]
    assert collection.notes == (f"{tmp_path}: left out, as --class says: 1 of 3 faces",)
    assert "7 = drop" in collection.classes[0]
