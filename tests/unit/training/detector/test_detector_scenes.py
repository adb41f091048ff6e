"""Photos, scenes and targets of the detector's training: nothing held out gets in, boxes fit."""

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch import DataError
from maskwatch.training.data.machine_faces import read_found_faces
from maskwatch.training.data.manifest import BOX, COLUMNS, tidy
from maskwatch.training.detector.photos import Photo, take_photos
from maskwatch.training.detector.scenes import (
    LoadedPhoto,
    Scene,
    SceneMaker,
    load_photos,
    make_targets,
    output_points,
)
from maskwatch.training.recipes.classifier import AugmentRecipe
from maskwatch.training.recipes.detector import DetectorRecipe, SceneRecipe
from maskwatch.vision.detect import decode_faces

NO_FACES = np.empty((0, 4))
NO_LANDMARKS = np.empty((0, 5, 2))


def rows(*entries):
    """Manifest rows from (path, source, group, box or None)."""
    table = pd.DataFrame(
        [
            {
                "image_path": path,
                "label": "mask",
                "source": source,
                "sha256": path,
                "group": group,
                "split": None,
                **dict(zip(BOX, box or (None,) * 4, strict=True)),
            }
            for path, source, group, box in entries
        ],
        columns=list(COLUMNS),
    )
    return tidy(table)


def face(x, y, width, height, score):
    """A found face with its landmarks on a line."""
    return [x, y, width, height, *range(10), score]


def found(**photos):
    return {name: np.array(faces, float).reshape(-1, 15) for name, faces in photos.items()}


BOX_A = (10.0, 10.0, 30.0, 34.0)


def groups_of(is_val):
    """Names of groups that the hash puts into val, or not."""
    from maskwatch.training.detector.photos import _is_val

    return [name for name in (f"g{i}" for i in range(200)) if _is_val(name) == is_val]


def test_held_out_photos_and_their_twins_are_never_trained_on():
    train_group, test_group = groups_of(False)[:2]
    val_group = groups_of(True)[0]
    table = rows(
        ("/d/voc/images/test.jpg", "voc-853", test_group, BOX_A),
        ("/d/voc/images/twin.jpg", "voc-853", test_group, BOX_A),
        ("/d/web/twin.jpg", "faces-binary", test_group, None),
        ("/d/web/twin.jpg", "faces-binary", test_group, BOX_A),
        ("/d/voc/images/val.jpg", "voc-853", val_group, BOX_A),
        ("/d/web/of_val.jpg", "faces-binary", val_group, None),
        ("/d/voc/images/train.jpg", "voc-853", train_group, BOX_A),
        ("/d/web/train.jpg", "faces-binary", train_group, None),
        ("/d/web/nobody.jpg", "faces-binary", train_group, None),
        ("/d/fake/x.jpg", "maskedface-net-500", train_group, None),
    )
    faces = {
        f"{source}/{name}.jpg": np.array([face(1, 2, 20, 20, 0.9)])
        for source, name in [
            ("faces-binary", "twin"),
            ("faces-binary", "of_val"),
            ("faces-binary", "train"),
            ("maskedface-net-500", "x"),  # its licence keeps it out of a release
        ]
    }
    faces["faces-binary/nobody.jpg"] = np.array([face(1, 2, 20, 20, 0.4)])  # only a doubtful one
    parts = take_photos(table, faces, frozenset({"voc-853/images/test.jpg"}))
    assert {part: [p.name for p in photos] for part, photos in parts.items()} == {
        "train": ["voc-853/train.jpg", "faces-binary/train.jpg"],
        "val": ["voc-853/val.jpg"],
        "test": ["voc-853/images/test.jpg"],
    }
    assert [p.is_drawn for p in parts["train"]] == [True, False]


