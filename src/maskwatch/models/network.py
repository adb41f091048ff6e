"""A network on this processor by ONNX Runtime, or on a device that answers the same."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.models.device import PROVIDERS, Device, chosen_device, rival_of
from maskwatch.models.runtime import available_cpus, create_session, never_end_in_children

TOLERANCE = 1e-3
"""Of a raw output: what other processors and versions make of the same numbers differs by less."""

Engine = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""A network that is ready: images (n, H, W, 3) in, its first output out. Threads may share it."""

_WORTH_PIXELS = 20_000_000
"""A size of picture of which so many pixels came is worth an engine of its own: to make one takes
about as long as the processor took for them, half a second to some."""
_MOST_ENGINES = 8
_ONE_SIZE: tuple[Device, ...] = ("openvino",)
"""Whose engines are for one size of picture each."""
_RACES = 3

_LOG = logging.getLogger(__name__)
_given_up: set[Device] = set()
_importing = Lock()
_eager = False


@contextmanager
def eager() -> Iterator[None]:
    """In the block networks try their device at the first picture of a size, and wait for it."""
    global _eager
    before, _eager = _eager, True
    try:
        yield
    finally:
        _eager = before


class Network:
    """A loaded network. Threads may share it.

    ONNX Runtime on this processor is always there. Another device gets a size of picture once that
    came often, and only if it gives the same answers; with auto, only if it is faster as well. It
    is held against the processor on a picture that was just judged, in a thread of its own: no
    frame waits for it.
    """

    def __init__(
        self, model: bytes, name: str, device: str | None = None, threads: int | None = None
    ) -> None:
        """Load it.

        Args:
            model: the content of an ONNX file that takes uint8 (n, H, W, 3).
            name: what to call it in an error.
            device: one of DEVICES; what `chosen_device` says if None.
            threads: how many one call uses on this processor; `available_cpus` if None.

        Raises:
            ModelError: ONNX Runtime cannot use it.
            SettingError: there is no such device here.
            MissingExtraError: OpenVINO is not installed.
        """
        chosen = chosen_device(device)
        self._session = create_session(model, name, threads)
        self._on_processor = session_engine(self._session)
        self._must_win = chosen == "auto"
        self._rival = rival_of(chosen)
        self._open = cache(lambda device, shape: open_engine(device, model, shape, threads))
        self._pixels: Counter[tuple[int, ...]] = Counter()
        self._engines: dict[tuple[int, ...], Engine] = {}
        self._making = Lock()

    @property
    def device(self) -> Device:
        """What judges: cpu, until another device has got a size of picture."""
        engines = list(self._engines.values())  # another thread may be adding one
        others = any(engine is not self._on_processor for engine in engines)
        return self._rival if others and self._rival else "cpu"

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Ask the network about images (n, H, W, 3)."""
        shape = images.shape[1:]
        if engine := self._engines.get(shape):
            return engine(images)
        if self._rival and self._is_due(images) and self._making.acquire(blocking=False):
            if _eager:
                self._try(self._rival, images)
            else:
                Thread(target=self._try, args=(self._rival, images.copy())).start()
        return self._on_processor(images)

    def _try(self, rival: Device, images: NDArray[np.uint8]) -> None:
        shape = images.shape[1:]
        try:
            if shape not in self._engines:  # another thread may just have made it
                self._engines[shape] = self._best(rival, images)
        finally:
            self._making.release()

    def _is_due(self, images: NDArray[np.uint8]) -> bool:
        shape = images.shape[1:]
        self._pixels[shape] += math.prod(images.shape[:3])
        room = len(self._engines) < _MOST_ENGINES or self._rival not in _ONE_SIZE
        return room and (_eager or self._pixels[shape] >= _WORTH_PIXELS)

    def _best(self, rival: Device, images: NDArray[np.uint8]) -> Engine:
        """The engine for pictures of this size."""
        try:
            if rival in _given_up:
                return self._on_processor
            engine = self._open(rival, images.shape[1:] if rival in _ONE_SIZE else ())
            difference = largest_difference(engine(images), self._on_processor(images))
            if not difference <= TOLERANCE:
                return self._without(rival, f"its answers differ by {difference:.2g}")
            is_wanted = not self._must_win or _is_faster(engine, self._on_processor, images)
        except Exception as error:  # libraries for devices raise anything at all
            return self._without(rival, " ".join(str(error).split())[:200] or repr(error))
        return engine if is_wanted else self._on_processor

    def _without(self, rival: Device, why: str) -> Engine:
        if rival not in _given_up:  # once for all networks of this process
            _given_up.add(rival)
            _LOG.warning("%s is not used, the processor is: %s", rival, why)
        return self._on_processor


def open_engine(
    device: Device, model: bytes, shape: tuple[int, ...], threads: int | None = None
) -> Engine:
    """A network on a device, whatever it answers there; the device's own errors come through.

    Args:
        device: one that is here, not auto.
        model: the content of an ONNX file.
        shape: of each image, (H, W, 3); only engines for one size ask for it.
        threads: how many one call uses on this processor; `available_cpus` if None.
    """
    if device == "openvino":
        return _openvino_engine(model, shape, threads)
    if device not in PROVIDERS:
        return session_engine(create_session(model, device, threads))
    provider = PROVIDERS[device]
    session = create_session(model, device, threads, [provider, "CPUExecutionProvider"])
    if provider[0] not in session.get_providers():  # it says so on standard error only
        raise RuntimeError("ONNX Runtime cannot start it; are its driver and libraries installed?")
    return session_engine(session)


def session_engine(session: Any) -> Engine:
    """A session of ONNX Runtime as an engine."""
    name = session.get_inputs()[0].name

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {name: images})[0], np.float32)

    return run


def _openvino_engine(model: bytes, shape: tuple[int, ...], threads: int | None) -> Engine:
    """A network for images of one size, which OpenVINO runs much faster than one for any size.

    It takes one image at a time, so that one engine serves every number of them.
    """
    openvino = _import_openvino()
    core = openvino.Core()
    network = core.read_model(model)
    network.reshape([1, *shape])
    cores = available_cpus()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16, where the processor has it
        "INFERENCE_NUM_THREADS": cores,
        "NUM_STREAMS": max(1, cores // (threads or cores)),
        "ENABLE_CPU_PINNING": False,  # other processes have work, too
    }
    compiled = core.compile_model(network, "CPU", settings)
    never_end_in_children(compiled)
    idle: list[Any] = []  # a request answers one thread at a time

    def run_one(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            request = idle.pop()
        except IndexError:
            request = compiled.create_infer_request()
        request.set_input_tensor(openvino.Tensor(np.ascontiguousarray(image[None])))
        request.infer()
        answer = np.array(request.get_output_tensor(0).data, np.float32)
        idle.append(request)
        return answer

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.concatenate([run_one(image) for image in images])

    return run


def _import_openvino() -> Any:
    """OpenVINO without its telemetry.

    It writes an identity of this computer into the user's folder when it is imported, and tells its
    maker over the network; where openvino_telemetry cannot be imported, it does neither.
    """
    with _importing:
        if "openvino" not in sys.modules:
            sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino
    return openvino


def largest_difference(answer: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Between two answers to the same images; infinite where they cannot be compared."""
    if answer.shape != expected.shape:
        return math.inf
    return float(np.abs(answer - expected).max(initial=0))


def _is_faster(engine: Engine, other: Engine, images: NDArray[np.uint8]) -> bool:
    """Whether the best of some runs is, in turn."""
    rounds = [(_seconds(engine, images), _seconds(other, images)) for _ in range(_RACES)]
    return min(mine for mine, _ in rounds) < min(theirs for _, theirs in rounds)


def _seconds(engine: Engine, images: NDArray[np.uint8]) -> float:
    began_s = time.perf_counter()
    engine(images)
    return time.perf_counter() - began_s
