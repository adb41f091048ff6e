"""A film of a visitor: judged in a process of its own, one at a time, and gone from the disk.

Run: pytest tests/process/test_film.py
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from support.cartoon_face import cartoon
from support.waiting import LIMIT_S, until

from maskwatch.app import film as film_module
from maskwatch.app import film_process
from maskwatch.app.film import UNFORESEEN, Film
from maskwatch.app.film_process import FilmOrder
from maskwatch.errors import VideoFault
from maskwatch.io.recording import Recording
from maskwatch.io.video_source import VideoSource
from maskwatch.live.loop import Judged, Sink, watch
from maskwatch.schema import MaskState
from maskwatch.stream import Stream

FRAMES = 12


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A face for some seconds, then a wall."""
    path = tmp_path_factory.mktemp("film") / "face.mp4"
    face = cartoon(masked=True)
    with Recording(path) as recording:
        for index in range(FRAMES):
            shown = face if index < FRAMES - 1 else np.full_like(face, 120)
            recording.add(shown, index / 4)
    return path.read_bytes()


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Begins a film whose files lie in this folder; all have ended at the end."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    films: list[Film] = []

    def begun(name: str, content: bytes, **order: bool) -> Film:
        films.append(Film(name, content, FilmOrder("id", **order)))
        return films[-1]

    yield begun
    for film in films:
        film.stop()
        until(lambda film=film: film.state.ended, "it ends")
    assert not list(tmp_path.glob("maskwatch-film-*"))


Begin = Callable[..., Film]


def full_disk(*_: object, **__: object) -> int:
    raise OSError(errno.ENOSPC, "no space left on device")


@pytest.mark.parametrize("name", ["pathlib.Path.write_bytes", "subprocess.Popen"])
def test_a_film_without_room_leaves_the_way_to_the_next(
    begin: Begin, content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setattr(film_module, "_STOP_S", 0)
    with monkeypatch.context() as patch:
        patch.setattr(name, full_disk)
        with pytest.raises(OSError, match="no space left"):
            begin("face.mp4", content)
    assert not list(tmp_path.glob("maskwatch-film-*"))
    film = begin("face.mp4", content)
    until(lambda: film.state.ended, "it ends")
    assert not film.state.fault


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_result_that_cannot_be_read_ends_the_film(
    begin: Begin, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_module, "read_faces", full_disk)
    film = begin("face.mp4", content)
    until(lambda: film.state.ended, "it ends")
    # what the thread raises belongs to this test, and comes after the end is told
    until(lambda: "film" not in {thread.name for thread in threading.enumerate()}, "its thread")
    assert film.state.fault == UNFORESEEN
    assert film_module._RUNNING.acquire(blocking=False)
    film_module._RUNNING.release()


def test_a_film_comes_back_marked_with_a_table(
    begin: Begin, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = begin("=face.mp4", content)
    monkeypatch.setattr(film_module, "_STOP_S", 0)
    with pytest.raises(BlockingIOError):  # one film at a time
        begin("other.mp4", content)
    until(lambda: film.state.ended, "it ends")
    state = film.state
    assert not state.fault and state.share > 0.8
    assert {s: n for s, n in state.people.items() if n} == {MaskState.MASK: 1}
    assert film.sizes_bytes() == [len(state.marked), len(state.rows), 0]
    assert not state.faces
    with av.open(io.BytesIO(state.marked)) as marked:
        assert sum(1 for _ in marked.decode(video=0)) == FRAMES
    rows = list(csv.DictReader(io.StringIO(state.rows.decode())))
    assert {row["source"] for row in rows} == {"'=face.mp4"}
    assert [row["face"] for row in rows] == ["1"] * (FRAMES - 1) + [""]
    assert [float(row["time_s"]) for row in rows] == [index / 4 for index in range(FRAMES)]
    assert {row["state"] for row in rows[4:-1]} == {"mask"}


def test_a_film_can_hide_who_it_is(begin: Begin, content: bytes) -> None:
    film = begin("face.mp4", content, blur=True)
    until(lambda: film.state.ended, "it ends")
    with av.open(io.BytesIO(film.state.marked)) as marked:
        shown = [frame.to_ndarray(format="rgb24") for frame in marked.decode(video=0)]
    with av.open(io.BytesIO(content)) as plain:
        given = [frame.to_ndarray(format="rgb24") for frame in plain.decode(video=0)]
    row = next(csv.DictReader(io.StringIO(film.state.rows.decode())))
    left, top, right, bottom = (int(float(row[n])) for n in ("left", "top", "right", "bottom"))
    face = slice((3 * top + bottom) // 4, (top + bottom) // 2), slice(left + 20, right - 20)
    detail = [
        np.abs(np.diff(frames[5][face].astype(int), axis=1)).mean() for frames in (given, shown)
    ]
    assert detail[1] < detail[0] / 2


def test_faces_are_cut_out_as_they_were_before_anything_was_drawn(
    begin: Begin, content: bytes
) -> None:
    film = begin("face.mp4", content, faces=True, blur=True)
    until(lambda: film.state.ended, "it ends")
    (face,) = film.state.faces
    seen = face.seen
    assert (seen.face.state, seen.source) == (MaskState.MASK, "film")
    assert film.sizes_bytes()[2] == seen.image_rgb.nbytes
    with av.open(io.BytesIO(content)) as plain:
        given = [frame.to_ndarray(format="rgb24") for frame in plain.decode(video=0)]
    shown = given[round(face.time_s * 4)]
    assert cv2.matchTemplate(shown, seen.image_rgb, cv2.TM_SQDIFF_NORMED).min() < 1e-4


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"", VideoFault.EMPTY), (b"I am no film." * 100, VideoFault.NO_VIDEO)],
)
def test_what_is_no_film_says_so_without_naming_our_file(
    begin: Begin, content: bytes, fault: VideoFault
) -> None:
    film = begin("a film.mov", content)
    until(lambda: film.state.ended, "it ends")
    assert film.state.fault == fault
    assert not film.state.marked