MARKS = [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_faces_that_nobody_drew_are_taught_ignored_or_background_by_how_sure_the_machine_is():
    table = rows(("/d/a.jpg", "voc-853", groups_of(False)[0], BOX_A))
    seen = [
        face(10, 10, 20, 24, 0.9),
        face(60, 60, 100, 100, 0.7),
        face(300, 60, 100, 100, 0.69),
        face(600, 60, 100, 100, 0.44),
    ]
    found = {"voc-853/a.jpg": np.array(seen)}
    # the machine's boxes .08 lower, .09 wider and .06 higher
    (photo,) = take_photos(table, found, frozenset(), (), (0.08, 0.09, 0.06))["train"]
    assert np.allclose(photo.boxes_xyxy, [[9.1, 11.2, 30.9, 36.64], [55.5, 65, 164.5, 171]])
    assert photo.is_placed.tolist() == [True, True]
    assert photo.landmarks_xy.tolist() == [MARKS, MARKS]
    assert np.allclose(photo.ignore_xyxy, [[295.5, 65, 404.5, 171]])


def test_a_drawn_box_that_nobody_can_fit_says_only_that_there_is_a_face():
    table = rows(("/d/a.jpg", "voc-853", groups_of(False)[0], BOX_A))
    (photo,) = take_photos(table, {"voc-853/b.jpg": np.empty((0, 15))}, frozenset())["train"]
    assert photo.boxes_xyxy.tolist() == [list(BOX_A)] and photo.is_placed.tolist() == [False]


def test_test_photos_keep_the_boxes_that_were_drawn():
    table = rows(
        ("/d/a.jpg", "voc-853", "g", BOX_A), ("/d/b.jpg", "voc-853", groups_of(False)[0], BOX_A)
    )
    seen = {"voc-853/a.jpg": np.array([face(12, 12, 20, 24, 0.9), face(60, 60, 9, 9, 0.95)])}
    (photo,) = take_photos(table, seen, frozenset({"voc-853/a.jpg"}))["test"]
    assert photo.boxes_xyxy.tolist() == [list(BOX_A)]
    assert photo.ignore_xyxy.tolist() == [[60, 60, 69, 69]]


def test_sources_left_out_are_in_no_part_nor_are_their_twins():
    kept, twin = groups_of(False)[:2]
    table = rows(
        ("/d/a.jpg", "voc-853", kept, BOX_A),
        ("/d/b.jpg", "voc-853", twin, BOX_A),
        ("/d/c.jpg", "macwin-498", twin, BOX_A),
        ("/d/d.jpg", "macwin-498", groups_of(True)[0], BOX_A),
    )
    parts = take_photos(table, {}, frozenset(), ["macwin-498"])
    assert {part: [photo.name for photo in photos] for part, photos in parts.items()} == {
        "train": ["voc-853/a.jpg"],
        "val": [],
        "test": [],
    }


def test_doubtful_found_faces_are_ignored():
    table = rows(("/d/a.jpg", "faces-binary", groups_of(False)[0], None))
    faces = {"faces-binary/a.jpg": np.array([face(1, 2, 3, 4, 0.6), face(5, 6, 7, 8, 0.59)])}
    (photo,) = take_photos(table, faces, frozenset())["train"]
    assert photo.boxes_xyxy.tolist() == [[1, 2, 4, 6]]
    assert photo.ignore_xyxy.tolist() == [[5, 6, 12, 14]]


def test_a_manifest_without_groups_or_photos_is_refused():
    with pytest.raises(DataError, match="maskwatch data audit"):
        take_photos(rows(("/d/a.jpg", "voc-853", None, BOX_A)), {}, frozenset())
    with pytest.raises(DataError, match="no photo"):
        take_photos(rows(), {}, frozenset())


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"faces": [[1, 2]]}}'])
def test_a_broken_file_of_found_faces_is_named(tmp_path, text):
    path = tmp_path / "faces.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"faces\.json"):
        read_found_faces(path)


def disc_photo(centre=(60.0, 50.0), radius=12.0, is_drawn=True):
    """A black photo with one white disc as its face; the disc fills the box."""
    image = np.zeros((100, 140, 3), np.uint8)
    shift = 4  # sub-pixel drawing
    point = tuple(round((value - 0.5) * 2**shift) for value in centre)
    cv2.circle(image, point, round(radius * 2**shift), (255, 255, 255), -1, cv2.LINE_AA, shift)
    (x, y), r = centre, radius
    box = np.array([[x - r, y - r, x + r, y + r]])
    marks = np.array([[[x - 4, y - 4], [x + 4, y - 4], [x, y], [x - 3, y + 5], [x + 3, y + 5]]])
    photo = Photo(Path("disc.png"), "disc", is_drawn, box, np.array([True]), marks, NO_FACES)
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return LoadedPhoto((image, np.asarray(half, np.uint8)), photo)


def recipe(**scenes):
    return DetectorRecipe(
        name="t",
        scenes=SceneRecipe(mosaic_share=0.0, cutout_share=0.0, **scenes),
        augment=AugmentRecipe(rotation_deg=45, flip=True),
    )


@pytest.mark.parametrize("number", range(24))
def test_the_box_moves_with_the_picture(number):
    scene = SceneMaker([disc_photo()], recipe()).make(192, (0, 0, number))
    assert len(scene.boxes_xyxy) == 1
    left, top, right, bottom = scene.boxes_xyxy[0]
    y, x = np.nonzero(scene.image_rgb.min(axis=2) > 200)  # the surroundings are grey or black
    assert np.allclose(
        [left, top, right, bottom], [x.min(), y.min(), x.max() + 1, y.max() + 1], atol=2
    )


@pytest.mark.parametrize("number", range(12))
def test_right_stays_right_in_a_mirrored_face(number):
    scene = SceneMaker([disc_photo()], recipe()).make(192, (0, 0, number))
    right_eye, left_eye, _, right_mouth, left_mouth = scene.landmarks_xy[0]
    assert right_eye[0] < left_eye[0] and right_mouth[0] < left_mouth[0]  # as on any upright face


def test_some_scenes_show_no_face():
    maker = SceneMaker([disc_photo()], recipe(faceless_share=1.0))
    scenes = [maker.make(64, (0, 0, number)) for number in range(40)]
    shown = [len(scene.boxes_xyxy) for scene in scenes]
    assert 0 in shown and 1 in shown
    for scene, faces in zip(scenes, shown, strict=True):
        if not faces and not len(scene.ignore_xyxy):
            assert scene.image_rgb.min(axis=2).max() < 200  # nor a bit of the white disc


