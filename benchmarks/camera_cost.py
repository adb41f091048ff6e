"""What a frame of a camera costs in processor time: to decode, and to find and judge its faces.

    python benchmarks/camera_cost.py      # a minute

Videos of H.264 are drawn as cameras send them (no B frames, a whole picture every two seconds,
noise of a sensor) at the bits a second that such cameras are set to. Each frame is decoded by PyAV,
turned into RGB and given to a Stream with the shipped networks, all on one thread. Milliseconds of
a core a frame, without the first second, are medians of ROUNDS rounds; processor time suffers less
than the clock from what else the machine does. Memory is what one process holds for that, with the
networks, and what each further open video adds. The result goes to
benchmarks/results/camera_cost.json with the machine; the last line of output is the same.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np

from maskwatch.io.environment import cpu_name, versions
from maskwatch.models import runtime
from maskwatch.pipeline import Analyzer
from maskwatch.schema import ImageRGB
from maskwatch.stream import Stream

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.cartoon_face import cartoon

RESULT = Path(__file__).parent / "results" / "camera_cost.json"
FPS, SECONDS, ROUNDS, FURTHER = 15, 8, 3, 8
MEGABITS_PER_S = {(640, 480): 1.0, (1280, 720): 2.0}
PEOPLE = (0, 1, 4)


def frames(width: int, height: int, people: int) -> Iterator[ImageRGB]:
    """People beside each other who sway, seen by a sensor with noise."""
    noise = np.random.default_rng(0)
    face_px = height // 3
    for index in range(FPS * SECONDS):
        image = np.full((height, width, 3), (150, 160, 165), np.float32)
        for place in range(people):
            drawn = cartoon(masked=place % 2 == 0, shift_px=round(9 * np.sin(index / 9 + place)))
            left = (2 * place + 1) * width // (2 * people) - face_px // 2
            image[height // 3 : height // 3 + face_px, left : left + face_px] = cv2.resize(
                drawn, (face_px, face_px), interpolation=cv2.INTER_AREA
            )
        image += noise.normal(0, 4, image.shape)
        yield np.clip(image, 0, 255).astype(np.uint8)


def write(path: Path, size: tuple[int, int], people: int, megabits_per_s: float) -> None:
    """A video as a camera sends it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = round(megabits_per_s * 1e6)
        stream.gop_size = 2 * FPS
        stream.options = {
            "preset": "veryfast",
            "tune": "zerolatency",
            "maxrate": str(stream.bit_rate),
            "bufsize": str(stream.bit_rate),
        }
        for index, image in enumerate(frames(*size, people)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def decoded(path: Path) -> Iterator[ImageRGB]:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        for frame in container.decode(video=0):
            image_rgb: ImageRGB = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
            yield image_rgb


def cost(path: Path, analyzer: Analyzer) -> dict[str, float]:
    """Milliseconds of a core a frame."""
    stream = Stream(analyzer)
    spent_s = {"decode": 0.0, "judge": 0.0}
    faces = 0
    coming = enumerate(decoded(path))
    while True:
        began_s = time.process_time()
        index, image_rgb = next(coming, (None, None))
        between_s = time.process_time()
        if index is None or image_rgb is None:
            break
        report = stream.update(image_rgb, index / FPS)
        if index >= FPS:
            spent_s["decode"] += between_s - began_s
            spent_s["judge"] += time.process_time() - between_s
            faces += len(report.faces)
    count = FPS * (SECONDS - 1)
    found = {f"{name}_ms": round(1000 * spent / count, 2) for name, spent in spent_s.items()}
    return found | {"faces": round(faces / count, 2)}


def memory_mb(path: Path, analyzer: Analyzer) -> dict[str, float]:
    """With the networks and one video; what each of FURTHER ones adds."""
    with ExitStack() as stack:

        def begin() -> None:
            coming = decoded(path)
            stack.callback(coming.close)  # type: ignore[attr-defined]
            stream = Stream(analyzer)
            for index in range(2 * FPS):
                stream.update(next(coming), index / FPS)

        begin()
        first = resident_mb()
        for _ in range(FURTHER):
            begin()
        return {
            "with_one_camera": round(first, 1),
            "each_further": round((resident_mb() - first) / FURTHER, 1),
        }


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@click.command()
@click.option("--out", default=RESULT, show_default=True, type=click.Path(path_type=Path))
def main(out: Path) -> None:
    load = os.getloadavg()[0]
    cores = runtime.available_cpus()
    runtime.take_share(1)
    analyzer = Analyzer()
    result: dict[str, Any] = {
        "machine": {"cpu": cpu_name(), "cores": cores},
        "versions": versions(("av", "numpy", "onnxruntime", "opencv-python-headless")),
        "load_before": round(load, 1),
        "frames_per_s_of_the_videos": FPS,
        "sizes": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for size, megabits_per_s in MEGABITS_PER_S.items():
            entry: dict[str, Any] = {"people": {}}
            for people in PEOPLE:
                path = Path(folder) / f"{size[0]} {people}.mp4"
                write(path, size, people, megabits_per_s)
                rounds = [cost(path, analyzer) for _ in range(ROUNDS)]
                entry["people"][people] = {
                    name: statistics.median(found[name] for found in rounds) for name in rounds[0]
                }
                megabits = path.stat().st_size * 8 / 1e6 / SECONDS
                entry["people"][people]["megabits_per_s"] = round(megabits, 2)
                print(size, people, entry["people"][people], flush=True)
            entry["memory_mb"] = memory_mb(path, analyzer)
            result["sizes"]["x".join(map(str, size))] = entry
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
