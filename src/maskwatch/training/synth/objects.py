"""What people hold before their mouths: cups, microphones, phones and paper."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from maskwatch.training.synth.hands import (
    Body,
    Plane,
    capsule,
    face_plane,
    fist,
    flat_hand,
    grip,
    hand_skin,
    mottled,
    paint,
    reduced,
    slab,
    stack,
)
from maskwatch.training.synth.head import FacePicture, surface
from maskwatch.training.synth.kinds import Kind
from maskwatch.training.synth.materials import (
    SHEET_WH,
    Material,
    Pixels,
    draw_colour,
    draw_material,
    draw_print,
    sheet_grid,
)
from maskwatch.training.synth.render import Layer, Look


def cup(plane: Plane, skin: Pixels, random: Generator) -> Layer:
    """A cup or mug that is drunk from, with the hand that holds it; the plane is the face's."""
    draw = random.uniform
    top, bottom = draw(0.38, 0.62), draw(1.45, 2.1)
    wide, narrow = draw(0.58, 0.8), draw(0.85, 1.0)
    if random.random() < 0.35:  # a paper cup, narrower below
        narrow = draw(0.68, 0.8)
    upright = plane.moved((random.normal(0, 0.06), (top + bottom) / 2), random.normal(0, 7))
    half = (bottom - top) / 2
    down = np.clip(upright.y / half, -1.3, 1.3)  # -1 to 1
    width = wide * (1 + (narrow - 1) * (down + 1) / 2)
    across = np.clip(upright.x / width, -1, 1)
    bulge = draw(0.1, 0.3)  # of the ellipses at both ends
    round_end = bulge * wide * np.sqrt(1 - across**2)
    tilted = random.random() < 0.5  # towards the mouth, so that the base is seen
    distance = np.maximum(
        np.abs(upright.x) - width,
        np.maximum(-half - upright.y - round_end, upright.y - half - round_end),
    )
    height = 0.6 * width * np.sqrt(1 - across**2)
    colour = _cup_colour(across, down, random)
    layers = []
    if random.random() < 0.55:
        layers.append(_handle(upright, wide, half, colour.mean(axis=(0, 1)), random))
    layers.append(paint(Body(height, distance), upright, colour, draw(0.35, 0.6), draw(0, 0.35)))
    end = 1 if tilted else -1
    span = float(wide * (narrow if tilted else 1))
    radius = np.hypot(upright.x / span, (upright.y - end * half) / (bulge * span))
    disc = Body(np.zeros_like(radius), (radius - 1) * bulge * span)
    inside = colour.mean(axis=(0, 1)) * draw(0.6, 0.95) if tilted else _drink(random)
    rim = np.exp(-(((radius - 0.93) / 0.05) ** 2))[..., None]
    disc_colour = np.clip(
        inside * (1 - 0.7 * rim) + colour.mean(axis=(0, 1)) * 1.1 * rim * 0.7, 0, 1
    )
    layers.append(paint(disc, upright, disc_colour, 0.2))
    if random.random() < 0.75:
        side = random.choice([-1, 1])
        beside = upright.moved((-side * wide * 0.93, draw(-0.15, 0.35)), 0, mirrored=side < 0)
        layers.append(grip(beside, skin, (0.45, 1.0), draw(0.5, 0.62), random))
    return stack(plane, *layers)


