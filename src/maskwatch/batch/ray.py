"""Chunks judged by Ray Data: a pool of actors, on this machine or on all of a cluster.

Each actor has one worker like those of the local engine, with the process of its own that may die:
what a picture can do is the same under both engines, and Ray only has to bear the loss of machines.
Rows come back to the one process that writes, so the output needs not be in reach of every machine.
"""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from maskwatch.batch.plan import Chunk, Row
from maskwatch.batch.worker import Judged, Task, Worker
from maskwatch.errors import BatchError, MaskWatchError
from maskwatch.io.ray_cluster import ray_cluster

_LAST_CALL_S = 2.0
"""So long a thread of Ray's may take to end; one that waits for work does not call."""


def judge_on_ray(chunks: Iterable[Chunk], task: Task, workers: int | None) -> Judged:
    """Judge chunks; each is yielded with its rows when it is done, in no set order.

    Joins the cluster that RAY_ADDRESS names, else starts Ray here.

    Args:
        chunks: all are handed to Ray at once.
        task: what each worker is told; its threads are set here.
        workers: how many actors; one a core of the cluster if None.

    Raises:
        MissingExtraError: Ray is not installed.
        MaskWatchError: no worker can be started, or Ray gives up.
    """
    with ray_cluster("data") as machines:
        import ray

        _be_quiet(ray.data.DataContext.get_current())
        workers = workers or sum(machines)
        threads = max(1, min(sum(machines) // workers, *machines))
        items = [{"chunk": pickle.dumps(chunk)} for chunk in chunks]
        judged, threads_before = None, {*threading.enumerate()}
        try:
            judged = ray.data.from_items(items, override_num_blocks=len(items)).map(
                _Judge,
                fn_constructor_args=(replace(task, threads=threads),),
                compute=ray.data.ActorPoolStrategy(size=workers),
                num_cpus=threads,
            )
            for row in judged.iter_rows():
                answer = pickle.loads(row["answer"])
                if isinstance(answer, MaskWatchError):
                    raise answer
                yield answer
        except ray.exceptions.RayError as error:
            raise BatchError(f"Ray gave up ({str(error).strip().splitlines()[-1]})") from error
        finally:
            _end(judged, threads_before)


def _end(dataset: Any, threads_before: set[threading.Thread]) -> None:
    """End what still works for a dataset whose rows were not all taken.

    Ray does so when the dataset is forgotten, which a traceback puts off, and has no public way to
    ask for it; of threads that call it after `ray.shutdown` it ends the whole process (exit 1).
    """
    executor = getattr(dataset, "_current_executor", None)
    if executor is not None:
        executor.shutdown(force=True)
    for thread in {*threading.enumerate()} - threads_before:
        thread.join(_LAST_CALL_S)


class _Judge:
    """An actor. Its worker's process ends with it: nobody holds the other end of its pipe."""

    def __init__(self, task: Task) -> None:
        self._worker = Worker(task)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A chunk and its rows, or what keeps the worker from any, for Ray wraps what is raised."""
        chunk: Chunk = pickle.loads(row["chunk"])
        answer: tuple[Chunk, list[Row]] | MaskWatchError
        try:
            answer = chunk, self._worker.judge(chunk.names)
        except MaskWatchError as error:
            answer = error
        return {"answer": pickle.dumps(answer)}


def _be_quiet(context: Any) -> None:
    """The command has a progress line of its own."""
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
