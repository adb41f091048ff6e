"""Proves that altered copies are found, different pictures kept apart, and odd input survived.

    pytest tests/unit/training/data/test_near_duplicates.py

Pictures are drawn from a seed; one test reads the public data and is skipped without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.paths import ROOT

from maskwatch.io.images import load_image
from maskwatch.schema import ImageRGB
from maskwatch.training.data.near_duplicates import (
    agreement,
    group_near_duplicates,
    take_fingerprint,
)

INCORRECT = ROOT.parent / "shared/data/kaggle-8982/mask_weared_incorrect"


def draw(seed: int, side_px: int = 128) -> ImageRGB:
    """Coloured shapes on a soft background; pictures of different seeds share nothing."""
    random = np.random.default_rng(seed)
    background = random.integers(60, 200, (4, 4, 3)).astype(np.uint8)
    image = cv2.resize(background, (128, 128), interpolation=cv2.INTER_CUBIC)
    for _ in range(25):
        centre = random.integers(0, 128, 2).tolist()
        axes = random.integers(3, 22, 2).tolist()
        colour = random.integers(0, 256, 3).tolist()
        cv2.ellipse(image, centre, axes, random.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    return cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_AREA)


def warp(image: ImageRGB, rotation_deg: float, zoom: float, shear: float = 0.0) -> ImageRGB:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rotation_deg, zoom)
    matrix[0, :2] += shear * matrix[1, :2]
    matrix[0, 2] -= shear * height / 2
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def light(image: ImageRGB, gain: float) -> ImageRGB:
    return np.clip(image * gain, 0, 255).astype(np.uint8)


def jpeg(image: ImageRGB, quality: int) -> ImageRGB:
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)


ALTERATIONS: dict[str, Callable[[ImageRGB], ImageRGB]] = {
    "unaltered": lambda image: image.copy(),
    "rotated left": lambda image: warp(image, 40, 1),
    "rotated right": lambda image: warp(image, -35, 1),
    "mirrored": lambda image: image[:, ::-1],
    "zoomed in": lambda image: warp(image, 0, 1.15),
    "zoomed out": lambda image: warp(image, 0, 0.85),
    "sheared": lambda image: warp(image, 0, 1, shear=0.3),
    "shifted": lambda image: np.roll(image, 15, axis=1),
    "cropped": lambda image: image[10:-4, 6:-12],
    "darkened": lambda image: light(image, 0.2),
    "brightened": lambda image: light(image, 1.3),
    "gamma": lambda image: (255 * (image / 255) ** 2).astype(np.uint8),
    "compressed": lambda image: jpeg(image, 60),
    "shrunk": lambda image: cv2.resize(image, (60, 60), interpolation=cv2.INTER_AREA),
    "stretched": lambda image: cv2.resize(image, (300, 240), interpolation=cv2.INTER_LINEAR),
    "all together": lambda image: jpeg(light(warp(image, -25, 1.1, 0.15), 0.4), 80)[:, ::-1],
}


def grouped(*images: ImageRGB) -> list[int]:
    return group_near_duplicates(images).tolist()


def test_no_pictures_make_no_groups() -> None:
    groups = group_near_duplicates([])
    assert groups.shape == (0,)
    assert groups.dtype == np.int32


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_copy_joins_its_original(name: str) -> None:
    others = [draw(seed) for seed in (1, 2)]
    assert grouped(draw(0), *others, ALTERATIONS[name](draw(0))) == [0, 1, 2, 0]


@pytest.mark.slow
def test_many_copies_of_many_pictures() -> None:
    pictures = [draw(seed) for seed in range(6)]
    groups = grouped(*(change(picture) for change in ALTERATIONS.values() for picture in pictures))
    assert groups == list(range(6)) * len(ALTERATIONS)


@pytest.mark.parametrize("count", [15, pytest.param(60, marks=pytest.mark.slow)])
def test_different_pictures_stay_apart(count: int) -> None:
    assert grouped(*(draw(seed) for seed in range(count))) == list(range(count))


def test_blurred_faces_of_different_people_stay_apart() -> None:
    """Tiny pictures of one layout (dark top, light bottom) differ in a few soft spots only."""
    layout = np.linspace(60, 200, 16)[:, None, None]
    random = np.random.default_rng(0)
    tiny = [
        np.clip(layout + random.normal(0, 18, (16, 16, 1)), 0, 255).astype(np.uint8).repeat(3, 2)
        for _ in range(30)
    ]
    blurred = [cv2.resize(t, (128, 128), interpolation=cv2.INTER_CUBIC) for t in tiny]
    assert grouped(*blurred) == list(range(30))
    # the same faces cut from the photo directly and published enlarged
    assert grouped(*tiny, *blurred) == list(range(30)) * 2


def test_uniform_pictures_stay_alone() -> None:
    flat = [np.full((64, 64, 3), level, np.uint8) for level in (0, 0, 1, 128, 255)]
    assert grouped(*flat) == [0, 1, 2, 3, 4]
    assert grouped(flat[0], draw(0), flat[1], draw(0)) == [0, 1, 2, 1]


@pytest.mark.parametrize("height, width", [(1, 1), (1, 200), (2, 3), (400, 5), (7, 7)])
def test_pictures_of_any_size(height: int, width: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    assert len(grouped(noise, draw(0), noise)) == 3


def test_one_mistaken_link_does_not_join_two_groups() -> None:
    """A picture half of one and half of another agrees with members of both at most in part."""
    left, right = draw(0), draw(1)
    bridge = np.hstack([left[:, :64], right[:, 64:]])
    copies = [change(p) for p in (left, right) for change in (lambda i: i, ALTERATIONS["darkened"])]
    groups = grouped(*copies, bridge)
    assert groups[0] == groups[1] != groups[2] == groups[3]


def test_pictures_are_read_once_and_counted() -> None:
    counted: list[int] = []

    def images() -> Iterator[ImageRGB]:
        for seed in range(3):
            assert len(counted) == seed, "the next picture is asked for after the last was counted"
            yield draw(seed)

    group_near_duplicates(images(), progress=counted.append)
    assert counted == [1, 2, 3]


def test_same_input_same_groups() -> None:
    images = [change(draw(seed)) for seed in (0, 1) for change in list(ALTERATIONS.values())[::3]]
    assert grouped(*images) == grouped(*images)


def test_a_mirrored_fingerprint_is_that_of_the_mirrored_picture() -> None:
    mirrored = take_fingerprint(draw(0)).mirrored()
    assert agreement(take_fingerprint(draw(0)[:, ::-1]), mirrored) > 0.99
    assert mirrored.mirrored().relit.tolist() == take_fingerprint(draw(0)).relit.tolist()


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not INCORRECT.is_dir(), reason="no public data in ../shared")
def test_the_published_incorrect_class_is_a_few_photographs() -> None:
    """About 60 photographs in 2,994 copies; every eighth copy shows nearly all of them."""
    images = [load_image(path) for path in sorted(INCORRECT.glob("*.jpg"))[::8]]
    sizes: NDArray[np.int64] = np.bincount(group_near_duplicates(images))
    assert 55 <= len(sizes) <= 80
    assert sizes.max() < 30
