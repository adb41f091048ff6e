"""The tables of docs/scale.md, from what the benchmarks recorded: nobody types numbers.

    python scripts/scale_table.py                                 # print them
    python scripts/scale_table.py --core-hour 0.11 --gigabyte 0   # with prices of your own
    python scripts/scale_table.py --write                         # put them into docs/scale.md

A table stands between a line `<!-- table NAME -->` and a line `<!-- end -->`. Prices are in any
currency. Nothing but this file turns measured numbers into planned ones.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scale.md"
RESULTS = ROOT / "benchmarks" / "results"

BUSY = 0.6
"""So much of a core is planned for; the rest is for crowds, bursts and machines that fail."""

PROCESS_CORES = 2
"""Of a process that watches cameras: as many as it was measured with."""

CAMERAS = (1, 10, 1000)
RATES_PER_S = (5, 15)
VIEWS = (("640x480", "1"), ("1280x720", "4"))
PICTURES = tuple(10**power for power in (6, 7, 8, 9))
RUN_PICTURES = 10**7
"""The most in one run; more are cut into several."""

CLUSTER_CORES = 64
MONTH_HOURS = 730


@dataclass(frozen=True, slots=True)
class Prices:
    """Of the reader; the defaults are an example, no offer of anybody.

    Attributes:
        core_hour: of one core for one hour, its memory included.
        gigabyte: of a gigabyte that is transferred.
        gigabyte_month: of a gigabyte that is kept for a month.
    """

    core_hour: float = 0.05
    gigabyte: float = 0.02
    gigabyte_month: float = 0.025


def load(name: str) -> dict[str, Any]:
    """What a benchmark recorded."""
    recorded: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return recorded


def picture_costs(prices: Prices) -> list[list[str]]:
    """What a picture costs, stage by stage."""
    lines = [
        [
            "JPEG",
            "kB",
            "faces",
            "read",
            "decode",
            "judge",
            "write",
            "**ms of a core**",
            "pictures a core and second",
            "MB a process",
        ]
    ]
    for size, cost in load("batch_throughput")["cost"].items():
        stages = [f"{spent:.1f}" for spent in cost["stages_ms"].values()]
        lines.append(
            [
                size,
                f"{cost['kilobytes']:.0f}",
                f"{cost['faces']:.1f}",
                *stages,
                f"**{cost['core_ms']:.0f}**",
                f"{cost['pictures_per_core_s']:.1f}",
                f"{cost['process_memory_mb']:.0f}",
            ]
        )
    return lines


def engines(prices: Prices) -> list[list[str]]:
    """The engines against a plain loop."""
    lines = [["", "times as fast as the loop", "each round", "ms of a core", "first rows after"]]
    recorded = load("batch_throughput")["engines"]
    base = [found["pictures_per_s"] for found in recorded["loop, all cores"]["rounds"]]
    for name, way in recorded.items():
        if name == "pictures":
            continue
        speeds = [found["pictures_per_s"] for found in way["rounds"]]
        ratios = [f"{speed / b:.2f}" for speed, b in zip(speeds, base, strict=True)]
        core_ms = f"{way['core_ms']:.0f}" if "core_ms" in way else "not counted"
        lines.append(
            [
                name,
                f"{way['ratio_to_loop']:.2f}",
                ", ".join(ratios),
                core_ms,
                f"{way['start_s']:.0f} s",
            ]
        )
    return lines


def writing(prices: Prices) -> list[list[str]]:
    """What the one process that writes can take."""
    lines = [["rows of 256 pictures to", "bytes a row", "bytes a picture", "pictures a second"]]
    for place, found in load("batch_throughput")["writing"].items():
        lines.append(
            [
                place,
                f"{found['bytes_per_row']:.0f}",
                f"{found['bytes_per_picture']:.0f}",
                f"{found['pictures_per_s']:,}",
            ]
        )
    return lines


def frame_costs(prices: Prices) -> list[list[str]]:
    """What a frame of a camera costs."""
    lines = [["H.264", "people", "Mbit/s", "ms to decode", "ms to judge", "**ms of a core**"]]
    for size, entry in load("camera_cost")["sizes"].items():
        for people, cost in entry["people"].items():
            whole = cost["decode_ms"] + cost["judge_ms"]
            lines.append(
                [
                    size,
                    people,
                    f"{cost['megabits_per_s']:.1f}",
                    f"{cost['decode_ms']:.1f}",
                    f"{cost['judge_ms']:.1f}",
                    f"**{whole:.1f}**",
                ]
            )
    return lines


def watched(prices: Prices) -> list[list[str]]:
    """Many cameras in one process, and what the costs of a frame say of the same."""
    recorded = load("watch_cameras")
    cost = load("camera_cost")["sizes"]["640x480"]["people"]["1"]
    lines = [
        [
            "cameras",
            "frames a second, judged of those sent",
            "fewest and most for one camera",
            "cores used",
            "by the table above",
        ]
    ]
    for cameras, found in recorded["cameras"].items():
        sent = int(cameras) * recorded["offered_per_camera"]
        expected = (sent * cost["decode_ms"] + found["frames_per_s"] * cost["judge_ms"]) / 1000
        least, most = found["per_camera"]["least"], found["per_camera"]["most"]
        lines.append(
            [
                cameras,
                f"{found['frames_per_s']:.0f} of {sent}",
                f"{least:.1f}, {most:.1f}",
                f"{found['cores_used']:.2f}",
                f"{expected:.2f}",
            ]
        )
    return lines


def cameras(prices: Prices) -> list[list[str]]:
    """What so many cameras need."""
    lines = [
        [
            "cameras",
            "each sends",
            "cores",
            "processes",
            "memory, GB",
            "network, Mbit/s",
            "money a month (example)",
        ]
    ]
    sizes = load("camera_cost")["sizes"]
    for count in CAMERAS:
        for size, people in VIEWS:
            entry = sizes[size]
            cost = entry["people"][people]
            for rate in RATES_PER_S:
                used = count * rate * (cost["decode_ms"] + cost["judge_ms"]) / 1000
                cores = math.ceil(used / BUSY)
                processes = math.ceil(cores / PROCESS_CORES)
                memory = entry["memory_mb"]
                memory_mb = processes * memory["with_one_camera"]
                memory_mb += (count - processes) * memory["each_further"] if count > 1 else 0
                megabits = count * cost["megabits_per_s"] * rate / load("camera_cost")[VIDEO_RATE]
                money = cores * MONTH_HOURS * prices.core_hour
                lines.append(
                    [
                        f"{count:,}",
                        f"{size}, {rate} frames a second, {people} in view",
                        f"{cores:,}",
                        f"{processes:,}",
                        f"{memory_mb / 1000:.1f}",
                        f"{megabits:,.1f}" if megabits < 10 else f"{megabits:,.0f}",
                        f"{money:,.0f}",
                    ]
                )
    return lines


VIDEO_RATE = "frames_per_s_of_the_videos"


def pictures(prices: Prices) -> list[list[str]]:
    """What so many pictures need."""
    lines = [
        [
            "pictures",
            "JPEG",
            "core hours",
            f"time on {CLUSTER_CORES} cores",
            "pictures in, GB",
            f"network of {CLUSTER_CORES} cores, Mbit/s",
            "rows out, GB",
            "runs",
            "money (example)",
        ]
    ]
    recorded = load("batch_throughput")
    row_bytes = recorded["writing"]["disk"]["bytes_per_picture"]
    for count in PICTURES:
        for size in ("640x480", "4000x3000"):
            cost = recorded["cost"][size]
            hours = count * cost["core_ms"] / 1000 / 3600 / BUSY
            gigabytes_in = count * cost["kilobytes"] / 1e6
            gigabytes_out = count * row_bytes / 1e9
            megabits = 8 * gigabytes_in * 1000 / (hours / CLUSTER_CORES * 3600)
            money = hours * prices.core_hour + gigabytes_in * prices.gigabyte
            money += gigabytes_out * prices.gigabyte_month
            lines.append(
                [
                    f"{count:,}",
                    size,
                    f"{hours:,.0f}",
                    _duration(hours / CLUSTER_CORES),
                    f"{gigabytes_in:,.0f}",
                    f"{megabits:,.0f}",
                    f"{gigabytes_out:,.1f}",
                    f"{math.ceil(count / RUN_PICTURES):,}",
                    f"{money:,.0f}",
                ]
            )
    return lines


def planning(prices: Prices) -> list[list[str]]:
    """What the process that hands out the work needs for its list."""
    recorded = load("batch_planning")
    lines = [["pictures in one run", "memory for the list", "time to plan", "plan", "files out"]]
    for count in PICTURES:
        times = count / recorded["pictures"]
        lines.append(
            [
                f"{count:,}",
                f"{times * recorded['memory_mb'] / 1000:.1f} GB",
                f"{times * sum(recorded['core_s'].values()):,.0f} s",
                f"{times * recorded['plan_mb']:,.1f} MB",
                f"{math.ceil(times * recorded['chunks']):,}",
            ]
        )
    return lines


def feeding(prices: Prices) -> list[list[str]]:
    """How many cores keep the one that writes, or a network, busy."""
    recorded = load("batch_throughput")
    slowest = min(found["pictures_per_s"] for found in recorded["writing"].values())
    lines = [
        ["JPEG", "Mbit/s a core", "cores that fill 10 Gbit/s", "cores one writer keeps up with"]
    ]
    for size, cost in recorded["cost"].items():
        megabits = cost["pictures_per_core_s"] * cost["kilobytes"] * 8 / 1000
        lines.append(
            [
                size,
                f"{megabits:.0f}",
                f"{10000 / megabits:,.0f}",
                f"{slowest / cost['pictures_per_core_s']:,.0f}",
            ]
        )
    return lines


def machines(prices: Prices) -> list[list[str]]:
    """What the numbers were measured on."""
    lines = [["numbers", "processor", "cores", "load average before"]]
    for name in ("batch_throughput", "batch_planning", "camera_cost", "watch_cameras"):
        recorded = load(name)
        machine = recorded["machine"]
        lines.append(
            [
                f"`benchmarks/results/{name}.json`",
                machine["cpu"],
                str(machine["cores"]),
                str(recorded.get("load_before", "-")),
            ]
        )
    return lines


TABLES: dict[str, Callable[[Prices], list[list[str]]]] = {
    table.__name__: table
    for table in (
        picture_costs,
        engines,
        writing,
        frame_costs,
        watched,
        cameras,
        pictures,
        planning,
        feeding,
        machines,
    )
}


def _duration(hours: float) -> str:
    return f"{hours:,.1f} hours" if hours < 48 else f"{hours / 24:,.0f} days"


def to_markdown(lines: Iterable[list[str]]) -> str:
    """Rows of cells, the first of which are the heads -> a table."""
    head, *rows = lines
    rule = ["---" for _ in head]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rows))


def filled(page: str, prices: Prices) -> str:
    """A page with its tables made anew."""

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}\n{to_markdown(TABLES[match[2]](prices))}\n<!-- end -->"

    return re.sub(r"(<!-- table (\w+) -->)\n.*?<!-- end -->", table, page, flags=re.DOTALL)


@click.command()
@click.option("--core-hour", default=Prices().core_hour, show_default=True)
@click.option("--gigabyte", default=Prices().gigabyte, show_default=True)
@click.option("--gigabyte-month", default=Prices().gigabyte_month, show_default=True)
@click.option("--write", is_flag=True, help="Into docs/scale.md, with the prices of the example.")
def main(core_hour: float, gigabyte: float, gigabyte_month: float, write: bool) -> None:
    """Print the tables of docs/scale.md."""
    if write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), Prices()), encoding="utf-8")
        return
    prices = Prices(core_hour, gigabyte, gigabyte_month)
    for name, table in TABLES.items():
        print(f"\n{name}\n\n{to_markdown(table(prices))}")


if __name__ == "__main__":
    main()
