"""How much `maskwatch serve` bears: throughput, latency at half of it, errors, memory over time.

    python benchmarks/service_load.py                     # about a minute
    python benchmarks/service_load.py --soak-s 600 --rounds 5

The server is a process of its own, the callers are another one that speaks HTTP over open
connections on loopback with as little work as possible; on a machine with few cores it takes part
of them all the same. First the two sides of the throughput take turns: the same images through an
Analyzer in this process with as many threads as the server has, and through the server from
callers that ask again as soon as they are answered. Then images arrive, half as many a second as
the process alone can judge; a call that comes while others wait is timed from when it should have
been sent. They come at random moments, which is the harder way, for --soak-s, where memory is
watched as well; then at even distances, as load generators with a fixed rate send them; then in
this process without HTTP at the same random moments, which tells how much of the time is waiting
for the cores. `others_cores` says how many of them other programs used meanwhile. Images are drawn,
one face of 640 x 480 pixels. The last line of output is one JSON document; it also goes to
benchmarks/results/service_load.json.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from maskwatch import Analyzer
from maskwatch.io.encoding import jpeg
from maskwatch.io.environment import cpu_name, versions
from maskwatch.models.runtime import available_cpus

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.cartoon_face import cartoon

RESULT = Path(__file__).parent / "results" / "service_load.json"
SHIFTS_PX = (-60, -20, 20, 60)
SATURATE, RANDOM, EVEN = "saturate", "random", "even"
SHORT_S = 60.0
"""Of the two shorter looks at half load, where the soak lasts longer."""


def drawn_files() -> list[bytes]:
    return [jpeg(cartoon(masked=index % 2 == 0, shift_px=x)) for index, x in enumerate(SHIFTS_PX)]


class Ceiling:
    """The same images without HTTP."""

    def __init__(self, files: list[bytes]) -> None:
        self._files = files
        self._analyzer = Analyzer()
        self._threads = available_cpus()
        self._pool = ThreadPoolExecutor(self._threads)
        self.measure(1)

    def measure(self, seconds: float) -> tuple[float, float]:
        """Images a second, and milliseconds of processor time an image."""
        end_s, began_s, cpu_s = time.monotonic() + seconds, time.monotonic(), time.process_time()

        def work(index: int) -> int:
            for done, content in enumerate(itertools.cycle(self._files)):
                if time.monotonic() > end_s:
                    return done
                self._analyzer.analyze(content)
            return 0

        done = sum(self._pool.map(work, range(self._threads)))
        cpu_ms = (time.process_time() - cpu_s) * 1000 / done
        return done / (time.monotonic() - began_s), cpu_ms

    def latencies_ms(self, seconds: float, rate_per_s: float) -> list[float]:
        """Of images that arrive at random moments, from when each was due."""

        def judge(content: bytes, due_s: float) -> float:
            self._analyzer.analyze(content)
            return (time.monotonic() - due_s) * 1000

        judged = []
        for content, due_s in zip(
            itertools.cycle(self._files), moments(seconds, rate_per_s, RANDOM), strict=False
        ):
            time.sleep(max(0.0, due_s - time.monotonic()))
            judged.append(self._pool.submit(judge, content, due_s))
        return [answer.result() for answer in judged]


class Server:
    """`maskwatch serve`, and what it takes of the machine."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log.txt"
        command = [sys.executable, "-m", "maskwatch", "serve", "--port", "0", "--max-rate", "1e6"]
        with self._log.open("w") as output:
            self._process = subprocess.Popen(command, stderr=output)
        while "listening on" not in self.log:
            if self._process.poll() is not None:
                raise SystemExit(self.log)
            time.sleep(0.1)
        self.port = int(self.log.partition("http://127.0.0.1:")[2].split()[0])

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text()

    def memory_mb(self) -> float:
        """Resident memory, with that of the processes that open pictures."""
        pages = sum(
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._processes()
        )
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)

    def cpu_s(self) -> float:
        """Processor time so far, likewise."""
        ticks = 0
        for pid in self._processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _processes(self) -> list[int]:
        pid = self._process.pid
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        return [pid, *(int(child) for task in tasks for child in task.read_text().split())]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever ends the block ends the server too."""
        self.end()

    def end(self) -> int:
        """Its exit code; may be called again."""
        self._process.terminate()
        return self._process.wait(60)


class Connection:
    """One open connection that carries one call after the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> str:
        """The status of the answer, or the name of what went wrong."""
        try:
            if self._streams is None or self._streams[0].at_eof():
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            body = await reader.readexactly(length)
        except (OSError, EOFError, ValueError) as error:
            self._streams = None
            return type(error).__name__
        status = head.split()[1].decode()
        return status if status != "200" or b'"faces"' in body else "no report"


