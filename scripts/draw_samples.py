"""Draws the sample photos of the page: people of a few shapes that the shipped models can judge.

    python scripts/draw_samples.py     # writes src/maskwatch/samples/*.jpg and judges them

No photo of a real person is in them. When another classifier is shipped, run this again; if it
judges a drawing otherwise than meant, change that person in SCENES. The last column is the
probability of what is meant; tests/unit/test_samples.py asks for a margin.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import maskwatch
from maskwatch.samples import FOLDER, SAMPLES
from maskwatch.schema import MaskState

Colour = tuple[int, int, int]
Canvas = np.ndarray
"""A picture (H, W, 3) of floats from 0 to 255, in RGB."""

FINE = 2
"""Everything is drawn so many times larger and then scaled down, which smooths edges."""


@dataclass(frozen=True)
class Person:
    """A drawn person.

    Attributes:
        wears: what the mask does; NO_MASK has none, INCORRECT_MASK leaves the nose out.
        skin, hair, shirt, cloth: colours, of the cloth that of the mask.
        long_hair: whether it falls beside the face.
        tilt_deg: of the head, clockwise.
    """

    wears: MaskState
    skin: Colour = (222, 172, 144)
    hair: Colour = (52, 38, 32)
    shirt: Colour = (60, 72, 112)
    cloth: Colour = (150, 198, 224)
    long_hair: bool = False
    tilt_deg: float = 0.0


@dataclass(frozen=True)
class Scene:
    """A picture of people.

    Attributes:
        size_wh: in pixels.
        wall: colour of what is behind them.
        people: each with the middle of the face and the breadth of the face, in pixels.
    """

    size_wh: tuple[int, int]
    wall: Colour
    people: tuple[tuple[Person, tuple[int, int], int], ...] = field(default=())


MASK, BARE, NOSE_OUT = MaskState.MASK, MaskState.NO_MASK, MaskState.INCORRECT_MASK
DARK, OLIVE, LIGHT = (136, 92, 68), (196, 146, 112), (232, 188, 162)
BLACK, BROWN, GREY_HAIR = (34, 28, 28), (92, 60, 40), (150, 146, 142)

SCENES = {
    "worn": Scene((560, 560), (178, 190, 196), ((Person(MASK, OLIVE, BLACK), (280, 268), 210),)),
    "nose_out": Scene(
        (560, 560),
        (206, 196, 178),
        ((Person(NOSE_OUT, LIGHT, BROWN, (112, 64, 72)), (280, 268), 210),),
    ),
    "bare": Scene(
        (560, 560),
        (170, 186, 170),
        ((Person(BARE, OLIVE, BLACK, (44, 92, 88), long_hair=True), (280, 268), 210),),
    ),
    "group": Scene(
        (960, 560),
        (188, 190, 200),
        (
            (Person(MASK, DARK, BLACK, (150, 110, 60)), (160, 250), 130),
            (Person(NOSE_OUT, LIGHT, BROWN, (112, 64, 72), tilt_deg=-4), (370, 282), 130),
            (Person(BARE, OLIVE, BLACK, (44, 92, 88), long_hair=True), (590, 250), 130),
            (Person(MASK, LIGHT, GREY_HAIR, cloth=(236, 238, 240), tilt_deg=5), (800, 280), 130),
        ),
    ),
}


def draw_scene(
    scene: Scene, seed: int = 0, and_then: Callable[[Canvas], None] = lambda _canvas: None
) -> np.ndarray:
    """The picture (H, W, 3) uint8; `and_then` may draw more before everybody."""
    width, height = scene.size_wh
    canvas = _wall(scene.wall, width * FINE, height * FINE)
    for person, middle_xy, breadth_px in scene.people:
        _paste(canvas, person, middle_xy, breadth_px)
    and_then(canvas)
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    grain = np.random.default_rng(seed).normal(0, 2.5, small.shape)
    picture: Canvas = np.clip(cv2.GaussianBlur(small, (0, 0), 0.7) + grain, 0, 255).astype(np.uint8)
    return picture


def _wall(colour: Colour, width: int, height: int) -> Canvas:
    """A wall, lit from the upper left."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    light = 1.08 - 0.14 * x - 0.12 * y
    wall: Canvas = (np.array(colour) * light[..., None]).astype(np.float32)
    return wall


