"""What a picture can show, each with its label, and where on the head a sheet lies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.random import Generator

from maskwatch.training.data.catalog import INCORRECT, MASK, NO_MASK, UNCLEAR
from maskwatch.training.synth.head import CHIN, EAR_XYZ, LOWER_LIP, Floats, surface


class Kind(StrEnum):
    """What a picture shows.

    A mask worn upside down still covers nose, mouth and chin; the classes ask what is covered, so
    it would count as worn, and as it looks nearly the same there is no kind for it.
    """

    WORN = "worn"
    NOSE_OUT = "nose_out"
    TILTED = "tilted"
    UNDER_CHIN = "under_chin"
    ON_ONE_EAR = "on_one_ear"
    OVER_EYES = "over_eyes"
    BARE = "bare"
    SCARF = "scarf"
    BAND = "band"
    BEARD = "beard"
    SHIELD = "shield"
    NEAR_HAND = "near_hand"
    HAND = "hand"
    CUP = "cup"
    MICROPHONE = "microphone"
    PHONE = "phone"
    PAPER = "paper"
    VEIL = "veil"


LABEL_OF = {
    Kind.WORN: MASK,
    Kind.NOSE_OUT: INCORRECT,
    Kind.TILTED: INCORRECT,
    Kind.UNDER_CHIN: INCORRECT,
    Kind.ON_ONE_EAR: INCORRECT,
    Kind.OVER_EYES: INCORRECT,
    Kind.BARE: NO_MASK,
    Kind.SCARF: NO_MASK,
    Kind.BAND: NO_MASK,
    Kind.BEARD: NO_MASK,
    Kind.SHIELD: NO_MASK,
    Kind.NEAR_HAND: NO_MASK,
    Kind.HAND: UNCLEAR,
    Kind.CUP: UNCLEAR,
    Kind.MICROPHONE: UNCLEAR,
    Kind.PHONE: UNCLEAR,
    Kind.PAPER: UNCLEAR,
    Kind.VEIL: UNCLEAR,
}

SHARES = {
    MASK: {Kind.WORN: 1.0},
    INCORRECT: {
        Kind.NOSE_OUT: 0.29,
        Kind.TILTED: 0.08,
        Kind.UNDER_CHIN: 0.42,
        Kind.ON_ONE_EAR: 0.15,
        Kind.OVER_EYES: 0.06,
    },
    NO_MASK: {
        Kind.BARE: 0.34,
        Kind.SCARF: 0.26,
        Kind.BAND: 0.10,
        Kind.NEAR_HAND: 0.10,
        Kind.BEARD: 0.14,
        Kind.SHIELD: 0.06,
    },
    UNCLEAR: {  # hands and veils are drawn in vain more often than the others
        Kind.HAND: 0.42,
        Kind.VEIL: 0.25,
        Kind.CUP: 0.09,
        Kind.MICROPHONE: 0.11,
        Kind.PHONE: 0.07,
        Kind.PAPER: 0.06,
    },
}
"""Of the pictures of a label, where there is room below the chin; every other face of the public
sets has none, so kinds that need it get a larger share here than they have in the end. Half of the
faces without a mask wear some other cloth, in the same colours and painted in the same way, so that
neither gives the label away."""

NEEDS_CHIN_ROOM = frozenset({Kind.UNDER_CHIN, Kind.ON_ONE_EAR, Kind.SCARF, Kind.VEIL})
"""Kinds that can be told apart only if the neck is in the picture."""


CLOTHS = frozenset({Kind.SCARF, Kind.BAND, Kind.VEIL})
"""Kinds that show a piece of cloth instead of a mask."""


@dataclass(frozen=True, slots=True)
class Lying:
    """A sheet that lies on the head.

    Attributes:
        top: height of the upper edge in the middle.
        bottom: height of the lower edge in the middle.
        half_angle_deg: how far it goes round the head at either side.
        side_drop: how much lower the sides are than the material itself puts them.
        slope: how much lower it is per unit to the picture's right.
        nose_tent: how far it stands off beside the nose, which carries it.
        lift: how far it stands off all over.
        folds: 0 to 1; how much it is gathered, for the light on its folds.
        widen: how many times as wide as the head there.
        hangs_from: height below which it hangs straight down instead of following the head.
    """

    top: float
    bottom: float
    half_angle_deg: float
    side_drop: float = 0.0
    slope: float = 0.0
    nose_tent: float = 0.0
    lift: float = 0.03
    folds: float = 0.0
    widen: float = 1.0
    hangs_from: float = 4.0

    def points(self, u: Floats, v: Floats, side_top: float, side_bottom: float) -> Floats:
        """Places of the sheet (..., 3) in head coordinates."""
        sides = np.abs(u) ** 2.2
        upper = self.top + sides * (side_top * (self.bottom - self.top) + self.side_drop)
        gathered = (1 - side_bottom) * (self.bottom - self.top)
        lower = self.bottom - sides * (gathered - self.side_drop)
        angle = self.half_angle_deg * u
        height = upper + v * (lower - upper)
        height = height + self.slope * np.sin(np.deg2rad(angle))
        points = surface(angle, np.minimum(height, self.hangs_from))
        points[..., 1] = height
        round_nose = np.exp(-((angle / 26) ** 2)) * np.exp(-(((height - 0.66) / 0.45) ** 2))
        stiff = np.cos(np.clip(np.deg2rad(angle), -1.5, 1.5)) ** 0.5 * np.sin(np.pi * v) ** 0.7
        points[..., 2] += self.nose_tent * round_nose + self.lift * stiff + 0.02
        points[..., 0] *= self.widen * (1.03 + 0.05 * self.lift * stiff)
        return points


@dataclass(frozen=True, slots=True)
class Hanging:
    """A sheet that hangs beside the face from one ear, its long side down.

    Attributes:
        side: 1 for the picture's right, -1 for its left.
        drop: height of its upper end.
        length: of its long side.
        width: of its short side, as far as it is turned towards the camera.
        swing: how far its lower end swings out, per unit of length.
    """

    side: float
    drop: float
    length: float
    width: float
    swing: float
    folds: float = 0.6

    def points(self, u: Floats, v: Floats, side_top: float, side_bottom: float) -> Floats:
        """Places of the sheet (..., 3) in head coordinates; u runs downwards."""
        down = (u + 1) / 2
        # gathered at both ends by the loops
        pinch = 0.72 + 0.28 * np.sqrt(np.clip(1 - np.abs(u) ** 4, 0, 1))
        across = (v - 0.5) * pinch * self.width
        x = self.side * (EAR_XYZ[0] - 0.02 + across + self.swing * down * self.length)
        y = self.drop + down * self.length
        z = -0.55 + 0.25 * np.sin(np.pi * v) + 0.15 * np.sin(np.pi * down)
        return np.stack([x, y, z], -1)


Placement = Lying | Hanging

_ONE_EAR_DEG = 8.0


def place(kind: Kind, random: Generator, yaw_deg: float = 0.0) -> Placement | None:
    """Where a mask (or another cloth) goes; None for a bare face.

    The edges keep clear of the borders between the labels: worn right the nose tip is covered
    whatever the face, worn under the nose it is free. Of a head turned by `yaw_deg` a mask hangs
    from the ear that is seen.
    """
    draw = random.uniform
    if kind is Kind.WORN:
        return Lying(
            top=draw(0.10, 0.40),
            bottom=draw(CHIN - 0.02, CHIN + 0.16),
            half_angle_deg=draw(56, 72),
            side_drop=draw(-0.05, 0.1),
            slope=random.normal(0, 0.03),
            nose_tent=draw(0.22, 0.34),
        )
    if kind is Kind.NOSE_OUT:
        top = 0.66 + 0.34 * random.beta(1.0, 1.5)  # mostly just under the nose
        return Lying(
            top=top,
            bottom=draw(CHIN, CHIN + 0.25),
            half_angle_deg=draw(56, 74),
            side_drop=draw(-0.28, -0.05),
            slope=random.normal(0, 0.05),
            nose_tent=0.05,
            folds=draw(0, 0.6),
        )
    if kind is Kind.TILTED:
        return Lying(
            top=draw(0.78, 0.98),
            bottom=draw(CHIN - 0.1, CHIN + 0.15),
            half_angle_deg=draw(56, 70),
            side_drop=draw(-0.15, 0.05),
            slope=float(random.choice([-1, 1])) * draw(0.25, 0.5),
            folds=draw(0.1, 0.6),
        )
    if kind is Kind.UNDER_CHIN:
        top = draw(LOWER_LIP + 0.12, CHIN - 0.04)
        return Lying(
            top=top,
            bottom=top + draw(0.42, 0.75),
            half_angle_deg=draw(62, 84),
            side_drop=draw(-0.55, -0.25),
            slope=random.normal(0, 0.05),
            lift=0.05,
            folds=draw(0.4, 1),
        )
    if kind is Kind.ON_ONE_EAR:
        side = float(random.choice([-1, 1]))
        if abs(yaw_deg) > _ONE_EAR_DEG:  # the other ear is behind the cheek
            side = -float(np.sign(yaw_deg))
        return Hanging(
            side=side,
            drop=draw(0.6, 0.9),
            length=draw(1.5, 2.1),
            width=draw(0.5, 1.25),
            swing=draw(-0.12, 0.12),
        )
    if kind is Kind.OVER_EYES:
        top = draw(-0.75, -0.3)
        return Lying(
            top=top,
            bottom=draw(0.15, 0.42),
            half_angle_deg=draw(60, 80),
            side_drop=draw(-0.05, 0.2),
            slope=random.normal(0, 0.05),
            folds=draw(0.1, 0.8),
        )
    if kind is Kind.SCARF:
        top = draw(CHIN + 0.06, CHIN + 0.4)
        return Lying(
            top=top,
            bottom=top + draw(0.5, 1.4),
            half_angle_deg=draw(95, 115),
            side_drop=draw(-0.1, 0.15),
            slope=random.normal(0, 0.08),
            lift=0.2,
            folds=draw(0.2, 1),
            widen=draw(1.0, 1.7),
        )
    if kind is Kind.BAND:
        top = draw(-1.05, -0.75)
        return Lying(
            top=top,
            bottom=top + draw(0.22, 0.42),
            half_angle_deg=draw(90, 105),
            slope=random.normal(0, 0.05),
        )
    if kind is Kind.BEARD:
        return Lying(
            top=0.3,
            bottom=draw(CHIN + 0.04, CHIN + 0.5),
            half_angle_deg=draw(74, 84),
            slope=random.normal(0, 0.02),
            hangs_from=CHIN - 0.1,
        )
    if kind is Kind.SHIELD:
        return Lying(
            top=draw(-1.0, -0.7),
            bottom=draw(1.5, 2.3),
            half_angle_deg=draw(72, 92),
            side_drop=draw(-0.1, 0.05),
            lift=draw(0.2, 0.5),
            widen=draw(1.03, 1.2),
            hangs_from=0.0,
        )
    if kind is Kind.VEIL:
        return Lying(
            top=draw(0.05, 0.48),
            bottom=draw(1.95, 3.0),
            half_angle_deg=draw(80, 105),
            side_drop=draw(-0.25, 0.15),
            slope=random.normal(0, 0.05),
            nose_tent=draw(0.2, 0.32),
            lift=draw(0.04, 0.15),
            folds=draw(0, 0.9),
            widen=draw(1.0, 1.15),
            hangs_from=draw(1.15, 1.6),
        )
    return None
