"""The result of `maskwatch bench` as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from maskwatch.bench.clock import Times
from maskwatch.bench.contenders import WHOLE
from maskwatch.bench.run import SpeedBench
from maskwatch.bench.stages import STAGES
from maskwatch.bench.stages import WHOLE as WHOLE_STAGES


def to_lines(result: SpeedBench) -> Iterator[str]:
    """All tables, one after the other, with what each number means above it."""
    machine = result.machine
    yield (
        f"{machine['cpu']}, {machine['cores']} cores used, {machine['system']}, "
        f"onnxruntime {machine['versions'].get('onnxruntime', '?')}"
    )
    yield "Ratios are what counts: another program beside this one makes every number larger."
    yield ""
    yield from _stages(result)
    yield ""
    yield from _networks(result)
    yield ""
    yield from _contest(result)
    yield ""
    yield from _start(result)


def _stages(result: SpeedBench) -> Iterator[str]:
    yield "Each stage by itself: median / 95th percentile in ms, and how many a second."
    yield "A live frame is all of it but decode, draw and encode, everybody judged; in a steady"
    yield "one people have shown the same for a while. A photo starts from its JPEG."
    for size_wh in dict.fromkeys(scene.size_wh for scene in result.scenes):
        scenes = [scene for scene in result.scenes if scene.size_wh == size_wh]
        yield f"{size_wh[0]} x {size_wh[1]}"
        found = [f"{scene.found[0]} live, {scene.found[1]} photo" for scene in scenes]
        rows = [["faces drawn", *(str(scene.drawn) for scene in scenes)], ["faces found", *found]]
        for name in (*STAGES, *WHOLE_STAGES):
            rows.append([name, *(_cell(scene.stages[name]) for scene in scenes)])
        yield from _aligned(rows)


def _cell(times: Times) -> str:
    row = times.to_dict()
    return f"{row['p50_ms']:.2f} / {row['p95_ms']:.2f} {_rate(row['per_s']):>7}/s"


def _networks(result: SpeedBench) -> Iterator[str]:
    peak = result.peak_per_s / 1e9
    yield f"Networks beside arithmetic: this machine does {peak:.0f} billion operations a second"
    yield "(one large float32 product, all threads); the floor is operations over that."
    rows = [["", "million ops", "floor ms", "p50", "p95", "times floor"]]
    for name, network in result.networks.items():
        row = network.to_dict()
        numbers = ("megaoperations", "floor_ms", "p50_ms", "p95_ms", "times_floor")
        rows.append([name, *(f"{row[key]:.{0 if key[0] == 'm' else 2}f}" for key in numbers)])
    yield from _aligned(rows)


def _contest(result: SpeedBench) -> Iterator[str]:
    yield "Side by side, in turn: one frame of 640 x 480 with one face."
    rows = [("", "p50", "p95", "a second", "times MaskWatch")]
    for name, row in result.contest.to_dict()["ways"].items():
        ratio = "1" if name == WHOLE else f"{row['times_maskwatch']:.2f}"
        times = (f"{row['p50_ms']:.2f}", f"{row['p95_ms']:.2f}", _rate(row["per_s"]))
        rows.append((name, *times, ratio))
    yield from _aligned(rows)
    yield from result.contest.left_out


def _start(result: SpeedBench) -> Iterator[str]:
    start = result.start
    yield f"From nothing to a first verdict, median of {start.runs} processes:"
    yield (
        f"  import {start.import_s:.2f} s, load {start.load_s:.2f} s, "
        f"first photo {start.verdict_s:.2f} s"
    )
    peak = "unknown here" if start.peak_mb is None else f"{start.peak_mb:.0f} MB"
    yield f"  maskwatch predict photo.jpg: {start.whole_s:.2f} s in all, peak memory {peak}"
    sizes = result.sizes
    largest = sorted(sizes["packages_mb"].items(), key=lambda item: -item[1])[:5]
    parts = ", ".join(f"{name} {size:.0f}" for name, size in largest)
    yield f"  base installation {sizes['base_install_mb']:.0f} MB on disk ({parts}, ...)"
    models = ", ".join(f"{name} {size:.1f} MB" for name, size in sizes["models_mb"].items())
    yield f"  networks: {models}"


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        numbers = "  ".join(c.rjust(w) for c, w in zip(cells, widths[1:], strict=True))
        yield f"  {name:<{widths[0]}}  {numbers}"
