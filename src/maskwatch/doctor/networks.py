"""Whether the shipped networks are whole and judge as they did when they were made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from maskwatch.app.samples import SAMPLES
from maskwatch.doctor.finding import Finding
from maskwatch.errors import MaskWatchError, ModelError
from maskwatch.model_card import (
    SHIPPED_DETECTOR,
    SHIPPED_MODEL,
    DetectorCard,
    ModelCard,
    load_detector,
    load_model,
)
from maskwatch.pipeline import Analyzer
from maskwatch.runtime import create_session
from maskwatch.schema import MaskState

# what other processors and versions of ONNX Runtime make of the same numbers
_TOLERANCE = 1e-3
_AGAIN = "pip install --force-reinstall --no-deps maskwatch"
_BUILD = "pip install --force-reinstall onnxruntime"


def check_networks() -> Iterator[Finding]:
    """Each network by itself, then both on a drawn photo."""
    yield check_network("detector", SHIPPED_DETECTOR, load_detector)
    yield check_network("classifier", SHIPPED_MODEL, load_model)
    yield check_verdict()


def check_network(
    topic: str, path: Path, load: Callable[[Path], tuple[bytes, ModelCard | DetectorCard]]
) -> Finding:
    """Load a network, which compares its hash with the card, and ask it what it was asked once."""
    golden = path.with_suffix(".golden.npz")
    try:
        content, card = load(path)
        session = create_session(content, str(path))
        with golden.open("rb") as file, np.load(file) as arrays:
            asked, expected = (arrays[name] for name in arrays.files)  # as they were written
    except ModelError as error:
        return Finding(topic, "cannot be used", (f"{error}; {_AGAIN}",))
    except (OSError, ValueError, EOFError, BadZipFile):
        return Finding(topic, card.name, (f"{golden.name} is missing or damaged; {_AGAIN}",))
    images = asked if asked.ndim == 4 else asked[None]
    answer = np.asarray(session.run(None, {session.get_inputs()[0].name: images})[0])
    difference = float(np.abs(answer.reshape(expected.shape) - expected).max())
    says = f"{card.name}; fits its card; differs by {difference:.1g} from the day it was made"
    fault = f"answers otherwise than when it was made; {_BUILD}, and report this if it stays"
    return Finding(topic, says, () if difference <= _TOLERANCE else (fault,))


def check_verdict() -> Finding:
    """Judge a drawn photo with several people, from the file to the states."""
    sample = max(SAMPLES, key=lambda sample: len(sample.shows))
    try:
        analyzer = Analyzer()
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
