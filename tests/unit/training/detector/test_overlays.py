"""What is drawn over scenes: things stand beside faces, and what is taught of faces stays true."""

from pathlib import Path

import numpy as np
import pytest

from maskwatch.training.detector.hard_places import HardPlaces
from maskwatch.training.detector.overlays import (
    Thing,
    cover_faces,
    lay_thing,
    paint_things,
    veil_faces,
)
from maskwatch.training.detector.photos import Photo
from maskwatch.training.detector.scenes import LoadedPhoto, SceneMaker
from maskwatch.training.recipes.detector import DetectorRecipe, SceneRecipe

NO_FACES = np.empty((0, 4))
FACE = np.array([[60.0, 60.0, 100.0, 110.0]])


@pytest.fixture(scope="module")
def white():
    """A thing that is all white, so that each of its pixels shows."""
    return Thing(np.full((160, 160, 4), 255, np.uint8))


def drawn(thing, boxes, seed, scene_px=192):
    canvas = np.zeros((scene_px, scene_px, 3), np.uint8)
    lay_thing(canvas, boxes, thing, np.random.default_rng(seed))
    return canvas


def test_every_kind_of_thing_is_painted_in_the_middle_and_fades_out():
    things = paint_things(seed=1, count=12)
    for thing in things:
        cover = thing.rgba[..., 3]
        assert cover.shape == (160, 160)
        assert (cover > 127).mean() > 0.03, "there is something"
        assert max(cover[[0, -1]].max(), cover[:, [0, -1]].max()) < 20, "no cut edge"
        assert (thing.rgba[..., :3] <= cover[..., None]).all(), "colour is multiplied by cover"
    pictures = {thing.rgba.tobytes() for thing in things}
    assert len(pictures) == 12


def test_things_depend_on_the_seed_only():
    first, again, other = paint_things(3, 2), paint_things(3, 2), paint_things(4, 2)
    assert all((a.rgba == b.rgba).all() for a, b in zip(first, again, strict=True))
    assert (first[0].rgba != other[0].rgba).any()


@pytest.mark.parametrize("seed", range(30))
def test_a_thing_stands_beside_the_face_and_not_before_it(white, seed):
    canvas = drawn(white, FACE, seed)
    (left, top, right, bottom) = FACE[0].astype(int)
    assert (canvas[top:bottom, left:right] > 0).mean() <= 0.02
    assert canvas.shape == (192, 192, 3)


def test_most_scenes_get_their_thing_and_it_is_as_large_as_beside_that_face(white):
    areas = [(drawn(white, FACE, seed)[..., 0] > 0).sum() for seed in range(30)]
    assert sum(area > 0 for area in areas) >= 20
    assert max(areas) <= (50 * 4.4 / 2.8 * 1.4 + 2) ** 2


def test_without_faces_a_thing_stands_anywhere(white):
    assert any(drawn(white, NO_FACES, seed).any() for seed in range(5))


@pytest.mark.parametrize("seed", range(10))
def test_where_a_face_fills_the_scene_hardly_more_than_a_corner_is_drawn(white, seed):
    canvas = drawn(white, np.array([[0.0, 0, 64, 64]]), seed, 64)
    assert (canvas > 0).mean() <= 0.02


def test_a_patch_covers_mouth_or_eyes_of_faces_with_landmarks_only():
    face = np.array([[[70.0, 75], [90, 75], [80, 85], [72, 98], [88, 98]]])
    image = np.zeros((192, 192, 3), np.uint8)
    cover_faces(image, FACE, np.full((1, 5, 2), np.nan), 1.0, np.random.default_rng(0))
    cover_faces(image, FACE, face, 0.0, np.random.default_rng(0))
    assert not image.any()
    cover_faces(image, FACE, face, 1.0, np.random.default_rng(0))
    rows, columns = image.any(axis=2).nonzero()
    assert len(rows) and columns.min() >= 50 and columns.max() <= 110
    assert rows.min() >= 60 and rows.max() <= 115


def test_a_scene_with_a_thing_teaches_the_same_faces(white, disc_photo):
    def maker(share, things):
        recipe = DetectorRecipe(
            name="t", scenes=SceneRecipe(mosaic_share=0.0, cutout_share=0.0, things_share=share)
        )
        return SceneMaker([disc_photo], recipe, HardPlaces(), things)

    plain, laden = maker(0.0, ()), maker(1.0, [white])
    changed = 0
    for number in range(10):
        without, with_thing = (made.make(128, (0, 0, number)) for made in (plain, laden))
        assert (without.boxes_xyxy == with_thing.boxes_xyxy).all()
        assert (without.ignore_xyxy == with_thing.ignore_xyxy).all()
        changed += not np.array_equal(without.image_rgb, with_thing.image_rgb)
    assert changed >= 5


