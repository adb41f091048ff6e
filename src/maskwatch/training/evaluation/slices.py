"""Scores by the size of the face and by the light on it, and what cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.training.evaluation.answers import Answers
from maskwatch.training.parts import Part, longer_side_px
from maskwatch.training.scores import score

SIZES = ("under 20 px", "20 to 40 px", "40 to 80 px", "80 px and more", "whole pictures")
"""By the longer side of the box in pixels of the photo; whole pictures have no box."""

LIGHTS = ("dark", "medium", "bright")
"""By the mean grey level of the face: under 85, 85 to 170, above."""

_SIZE_EDGES_PX = (20, 40, 80)
_LIGHT_EDGES = (85, 170)

NOT_SLICED = (
    "Glasses, hats, headscarves and beards are not labelled in these sets, so nothing here says "
    "how faces with them are judged.",
    "Skin tone, age and sex are not labelled either. Guessing them from the pictures would put "
    "one model's mistakes into the measure of another, so it is not done: a difference between "
    "groups of people can exist and stay unseen here.",
    "Light is the mean grey level of the face, which depends on skin and mask as well as on the "
    "lamp: a white mask makes a picture bright.",
    "The sets hold single photos of 2020 and 2021; no score says what happens in a video, at "
    "night in infrared, or in a country the photographers did not visit.",
)
"""What the data does not allow to say, in plain words."""


def size_slices(part: Part) -> Mapping[str, NDArray[np.bool_]]:
    """Which rows (n,) are in each of SIZES."""
    sides = longer_side_px(part.table)
    place = np.where(np.isnan(sides), len(_SIZE_EDGES_PX) + 1, np.digitize(sides, _SIZE_EDGES_PX))
    return {name: place == index for index, name in enumerate(SIZES)}


def light_slices(brightness: NDArray[np.float64]) -> Mapping[str, NDArray[np.bool_]]:
    """Which rows (n,) are in each of LIGHTS."""
    place = np.digitize(brightness, _LIGHT_EDGES)
    return {name: place == index for index, name in enumerate(LIGHTS)}


def score_rows(
    part: Part, answers: Answers, slices: Mapping[str, NDArray[np.bool_]]
) -> dict[str, dict[str, Any]]:
    """Scores of each slice, see scores.score; those of an empty one are null."""
    return {
        name: score(
            part.labels[rows],
            answers.probabilities[rows],
            list(part.groups[rows]),
            answers.unsure_below,
        )
        for name, rows in slices.items()
    }
