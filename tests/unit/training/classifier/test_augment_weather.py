"""Fog, panes, snow and rain before a face: what they take away, what they add, and nothing more."""

import numpy as np
import pytest

from maskwatch.training.classifier.augment import clouds, lay_veil, let_fall, smear

STRIPES = np.tile(np.array([[40], [200]], np.uint8), (32, 64))[..., None].repeat(3, axis=2)
BLACK = np.zeros((64, 64, 3), np.uint8)


def drawn(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("change", [lay_veil, let_fall])
def test_the_seed_decides_and_nothing_at_all_changes_nothing(change):
    assert np.array_equal(change(STRIPES, 0.0, drawn(1)), STRIPES)
    first = change(STRIPES, 0.9, drawn(1))
    assert first.dtype == np.uint8 and first.shape == STRIPES.shape
    assert np.array_equal(first, change(STRIPES, 0.9, drawn(1)))
    assert not np.array_equal(first, change(STRIPES, 0.9, drawn(2)))


def test_a_veil_takes_contrast_between_neighbours_and_leaves_at_least_its_share():
    def contrast(image: np.ndarray) -> np.ndarray:
        return np.abs(np.diff(image[..., 0].astype(float), axis=0)).mean()

    left = [contrast(lay_veil(STRIPES, 0.8, drawn(n))) / contrast(STRIPES) for n in range(60)]
    assert 0.15 < min(left) < 0.5 < max(left) <= 1.1  # a fine texture of its own adds a little


def test_some_veils_are_plain_and_some_have_a_texture():
    spread = np.array([lay_veil(BLACK, 0.9, drawn(n)).std() for n in range(60)])
    assert (spread < 6).sum() > 5 and (spread > 12).sum() > 5


def test_what_falls_adds_light_to_some_of_the_picture():
    fallen = [let_fall(BLACK, 0.9, drawn(n)) for n in range(60)]
    assert max(image.max() for image in fallen) > 150
    assert all(image.max() <= 0.9 * 255 for image in fallen)
    covered = np.array([(image > image.max() / 2).mean() for image in fallen if image.max() > 20])
    assert covered.min() > 0 and np.median(covered) < 0.4
    assert (let_fall(STRIPES, 0.9, drawn(3)) >= STRIPES).all()


@pytest.mark.parametrize(("angle", "axis"), [(0.0, 1), (np.pi / 2, 0)])
def test_a_smear_goes_one_way(angle, axis):
    dot = np.zeros((41, 41), np.uint8)
    dot[20, 20] = 255
    trail = smear(dot, 8, angle)
    assert trail.sum() == pytest.approx(255, rel=1e-3)
    assert (trail.sum(axis=1 - axis) > 1).sum() == 9
    assert (trail.sum(axis=axis) > 1).sum() == 1


def test_a_smear_of_no_length_is_the_picture():
    assert np.array_equal(smear(STRIPES, 0, 1.0), STRIPES)


@pytest.mark.parametrize("side_px", [2, 3, 64, 128])
def test_clouds_reach_from_nothing_to_one(side_px):
    layer = clouds(side_px, drawn(0))
    assert layer.shape == (side_px, side_px) and layer.dtype == np.float32
    assert layer.min() == 0 and layer.max() == pytest.approx(1)
