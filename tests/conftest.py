"""What tests of several files are given."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

# Ahead of any test that loads TensorFlow: each brings its own OpenSSL, and libsrtp, which live
# video in the browser needs, crashes if the other one is there first. The product never loads both.
import pylibsrtp  # noqa: F401
import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import settings

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