def requests_of(files: list[bytes]) -> list[bytes]:
    head = b"POST /v1/analyze HTTP/1.1\r\nhost: localhost\r\n"
    head += b"content-type: image/jpeg\r\ncontent-length: "
    return [head + str(len(content)).encode() + b"\r\n\r\n" + content for content in files]


async def saturate(port: int, requests: list[bytes], seconds: float, callers: int) -> Counter[str]:
    """So many callers who ask again at once; how often which answer came."""
    answers: Counter[str] = Counter()
    end_s = time.monotonic() + seconds

    async def call(index: int) -> None:
        connection = Connection(port)
        for request in itertools.islice(itertools.cycle(requests), index, None):
            if time.monotonic() > end_s:
                return
            answers[await connection.ask(request)] += 1

    await asyncio.gather(*map(call, range(callers)))
    return answers


def moments(seconds: float, rate_per_s: float, arrivals: str) -> Iterator[float]:
    """When images are due, on the monotonic clock from now on; the same whenever it is asked."""
    draw = random.Random(0)
    due_s = time.monotonic()
    end_s = due_s + seconds
    while True:
        due_s += draw.expovariate(rate_per_s) if arrivals == RANDOM else 1 / rate_per_s
        if due_s > end_s:
            return
        yield due_s


async def arrive(
    port: int, requests: list[bytes], due: Iterator[float]
) -> tuple[Counter[str], list[float]]:
    """Calls at certain moments; the answers, and milliseconds from the moment each was due."""
    answers: Counter[str] = Counter()
    latencies_ms: list[float] = []
    free: list[Connection] = []

    async def call(request: bytes, due_s: float) -> None:
        connection = free.pop() if free else Connection(port)
        answers[await connection.ask(request)] += 1
        latencies_ms.append((time.monotonic() - due_s) * 1000)
        free.append(connection)

    async with asyncio.TaskGroup() as calls:
        for request, due_s in zip(itertools.cycle(requests), due, strict=False):
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            calls.create_task(call(request, due_s))
    return answers, latencies_ms


def busy_cores_s() -> float:
    """Processor time that all programs of this machine have used so far."""
    user, nice, system, *_ = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def quantiles(latencies_ms: list[float]) -> dict[str, float]:
    p50, p95, p99 = np.percentile(latencies_ms, (50, 95, 99)).round(1).tolist()
    return {"calls": len(latencies_ms), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}


