"""The devices that networks may run on: their names, which of them are here, and which is meant."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Literal, get_args

from maskwatch.errors import MissingExtraError, SettingError, pip

Device = Literal["auto", "cpu", "openvino", "cuda", "coreml", "directml"]
DEVICES: tuple[Device, ...] = get_args(Device)
DEVICE_VARIABLE = "MASKWATCH_DEVICE"
"""Says which one where nobody else does."""

PROVIDERS: dict[Device, tuple[str, dict[str, str]]] = {
    # TensorFloat-32 has three digits; to try all algorithms takes seconds for each size of picture
    "cuda": ("CUDAExecutionProvider", {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}),
    "coreml": ("CoreMLExecutionProvider", {}),
    "directml": ("DmlExecutionProvider", {}),
}
"""What ONNX Runtime calls those that it brings, and how it is to use them."""

_AUTO: tuple[Device, ...] = ("cuda", "openvino")
"""What auto tries, the most promising first. Not CoreML, which is untried and on every Mac."""


def _instead_of_onnxruntime(package: str) -> str:
    """The commands that put another build of ONNX Runtime in the place of the one that is here."""
    install = pip(f'install "{package}"')
    return f"{pip('uninstall -y onnxruntime')}, then {install}"


_BROUGHT_BY: dict[Device, str] = {
    "cuda": _instead_of_onnxruntime("onnxruntime-gpu[cuda,cudnn]"),
    "coreml": "it comes with onnxruntime on macOS",
    "directml": f"on Windows: {_instead_of_onnxruntime('onnxruntime-directml')}",
}


def chosen_device(device: str | None) -> Device:
    """The device that was named, else the one that the environment names, else auto.

    Raises:
        SettingError: there is no such device, or not here.
        MissingExtraError: OpenVINO is not installed.
    """
    named = device or os.environ.get(DEVICE_VARIABLE) or "auto"
    if named not in DEVICES:
        source = "device" if device else DEVICE_VARIABLE
        raise SettingError(f"{source}: must be one of {', '.join(DEVICES)}, not {named}")
    if named != "auto" and not is_here(named):
        if named == "openvino":
            raise MissingExtraError("device openvino", "openvino")
        raise SettingError(f"device {named}: ONNX Runtime has it not here; {_BROUGHT_BY[named]}")
    return named


def is_here(device: Device) -> bool:
    """Whether what a device needs is installed."""
    if device == "openvino":
        return find_spec("openvino") is not None
    return device == "cpu" or PROVIDERS[device][0] in _providers()


def devices_here() -> list[Device]:
    """All that are here, this processor first."""
    return [device for device in DEVICES if device != "auto" and is_here(device)]


def _providers() -> list[str]:
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def rival_of(chosen: Device) -> Device | None:
    """What is to be held against this processor, None where nothing is."""
    if chosen == "auto":
        return next((device for device in _AUTO if is_here(device)), None)
    return None if chosen == "cpu" else chosen
