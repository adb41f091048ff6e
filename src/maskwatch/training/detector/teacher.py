"""What another detector scores on a training scene, for our network to answer as well.

Labels say where faces are. A network that has seen other photos says of every place how much it
looks like one, and to imitate that teaches more than the labels of the same photos ("Distilling the
Knowledge in a Neural Network", Hinton et al. 2015). It hardly knows turned faces, so it sees each
photo of a scene upright as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import SettingError
from maskwatch.models.runtime import create_session
from maskwatch.schema import ImageRGB
from maskwatch.training.detector.scenes import GREY, Scene, output_points
from maskwatch.vision.letter_box import STRIDES_PX

Grids = NDArray[np.float32]

_CLASS, _OBJECT = "cls_{}", "obj_{}"
_UNSEEN = 0.02  # what scores less is nothing to imitate


class Teacher:
    """YuNet (Wu et al. 2023) as its authors publish it. Threads may share one."""

    def __init__(self, path: Path) -> None:
        """Load it.

        Args:
            path: `yunet_n_dynamic.onnx`.

        Raises:
            SettingError: the file is not YuNet's.
            ModelError: ONNX Runtime cannot use it.
        """
        self._session = create_session(path.read_bytes(), str(path), threads=1)
        self._names = [name.format(s) for name in (_CLASS, _OBJECT) for s in STRIDES_PX]
        if not {*self._names} <= {output.name for output in self._session.get_outputs()}:
            raise SettingError(f"{path}: no YuNet; its answers are not called {self._names[0]} ...")

    def scores(self, images: NDArray[np.uint8]) -> Grids:
        """Its score at each point of our network: of the cells that cover it and of neighbours.

        Args:
            images: RGB (n, S, S, 3), S a multiple of 32.

        Returns:
            (n, A) from 0 to 1, in the order of `output_points`.
        """
        bgr = np.ascontiguousarray(images[..., ::-1].transpose(0, 3, 1, 2), np.float32)
        answers = self._session.run(self._names, {self._session.get_inputs()[0].name: bgr})
        levels = len(STRIDES_PX)
        fine, middle, coarse = (
            _grid(answers[level], answers[levels + level], images.shape[1] // stride)
            for level, stride in enumerate(STRIDES_PX)
        )
        for_fine = np.maximum(_near(fine), _double(np.maximum(middle, _double(coarse))))
        seen = np.maximum(_near(middle), _half(_near(fine)))
        for_coarse = np.maximum(_near(coarse), _half(seen))
        for_middle = np.maximum(seen, _double(coarse))
        grids = (for_fine, for_middle, for_coarse)
        scores = np.concatenate([grid.reshape(len(images), -1) for grid in grids], axis=1)
        return np.where(scores < _UNSEEN, 0, scores).astype(np.float32)


def seen_upright(teacher: Teacher, scenes: Sequence[Scene]) -> Grids:
    """The teacher's scores of scenes of one size: the larger of those as they are and upright.

    Returns:
        (n, A), see Teacher.scores.
    """
    as_they_are = teacher.scores(np.stack([scene.image_rgb for scene in scenes]))
    upright = teacher.scores(np.stack([_turn_back(scene) for scene in scenes]))
    points = output_points(scenes[0].image_rgb.shape[0])
    turned = np.stack(
        [_turn(scores, scene, points) for scores, scene in zip(upright, scenes, strict=True)]
    )
    return np.maximum(as_they_are, turned)


def _turn_back(scene: Scene) -> ImageRGB:
    """The scene with each photo upright, turned round the middle of its tile."""
    image = scene.image_rgb.copy()
    for left, top, right, bottom, turned_deg in scene.tiles:
        tile = image[int(top) : int(bottom), int(left) : int(right)]
        height, width = tile.shape[:2]
        # OpenCV turns counter-clockwise, round the centres of pixels
        back = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turned_deg, 1.0)
        tile[:] = cv2.warpAffine(tile, back, (width, height), borderValue=GREY)
    return image


def _turn(upright: Grids, scene: Scene, points: Grids) -> Grids:
    """Scores (A,) of the upright scene at the points (A, 3) where its photos lie; 0 outside."""
    scores = np.zeros(len(points), np.float32)
    strides = points[:, 2]
    cells = scene.image_rgb.shape[0] // strides
    first = np.searchsorted(strides, strides)  # where each grid begins: strides go up
    for left, top, right, bottom, turned_deg in scene.tiles:
        low, high = np.array([left, top]), np.array([right, bottom])
        middle = (low + high) / 2
        cos, sin = np.cos(np.deg2rad(turned_deg)), np.sin(np.deg2rad(turned_deg))
        places = (points[:, :2] - middle) @ np.array([[cos, -sin], [sin, cos]]) + middle
        cell = places // strides[:, None]
        nearest = (cell + 0.5) * strides[:, None]
        inside = [((xy >= low) & (xy < high)).all(axis=1) for xy in (points[:, :2], nearest)]
        here = inside[0] & inside[1]
        column, row = cell[here].T
        scores[here] = upright[(first[here] + row * cells[here] + column).astype(int)]
    return scores


def _grid(class_scores: Grids, object_scores: Grids, side: int) -> Grids:
    """Scores (n, side, side) as YuNet means them: the root of both together."""
    both = np.clip(class_scores[..., 0], 0, 1) * np.clip(object_scores[..., 0], 0, 1)
    scores: Grids = np.sqrt(both).reshape(-1, side, side)
    return scores


def _double(grids: Grids) -> Grids:
    return grids.repeat(2, axis=1).repeat(2, axis=2)


def _half(grids: Grids) -> Grids:
    """The largest of each four."""
    count, side, _ = grids.shape
    largest: Grids = grids.reshape(count, side // 2, 2, side // 2, 2).max(axis=(2, 4))
    return largest


def _near(grids: Grids) -> Grids:
    """The largest of each cell and those round it."""
    padded = np.pad(grids, ((0, 0), (1, 1), (1, 1)))
    rows = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return np.maximum(np.maximum(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:])
