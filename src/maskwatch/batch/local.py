"""Chunks judged by processes of this machine."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import islice
from queue import SimpleQueue

from maskwatch.batch.plan import Chunk
from maskwatch.batch.rows import Row
from maskwatch.batch.work import Judged, Task, Worker
from maskwatch.runtime import available_cpus


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
