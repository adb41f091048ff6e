"""Refuses ONNX files whose weights lie in other files.

A card's hash is that of the ONNX file. Weights beside it could be changed under the same hash, and
ONNX Runtime would look for them in the working directory. Only the skeleton of the file is read
here (protocol buffers, onnx.proto3): the package onnx belongs to training.
"""

from __future__ import annotations

from collections.abc import Iterator

from maskwatch.errors import ModelError

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14

# Message -> field number -> the message in it, as far as tensors can be below it.
_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}


def refuse_external_data(model: bytes, name: str) -> None:
    """See whether all weights of a network are in its file.

    Args:
        model: the content of an ONNX file.
        name: what to call it in an error.

    Raises:
        ModelError: they are not, or it is no ONNX file.
    """
    waiting = [("model", memoryview(model))]
    try:
        while waiting:
            kind, message = waiting.pop()
            for number, value in _fields(message):
                if kind == "tensor" and _is_external(number, value):
                    raise ModelError(
                        f"{name}: its weights lie in another file, which its hash does not "
                        "cover; save it as one file (onnx.save_model without external data)"
                    )
                part = _PARTS[kind].get(number)
                if part and isinstance(value, memoryview):
                    waiting.append((part, value))
    except (ValueError, IndexError) as error:
        raise ModelError(f"{name}: ONNX Runtime cannot load it (no ONNX file)") from error


def _is_external(number: int, value: int | memoryview) -> bool:
    return number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The number of each field, and its value: a whole number, or bytes.

    Raises:
        ValueError, IndexError: it is no message.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        value: int | memoryview
        if wire == 0:
            value, at = _varint(message, at)
        else:
            length = {1: 8, 5: 4}.get(wire)
            if wire == 2:
                length, at = _varint(message, at)
            if length is None or at + length > len(message):
                raise ValueError("no protocol buffer")
            value, at = message[at : at + length], at + length
        yield key >> 3, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("no protocol buffer")
