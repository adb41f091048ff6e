"""`maskwatch live`: a camera, a stream or a video file in; a window, lines and a video out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import click

from maskwatch.cli import drop_output
from maskwatch.cli_options import network_options
from maskwatch.draw import annotate
from maskwatch.errors import SettingError
from maskwatch.live import FrameStream, Pace, Seen, watch
from maskwatch.meter import Meter
from maskwatch.pipeline import Analyzer
from maskwatch.recording import Recording
from maskwatch.report import count_states
from maskwatch.signals import stopping_on_signals
from maskwatch.stream import Stream
from maskwatch.video import open_source
from maskwatch.video_live import ENDS_WITHIN_S, Latest
from maskwatch.video_source import VideoSource
from maskwatch.window import NoWindow, Window


@click.command(
    epilog="""
\b
Exit codes:
  0  the file ended, or you ended it (Ctrl-C, SIGTERM, a closed window or pipe)
  1  the source cannot be opened, failed or is cut short; or --save failed
  2  wrong usage
  3  a model cannot be loaded
"""
)
@click.argument("source", metavar="SOURCE")
@click.option(
    "--window/--no-window",
    "wants_window",
    default=True,
    help="Show the pictures; without, a file is judged as fast as it goes.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="FILE.mp4",
    help="Also write a video with each face marked.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "jsonl"]),
    default="table",
    show_default=True,
    help="What standard output gets: a line a second, or one JSON document a frame.",
)
@click.option(
    "--steadiness",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="More waits longer before a label changes, less follows faster.",
)
@network_options
def live(
    source: str,
    wants_window: bool,
    save: Path | None,
    format_name: str,
    steadiness: float,
    model: Path | None,
    detector: Path | None,
    detector_side_px: int | None,
) -> None:
    """Judge the masks in live or recorded video.

    SOURCE is the number of a camera such as 0, the address of a stream (rtsp://, http://), or a
    video file. Of what is live only the newest frame is judged; of a file every one.
    """
    frames, meter = open_source(source), Meter()
    with frames, stopping_on_signals(frames.stop), ExitStack() as stack:
        sinks: list[Callable[[Seen], None]] = []
        sinks.append(print_json if format_name == "jsonl" else LineASecond(meter))
        if save:
            recording = stack.enter_context(Recording(_other_than(source, save)))
            sinks.append(partial(_record, recording))
        # without a side of its own, a Stream looks at the card's for live video: one look
        analyzer = Analyzer(model, detector, detector_side_px)
        stream = stack.enter_context(closing(Stream(analyzer, steadiness)))
        window = _open_window(frames.name) if wants_window else None
        try:
            try:
                if window:
                    _watch_in_window(window, frames, stream, meter, sinks)
                else:
                    watch(frames, stream, meter, sinks)
            finally:
                if format_name == "table" and meter.frames:
                    click.echo(meter.whole())
        except BrokenPipeError:  # whoever read the output has had enough
            drop_output()
    frames.has_ended(ENDS_WITHIN_S)  # or the last steps might crash


def print_json(seen: Seen) -> None:
    """One line: when, which frame, how many were dropped and how long it took; then the report."""
    about = {
        "time_s": round(seen.frame.time_s, 3),
        "frame": seen.frame.index,
        "dropped": seen.dropped,
        "latency_ms": round(seen.latency_s * 1000, 2),
    }
    click.echo(json.dumps(about | seen.report.to_dict()))


class LineASecond:
    """Prints how fast it goes and what the newest frame shows, once a second at most."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._printed_s = 0.0

    def __call__(self, seen: Seen) -> None:
        """Print, if it is time."""
        now_s = time.monotonic()
        if self._meter.frames == 1:  # there is no rate yet
            self._printed_s = now_s
        if now_s - self._printed_s < 1:
            return
        self._printed_s = now_s
        dropped = f"  ({seen.dropped} dropped)" if seen.dropped else ""
        click.echo(f"{self._meter.recent()}  {count_states(seen.report.faces)}{dropped}")


def _record(recording: Recording, seen: Seen) -> None:
    recording.add(annotate(seen.frame.image_rgb, seen.report), seen.frame.time_s)


def _other_than(source: str, save: Path) -> Path:
    """Where to save, unless it is what is read."""
    try:
        same = save.samefile(source)
    except (OSError, ValueError):  # one of them is no file
        same = False
    if same:
        raise SettingError(f"--save {save}: would overwrite the source")
    return save


def _open_window(title: str) -> Window | None:
    try:
        return Window(f"MaskWatch: {title}")
    except NoWindow as error:
        click.echo(f"No window: {error}; going on without (as --no-window does)", err=True)
        return None


def _watch_in_window(
    window: Window,
    frames: VideoSource,
    stream: FrameStream,
    meter: Meter,
    sinks: list[Callable[[Seen], None]],
) -> None:
    """Judge in a thread, for the window wants the main one; a file plays at its own speed."""
    latest: Latest[Seen] = Latest()
    pace = [] if frames.live else [Pace(frames)]
    with ThreadPoolExecutor(1) as executor:
        work = executor.submit(watch, frames, stream, meter, [*sinks, latest.put, *pace])
        try:
            window.show(latest, meter, running=lambda: not work.done())
        finally:
            frames.stop()
        work.result()
