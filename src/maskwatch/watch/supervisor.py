"""Everything that `maskwatch watch` runs: cameras, those who judge, tell and write."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING

from maskwatch.errors import StoreError
from maskwatch.io.cameras import ENDS_WITHIN_S
from maskwatch.io.connections import RetryPolicy
from maskwatch.live.loop import Arrived
from maskwatch.models.runtime import available_cpus
from maskwatch.pipeline import Analyzer
from maskwatch.schema import ImageRGB
from maskwatch.store.corrections import CorrectionStore, delete_in_time
from maskwatch.store.statistics import StatisticsStore, StatisticsWriter
from maskwatch.stream import Stream
from maskwatch.watch.camera import Books, Camera
from maskwatch.watch.config import WatchConfig, store_path
from maskwatch.watch.event_store import EventStore, EventWriter
from maskwatch.watch.evidence import EvidenceFolder
from maskwatch.watch.fair_queue import FairQueue
from maskwatch.watch.outbox import AlertQueue, Sender, Sink, end_all
from maskwatch.watch.pictures import FindPicture, no_picture
from maskwatch.watch.status import CameraView
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
    with its newest frame (see FairQueue).

    Attributes:
        cameras: all of them.
        queue: alerts that wait.
        evidence: pictures of violations, None where none are kept.
        corrections: corrected answers, None where none are kept.
    """

    def __init__(
        self, config: WatchConfig, analyzer: Analyzer, policy: RetryPolicy | None = None
    ) -> None:
        """Read what an earlier run left; nothing is opened or connected yet.

        Args:
            config: what to do.
            analyzer: judges all cameras.
            policy: how long cameras wait for what.

        Raises:
            StoreError: the file of the events cannot be read.
        """
        path = store_path(config)
        store = EventStore(path)
        self.queue = AlertQueue(
            config.sinks, config.queue_limit, waiting=store.waiting(), rules=store.rules()
        )
        self._stores = (store, StatisticsStore(path))
        self._statistics = StatisticsWriter(self._stores[1])
        self._events = EventWriter(store, self.queue)
        self.evidence = _evidence(config)
        self.corrections = _corrections(config)
        books = Books(self._statistics, self._events, self.queue, self.evidence)
        self._fair_queue: FairQueue[Camera, Arrived[ImageRGB]] = FairQueue()
        self.cameras = [
            Camera(
                one,
                Stream(analyzer, one.steadiness),
                config.rules,
                books,
                self._fair_queue,
                policy=policy,
                page_url=config.page.url if config.page else None,
            )
            for one in config.cameras
        ]
        find_picture = self.evidence.find if self.evidence else no_picture
        self._broker = _broker(config, find_picture)
        sinks: list[Sink] = [
            Webhook(webhook, find_picture=find_picture) for webhook in config.webhooks
        ]
        sinks += _apprise_sinks(config, find_picture)
        sinks += [self._broker] if self._broker else []
        self._senders = [Sender(sink, self.queue) for sink in sinks]
        self._stopping = False
        self._judging = True

    def reconfigure(self, config: WatchConfig) -> None:
        """Go on with other zones and rules; cameras and receivers stay those that they were."""
        for camera, one in zip(self.cameras, config.cameras, strict=True):
            camera.reconfigure(one, config.rules)

    def stop(self) -> None:
        """End soon. Only notes it, so a signal handler may ask for it, or any thread."""
        self._stopping = True

    def run(self, each_tick: Callable[[Sequence[CameraView]], None]) -> None:
        """Watch until stopped, or until all cameras were files and are over.

        Args:
            each_tick: called every second with the views of all cameras, and at the end.

        Raises:
            DataError: corrections that are too old cannot be deleted.
        """
        if self.corrections:
            delete_in_time(self.corrections)
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
                if time.monotonic() - purged_s >= _PURGE_EVERY_S:
                    purged_s = time.monotonic()
                    self._tidy()
                if over:
                    return

    def _tidy(self) -> None:
        """What is too old goes; what a clock that was wrong has dated is dated anew."""
        if self.evidence:
            self.evidence.purge()
        for store in self._stores:
            with suppress(StoreError):  # those who write to it say so
                store.take_for_new(time.time())

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
            stack.callback(end_all, self._senders)
            for sender in self._senders:
                sender.start()
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
            if taken := self._fair_queue.take(_BEAT_S):
                camera, arrived = taken
                camera.judge(arrived)
                self._fair_queue.done(camera)

    def _flush(self) -> None:
        for writer in (self._statistics, self._events):
            try:
                writer.flush()
            except StoreError as error:
                _LOG.error("%s: not written: %s", writer.name, error)


def _evidence(config: WatchConfig) -> EvidenceFolder | None:
    if config.evidence is None:
        return None
    evidence = config.evidence
    return EvidenceFolder(
        evidence.folder, evidence.keep_days, evidence.picture, with_faces=config.is_correctable
    )


def _corrections(config: WatchConfig) -> CorrectionStore | None:
    if config.corrections is None:
        return None
    return CorrectionStore(config.corrections.folder, config.corrections.keep_days)


def _apprise_sinks(config: WatchConfig, find_picture: FindPicture) -> list[Sink]:
    if not config.apprise:
        return []
    from maskwatch.watch.apprise_sink import AppriseSink  # is here if the settings name it

    return [AppriseSink(one, find_picture) for one in config.apprise]


def _broker(config: WatchConfig, find_picture: FindPicture) -> Broker | None:
    if config.mqtt is None:
        return None
    from maskwatch.watch.mqtt import Broker  # paho-mqtt is part of an extra

    pictured = config.evidence if config.mqtt.picture else None
    picture_type = pictured.picture.media_type if pictured else None
    return Broker(config.mqtt, [one.name for one in config.cameras], picture_type, find_picture)
