"""One process with one Analyzer, which may die: what each engine has as many of as it has workers.

The process sends the rows of each picture as soon as it has them. When it dies, whatever killed it,
the picture it was at is therefore known: a fresh process gets that one alone, and when that dies as
well the picture gets a row that says so. Everything before and after it is judged as usual.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

from maskwatch.batch.plan import CRASH, Chunk, Row, error_row, face_rows, failure_row
from maskwatch.batch.storage import is_address, read_picture, why
from maskwatch.errors import BatchError, MaskWatchError
from maskwatch.models import runtime
from maskwatch.models.runtime import available_cpus
from maskwatch.pipeline import Analyzer, Networks, network_hashes

Judged = Generator[tuple[Chunk, list[Row]], None, None]
"""Chunks with their rows, each as soon as it is done; closing it ends all work at once."""

TIMEOUT_S = 300.0
"""A picture that takes longer hangs; the largest that is decoded takes some seconds."""

_ATTEMPTS = 2
_STARTS = 3
"""So many processes in a row may die while they start, killed for memory that others use, say."""

_LAST_MOMENT_S = 2.0
"""How long a process may take to end after its pipe has."""

_AHEAD = 4
"""How many pictures of an object store are fetched while one is judged."""


@dataclass(frozen=True, slots=True)
class Task:
    """What every worker of a run is told.

    Attributes:
        networks: what judges.
        folder: what relative names start from.
        threads: how many cores each worker uses.
        timeout_s: how long one picture may take.
    """

    networks: Networks
    folder: str
    threads: int = 1
    timeout_s: float = TIMEOUT_S


class Worker:
    """A process that judges; it is started when it is needed and replaced when it dies."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._closed = False

    def judge(self, names: Sequence[str]) -> list[Row]:
        """The rows of pictures, in their order.

        Raises:
            MaskWatchError: no process can be started, or the worker was closed.
        """
        rows: list[Row] = []
        position, deaths = 0, 0
        while position < len(names):
            end = position + 1 if deaths else len(names)
            try:
                for found in self._attempt(names[position:end]):
                    rows += found
                    position, deaths = position + 1, 0
            except _Died as death:
                if self._closed:
                    raise BatchError("stopped") from death
                deaths += 1
                if deaths == _ATTEMPTS:
                    rows.append(error_row(names[position], str(death), CRASH))
                    position, deaths = position + 1, 0
        return rows

    def close(self) -> None:
        """End the process at once; safe to call twice and from another thread."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()

    def _attempt(self, names: Sequence[str]) -> Iterator[list[Row]]:
        connection = self._connection or self._started()
        try:
            connection.send(names)
            for _ in names:
                if not connection.poll(self._task.timeout_s):
                    self._bury()
                    raise _Died(f"took longer than {self._task.timeout_s:g} seconds")
                yield connection.recv()
        except (EOFError, OSError) as error:
            raise _Died(self._bury()) from error

    def _started(self) -> Connection:
        """A process that is ready."""
        deaths = 0
        while True:
            try:
                return self._start()
            except _Died as death:
                deaths += 1
                if self._closed:
                    raise BatchError("stopped") from death
                if deaths == _STARTS:
                    raise BatchError(f"a worker's {death} while it started") from death

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")  # forking would copy other threads' locks
        try:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, self._task), daemon=True)
            process.start()
        except OSError as error:  # no memory is left, or too many files are open
            raise BatchError(f"a worker cannot be started ({why(error)})") from error
        theirs.close()
        self._process, self._connection = process, ours
        if self._closed:
            process.kill()
        try:
            if not ours.poll(TIMEOUT_S):
                raise EOFError
            problem: MaskWatchError | None = ours.recv()
        except (EOFError, OSError) as error:
            raise _Died(self._bury()) from error
        if problem:
            self._bury()
            raise problem
        return ours

    def _bury(self) -> str:
        """Clear away the process, and say how it ended."""
        assert self._process is not None and self._connection is not None
        self._connection.close()
        self._process.join(_LAST_MOMENT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        code = self._process.exitcode or 0
        self._process = self._connection = None
        if code < 0:
            return f"process was killed ({signal.Signals(-code).name})"
        return f"process ended (exit code {code})"


class _Died(Exception):
    """The process died or hangs; the message says how."""


def _serve(connection: Connection, task: Task) -> None:
    """The process: says that it is ready or why not, then answers until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent decides
    runtime.take_share(task.threads)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            analyzer = task.networks.load()
        except MaskWatchError as error:
            connection.send(error)
            return
        connection.send(None)
        with ThreadPoolExecutor(_AHEAD) as readers:
            while True:
                for rows in judge_pictures(analyzer, connection.recv(), task.folder, readers):
                    connection.send(rows)


def judge_pictures(
    analyzer: Analyzer, names: Sequence[str], folder: str, readers: ThreadPoolExecutor
) -> Iterator[list[Row]]:
    """The rows of each picture; `readers` fetch those ahead that lie in an object store."""
    classifier_sha256, detector_sha256, _ = network_hashes(analyzer)
    for name, read in _ahead(names, folder, readers):
        try:
            report = analyzer.analyze(read())
            yield face_rows(name, report, classifier_sha256, detector_sha256)
        except Exception as error:
            yield [failure_row(name, error)]


def _ahead(
    names: Sequence[str], folder: str, readers: ThreadPoolExecutor
) -> Iterator[tuple[str, Callable[[], Path | bytes]]]:
    """Each name with what reads it, a few of which are at it already."""
    coming: deque[tuple[str, Callable[[], Path | bytes]]] = deque()
    for name in names:
        read = partial(read_picture, name, folder)
        coming.append((name, readers.submit(read).result if is_address(name) else read))
        if len(coming) > _AHEAD:
            yield coming.popleft()
    yield from coming


# Chunks judged by processes of this machine.


def judge_here(chunks: Iterable[Chunk], task: Task, workers: int | None) -> Judged:
    """Judge chunks; each is yielded with its rows when it is done, in no set order.

    Args:
        chunks: taken as they are needed, a few ahead.
        task: what each worker is told; its threads are set here.
        workers: how many processes; one a core if None.
    """
    cores = available_cpus()
    workers = workers or cores
    task = replace(task, threads=max(1, cores // workers))
    staff = [Worker(task) for _ in range(workers)]
    idle: SimpleQueue[Worker] = SimpleQueue()
    for worker in staff:
        idle.put(worker)

    def judge(chunk: Chunk) -> tuple[Chunk, list[Row]]:
        worker = idle.get()
        try:
            return chunk, worker.judge(chunk.names)
        finally:
            idle.put(worker)

    waiting = iter(chunks)
    with ThreadPoolExecutor(workers) as pool:
        try:
            running = {pool.submit(judge, chunk) for chunk in islice(waiting, workers + 1)}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    running.update(pool.submit(judge, chunk) for chunk in islice(waiting, 1))
                    yield future.result()
        finally:
            for worker in staff:
                worker.close()
            pool.shutdown(wait=False, cancel_futures=True)
