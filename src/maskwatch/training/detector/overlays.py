"""What is drawn over a training scene: patches and veils on faces, hands and held things beside.

A fist, a hand at a strap or a mask in two hands looks like a face to a detector that has met few of
them: round, of skin, with dark gaps where eyes could be. Photos of faces show them seldom, so they
are painted, as the classifier's synthesised faces have them (training/synth), with no face behind.

Niqabs and cloths tied before the face leave little more than the eyes, and hardly any photo of the
public sets shows one, so some faces are veiled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskwatch.schema import ImageRGB
from maskwatch.training.synth.hands import FINER, Plane, draw_light, fist, flat_hand, grip, reduced
from maskwatch.training.synth.kinds import Kind
from maskwatch.training.synth.materials import SKINS, Pixels
from maskwatch.training.synth.objects import HELD, flat_mask
from maskwatch.training.synth.render import Layer

THINGS = 320
"""Painted for a run, a tenth of a second each; each scene turns and scales them anew."""

_PICTURE_PX = 160
_SPAN = 4.4  # of the picture in eye distances, nearly two faces wide
_FACE_SPAN = 2.8  # height of a face in the same

_PLACES = 8  # tried, before a scene is left without a thing
_HIDDEN_SHARE = 0.02  # of a face's box; more of a thing before a face is no thing beside it


@dataclass(frozen=True, slots=True)
class Thing:
    """A painted hand or what it holds.

    Attributes:
        rgba: (S, S, 4) uint8, colour multiplied by its cover.
    """

    rgba: NDArray[np.uint8]


def paint_things(seed: int, count: int = THINGS) -> list[Thing]:
    """Hands at work and hands with something in them, all that `_KINDS` has in turn."""
    things, rim = [], _faded_rim()[..., None]
    for number in range(count):
        random = np.random.default_rng((seed, number))
        skin = np.array(SKINS[int(random.integers(len(SKINS)))]) * random.uniform(0.8, 1.1)
        painted = _KINDS[number % len(_KINDS)](_plane(random), np.clip(skin, 0, 1), random)
        layer = reduced(painted, (_PICTURE_PX, _PICTURE_PX))
        rgba = np.dstack([layer.colour, layer.cover]) * rim
        things.append(Thing(np.round(np.clip(rgba, 0, 1) * 255).astype(np.uint8)))
    return things


def lay_thing(
    canvas_rgb: ImageRGB, boxes_xyxy: NDArray[np.float64], thing: Thing, random: Generator
) -> None:
    """Draw a thing into a scene in place, as large as it would be beside one of its faces.

    Where every place that is tried would hide a face, nothing is drawn.

    Args:
        canvas_rgb: (S, S, 3).
        boxes_xyxy: (n, 4) its faces.
        thing: what to draw.
        random: decides where, how large and how it is turned.
    """
    scene_px = canvas_rgb.shape[0]
    if len(boxes_xyxy):
        box = boxes_xyxy[int(random.integers(len(boxes_xyxy)))]
        face_px, middle = float((box[2:] - box[:2]).max()), (box[:2] + box[2:]) / 2
    else:
        face_px = float(np.exp(random.uniform(np.log(16), np.log(scene_px))))
        middle = random.uniform(0, scene_px, 2)
    side_px = int(np.clip(face_px * _SPAN / _FACE_SPAN * random.uniform(0.7, 1.4), 12, scene_px))
    rgba = _turned(thing.rgba, side_px, random)
    for _ in range(_PLACES):
        reach = max(1.5 * face_px, side_px)
        place = np.clip(middle + random.uniform(-reach, reach, 2), 0, scene_px)
        left, top = np.round(place - side_px / 2).astype(int)
        across = slice(max(left, 0), min(left + side_px, scene_px))
        down = slice(max(top, 0), min(top + side_px, scene_px))
        shown = rgba[down.start - top : down.stop - top, across.start - left : across.stop - left]
        cover = np.zeros((scene_px, scene_px), np.float32)
        cover[down, across] = shown[..., 3] / 255
        if all(_mean_inside(cover, box) <= _HIDDEN_SHARE for box in boxes_xyxy):
            behind = canvas_rgb[down, across] * (1 - cover[down, across, None])
            canvas_rgb[down, across] = np.round(behind + shown[..., :3]).astype(np.uint8)
            return


def cover_faces(
    image_rgb: ImageRGB,
    boxes_xyxy: NDArray[np.float64],
    landmarks_xy: NDArray[np.float64],
    share: float,
    random: Generator,
) -> None:
    """Cover mouth or eyes of some faces in place, as hands, scarves and glasses do."""
    for box, points in zip(boxes_xyxy, landmarks_xy, strict=True):
        covered, at_mouth = random.random(2) < (share, 0.5)
        if not covered or np.isnan(points).any():
            continue
        first, second = (points[3], points[4]) if at_mouth else (points[0], points[1])
        width, height = (box[2:] - box[:2]) * random.uniform((0.5, 0.2), (0.9, 0.4))
        centre = (first + second) / 2
        angle = float(np.rad2deg(np.arctan2(*(second - first)[::-1])))
        corners = cv2.boxPoints((tuple(centre), (float(width), float(height)), angle))
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        cv2.fillConvexPoly(image_rgb, np.round(corners).astype(np.int32), colour, cv2.LINE_AA)


_HOOD, _HOOD_DROP = (1.55, 1.95), 0.15
_CAPE = ((-1.5, 0.25), (1.5, 0.25), (2.4, 3.7), (-2.4, 3.7))
_KERCHIEF = ((-1.25, 0.1), (0.0, 0.45), (1.25, 0.1), (1.2, 1.3), (0.1, 3.0), (-1.2, 1.3))
"""Right and down from between the eyes, in distances from there to the mouth."""

_VEIL_SHARE = 0.7  # a hood with a slit; of the others a kerchief under the eyes
_LEAST_DROP_PX = 4.0  # eyes to mouth; in a smaller face a slit is no wider than a pixel


def veil_faces(
    image_rgb: ImageRGB,
    boxes_xyxy: NDArray[np.float64],
    landmarks_xy: NDArray[np.float64],
    share: float,
    random: Generator,
) -> NDArray[np.bool_]:
    """Veil some faces in place: all but the eyes, or all under them.

    A face whose veil would hide another one stays as it is, and so does one without landmarks.

    Args:
        image_rgb: (H, W, 3).
        boxes_xyxy: (n, 4) all faces.
        landmarks_xy: (n, 5, 2) theirs, NaN where not known.
        share: of the faces.
        random: decides which, and how the cloth looks.

    Returns:
        (n,) which of them are veiled.
    """
    is_veiled = np.zeros(len(boxes_xyxy), bool)
    for index in np.flatnonzero(random.random(len(boxes_xyxy)) < share):
        eyes, mouth = landmarks_xy[index, :2].mean(axis=0), landmarks_xy[index, 3:].mean(axis=0)
        drop_px = float(np.linalg.norm(mouth - eyes))
        if not drop_px >= _LEAST_DROP_PX:  # NaN, too
            continue
        cover = _veil(image_rgb.shape[:2], eyes, mouth, random)
        others = np.delete(boxes_xyxy, index, axis=0)
        if all(_mean_inside(cover, box) <= _HIDDEN_SHARE for box in others):
            cloth = _cloth(image_rgb, drop_px, random)
            mixed = image_rgb * (1 - cover[..., None]) + cloth * cover[..., None]
            image_rgb[:] = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
            is_veiled[index] = True
    return is_veiled


def _veil(
    size_hw: tuple[int, ...],
    eyes_xy: NDArray[np.float64],
    mouth_xy: NDArray[np.float64],
    random: Generator,
) -> NDArray[np.float32]:
    """How much of each pixel (H, W) is cloth, from 0 to 1."""
    down = mouth_xy - eyes_xy
    right = np.array([down[1], -down[0]])
    drop_px = float(np.linalg.norm(down))
    angle = float(np.rad2deg(np.arctan2(right[1], right[0])))
    cover = np.zeros(size_hw, np.float32)

    def fill(corners: tuple[tuple[float, float], ...]) -> None:
        places = [eyes_xy + x * right + y * down for x, y in corners]
        cv2.fillPoly(cover, [np.round(places).astype(np.int32)], 1.0)

    def oval(half: tuple[float, float], drop: float, value: float) -> None:
        middle, axes = eyes_xy + drop * down, 2 * drop_px * np.array(half)
        cv2.ellipse(cover, (tuple(middle), tuple(axes), angle), value, -1)

    if random.random() < _VEIL_SHARE:
        oval(_HOOD, _HOOD_DROP, 1.0)
        fill(_CAPE)
        oval((random.uniform(0.85, 1.2), random.uniform(0.22, 0.45)), random.uniform(0, 0.1), 0.0)
    else:
        fill(_KERCHIEF)
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), max(0.4, 0.05 * drop_px)), np.float32)


def _cloth(image_rgb: ImageRGB, drop_px: float, random: Generator) -> NDArray[np.float32]:
    """Cloth (H, W, 3) all over the picture, mostly dark, with folds, in the picture's own light."""
    height, width = image_rgb.shape[:2]
    colour = random.choice([14.0, 25.0, 45.0, 90.0, 170.0]) * random.uniform(0.8, 1.2, 3)
    across, along = np.meshgrid(np.arange(width), np.arange(height))
    lean = random.uniform(-0.4, 0.4)
    folds = np.sin((across + lean * along) / (drop_px * random.uniform(0.12, 0.4)))
    grey = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    light = cv2.GaussianBlur(grey, (0, 0), max(1.0, 0.5 * drop_px)) / max(1.0, float(grey.mean()))
    shade = np.clip(light, 0.4, 1.6) * (1 + random.uniform(0, 0.35) * folds)
    return np.asarray(colour * shade[..., None], np.float32)


