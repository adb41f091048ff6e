"""The public names are the ones that are promised, and each is explained.

Run: pytest tests/package/test_public_surface.py
"""

from __future__ import annotations

import inspect
import subprocess
import sys

import maskwatch
from maskwatch.errors import MaskWatchError


def test_the_promised_names_and_no_others() -> None:
    public = {
        name
        for name in dir(maskwatch)
        if not name.startswith("_") and not inspect.ismodule(getattr(maskwatch, name))
    }
    assert public | {"__version__"} == set(maskwatch.__all__)
    assert sorted(maskwatch.__all__) == maskwatch.__all__


def test_a_name_is_loaded_when_it_is_used() -> None:
    code = """if True:
        import sys, maskwatch
        assert "numpy" not in sys.modules
        assert isinstance(maskwatch.Analyzer, type)
        from maskwatch import *
        assert open_source is maskwatch.open_source
        try:
            maskwatch.Analyser
        except AttributeError as error:
            print(error)"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "module 'maskwatch' has no attribute 'Analyser'\n"


def test_every_public_class_says_what_it_is() -> None:
    for name in maskwatch.__all__:
        value = getattr(maskwatch, name)
        if inspect.isclass(value):
            assert inspect.getdoc(value), name


def test_every_error_can_be_caught_at_once() -> None:
    errors = [
        value
        for value in map(maskwatch.__dict__.get, maskwatch.__all__)
        if inspect.isclass(value) and issubclass(value, Exception)
    ]
    assert len(errors) >= 6
    assert all(issubclass(error, MaskWatchError) for error in errors)


def test_the_command_and_the_module_are_one() -> None:
    version = subprocess.run(
        [sys.executable, "-m", "maskwatch", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert version.stdout == f"maskwatch, version {maskwatch.__version__}\n"
