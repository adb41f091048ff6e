"""A live source: a thread reads it, only the newest frame counts, what is lost is sought again."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Generic, TypeVar

from maskwatch.errors import VideoError
from maskwatch.schema import Frame, ImageRGB
from maskwatch.video_source import VideoSource

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

# how long a thread may take to see that it should stop
_BEAT_S = 0.05
# A thread that waits for a silent server cannot be woken; it ends by itself when the wait is over.
_FAREWELL_S = 0.5

ENDS_WITHIN_S = 12.0
"""However mute a server, who reads from it has ended by then: Patience.answer_s and some more."""


class SourceLost(Exception):
    """A connection gives no more pictures; the message is the reason."""


Pictures = Generator[tuple[ImageRGB, float]]
"""Pictures with the monotonic time of their arrival in seconds; ends, or raises SourceLost."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a live source waits for what, all in seconds.

    Attributes:
        answer_s: for a server's first answer.
        picture_s: for the next picture, before the stream counts as frozen.
        first_pause_s: before it is connected again; doubled each time, and cut by up to a half at
            random, so that many readers do not come back at once.
        longest_pause_s: where doubling ends.
        give_up_s: without a picture, before it counts as gone for good.
    """

    answer_s: float = 10.0
    picture_s: float = 5.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 10.0
    give_up_s: float = 60.0


class Latest(Generic[T]):
    """A place for one value between two threads: a new one takes the place of one not yet taken.

    Attributes:
        dropped: how many were replaced before anyone took them.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._value: T | None = None
        self._changed = Condition()

    def put(self, value: T) -> None:
        """Offer a value."""
        with self._changed:
            self.dropped += self._value is not None
            self._value = value
            self._changed.notify()

    def take(self, timeout_s: float) -> T | None:
        """The newest value that nobody took yet, None if none comes in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._value is not None, timeout_s)
            value, self._value = self._value, None
            return value


class LiveSource(VideoSource):
    """The newest frame of a camera or stream, whenever one is asked for.

    A connection that fails before its first frame is an error at once: the address is probably
    wrong. Later failures are waited out.
    """

    live = True

    def __init__(
        self, name: str, connect: Callable[[Patience], Pictures], patience: Patience | None = None
    ) -> None:
        """Note what to connect to; a thread does so when the first frame is asked for.

        Args:
            name: what to call it in messages.
            connect: makes a connection and yields its pictures.
            patience: how long to wait for what.
        """
        self._connect = connect
        self._patience = patience or Patience()
        self._latest: Latest[Frame] = Latest()
        self._failure: BaseException | None = None
        self._heard_s = 0.0
        self._thread: Thread | None = None
        super().__init__(name)

    def has_ended(self, timeout_s: float) -> bool:
        """Whether nothing is left of it, or will not be in time; for after `close`.

        A program that ends while a library still waits for a server may crash on its last steps.
        """
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _read(self) -> Generator[Frame]:
        self._heard_s = time.monotonic()
        thread = Thread(target=self._receive, name=f"reader of {self.name}", daemon=True)
        self._thread = thread
        thread.start()
        try:
            while not self._stopping:
                if frame := self._latest.take(_BEAT_S):
                    self.dropped = self._latest.dropped
                    yield frame
                elif self._failure:
                    raise self._failure
                else:
                    self._check_thread()
        finally:
            self._stopping = True
            thread.join(_FAREWELL_S)

    def _check_thread(self) -> None:
        """No wait is endless, even where a driver never comes back."""
        patience = self._patience
        longest_s = patience.give_up_s + patience.longest_pause_s + 2 * patience.answer_s
        if time.monotonic() - self._heard_s > longest_s:
            raise VideoError(self.name, f"does not react any more (for {longest_s:.0f} s)")

    def _receive(self) -> None:
        """What the thread does."""
        try:
            self._follow()
        except BaseException as error:
            self._failure = error

    def _follow(self) -> None:
        """Connect again and again until stopped.

        Raises:
            VideoError: there is no hope of another picture.
        """
        index = failures = 0
        while not self._stopping:
            try:
                with closing(self._connect(self._patience)) as pictures:
                    for image_rgb, arrived_s in pictures:
                        if self._stopping:
                            return
                        if failures:
                            _LOG.warning("%s: connected again", self.name)
                        failures = 0
                        self._heard_s = arrived_s
                        self._latest.put(Frame(image_rgb, arrived_s, index))
                        index += 1
                reason = "the stream ended"
            except SourceLost as lost:
                reason = str(lost)
            if index == 0:
                raise VideoError(self.name, reason)
            silent_s = time.monotonic() - self._heard_s
            if silent_s > self._patience.give_up_s:
                raise VideoError(self.name, f"{reason}; given up after {silent_s:.0f} s")
            pause_s = pause_before(failures, self._patience)
            failures += 1
            _LOG.warning("%s: %s; connecting again in %.1f s", self.name, reason, pause_s)
            self._pause(pause_s)

    def _pause(self, pause_s: float) -> None:
        end_s = time.monotonic() + pause_s
        while not self._stopping and (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _BEAT_S))


def pause_before(failures: int, patience: Patience) -> float:
    """Seconds to wait before connecting again after so many attempts that failed in a row."""
    # the power is bounded, or a week of failures would overflow
    doubled_s = patience.first_pause_s * 2.0 ** min(failures, 30)
    return min(doubled_s, patience.longest_pause_s) * random.uniform(0.5, 1)
