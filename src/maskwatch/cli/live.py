"""`maskwatch live`: a camera, a stream or a video file in; a window, lines and a video out."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import click

from maskwatch.cli.main import Range, device_option, drop_output, network_options
from maskwatch.errors import SettingError
from maskwatch.io.blur import FilmBlur
from maskwatch.io.cameras import ENDS_WITHIN_S, Latest
from maskwatch.io.draw import annotate
from maskwatch.io.process import stopping_on_signals
from maskwatch.io.recording import Recording
from maskwatch.io.report import count_states
from maskwatch.io.video import open_source
from maskwatch.io.video_source import VideoSource
from maskwatch.live.loop import FrameStream, Judged, Meter, Pace, Sink, frame_document, watch
from maskwatch.live.preview import NoWindow, Window
from maskwatch.pipeline import Analyzer
from maskwatch.stream import Stream


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
    "--blur",
    is_flag=True,
    help="With --save: make heads in the video too coarse to tell who.",
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
    "--video-stream",
    type=click.IntRange(min=0),
    metavar="N",
    help="Which of several video streams, counted from 0.  [default: the one with most pixels]",
)
@click.option(
    "--steadiness",
    type=Range(0, 1),
    default=0.5,
    show_default=True,
    help="More waits longer before a label changes, less follows faster.",
)
@network_options
@device_option
def live(
    source: str,
    wants_window: bool,
    save: Path | None,
    blur: bool,
    format_name: str,
    video_stream: int | None,
    steadiness: float,
    model: Path | None,
    detector: Path | None,
    detector_side_px: int | None,
    device: str | None,
) -> None:
    """Judge the masks in live or recorded video.

    SOURCE is the number of a camera such as 0, the address of a stream (rtsp://, rtmp:// ...), or a
    video file. Of what is live only the newest frame is judged; of a file every one.
    """
    if blur and not save:
        raise SettingError("--blur: is for the video that --save FILE.mp4 writes; give that, too")
    frames, meter = open_source(source, video_stream=video_stream), Meter()
    with frames, stopping_on_signals(frames.stop), ExitStack() as stack:
        sinks: list[Sink] = [meter]
        sinks.append(print_json if format_name == "jsonl" else LineASecond(meter))
        if save:
            recording = stack.enter_context(Recording(_other_than(source, save)))
            sinks.append(partial(_record, recording, FilmBlur() if blur else None))
        # without a side of its own, a Stream looks at the card's for live video: one look
        analyzer = Analyzer(model, detector, detector_side_px, device=device)
        stream = stack.enter_context(closing(Stream(analyzer, steadiness)))
        window = _open_window(frames.name) if wants_window else None
        try:
            try:
                if window:
                    _watch_in_window(window, frames, stream, meter, sinks)
                else:
                    watch(frames, stream, sinks)
            finally:
                if format_name == "table" and meter.frames:
                    click.echo(meter.whole())
        except BrokenPipeError:  # whoever read the output has had enough
            drop_output()
    frames.has_ended(ENDS_WITHIN_S)  # or the last steps might crash


def print_json(judged: Judged) -> None:
    """One line: when, which frame, how many were dropped and how long it took; then the report."""
    frame = judged.frame
    about = frame_document(frame.index, frame.time_s, judged.dropped, judged.latency_s)
    click.echo(json.dumps(about | judged.report.to_dict()))


class LineASecond:
    """Prints how fast it goes and what the newest frame shows, once a second at most."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._printed_s = 0.0

    def __call__(self, judged: Judged) -> None:
        """Print, if it is time."""
        now_s = time.monotonic()
        if self._meter.frames == 1:  # there is no rate yet
            self._printed_s = now_s
        if now_s - self._printed_s < 1:
            return
        self._printed_s = now_s
        dropped = f"  ({judged.dropped} dropped)" if judged.dropped else ""
        click.echo(f"{self._meter.recent()}  {count_states(judged.report.faces)}{dropped}")


def _record(recording: Recording, blur: FilmBlur | None, judged: Judged) -> None:
    image_rgb, time_s = judged.frame.image_rgb, judged.frame.time_s
    if blur:
        image_rgb = blur.apply(image_rgb, judged.report, time_s)
    recording.add(annotate(image_rgb, judged.report), time_s)


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
    sinks: list[Sink],
) -> None:
    """Judge in a thread, for the window wants the main one; a file plays at its own speed."""
    latest: Latest[Judged] = Latest()
    pace = [] if frames.live else [Pace(frames)]
    with ThreadPoolExecutor(1) as executor:
        work = executor.submit(watch, frames, stream, [*sinks, latest.put, *pace])
        try:
            window.show(latest, meter, running=lambda: not work.done())
        finally:
            frames.stop()
        work.result()
