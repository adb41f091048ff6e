"""float32 network -> int8: static, per channel, with the ranges that its layers show on faces.

Written as pairs of nodes that quantise and undo it (QDQ), which ONNX Runtime fuses where it can.
Not what ships: `benchmarks/int8.py` has the numbers that say why.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.bench.speed import draw_frame
from maskwatch.models.card import SHIPPED_MODEL
from maskwatch.pipeline import Analyzer

CALIBRATIONS = ("MinMax", "Percentile")
"""How the range of a layer follows from what it shows: all of it, or all but the rarest values."""


def quantise(
    model: Path, images: Iterable[NDArray[np.uint8]], target: Path, calibration: str = "MinMax"
) -> None:
    """Write an int8 version of a network.

    Args:
        model: an ONNX file with one input.
        images: what to calibrate on, batches as the network takes them.
        target: where the int8 file goes.
        calibration: one of CALIBRATIONS.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # protobuf's remarks on itself
        from onnxruntime.quantization import (
            CalibrationDataReader,
            CalibrationMethod,
            QuantFormat,
            QuantType,
            quantize_static,
        )
        from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder, "prepared.onnx")
        # its symbolic shapes need a package that nothing else here does; plain ones suffice
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        name = _input_name(prepared)

        class Reader(CalibrationDataReader):  # type: ignore[misc]  # no type information
            def __init__(self) -> None:
                self._batches = ({name: batch} for batch in images)

            def get_next(self) -> dict[str, Any] | None:
                return next(self._batches, None)

        quantize_static(
            str(prepared),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[calibration],
        )


def _input_name(model: Path) -> str:
    import onnx

    return str(onnx.load(str(model)).graph.input[0].name)


# The shipped classifier in int8, calibrated on drawn faces, for `maskwatch bench` to time.
#
# python -m maskwatch.training.classifier.int8 FILE


def main() -> None:
    """Write FILE."""
    analyzer = Analyzer()
    frame = draw_frame((1280, 720), 20)
    faces, _ = analyzer.find_live(frame)
    quantise(SHIPPED_MODEL, [analyzer.crops(frame, faces, analyzer.origin)], Path(sys.argv[1]))


if __name__ == "__main__":
    main()
