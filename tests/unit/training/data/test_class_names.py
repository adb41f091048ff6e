"""What people call the classes is understood, and what says too little is asked for.

Run: pytest tests/unit/training/data/test_class_names.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from maskwatch.training.data.catalog import PUBLIC_SETS
from maskwatch.training.data.class_names import guess, labels_of
from maskwatch.training.data.labels import LabelledFace

MASK, NO_MASK, INCORRECT = "mask", "no_mask", "incorrect_mask"


@pytest.mark.parametrize(
    ("label", "names"),
    [
        (
            MASK,
            "mask Mask MASK with_mask WithMask With-Mask masked mask_worn worn wearing_mask "
            "face_with_mask face_mask Face-Mask facemask mask_on masks_ok mask_weared_correct "
            "correct_mask correctly_masked mask_worn_correctly person_with_mask with",
        ),
        (
            NO_MASK,
            "no_mask no-mask NoMask nomask No_Mask no_masks without_mask WithoutMask withoutmask "
            "without unmasked non_masked not_masked none face_no_mask mask_off not_wearing_mask "
            "face_without_mask no_face_mask person_without_mask maskless",
        ),
        (
            INCORRECT,
            "incorrect incorrect_mask mask_weared_incorrect mask_worn_incorrectly IncorrectMask "
            "with_incorrect_mask incorrectly_masked face_with_mask_incorrect improper_mask "
            "improperly wrong_mask mask_wrong mask_under_nose mask_on_chin Mask_Mouth_Chin "
            "Mask_Nose_Mouth mask_not_correct not_correctly_worn partially_masked",
        ),
        ("unclear", "unclear Unclear UNCLEAR"),
        (
            None,
            ". 0 1 2 face faces person head helmet mask_blue mask_surgical n95 cloth half_mask "
            "face_shield face_other_covering train valid test images hat no yes ok nose mouth chin "
            "unclear_mask maskara demasked not_ok no_correct_mask no_face mouth_mask no_mouth_mask "
            "MouthMask 口罩",
        ),
    ],
)
def test_names_by_their_words(label, names):
    assert {name: guess([name])[name] for name in names.split()} == dict.fromkeys(
        names.split(), label
    )


def test_spaces_and_no_name():
    assert guess([]) == {}
    assert guess(["no mask", " Mask Worn Incorrectly ", ""]) == {
        "no mask": NO_MASK,
        " Mask Worn Incorrectly ": INCORRECT,
        "": None,
    }


@pytest.mark.parametrize(
    ("names", "face"),
    [
        (["face"], None),
        (["face", "mask"], NO_MASK),
        (["face", "face_mask"], NO_MASK),
        (["face", "incorrect"], None),
        (["face", "mask", "no_mask"], None),
    ],
)
def test_a_face_is_bare_only_beside_masks_and_no_other_bare_class(names, face):
    assert guess(names)["face"] == face


def test_every_class_of_the_catalog_that_is_guessed_is_guessed_right():
    for public in PUBLIC_SETS.values():
        for name, label in guess(public.classes).items():
            assert label in (None, public.classes[name]), (public.name, name)


def test_what_a_person_says_wins_by_name_or_number():
    face = LabelledFace(Path("a.jpg"), "with_mask", None, "1")
    kind = ("with_mask", "1")
    assert labels_of([], {}) == {}
    assert labels_of([face], {}) == {kind: MASK}
    assert labels_of([face], {"1": NO_MASK}) == {kind: NO_MASK}
    assert labels_of([face], {"with_mask": INCORRECT, "1": NO_MASK}) == {kind: INCORRECT}
