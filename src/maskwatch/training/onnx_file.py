"""Keras model -> the bytes of an ONNX file."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np


def convert_to_onnx(model: Any) -> bytes:
    """Convert with Keras' own exporter; the batch size stays free.

    The exporter imports parts of NumPy and TensorFlow that warn about their future; a user can do
    nothing about it, so the warnings stay inside.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model(np.zeros((1, *model.input_shape[1:]), model.input_dtype))  # it exports only what ran
        path = Path(folder) / "model.onnx"
        model.export(str(path), format="onnx", verbose=False)
        return path.read_bytes()