def _any_hand(plane: Plane, skin: Pixels, random: Generator) -> Layer:
    """A fist, an open hand or one that grips a strap, turned in any way."""
    turned = plane.moved((0.0, 0.0), random.uniform(-180, 180), 1.0, random.random() < 0.5)
    draw = random.random()
    if draw < 0.4:
        return fist(turned, skin, random)
    if draw < 0.7:
        return flat_hand(turned, skin, random)
    return grip(turned, skin, (0.2, 0.9), random.uniform(0.45, 0.62), random)


def _held(kind: Kind) -> Callable[[Plane, Pixels, Generator], Layer]:
    # things before a mouth are painted on a plane whose origin lies between the eyes
    return lambda plane, skin, random: HELD[kind](plane.moved((0.0, -0.9)), skin, random)


_KINDS = (
    _any_hand,
    _held(Kind.HAND),
    _any_hand,
    flat_mask,
    _any_hand,
    _held(Kind.CUP),
    _any_hand,
    flat_mask,
    _held(Kind.PHONE),
    _any_hand,
    _held(Kind.MICROPHONE),
    _held(Kind.PAPER),
)
"""Bare hands most often: they are what is taken for a face."""


def _plane(random: Generator) -> Plane:
    """A plane with its origin in the middle of the picture, lit from above."""
    fine_px = _PICTURE_PX * FINER
    places = ((np.arange(fine_px, dtype=np.float32) + 0.5) / fine_px - 0.5) * _SPAN
    x, y = np.meshgrid(places, places)
    return Plane(x, y, fine_px / _SPAN, draw_light(random))


