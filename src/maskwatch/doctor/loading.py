"""Whether packages can be loaded, tried in a process of its own for each.

A package that was built for another NumPy, or lacks a library of the system, may print a page of
text or end the process; both stay there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from maskwatch.doctor.finding import Finding
from maskwatch.runtime import NO_TELEMETRY

_LONGEST_S = 60

# -P below keeps files of the current folder from being taken for packages
_TRY = """
import importlib, sys
module = importlib.import_module(sys.argv[1])
print("\\n" + module.__version__, *getattr(module, "get_available_providers", list)())
"""

_MODULES = {
    "numpy": "numpy",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "onnxruntime": "onnxruntime",
}
"""What judging a picture loads, and the package that brings it."""

_BUILT_FOR_ANOTHER_NUMPY = ("multiarray", "_ARRAY_API", "numpy.dtype size", "NumPy 1.x")


def check_loading() -> Iterator[Finding]:
    """Load each package that judging a picture needs."""
    for module, package in _MODULES.items():
        told, reason = load(module)
        if reason is None:
            version, *providers = told.split()
            has = f"; CPUExecutionProvider is used, there are: {', '.join(providers)}"
            yield Finding(f"loads {module}", version + has * bool(providers))
        else:
            fault = f"cannot be loaded ({reason}); pip install --force-reinstall {package}"
            yield Finding(f"loads {module}", "no", (f"{fault}{_hint(reason)}",))


def load(module: str) -> tuple[str, str | None]:
    """Load a module in a process of its own.

    Returns:
        Its version and, of ONNX Runtime, what it can run networks on, with spaces between; and why
        it cannot be loaded, None if it can.
    """
    command = [sys.executable, "-P", "-c", _TRY, module]
    try:
        tried = subprocess.run(
            command,
            env={NO_TELEMETRY: "1", **os.environ},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST_S,
        )
    except subprocess.TimeoutExpired:
        return "", f"not within {_LONGEST_S} s"
    if tried.returncode == 0:
        return tried.stdout.splitlines()[-1], None
    if tried.returncode < 0:
        return "", f"it ends the process with signal {-tried.returncode}"
    said = [line for line in tried.stderr.splitlines() if line.strip()]
    return "", said[-1].strip() if said else f"exit code {tried.returncode}"


def _hint(reason: str) -> str:
    """What more to do about failures that a new copy of the package does not cure."""
    if any(words in reason for words in _BUILT_FOR_ANOTHER_NUMPY):
        return ", and numpy as well: they were built for different versions of it"
    if ".so" in reason or "DLL" in reason:
        return ", or add the library to the system"
    return ""
