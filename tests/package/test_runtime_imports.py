"""Analysing a picture loads neither the training framework nor any other door.

Run: pytest tests/package/test_runtime_imports.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import RED, write_toy_model

FORBIDDEN = (
    "tensorflow",
    "keras",
    "torch",
    "pandas",
    "pyarrow",
    "sklearn",
    "matplotlib",
    "onnx",
    "streamlit",
    "av",
    "tkinter",
    "yaml",
    "paho",
    "fsspec",
    "ray",
    "fastapi",
    "starlette",
    "uvicorn",
    "pydantic",
    "prometheus_client",
    "httpx",
    "websockets",
)
REPORT = f"""
import sys
loaded = sorted(set({FORBIDDEN!r}) & set(sys.modules))
print("loaded:", *loaded, file=sys.stderr)
"""
IMPORT = "import maskwatch"
PREDICT = """
import sys
from maskwatch.cli.main import main
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
"""
HELP = PREDICT.replace("main()", "sys.argv[1:] = ['--help']; main()")
DOCTOR = PREDICT.replace("main()", "sys.argv[1:] = ['doctor']; main()")


@pytest.mark.parametrize(
    "code", [IMPORT, PREDICT, HELP, DOCTOR], ids=["import", "predict", "help", "doctor"]
)
def test_loads_no_heavy_package(tmp_path: Path, code: str) -> None:
    Image.fromarray(crowd((3, 2, RED))).save(tmp_path / "red.png")
    arguments = ["predict", "--model", write_toy_model(tmp_path), tmp_path / "red.png"]
    arguments += ["--detector", write_toy_detector(tmp_path)]
    seen = subprocess.run(
        [sys.executable, "-c", code + REPORT, *arguments, "--save", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (seen.returncode, seen.stderr) == (0, "loaded:\n")
