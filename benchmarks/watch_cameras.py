"""How many frames a second `maskwatch watch` judges of 1, 4 and 20 cameras, and how evenly.

    python benchmarks/watch_cameras.py      # a minute; --seconds N for each number of cameras

Each camera is a video file of 640 x 480 pixels and 25 frames a second with one face, played at its
own speed as a camera would send it, so decoding costs what it does with streams. Everything is
real: shipped networks, events and counts in a file, the newest frame of each camera in turn. After
a warm-up it is counted what was judged. Frames a second and camera: of all together, and of the
cameras that got least and most; latency from a frame's arrival to its report. The result goes to
benchmarks/results/watch_cameras.json with the machine and its load; the last line of output is the
same.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from maskwatch.io.environment import cpu_name, versions
from maskwatch.models.runtime import available_cpus
from maskwatch.pipeline import Analyzer
from maskwatch.watch.config import CameraConfig, WatchConfig
from maskwatch.watch.status import CameraView
from maskwatch.watch.supervisor import Watch

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.cartoon_face import cartoon
from support.drawn_video import FPS, write_video

RESULT = Path(__file__).parent / "results" / "watch_cameras.json"
CAMERAS = (1, 4, 20)
WARM_UP_S = 4.0


class Count:
    """Stops a watch after some time, and notes what was done after the warm-up."""

    def __init__(self, watching: Watch, seconds: float) -> None:
        self._watching = watching
        self._seconds = seconds
        self._began_s = time.monotonic()
        self._first: tuple[float, float, Sequence[CameraView]] | None = None
        self._latencies_s: list[float] = []
        self.result: dict[str, Any] = {}

    def __call__(self, views: Sequence[CameraView]) -> None:
        """Called every second."""
        now_s, cpu_s = time.monotonic(), time.process_time()
        if now_s - self._began_s < WARM_UP_S or self.result:
            return
        if self._first is None:
            self._first = now_s, cpu_s, views
            return
        self._latencies_s += [view.latency_s for view in views]
        first_s, first_cpu_s, before = self._first
        if now_s - first_s < self._seconds:
            return
        elapsed_s = now_s - first_s
        rates = np.array(
            [(b.frames - a.frames) / elapsed_s for a, b in zip(before, views, strict=True)]
        )
        p50, p95 = np.percentile(np.array(self._latencies_s) * 1000, (50, 95))
        self.result = {
            "frames_per_s": round(float(rates.sum()), 1),
            "per_camera": {
                "least": round(float(rates.min()), 2),
                "mean": round(float(rates.mean()), 2),
                "most": round(float(rates.max()), 2),
            },
            "latency_ms": {"p50": round(float(p50)), "p95": round(float(p95))},
            "cores_used": round((cpu_s - first_cpu_s) / elapsed_s, 2),
        }
        self._watching.stop()


def measure(cameras: int, seconds: float, clip: Path, analyzer: Analyzer) -> dict[str, Any]:
    """Watch so many cameras for so long."""
    with tempfile.TemporaryDirectory() as folder:
        config = WatchConfig(
            tuple(CameraConfig(f"camera {number}", str(clip)) for number in range(cameras)),
            Path(folder) / "s.sqlite3",
        )
        watching = Watch(config, analyzer)
        count = Count(watching, seconds)
        watching.run(count)
    return count.result


@click.command()
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--out", default=RESULT, show_default=True, type=click.Path(path_type=Path))
def main(seconds: float, out: Path) -> None:
    analyzer = Analyzer()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        pictures = [cartoon(masked=True, shift_px=round(9 * np.sin(i / 9))) for i in range(57)]
        frames = round((seconds + WARM_UP_S + 30) * FPS)
        clip = write_video(Path(folder) / "clip.mp4", (pictures[i % 57] for i in range(frames)))
        results = {}
        for cameras in CAMERAS:
            results[cameras] = measure(cameras, seconds, clip, analyzer)
            print(cameras, "cameras:", results[cameras], flush=True)
    result = {
        "machine": {"cpu": cpu_name(), "cores": available_cpus()},
        "versions": versions(("av", "numpy", "onnxruntime", "opencv-python-headless")),
        "load_before": round(load, 1),
        "seconds": seconds,
        "offered_per_camera": FPS,
        "largest_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "cameras": results,
    }
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
