"""The window, on a screen of its own: what it shows, and what closes it.

Run: pytest tests/process/test_preview.py
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
from PIL import Image, ImageGrab
from support.fakes import judged, report

from maskwatch.io.cameras import Latest
from maskwatch.live.loop import Judged, Meter
from maskwatch.live.preview import NoWindow, Window

pytest.importorskip("tkinter", reason="this Python is without Tk")
LONGEST_S = 300


@pytest.fixture
def window(screen: str, monkeypatch: pytest.MonkeyPatch) -> Window:
    monkeypatch.setenv("DISPLAY", screen)
    return Window("test")


def seen(colour: tuple[int, int, int], width: int = 320, height: int = 240) -> Judged:
    image = np.full((height, width, 3), colour, np.uint8)
    return judged(report(size_wh=(width, height)), image, time.monotonic())


def shown(screen: str) -> Image.Image:
    return ImageGrab.grab(xdisplay=screen)


def until(done: bool, began_s: float) -> bool:
    """Whether to go on, for a time that no machine needs."""
    assert time.monotonic() - began_s < LONGEST_S
    return not done


def test_the_newest_picture_and_its_age(window: Window, screen: str) -> None:
    latest: Latest[Judged] = Latest()
    latest.put(seen((250, 10, 10)))
    latest.put(seen((10, 200, 10)))
    began_s = time.monotonic()
    lines = set()

    def running() -> bool:
        image = shown(screen)
        if image.getpixel((160, 100)) == (10, 200, 10):
            lines.add(image.crop((0, 215, 320, 240)).tobytes())
        return until(len(lines) >= 2, began_s)  # the age has grown

    window.show(latest, Meter(), running)
    assert len(lines) == 2


def test_pictures_of_another_size_and_larger_than_the_screen(window: Window, screen: str) -> None:
    latest: Latest[Judged] = Latest()
    latest.put(seen((250, 10, 10), 100, 100))
    began_s = time.monotonic()

    def running() -> bool:
        row = np.array(shown(screen))[50]
        if (row[50] == (250, 10, 10)).all() and latest.take(0) is None:
            latest.put(seen((10, 10, 250), 3000, 1000))
        blue_px = (row == (10, 10, 250)).all(axis=1).sum()
        return until(blue_px == 720, began_s)  # nine tenths of the screen

    window.show(latest, Meter(), running)


@pytest.mark.parametrize("event", ["<Escape>", "<Key-q>"])
def test_a_key_closes_it(window: Window, event: str) -> None:
    began_s = time.monotonic()

    def running() -> bool:
        window._root.focus_force()
        window._root.event_generate(event)
        return until(False, began_s)

    window.show(Latest(), Meter(), running)


def test_its_button_closes_it(window: Window) -> None:
    began_s = time.monotonic()

    def running() -> bool:
        window._root.tk.call(window._root.protocol("WM_DELETE_WINDOW"))
        return until(False, began_s)

    window.show(Latest(), Meter(), running)


def test_a_failure_ends_it(window: Window) -> None:
    def running() -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        window.show(Latest(), Meter(), running)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
def test_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(NoWindow, match="there is no screen"):
        Window("test")


def test_python_without_tk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tkinter", None)
    with pytest.raises(NoWindow, match="this Python is without Tk"):
        Window("test")
