"""People -> a film of ten seconds: they move, the light changes, a hand passes, and so on.

Two people a film, flat photos moved over a blurred background. A head that turns to the side cannot
be made from one photo; everything else that upsets live labels is here, each in films of its own
and all at once in others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from maskwatch.errors import DataError
from maskwatch.schema import BoxXYXY, ImageRGB, MaskState
from maskwatch.training.flicker.people import Person

WIDTH, HEIGHT = 640, 480
SECONDS, PER_SECOND = 10.0, 30
FADE_S = 0.2
"""A change of look is a cross-fade of so long; it counts from the middle."""

Floats = NDArray[np.float64]
_HIDDEN = 0.45  # a face whose middle is nearer to that of one in front, in sides, is not to be seen
_FACE_PX = (80.0, 130.0)
_HAND_S, _HAND_EVERY_S = 1.0, 3.0


class Upset(StrEnum):
    """What happens in a film."""

    DRIFT = "drift"
    TILT = "tilt"
    ZOOM = "zoom"
    LIGHT = "light"
    BLUR = "blur"
    HAND = "hand"
    COMPRESSION = "compression"
    CROSSING = "crossing"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Truth:
    """One person in one frame.

    Attributes:
        person: 0 or 1.
        box_xyxy: where the face is.
        state: what it shows.
    """

    person: int
    box_xyxy: BoxXYXY
    state: MaskState


@dataclass(frozen=True, slots=True)
class FilmFrame:
    """A frame and the truth about everybody who can be seen in it."""

    image_rgb: ImageRGB
    time_s: float
    truths: tuple[Truth, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a head is: pixels, pixels a pixel of its picture, degrees clockwise."""

    x: float
    y: float
    scale: float
    roll_deg: float


def film(people: Sequence[Person], upset: Upset, seed: int) -> Iterator[FilmFrame]:
    """The frames of one film, 30 a second.

    Args:
        people: two of them; the first stands in front.
        upset: what happens.
        seed: decides the ways people go.
    """
    random = np.random.default_rng(seed)
    background = _background(people[0].face.image_rgb)
    ways = [_Way(person, index, upset, random) for index, person in enumerate(people)]
    changes = [_change_times(person, random) for person in people]
    phases = random.uniform(0, 2 * math.pi, 4)
    for number in range(round(SECONDS * PER_SECOND)):
        time_s = number / PER_SECOND
        image = background.copy()
        places = [way.at(time_s) for way in ways]
        for index in (1, 0):
            picture = _look(people[index], changes[index], time_s)
            if upset in (Upset.HAND, Upset.ALL):
                picture = _with_hand(picture, people[index], time_s - 0.7 * index)
            _paste(image, picture, people[index], places[index])
        seen = _spoilt(image, upset, time_s, phases, random)
        yield FilmFrame(seen, time_s, _truths(people, changes, places, time_s))


class _Way:
    """How one person moves."""

    def __init__(self, person: Person, index: int, upset: Upset, random: Generator) -> None:
        left, top, right, bottom = person.face.box_xyxy
        self._upset, self._index = upset, index
        self._scale = random.uniform(*_FACE_PX) / max(right - left, bottom - top)
        self._phases = random.uniform(0, 2 * math.pi, 5)
        self._periods = random.uniform((4, 5, 3, 4, 1), (7, 8, 6, 7, 2))

    def at(self, time_s: float) -> _Place:
        x, y, roll, zoom, sway = np.sin(2 * math.pi * time_s / self._periods + self._phases)
        drift = 60 if self._upset in (Upset.DRIFT, Upset.ALL) else 15
        middle = (190.0, 450.0)[self._index]
        if self._upset is Upset.CROSSING:
            middle = 320 + (1, -1)[self._index] * 190 * math.cos(2 * math.pi * time_s / 8)
        tilt = {Upset.TILT: 40.0, Upset.ALL: 25.0}.get(self._upset, 4.0)
        grow = {Upset.ZOOM: 0.5, Upset.ALL: 0.25}.get(self._upset, 0.05)
        return _Place(
            x=float(middle + drift * x + sway),
            y=float(HEIGHT / 2 + 0.6 * drift * y + sway),
            scale=float(self._scale * math.exp(grow * zoom)),
            roll_deg=float(tilt * roll),
        )


