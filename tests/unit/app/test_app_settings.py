"""What the command hands over to the pages: written, read, and nothing lost between.

Run: pytest tests/unit/app/test_app_settings.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maskwatch.app.settings import AppSettings
from maskwatch.errors import SettingError

FULL = AppSettings(
    model=Path("/m/a.onnx"),
    detector=Path("/m/b.onnx"),
    detector_side_px=960,
    tiles="auto",
    statistics=Path("/s/s.sqlite3"),
    evaluation=Path("/e"),
    runs=Path("/r"),
    data=(Path("/d/one"), Path("/d/two words")),
    weights=(Path("/w.h5"),),
    photos_mb=12.5,
    corrections=Path("/c"),
    corrections_days=7.5,
)


@pytest.mark.parametrize("settings", [AppSettings(), FULL])
def test_another_process_reads_what_was_written(settings: AppSettings) -> None:
    assert AppSettings.from_environment(settings.to_environment()) == settings


@pytest.mark.parametrize("variables", [{}, {"MASKWATCH_MODEL": "", "MASKWATCH_DATA": os.pathsep}])
def test_nothing_chosen_is_the_shipped_state(variables: dict[str, str]) -> None:
    assert AppSettings.from_environment(variables) == AppSettings()


def test_paths_hold_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    variables = AppSettings(model=Path("a.onnx"), data=(Path("d"),)).to_environment()
    assert variables["MASKWATCH_MODEL"] == str(tmp_path / "a.onnx")
    assert variables["MASKWATCH_DATA"] == str(tmp_path / "d")


@pytest.mark.parametrize(
    "name", ["MASKWATCH_DETECTOR_SIDE_PX", "MASKWATCH_PHOTOS_MB", "MASKWATCH_CORRECTIONS_DAYS"]
)
def test_a_word_for_a_number_is_refused_by_name(name: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: must be a number of .* not wide$"):
        AppSettings.from_environment({name: "wide"})


@pytest.mark.parametrize(
    ("variable", "number"),
    [
        ("MASKWATCH_PHOTOS_MB", "inf"),
        ("MASKWATCH_PHOTOS_MB", "nan"),
        ("MASKWATCH_PHOTOS_MB", "0.5"),
        ("MASKWATCH_CORRECTIONS_DAYS", "inf"),
        ("MASKWATCH_CORRECTIONS_DAYS", "nan"),
        ("MASKWATCH_CORRECTIONS_DAYS", "0"),
        ("MASKWATCH_CORRECTIONS_DAYS", "4000000"),
    ],
)
def test_a_number_that_no_server_can_keep_to_is_refused(variable: str, number: str) -> None:
    with pytest.raises(SettingError, match="must be"):
        AppSettings.from_environment({variable: number})


def test_tiles_that_are_switched_off_stay_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKWATCH_TILES", "auto")  # what the command was started with
    os.environ.update(AppSettings(tiles="off").to_environment())
    assert AppSettings.from_environment().tiles == "off"
