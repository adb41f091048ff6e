"""A network that answers with no numbers is never exported: it differs from itself.

Run: pytest tests/unit/training/test_parity.py
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from maskwatch.errors import ModelError
from maskwatch.training.classifier import export as classifier
from maskwatch.training.detector import train as detector
from maskwatch.training.recipes.classifier import Recipe


class Both:
    """An exported file and its Keras model, which give the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="x")]

    def run(self, _wanted: object, fed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        return [self.predict(fed["x"])]

    def predict(self, shown: NDArray[Any], verbose: int = 0) -> NDArray[Any]:
        return np.full((len(shown), 3), self.value, np.float32)

    def __call__(self, shown: NDArray[Any], training: bool = False) -> NDArray[Any]:
        return self.predict(shown)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_no_numbers_are_no_parity(value: float) -> None:
    broken = Both(value)
    with pytest.raises(ModelError, match="differs from Keras by nan"):
        classifier.check_parity(broken, broken, Recipe(name="x"))
    with pytest.raises(ModelError, match="differs from Keras by nan"):
        detector.check_parity(broken, broken)


def test_the_same_numbers_are() -> None:
    fine = Both(0.5)
    assert classifier.check_parity(fine, fine, Recipe(name="x")) == 0
    assert detector.check_parity(fine, fine) == 0