@pytest.fixture
def disc_photo(tmp_path):
    """A grey photo with one bright face."""
    image = np.full((200, 240, 3), 60, np.uint8)
    image[80:120, 100:132] = 190
    box = np.array([[100.0, 80, 132, 120]])
    marks = np.array([[[108.0, 92], [124, 92], [116, 100], [110, 110], [122, 110]]])
    photo = Photo(tmp_path / "face.png", "face", True, box, np.array([True]), marks, NO_FACES)
    return LoadedPhoto((image,), photo)


EYES, NOSE, MOUTH = ((72.0, 78.0), (88.0, 78.0)), (80.0, 86.0), ((74.0, 96.0), (86.0, 96.0))
MARKS = np.array([[*EYES, NOSE, *MOUTH]])


def veiled(seed, boxes=FACE, marks=MARKS, share=1.0):
    image = np.full((192, 192, 3), 200, np.uint8)
    worn = veil_faces(image, boxes, marks, share, np.random.default_rng(seed))
    return image.mean(axis=2) != 200, worn


@pytest.mark.parametrize("seed", range(12))
def test_a_veil_hides_the_mouth_and_leaves_the_eyes(seed):
    cloth, worn = veiled(seed)
    assert worn.tolist() == [True]
    assert cloth[92:100, 72:88].all(), "mouth"
    assert cloth[102, 76:84].all(), "chin"
    assert not cloth[78, 76:84].any(), "between the eyes"


def test_some_veils_hide_the_hair_and_some_do_not():
    crowns = [veiled(seed)[0][58:62, 78:82].all() for seed in range(20)]
    assert 8 <= sum(crowns) < 20


def test_a_veil_is_turned_with_its_face():
    middle = np.array([96.0, 96.0])
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])  # a quarter
    marks = (MARKS - middle) @ turn.T + middle
    mouth = marks[0, 3:].mean(axis=0).round().astype(int)
    eyes = marks[0, :2].mean(axis=0).round().astype(int)
    cloth, _ = veiled(0, marks=marks)
    assert cloth[mouth[1], mouth[0]] and not cloth[eyes[1], eyes[0]]


@pytest.mark.parametrize(
    ("boxes", "marks", "share"),
    [
        (FACE, MARKS, 0.0),
        (NO_FACES, np.empty((0, 5, 2)), 1.0),
        (FACE, np.full((1, 5, 2), np.nan), 1.0),
        (FACE, 80 + (MARKS - 80) / 8, 1.0),  # the eyes are three pixels above the mouth
    ],
    ids=["nobody", "no faces", "no landmarks", "too small"],
)
def test_who_cannot_be_veiled_stays_as_they_are(boxes, marks, share):
    cloth, worn = veiled(0, boxes, marks, share)
    assert not cloth.any() and worn.tolist() == [False] * len(boxes)


def test_nobodys_veil_hides_somebody_else():
    below = FACE + np.array([0, 55, 0, 55])
    both = np.concatenate([FACE, below])
    marks = np.concatenate([MARKS, np.full((1, 5, 2), np.nan)])
    hooded = next(seed for seed in range(20) if veiled(seed)[0][58:62, 78:82].all())
    cloth, worn = veiled(hooded, both, marks)
    assert worn.tolist() == [False, False] and not cloth.any()


def test_scenes_of_recipes_without_veils_stay_as_they_were():
    photo = LoadedPhoto(
        (np.full((192, 192, 3), 200, np.uint8),),
        Photo(Path("a.jpg"), "a", True, FACE, np.array([True]), MARKS, NO_FACES),
    )
    plain, with_veils = (
        SceneMaker([photo], DetectorRecipe("x", scenes=SceneRecipe(veiled_share=share)))
        for share in (0.0, 1.0)
    )
    scenes = [(plain.make(128, (0, 0, n)), with_veils.make(128, (0, 0, n))) for n in range(8)]
    assert all((a.boxes_xyxy == b.boxes_xyxy).all() for a, b in scenes)  # a veiled face is one
    assert any((a.image_rgb != b.image_rgb).any() for a, b in scenes)
