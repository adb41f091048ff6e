"""What a detector is wrong about or doubts, and that scenes show it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from maskwatch.schema import Face, FaceOrigin, ImageRGB
from maskwatch.training.detector.hard_places import (
    MOST_A_PHOTO,
    HardPlaces,
    find_hard_places,
    read_hard_places,
    write_hard_places,
)
from maskwatch.training.detector.photos import Photo
from maskwatch.training.detector.scenes import LoadedPhoto, SceneMaker
from maskwatch.training.recipes.detector import DetectorRecipe, SceneRecipe

FACE, DOUBTED, WHEEL = (10.0, 10.0, 30.0, 30.0), (40.0, 10.0, 60.0, 30.0), (70.0, 50.0, 90.0, 70.0)


@dataclass(frozen=True)
class Says:
    """A detector that says the same of each picture."""

    faces: tuple[tuple[tuple[float, ...], float], ...]
    origin = FaceOrigin.DETECTED

    def detect(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        return tuple(Face(box_xyxy=box, detection_score=score) for box, score in self.faces)


@pytest.fixture
def photo(tmp_path: Path) -> Photo:
    path = tmp_path / "street.png"
    Image.new("RGB", (100, 80)).save(path)
    landmarks = np.full((1, 5, 2), np.nan)
    return Photo(
        path, "street", True, np.array([FACE]), np.array([True]), landmarks, np.array([DOUBTED])
    )


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((), 0),
        (((FACE, 0.5),), 0),
        ((((20.0, 12.0, 40.0, 32.0), 0.5),), 0),  # the face, badly placed
        (((DOUBTED, 0.5),), 0),
        (((WHEEL, 0.1),), 0),  # nobody believes it
        (((WHEEL, 0.9),), 0),  # so sure that it may be a face that nobody drew
        (((FACE, 0.9), (WHEEL, 0.5)), 1),
        (((WHEEL, 0.5),) * 20, MOST_A_PHOTO),
    ],
)
def test_only_what_nobody_sees_is_false(photo: Photo, answers: tuple, expected: int) -> None:
    found = find_hard_places(Says(answers), [photo]).false
    assert sum(map(len, found.values())) == expected
    if expected:
        assert (found["street"] == WHEEL).all()


@pytest.mark.parametrize(
    ("answers", "is_doubted"),
    [
        ((), False),  # not seen at all: more often a box that is none
        (((FACE, 0.05),), False),
        (((FACE, 0.3),), True),
        ((((12.0, 12.0, 32.0, 32.0), 0.3),), True),  # the face, placed a little badly
        (((WHEEL, 0.3),), False),
        (((FACE, 0.9),), False),
        (((FACE, 0.3), (FACE, 0.9)), False),
    ],
)
def test_a_face_with_a_low_score_is_doubted(photo: Photo, answers: tuple, is_doubted: bool) -> None:
    doubted = find_hard_places(Says(answers), [photo]).doubted
    assert [boxes.tolist() for boxes in doubted.values()] == [[list(FACE)]] * is_doubted


def test_a_face_without_enough_pixels_is_not_doubted(photo: Photo) -> None:
    tiny = (10.0, 10.0, 11.0, 11.0)
    small = replace(photo, boxes_xyxy=np.array([tiny]))
    assert not find_hard_places(Says(((tiny, 0.3),)), [small]).doubted


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "hard_places.json"
    for places in (
        HardPlaces(),
        HardPlaces({"street": np.array([WHEEL])}, {"hall": np.array([FACE, DOUBTED])}),
    ):
        write_hard_places(path, places)
        again = read_hard_places(path)
        for read, written in ((again.false, places.false), (again.doubted, places.doubted)):
            assert read.keys() == written.keys()
            assert all((read[name] == written[name]).all() for name in written)


@pytest.mark.parametrize("kind", ["false", "doubted"])
def test_scenes_show_them_in_photos_of_any_scale(photo: Photo, kind: str) -> None:
    """The photo was halved when it was loaded; the wheel is white there, all else black."""
    image_rgb = np.zeros((80, 100, 3), np.uint8)
    cv2.rectangle(image_rgb, (70, 50), (89, 69), (255, 255, 255), -1)
    small = Photo(
        photo.path,
        photo.name,
        True,
        photo.boxes_xyxy / 2,
        photo.is_placed,
        photo.landmarks_xy / 2,
        photo.ignore_xyxy / 2,
    )
    loaded = LoadedPhoto(
        (cv2.resize(image_rgb, (50, 40), interpolation=cv2.INTER_AREA),), small, 0.5
    )
    scenes = SceneRecipe(mosaic_share=0, cutout_share=0, sized_share=1, **{f"{kind}_share": 1.0})
    recipe = DetectorRecipe(name="t", scenes=scenes)
    places = HardPlaces(**{kind: {"street": np.array([WHEEL])}})
    shown = [
        SceneMaker([loaded], recipe, places).make(64, (0, 0, place)).image_rgb.min(axis=2).max()
        for place in range(20)
    ]
    assert min(shown) > 200
    shown = [
        SceneMaker([loaded], recipe).make(64, (0, 0, place)).image_rgb.min(axis=2).max()
        for place in range(20)
    ]
    assert min(shown) < 200  # without them a scene is drawn for the face
