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
    with suppress(Stopped):  # as Keras does for a moment after each epoch
        reporter.stop(signal.SIGTERM, None)  # the signal itself would end the tests if it came late
        pytest.fail("it goes on at once")
    with pytest.raises(Stopped):
        step(reporter)
