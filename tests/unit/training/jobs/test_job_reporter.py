"""A job told to stop stops, also where a library swallows what the signal raises.

Run: pytest tests/unit/training/jobs/test_job_reporter.py
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from maskwatch.training.jobs.job import Reporter, Stopped

STEPS: dict[str, Callable[[Reporter], None]] = {
    "batch": lambda reporter: reporter.trained(0, 1, 4),
    "picture": lambda reporter: reporter.advance(1),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_stop_that_is_swallowed_is_heeded_with_the_next_step(
    tmp_path: Path, step: Callable[[Reporter], None]
) -> None:
    reporter = Reporter(tmp_path)
    step(reporter)
    before = signal.signal(signal.SIGTERM, reporter.stop)
    try:
        with suppress(BaseException):  # as Keras does for a moment after each epoch
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    with pytest.raises(Stopped):
        step(reporter)