class Pen:
    """Draws shapes given in half breadths of a face, from the middle of the face."""

    def __init__(
        self, canvas: Canvas, middle_xy: tuple[int, int], breadth_px: int, tilt_deg: float
    ):
        self.canvas = canvas
        self._unit = breadth_px * FINE / 2
        self._middle = np.array(middle_xy, float) * FINE
        angle = np.deg2rad(tilt_deg)
        self._turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    def shape(
        self, points: np.ndarray, colour: Colour, soft: float = 0.0, opacity: float = 1.0
    ) -> None:
        """Fill a polygon (n, 2); `soft` blurs its edge, in half breadths of the face."""
        cover = np.zeros(self.canvas.shape[:2], np.uint8)
        pixels = np.rint(points @ self._turn * self._unit + self._middle).astype(np.int32)
        cv2.fillPoly(cover, [pixels], 255)
        self._lay(cover, colour, soft, opacity)

    def line(
        self, points: np.ndarray, colour: Colour, breadth: float, opacity: float = 1.0
    ) -> None:
        """Draw a line through points (n, 2), so broad in half breadths of the face."""
        cover = np.zeros(self.canvas.shape[:2], np.uint8)
        pixels = np.rint(points @ self._turn * self._unit + self._middle).astype(np.int32)
        cv2.polylines(cover, [pixels], False, 255, max(1, round(breadth * self._unit)), cv2.LINE_AA)
        self._lay(cover, colour, 0.0, opacity)

    def _lay(self, cover: np.ndarray, colour: Colour, soft: float, opacity: float) -> None:
        if soft:
            cover = cv2.GaussianBlur(cover, (0, 0), soft * self._unit)
        share = cover[..., None].astype(np.float32) * (opacity / 255)
        self.canvas *= 1 - share
        self.canvas += share * np.array(colour, np.float32)


def oval(
    x: float, y: float, rx: float, ry: float, from_deg: float = 0, to_deg: float = 360
) -> np.ndarray:
    """Points (n, 2) of an ellipse or of a part of it."""
    angles = np.deg2rad(np.linspace(from_deg, to_deg, 90))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def shade(colour: Colour, factor: float) -> Colour:
    """A darker (below 1) or lighter colour."""
    red, green, blue = (min(255, round(value * factor)) for value in colour)
    return red, green, blue


def face_outline(grow: float = 1.0) -> np.ndarray:
    """The face from above: round at the forehead, narrower at the chin."""
    top = oval(0, -0.2, grow, 1.05 * grow, 180, 360)
    side = np.array([[1, 0.1], [0.94, 0.5], [0.78, 0.88], [0.5, 1.18], [0.2, 1.3]]) * grow
    return np.concatenate([top, side, side[::-1] * (-1, 1)])


def _paste(canvas: Canvas, person: Person, middle_xy: tuple[int, int], breadth_px: int) -> None:
    pen = Pen(canvas, middle_xy, breadth_px, person.tilt_deg)
    _draw_body(pen, person)
    _draw_head(pen, person)
    _draw_eyes(pen, person)
    _draw_nose(pen, person)
    if person.wears is BARE:
        _draw_mouth(pen, person)
    else:
        _draw_mask(pen, person)
    _draw_fringe(pen, person)


def _draw_body(pen: Pen, person: Person) -> None:
    if person.long_hair:
        pen.shape(oval(0, 0.3, 1.32, 1.75), person.hair, 0.03)
    pen.shape(
        np.array([[-2.3, 9.0], [-2.2, 2.6], [-1.5, 2.1], [-0.5, 1.75], [0.5, 1.75], [1.5, 2.1],
                  [2.2, 2.6], [2.3, 9.0]]), person.shirt, 0.02,
    )  # fmt: skip
    neck = np.array([[-0.52, 0.8], [0.52, 0.8], [0.55, 1.85], [0, 2.15], [-0.55, 1.85]])
    pen.shape(neck, shade(person.skin, 0.82), 0.02)
    pen.shape(oval(0, 1.15, 0.62, 0.35), shade(person.skin, 0.62), 0.1, 0.6)


def _draw_head(pen: Pen, person: Person) -> None:
    pen.shape(oval(0, -0.35, 1.16, 1.2), person.hair, 0.02)
    for side in (-1, 1):
        pen.shape(oval(side * 1.0, 0.05, 0.16, 0.3), shade(person.skin, 0.86), 0.01)
    pen.shape(face_outline(), person.skin, 0.01)
    pen.shape(oval(0.62, 0.35, 0.45, 0.9), shade(person.skin, 0.8), 0.2, 0.55)
    pen.shape(oval(-0.35, -0.55, 0.5, 0.4), shade(person.skin, 1.12), 0.2, 0.6)
    for side in (-1, 1):
        pen.shape(oval(side * 0.52, 0.4, 0.22, 0.16), (214, 120, 110), 0.1, 0.25)


def _draw_eyes(pen: Pen, person: Person) -> None:
    for side in (-1, 1):
        x = side * 0.42
        pen.shape(oval(x, -0.14, 0.27, 0.2), shade(person.skin, 0.75), 0.06, 0.6)
        pen.shape(oval(x, -0.12, 0.2, 0.1), (244, 242, 238), 0.01)
        pen.shape(oval(x, -0.12, 0.095, 0.1), (70, 46, 34), 0.005)
        pen.shape(oval(x, -0.12, 0.045, 0.05), (12, 10, 10), 0.003)
        pen.shape(oval(x - 0.03, -0.15, 0.02, 0.02), (250, 250, 250))
        pen.line(oval(x, -0.11, 0.215, 0.12, 190, 350), (40, 28, 24), 0.045)
        brow = oval(x, -0.28, 0.28, 0.14, 205, 335)
        pen.line(brow, shade(person.hair, 0.9), 0.08, 0.9)


