"""How long the network alone and a whole detector take, in milliseconds.

Runs are interleaved, one of each in turn, so that whatever else the machine does falls on all
alike: trust the ratios more than the milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np

from maskwatch.bench.clock import Call, time_rounds
from maskwatch.detect import Detector
from maskwatch.runtime import create_session
from maskwatch.schema import ImageRGB

NETWORK_SIZES_WH = ((320, 256), (640, 480))
NETWORK_RUNS = 60


def network_times(model: bytes, name: str) -> dict[str, dict[str, float]]:
    """Times of the bare network in ONNX Runtime by input size, "WIDTHxHEIGHT".

    Args:
        model: ONNX file that takes uint8 (n, H, W, 3).
        name: what to call it in an error.
    """
    session = create_session(model, name)
    input_name = session.get_inputs()[0].name
    random = np.random.default_rng(0)
    calls: dict[str, Call] = {}
    for width, height in NETWORK_SIZES_WH:
        picture = random.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
        calls[f"{width}x{height}"] = partial(session.run, None, {input_name: picture})
    return interleaved(calls for _ in range(NETWORK_RUNS))


def detect_times(
    detectors: Mapping[str, Detector], images: Iterable[ImageRGB]
) -> dict[str, dict[str, float]]:
    """Times of detect() by name of the detector; the first of the images (H, W, 3) warms up."""
    return interleaved(
        {name: partial(detector.detect, image_rgb) for name, detector in detectors.items()}
        for image_rgb in images
    )


def interleaved(rounds: Iterable[Mapping[str, Call]]) -> dict[str, dict[str, float]]:
    """Median, 95th percentile and number of runs of each call; the first round warms up.

    "ratio" is the median over the rounds of its time to that of the first call.
    """
    times = time_rounds(rounds)
    base = next(iter(times.values()), None)
    return {
        name: {
            "median_ms": round(each.p50_ms, 2),
            "p95_ms": round(each.p95_ms, 2),
            "ratio": round(each.ratio_to(base or each), 3),
            "runs": len(each.each_ms),
        }
        for name, each in times.items()
    }
