"""What a result was made with: packages, revision, processor; for run folders and benchmarks."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Version of each package that is installed."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except ModuleNotFoundError:  # PackageNotFoundError is one
            continue
    return found


def git_revision() -> str | None:
    """Revision of the checkout the code runs from; None for an installed package."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def cpu_name() -> str:
    """The processor as it calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
