"""`maskwatch watch` with 16 RTSP cameras and its page open: does one starve, does memory grow?

    python benchmarks/watch_load.py      # ten minutes; --seconds N, --cameras N

Each camera is a drawn film of two people who take masks off and put them on, 640 x 480 pixels, sent
by RTSP in H.264 with five frames a second, again and again. The program is a process of its own
with shipped networks, events, blurred pictures, a rule and its page, which is asked each second for
what the page asks for: all cameras, and a picture of each. Of the time, the second third has one
camera unplugged and one that is frozen; both come back. Counted after a warm-up: frames judged of
each camera, how long it had to wait for the next, latency from a frame's arrival to its report (as
the program tells it twice a second), people with an answer, memory. Of memory it counts by how much
a line through its later half rises, as a share of what there is: before, the program takes what it
needs, for some minutes, so less than ten minutes say nothing of it. The result goes to
benchmarks/results/watch_load.json; the last line of output is the same. Exit code 1 means that
something that was promised is not met.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import click
import numpy as np
import yaml

from maskwatch.io.environment import cpu_name, versions
from maskwatch.models.runtime import available_cpus

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.cartoon_face import cartoon
from support.stream_servers import Rtsp, Script, Send, over, serve

RESULT = Path(__file__).parent / "results" / "watch_load.json"
FPS, LENGTH = 5, 100
WARM_UP_S = 20.0
UNPLUGGED, FROZEN = 0, 1
KEY = "benchmark" * 3


def film(number: int) -> list[list[bytes]]:
    """The H.264 units of each frame of a film of two people, who move to and fro."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 640, 480, "yuv420p"
    encoder.framerate, encoder.gop_size = Fraction(FPS), FPS
    encoder.options = {"tune": "zerolatency"}
    frames = []
    for index in range(LENGTH):
        shift_px = round(20 * np.sin(2 * np.pi * (index / LENGTH + number / 16)))
        masked = (index < LENGTH // 2) == bool(number % 2)  # the other is bare; then they swap
        pair = [cartoon(worn, shift_px)[:, 160:480] for worn in (masked, not masked)]
        frame = av.VideoFrame.from_ndarray(np.hstack(pair), format="rgb24")
        frame.pts = index
        content = b"".join(bytes(packet) for packet in encoder.encode(frame))
        frames.append(content.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:])
    return frames


def playing(frames: list[list[bytes]], state: Callable[[], str]) -> Script:
    """Sends a film in a loop, as RTP within RTSP, for as long as the camera is well."""

    def play(send: Send, connection: int = 0) -> None:
        sent, began_s = 0, time.monotonic()
        for number in range(10**9):
            while state() == "frozen" and not over.wait(0.1):
                began_s = time.monotonic() - number / FPS
            if state() == "unplugged" or over.wait(began_s + number / FPS - time.monotonic()):
                return
            units = frames[number % LENGTH]
            for unit in units:
                last = 0x80 if unit is units[-1] else 0
                clock = number * 90_000 // FPS % 2**32
                head = struct.pack(">BBHII", 0x80, last | 96, sent % 2**16, clock, 1)
                send(struct.pack(">BBH", 0x24, 0, len(head + unit)) + head + unit)
                sent += 1

    return play


class Visitor(threading.Thread):
    """Asks for what the page asks for, each second."""

    def __init__(self, url: str, names: list[str]) -> None:
        super().__init__(daemon=True)
        self.took_s: list[float] = []
        self.failed = 0
        # this machine is asked by no proxy, whatever the environment says
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._paths = ["/api/cameras", *(f"/api/still?px=480&camera={quote(n)}" for n in names)]
        self._url = url

    def run(self) -> None:
        """Until the cameras end."""
        while not over.wait(1):
            began_s = time.monotonic()
            for path in self._paths:
                request = urllib.request.Request(self._url + path)
                request.add_header("Authorization", f"Bearer {KEY}")
                try:
                    with self._opener.open(request, timeout=30) as response:
                        response.read()
                except OSError:
                    self.failed += 1
            self.took_s.append(time.monotonic() - began_s)


