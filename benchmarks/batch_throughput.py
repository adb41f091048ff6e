"""How many pictures a second: a plain loop, the local engine, Ray; and what a picture costs.

    python benchmarks/batch_throughput.py FOLDER --pictures 192      # ten minutes

Photos of FOLDER are judged with the shipped models in each way, the ways taking turns. A way's
speed is what follows its first chunk (`start_s` is the time until then, processes and models
included). `others_cores` is what the rest of the machine used in a second before and one after: a
round of a way counts only where both are under QUIET_CORES, for otherwise ways with more workers
had no more cores to use. Rounds go on until each way has three that count; all are in the result,
`pictures_per_s` is the median of those that count, and null where none does.

Core milliseconds a picture are processor time of the loop on one thread, which other work disturbs
less: of the photos as they are, and scaled to a camera's and to a phone's picture. Then the rows
of a chunk are written: bytes a picture, and time, to disk and to the store that --s3 names. Ray is
left out where it is absent. Results go to benchmarks/results/batch_throughput.json; the last line
of output is the same document.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from PIL import Image

from maskwatch import runtime
from maskwatch.batch.local import judge_here
from maskwatch.batch.plan import CHUNK_SIZE, Chunk, cut
from maskwatch.batch.ray_engine import judge_on_ray
from maskwatch.batch.rows import Row, face_rows
from maskwatch.batch.run import Engine
from maskwatch.batch.sink import encode_rows, open_folder
from maskwatch.batch.source import list_pictures
from maskwatch.batch.work import Networks, Task
from maskwatch.pipeline import Analyzer
from maskwatch.training.environment import cpu_name, versions

RESULT = Path(__file__).parent / "results" / "batch_throughput.json"
SIDES_PX = {"as they are": None, "1920 px": 1920, "4000 px": 4000}
WARM_UP = 8
QUIET_CORES, QUIET_ROUNDS = 0.25, 3


def loop(chunks: Sequence[Chunk]) -> list[float]:
    """Judge one after the other in this process; when each chunk was done."""
    analyzer = Analyzer()
    return [_judge_chunk(analyzer, chunk) for chunk in chunks]


def _judge_chunk(analyzer: Analyzer, chunk: Chunk) -> float:
    for name in chunk.names:
        analyzer.analyze(name)
    return time.perf_counter()


def with_engine(engine: Engine, workers: int) -> Callable[[Sequence[Chunk]], list[float]]:
    """The same with an engine."""

    def judge(chunks: Sequence[Chunk]) -> list[float]:
        with closing(engine(chunks, Task(Networks(), str(Path.cwd())), workers)) as judged:
            return [time.perf_counter() for _ in judged]

    return judge


def speed(judge: Callable[[Sequence[Chunk]], list[float]], chunks: Sequence[Chunk]) -> dict:
    """Pictures a second after the first chunk, and seconds until then."""
    before = others_cores()
    began_s = time.perf_counter()
    first_s, *_, last_s = judge(chunks)
    rest = sum(len(chunk.names) for chunk in chunks[1:])
    time.sleep(2)  # what the way leaves behind is not the others'
    others = (before, others_cores())
    return {
        "pictures_per_s": round(rest / (last_s - first_s), 2),
        "start_s": round(first_s - began_s, 1),
        "others_cores": others,
        "counts": max(others) < QUIET_CORES,
    }


def quiet_speeds(found: Sequence[dict]) -> list[float]:
    """The speeds of the rounds that count."""
    return [entry["pictures_per_s"] for entry in found if entry["counts"]]


def others_cores() -> float:
    """How many cores are in use while this process sleeps for a second."""

    def busy_and_all() -> tuple[int, int]:
        ticks = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # the rest is idle or waits for disks

    before = busy_and_all()
    time.sleep(1)
    busy, whole = (after - then for after, then in zip(busy_and_all(), before, strict=True))
    return round((os.cpu_count() or 1) * busy / whole, 2)


def cost(names: Sequence[str], side_px: int | None, folder: Path) -> dict[str, Any]:
    """Processor time, bytes and memory of pictures of one size, on one thread."""
    paths = [_scaled(Path(name), side_px, folder) for name in names]
    before = runtime.available_cpus()
    runtime.take_share(1)
    analyzer = Analyzer()
    for path in paths[:WARM_UP]:
        analyzer.analyze(path)
    began_s, faces = time.process_time(), 0
    for path in paths[WARM_UP:]:
        faces += len(analyzer.analyze(path).faces)
    count = len(paths) - WARM_UP
    spent_s = (time.process_time() - began_s) / count
    runtime.take_share(before)
    return {
        "pictures": count,
        "kilobytes": round(statistics.mean(path.stat().st_size for path in paths) / 1000, 1),
        "megapixels": round(statistics.mean(_pixels(path) for path in paths) / 1e6, 2),
        "faces": round(faces / count, 2),
        "core_ms": round(spent_s * 1000, 1),
        "pictures_per_core_s": round(1 / spent_s, 2),
    }


def _scaled(path: Path, side_px: int | None, folder: Path) -> Path:
    if side_px is None:
        return path
    with Image.open(path) as image:
        ratio = side_px / max(image.size)
        target = folder / f"{side_px} {path.stem}.jpg"
        size = round(image.width * ratio), round(image.height * ratio)
        image.convert("RGB").resize(size).save(target, quality=90)
    return target


def _pixels(path: Path) -> int:
    with Image.open(path) as image:
        return image.width * image.height


def writing(names: Sequence[str], out: str) -> dict[str, float]:
    """Rows of a whole chunk of pictures, each another one -> a file, several times over."""
    analyzer = Analyzer()
    names = names[:CHUNK_SIZE]
    found = [face_rows(name, analyzer.analyze(name), "0" * 64, "1" * 64) for name in names]
    rows: list[Row] = [row for picture in found for row in picture]
    folder = open_folder(out)
    folder.write("first", b"")
    began_s = time.perf_counter()
    for number in range(10):
        content = encode_rows(rows)
        folder.write(f"part-{number}", content)
    spent_s = (time.perf_counter() - began_s) / 10
    return {
        "rows_per_picture": round(len(rows) / len(names), 2),
        "bytes_per_picture": round(len(content) / len(names)),
        "ms_per_chunk": round(spent_s * 1000, 1),
        "pictures_per_s": round(len(names) / spent_s),
    }


def worker_memory_mb(chunks: Sequence[Chunk]) -> float:
    """The most memory a process of the local engine has had, in megabytes."""
    from multiprocessing import active_children

    most = 0
    with closing(judge_here(chunks, Task(Networks(), str(Path.cwd())), 1)) as judged:
        for _ in judged:
            for child in active_children():
                status = Path(f"/proc/{child.pid}/status").read_text().splitlines()
                most = max(most, *(int(s.split()[1]) for s in status if s.startswith("VmHWM")))
    return round(most / 1024, 1)


@click.command()
@click.argument("folder")
@click.option("--pictures", default=192, show_default=True)
@click.option("--rounds", default=12, show_default=True, help="At most.")
@click.option("--s3", metavar="ADDRESS", help="Time the writing there too, such as s3://bucket/x.")
@click.option("--json", "out", default=RESULT, show_default=True, type=click.Path(path_type=Path))
def main(folder: str, pictures: int, rounds: int, s3: str | None, out: Path) -> None:
    listed = list_pictures([folder])
    names = listed[:pictures]
    chunks = list(cut(names))
    ways: dict[str, Callable[[Sequence[Chunk]], list[float]]] = {
        "loop, all cores": loop,
        "local, 1 worker": with_engine(judge_here, 1),
        "local, 2 workers": with_engine(judge_here, 2),
    }
    if find_spec("ray"):
        ways["ray, 2 workers"] = with_engine(judge_on_ray, 2)
    measured: dict[str, list[dict]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, judge in ways.items():
            if len(quiet_speeds(measured[name])) < QUIET_ROUNDS:
                measured[name].append(speed(judge, chunks))
                print(f"{name:<18}", measured[name][-1], flush=True)
    speeds = {name: quiet_speeds(found) for name, found in measured.items()}
    medians = {name: statistics.median(s) if s else None for name, s in speeds.items()}
    base = medians["loop, all cores"]
    with tempfile.TemporaryDirectory() as place:
        result = {
            "machine": {"cpu": cpu_name(), "cores": runtime.available_cpus()},
            "load": round(os.getloadavg()[0], 1),
            "versions": versions(("onnxruntime", "opencv-python-headless", "pyarrow", "ray")),
            "pictures": len(names),
            "speed": {
                name: {
                    "pictures_per_s": median,
                    "ratio_to_loop": median and base and round(median / base, 2),
                    "rounds": measured[name],
                }
                for name, median in medians.items()
            },
            "cost": {
                name: cost(names[: WARM_UP + 64], side_px, Path(place))
                for name, side_px in SIDES_PX.items()
            },
            "worker_memory_mb": worker_memory_mb(chunks[: len(chunks) // 4]),
            "writing": {"disk": writing(listed, f"{place}/out")} | _s3(listed, s3),
        }
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


def _s3(names: Sequence[str], address: str | None) -> dict[str, dict[str, float]]:
    return {"s3": writing(names, address)} if address else {}


if __name__ == "__main__":
    main()
