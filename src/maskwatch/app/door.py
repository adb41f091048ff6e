"""What `maskwatch app` has Streamlit serve: the pages, behind what stands before every call."""

from __future__ import annotations

from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from maskwatch.app.guard import Guard, UploadBudget
from maskwatch.app.runtime_file import RuntimeFile
from maskwatch.app.settings import AppSettings

_BUDGET = UploadBudget(round(AppSettings.from_environment().photos_mb * 1e6))

app = App(
    Path(__file__).with_name("main.py"),
    middleware=[Middleware(Guard, budget=_BUDGET), Middleware(RuntimeFile)],
)
