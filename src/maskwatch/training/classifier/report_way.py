"""The student report's way of judging a frame, in a process of its own, for `maskwatch bench`.

    python -m maskwatch.training.classifier.report_way [FILE]

The whole frame is scaled to 224 x 224 and given to Keras. Answers each line of standard input, the
name of a way, with the milliseconds that it took. Writes the same network to FILE as ONNX if asked.
The weights are as they fall: they do not change how long it takes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from maskwatch.bench.speed import draw_frame
from maskwatch.schema import CLASSES, ImageRGB

SIDE_PX = 224
_FRAME_WH = (640, 480)


def report_network(weights: Path | None = None) -> Any:
    """MobileNetV2, frozen, with the report's head: two hidden layers as in its code.

    Args:
        weights: ImageNet weights of the base; as they fall if None.
    """
    base = keras.applications.MobileNetV2(
        input_shape=(SIDE_PX, SIDE_PX, 3),
        include_top=False,
        weights=str(weights) if weights else None,
    )
    base.trainable = False
    x = keras.layers.AveragePooling2D(7)(base.output)
    x = keras.layers.Flatten()(x)
    for _ in range(2):
        x = keras.layers.Dense(128, activation="relu")(x)
    x = keras.layers.Dropout(0.5)(x)
    outputs = keras.layers.Dense(len(CLASSES), activation="softmax")(x)
    return keras.Model(base.input, outputs)


def main() -> None:
    """Serve until standard input ends."""
    model = report_network()
    frame = draw_frame(_FRAME_WH, 1)
    if sys.argv[1:]:
        from maskwatch.training.onnx_file import convert_to_onnx

        Path(sys.argv[1]).write_bytes(convert_to_onnx(model))
    ways: dict[str, Callable[[NDArray[np.float32]], object]] = {
        "predict": lambda picture: model.predict(picture, verbose=0),
        "eager": lambda picture: np.asarray(model(picture, training=False)),
    }
    for way in ways.values():  # the first call of each builds things
        way(prepared(frame))
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        ways[line.strip()](prepared(frame))
        print((time.perf_counter() - start) * 1e3, flush=True)


def prepared(frame: ImageRGB) -> NDArray[np.float32]:
    """The whole frame as the network takes it, (1, 224, 224, 3)."""
    small = cv2.resize(frame, (SIDE_PX, SIDE_PX)).astype(np.float32)
    return np.asarray(small[None] / 255, np.float32)


if __name__ == "__main__":
    main()
