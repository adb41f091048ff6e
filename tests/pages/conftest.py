"""Pages without a browser: what AppTest does at every run, and need not."""

from __future__ import annotations

# Streamlit looks for modules beside the page first, and one of our pages has this name
import statistics  # noqa: F401
from collections.abc import Iterator
from functools import cache

import pytest
from streamlit import config

try:
    from streamlit.components.v2 import manifest_scanner
except ImportError:  # an older Streamlit, which looks for none
    manifest_scanner = None
else:
    found_once = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(scope="module", autouse=True)
def components() -> Iterator[None]:
    """Installed packages are looked through once, not at every run, where it took 0.5 s each."""
    with pytest.MonkeyPatch.context() as patch:
        if manifest_scanner:
            patch.setattr(manifest_scanner, "scan_component_manifests", found_once)
        yield


@pytest.fixture(scope="module", autouse=True)
def streamlit_settings() -> Iterator[None]:
    """As `maskwatch app` has them."""
    names = ("runner.magicEnabled", "runner.postScriptGC")
    for name in names:
        config.set_option(name, False)
    yield
    for name in names:
        config.set_option(name, True)
