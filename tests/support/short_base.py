"""MobileNetV2 with seven of its seventeen blocks, for tests that are about what is around it.

To build, trace, train and export a network costs by the layer, hardly by what is in it.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

LEFT_OUT = (4, 5, 7, 8, 9, 10, 11, 12, 14, 15)
"""Of the blocks that leave the size as it is one stays, for its sum of two branches."""


def short_base() -> Any:
    """While this patch holds, Keras makes the short one; weights of one do not fit the other."""
    from keras.src.applications import mobilenet_v2

    whole_block = mobilenet_v2._inverted_res_block

    def block(inputs: Any, *, block_id: int, **sizes: Any) -> Any:
        return inputs if block_id in LEFT_OUT else whole_block(inputs, block_id=block_id, **sizes)

    return mock.patch.object(mobilenet_v2, "_inverted_res_block", block)
