"""Is it faster to put the faces of several callers into one batch? In-process, without HTTP.

    python benchmarks/service_batching.py                 # two minutes; --seconds 5 --rounds 7

Eight callers ask again as soon as they are answered, each for a drawn picture with one or four
faces, as JPEG. Ways to serve them: so many threads, each of which judges one picture after the
other, with networks that use one core or all; and the same where the crops of all faces that wait
go through the classifier in one call. The detector has no batches to gain from: pictures differ in
size, and one alone keeps the cores busy. The ways take turns, so that whatever else the machine
does falls on all of them; the processor time an image takes tells them apart even where it does a
lot. The last line of output is one JSON document; it also goes to
benchmarks/results/service_batching.json.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import statistics
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskwatch import Analyzer
from maskwatch.io.environment import cpu_name, versions
from maskwatch.models.runtime import available_cpus, share

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.cartoon_face import cartoon

RESULT = Path(__file__).parent / "results" / "service_batching.json"
CALLERS = 8
MOST_FACES = 32


class Batcher:
    """A classifier's `probabilities` for many threads: what waits goes through in one call."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._classify = analyzer._classifier.probabilities
        self._waiting: SimpleQueue[tuple[NDArray[np.uint8], Future[Any]]] = SimpleQueue()
        self.calls = self.faces = 0
        threading.Thread(target=self._run, daemon=True).start()

    def probabilities(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Wait for the answer about these crops."""
        answer: Future[Any] = Future()
        self._waiting.put((crops, answer))
        return answer.result()  # type: ignore[no-any-return]

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while sum(len(crops) for crops, _ in batch) < MOST_FACES:
                try:
                    batch.append(self._waiting.get_nowait())
                except Empty:
                    break
            rows = self._classify(np.concatenate([crops for crops, _ in batch]))
            ends = np.cumsum([len(crops) for crops, _ in batch])
            for (_, answer), part in zip(batch, np.split(rows, ends[:-1]), strict=True):
                answer.set_result(part)
            self.calls += 1
            self.faces += len(rows)


class Way:
    """One way to serve callers, and how it fared."""

    def __init__(self, threads: int, cores: int, batches: bool) -> None:
        self.name = f"{threads} threads, {cores} cores a network{', batches' if batches else ''}"
        with share(cores):  # networks are sized when they are loaded
            self._analyzer = Analyzer()
        self.batcher = Batcher(self._analyzer) if batches else None
        if self.batcher:
            vars(self._analyzer._classifier)["probabilities"] = self.batcher.probabilities
        self._pool = ThreadPoolExecutor(threads)
        self.rates: list[float] = []
        self.cpu_ms: list[float] = []
        self.latencies_ms: list[float] = []

    def round(self, files: list[bytes], seconds: float) -> None:
        """Serve the callers for a time."""
        end_s = time.perf_counter() + seconds
        with ThreadPoolExecutor(CALLERS) as callers:
            began_s, cpu_s = time.perf_counter(), time.process_time()
            asked = [callers.submit(self._call, files, index, end_s) for index in range(CALLERS)]
            latencies_ms = [latency for call in asked for latency in call.result()]
        self.rates.append(len(latencies_ms) / (time.perf_counter() - began_s))
        self.cpu_ms.append((time.process_time() - cpu_s) * 1000 / len(latencies_ms))
        self.latencies_ms += latencies_ms

    def _call(self, files: list[bytes], index: int, end_s: float) -> list[float]:
        latencies_ms = []
        for content in itertools.islice(itertools.cycle(files), index, None):
            began_s = time.perf_counter()
            if began_s > end_s:
                break
            self._pool.submit(self._analyzer.analyze, content).result()
            latencies_ms.append((time.perf_counter() - began_s) * 1000)
        return latencies_ms

    def summary(self) -> dict[str, Any]:
        """Medians over the rounds."""
        p50, p95 = np.percentile(self.latencies_ms, (50, 95)).round(1).tolist()
        row = {
            "images_per_s": round(statistics.median(self.rates), 1),
            "cpu_ms_an_image": round(statistics.median(self.cpu_ms), 1),
            "rounds_images_per_s": [round(rate, 1) for rate in self.rates],
            "rounds_cpu_ms": [round(cpu, 1) for cpu in self.cpu_ms],
            "p50_ms": p50,
            "p95_ms": p95,
        }
        if self.batcher:
            row["faces_a_batch"] = round(self.batcher.faces / self.batcher.calls, 1)
        return row


def drawn_files() -> list[bytes]:
    """JPEGs of one face, 640 x 480, and of four, 1280 x 960."""
    people = [cartoon(masked=index % 2 == 0, shift_px=20 * index - 30) for index in range(4)]
    four = np.vstack([np.hstack(people[:2]), np.hstack(people[2:])])
    files = []
    for image_rgb in (people[0], four, people[1], people[2]):
        content = io.BytesIO()
        Image.fromarray(image_rgb).save(content, "JPEG", quality=90)
        files.append(content.getvalue())
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3, help="of each way in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    cores = available_cpus()
    ways = [
        Way(cores, cores, batches=False),  # what the service does
        Way(cores, 1, batches=False),
        Way(1, cores, batches=False),
        Way(cores, cores, batches=True),
        Way(2 * cores, 1, batches=True),
        Way(CALLERS, cores, batches=True),
        Way(CALLERS, 1, batches=True),
    ]
    files = drawn_files()
    for way in ways:
        way.round(files, 1)
        for numbers in (way.rates, way.cpu_ms, way.latencies_ms):
            numbers.clear()
    for _ in range(options.rounds):
        for way in ways:
            way.round(files, options.seconds)
    result = {
        "cpu": cpu_name(),
        "cores": cores,
        "load": round(os.getloadavg()[0], 1),
        "versions": versions(("onnxruntime", "opencv-python-headless", "pillow")),
        "callers": CALLERS,
        "ways": {way.name: way.summary() for way in ways},
    }
    for way in ways:
        print(f"{way.name:44}", way.summary())
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
