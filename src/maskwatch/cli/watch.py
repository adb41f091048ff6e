"""`maskwatch watch`: many cameras in one process; events and counts are kept, violations told."""

from __future__ import annotations

import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from maskwatch.cli.main import counted, device_option, drop_output, network_options
from maskwatch.errors import MissingExtraError, SettingError
from maskwatch.io.addresses import shown_address
from maskwatch.io.process import limit_arenas, stopping_on_signals
from maskwatch.io.style import STYLES
from maskwatch.io.video import open_source, why_no_file
from maskwatch.io.video_source import load_av
from maskwatch.pipeline import Analyzer
from maskwatch.schema import MaskState
from maskwatch.watch.camera import Camera
from maskwatch.watch.config import WatchConfig, load_config, store_path
from maskwatch.watch.event_store import EventStore
from maskwatch.watch.hours import Hours
from maskwatch.watch.outbox import AlertQueue
from maskwatch.watch.page_changes import with_changes
from maskwatch.watch.rules import Rule
from maskwatch.watch.sole_user import sole_user
from maskwatch.watch.status import CameraView, Condition
from maskwatch.watch.supervisor import Watch

STATUS_SCHEMA = "maskwatch.status/1"

_OVER = frozenset({Condition.ENDED, Condition.FAILED})


