"""Writes the same small set in every form of label file that is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from support.data_factory import draw, save

Box = tuple[float, float, float, float]
Faces = Mapping[str, Sequence[tuple[str, Box]]]
"""The faces of each picture by its stem: class and box in pixels."""

WIDTH, HEIGHT = 100, 80
CLASSES = ("mask_weared_incorrect", "with_mask", "without_mask")


def pictures(folder: Path, stems: Sequence[str] | Faces) -> None:
    """A drawn picture of 100 x 80 pixels for each stem."""
    for number, stem in enumerate(stems):
        save(folder / f"{stem}.jpg", draw(9000 + number, WIDTH, HEIGHT))


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding)
    return path


def voc_beside(root: Path, faces: Faces) -> None:
    """Roboflow's Pascal VOC: the XML beside the picture."""
    pictures(root / "train", faces)
    for stem, listed in faces.items():
        write(root / "train" / f"{stem}.xml", voc_text(f"{stem}.jpg", listed))


def voc_text(name: str, faces: Sequence[tuple[str, Box]], size: Sequence[int] | None = None) -> str:
    width, height = size or (WIDTH, HEIGHT)
    objects = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{box[0]}</xmin><xmax>{box[2]}</xmax>"
        f"<ymin>{box[1]}</ymin><ymax>{box[3]}</ymax></bndbox></object>"
        for label, box in faces
    )
    return (
        f"<annotation><filename>{name}</filename><size><width>{width}</width>"
        f"<height>{height}</height><depth>3</depth></size>{objects}</annotation>"
    )


def yolo_line(label: str, box: Box) -> str:
    left, top, right, bottom = box
    x, y = (left + right) / 2 / WIDTH, (top + bottom) / 2 / HEIGHT
    w, h = (right - left) / WIDTH, (bottom - top) / HEIGHT
    return f"{CLASSES.index(label)} {x:.17g} {y:.17g} {w:.17g} {h:.17g}"


def yolo_text(faces: Sequence[tuple[str, Box]]) -> str:
    return "".join(f"{yolo_line(*face)}\n" for face in faces)


def yolo(root: Path, faces: Faces) -> None:
    """Roboflow's YOLO: parts with images/ and labels/, names in data.yaml."""
    pictures(root / "train" / "images", faces)
    for stem, listed in faces.items():
        write(root / "train" / "labels" / f"{stem}.txt", yolo_text(listed))
    names = ", ".join(f"'{name}'" for name in CLASSES)
    write(root / "data.yaml", f"train: ../train/images\nval: ../valid/images\nnames: [{names}]\n")


def darknet(root: Path, faces: Faces) -> None:
    """darknet and CVAT: text beside the pictures, lists of pictures and of names."""
    pictures(root / "obj_train_data", faces)
    for stem, listed in faces.items():
        write(root / "obj_train_data" / f"{stem}.txt", yolo_text(listed))
    write(root / "obj.names", "\n".join(CLASSES) + "\n")
    write(root / "obj.data", "classes = 3\ntrain = data/train.txt\nnames = data/obj.names\n")
    write(root / "train.txt", "".join(f"data/obj_train_data/{stem}.jpg\n" for stem in faces))


def label_studio_yolo(root: Path, faces: Faces) -> None:
    """Label Studio's YOLO: classes.txt and notes.json."""
    pictures(root / "images", faces)
    for stem, listed in faces.items():
        write(root / "labels" / f"{stem}.txt", yolo_text(listed))
    write(root / "classes.txt", "\n".join(CLASSES) + "\n")
    records = [{"id": number, "name": name} for number, name in enumerate(CLASSES)]
    write(root / "notes.json", json.dumps({"categories": records, "info": {"year": 2026}}))


def yolo_outlines(root: Path, faces: Faces) -> None:
    """YOLO with the four corners of each box in place of it."""
    pictures(root / "JPEGImages", faces)
    for stem, listed in faces.items():
        lines = []
        for label, (left, top, right, bottom) in listed:
            corners = [left, top, right, top, right, bottom, left, bottom]
            shares = [v / (HEIGHT if i % 2 else WIDTH) for i, v in enumerate(corners)]
            lines.append(f"{CLASSES.index(label)}.0 " + " ".join(f"{v:.17g}" for v in shares))
        write(root / "Labels" / f"{stem}.txt", "\n".join(lines))
    write(root / "obj.names", "\n".join(CLASSES))


def coco(root: Path, faces: Faces) -> None:
    """Roboflow's COCO: the file beside the pictures of each part."""
    pictures(root / "train", faces)
    write(root / "train" / "_annotations.coco.json", coco_text(faces, ""))


def label_studio_coco(root: Path, faces: Faces) -> None:
    """Label Studio's COCO: result.json beside images/."""
    pictures(root / "images", faces)
    write(root / "result.json", coco_text(faces, "images/"))


