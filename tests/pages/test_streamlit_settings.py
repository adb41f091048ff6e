"""What `maskwatch app` sets of Streamlit's options.

Run: pytest tests/pages/test_streamlit_settings.py
"""

from __future__ import annotations

from streamlit import config

from maskwatch.cli.app import STREAMLIT_SETTINGS


def test_streamlit_knows_every_one() -> None:
    options = {option.env_var: option for option in config.get_config_options().values()}
    for name, value in STREAMLIT_SETTINGS.items():
        default = options[name].default_val
        if isinstance(default, bool):
            assert value == str(not default).lower(), f"{name} is not needed"
        elif isinstance(default, int):
            assert int(value)
