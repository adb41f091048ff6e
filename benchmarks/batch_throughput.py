"""What judging very many pictures costs, and how the engines compare with a plain loop.

    python benchmarks/batch_throughput.py FOLDER      # four minutes

Cost: photos of FOLDER, scaled to a small camera's, a large camera's and a phone's picture, on one
thread. Processor time is given for each stage, read, decode, judge and write, in milliseconds of a
core a picture, the median of ROUNDS rounds; it suffers less than the clock from what else the
machine does. Memory is the most that a process of the local engine has had.

Engines: the photos as they are, through a loop in this process on all cores, through the local
engine with one and two processes, and through Ray with two workers if it is there. A round is all
of these, one after the other; `ratio_to_loop` is the median over rounds of the speed divided by the
loop's of the same round, so the machine's other work meets both. A speed is that of the second half
of the chunks, for Ray hands over its first ones several at once; `start_s` is the time until the
first, processes and models included. `core_ms` is processor time of everything that the engine
started, starting included; Ray's workers cannot be counted so.

Writing: the rows of a whole chunk, to disk and to the store of --s3. The result goes to
benchmarks/results/batch_throughput.json with the machine; the last line of output is the same.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.util import find_spec
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import click
from PIL import Image

from maskwatch.batch.plan import CHUNK_SIZE, Chunk, Row, cut, face_rows
from maskwatch.batch.ray import judge_on_ray
from maskwatch.batch.run import Engine
from maskwatch.batch.storage import encode_rows, list_pictures, open_folder
from maskwatch.batch.worker import Task, judge_here
from maskwatch.io.environment import cpu_name, versions
from maskwatch.io.images import load_image
from maskwatch.models import runtime
from maskwatch.pipeline import Analyzer, Networks

RESULT = Path(__file__).parent / "results" / "batch_throughput.json"
SIZES_WH = {"640x480": (640, 480), "1920x1080": (1920, 1080), "4000x3000": (4000, 3000)}
HASHES = ("0" * 64, "1" * 64)
WARM_UP, TIMED, ROUNDS = 8, 32, 3

Way = Callable[[Sequence[Chunk]], list[float]]
"""Judges chunks; when each was done."""


def loop(chunks: Sequence[Chunk]) -> list[float]:
    analyzer = Analyzer()
    return [_judge_chunk(analyzer, chunk) for chunk in chunks]


def _judge_chunk(analyzer: Analyzer, chunk: Chunk) -> float:
    for name in chunk.names:
        analyzer.analyze(name)
    return time.perf_counter()


def with_engine(engine: Engine, workers: int) -> Way:
    def judge(chunks: Sequence[Chunk]) -> list[float]:
        with closing(engine(chunks, Task(Networks(), str(Path.cwd())), workers)) as judged:
            return [time.perf_counter() for _ in judged]

    return judge


def speed(judge: Way, chunks: Sequence[Chunk]) -> dict[str, float]:
    """One way, once."""
    began_s, began_cpu_s = time.perf_counter(), _cpu_s()
    done_s = judge(chunks)
    half = len(chunks) // 2
    counts = [len(chunk.names) for chunk in chunks]
    return {
        "pictures_per_s": round(sum(counts[half:]) / (done_s[-1] - done_s[half - 1]), 2),
        "start_s": round(done_s[0] - began_s, 1),
        "core_ms": round(1000 * (_cpu_s() - began_cpu_s) / sum(counts), 1),
    }


def _cpu_s() -> float:
    """Of this process and of those that it started, which have to end for that."""
    for child in active_children():
        child.join()
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in used)


def compare(chunks: Sequence[Chunk]) -> dict[str, Any]:
    ways: dict[str, Way] = {
        "loop, all cores": loop,
        "local, 1 process": with_engine(judge_here, 1),
        "local, 2 processes": with_engine(judge_here, 2),
    }
    if find_spec("ray"):
        ways["ray, 2 workers"] = with_engine(judge_on_ray, 2)
    rounds: list[dict[str, dict[str, float]]] = []
    for _ in range(ROUNDS):
        rounds.append({name: speed(judge, chunks) for name, judge in ways.items()})
        print(rounds[-1], flush=True)
    base = [found["loop, all cores"]["pictures_per_s"] for found in rounds]
    result: dict[str, Any] = {}
    for name in ways:
        found = [one[name] for one in rounds]
        ratios = [one["pictures_per_s"] / b for one, b in zip(found, base, strict=True)]
        result[name] = {
            "pictures_per_s": statistics.median(one["pictures_per_s"] for one in found),
            "ratio_to_loop": round(statistics.median(ratios), 2),
            "start_s": statistics.median(one["start_s"] for one in found),
            "core_ms": statistics.median(one["core_ms"] for one in found),
            "rounds": found,
        }
        if name.startswith("ray"):
            del result[name]["core_ms"]
    return result


def cost(names: Sequence[str], size_wh: tuple[int, int], folder: Path) -> dict[str, Any]:
    """A picture of one size on one thread, stage by stage."""
    paths = [_scaled(Path(name), size_wh, folder) for name in names]
    with one_core():
        analyzer = Analyzer()
        for path in paths[:WARM_UP]:
            analyzer.analyze(path)
        rounds = [_stages_ms(analyzer, paths[WARM_UP:]) for _ in range(ROUNDS)]
    stages = {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}
    faces = stages.pop("faces")
    core_ms = sum(stages.values())
    return {
        "pictures": len(paths) - WARM_UP,
        "kilobytes": round(statistics.mean(path.stat().st_size for path in paths) / 1000, 1),
        "faces": round(faces, 2),
        "stages_ms": {name: round(spent, 2) for name, spent in stages.items()},
        "core_ms": round(core_ms, 1),
        "pictures_per_core_s": round(1000 / core_ms, 1),
        "process_memory_mb": most_memory_mb([str(path) for path in paths]),
    }


def _stages_ms(analyzer: Analyzer, paths: Sequence[Path]) -> dict[str, float]:
    spent_s: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        began_s = time.process_time()
        yield
        spent_s[name] += time.process_time() - began_s

    faces, rows = 0, []
    for path in paths:
        with stage("read"):
            content = path.read_bytes()
        with stage("decode"):
            image_rgb = load_image(content)
        with stage("judge"):
            report = analyzer.analyze(image_rgb)
        rows += face_rows(path.name, report, *HASHES)
        faces += len(report.faces)
    with stage("write"):
        encode_rows(rows)
    found = {name: 1000 * spent / len(paths) for name, spent in spent_s.items()}
    return found | {"faces": faces / len(paths)}


@contextmanager
def one_core() -> Iterator[None]:
    before = runtime.available_cpus()
    runtime.take_share(1)
    yield
    runtime.take_share(before)


def _scaled(path: Path, size_wh: tuple[int, int], folder: Path) -> Path:
    target = folder / f"{size_wh[0]} {path.stem}.jpg"
    with Image.open(path) as image:
        image.convert("RGB").resize(size_wh).save(target, quality=90)
    return target


def most_memory_mb(names: Sequence[str]) -> float:
    """Of a process of the local engine."""
    most = 0
    with (
        one_core(),
        closing(judge_here(cut(names), Task(Networks(), str(Path.cwd())), 1)) as judged,
    ):
        for _ in judged:
            for child in active_children():
                status = Path(f"/proc/{child.pid}/status").read_text().splitlines()
                most = max(most, *(int(s.split()[1]) for s in status if s.startswith("VmHWM")))
    return round(most * 1024 / 1e6, 1)


def writing(rows: Sequence[Row], pictures: int, out: str) -> dict[str, float]:
    """Rows of a chunk of pictures -> a file, several times over."""
    folder = open_folder(out)
    folder.write("first", b"")
    began_s = time.perf_counter()
    for number in range(10):
        content = encode_rows(list(rows))
        folder.write(f"part-{number}", content)
    spent_s = (time.perf_counter() - began_s) / 10
    return {
        "rows_per_picture": round(len(rows) / pictures, 2),
        "bytes_per_row": round(len(content) / len(rows), 1),
        "bytes_per_picture": round(len(content) / pictures),
        "ms_per_chunk": round(spent_s * 1000, 1),
        "pictures_per_s": round(pictures / spent_s),
    }


@click.command()
@click.argument("folder")
@click.option(
    "--pictures",
    default=320,
    show_default=True,
    type=click.IntRange(2),
    help="That the engines judge; all of FOLDER if it has fewer.",
)
@click.option("--s3", metavar="ADDRESS", help="Time the writing there too, such as s3://bucket/x.")
@click.option("--out", default=RESULT, show_default=True, type=click.Path(path_type=Path))
def main(folder: str, pictures: int, s3: str | None, out: Path) -> None:
    load = os.getloadavg()[0]
    listed = list_pictures([folder])
    if len(listed) < WARM_UP + TIMED:
        raise click.UsageError(f"{folder}: needs {WARM_UP + TIMED} pictures, has {len(listed)}")
    result: dict[str, Any] = {
        "machine": {"cpu": cpu_name(), "cores": runtime.available_cpus()},
        "load_before": round(load, 1),
        "versions": versions(("onnxruntime", "opencv-python-headless", "pyarrow", "ray")),
    }
    with tempfile.TemporaryDirectory() as place:
        result["cost"] = {
            name: cost(listed[: WARM_UP + TIMED], size_wh, Path(place))
            for name, size_wh in SIZES_WH.items()
        }
        print(result["cost"], flush=True)
        analyzer = Analyzer()
        chunk = listed[:CHUNK_SIZE]
        rows = [r for name in chunk for r in face_rows(name, analyzer.analyze(name), *HASHES)]
        result["writing"] = {"disk": writing(rows, len(chunk), f"{place}/out")}
        if s3:
            result["writing"]["s3"] = writing(rows, len(chunk), s3)
        judged = listed[:pictures]
        result["engines"] = {"pictures": len(judged)} | compare(list(cut(judged)))
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
