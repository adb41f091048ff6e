"""Everything that `maskwatch watch` runs: cameras, those who judge, tell and write."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from maskwatch.bookkeeping import Ledger
from maskwatch.errors import StoreError
from maskwatch.pipeline import Analyzer
from maskwatch.runtime import available_cpus
from maskwatch.store import StatisticsStore, default_path
from maskwatch.store_events import EventStore
from maskwatch.stream import Stream
from maskwatch.video_live import ENDS_WITHIN_S, Patience
from maskwatch.watch.camera import Books, Camera, Offered
from maskwatch.watch.config import WatchConfig
from maskwatch.watch.evidence import EvidenceFolder
from maskwatch.watch.journal import Journal
from maskwatch.watch.queue import AlertQueue
from maskwatch.watch.sending import Sender, Sink
from maskwatch.watch.turns import Turns
from maskwatch.watch.view import CameraView
from maskwatch.watch.webhook import Webhook

if TYPE_CHECKING:
    from maskwatch.watch.mqtt import Broker

_LOG = logging.getLogger(__name__)

TICK_S = 1.0
"""The broker learns of changes, and it is looked who is over, so often."""

_PURGE_EVERY_S = 60.0
_BEAT_S = 0.1


class Watch:
    """Many cameras in one process.

    As many threads judge as there are cores, with one Analyzer; cameras take turns at them, each
    with its newest frame (see Turns).

    Attributes:
        cameras: all of them.
        queue: alerts that wait.
    """

    def __init__(
        self, config: WatchConfig, analyzer: Analyzer, patience: Patience | None = None
    ) -> None:
        """Read what an earlier run left; nothing is opened or connected yet.

        Args:
            config: what to do.
            analyzer: judges all cameras.
            patience: how long cameras wait for what.

        Raises:
            StoreError: the file of the events cannot be read.
        """
        path = store_path(config)
        store = EventStore(path)
        self.queue = AlertQueue(
            config.sinks, config.queue_limit, waiting=store.waiting(), rules=store.rules()
        )
        self._ledger = Ledger(StatisticsStore(path))
        self._journal = Journal(store, self.queue)
        self._evidence = _evidence(config)
        books = Books(self._ledger, self._journal, self.queue, self._evidence)
        self._turns: Turns[Camera, Offered] = Turns()
        self.cameras = [
            Camera(
                *(one, Stream(analyzer, one.steadiness), config.rules, books, self._turns),
                patience=patience,
            )
            for one in config.cameras
        ]
        self._broker = _broker(config)
        sinks: list[Sink] = [Webhook(webhook) for webhook in config.webhooks]
        sinks += [self._broker] if self._broker else []
        self._senders = [Sender(sink, self.queue) for sink in sinks]
        self._stopping = False
        self._judging = True

    def stop(self) -> None:
        """End soon. Only notes it, so a signal handler may ask for it, or any thread."""
        self._stopping = True

    def run(self, each_tick: Callable[[Sequence[CameraView]], None]) -> None:
        """Watch until stopped, or until all cameras were files and are over.

        Args:
            each_tick: called every second with the views of all cameras, and at the end.
        """
        purged_s = -_PURGE_EVERY_S
        with self._running():
            while True:
                self._pause(TICK_S)
                over = self._stopping or all(camera.is_over for camera in self.cameras)
                views = [camera.view() for camera in self.cameras]
                for view in views:
                    if self._broker:
                        self._broker.show(view)
                each_tick(views)
                if self._evidence and time.monotonic() - purged_s >= _PURGE_EVERY_S:
                    purged_s = time.monotonic()
                    self._evidence.purge()
                if over:
                    return

    def _pause(self, pause_s: float) -> None:
        end_s = time.monotonic() + pause_s
        while not self._stopping and (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _BEAT_S))

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Start everything; at the end stop it, in the order in which one needs the other."""
        with ExitStack() as stack:
            stack.callback(self._wait_for_readers)
            stack.callback(self._flush)  # what the senders have done in their last moment
            if self._broker:
                self._broker.start()
                stack.callback(self._broker.stop)
            for sender in self._senders:
                sender.start()
                stack.callback(sender.stop)
            stack.callback(self._flush)
            workers = [Thread(target=self._work, name="judge") for _ in range(available_cpus())]
            stack.callback(self._end, workers)
            for thread in workers:
                thread.start()
            for camera in self.cameras:
                camera.start()
            yield

    def _end(self, workers: Sequence[Thread]) -> None:
        """Judge no more."""
        for camera in self.cameras:
            camera.stop()
        self._judging = False
        for thread in workers:
            thread.join()
        for camera in self.cameras:
            camera.close()

    def _wait_for_readers(self) -> None:
        """One that waits for a mute server ends when its time is over; nothing wakes it before."""
        end_s = time.monotonic() + ENDS_WITHIN_S
        for camera in self.cameras:
            camera.has_ended(max(0.0, end_s - time.monotonic()))

    def _work(self) -> None:
        while self._judging:
            if turn := self._turns.take(_BEAT_S):
                camera, offered = turn
                camera.judge(offered)
                self._turns.done(camera)

    def _flush(self) -> None:
        for writer in (self._ledger, self._journal):
            try:
                writer.flush()
            except StoreError as error:
                _LOG.error("%s: not written: %s", writer.name, error)


def store_path(config: WatchConfig) -> Path:
    """The file of the events and counts."""
    return config.store or default_path()


def _evidence(config: WatchConfig) -> EvidenceFolder | None:
    if config.evidence is None:
        return None
    return EvidenceFolder(config.evidence.folder, config.evidence.keep_days)


def _broker(config: WatchConfig) -> Broker | None:
    if config.mqtt is None:
        return None
    from maskwatch.watch.mqtt import Broker  # paho-mqtt is part of an extra

    return Broker(config.mqtt, [camera.name for camera in config.cameras])