def coco_text(faces: Faces, folder: str) -> str:
    images, marks = [], []
    for number, (stem, listed) in enumerate(faces.items()):
        size = {"width": WIDTH, "height": HEIGHT}
        images.append({"id": number, "file_name": f"{folder}{stem}.jpg", **size})
        for label, (left, top, right, bottom) in listed:
            box = [left, top, right - left, bottom - top]
            kind = CLASSES.index(label) + 1
            marks.append({"id": len(marks), "image_id": number, "category_id": kind, "bbox": box})
    kinds = [{"id": 0, "name": "masks"}]
    kinds += [{"id": number, "name": name} for number, name in enumerate(CLASSES, 1)]
    return json.dumps({"images": images, "categories": kinds, "annotations": marks})


def create_ml(root: Path, faces: Faces) -> None:
    """Roboflow's CreateML."""
    pictures(root / "train", faces)
    items = []
    for stem, listed in faces.items():
        marks = []
        for label, (left, top, right, bottom) in listed:
            place = {"x": (left + right) / 2, "y": (top + bottom) / 2}
            size = {"width": right - left, "height": bottom - top}
            marks.append({"label": label, "coordinates": {**place, **size}})
        items.append({"image": f"{stem}.jpg", "annotations": marks})
    write(root / "train" / "_annotations.createml.json", json.dumps(items))


def cvat(root: Path, faces: Faces) -> None:
    """CVAT for images 1.1."""
    pictures(root / "images", faces)
    items = []
    for number, (stem, listed) in enumerate(faces.items()):
        boxes = "".join(
            f'<box label="{label}" occluded="0" xtl="{box[0]}" ytl="{box[1]}" xbr="{box[2]}" '
            f'ybr="{box[3]}" z_order="0"/>'
            for label, box in listed
        )
        head = f'<image id="{number}" name="{stem}.jpg" width="{WIDTH}" height="{HEIGHT}">'
        items.append(f"{head}{boxes}</image>")
    meta = "<version>1.1</version><meta><task><name>masks</name></task></meta>"
    write(root / "annotations.xml", f"<annotations>{meta}{''.join(items)}</annotations>")


def csv_tensorflow(root: Path, faces: Faces) -> None:
    """TensorFlow's columns, as Roboflow writes them."""
    rows = [
        f"{stem}.jpg,{WIDTH},{HEIGHT},{label},{','.join(map(str, box))}"
        for stem, label, box in _rows(faces)
    ]
    _table(root, faces, ["filename,width,height,class,xmin,ymin,xmax,ymax", *rows])


def csv_retina(root: Path, faces: Faces) -> None:
    """RetinaNet's columns: no header; an empty line of cells where nothing is to be seen."""
    rows = [f"{stem}.jpg,{','.join(map(str, box))},{name}" for stem, name, box in _rows(faces)]
    _table(root, faces, rows + [f"{stem}.jpg,,,,," for stem, listed in faces.items() if not listed])


def csv_vertex(root: Path, faces: Faces) -> None:
    """Google Vertex AI's columns: shares of the picture, no header."""
    rows = []
    for stem, label, (left, top, right, bottom) in _rows(faces):
        corners = [left / WIDTH, top / HEIGHT, right / WIDTH, bottom / HEIGHT]
        a, b, c, d = (f"{value:.17g}" for value in corners)
        rows.append(f"TRAIN,gs://bucket/train/{stem}.jpg,{label},{a},{b},,,{c},{d},,")
    _table(root, faces, rows)


def csv_open_images(root: Path, faces: Faces) -> None:
    """Open Images' columns: shares, the two horizontal ones first, names without suffix."""
    rows = []
    for stem, label, (left, top, right, bottom) in _rows(faces):
        sides = [left / WIDTH, right / WIDTH, top / HEIGHT, bottom / HEIGHT]
        cells = ",".join(f"{value:.17g}" for value in sides)
        rows.append(f"{stem},verification,{label},1,{cells}")
    _table(root, faces, ["ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax", *rows])


def csv_make_sense(root: Path, faces: Faces) -> None:
    """makesense.ai's columns: a corner and a size."""
    rows = [
        f"{label},{left},{top},{right - left},{bottom - top},{stem}.jpg,{WIDTH},{HEIGHT}"
        for stem, label, (left, top, right, bottom) in _rows(faces)
    ]
    _table(root, faces, rows)


def _rows(faces: Faces) -> list[tuple[str, str, Box]]:
    return [(stem, label, box) for stem, listed in faces.items() for label, box in listed]


def _table(root: Path, faces: Faces, rows: Sequence[str]) -> None:
    pictures(root / "train", faces)
    write(root / "train" / "_annotations.csv", "".join(f"{row}\r\n" for row in rows))


FORMS: dict[str, Callable[[Path, Faces], None]] = {
    form.__name__: form
    for form in (
        voc_beside,
        yolo,
        darknet,
        label_studio_yolo,
        yolo_outlines,
        coco,
        label_studio_coco,
        create_ml,
        cvat,
        csv_tensorflow,
        csv_retina,
        csv_vertex,
        csv_open_images,
        csv_make_sense,
    )
}
