"""The flicker benchmark counts what a person watching would count, and its films are what they say.

Run: pytest tests/unit/bench/test_flicker.py
"""

from __future__ import annotations

import hashlib
import json
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from support.drawn_faces import DotDetector, draw_face, face_manifest, face_picture
from support.paths import ROOT
from support.toy_model import write_toy_model

from maskwatch.cli.main import cli
from maskwatch.errors import DataError
from maskwatch.pipeline import Analyzer
from maskwatch.schema import CLASSES, FaceVerdict, MaskState, TrackedFace
from maskwatch.stream import Stream
from maskwatch.training.data.manifest import COLUMNS, read_manifest, tidy, write_manifest
from maskwatch.training.flicker.films import (
    BARE_S,
    HEIGHT,
    WIDTH,
    FilmFrame,
    Truth,
    Upset,
    film,
    webcam_film,
)
from maskwatch.training.flicker.people import CHANGES, Person, cast_people
from maskwatch.training.flicker.recording import Moment, Timeline, play, record
from maskwatch.training.flicker.scores import METHODS, frame_by_frame, majority, score, steady

M, N, BAD, U = *CLASSES, MaskState.UNSURE
LETTERS = {"m": M, "n": N, "i": BAD, "?": U}
BOX = (0.0, 0.0, 10.0, 10.0)


def timeline(truth: str, alone: str, shown: str | None = None, ids: str | None = None) -> Timeline:
    """One person, a letter for each tenth of a second."""
    moments = []
    for index, (is_true, says, shows, track) in enumerate(
        zip(truth, alone, shown or alone, ids or "1" * len(truth), strict=True)
    ):
        state = LETTERS[says]
        sure = {s: 0.8 if s is (M if state is U else state) else 0.1 for s in CLASSES}
        verdict = FaceVerdict(BOX, 1.0, state, 0.8, sure)
        face = TrackedFace(
            BOX, 1.0, LETTERS[shows], 0.8, sure, track_id=int(track), raw_state=state, state_age_s=0
        )
        moments.append(Moment(index / 10, LETTERS[is_true], face, verdict))
    return Timeline("drift", len(truth) / 10, tuple(moments), 0.0)


@pytest.mark.parametrize(
    ("truth", "shown", "switches", "delays"),
    [
        ("", "", 0, []),
        ("mmmm", "mmmm", 0, []),
        ("mmmm", "mnmm", 2, []),
        ("mmmm", "m?mm", 2, []),  # unsure in between is seen as well
        ("mmmm", "??mm", 0, []),  # the first answer is no switch
        ("mmmm", "nnnn", 0, []),  # wrong, but steady
        ("mmnnnn", "mmmmnn", 0, [0.2]),
        ("mmnnnn", "mm?inn", 0, [0.2]),  # what happens until it shows is the delay
        ("mmnnnn", "mmmnmn", 2, [0.1]),
        ("m" * 2 + "n" * 30, "m" * 32, 0, [None]),
        ("m" * 2 + "n" * 30, "m" * 26 + "n" * 6, 1, [None]),  # too late is no answer
        ("mmnniiii", "mmmmmmmi", 0, [None, 0.3]),
        ("mmmn", "mmmm", 0, [None]),
    ],
)
def test_switches_and_delays(
    truth: str, shown: str, switches: int, delays: list[float | None]
) -> None:
    line = timeline(truth, shown)
    filler = timeline("m" * 600, "m" * 600)  # a minute, so that nothing is divided by nothing
    scores = score([line, filler], frame_by_frame)
    assert scores.false_switches == pytest.approx(switches / scores.track_minutes)
    assert scores.changes == len(delays)
    in_time = [delay for delay in delays if delay is not None]
    assert scores.shown_ratio == (len(in_time) / len(delays) if delays else None)
    assert scores.delay_median_s == (pytest.approx(np.median(in_time)) if in_time else None)


def test_shares_of_time() -> None:
    scores = score([timeline("mmmmmmmmmm", "mmmn?nmm??")], frame_by_frame)
    assert scores.wrong_ratio == pytest.approx(0.2)
    assert scores.unsure_ratio == pytest.approx(0.3)
    assert scores.switching_tracks == 1


def test_identities_that_change() -> None:
    line = timeline("m" * 600, "m" * 600, ids="1" * 300 + "2" * 300)
    assert score([line], steady).identity_switches == pytest.approx(1)


def test_the_ways_of_showing() -> None:
    line = timeline("m" * 14, "mmm?nnnnnnnnnn", "mmmmmmmmmmmmmm")
    shown = {name: method(line.moments) for name, method in METHODS.items()}
    report, verdict, vote, ours = shown.values()
    assert list(report[:5]) == [M, M, M, M, N]  # the likeliest, never unsure
    assert list(verdict[:5]) == [M, M, M, U, N]
    assert set(ours) == {M}
    assert vote[7] is M and vote[9] is N  # the last ten frames are a second