def microphone(plane: Plane, skin: Pixels, random: Generator) -> Layer:
    """A microphone with a grille or in foam, from below; the plane is the face's."""
    draw = random.uniform
    radius = draw(0.48, 0.78)
    middle = random.normal(0, 0.07), draw(0.72, 0.95)
    held = plane.moved(middle, random.normal(0, 22))
    tall = draw(1.0, 1.25)
    ball = capsule(held, (0, -radius * (tall - 1)), (0, radius * (tall - 1)), radius, radius)
    handle = capsule(held, (0, radius * 0.7), (0, 5.0), radius * draw(0.45, 0.7), radius * 0.4)
    grey = draw(0.04, 0.25)
    dark = np.full(3, grey) * random.uniform(0.95, 1.05, 3)
    layers = [paint(handle, held, dark * draw(0.6, 1.3), 0.6, draw(0, 0.5))]
    if random.random() < 0.55:  # a grille of wire
        steel = np.full(3, draw(0.1, 0.55), np.float32)
        pitch = draw(40, 70)
        bent = 1 + 0.35 * (held.x**2 + held.y**2) / radius**2
        wires = np.sin(held.x * bent * pitch) * np.sin(held.y * bent * pitch)
        colour = steel * (1 + 0.45 * wires)[..., None]
        layers.append(paint(ball, held, np.clip(colour, 0, 1), 0.75, draw(0.1, 0.5)))
        band = slab(held.moved((0, radius * 0.12)), radius * 1.03, radius * 0.09, 0.03, 0.04)
        layers.append(paint(band, held, steel * 1.1, 0.6, 0.3))
    else:
        foam = dark if random.random() < 0.65 else np.array(draw_colour(random))
        soft = mottled(held, foam, 18, 0.14, random)
        layers.append(paint(ball, held, np.clip(soft, 0, 1), 0.7))
    if random.random() < 0.7:
        below = held.moved((0, radius + draw(0.55, 0.9)), random.normal(0, 10), draw(0.85, 1.05))
        layers.append(fist(below, skin, random))
    return stack(plane, *layers)


def phone(plane: Plane, skin: Pixels, random: Generator) -> Layer:
    """A phone from its back, as before a mirror, with the fingers that hold it."""
    draw = random.uniform
    half_width, half_length = draw(0.54, 0.64), draw(1.1, 1.3)
    lies = random.random() < 0.25
    top = draw(0.22, 0.42)
    middle = random.normal(0, 0.08), top + (half_width if lies else half_length)
    held = plane.moved(middle, 90 * lies + random.normal(0, 7))
    body = slab(held, half_width, half_length, draw(0.08, 0.2), 0.05)
    grey = draw(0.03, 0.2) if random.random() < 0.6 else draw(0.75, 0.95)
    case = np.full(3, grey) if random.random() < 0.6 else np.array(draw_colour(random))
    sheen = 1 + 0.12 * np.tanh((held.x + held.y * draw(-1, 1)) * 2 + random.normal())
    layers = [paint(body, held, np.clip(case * sheen[..., None], 0, 1), 0.5, draw(0, 0.3))]
    layers += _cameras(held, half_width, half_length, case, random)
    if random.random() < 0.9:
        side = random.choice([-1, 1])
        if lies:
            beside = held.moved((0, side * half_length * 0.97), -90, mirrored=side < 0)
        else:
            beside = held.moved((-side * half_width * 0.97, draw(0.1, 0.6)), 0, mirrored=side < 0)
        layers.append(grip(beside, skin, (0.3, 0.75), draw(0.5, 0.6), random))
    return stack(plane, *layers)


def paper(plane: Plane, skin: Pixels, random: Generator) -> Layer:
    """A sheet of paper, a card or a book before the lower face, held from a side."""
    draw = random.uniform
    half_width, half_length = draw(1.0, 1.7), draw(0.8, 1.3)
    held = plane.moved((random.normal(0, 0.2), draw(0.25, 0.42) + half_length), random.normal(0, 7))
    body = slab(held, half_width, half_length, 0.02, 0.02)
    sheet = draw_print(random) if random.random() < 0.5 else _text(random)
    colour = _wrapped(held.x / half_width, held.y / half_length, sheet)
    layers = [paint(body, held, colour * (1 + 0.05 * np.tanh(held.x))[..., None], 0.4)]
    for side in (-1, 1):
        if random.random() < 0.7:
            beside = held.moved((-side * half_width * 0.98, draw(-0.2, 0.6)), 0, mirrored=side < 0)
            layers.append(grip(beside, skin, (0.3, 0.8), draw(0.5, 0.6), random))
    return stack(plane, *layers)


def flat_mask(plane: Plane, skin: Pixels, random: Generator) -> Layer:
    """A mask that is about to be put on, in the hands at its sides, round the plane's origin."""
    draw = random.uniform
    half_width, half_height = draw(0.75, 1.1), draw(0.35, 0.6)
    held = plane.moved((0.0, 0.0), random.normal(0, 10))
    body = slab(held, half_width, half_height, 0.1, 0.03)
    sheet = draw_material(random).rgba
    colour = np.where(sheet[..., 3:] > 0, sheet[..., :3], sheet[..., :3].mean(axis=(0, 1)))
    layers = [paint(body, held, _wrapped(held.x / half_width, held.y / half_height, colour), 0.4)]
    for side in (-1, 1):
        if random.random() < 0.85:
            at = -side * half_width * draw(0.98, 1.2), draw(-0.3, 0.3)
            beside = held.moved(at, 0, mirrored=side < 0)
            layers.append(grip(beside, skin, (0.2, 0.6), draw(0.45, 0.6), random))
    return stack(plane, *layers)


