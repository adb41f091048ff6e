"""Alterations: nothing by default, each one does what it says, the seed decides all of it."""

import numpy as np
import pytest

from maskwatch.training.classifier.augment import augment_crop, centre_crop
from maskwatch.training.recipes.classifier import AugmentRecipe

SIDE = 64


def smooth(seed: int = 0, side: int = SIDE) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(60, 200, (8, 8, 3)).astype(np.uint8)
    return np.ascontiguousarray(coarse.repeat(side // 8, 0).repeat(side // 8, 1))


def alter(image: np.ndarray, epoch: int = 0, **settings) -> np.ndarray:
    return augment_crop(image, SIDE, AugmentRecipe(**settings), (0, epoch, 7))


def test_without_alterations_the_crop_is_the_middle_of_its_canvas():
    canvas = smooth(side=96)
    crop = augment_crop(canvas, SIDE, AugmentRecipe(), (0, 0, 0))
    assert np.array_equal(crop, centre_crop(canvas, SIDE))
    assert np.array_equal(crop, canvas[16:80, 16:80])


def test_a_canvas_of_the_crops_own_size_is_the_crop():
    assert np.array_equal(centre_crop(smooth(), SIDE), smooth())


ALL = {
    "rotation_deg": 20.0, "zoom_ratio": 0.15, "shift_ratio": 0.1, "flip": True,
    "brightness": (0.5, 1.5), "contrast_ratio": 0.3, "colour_ratio": 0.1, "blur_sigma_px": 2.0,
    "low_side_px": 16, "noise_sigma": 5.0, "jpeg_quality": 40, "haze_ratio": 0.5, "snow_ratio": 0.5,
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_each_alteration_changes_some_crops(name):
    image = smooth()
    changed = [not np.array_equal(alter(image, e, **{name: ALL[name]}), image) for e in range(12)]
    assert any(changed)


def test_the_seed_decides_everything_and_each_part_of_it_counts():
    image, recipe = smooth(), AugmentRecipe(**ALL)
    first = augment_crop(image, SIDE, recipe, (0, 1, 2))
    assert np.array_equal(first, augment_crop(image, SIDE, recipe, (0, 1, 2)))
    for other in ((1, 1, 2), (0, 2, 2), (0, 1, 3)):
        assert not np.array_equal(first, augment_crop(image, SIDE, recipe, other))


def test_flip_mirrors_about_half_of_the_crops():
    image = smooth()
    crops = [alter(image, epoch, flip=True) for epoch in range(100)]
    mirrored = sum(np.array_equal(crop, image[:, ::-1]) for crop in crops)
    assert mirrored + sum(np.array_equal(crop, image) for crop in crops) == 100
    assert 30 <= mirrored <= 70


def test_brightness_stays_within_its_range_and_uses_it():
    image = np.full((SIDE, SIDE, 3), 100, np.uint8)
    means = [alter(image, e, brightness=(0.5, 2.0)).mean() for e in range(200)]
    assert 49 <= min(means) < 60 and 180 < max(means) <= 200
    assert np.median(means) == pytest.approx(100, rel=0.2)  # half and double are equally far


def test_turning_brings_in_the_surroundings_not_smeared_edges():
    canvas = np.full((128, 128, 3), 200, np.uint8)
    canvas[32:96, 32:96] = 50
    corners = [alter(canvas, epoch, rotation_deg=40)[0, 0, 0] for epoch in range(20)]
    assert max(corners) == 200


def test_haze_takes_contrast_away_and_keeps_the_picture_in_range():
    canvas = np.tile(np.array([[0], [255]], np.uint8), (40, 80))[..., None].repeat(3, axis=2)
    plain = augment_crop(canvas, 64, AugmentRecipe(), (0, 0, 0))
    hazy = [augment_crop(canvas, 64, AugmentRecipe(haze_ratio=0.9), (0, 0, n)) for n in range(60)]
    spread = np.array([crop.std() for crop in hazy])
    assert (spread <= plain.std() + 1).all()
    assert 0.15 < (spread < plain.std() - 1).mean() < 0.55  # a third of the crops


@pytest.mark.parametrize("grain_px", [1, 8, 32])
def test_noise_has_grains_of_the_size_that_was_asked_for(grain_px):
    canvas = np.full((64, 64, 3), 128, np.uint8)
    recipe = AugmentRecipe(noise_sigma=40, noise_grain_px=grain_px)
    crops = [augment_crop(canvas, 64, recipe, (0, 0, n)).astype(float) for n in range(90)]
    noisy = [crop for crop in crops if crop.std() > 1]
    assert 0.15 < len(noisy) / len(crops) < 0.55
    # neighbours are alike where grains are larger than a pixel
    alike = [np.corrcoef(c[:, 1:, 0].ravel(), c[:, :-1, 0].ravel())[0, 1] for c in noisy]
    assert (np.mean(alike) > 0.2) == (grain_px > 1)