def growth_per_hour(memory_mb: list[float], seconds: float) -> float:
    """Slope of a line through all but the first fifth, when the service was still warming up."""
    settled = memory_mb[len(memory_mb) // 5 :]
    hours = np.arange(len(settled)) * seconds / len(memory_mb) / 3600
    return round(float(np.polyfit(hours, settled, 1)[0]), 2)


def callers(*arguments: object) -> dict[str, Any]:
    """Run the callers as a process of their own; what they saw."""
    command = [sys.executable, __file__, "--callers", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def be_callers(mode: str, port: str, seconds: str, number: str) -> None:
    """What that process does."""
    requests = requests_of(drawn_files())
    began_s, cpu_s = time.monotonic(), time.process_time()
    if mode == SATURATE:
        answers = asyncio.run(saturate(int(port), requests, float(seconds), int(number)))
        latencies_ms: list[float] = []
    else:
        due = moments(float(seconds), float(number), mode)
        answers, latencies_ms = asyncio.run(arrive(int(port), requests, due))
    seconds_taken = time.monotonic() - began_s
    json.dump(
        {
            "answers": answers,
            "images_per_s": answers["200"] / seconds_taken,
            "latencies_ms": latencies_ms,
            "cpu_s": time.process_time() - cpu_s,
        },
        sys.stdout,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="of ceiling and server in turn")
    parser.add_argument("--seconds", type=float, default=5, help="of each side of a round")
    parser.add_argument("--soak-s", type=float, default=30, help="at half load")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--callers", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.callers:
        be_callers(*options.callers)
        return
    ceiling = Ceiling(drawn_files())
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
        rounds, answers = [], Counter[str]()
        for _ in range(options.rounds):
            alone, alone_cpu_ms = ceiling.measure(options.seconds)
            cpu_s = server.cpu_s()
            seen = callers(SATURATE, server.port, options.seconds, 2 * available_cpus())
            served = sum(seen["answers"].values())
            answers.update(seen["answers"])
            rounds.append(
                {
                    "alone_images_per_s": round(alone, 1),
                    "served_images_per_s": round(seen["images_per_s"], 1),
                    "share": round(seen["images_per_s"] / alone, 3),
                    "alone_cpu_ms": round(alone_cpu_ms, 1),
                    "server_cpu_ms": round((server.cpu_s() - cpu_s) * 1000 / served, 1),
                    "callers_cpu_ms": round(seen["cpu_s"] * 1000 / served, 1),
                }
            )
            print(rounds[-1], flush=True)
        half = statistics.median(row["alone_images_per_s"] for row in rounds) / 2
        memory_mb, loads = [server.memory_mb()], [os.getloadavg()[0]]
        began_s, ours_s, busy_s = time.monotonic(), server.cpu_s(), busy_cores_s()
        with ThreadPoolExecutor(1) as executor:
            soak = executor.submit(callers, RANDOM, server.port, options.soak_s, half)
            while not soak.done():
                time.sleep(max(1.0, options.soak_s / 60))
                memory_mb.append(server.memory_mb())
                loads.append(os.getloadavg()[0])
            seen = soak.result()
        ours_s = server.cpu_s() - ours_s + seen["cpu_s"]
        others = (busy_cores_s() - busy_s - ours_s) / (time.monotonic() - began_s)
        short_s = min(SHORT_S, options.soak_s)
        even = callers(EVEN, server.port, short_s, half)
        alone_ms = ceiling.latencies_ms(short_s, half)
        answers.update(even["answers"])
        answers.update(seen["answers"])
        exit_code = server.end()
    result = {
        "cpu": cpu_name(),
        "cores": available_cpus(),
        "load": round(os.getloadavg()[0], 1),
        "malloc_arena_max": os.environ.get("MALLOC_ARENA_MAX"),
        "versions": versions(("fastapi", "uvicorn", "starlette", "onnxruntime")),
        "rounds": rounds,
        "share": statistics.median(row["share"] for row in rounds),
        # what the share would be if nothing else ran and the callers were elsewhere
        "share_of_cpu": round(
            statistics.median(row["alone_cpu_ms"] / row["server_cpu_ms"] for row in rounds), 3
        ),
        "half_load": {
            "seconds": options.soak_s,
            "images_per_s": round(half, 1),
            "random": quantiles(seen["latencies_ms"]),
            "even": quantiles(even["latencies_ms"]),
            "random_without_http": quantiles(alone_ms),
            "others_cores": round(others, 2),
            "load": [round(load, 1) for load in (min(loads), statistics.median(loads), max(loads))],
        },
        "memory_growth_mb_per_hour": growth_per_hour(memory_mb, options.soak_s),
        "memory_mb": memory_mb,
        "answers": answers,
        "errors": sum(answers.values()) - answers["200"],
        "exit_code": exit_code,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