def _cup_colour(across: Pixels, down: Pixels, random: Generator) -> Pixels:
    """Plain, printed, with a sleeve or with a sign on it (h, w, 3)."""
    white = np.full((*across.shape, 3), random.uniform(0.82, 0.97))
    plain = white if random.random() < 0.4 else white * 0 + np.array(draw_colour(random))
    draw = random.random()
    if draw < 0.4:
        return plain
    round_it = np.arcsin(across) * 2 / np.pi
    if draw < 0.65:
        return _wrapped(round_it, down, draw_print(random))
    if draw < 0.85:
        sleeve = (np.abs(down - 0.05) < random.uniform(0.3, 0.6))[..., None]
        cardboard = np.array([0.68, 0.5, 0.33]) * random.uniform(0.8, 1.15)
        return np.where(sleeve, np.clip(cardboard, 0, 1), plain)
    sign = (np.hypot(round_it, down * 0.8) < random.uniform(0.2, 0.4))[..., None]
    return np.where(sign, np.array(draw_colour(random)), plain)


def _wrapped(u: Pixels, v: Pixels, sheet: Pixels) -> Pixels:
    """A sheet's colours (160, 240, 3) at places from -1 to 1."""
    map_x = ((np.clip(u, -1, 1) + 1) / 2 * (sheet.shape[1] - 1)).astype(np.float32)
    map_y = ((np.clip(v, -1, 1) + 1) / 2 * (sheet.shape[0] - 1)).astype(np.float32)
    return np.asarray(cv2.remap(sheet, map_x, map_y, cv2.INTER_LINEAR))