def _change_times(person: Person, random: Generator) -> list[float]:
    """When each look begins."""
    starts = [0.0, random.uniform(2.8, 3.6), random.uniform(6.2, 7.0)]
    return [float(start) for start in starts[: len(person.looks)]]


def _look(person: Person, starts: Sequence[float], time_s: float) -> ImageRGB:
    now = person.looks[0][0]
    for (picture, _), start in zip(person.looks[1:], starts[1:], strict=True):
        share = min(max((time_s - start) / FADE_S + 0.5, 0.0), 1.0)
        now = np.asarray(cv2.addWeighted(picture, share, now, 1 - share, 0), np.uint8)
    return now


def _truths(
    people: Sequence[Person],
    changes: Sequence[Sequence[float]],
    places: Sequence[_Place],
    time_s: float,
) -> tuple[Truth, ...]:
    truths = []
    for index, (person, place) in enumerate(zip(people, places, strict=True)):
        left, top, right, bottom = person.face.box_xyxy
        half_w, half_h = (right - left) / 2 * place.scale, (bottom - top) / 2 * place.scale
        apart = math.hypot(place.x - places[0].x, place.y - places[0].y)
        if index and apart < _HIDDEN * 4 * max(half_w, half_h):
            continue
        number = sum(time_s >= start for start in changes[index]) - 1
        box = (place.x - half_w, place.y - half_h, place.x + half_w, place.y + half_h)
        truths.append(Truth(index, box, person.looks[number][1]))
    return tuple(truths)


