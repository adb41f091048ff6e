"""What a trained classifier says of a crop, for a smaller network to learn instead of the label.

A label says one word of a crop; a network that knows them says how sure one can be. Teacher and
pupil see the same altered crop, for many epochs ("Distilling the Knowledge in a Neural Network",
Hinton et al. 2015; "Knowledge distillation: A good teacher is patient and consistent", Beyer et al.
2022).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import SettingError
from maskwatch.models.card import load_model
from maskwatch.models.runtime import create_session
from maskwatch.training.recipes.classifier import Recipe


class Teacher:
    """An exported classifier, as it answers before calibration."""

    def __init__(self, path: Path, recipe: Recipe) -> None:
        """Load it.

        Args:
            path: the .onnx file, its card beside it.
            recipe: of the network that is to learn from it.

        Raises:
            ModelError: the file or its card cannot be used.
            SettingError: it sees other crops than the recipe's.
        """
        onnx, card = load_model(path)
        sees = card.input_side_px, card.crop_margin_ratio
        wanted = recipe.network.input_side_px, recipe.crop_margin_ratio
        if sees != wanted:
            raise SettingError(
                f"{path}: a teacher must see the same crops; its side and margin are {sees[0]} px "
                f"and {sees[1]:g}, the recipe's {wanted[0]} px and {wanted[1]:g}"
            )
        self._session = create_session(onnx, str(path))
        self._share = recipe.fit.teacher_share

    def probabilities(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, S, S, 3) -> (n, 3)."""
        return np.asarray(self._session.run(None, {self._session.get_inputs()[0].name: crops})[0])

    def targets(self, crops: NDArray[np.uint8], labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a network is to answer: what the teacher says, and for the rest the label.

        Args:
            crops: (n, S, S, 3), altered.
            labels: (n, 3); rows without a likeliest class are of crops that nobody can judge, and
                stay as they are.
        """
        is_clear = labels.max(axis=1, keepdims=True) > 0.5
        said = self._share * self.probabilities(crops) + (1 - self._share) * labels
        return np.where(is_clear, said, labels).astype(np.float32)