def test_a_film_that_claims_to_last_less_than_nothing_does_not_say_how_long_it_is(
    tmp_path: Path,
) -> None:
    path = tmp_path / "film.mkv"
    with av.open(path, "w") as film:
        stream = film.add_stream("mpeg4", rate=1, width=64, height=48, pix_fmt="yuv420p")
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        for packet in (*stream.encode(frame), *stream.encode()):
            film.mux(packet)
    assert film_process.film_length_s(path) == 1
    content = bytearray(path.read_bytes())
    place = content.index(b"\x44\x89\x88") + 3  # where Matroska says how long it is
    content[place : place + 8] = struct.pack(">d", -5000.0)
    path.write_bytes(content)
    assert film_process.film_length_s(path) == 0


def test_a_film_that_is_cut_gives_what_there_is(begin: Begin, content: bytes) -> None:
    film = begin("cut.mp4", content[: len(content) // 2])
    until(lambda: film.state.ended, "it ends")
    assert film.state.fault == VideoFault.CUT_SHORT


def test_a_film_whose_analysis_is_killed_is_not_called_done(begin: Begin, content: bytes) -> None:
    film = begin("face.mp4", content)
    film._work._process.kill()
    until(lambda: film.state.ended, "it ends")
    assert film.state.fault == UNFORESEEN


@pytest.fixture
def never_ends(tmp_path: Path) -> Path:
    """What stands in for Python: a process that neither hears nor says anything."""
    script = tmp_path / "never_ends"
    script.write_text("#!/bin/sh\nexec sleep 3600\n")
    script.chmod(0o755)
    return script


def test_a_film_that_is_stopped_before_it_was_opened_is_no_failure(
    begin: Begin, content: bytes, monkeypatch: pytest.MonkeyPatch, never_ends: Path
) -> None:
    monkeypatch.setattr("sys.executable", str(never_ends))
    film = begin("face.mp4", content)
    film.stop()
    until(lambda: film.state.ended, "it ends")
    assert film.state.stopped and not film.state.fault


def test_a_program_that_ends_does_not_wait_for_its_film(tmp_path: Path, never_ends: Path) -> None:
    program = (
        "import sys\n"
        "from maskwatch.app.film import Film, FilmOrder\n"
        f"sys.executable = {str(never_ends)!r}\n"
        "film = Film('face.mp4', b'', FilmOrder('en'))"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=LIMIT_S)
    assert not list(tmp_path.glob("maskwatch-film-*"))


def test_a_film_is_deleted_by_its_process_where_the_pages_are_gone(
    tmp_path: Path, content: bytes
) -> None:
    folder = tmp_path / "film"
    folder.mkdir()
    film = folder / "film.mp4"
    film.write_bytes(content)
    process = subprocess.Popen(
        [sys.executable, "-m", "maskwatch.app.film_process", FilmOrder("en", str(film)).to_json()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    with process.stderr as said:
        assert said.read() == ""
    assert process.wait(LIMIT_S) == 0
    assert not folder.exists()


def test_a_film_that_takes_too_long_ends(
    begin: Begin, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_module, "LIMIT_S", 0.0)
    film = begin("long.mp4", content)
    until(lambda: film.state.ended, "it ends")
    begin("next.mp4", content)  # there is room for the next


def test_a_film_that_is_stopped_half_way_says_so(
    begin: Begin,
    content: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped_at_once(source: VideoSource, stream: Stream, sinks: list[Sink]) -> None:
        def stop(judged: Judged) -> None:
            source.stop()

        watch(source, stream, [*sinks, stop])

    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    told: list[list[dict[str, object]]] = []
    for watching in (watch, stopped_at_once):
        monkeypatch.setattr(film_process, "watch", watching)
        film_process.judge_film(FilmOrder("en", str(path), "film.mp4"))
        told.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    whole, half = told
    assert "stopped" not in whole[-1] and len(whole) == FRAMES
    assert half[-1] == {"stopped": True} and len(half) == 2

    film = begin("face.mp4", content)
    until(lambda: film.state.ended, "it ends")
    assert not film.state.stopped
    film._work._hear(half[-1])
    assert film.state.stopped
