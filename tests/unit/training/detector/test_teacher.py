"""What a teacher says of scenes seen upright comes back to where it was."""

import numpy as np
import pytest

from maskwatch.training.detector.photos import Photo
from maskwatch.training.detector.scenes import LoadedPhoto, Scene, SceneMaker, output_points
from maskwatch.training.detector.teacher import Teacher, seen_upright
from maskwatch.training.recipes.classifier import AugmentRecipe
from maskwatch.training.recipes.detector import DetectorRecipe, SceneRecipe

SIDE_PX = 128
POINTS = output_points(SIDE_PX)


class Light(Teacher):
    """Scores how bright each point is; only in scenes turned back if it is blind to others."""

    def __init__(self, is_blind_at_first=False):
        self.asked = []
        self._is_blind_at_first = is_blind_at_first

    def scores(self, images):
        self.asked.append(images)
        x, y = POINTS[:, :2].astype(int).T
        light = images[:, y, x, 0].astype(np.float32) / 255
        return light * (len(self.asked) > 1 or not self._is_blind_at_first)


def scene(tiles):
    """Brighter to the right and below."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    image = (50 + (x + y) / 2).astype(np.uint8)[..., None].repeat(3, axis=2)
    none = np.empty((0, 4))
    tiles = np.asarray(tiles, float).reshape(-1, 5)
    return Scene(image, none, np.empty(0, bool), np.empty((0, 5, 2)), none, tiles)


TILES = {
    "none": [],
    "as it is": [[0, 0, 128, 128, 0]],
    "clockwise": [[0, 0, 128, 128, 40]],
    "the other way": [[0, 0, 128, 128, -70]],
    "four": [
        [0, 0, 50, 70, 30],
        [50, 0, 128, 70, -45],
        [0, 70, 50, 128, 0],
        [50, 70, 128, 128, 50],
    ],
}


@pytest.mark.parametrize("tiles", TILES.values(), ids=TILES)
def test_scores_of_what_is_turned_back_lie_where_it_lay(tiles):
    drawn = scene(tiles)
    as_it_is = Light().scores(drawn.image_rgb[None])[0]
    turned = seen_upright(Light(is_blind_at_first=True), [drawn])[0]
    stays = np.zeros(len(POINTS), bool)
    for left, top, right, bottom, _ in tiles:
        off_px = np.hypot(*(POINTS[:, :2] - ((left + right) / 2, (top + bottom) / 2)).T)
        stays |= off_px < min(right - left, bottom - top) / 2 - POINTS[:, 2]
    # the nearest cell's middle is up to half a stride away, across and down
    assert (np.abs(turned - as_it_is)[stays] <= (POINTS[stays, 2] / 2 + 2) / 255).all()
    assert stays.any() == turned.any() == bool(tiles)


def test_the_larger_of_both_scores_counts():
    drawn = scene(TILES["clockwise"])
    as_it_is = Light().scores(drawn.image_rgb[None])
    assert (seen_upright(Light(), [drawn]) >= as_it_is).all()


@pytest.mark.parametrize("mosaic_share", [0.0, 1.0])
def test_a_scene_knows_how_its_photos_are_turned(mosaic_share):
    faces = np.array([[80.0, 80, 120, 120]])
    landmarks = np.array([[[90.0, 95], [110, 95], [100, 105], [92, 112], [108, 112]]])
    photo = Photo(None, "p", True, faces, np.ones(1, bool), landmarks, np.empty((0, 4)))
    maker = SceneMaker(
        [LoadedPhoto((np.full((200, 200, 3), 90, np.uint8),), photo)],
        DetectorRecipe(
            name="t",
            scenes=SceneRecipe(mosaic_share=mosaic_share, turned_share=1.0),
            augment=AugmentRecipe(rotation_deg=50, flip=True),
        ),
    )
    turns = []
    for number in range(16):
        scene = maker.make(SIDE_PX, (0, 0, number))
        for (left_eye, right_eye, *_), box in zip(
            scene.landmarks_xy, scene.boxes_xyxy, strict=True
        ):
            across, down = right_eye - left_eye
            middle = (box[:2] + box[2:]) / 2
            inside = (scene.tiles[:, :2] <= middle) & (middle < scene.tiles[:, 2:4])
            (tile,) = scene.tiles[inside.all(axis=1)]
            turns.append((np.rad2deg(np.arctan2(down, across)), tile[4]))
    eyes_deg, tiles_deg = np.array(turns).T
    assert np.allclose(eyes_deg, tiles_deg, atol=1e-6)
    assert eyes_deg.min() < -20 and eyes_deg.max() > 20
