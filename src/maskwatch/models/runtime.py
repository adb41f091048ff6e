"""The only place that makes ONNX Runtime sessions; files whose weights lie elsewhere get none.

A card's hash is that of the ONNX file. Weights beside it could be changed under the same hash, and
ONNX Runtime would look for them in the working directory. To see that, only the skeleton of the
file is read here (protocol buffers, onnx.proto3): the package onnx belongs to training.
"""

from __future__ import annotations

import ctypes
import math
import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from maskwatch.errors import ModelError

if TYPE_CHECKING:
    import onnxruntime


NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""Variable that ONNX Runtime 1.29 and newer read when they are loaded. Without it they write an
identity of this computer to the disk, and tell their maker of every process and network."""

_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CGROUP_V1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")

Providers = Sequence[str | tuple[str, dict[str, str]]]

_share: int | None = None
_sessions: weakref.WeakSet[Any] = weakref.WeakSet()


def take_share(cpus: int) -> None:
    """Leave the other cores to other processes: from now on this one uses so many at most."""
    import cv2

    global _share
    _share = cpus
    cv2.setNumThreads(cpus)


@contextmanager
def share(cpus: int) -> Iterator[None]:
    """The same while a block runs, for what is loaded in it."""
    global _share
    import cv2

    before, threads = _share, cv2.getNumThreads()
    take_share(cpus)
    try:
        yield
    finally:
        _share = before
        cv2.setNumThreads(threads)


def available_cpus() -> int:
    """Cores this process may really use: its affinity, cut by the container's quota and its share.

    ONNX Runtime sizes its pool by the host instead, which in a container with two cores of
    sixty-four means sixty-four threads that get in each other's way.
    """
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity call
        cpus = os.cpu_count() or 1
    quota = _cgroup_quota()
    limits = (cpus, None if quota is None else math.ceil(quota), _share)
    return max(1, min(limit for limit in limits if limit is not None))


def _cgroup_quota() -> float | None:
    """Cores granted by the control group, None where there is no limit or no control group."""
    try:
        if _CGROUP_V2.exists():
            quota, period = _CGROUP_V2.read_text().split()
        else:
            quota, period = _CGROUP_V1_QUOTA.read_text(), _CGROUP_V1_PERIOD.read_text()
        limit = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max" means no limit
        return None
    return limit if limit > 0 else None


class HomeProcess:
    """Remembers which process loaded a network.

    Its threads do not come along when a process is forked, and a child that asked them would wait
    for ever; so it is refused there.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._number = os.getpid()

    def check(self) -> None:
        """See whether this still is that process.

        Raises:
            ModelError: it is a child of it.
        """
        if os.getpid() != self._number:
            raise ModelError(
                f"{self._name}: was loaded before this process was forked; make the Analyzer in "
                "each process (as a pool's initializer), or start processes by 'spawn'"
            )


def create_session(
    model: bytes,
    name: str,
    threads: int | None = None,
    providers: Providers = ("CPUExecutionProvider",),
) -> onnxruntime.InferenceSession:
    """Make a session that uses the cores at hand and sleeps, rather than spins, between calls.

    Args:
        model: the content of an ONNX file.
        name: what to call it in an error.
        threads: how many one call uses; `available_cpus` if None.
        providers: what ONNX Runtime is to run it on, the first choice first.

    Raises:
        ModelError: ONNX Runtime cannot use it, or its weights lie in other files.
    """
    refuse_external_data(model, name)
    session = _session(model, name, _options(threads), providers)
    never_end_in_children(session)
    return session


def joined(model: bytes, name: str) -> bytes:
    """The same network with its steps joined, as any session has them, on whatever processor.

    A session that is made of it need not look for what can be joined.

    Args:
        model: the content of an ONNX file.
        name: what to call it in an error.

    Raises:
        ModelError: ONNX Runtime cannot use it, or its weights lie in other files.
    """
    refuse_external_data(model, name)
    options = _options(1)
    import onnxruntime

    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with TemporaryDirectory() as folder:
        path = Path(folder) / "joined.onnx"
        options.optimized_model_filepath = str(path)
        _session(model, name, options, ("CPUExecutionProvider",))
        return path.read_bytes()


def _options(threads: int | None) -> onnxruntime.SessionOptions:
    os.environ.setdefault(NO_TELEMETRY, "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # on Windows, and where somebody loaded it before us
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or available_cpus()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _session(
    model: bytes, name: str, options: onnxruntime.SessionOptions, providers: Providers
) -> onnxruntime.InferenceSession:
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(model, options, providers=list(providers))
    except Exception as error:  # its exceptions share no base class but Exception
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{name}: ONNX Runtime cannot load it ({first_line})") from error


def never_end_in_children(session: Any) -> None:
    """Let what has threads of its own not be ended by children that this process is forked into."""
    _sessions.add(session)


def _never_end_sessions() -> None:
    """What a forked child begins with: ending a session would wait for threads it has not got."""
    for session in list(_sessions):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_never_end_sessions)


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
