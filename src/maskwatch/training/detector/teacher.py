"""What another detector scores on a training scene, for our network to answer as well.

Labels say where faces are. A network that has seen other photos says of every place how much it
looks like one, and to imitate that teaches more than the labels of the same photos ("Distilling the
Knowledge in a Neural Network", Hinton et al. 2015).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import SettingError
from maskwatch.models.runtime import create_session
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
