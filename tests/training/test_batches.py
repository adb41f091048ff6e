"""What an epoch holds: every crop once, or classes in equal parts and few copies of a photo."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.training_factory import small_recipe

from maskwatch.training.classifier.batches import CropBatches, epoch_order, one_hot
from maskwatch.training.data.catalog import SYNTHETIC
from maskwatch.training.data.parts import NONE_OF_THEM, Part
from maskwatch.training.recipes.classifier import SamplingRecipe

LABELS = np.array([0] * 60 + [1] * 30 + [2] * 40)
GROUPS = np.array([f"m{i}" for i in range(60)] + [f"n{i}" for i in range(30)] + ["one"] * 40)


def rows(
    labels: np.ndarray = LABELS,
    groups: np.ndarray | None = GROUPS,
    synthetic: np.ndarray | bool = False,
    face: np.ndarray | bool = False,
    photos: np.ndarray | None = None,
) -> Part:
    """Rows in groups, or without near copies; each a picture of its own unless `photos` tells."""
    numbers = np.arange(len(labels))
    table = pd.DataFrame({"image_path": numbers if photos is None else photos})
    table["source"] = np.where(synthetic, SYNTHETIC, "set")
    table["x_min"] = np.where(face, 0.0, np.nan)
    groups = numbers.astype(str) if groups is None else groups
    return Part(table, labels, groups, numbers.astype(np.uint64))


def test_by_default_an_epoch_shows_every_crop_once():
    orders = [epoch_order(rows(), small_recipe(), epoch) for epoch in range(2)]
    for order in orders:
        assert sorted(order) == list(range(len(LABELS)))
    assert not np.array_equal(*orders)


def balanced(epoch: int, wanted: int = 90, most: int = 4) -> np.ndarray:
    sampling = SamplingRecipe(crops_per_epoch=wanted, max_per_group=most)
    return epoch_order(rows(), small_recipe(sampling=sampling), epoch)


def test_balanced_epochs_show_the_classes_in_equal_parts():
    assert Counter(LABELS[balanced(0)]) == {0: 30, 1: 30, 2: 30}
    assert len(balanced(0, wanted=100)) == 100


def test_copies_of_one_photo_count_as_few_and_change_from_epoch_to_epoch():
    shown = [set(order[LABELS[order] == 2]) for order in map(balanced, range(10))]
    assert all(len(copies) == 4 for copies in shown)
    assert len(set.union(*shown)) > 12


@pytest.mark.parametrize(
    ("share", "synthetic", "expected"),
    [
        (0.0, 2, 0),  # synthesised faces of the rare class are left out unless asked for
        (0.4, 2, 12),
        (1.0, 2, 30),
        (0.4, None, 0),  # none there
    ],
)
def test_a_share_of_each_class_is_synthesised(share, synthetic, expected):
    is_synthetic = (synthetic == LABELS) & (np.arange(len(LABELS)) % 2 == 0)
    part = rows(groups=None, synthetic=is_synthetic)
    sampling = SamplingRecipe(crops_per_epoch=90, synthetic_share=share)
    order = epoch_order(part, small_recipe(sampling=sampling), 0)
    assert Counter(LABELS[order]) == {0: 30, 1: 30, 2: 30}
    assert is_synthetic[order].sum() == expected
    every = epoch_order(part, small_recipe(), 0)
    assert sorted(every) == list(range(len(LABELS)))


def test_a_class_of_synthesised_faces_alone_fills_its_part():
    sampling = SamplingRecipe(crops_per_epoch=90, synthetic_share=0.2)
    order = epoch_order(rows(synthetic=LABELS == 2), small_recipe(sampling=sampling), 0)
    assert Counter(LABELS[order]) == {0: 30, 1: 30, 2: 30}


def test_the_faces_of_one_photo_are_different_people():
    photos = np.concatenate([np.arange(90), 90 + np.arange(40) // 5])  # eight copies, five faces
    sampling = SamplingRecipe(crops_per_epoch=390, max_per_group=2)
    order = epoch_order(rows(photos=photos), small_recipe(sampling=sampling), 0)
    shown = order[LABELS[order] == 2]
    assert len(set(photos[shown])) == 2 and len(set(shown)) == 10


@pytest.mark.parametrize(
    ("share", "step", "expected"),
    [
        (0.0, 3, 30),  # as they come
        (0.6, 3, 54),
        (0.6, 1, 90),  # no other
        (0.6, None, 0),  # none there
    ],
)
def test_a_share_of_the_real_crops_is_faces(share, step, expected):
    face = np.arange(len(LABELS)) % step == 0 if step else False
    sampling = SamplingRecipe(crops_per_epoch=90, faces_share=share)
    part = rows(groups=None, face=face)
    order = epoch_order(part, small_recipe(sampling=sampling), 0)
    assert Counter(LABELS[order]) == {0: 30, 1: 30, 2: 30}
    assert part.is_face[order].sum() == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("times", [1, 4])
def test_hard_crops_come_so_many_times_as_often_as_others_of_their_class(times):
    is_hard = np.arange(len(LABELS)) % 5 == 0
    sampling = SamplingRecipe(crops_per_epoch=90, hard_times=times)
    recipe, part = small_recipe(sampling=sampling), rows(groups=None)
    orders = [epoch_order(part, recipe, epoch, is_hard) for epoch in range(60)]
    assert all(Counter(LABELS[order]) == {0: 30, 1: 30, 2: 30} for order in orders)
    shown = np.bincount(np.concatenate(orders), minlength=len(LABELS))
    masks = LABELS == 0  # more of them than an epoch holds
    ratio = shown[masks & is_hard].mean() / shown[masks & ~is_hard].mean()
    assert ratio == pytest.approx(times, rel=0.15)
    assert np.array_equal(orders[7], epoch_order(part, recipe, 7, is_hard))


def test_without_hard_crops_an_epoch_is_what_it_was():
    sampling = SamplingRecipe(crops_per_epoch=90)
    recipe = small_recipe(sampling=sampling)
    assert np.array_equal(
        epoch_order(rows(), recipe, 2),
        epoch_order(rows(), replace(recipe, sampling=replace(sampling, hard_times=3)), 2),
    )


def test_an_epoch_is_a_function_of_seed_and_number():
    assert np.array_equal(balanced(3), balanced(3))
    other = small_recipe(seed=1, sampling=SamplingRecipe(crops_per_epoch=90))
    assert not np.array_equal(epoch_order(rows(), other, 3), balanced(3))


def batches(epoch: int | None) -> CropBatches:
    canvases = np.random.default_rng(0).integers(0, 256, (10, 64, 64, 3)).astype(np.uint8)
    labels, seeds = np.arange(10) % 3, np.arange(10).astype(np.uint64)
    return CropBatches(canvases, labels, seeds, np.arange(10)[::-1], small_recipe(), epoch)


def test_batches_cover_the_order_and_the_last_one_is_short():
    parts = [batches(None)[index] for index in range(len(batches(None)))]
    assert [len(x) for x, _ in parts] == [4, 4, 2]
    labels = np.concatenate([y for _, y in parts]).argmax(axis=1)
    assert labels.tolist() == (np.arange(10)[::-1] % 3).tolist()
    assert parts[0][0].dtype == np.uint8


@pytest.mark.parametrize("epoch", [0, 5])
def test_a_batch_can_be_made_again(epoch):
    assert np.array_equal(batches(epoch)[0][0], batches(epoch)[0][0])
    assert not np.array_equal(batches(epoch)[0][0], batches(None)[0][0])


def test_a_crop_that_an_epoch_repeats_is_altered_anew():
    canvases = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.uint8)
    order = np.zeros(4, np.int64)
    crops, _ = CropBatches(canvases, order[:1], order[:1], order, small_recipe(), epoch=0)[0]
    assert len({crop.tobytes() for crop in crops}) == 4


UNCLEAR = np.array([NONE_OF_THEM] * 20)


@pytest.mark.parametrize(
    ("share", "unclear", "expected"),
    [
        (0.0, 20, 0),  # left out unless asked for
        (0.1, 0, 0),  # none there
        (0.1, 20, 9),
        (0.4, 20, 36),  # more than there are: they repeat
    ],
)
def test_a_share_of_the_epoch_is_unclear_faces(share, unclear, expected):
    labels = np.concatenate([LABELS, UNCLEAR[:unclear]])
    sampling = SamplingRecipe(crops_per_epoch=90, unclear_share=share)
    recipe = small_recipe(sampling=sampling)
    order = epoch_order(rows(labels, groups=None), recipe, 0)
    assert (labels[order] == NONE_OF_THEM).sum() == expected
    counts = Counter(labels[order])
    assert counts[0] == counts[1] == counts[2] == (90 - expected) // 3


def test_classes_share_an_epoch_as_asked():
    sampling = SamplingRecipe(crops_per_epoch=90, class_shares=(4, 3, 2))
    order = epoch_order(rows(groups=None), small_recipe(sampling=sampling), 0)
    assert Counter(LABELS[order]) == {0: 40, 1: 30, 2: 20}


def test_the_target_of_an_unclear_face_is_any_class_alike():
    targets = one_hot(np.array([2, NONE_OF_THEM, 0]))
    assert targets.tolist() == [[0, 0, 1], pytest.approx([1 / 3] * 3), [1, 0, 0]]