def _faded_rim() -> NDArray[np.float32]:
    """(S, S): arms go on beyond the picture, so they end softly and not in a straight cut."""
    places = (np.arange(_PICTURE_PX) + 0.5) / _PICTURE_PX * 2 - 1
    radius = np.hypot(places[:, None], places[None, :])
    return np.clip((1 - radius) / 0.12, 0, 1).astype(np.float32)


def _turned(rgba: NDArray[np.uint8], side_px: int, random: Generator) -> NDArray[np.uint8]:
    """The picture (side_px, side_px, 4) slightly turned, mirrored or not, in other light."""
    angle = float(random.normal(0, 20))
    middle = (_PICTURE_PX - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), angle, 1.0)
    turned = cv2.warpAffine(rgba, turn, (_PICTURE_PX, _PICTURE_PX), flags=cv2.INTER_LINEAR)
    if random.random() < 0.5:
        turned = turned[:, ::-1]
    way = cv2.INTER_AREA if side_px < _PICTURE_PX else cv2.INTER_LINEAR
    scaled = cv2.resize(np.ascontiguousarray(turned), (side_px, side_px), interpolation=way)
    light = np.array([*(random.uniform(0.45, 1.05) * random.uniform(0.95, 1.05, 3)), 1.0])
    # premultiplied colour must not exceed its cover
    return np.asarray(np.minimum(np.round(scaled * light), scaled[..., 3:]), np.uint8)


def _mean_inside(cover: NDArray[np.float32], box_xyxy: NDArray[np.float64]) -> float:
    left, top, right, bottom = np.maximum(np.round(box_xyxy), 0).astype(int)
    inside = cover[top:bottom, left:right]
    return float(inside.mean()) if inside.size else 0.0
