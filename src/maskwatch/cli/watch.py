"""`maskwatch watch`: many cameras in one process; events and counts are kept, violations told."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from maskwatch.addresses import without_passwords
from maskwatch.cli import drop_output
from maskwatch.cli_options import network_options
from maskwatch.pipeline import Analyzer
from maskwatch.schema import MaskState
from maskwatch.signals import stopping_on_signals
from maskwatch.style import STYLES
from maskwatch.video_source import load_av
from maskwatch.watch.config import WatchConfig, load_config
from maskwatch.watch.queue import AlertQueue
from maskwatch.watch.view import CameraView, Condition
from maskwatch.watch.watch import Watch, store_path
from maskwatch.watch.webhook import host_of

STATUS_SCHEMA = "maskwatch.status/1"


@click.command(
    epilog="""
\b
Exit codes:
  0  you ended it (Ctrl-C, SIGTERM, a closed pipe), or all cameras were files and have ended
  1  all cameras were files and one failed; or the file of the events cannot be read
  2  wrong usage, or wrong settings
  3  a model cannot be loaded
"""
)
@click.argument("config_path", metavar="CONFIG.yaml", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Read the settings, say what would be done, and end.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "jsonl"]),
    default="table",
    show_default=True,
    help="What standard output gets for each camera now and then: a line, or a JSON document.",
)
@network_options
def watch(
    config_path: Path,
    check: bool,
    format_name: str,
    model: Path | None,
    detector: Path | None,
    detector_side_px: int | None,
) -> None:
    """Watch many cameras, keep events and counts, and tell of violations.

    CONFIG.yaml names the cameras, the rules and who is told (webhooks, MQTT). ${NAME} in it stands
    for a variable of the environment, so that no password has to be written down.

    An event says that somebody's state at a camera has changed: when, from what to what, and how
    surely. No picture is kept and nobody is followed from one event to the next. Evidence is off
    unless the settings give it a folder and a number of days: then one picture of each violation is
    kept, of the face alone and in 8 x 8 blocks, too coarse to tell who it is, and deleted by itself
    after those days.
    """
    config = load_config(config_path)
    load_av()  # one message, not one for each camera
    if check:
        click.echo("\n".join(describe(config)))
        return
    analyzer = Analyzer(model, detector, detector_side_px)
    watching = Watch(config, analyzer)
    show = _print_json if format_name == "jsonl" else _print_line
    status = Status(config.status_every_s, watching, show)
    with stopping_on_signals(watching.stop):
        try:
            watching.run(status)
        except BrokenPipeError:  # whoever read the output has had enough
            drop_output()
    try:
        sys.stdout.flush()
    except OSError:
        drop_output()
    if any(camera.view().condition is Condition.FAILED for camera in watching.cameras):
        sys.exit(1)


class Status:
    """Prints something for each camera, now and then."""

    def __init__(
        self,
        every_s: float,
        watching: Watch,
        show: Callable[[CameraView, float, AlertQueue], None],
    ) -> None:
        self._every_s = every_s
        self._watching = watching
        self._show = show
        self._printed_s = time.monotonic()
        self._frames: dict[str, int] = {}

    def __call__(self, views: Sequence[CameraView]) -> None:
        """Print, if it is time."""
        now_s = time.monotonic()
        elapsed_s = now_s - self._printed_s
        if elapsed_s < self._every_s:
            return
        for view in views:
            rate_fps = (view.frames - self._frames.get(view.name, 0)) / elapsed_s
            try:
                self._show(view, rate_fps, self._watching.queue)
            except BrokenPipeError:
                raise
            except OSError:  # a full disk; what is seen is worth more than this line
                pass
        self._frames = {view.name: view.frames for view in views}
        self._printed_s = now_s


def _print_line(view: CameraView, rate_fps: float, queue: AlertQueue) -> None:
    about = view.trouble
    if view.condition is Condition.LIVE:
        shown = [
            f"{view.in_view[s]} {STYLES[s].label.lower()}" for s in MaskState if view.in_view.get(s)
        ]
        about = ", ".join(shown) or "nobody"
    speed = f"{rate_fps:5.1f} frames/s  latency {view.latency_s * 1000:.0f} ms"
    queued = ", ".join(f"{count} for {sink}" for sink, count in queue.lengths().items() if count)
    alerts = f"  (alerts waiting: {queued})" if queued else ""
    clock = datetime.now().strftime("%H:%M:%S")
    click.echo(f"{clock}  {view.name}: {view.condition}  {speed}  {about}{alerts}")


def _print_json(view: CameraView, rate_fps: float, queue: AlertQueue) -> None:
    live = view.condition is Condition.LIVE
    document = {
        "schema": STATUS_SCHEMA,
        "time_utc": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "camera": view.name,
        "condition": view.condition.value,
        "frames_per_s": round(rate_fps, 2),
        "frames": view.frames,
        "dropped": view.dropped,
        "latency_ms": round(view.latency_s * 1000, 1),
        "in_view": {s.value: view.in_view.get(s, 0) for s in MaskState} if live else None,
        "violation": view.violation if live else None,
        "trouble": view.trouble or None,
        "alerts_waiting": queue.lengths(),
        "alerts_dropped": queue.dropped(),
    }
    click.echo(json.dumps(document))


def describe(config: WatchConfig) -> list[str]:
    """What would be done, in lines without passwords."""
    lines = ["cameras:"]
    lines += [f"  {one.name}: {without_passwords(one.address)}" for one in config.cameras]
    lines.append(f"events and counts: {store_path(config)}")
    evidence = config.evidence
    lines.append(
        f"evidence: a coarse picture of each violation in {evidence.folder}, "
        f"deleted after {evidence.keep_days:g} days"
        if evidence
        else "evidence: none is kept"
    )
    lines.append("alerts:" if config.rules else "alerts: none")
    for rule in config.rules:
        where = ", ".join(rule.cameras) or "every camera"
        clear = ", and the all-clear" if rule.all_clear else ""
        lines.append(
            f"  {rule.name}: {' or '.join(rule.states)} for {rule.min_duration_s:g} s at {where}, "
            f"then silent for {rule.cool_down_s:g} s{clear}"
        )
    return lines + _describe_sinks(config)


def _describe_sinks(config: WatchConfig) -> list[str]:
    lines = [
        f"told: {webhook.name}: {host_of(webhook.url)}, "
        f"{'signed' if webhook.secret else 'not signed'}"
        for webhook in config.webhooks
    ]
    if mqtt := config.mqtt:
        host, port = mqtt.address
        tls = "with TLS" if mqtt.tls else "without TLS"
        user = "a user name" if mqtt.username else "no user name"
        lines.append(f"told: mqtt: {host}:{port}, {tls} and {user}, topics {mqtt.topic}/...")
    return lines