def test_votes_of_another_track_do_not_count() -> None:
    line = timeline("m" * 8, "mmmmmnnn", ids="11111222")
    assert list(majority(line.moments)[4:]) == [M, N, N, N]


def people() -> list[Person]:
    steady_face, changing = face_picture(1), face_picture(2)
    masked, _ = draw_face(2, masked=True)
    looks = ((changing.image_rgb, N), (masked, M), (changing.image_rgb, N))
    return [Person(steady_face, ((steady_face.image_rgb, N),)), Person(changing, looks)]


@pytest.mark.parametrize("upset", Upset)
def test_every_film_can_be_made_and_is_the_same_again(upset: Upset) -> None:
    frames = list(islice(film(people(), upset, 3), 20))
    assert {frame.image_rgb.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    for frame in frames:
        for truth in frame.truths:
            x, y = (truth.box_xyxy[i] + truth.box_xyxy[i + 2] for i in (0, 1))
            assert 0 < x / 2 < WIDTH and 0 < y / 2 < HEIGHT
    again = next(film(people(), upset, 3))
    assert np.array_equal(again.image_rgb, frames[0].image_rgb)
    other = next(film(people(), upset, 4))
    assert not np.array_equal(other.image_rgb, frames[0].image_rgb)


def test_a_film_has_ten_seconds_and_its_changes() -> None:
    frames = list(film(people(), Upset.ZOOM, 3))
    assert [frames[0].time_s, frames[-1].time_s] == pytest.approx([0, 10 - 1 / 30])
    shown = [t.state for frame in frames for t in frame.truths if t.person == 1]
    assert [state for state, _ in groupby(shown)] == [N, M, N]


def test_the_face_is_where_the_truth_says() -> None:
    """The drawn face's skin lies in the middle of the true box, tilted or not."""
    for upset in (Upset.TILT, Upset.ZOOM, Upset.DRIFT):
        for frame in islice(film(people(), upset, 1), 0, 40, 13):
            for truth in frame.truths:
                left, top, right, bottom = truth.box_xyxy
                x, y = round((left + right) / 2), round(top + 0.35 * (bottom - top))
                colour = frame.image_rgb[y - 3 : y + 4, x - 3 : x + 4].mean(axis=(0, 1))
                assert colour[0] > colour[2] + 30  # skin, not the bluish background


def test_who_stands_behind_another_is_not_asked_for() -> None:
    seen = [len(frame.truths) for frame in film(people(), Upset.CROSSING, 0)]
    assert seen[0] == 2
    assert 5 < seen.count(1) < 120


def test_a_recording_plays_as_the_stream_itself_would(tmp_path: Path) -> None:
    analyzer = Analyzer(write_toy_model(tmp_path, crop_margin_ratio=0.0), DotDetector())
    image, box = draw_face(5)
    frames = [FilmFrame(image, i / 15, (Truth(0, box, M),)) for i in range(20)]
    stream = Stream(analyzer, 0.3)
    live = [stream.update(frame.image_rgb, frame.time_s).faces[0] for frame in frames]
    (line,) = play(record(analyzer, frames), "drift", lambda replay: Stream(replay, 0.3))
    assert [moment.face.to_dict() for moment in line.moments] == [face.to_dict() for face in live]
    assert line.missed == 0
    assert line.seconds == pytest.approx(20 / 15)


def test_a_face_that_is_not_found_counts_as_missed(tmp_path: Path) -> None:
    analyzer = Analyzer(write_toy_model(tmp_path), DotDetector())
    image, box = draw_face(5)
    nobody = np.zeros_like(image)
    frames = [FilmFrame((image, nobody)[i % 2], i / 15, (Truth(0, box, M),)) for i in range(20)]
    (line,) = play(record(analyzer, frames), "drift", lambda replay: Stream(replay))
    assert line.missed == pytest.approx(0.5)
    assert {moment.face.track_id for moment in line.moments} == {1}


def test_nobody_is_given_the_face_of_a_neighbour(tmp_path: Path) -> None:
    analyzer = Analyzer(write_toy_model(tmp_path), DotDetector())
    image, (left, top, right, bottom) = draw_face(5)
    hidden = (left + 12, top, right + 12, bottom)  # overlaps the one face that is found
    truths = (Truth(0, (left, top, right, bottom), M), Truth(1, hidden, N))
    frames = [FilmFrame(image, i / 15, truths) for i in range(4)]
    seen, unseen = play(record(analyzer, frames), "drift", lambda replay: Stream(replay))
    assert (seen.missed, unseen.missed) == (0, 1)


def manifest(folder: Path, per_label: int, part: str = "test") -> Path:
    rows = [
        {"label": str(label), "split": part, "masked": label is M}
        for label in CLASSES
        for _ in range(per_label if label is not N else 3 * per_label)
    ]
    return face_manifest(folder, rows, size=260, unit_px=44.0)


def test_people_are_cast_from_groups_of_their_own(tmp_path: Path) -> None:
    table = read_manifest(manifest(tmp_path, 2))
    still, changing = cast_people(table, DotDetector(), 3, 2, seed=1)
    assert [person.looks[0][1] for person in still] == [M, N, BAD]
    assert len({person.face.group for person in (*still, *changing)}) == 5
    for person, kinds in zip(changing, CHANGES, strict=False):
        assert len(person.looks) == len(kinds) == 3
        for picture, _ in person.looks:
            assert picture.shape == person.face.image_rgb.shape
    again = cast_people(table, DotDetector(), 3, 2, seed=1)
    assert [p.face.group for p in again[0]] == [p.face.group for p in still]


def test_too_few_faces(tmp_path: Path) -> None:
    table = read_manifest(manifest(tmp_path, 1))
    with pytest.raises(DataError, match="too few large faces"):
        cast_people(table, DotDetector(), 9, 0, seed=0)


def test_the_webcam_film_needs_its_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.gif"
    path.write_bytes(b"GIF89a")
    with pytest.raises(DataError, match=r"broken\.gif: is not the webcam film"):
        list(webcam_film(path))


@pytest.mark.parametrize(("suffix", "pictures"), [("gif", 1), ("png", 1), ("tiff", 2)])
def test_what_is_no_animation_is_not_the_webcam_film(
    tmp_path: Path, suffix: str, pictures: int
) -> None:
    path = tmp_path / f"film.{suffix}"
    first, *others = (Image.fromarray(draw_face(i, size=64)[0]) for i in range(pictures))
    first.save(path, **({"save_all": True, "append_images": others} if others else {}))
    with pytest.raises(DataError, match=rf"film\.{suffix}: is not the webcam film"):
        list(webcam_film(path))


def test_the_webcam_film_is_read_before_the_others_are_made(tmp_path: Path) -> None:
    missing = tmp_path / "film.gif"
    arguments = ["--data", str(manifest(tmp_path, 1)), "--webcam", str(missing)]
    run = CliRunner().invoke(cli, ["bench", "flicker", *arguments])
    assert run.exit_code == 1  # there are too few faces for films
    assert run.stderr.splitlines()[-1].startswith(f"Error: {missing}: is not the webcam film")


def test_times_of_an_animation(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    pictures = [Image.fromarray(draw_face(i, size=64)[0]) for i in range(4)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[400, 400, 2000, 9])
    frames = list(webcam_film(path))
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.4, 0.8, 2.8])
    assert [frame.truths[0].state for frame in frames] == [M, M, N, M]
    assert BARE_S[0] < BARE_S[1]


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    path = manifest(tmp_path, 1, part="train")
    run = CliRunner().invoke(cli, ["bench", "flicker", "--data", str(path)])
    assert run.exit_code == 1
    assert run.stderr.splitlines()[-1].startswith("Error: the manifest has no test rows")


@pytest.mark.shared
@pytest.mark.slow
def test_the_command_on_public_photos(tmp_path: Path) -> None:
    """A film of real faces from start to end; the last line is the document."""
    folder = ROOT.parent / "shared" / "data" / "faces-binary"
    if not folder.is_dir():
        pytest.skip("the public sets are not beside the checkout")
    rows = [
        {
            "image_path": str(path),
            "label": label,
            "source": "faces-binary",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "group": path.name,
            "split": "test",
        }
        for name, label in (("with_mask", M), ("without_mask", N))
        for path in sorted((folder / name).iterdir())[:800]
    ]
    manifest_path = tmp_path / "faces.parquet"
    write_manifest(tidy(pd.DataFrame(rows).reindex(columns=list(COLUMNS))), manifest_path)
    arguments = ["--data", str(manifest_path), "--films", "1", "--out", str(tmp_path)]
    run = CliRunner().invoke(cli, ["bench", "flicker", *arguments])
    assert run.exit_code == 0, run.output
    last = json.loads(run.stdout.splitlines()[-1])
    assert last == json.loads((tmp_path / "flicker.json").read_text())
    assert set(last["films"]) == {"30 fps", "15 fps"}
    assert set(last["films"]["15 fps"]) == set(METHODS)
