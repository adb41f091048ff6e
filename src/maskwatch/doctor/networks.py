"""Whether the shipped networks are whole and judge as they did when they were made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from maskwatch.doctor.packages import Finding
from maskwatch.errors import MaskWatchError, ModelError, pip
from maskwatch.models.card import (
    SHIPPED_DETECTOR,
    SHIPPED_MODEL,
    DetectorCard,
    ModelCard,
    load_detector,
    load_model,
)
from maskwatch.models.device import Device, chosen_device, devices_here
from maskwatch.models.network import TOLERANCE, largest_difference, open_engine
from maskwatch.pipeline import Analyzer
from maskwatch.samples import SAMPLES
from maskwatch.schema import MaskState

_AGAIN = pip("install --force-reinstall --no-deps maskwatch")
_BUILD = pip("install --force-reinstall onnxruntime")


def check_networks() -> Iterator[Finding]:
    """Each network by itself, then both on a drawn photo, then on other devices that are here."""
    yield check_network("detector", SHIPPED_DETECTOR, load_detector)
    yield check_network("classifier", SHIPPED_MODEL, load_model)
    choice = check_choice()
    yield check_verdict("cpu" if choice.faults else None)  # a wrong choice is no broken network
    yield choice
    for device in devices_here():
        if device != "cpu":
            yield check_device(device)


def check_network(
    topic: str, path: Path, load: Callable[[Path], tuple[bytes, ModelCard | DetectorCard]]
) -> Finding:
    """Load a network, which compares its hash with the card, and ask it what it was asked once."""
    try:
        content, card = load(path)
        difference = golden_difference("cpu", content, path)
    except ModelError as error:
        return Finding(topic, "cannot be used", (f"{error}; {_AGAIN}",))
    except (OSError, ValueError, EOFError, BadZipFile):
        fault = f"{_golden(path).name} is missing or damaged; {_AGAIN}"
        return Finding(topic, card.name, (fault,))
    says = f"{card.name}; fits its card; differs by {difference:.1g} from the day it was made"
    fault = f"answers otherwise than when it was made; {_BUILD}, and report this if it stays"
    return Finding(topic, says, () if difference <= TOLERANCE else (fault,))


def golden_difference(device: Device, model: bytes, path: Path) -> float:
    """How far answers of a network on a device are from those on the day it was made."""
    with _golden(path).open("rb") as file, np.load(file) as arrays:
        asked, expected = (arrays[name] for name in arrays.files)  # as they were written
    images = asked if asked.ndim == 4 else asked[None]
    answer = open_engine(device, model, images.shape[1:])(images)
    return largest_difference(answer.reshape(expected.shape), expected)


def _golden(path: Path) -> Path:
    return path.with_suffix(".golden.npz")


def check_choice() -> Finding:
    """Which device is meant, by the environment or by itself."""
    try:
        device = chosen_device(None)
    except MaskWatchError as error:
        return Finding("device", "none", (str(error),))
    return Finding("device", f"{device} is asked for; `maskwatch bench` compares those here")


def check_device(device: Device) -> Finding:
    """Ask both networks on a device what they were asked once."""
    topic = f"device {device}"
    try:
        difference = max(
            golden_difference(device, path.read_bytes(), path)
            for path in (SHIPPED_DETECTOR, SHIPPED_MODEL)
        )
    except Exception as error:  # libraries for devices raise anything at all
        why = " ".join(str(error).split())[:200] or repr(error)
        return Finding(topic, "cannot be used", (f"{why}; the processor is used instead",))
    says = f"both networks differ by {difference:.1g} from the day they were made"
    fault = "answers otherwise than the processor, which is used instead"
    return Finding(topic, says, () if difference <= TOLERANCE else (fault,))


def check_verdict(device: Device | None = None) -> Finding:
    """Judge a drawn photo with several people, from the file to the states.

    Args:
        device: see Analyzer.
    """
    sample = max(SAMPLES, key=lambda sample: len(sample.shows))
    try:
        analyzer = Analyzer(device=device)
        analyzer.analyze(sample.path)  # the first is slow
        began_s = time.perf_counter()
        report = analyzer.analyze(sample.path)
        took_ms = (time.perf_counter() - began_s) * 1000
    except MaskWatchError as error:
        return Finding("verdict", "none", (f"{error}; {_AGAIN}",))
    states = tuple(face.state for face in report.faces)
    faults: tuple[str, ...] = ()
    if states != sample.shows:
        wrong = f"a drawn photo shows {_told(sample.shows)} and is judged {_told(states)}"
        faults = (f"{wrong}; {_BUILD}, and report this if it stays",)
    return Finding("verdict", f"{len(states)} drawn faces in {took_ms:.0f} ms", faults)


def _told(states: Iterable[MaskState]) -> str:
    return ", ".join(states) or "nobody"
