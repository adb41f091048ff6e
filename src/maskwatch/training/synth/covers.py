"""Things that are no mask before a bare face: which one, where, and how it is painted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from maskwatch.training.synth.blend import Look
from maskwatch.training.synth.faces import FacePicture
from maskwatch.training.synth.hands import fist, flat_hand, hand_skin
from maskwatch.training.synth.head import surface
from maskwatch.training.synth.kinds import Kind
from maskwatch.training.synth.material import Pixels
from maskwatch.training.synth.relief import Plane, face_plane, reduced, stack
from maskwatch.training.synth.render import Layer
from maskwatch.training.synth.things import cup, microphone, paper, phone

Thing = Callable[[Plane, Pixels, Generator], Layer]


def render_cover(kind: Kind, face: FacePicture, look: Look, random: Generator) -> Layer:
    """Paint what `HELD` has for a kind, alone and in even light."""
    size_wh = (face.image_rgb.shape[1], face.image_rgb.shape[0])
    plane = face_plane(face.pose, size_wh, random)
    skin = hand_skin(skin_of(face, look), random)
    return reduced(HELD[kind](plane, skin, random), size_wh)


def skin_of(face: FacePicture, look: Look) -> Pixels:
    """What share of the light the skin of cheeks and nose gives back (3,)."""
    angle, height = np.meshgrid(np.linspace(-38, 38, 9), np.linspace(0.35, 0.8, 5))
    places = np.rint(face.pose.project(surface(angle, height))).astype(int).reshape(-1, 2)
    low, high = np.zeros(2, int), np.array(face.image_rgb.shape[1::-1]) - 1
    columns, rows = np.clip(places, low, high).T
    pixels = face.image_rgb[rows, columns] / 255 / look.light[rows, columns, None]
    return np.asarray(np.clip(np.median(pixels, axis=0) / look.white_rgb, 0.03, 0.97))


def _hand(plane: Plane, skin: Pixels, random: Generator) -> Layer:
    """A hand over mouth and nose from any side, a fist, or both hands."""
    draw = random.random()
    if draw < 0.2:
        at = random.normal(0, 0.06), random.uniform(0.82, 1.0)
        size = random.uniform(1.1, 1.4)
        turn = random.normal(0, 14)
        return fist(plane.moved(at, turn, size, random.random() < 0.5), skin, random)
    if draw < 0.38:  # both, finger tips upwards over nose and mouth
        hands = []
        for side in (-1, 1):
            turn = -side * random.uniform(5, 40)
            at = side * random.uniform(0.28, 0.42), random.uniform(0.82, 0.98)
            hands.append(_laid(plane, skin, at, turn, random.uniform(1.6, 2.1), side < 0, random))
        return stack(plane, *hands)
    at = random.normal(0, 0.08), random.uniform(0.78, 0.98)
    turn = random.choice([-1, 1]) * random.uniform(0, 100)
    # a hand comes from the side of its thumb
    held = random.uniform(1.25, 2.15)
    return _laid(plane, skin, at, turn, held, (turn > 0) != (random.random() < 0.15), random)


def _near_hand(plane: Plane, skin: Pixels, random: Generator) -> Layer:
    """A hand at a cheek or under the chin, mouth and nose free."""
    side = float(random.choice([-1, 1]))
    if random.random() < 0.3:  # the chin on a fist
        at = random.normal(0, 0.25), random.uniform(2.05, 2.3)
        return fist(plane.moved(at, random.normal(0, 20), random.uniform(0.9, 1.1)), skin, random)
    at = side * random.uniform(1.0, 1.35), random.uniform(0.7, 1.4)
    turn = -side * random.uniform(-20, 25)
    return _laid(plane, skin, at, turn, random.uniform(1.6, 2.3), side < 0, random)


def _laid(
    plane: Plane,
    skin: Pixels,
    at: tuple[float, float],
    turn_deg: float,
    held: float,
    mirrored: bool,
    random: Generator,
) -> Layer:
    """A flat hand turned clockwise whose middle line, `held` above the wrist, comes to `at`."""
    size = random.uniform(0.95, 1.2)
    turn = np.deg2rad(turn_deg)
    wrist = at[0] - float(np.sin(turn)) * held * size, at[1] + float(np.cos(turn)) * held * size
    return flat_hand(plane.moved(wrist, turn_deg, size, mirrored), skin, random)


HELD: dict[Kind, Thing] = {
    Kind.HAND: _hand,
    Kind.NEAR_HAND: _near_hand,
    Kind.CUP: cup,
    Kind.MICROPHONE: microphone,
    Kind.PHONE: phone,
    Kind.PAPER: paper,
}
"""What is held by hand and not laid on the head; see `kinds.place` for the rest."""
