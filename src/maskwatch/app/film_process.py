"""A film that a visitor gave is judged here, in a process of its own that can be ended.

    python -m maskwatch.app.film_process '{"film": "a.mp4", ...}'

It reads what a stranger sent, takes minutes, and must not stand in the way of the pages.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from maskwatch.app.film_faces import FilmFaces
from maskwatch.app.i18n import load_catalogue
from maskwatch.errors import MaskWatchError, VideoError
from maskwatch.io.blur import FilmBlur
from maskwatch.io.draw import annotate
from maskwatch.io.process import stopping_on_signals
from maskwatch.io.recording import Recording
from maskwatch.io.report import CSV_COLUMNS, csv_rows
from maskwatch.io.text_files import csv_line
from maskwatch.io.video import open_source
from maskwatch.io.video_source import load_av
from maskwatch.live.counting import Session, SessionCounts
from maskwatch.live.loop import Judged, watch
from maskwatch.pipeline import Analyzer
from maskwatch.stream import Stream

MARKED, ROWS, FACES = "marked.mp4", "faces.csv", "faces"
"""What is left in the folder of the film, the last where it was asked for."""


@dataclass(frozen=True, slots=True)
class FilmOrder:
    """What is to be judged, and with what.

    Attributes:
        language: of the labels in the marked film.
        film: the file; results go into its folder.
        name: what the visitor calls it.
        model: an ONNX classifier, None for the shipped one.
        detector: the same for the face detector.
        detector_side_px: longer side of a frame for the detector, None for that of its card.
        blur: whether heads in the marked film are made too coarse to tell who.
        faces: whether faces are cut out, so that their answers can be corrected.
    """

    language: str
    film: str = ""
    name: str = ""
    model: str | None = None
    detector: str | None = None
    detector_side_px: int | None = None
    blur: bool = False
    faces: bool = False

    def to_json(self) -> str:
        """As the process takes it."""
        return json.dumps(asdict(self))


def judge_film(order: FilmOrder) -> None:
    """Write the marked film and a row for each face and frame; say how far it is, line by line.

    Raises:
        MaskWatchError: the film cannot be read, or a model not loaded.
    """
    film = Path(order.film)
    length_s = film_length_s(film)
    words = load_catalogue(order.language).picture_words()
    analyzer = Analyzer(order.model, order.detector, order.detector_side_px)
    session, blur = Session(), FilmBlur() if order.blur else None
    with (
        open_source(film) as source,
        stopping_on_signals(source.stop),
        cutting_out(film.with_name(FACES), order.faces) as faces,
        Recording(film.with_name(MARKED)) as recording,
        film.with_name(ROWS).open("w", encoding="utf-8", newline="") as rows,
    ):
        print(csv_line(("frame", "time_s", *CSV_COLUMNS)), file=rows)

        def keep(judged: Judged) -> None:
            frame, report = judged.frame, judged.report
            image_rgb = frame.image_rgb
            if blur:
                image_rgb = blur.apply(image_rgb, report, frame.time_s)
            recording.add(annotate(image_rgb, report, words=words), frame.time_s)
            for cells in csv_rows(report):
                line = csv_line((frame.index, round(frame.time_s, 3), order.name, *cells[1:]))
                print(line, file=rows)
            counts = session.add(report, frame.time_s)
            tell(time_s=frame.time_s, length_s=length_s, **counted(counts))

        watch(source, Stream(analyzer), [keep, *faces])
        if source.stopped:
            tell(stopped=True)


@contextmanager
def cutting_out(folder: Path, wanted: bool) -> Iterator[list[FilmFaces]]:
    """What cuts faces out, where that is wanted; they are written however the film ends."""
    faces = [FilmFaces()] if wanted else []
    try:
        yield faces
    finally:
        for one in faces:
            one.write(folder)


def counted(counts: SessionCounts) -> dict[str, Any]:
    """How many people showed what, and for how many seconds."""
    return {"people": dict(counts.people), "face_s": dict(counts.face_s)}


def film_length_s(film: Path) -> float:
    """How long a film says it is; 0 where it does not say, or is none."""
    av = load_av()
    try:
        with av.open(f"file:{film}", options={"protocol_whitelist": "file"}) as container:
            return max(0.0, float((container.duration or 0) / av.time_base))
    except av.FFmpegError:  # why, is told when it is read
        return 0.0


def tell(**told: object) -> None:
    """A line for whoever waits."""
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)  # pages and live video come first
    ordered = FilmOrder(**json.loads(sys.argv[1]))
    try:
        try:
            judge_film(ordered)
        except VideoError as error:
            tell(error=error.fault)
    except MaskWatchError as error:  # not the film's fault: for whoever runs the pages
        sys.exit(str(error))
    except BrokenPipeError:  # the pages were ended, and nobody else will delete the film
        shutil.rmtree(Path(ordered.film).parent, ignore_errors=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what was not said
