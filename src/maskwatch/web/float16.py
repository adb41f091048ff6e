"""An ONNX file -> the same network with weights of two bytes, widened when it is loaded."""

from __future__ import annotations

from maskwatch.errors import MissingExtraError

_LEAST_VALUES = 64
"""Smaller tensors are shapes and scales, which save nothing."""


def to_float16(model: bytes) -> bytes:
    """The same network with narrow weights; inputs, outputs and arithmetic keep four bytes.

    Args:
        model: the content of an ONNX file.

    Raises:
        MissingExtraError: the package that reads ONNX files is not installed.
    """
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise MissingExtraError("--slim", "train") from error
    proto = onnx.load_from_string(model)
    casts = []
    for tensor in proto.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _LEAST_VALUES:
            continue
        wide, narrow = tensor.name, f"{tensor.name}_float16"
        tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), narrow))
        casts.append(helper.make_node("Cast", [narrow], [wide], to=TensorProto.FLOAT))
    for place, node in enumerate(casts):  # ahead of whatever uses them
        proto.graph.node.insert(place, node)
    return bytes(proto.SerializeToString())