def measure(cameras: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Run it for so long after a warm-up."""
    began_s = time.monotonic() + WARM_UP_S
    names = [f"camera {number}" for number in range(cameras)]

    def state(number: int) -> str:
        if 1 / 3 <= (time.monotonic() - began_s) / seconds < 2 / 3:
            return {UNPLUGGED: "unplugged", FROZEN: "frozen"}.get(number, "well")
        return "well"

    with ExitStack() as stack:
        hosts = [
            stack.enter_context(serve(Rtsp, playing(film(n), partial(state, n))))
            for n in range(cameras)
        ]
        began_s = time.monotonic() + WARM_UP_S
        settings = {
            "cameras": [
                {"name": name, "source": f"rtsp://{host}/1"}
                for name, host in zip(names, hosts, strict=True)
            ],
            "store": str(folder / "s.sqlite3"),
            "rules": [{"name": "bare"}],
            "webhooks": [{"name": "nobody", "url": "http://127.0.0.1:9/"}],
            "evidence": {"folder": str(folder / "e"), "keep_days": 1, "picture": "blurred"},
            "page": {"owner_keys": [KEY]},
            "status_every_s": 0.5,
        }
        (folder / "w.yaml").write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-m", "maskwatch", "watch", str(folder / "w.yaml")]
        program = stack.enter_context(
            subprocess.Popen(
                [*command, "--page", "0", "--format", "jsonl"],
                stdout=subprocess.PIPE,
                stderr=(folder / "errors").open("w"),
                text=True,
            )
        )
        stack.callback(program.terminate)
        return follow(program, names, began_s, seconds, folder)


def follow(
    program: subprocess.Popen[str], names: list[str], began_s: float, seconds: float, folder: Path
) -> dict[str, Any]:
    """Read what the program says until its time is over."""
    latencies_ms: list[float] = []
    frames: dict[str, list[int]] = defaultdict(list)
    conditions: dict[str, list[str]] = defaultdict(list)
    memory_mb: list[tuple[float, float]] = []  # when, in seconds, and how much
    told_people: list[int] = []  # of the two in view
    last: dict[str, tuple[int, float]] = {}  # frames of a camera, and since when it has so many
    longest_wait_s = 0.0
    visitor: Visitor | None = None
    cpu_s: list[float] = []
    assert program.stdout
    for line in program.stdout:
        now_s = time.monotonic()
        said = re.search(r"cameras: (\S+)", (folder / "errors").read_text())
        if visitor is None and said:
            visitor = Visitor(said[1], names)
            visitor.start()
        if now_s < began_s:
            continue
        if now_s > began_s + seconds:
            break
        told = json.loads(line)
        name = told["camera"]
        frames[name].append(told["frames"])
        if conditions[name][-1:] != [told["condition"]]:
            conditions[name].append(told["condition"])
        if told["condition"] == "live":
            latencies_ms.append(told["latency_ms"])
            told_people.append(sum(told["in_view"].values()) - told["in_view"]["unsure"])
        if last.get(name, (-1, 0.0))[0] != told["frames"]:
            last[name] = told["frames"], now_s
        if name not in (names[UNPLUGGED], names[FROZEN]):
            longest_wait_s = max(longest_wait_s, now_s - last[name][1])
        if name == names[0]:
            memory_mb.append((now_s, _memory_mb(program.pid)))
            cpu_s.append(_cpu_s(program.pid))
    assert visitor is not None
    rates = {name: (counts[-1] - counts[0]) / seconds for name, counts in frames.items()}
    well = [rate for name, rate in rates.items() if name not in (names[UNPLUGGED], names[FROZEN])]
    at_s, later_mb = np.array(memory_mb)[len(memory_mb) // 2 :].T
    p50, p99 = np.percentile(latencies_ms, (50, 99))
    return {
        "per_camera_fps": {"least": round(min(well), 2), "mean": round(float(np.mean(well)), 2)},
        "longest_wait_s": round(longest_wait_s, 1),
        "people_told": round(float(np.mean(told_people)), 2),
        "latency_ms": {"p50": round(float(p50)), "p99": round(float(p99))},
        "memory_mb": {
            "later_half": round(float(later_mb.mean())),
            "growth_in_it": round(float(np.polyfit(at_s, later_mb, 1)[0] * np.ptp(at_s)), 1),
        },
        "cores_used": round((cpu_s[-1] - cpu_s[0]) / seconds, 2),
        "unplugged": conditions[names[UNPLUGGED]],
        "frozen": conditions[names[FROZEN]],
        "always_live": sum(seen == ["live"] for seen in conditions.values()),
        "page": {
            "rounds": len(visitor.took_s),
            "p99_s": round(float(np.percentile(visitor.took_s, 99)), 2),
            "failed": visitor.failed,
        },
    }


def promised(measured: dict[str, Any]) -> dict[str, bool]:
    """What `maskwatch watch` is to hold under this load, and whether it did."""
    memory_mb, page = measured["memory_mb"], measured["page"]
    least_fps, wait_s = measured["per_camera_fps"]["least"], measured["longest_wait_s"]
    ill = [measured["unplugged"], measured["frozen"]]
    return {
        "no camera starves": least_fps >= 0.8 * FPS and wait_s <= 2,
        "both people have an answer": measured["people_told"] >= 1.5,
        "memory is flat": memory_mb["growth_in_it"] <= 0.05 * memory_mb["later_half"],
        "99 of 100 answers are younger than half a second": measured["latency_ms"]["p99"] < 500,
        "unplugged and frozen come back": all(len(s) > 1 and s[-1] == "live" for s in ill),
        "the page answers": page["rounds"] > 0 and not page["failed"],
    }


def _memory_mb(process: int) -> float:
    text = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


def _cpu_s(process: int) -> float:
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@click.command()
@click.option("--seconds", default=600.0, show_default=True)
@click.option("--cameras", default=16, show_default=True, type=click.IntRange(3))
@click.option("--out", default=RESULT, show_default=True, type=click.Path(path_type=Path))
def main(seconds: float, cameras: int, out: Path) -> None:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(cameras, seconds, Path(folder))
    result = {
        "machine": {"cpu": cpu_name(), "cores": available_cpus()},
        "versions": versions(("av", "numpy", "onnxruntime", "opencv-python-headless")),
        "load_before": round(load, 1),
        "seconds": seconds,
        "cameras": cameras,
        "offered_per_camera_fps": FPS,
        **measured,
        "promised": promised(measured),
    }
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    sys.exit(not all(result["promised"].values()))


if __name__ == "__main__":
    main()