@click.command(
    epilog="""
\b
Exit codes:
  0  you ended it (Ctrl-C, SIGTERM, a closed pipe), or all cameras were files and have ended
  1  all cameras were files and one failed; or the file of the events cannot be read, or another
     maskwatch watch uses it
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
@click.option(
    "--page",
    "page_port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Also hand out the page of the cameras, at this port; 0 takes any. The settings name the "
    "keys that open it.",
)
@click.option(
    "--page-host",
    default="127.0.0.1",
    show_default=True,
    metavar="HOST",
    help="The address that the page listens on.",
)
@network_options
@device_option
def watch(
    config_path: Path,
    check: bool,
    format_name: str,
    page_port: int | None,
    page_host: str,
    model: Path | None,
    detector: Path | None,
    detector_side_px: int | None,
    device: str | None,
) -> None:
    """Watch many cameras, keep events and counts, and tell of violations.

    CONFIG.yaml names the cameras, the rules and who is told (webhooks, MQTT). ${NAME} in it stands
    for a variable of the environment, so that no password has to be written down.

    An event says that somebody's state at a camera has changed: when, from what to what, and how
    surely. Nobody is followed from one event to the next. No picture is kept unless the settings
    have `evidence`, with a folder and a number of days: then one picture of each violation is kept
    and deleted by itself after those days. It shows the face alone in 8 x 8 blocks, too coarse
    to tell who it is, unless the settings say blurred or whole.
    """
    settings = load_config(config_path)
    config = with_changes(settings)
    load_av()  # one message, not one for each camera
    if check:
        _check_films(config)
        click.echo("\n".join(describe(config)))
        return
    limit_arenas()  # before there are threads
    show = _print_json if format_name == "jsonl" else _print_line
    with ExitStack() as stack:
        stack.enter_context(sole_user(store_path(config)))
        analyzer = Analyzer(model, detector, detector_side_px, device=device)
        watching = Watch(config, analyzer)
        status, began_s = Status(config.status_every_s, watching, show), time.time()
        if page_port is not None:
            stack.enter_context(_page(watching, settings, page_host, page_port))
        stack.enter_context(stopping_on_signals(watching.stop))
        try:
            watching.run(status)
            show_ends(watching, store_path(config), began_s, format_name)
        except BrokenPipeError:  # whoever read the output has had enough
            drop_output()
    try:
        sys.stdout.flush()
    except OSError:
        drop_output()
    if has_failed([camera.view().condition for camera in watching.cameras]):
        sys.exit(1)


def _check_films(config: WatchConfig) -> None:
    """Raises SettingError where a film is no file; of a live source only a connection tells."""
    for one in config.cameras:
        source = open_source(one.address)
        if not source.live and (why := why_no_file(Path(one.address))):
            raise SettingError(f"{one.name}: {source.name}: {why[0]}")


def show_ends(watching: Watch, store: Path, began_s: float, format_name: str) -> None:
    """Print what became of each film, of which there may have been no line so far.

    Args:
        watching: has ended.
        store: where its events are.
        began_s: when it began, in UTC seconds since the epoch.
        format_name: of the lines.
    """
    over = [view for view in map(Camera.view, watching.cameras) if view.condition in _OVER]
    if not over:
        return
    events = Counter(one.camera for one in EventStore(store).events(began_s, math.inf))
    for view in over:
        if format_name == "jsonl":
            _print_json(view, 0.0, watching.queue)
        else:
            frames, changes = counted(view.frames, "frame"), counted(events[view.name], "event")
            click.echo(f"{view.name}: {view.condition}; {frames} judged, {changes}")


def has_failed(conditions: Collection[Condition]) -> bool:
    """Whether it ended by itself, with a file that could not be played."""
    return Condition.FAILED in conditions and _OVER.issuperset(conditions)


@contextmanager
def _page(watching: Watch, settings: WatchConfig, host: str, port: int) -> Iterator[None]:
    """The page until the block ends, and a line that says where it is."""
    try:
        from maskwatch.watch.page_server import serving_page  # what serves is part of an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("maskwatch watch --page", "serve") from error
    with serving_page(watching, settings, host, port) as (shown_host, shown_port):
        named = f"[{shown_host}]" if ":" in shown_host else shown_host
        click.echo(f"the page of the cameras: http://{named}:{shown_port}", err=True)
        yield


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
    for one in config.cameras:
        zones = ", ".join(f"{zone.name} ({zone.kind})" for zone in one.zones)
        lines.append(f"  {one.name}: {shown_address(one.address)}{zones and '; zones: '}{zones}")
    lines.append(f"events and counts: {store_path(config)}")
    evidence = config.evidence
    lines.append(
        f"evidence: a {evidence.picture} picture of each violation in {evidence.folder}, "
        f"deleted after {evidence.keep_days:g} days"
        if evidence
        else "evidence: none is kept"
    )
    lines += _describe_corrections(config)
    lines.append("alerts:" if config.rules else "alerts: none")
    lines += [f"  {_describe_rule(rule)}" for rule in config.rules]
    return lines + _describe_sinks(config) + _describe_page(config)


def _describe_corrections(config: WatchConfig) -> list[str]:
    corrections = config.corrections
    if corrections is None:
        return []
    kept = f"{corrections.folder}, deleted after {corrections.keep_days:g} days"
    if config.is_correctable:
        return [f"corrections: faces that owners correct in {kept}"]
    return [f"corrections: none, for evidence.picture is not whole; older ones in {kept}"]


def _describe_rule(rule: Rule) -> str:
    where = ", ".join(rule.cameras) or "every camera"
    zones = f", zone {' and zone '.join(rule.zones)}" if rule.zones else ""
    people = f"{rule.min_people} people with " if rule.min_people > 1 else ""
    stay = f", once they have stayed {rule.min_stay_s:g} s" if rule.min_stay_s else ""
    clear = ", and the all-clear" if rule.all_clear else ""
    return (
        f"{rule.name}: {people}{' or '.join(rule.states)} for {rule.min_duration_s:g} s "
        f"at {where}{zones}{stay}, then silent for {rule.cool_down_s:g} s{clear}"
        f"{f', {_describe_hours(rule.hours)}' if rule.hours else ''}"
    )


def _describe_hours(hours: Hours) -> str:
    where = hours.time_zone or "this computer's time"
    off = f" but on {', '.join(hours.holidays)}" if hours.holidays else ""
    return f"only {', '.join(hours.weekly)} ({where}){off}"


def _describe_sinks(config: WatchConfig) -> list[str]:
    lines = [
        f"alerts go to: {webhook.name}: {shown_address(webhook.url)}, "
        f"{'signed' if webhook.secret else 'not signed'}{_with_pictures(webhook.picture)}"
        for webhook in config.webhooks
    ]
    for one in config.apprise:
        scheme = one.url.partition(":")[0]  # what stands behind it may be all that is secret
        lines.append(
            f"alerts go to: {one.name}: {scheme}:, by Apprise{_with_pictures(one.picture)}"
        )
    if mqtt := config.mqtt:
        host, port = mqtt.address
        tls = "with TLS" if mqtt.tls else "without TLS"
        user = "a user name" if mqtt.username else "no user name"
        topics = f"topics {mqtt.topic}/...{_with_pictures(mqtt.picture)}"
        lines.append(f"alerts go to: mqtt: {host}:{port}, {tls} and {user}, {topics}")
    return lines


def _with_pictures(told: bool) -> str:
    return ", with pictures" if told else ""


def _describe_page(config: WatchConfig) -> list[str]:
    if config.page is None:
        return []
    owners, viewers = len(config.page.owner_keys), len(config.page.viewer_keys)
    return [f"page, with --page: keys of owners: {owners}, of viewers: {viewers}"]
