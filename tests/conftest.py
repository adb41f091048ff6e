"""What all tests share: a home of their own, the folder's name as a marker, and what costs much."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Ahead of any test that loads TensorFlow: each brings its own OpenSSL, and libsrtp, which live
# video in the browser needs, crashes if the other one is there first. The product never loads both.
import pylibsrtp  # noqa: F401
import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import settings
from support.orphans import end_with_me
from support.paths import TESTS
from support.scheduling import Scheduling

# What a test leaves at home is in nobody's way, neither another worker's nor that of whoever runs
# the tests. Ahead of all that looks there when it is loaded.
_home = tempfile.TemporaryDirectory(prefix="maskwatch-home-", ignore_cleanup_errors=True)
os.environ.setdefault("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
# Matplotlib's list of fonts, which each process would else make anew for a second or two.
os.environ.setdefault("MPLCONFIGDIR", str(Path.home() / ".cache" / "matplotlib"))
os.environ["HOME"] = _home.name
for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
    os.environ.pop(name, None)

# What is tested is what everybody has; other devices are named by the tests that are about them.
os.environ["MASKWATCH_DEVICE"] = "cpu"

end_with_me()

# A busy machine takes long now and then. The same examples each time, so that what fails was broken
# by the change at hand; `pytest -m hypothesis --hypothesis-profile search` looks for new ones.
settings.register_profile("every time", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile("every time")

# Nothing asked in a test answers in five seconds on a machine that stands still for ten.
for step in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, step, 60.0)

# A shell starts what it puts in the background deaf to Ctrl-C, and all that is started from there
# inherits it; those whom the tests interrupt must hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# The dearest folders first, so that no worker is alone with one at the end.
ORDER = ("browser", "training", "package", "pages", "process", "unit")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    """Who runs what, where several tests run at a time."""
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test is marked by the folder it lies in."""
    for item in items:
        if (kind := _kind(item)) in (*ORDER, "scale"):
            item.add_marker(kind)
    items.sort(key=lambda item: ORDER.index(_kind(item)) if _kind(item) in ORDER else len(ORDER))


def pytest_collection_finish() -> None:
    """All code is loaded and stays; Streamlit has the collector run after each run of a page."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """What the tests of a file leave in circles is freed here, in the main thread.

    Else it is freed in whatever thread makes the next object, and libraries that brought threads of
    their own (video, networks) end the process now and then where another thread frees theirs.
    """
    yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()  # what is still there stays, so that the next time costs little


def _kind(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Streamlit leaves a page in the main module's place, which new processes would then run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """The name of an X display of 800 x 600 pixels."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    if not number:
        pytest.skip("Xvfb does not start here")
    yield f":{number}"
    server.terminate()
    server.wait()