def test_a_scene_depends_on_its_seed_only():
    maker = SceneMaker([disc_photo(), disc_photo(is_drawn=False)], recipe())
    first, again = maker.make(96, (1, 2, 3)), maker.make(96, (1, 2, 3))
    other = maker.make(96, (1, 2, 4))
    assert (first.image_rgb == again.image_rgb).all()
    assert (first.boxes_xyxy == again.boxes_xyxy).all()
    assert not np.array_equal(first.image_rgb, other.image_rgb)


def test_a_mosaic_has_the_faces_of_four_photos_each_in_its_own_tile():
    maker = SceneMaker(
        [disc_photo()],
        DetectorRecipe(name="t", scenes=SceneRecipe(mosaic_share=1.0, cutout_share=0.0)),
    )
    scenes = [maker.make(192, (0, 0, number)) for number in range(8)]
    assert max(len(scene.boxes_xyxy) for scene in scenes) == 4
    for scene in scenes:
        assert (scene.boxes_xyxy >= 0).all() and (scene.boxes_xyxy <= 192).all()


def test_photos_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    photo = Photo(
        tmp_path / "bad.jpg", "bad", True, NO_FACES, np.empty(0, bool), NO_LANDMARKS, NO_FACES
    )
    with pytest.raises(DataError, match=r"bad\.jpg"):
        load_photos([photo])


def test_photos_that_have_changed_are_named(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((80, 80, 3), np.uint8))
    photo = Photo(path, "a", True, NO_FACES, np.empty(0, bool), NO_LANDMARKS, NO_FACES)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(load_photos([photo, replace(photo, sha256=digest)])) == 2
    with pytest.raises(DataError, match=r"1 photos .*a\.png: has changed since the manifest was"):
        load_photos([replace(photo, sha256="0" * 64)])


def scene_of(boxes, ignored=NO_FACES, landmarks=None):
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    marks = np.full((len(boxes), 5, 2), np.nan) if landmarks is None else landmarks
    is_placed = np.ones(len(boxes), bool)
    image = np.zeros((256, 256, 3), np.uint8)
    return Scene(image, boxes, is_placed, marks, np.asarray(ignored, float), np.empty((0, 5)))


def test_without_faces_every_point_is_background():
    assert (make_targets(scene_of([]), output_points(64))[:, 0] == 0).all()


def test_points_in_ignored_boxes_teach_nothing_unless_they_see_a_face():
    targets = make_targets(scene_of([[0, 0, 40, 40]], [[0, 0, 128, 128]]), output_points(256))
    inside = (targets[:, 17] < 128) & (targets[:, 18] < 128)
    assert set(targets[inside, 0]) == {1, -1}
    assert (targets[~inside, 0] == 0).all()


boxes = st.tuples(st.floats(0, 200), st.floats(0, 200), st.floats(7, 250), st.floats(7, 250)).map(
    lambda b: (b[0], b[1], min(b[0] + b[2], 256), min(b[1] + b[3], 256))
)


@given(boxes.filter(lambda b: b[2] - b[0] >= 7 and b[3] - b[1] >= 7))
def test_every_face_has_a_point_of_its_own(box):
    assert (make_targets(scene_of([box]), output_points(256))[:, 0] == 1).any()


def test_of_two_faces_a_point_sees_the_smaller():
    large, small = (40, 40, 104, 104), (60, 60, 84, 84)
    targets = make_targets(scene_of([large, small]), output_points(256))
    near = (np.abs(targets[:, 17:19] - 72) <= 4).all(axis=1) & (targets[:, 19] == 8)
    assert near.any() and (targets[near, 1:5] == small).all()


def test_serving_reads_what_training_teaches():
    """An answer that says exactly what the targets ask decodes to the very faces."""
    landmarks = np.arange(20.0).reshape(2, 5, 2) * 3 + 20
    scene = scene_of([[20, 30, 60, 80], [100, 100, 220, 240]], landmarks=landmarks)
    points = output_points(256)
    targets = make_targets(scene, points)
    middle, stride = points[:, :2], points[:, 2:]
    output = np.zeros((len(points), 15), np.float32)
    output[:, 0] = np.where(targets[:, 0] == 1, 5, -5)
    output[:, 1:3] = ((targets[:, 1:3] + targets[:, 3:5]) / 2 - middle) / stride
    output[:, 3:5] = np.log((targets[:, 3:5] - targets[:, 1:3]) / stride)
    output[:, 5:] = (
        (targets[:, 5:15].reshape(-1, 5, 2) - middle[:, None]) / stride[:, None]
    ).reshape(-1, 10)
    decoded, scores, marks = decode_faces(output, 256, 256, 0.5)
    assert len(scores) == (targets[:, 0] == 1).sum()
    wanted = targets[targets[:, 0] == 1]
    assert np.allclose(decoded, wanted[:, 1:5], atol=1e-3)
    assert np.allclose(marks.reshape(-1, 10), wanted[:, 5:15], atol=1e-3)
