"""Scores by what can be measured of a face, and what cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.training.evaluation.answers import Answers
from maskwatch.training.evaluation.views import Views
from maskwatch.training.parts import Part, longer_side_px
from maskwatch.training.scores import score


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity that rows are told apart by.

    Attributes:
        title: what it is.
        column: the same in one word.
        note: how it is measured and what to beware of.
        edges: where a slice ends and the next begins, ascending.
        names: of the slices between the edges, one more than edges.
        unknown: name of the slice of rows without a value, None where every row has one.
    """

    title: str
    column: str
    note: str
    edges: tuple[float, ...]
    names: tuple[str, ...]
    unknown: str | None = None

    def cut(self, values: NDArray[np.floating]) -> dict[str, NDArray[np.bool_]]:
        """Which rows (n,) of values (n,), NaN where there is none, are in each slice."""
        place = np.where(np.isnan(values), len(self.names), np.digitize(values, self.edges))
        names = [*self.names, *([self.unknown] if self.unknown else [])]
        return {name: place == index for index, name in enumerate(names)}


_NOT_FOUND = "no landmarks found"
_LANDMARKS = (
    "from the five landmarks that MaskWatch's own detector finds in the row's cut-out; under a "
    f"mask nose and mouth are its guess. Faces turned far away are often among “{_NOT_FOUND}”, "
    "beside very small ones."
)

MEASURES: Mapping[str, Measure] = {
    "sizes": Measure(
        "Size of the face",
        "Size",
        "Longer side of the box in pixels of the photo; whole pictures have no box.",
        (20, 40, 80),
        ("under 20 px", "20 to 40 px", "40 to 80 px", "80 px and more"),
        "whole pictures",
    ),
    "lights": Measure(
        "Light",
        "Light",
        "Mean grey level of the face: dark is under 85, bright from 170.",
        (85, 170),
        ("dark", "medium", "bright"),
    ),
    "rolls": Measure(
        "Tilt of the head (roll)",
        "Roll",
        f"Degrees to either side, {_LANDMARKS}",
        (10, 20),
        ("tilted under 10°", "tilted 10 to 20°", "tilted 20° and more"),
        _NOT_FOUND,
    ),
    "yaws": Measure(
        "Turn of the head (yaw)",
        "Yaw",
        f"Degrees to either side, roughly, {_LANDMARKS}",
        (15, 30),
        ("turned under 15°", "turned 15 to 30°", "turned 30° and more"),
        _NOT_FOUND,
    ),
    "sharpness": Measure(
        "Sharpness",
        "Sharpness",
        "From 0 (nothing finer than a twelfth of the face) to 1, on the face scaled to 48 pixels: "
        "blurred is under 0.15, sharp from 0.4. Few pixels count as blur.",
        (0.15, 0.4),
        ("blurred", "soft", "sharp"),
    ),
}
"""By name in evaluation.json."""

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


def measured_slices(
    part: Part, brightness: NDArray[np.float64], views: Views
) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Which rows (n,) are in each slice of each of MEASURES."""
    values = {
        "sizes": longer_side_px(part.table),
        "lights": brightness,
        "rolls": np.abs(views.roll_deg),
        "yaws": np.abs(views.yaw_deg),
        "sharpness": views.sharpness,
    }
    return {name: measure.cut(values[name]) for name, measure in MEASURES.items()}


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
