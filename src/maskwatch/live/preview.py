"""A window on live pictures, with Tk: it comes with Python, and this OpenCV has no windows."""

from __future__ import annotations

import time
from collections.abc import Callable

from PIL import Image

from maskwatch.io.cameras import Latest
from maskwatch.io.draw import annotate, write_status
from maskwatch.live.loop import Judged, Rate, status_text
from maskwatch.schema import ImageRGB

_POLL_MS = 15
# how often a picture that stays gets its growing age
_REFRESH_S = 0.25
_SCREEN_SHARE = 0.9


class NoWindow(Exception):
    """No window can be opened; the message says why."""


class Window:
    """Shows the newest frame with its boxes, and a line about speed and age.

    Escape, q and the button of the window close it. It belongs to the main thread, as Tk wants it;
    the frames come from another.
    """

    def __init__(self, title: str) -> None:
        """Open it.

        Raises:
            NoWindow: there is no screen, or this Python is without Tk.
        """
        try:
            import tkinter

            from PIL import ImageTk
        except ImportError:
            raise NoWindow("this Python is without Tk") from None
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError:
            raise NoWindow("there is no screen") from None
        self._root.title(title)
        self._root.protocol("WM_DELETE_WINDOW", self._root.quit)
        for key in ("<Escape>", "q"):
            self._root.bind(key, lambda _: self._root.quit())
        self._picture = tkinter.Label(self._root, background="black")
        self._picture.pack(fill="both", expand=True)
        self._new_photo = ImageTk.PhotoImage
        self._photo: ImageTk.PhotoImage | None = None

    def show(self, latest: Latest[Judged], rate: Rate, running: Callable[[], bool]) -> None:
        """Show the frames that come until nothing is running any more, or somebody closes it.

        Args:
            latest: where the newest frame is put.
            rate: counts them.
            running: whether more may come.
        """
        shown: Judged | None = None
        drawn_s = 0.0
        failures: list[BaseException] = []

        def fail(_: object, error: BaseException, __: object) -> None:
            failures.append(error)
            self._root.quit()

        def poll() -> None:
            nonlocal shown, drawn_s
            if not running():
                self._root.quit()
                return
            newer = latest.take(0)
            now_s = time.monotonic()
            if newer or (shown and now_s - drawn_s > _REFRESH_S):
                shown, drawn_s = newer or shown, now_s
                assert shown is not None
                age_s = now_s - shown.arrived_s
                text = status_text(rate.rate_fps, shown.latency_s, age_s)
                self._put(write_status(annotate(shown.frame.image_rgb, shown.report), text))
            self._root.after(_POLL_MS, poll)

        self._root.report_callback_exception = fail  # Tk would print it and go on
        self._root.after(0, poll)
        self._root.mainloop()
        self._root.destroy()
        if failures:
            raise failures[0]

    def _put(self, image_rgb: ImageRGB) -> None:
        image = Image.fromarray(image_rgb)
        room = (self._root.winfo_screenwidth(), self._root.winfo_screenheight())
        # only ever smaller, so that a large picture fits the screen
        image.thumbnail((round(room[0] * _SCREEN_SHARE), round(room[1] * _SCREEN_SHARE)))
        if self._photo and (self._photo.width(), self._photo.height()) == image.size:
            self._photo.paste(image)
        else:
            self._photo = self._new_photo(image)
            self._picture.configure(image=self._photo)
