"""What `maskwatch app` sets of Streamlit's options, and what it does in their place.

Run: pytest tests/pages/test_streamlit_settings.py
"""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

from streamlit import config
from streamlit.testing.v1 import AppTest

from maskwatch.app import views
from maskwatch.cli.app import STREAMLIT_SETTINGS

MAIN = Path(views.__file__).parents[1] / "main.py"


def test_streamlit_knows_every_one() -> None:
    options = {option.env_var: option for option in config.get_config_options().values()}
    for name, value in STREAMLIT_SETTINGS.items():
        default = options[name].default_val
        if isinstance(default, bool):
            assert value == str(not default).lower(), f"{name} is not needed"
        elif isinstance(default, int):
            assert int(value)


def test_what_lies_in_circles_goes_after_a_whole_run() -> None:
    """Streamlit itself is told not to do it; a visitor's photos may be among it."""

    class Circle:
        pass

    circle = Circle()
    circle.itself = circle  # type: ignore[attr-defined]
    left = weakref.ref(circle)
    del circle
    gc.disable()  # not by chance
    try:
        app = AppTest.from_file(str(MAIN), default_timeout=120).run()
        assert left() is None
    finally:
        gc.enable()
    assert not app.exception
