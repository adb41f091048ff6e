"""Keras model -> the bytes of an ONNX file."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

_ANY_SIDE_PX = 64


def convert_to_onnx(model: Any) -> bytes:
    """Convert with Keras' own exporter; the batch size, and what else the input leaves, stay free.

    The exporter imports parts of NumPy and TensorFlow that warn about their future; a user can do
    nothing about it, so the warnings stay inside.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sides = (side or _ANY_SIDE_PX for side in model.input_shape[1:])
        model(np.zeros((1, *sides), model.input_dtype))  # it exports only what ran
        path = Path(folder) / "model.onnx"
        model.export(str(path), format="onnx", verbose=False)
        return path.read_bytes()
