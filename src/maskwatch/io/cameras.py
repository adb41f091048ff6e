"""A live source: a thread reads it, only the newest frame counts, what is lost is sought again."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from threading import Condition, Thread
from typing import Generic, TypeVar

from maskwatch.errors import VideoError, VideoFault
from maskwatch.io.connections import Pictures, RetryPolicy, SourceLost
from maskwatch.io.video_source import VideoSource
from maskwatch.schema import Frame

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

# how long a thread may take to see that it should stop
_BEAT_S = 0.05
# A thread that waits for a silent server cannot be woken; it ends by itself when the wait is over.
_FAREWELL_S = 0.5

ENDS_WITHIN_S = 12.0
"""However mute a server, who reads from it has ended by then: `answer_s` and some more."""

_LONGEST_WAIT_S = 20.0


class Latest(Generic[T]):
    """A place for one value between two threads: a new one takes the place of one not yet taken.

    Attributes:
        dropped: how many were replaced before anyone took them.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._value: T | None = None
        self._changed = Condition()

    def put(self, value: T) -> bool:
        """Offer a value; whether one that nobody took gives way to it."""
        with self._changed:
            replaced = self._value is not None
            self.dropped += replaced
            self._value = value
            self._changed.notify()
        return replaced

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
        self,
        name: str,
        connect: Callable[[RetryPolicy], Pictures],
        policy: RetryPolicy | None = None,
    ) -> None:
        """Note what to connect to; a thread does so when the first frame is asked for.

        Args:
            name: what to call it in messages.
            connect: makes a connection and yields its pictures.
            policy: how long to wait for what.
        """
        self._connect = connect
        self._policy = policy or RetryPolicy()
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
        policy = self._policy
        longest_s = policy.give_up_s + policy.longest_pause_s + 2 * policy.answer_s
        if time.monotonic() - self._heard_s > longest_s:
            reason = f"does not react any more (for {longest_s:.0f} s)"
            raise VideoError(self.name, reason, VideoFault.STUCK)

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
        policy = self._policy
        while not self._stopping:
            try:
                with closing(self._connect(policy)) as pictures:
                    for image_rgb, arrived_s in pictures:
                        if self._stopping:
                            return
                        if arrived_s - self._heard_s < self._policy.picture_s:
                            policy = self._policy
                        if failures:
                            _LOG.warning("%s: connected again", self.name)
                        failures = 0
                        self._heard_s = arrived_s
                        self._latest.put(Frame(image_rgb, arrived_s, index))
                        index += 1
                reason, fault = "the stream ended", VideoFault.ENDED
            except SourceLost as lost:
                reason, fault = str(lost), lost.fault
                if fault is VideoFault.FROZEN:
                    policy = _more_patient(policy)
            if index == 0:
                raise VideoError(self.name, reason, fault)
            silent_s = time.monotonic() - self._heard_s
            if silent_s > self._policy.give_up_s:
                reason = f"{reason}; given up after {silent_s:.0f} s"
                raise VideoError(self.name, reason, fault)
            pause_s = pause_before(failures, self._policy)
            failures += 1
            _LOG.warning("%s: %s; connecting again in %.1f s", self.name, reason, pause_s)
            self._pause(pause_s)

    def _pause(self, pause_s: float) -> None:
        end_s = time.monotonic() + pause_s
        while not self._stopping and (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _BEAT_S))


def _more_patient(policy: RetryPolicy) -> RetryPolicy:
    """Waits twice as long for a picture: what seems frozen may be a camera that sends few."""
    longest_s = max(policy.picture_s, _LONGEST_WAIT_S)
    return replace(policy, picture_s=min(2 * policy.picture_s, longest_s))


def pause_before(failures: int, policy: RetryPolicy) -> float:
    """Seconds to wait before connecting again after so many attempts that failed in a row."""
    # the power is bounded, or a week of failures would overflow
    doubled_s = policy.first_pause_s * 2.0 ** min(failures, 30)
    return min(doubled_s, policy.longest_pause_s) * random.uniform(0.5, 1)