def _background(image_rgb: ImageRGB) -> ImageRGB:
    large = cv2.resize(image_rgb, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(large, (0, 0), 25) // 2 + 50, np.uint8)


def _paste(image: ImageRGB, picture: ImageRGB, person: Person, place: _Place) -> None:
    """Lay the moved picture over the image, fading out towards its edges."""
    left, top, right, bottom = person.face.box_xyxy
    middle = ((left + right) / 2, (top + bottom) / 2)
    matrix = cv2.getRotationMatrix2D(middle, -place.roll_deg, place.scale)
    matrix[:, 2] += np.array([place.x - middle[0], place.y - middle[1]])
    height, width = picture.shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ matrix.T
    x0, y0 = np.clip(np.floor(corners.min(axis=0)), 0, (WIDTH, HEIGHT)).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(corners.max(axis=0)), 0, (WIDTH, HEIGHT)).astype(int).tolist()
    matrix[:, 2] -= np.array([x0, y0])
    edge = max(2, min(width, height) // 12)
    frame = np.zeros((height, width), np.float32)
    frame[edge:-edge, edge:-edge] = 1
    alpha = cv2.blur(frame, (edge, edge))
    # area is no choice here: pictures are at most three times as large as they are shown
    size, how = (x1 - x0, y1 - y0), cv2.INTER_LINEAR
    moved = cv2.warpAffine(picture, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpAffine(alpha, matrix, size)[..., None]
    part = image[y0:y1, x0:x1]
    part[:] = part + cover * (moved.astype(np.float32) - part)


def _with_hand(picture: ImageRGB, person: Person, time_s: float) -> ImageRGB:
    """A hand of the face's own colour that passes over mouth and nose now and then."""
    share = (time_s % _HAND_EVERY_S) / _HAND_S
    if not 0 <= share <= 1 or time_s < 0:
        return picture
    points = person.face.landmarks_xy
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    unit = float(np.hypot(*(mouth - eyes)))

    def pixel(start: Floats, right: float, down: float) -> tuple[int, int]:
        x, y = np.rint(start + np.array([right, down]) * unit).astype(int).tolist()
        return x, y

    x, y = pixel(eyes, 0, 0.12)
    skin = np.median(picture[max(y - 3, 0) : y + 4, max(x - 6, 0) : x + 7], axis=(0, 1))
    rise = math.sin(math.pi * share)  # up from below and down again
    palm = mouth + np.array([0.15, 2.6 - 2.5 * rise]) * unit
    drawn = picture.copy()
    for finger in range(-2, 3):
        tip = pixel(palm, finger * 0.41, 0.12 * abs(finger) - 1.25)
        shade = (skin * (0.86 - 0.03 * finger)).tolist()
        thick_px = max(2, round(0.36 * unit))
        cv2.line(drawn, pixel(palm, finger * 0.36, 0), tip, shade, thick_px, cv2.LINE_AA)
    axes = (round(0.9 * unit), round(0.85 * unit))
    shade = (skin * 0.9).tolist()
    cv2.ellipse(drawn, pixel(palm, 0, 0.35), axes, 0, 0, 360, shade, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.8), np.uint8)


def _spoilt(
    image: ImageRGB, upset: Upset, time_s: float, phases: Floats, random: Generator
) -> ImageRGB:
    """What the camera makes of it: light, blur, compression, and always a little noise."""
    waves = np.sin(2 * math.pi * time_s / np.array([3.1, 2.3, 2.9, 1.7]) + phases)
    mild = 0.5 if upset is Upset.ALL else 1.0
    if upset in (Upset.LIGHT, Upset.ALL):
        side = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :, None] * float(waves[1])
        gain = np.exp(mild * (0.9 * float(waves[0]) - 0.35 + 0.35 * side))
        image = np.clip(image * gain, 0, 255).astype(np.uint8)
    if upset in (Upset.BLUR, Upset.ALL):
        sigma = 5.0 * mild * max(float(waves[2]), 0.0)
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8) if sigma else image
    grain = random.normal(0, 2.5, (HEIGHT // 2, WIDTH // 2)).astype(np.float32)
    noise = cv2.merge([cv2.resize(grain, (WIDTH, HEIGHT))] * 3)
    image = np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)
    if upset in (Upset.COMPRESSION, Upset.ALL):
        quality = int(random.integers(8, 30) if mild == 1 else random.integers(25, 50))
        settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
        content = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), settings)[1]
        decoded = np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)
        image = np.ascontiguousarray(decoded[..., ::-1])
    return image


# A real film: somebody before a webcam takes the mask off and puts it on again.
#
# `webcam_on_off.gif` of `chandrikadeb7/Face-Mask-Detection` (MIT), 65 frames of a screen in which
# that project's boxes are burnt in. The times were read off the frames by eye: bare from the first
# frame in which the mouth is free of cloth until the last one.

NAME = "webcam"
BARE_S = (0.73, 2.33)
# where his face is all along, in the 640 x 420 pixels of the file
_FACE_XYXY = (250.0, 165.0, 345.0, 295.0)


def webcam_film(path: Path) -> Iterator[FilmFrame]:
    """The frames with their truth.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with Image.open(path) as gif:
            if getattr(gif, "n_frames", 1) < 2:
                raise OSError("a single picture")
            time_s = 0.0
            for frame in ImageSequence.Iterator(gif):
                bare = BARE_S[0] <= round(time_s, 3) < BARE_S[1]
                state = MaskState.NO_MASK if bare else MaskState.MASK
                image_rgb = np.array(frame.convert("RGB"))
                yield FilmFrame(image_rgb, time_s, (Truth(0, _FACE_XYXY, state),))
                time_s += frame.info["duration"] / 1000
    except (OSError, KeyError) as error:  # KeyError: its pictures have no times
        raise DataError(f"{path}: is not the webcam film, or cannot be read") from error
