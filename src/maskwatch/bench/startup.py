"""From nothing to a first verdict in processes of their own, and how much memory that takes."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import maskwatch
from maskwatch.errors import MaskWatchError
from maskwatch.models.card import SHIPPED_DETECTOR, SHIPPED_MODEL

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
from maskwatch.cli.main import cli
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


# What an installation takes on disk: MaskWatch, what it needs, and the shipped networks.

_PACKAGE = Path(maskwatch.__file__).parent


def sizes() -> dict[str, Any]:
    """Megabytes (millions of bytes) of the base installation, by package, and of the networks.

    A package is counted as it lies on disk here, compiled files included. MaskWatch itself is its
    package folder, wherever it runs from.
    """
    packages = {"maskwatch": _folder_bytes(_PACKAGE)}
    for name in base_requirements():
        packages[name] = _distribution_bytes(distribution(name))
    return {
        "base_install_mb": _mb(sum(packages.values())),
        "packages_mb": {name: _mb(size) for name, size in packages.items()},
        "models_mb": {
            path.stem: _mb(path.stat().st_size) for path in (SHIPPED_MODEL, SHIPPED_DETECTOR)
        },
    }


def base_requirements() -> list[str]:
    """All packages that MaskWatch without extras needs, those that they need included.

    Without installed metadata (a bare checkout) there are none.
    """
    found: dict[str, None] = {}
    waiting = ["maskwatch"]
    while waiting:
        try:
            requirements = distribution(waiting.pop()).requires or []
        except PackageNotFoundError:  # for another system, or no installation at all
            continue
        for requirement in requirements:
            name, _, marker = requirement.partition(";")
            name = re.split(r"[\s\[<>=!~(]", name.strip(), maxsplit=1)[0].lower()
            if "extra" not in marker and name not in found and _is_installed(name):
                found[name] = None
                waiting.append(name)
    return sorted(found)


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _distribution_bytes(package: Distribution) -> int:
    paths = [Path(str(package.locate_file(file))) for file in package.files or []]
    return sum(_disk_bytes(path) for path in paths if path.is_file())


def _folder_bytes(folder: Path) -> int:
    return sum(_disk_bytes(path) for path in folder.rglob("*") if path.is_file())


def _disk_bytes(path: Path) -> int:
    status = path.stat()
    return getattr(status, "st_blocks", -(-status.st_size // 512)) * 512


def _mb(size: int) -> float:
    return round(size / 1e6, 1)