def _draw_nose(pen: Pen, person: Person) -> None:
    dark = shade(person.skin, 0.7)
    pen.shape(np.array([[0.05, -0.1], [0.2, 0.4], [0.02, 0.45]]), dark, 0.05, 0.5)
    pen.shape(oval(0, 0.4, 0.17, 0.13), shade(person.skin, 1.05), 0.04, 0.8)
    for side in (-1, 1):
        pen.line(
            oval(side * 0.15, 0.42, 0.07, 0.09, 90 - side * 90 - 60, 90 - side * 90 + 80),
            dark,
            0.035,
        )
        pen.shape(oval(side * 0.08, 0.5, 0.055, 0.03), shade(person.skin, 0.4), 0.012)


def _draw_mouth(pen: Pen, person: Person) -> None:
    lips = (178, 84, 84)
    pen.shape(oval(0, 0.85, 0.34, 0.1, 180, 360), shade(lips, 0.9), 0.012)
    pen.shape(oval(0, 0.85, 0.32, 0.13, 0, 180), lips, 0.012)
    pen.line(
        np.array([[-0.35, 0.84], [-0.12, 0.87], [0.12, 0.87], [0.35, 0.84]]), (96, 36, 40), 0.03
    )
    pen.shape(oval(0, 1.03, 0.2, 0.04), shade(person.skin, 0.72), 0.04, 0.6)


def _draw_mask(pen: Pen, person: Person) -> None:
    """A surgical mask; with the nose out its upper edge lies below the nostrils."""
    top = 0.14 if person.wears is MASK else 0.62
    edge = 0.2 if person.wears is MASK else 0.55
    cloth = person.cloth
    strap = (238, 238, 236)
    for ear in (-1, 1):
        pen.line(np.array([[ear * 0.9, edge + 0.06], [ear * 1.04, -0.08]]), strap, 0.05)
        pen.line(np.array([[ear * 0.78, 1.02], [ear * 1.04, 0.28]]), strap, 0.05)
    brim = np.array([[0.93, edge], [0.5, (edge + top) / 2 - 0.02]])
    side = np.array([[0.9, 0.7], [0.76, 1.05], [0.42, 1.32]])
    mirror = (-1, 1)
    upper = np.concatenate([brim * mirror, [[0, top]], brim[::-1]])
    sheet = np.concatenate([upper, side, [[0, 1.42]], side[::-1] * mirror])
    pen.shape(np.add(sheet, (0.02, 0.05)), shade(person.skin, 0.55), 0.05, 0.5)
    pen.shape(sheet, cloth, 0.01)
    pen.shape(oval(0.6, (edge + 1.3) / 2, 0.36, 0.5), shade(cloth, 0.8), 0.15, 0.5)
    height = 1.36 - edge
    for share in (0.3, 0.52, 0.74):
        y = edge + share * height
        half = 0.88 if y < 0.8 else 0.7
        pen.line(oval(0, y - 0.05, half, 0.1, 10, 170), shade(cloth, 0.82), 0.03)
    pen.line(np.add(upper, (0, 0.03)), shade(cloth, 1.12), 0.05)


def _draw_fringe(pen: Pen, person: Person) -> None:
    fringe = np.concatenate(
        [oval(0, -0.45, 1.1, 0.98, 180, 360), oval(0.1, -0.52, 0.98, 0.3, 0, -180)]
    )
    pen.shape(fringe, person.hair, 0.02)
    pen.line(oval(-0.1, -0.6, 0.8, 0.7, 210, 300), shade(person.hair, 1.5), 0.06, 0.4)
    if person.long_hair:
        for side in (-1, 1):
            lock = np.array(
                [[1.0, -0.6], [1.22, 0.2], [1.3, 1.6], [1.0, 1.7], [1.04, 0.6], [0.9, -0.3]]
            )
            pen.shape(lock * (side, 1), person.hair, 0.02)


def main() -> None:
    """Draws, saves and judges all samples."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the pictures go")
    parser.add_argument("--model", type=Path, help="judge with this classifier")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    analyzer = maskwatch.Analyzer(options.model)
    for sample in SAMPLES:
        path = options.out / sample.path.name
        Image.fromarray(draw_scene(SCENES[sample.name])).save(path, quality=88, optimize=True)
        report = analyzer.analyze(path)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, {report.face_origin}")
        if len(report.faces) != len(sample.shows):
            print(f"  {len(report.faces)} faces are found, not {len(sample.shows)}")
        for face, meant in zip(report.faces, sample.shows, strict=False):
            mark = " " if face.state is meant else "!"
            print(f"  {mark} {meant} -> {face.state}, {face.probabilities[meant]:.3f}")


if __name__ == "__main__":
    main()
