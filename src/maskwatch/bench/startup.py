"""From nothing to a first verdict in processes of their own, and how much memory that takes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwatch.errors import MaskWatchError

# A process's high-water mark is its own only in /proc: what the kernel tells a parent of a child
# that ended may still be the parent's, from before the child became another program.
_PEAK = """
def peak_mb():
    try:
        with open("/proc/self/status") as file:
            return next(int(l.split()[1]) for l in file if l.startswith("VmHWM")) * 1024 / 1e6
    except (OSError, StopIteration):
        try:
            import resource
        except ImportError:
            return None
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
"""
_STEPS = (
    """
import sys, time, json
t0 = time.perf_counter()
import maskwatch
t1 = time.perf_counter()
analyzer = maskwatch.Analyzer()
t2 = time.perf_counter()
analyzer.analyze(sys.argv[1])
t3 = time.perf_counter()
"""
    + _PEAK
    + """
print(json.dumps({"import_s": t1 - t0, "load_s": t2 - t1, "verdict_s": t3 - t2}))
"""
)
_PREDICT = (
    """
import sys, json
from maskwatch.cli import cli
"""
    + _PEAK
    + """
try:
    cli(["predict", sys.argv[1]])
except SystemExit as done:
    if done.code:
        raise
print(json.dumps({"peak_mb": peak_mb()}))
"""
)


@dataclass(frozen=True, slots=True)
class StartUp:
    """Medians over some processes.

    Attributes:
        import_s: `import maskwatch`.
        load_s: making an Analyzer, its warm-up included.
        verdict_s: the first photo after that.
        whole_s: `maskwatch predict photo.jpg` from its start to its end.
        peak_mb: most memory that process had, millions of bytes; None where it cannot be told.
        runs: how many processes of each kind.
    """

    import_s: float
    load_s: float
    verdict_s: float
    whole_s: float
    peak_mb: float | None
    runs: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        peak = None if self.peak_mb is None else round(self.peak_mb, 1)
        seconds = ("import_s", "load_s", "verdict_s", "whole_s")
        known = {name: round(getattr(self, name), 3) for name in seconds}
        return {**known, "peak_mb": peak, "runs": self.runs}


def time_start(photo: Path, runs: int) -> StartUp:
    """Start `runs` processes of each kind, in turn.

    Raises:
        MaskWatchError: one of them failed.
    """
    steps, wholes, peaks = [], [], []
    for _ in range(runs):
        steps.append(_ask(_STEPS, photo)[0])
        told, took_s = _ask(_PREDICT, photo)
        wholes.append(took_s)
        peaks.append(told["peak_mb"])
    known = [peak for peak in peaks if peak is not None]
    return StartUp(
        **{name: statistics.median(step[name] for step in steps) for name in steps[0]},
        whole_s=statistics.median(wholes),
        peak_mb=max(known) if known else None,
        runs=runs,
    )


def _ask(code: str, photo: Path) -> tuple[dict[str, float], float]:
    """What a process says of itself in its last line, and how long it lived."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, str(photo)], capture_output=True, text=True, check=False
    )
    took_s = time.perf_counter() - start
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise MaskWatchError(f"bench: a process that judges a photo failed ({reason})")
    return json.loads(done.stdout.splitlines()[-1]), took_s