def _text(random: Generator) -> Pixels:
    """A page with lines of words and perhaps a picture (160, 240, 3)."""
    page = np.full((160, 240, 3), random.uniform(0.85, 0.97), np.float32)
    line = int(random.integers(5, 14))
    for top in range(14, 146 - line // 2, line):
        left = 16
        end = int(random.integers(80, 225)) if random.random() < 0.25 else 225
        while left < end:
            word = int(random.integers(1, 6)) * line // 2
            page[top : top + max(line // 2, 2), left : min(left + word, 226)] *= 0.55
            left += word + line // 3 + 1
    if random.random() < 0.4:
        y, x = random.integers(14, 80), random.integers(16, 130)
        page[y : y + 60, x : x + 90] = draw_colour(random)
    return page


def _drink(random: Generator) -> Pixels:
    return np.array([0.3, 0.2, 0.13]) * random.uniform(0.4, 2.2)


def _handle(plane: Plane, wide: float, half: float, colour: Pixels, random: Generator) -> Layer:
    side = random.choice([-1, 1])
    long, thick = half * random.uniform(0.4, 0.55), random.uniform(0.08, 0.13)
    x, y = plane.x - side * wide * 0.95, plane.y + random.uniform(-0.1, 0.15)
    radius = np.hypot(x / 0.85, y / (long / 0.4) * 1.0)
    apart = np.abs(radius - 0.4)
    return paint(
        Body(np.sqrt(np.clip(thick**2 - apart**2, 0, None)), apart - thick), plane, colour, 0.5
    )


def _cameras(
    plane: Plane, half_width: float, half_length: float, case: Pixels, random: Generator
) -> list[Layer]:
    count = int(random.integers(1, 4))
    side = random.choice([-1, 1])
    at = side * half_width * 0.55, -half_length * 0.78
    bump = slab(plane.moved(at), 0.22, 0.22, 0.08, 0.04)
    layers = [paint(bump, plane, np.clip(case * 0.85 + 0.03, 0, 1), 0.5)]
    for x, y in ((-0.09, -0.09), (0.09, -0.09), (-0.09, 0.1))[:count]:
        spot = (at[0] + x, at[1] + y)
        lens = capsule(plane, spot, spot, 0.085, 0.085)
        layers.append(paint(lens, plane, np.full(3, 0.06), 0.4, 0.6))
    return layers


# Things that are no mask before a bare face: which one, where, and how it is painted.

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


# Sheets that hide no mouth: beards, and face shields of clear plastic.

_HAIRS = (
    (0.06, 0.05, 0.05),
    (0.12, 0.09, 0.07),
    (0.22, 0.15, 0.10),
    (0.42, 0.30, 0.19),
    (0.50, 0.48, 0.46),
    (0.80, 0.79, 0.77),
)


def draw_beard(random: Generator) -> Material:
    """Hair from ear to ear, over the chin and around the mouth, which stays free."""
    u, v = sheet_grid()
    strands = _strands(random)
    edge = 0.10 * _strands(random) * np.ones_like(u)
    # the sheet begins under the eyes and ends under the chin
    cheek = 0.50 - 0.10 * np.cos(np.pi * np.abs(u)) + random.uniform(-0.04, 0.05)
    cheek = np.where(np.abs(u) > 0.75, cheek - (np.abs(u) - 0.75) * 1.6, cheek)
    moustache = 0.34 + 0.5 * np.abs(u) if random.random() < 0.8 else np.full_like(u, 9.0)
    top = np.minimum(cheek + 0.05, np.where(np.abs(u) < 0.42, moustache, 9.0))
    grown = np.clip((v - top) / 0.06 + edge + 0.5, 0, 1)
    lips = np.hypot(u / 0.34, (v - random.uniform(0.50, 0.53)) / random.uniform(0.085, 0.11))
    grown *= np.clip((lips - 1) / 0.25 + edge, 0, 1)
    end = 0.97 - 0.25 * np.abs(u) ** 3
    grown *= np.clip((end - v) / 0.06 + edge * 2, 0, 1)
    thick = random.uniform(0.6, 0.97)
    alpha = grown * np.clip(thick + 0.25 * strands, 0, 1)
    hair = np.array(_HAIRS[random.integers(len(_HAIRS))]) * random.uniform(0.85, 1.15)
    return _sheet(hair * (1 + 0.35 * strands[..., None]), alpha)


def draw_shield(random: Generator) -> Material:
    """Clear plastic under a band at the forehead, with reflections and edges that shine."""
    u, v = sheet_grid()
    alpha = np.full_like(u, random.uniform(0.03, 0.14))
    for _ in range(random.integers(1, 4)):  # reflections
        at, lean = random.uniform(-0.95, 0.95), random.uniform(-0.3, 0.3)
        width = random.uniform(0.02, 0.12)
        alpha += random.uniform(0.1, 0.5) * np.exp(-(((u - at - lean * (v - 0.5)) / width) ** 2))
    rim = np.maximum(
        np.exp(-(((np.abs(u) - 0.985) / 0.012) ** 2)), np.exp(-(((v - 0.985) / 0.012) ** 2))
    )
    alpha += random.uniform(0.2, 0.6) * rim
    colour = np.full((*u.shape, 3), random.uniform(0.85, 1.0), np.float32)
    band = v < random.uniform(0.07, 0.14)
    colour[band] = draw_colour(random)
    return _sheet(colour, np.where(band, random.uniform(0.8, 1.0), alpha))


OWN_MATERIAL: dict[Kind, Callable[[Generator], Material]] = {
    Kind.BEARD: draw_beard,
    Kind.SHIELD: draw_shield,
}


def _strands(random: Generator) -> Pixels:
    """Hair that runs downwards, of about unit size (160, 240)."""
    total = np.zeros((SHEET_WH[1], SHEET_WH[0]), np.float32)
    for rows, columns in ((12, 110), (30, 200)):
        coarse = random.standard_normal((rows, columns)).astype(np.float32)
        total += cv2.resize(coarse, SHEET_WH, interpolation=cv2.INTER_LINEAR)
    return np.asarray(total / 1.4, np.float32)


def _sheet(colour: Pixels, alpha: Pixels) -> Material:
    rgba = np.dstack([np.clip(colour, 0.01, 1), np.clip(alpha, 0, 1)]).astype(np.float32)
    return Material(rgba, 0.0, 1.0, 0.0, None, False, "drawn")
