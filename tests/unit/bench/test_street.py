"""The labelled films say what was seen, and the scores count what a person watching would count.

Run: pytest tests/unit/bench/test_street.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.paths import ROOT

from maskwatch.cli.main import cli
from maskwatch.errors import DataError
from maskwatch.schema import CLASSES, Face, FaceVerdict, MaskState, TrackedFace
from maskwatch.training.flicker.recording import RecordedFrame
from maskwatch.training.flicker.street import TRUTH_FILE, WHOLE, StreetTruth, read_truth
from maskwatch.training.flicker.street_bench import AlarmCounts, film_alarms
from maskwatch.training.flicker.street_scores import StreetScores, film_glances, street_scores

FILMS = ROOT.parent / "shared" / "data" / "video"
M, N, BAD, U = *CLASSES, MaskState.UNSURE
LETTERS = {"m": M, "n": N, "i": BAD, "?": U}
SHOWS = {"m": "mask", "n": "no_mask", "i": "incorrect_mask", "?": "unsure", "-": "nothing"}
BOX = (0.0, 0.0, 10.0, 10.0)
FAR = (50.0, 50.0, 60.0, 60.0)
HEAD = "film,person,time_s,shows,left,top,right,bottom\n"


def truth_of(tmp_path: Path, rows: str) -> StreetTruth:
    path = tmp_path / "truth.csv"
    path.write_text(HEAD + rows)
    (film,) = read_truth(path).values()
    return film


def told_of(tmp_path: Path, truth: str, film: str = "street") -> StreetTruth:
    """What one person shows, a letter for each tenth of a second."""
    rows = [
        f"{film},somebody,{index / 10},{SHOWS[letter]},0,0,10,10"
        for index, letter in enumerate(truth)
    ]
    return truth_of(tmp_path, "\n".join(rows) + "\n")


def frames_of(
    shown: str, ids: str | None = None
) -> list[tuple[RecordedFrame, tuple[TrackedFace, ...]]]:
    """One face, a letter for each tenth of a second; " " is not shown."""
    frames = []
    for index, (letter, track) in enumerate(zip(shown, ids or "1" * len(shown), strict=True)):
        row = dict.fromkeys(CLASSES, 1 / 3)
        alone = FaceVerdict(BOX, 0.9, M, 0.8, {**row, M: 0.8})
        frame = RecordedFrame(
            index / 10, np.zeros((9, 16, 3), np.uint8), (), {Face(BOX): alone}, np.array([True])
        )
        faces: tuple[TrackedFace, ...] = ()
        if letter != " ":
            faces = (
                TrackedFace(
                    *(BOX, 0.9, LETTERS[letter], 0.8, row),
                    track_id=int(track),
                    raw_state=M,
                    state_age_s=0.0,
                ),
            )
        frames.append((frame, faces))
    return frames


def scores_of(tmp_path: Path, truth: str, shown: str, ids: str | None = None) -> StreetScores:
    return street_scores([film_glances(frames_of(shown, ids), told_of(tmp_path, truth))])


@pytest.mark.parametrize(
    ("truth", "shown", "unsure", "tellable", "right", "on_nothing"),
    [
        ("mmmm", "mmmm", 0, 0, 1, 0),
        ("mmmm", "??mm", 0.5, 0.5, 1, 0),
        ("mmmm", "??nm", 0.5, 0.5, 0.5, 0),
        ("??mm", "??mm", 0.5, 0, 1, 0),  # nobody could tell either
        ("mm--", "mm??", 0, 0, 1, 0),
        ("mm--", "mmm?", 0, 0, 1, 1 / 3),  # held where there is nothing to be seen
        ("----", "    ", 0, 0, 0, 0),
        ("mmmm", "    ", 0, 0, 0, 0),
    ],
)
def test_answers(tmp_path, truth, shown, unsure, tellable, right, on_nothing) -> None:
    scores = scores_of(tmp_path, truth, shown)
    found = (scores.unsure, scores.unsure_tellable, scores.right, scores.on_nothing)
    assert found == pytest.approx((unsure, tellable, right, on_nothing))


@pytest.mark.parametrize(
    ("truth", "shown", "switches", "lapses", "delays"),
    [
        ("mmmmmm", "??mmmm", 0, 0, []),  # the first answer is no switch
        ("mmmmmm", "mmnnmm", 2, 0, []),
        ("mmmmmm", "mm??mm", 0, 1, []),
        ("mmmmmm", "mm?nnn", 1, 1, []),
        ("mm??mm", "mm??mm", 0, 0, []),  # nobody could tell meanwhile
        ("mm??mm", "mm???m", 0, 1, []),
        ("mm??mm", "mm?mmm", 0, 0, []),
        ("mmmnnn", "mmmmnn", 0, 0, [0.1]),
        ("mmmnnn", "mmmm?n", 0, 0, [0.2]),
        ("mmmnnn", "mmmmmm", 0, 0, [None]),
        ("mm??nn", "mmmmnn", 0, 0, [0.0]),  # what nobody can tell in between is no state
        ("mm??nn", "mmmnnn", 0, 0, [0.0]),  # ... and either may be shown
        ("mm??mm", "mmmnmm", 2, 0, []),
        ("mmm" + "n" * 40, "mmm" + "n" * 30 + "m" * 10, 1, 0, [0.0]),
    ],
)
def test_changes(tmp_path, truth, shown, switches, lapses, delays) -> None:
    scores = scores_of(tmp_path, truth, shown)
    assert scores.switches * scores.face_minutes == pytest.approx(switches)
    assert scores.lapses * scores.face_minutes == pytest.approx(lapses)
    assert scores.delays_s == pytest.approx(tuple(delays))


@pytest.mark.parametrize(
    ("truth", "shown", "share"),
    [
        ("m" * 8, "?????mmm", 1.0),  # half a second
        ("m" * 8, "??????mm", 0.0),
        ("m" * 4, "????", None),  # too short to say
        ("???" + "m" * 8, "???????mmmm", 1.0),  # it counts from where anybody could tell
    ],
)
def test_an_obvious_face_is_named_in_time(tmp_path, truth, shown, share) -> None:
    assert scores_of(tmp_path, truth, shown).named_in_time == share


def test_numbers_of_a_person(tmp_path) -> None:
    scores = scores_of(tmp_path, "mmmmmm", "mmmmmm", "112233")
    assert scores.identity_switches * scores.face_minutes == pytest.approx(2)
    assert scores.fragments == 3
    away = scores_of(tmp_path, "m" * 20, "mm" + " " * 15 + "mmm", "1" * 17 + "222")
    assert away.identity_switches == 0  # who was gone for long may come back as somebody else


def test_a_box_that_nobody_labelled_counts_where_all_are_labelled(tmp_path) -> None:
    whole = sorted(WHOLE)[0]
    rows = f"{whole},somebody,0,mask,50,50,60,60\n{whole},somebody,9,mask,50,50,60,60\n"
    other = rows.replace(whole, "street")
    face = TrackedFace(
        *(BOX, 0.9, M, 0.8, dict.fromkeys(CLASSES, 1 / 3)),
        track_id=1,
        raw_state=M,
        state_age_s=0.0,
    )
    blank = np.zeros((9, 16, 3), np.uint8)
    frames = [
        (RecordedFrame(time_s, blank, (), {}, np.array([], bool)), (face,)) for time_s in (0.0, 0.1)
    ]
    assert film_glances(frames, truth_of(tmp_path, rows)).answers_on_nothing == 2
    assert film_glances(frames, truth_of(tmp_path, other)).answers_on_nothing == 0


@pytest.mark.parametrize(
    ("truth", "shown", "ids", "told", "due", "missed"),
    [
        ("", "", "", (0, 0, 0), 0, 0),
        ("n" * 12, "?" + "n" * 11, None, (1, 0, 0), 1, 0),
        ("n" * 12, "?" * 12, None, (0, 0, 0), 1, 1),
        ("n" * 12, "nnnnmnnnnmnn", None, (0, 0, 0), 1, 1),  # never for half a second
        ("n" * 12, "nnnn?nnnn?nn", None, (1, 0, 0), 1, 0),  # nobody can tell for a moment
        ("n" * 9, "?" * 9, None, (0, 0, 0), 0, 0),  # not in sight for long enough
        ("m" * 12, "n" * 12, None, (0, 1, 0), 0, 0),
        ("-" * 12, "n" * 12, None, (0, 1, 0), 0, 0),
        ("?" * 12, "n" * 12, None, (0, 0, 1), 0, 0),  # nobody could tell
        ("nnnnmmm", "nnnnnnn", None, (1, 0, 0), 0, 0),  # was bare a moment ago
        ("n" * 14, "n" * 14, "1" * 7 + "2" * 7, (2, 0, 0), 1, 0),  # somebody new, as it seems
        ("n" * 6 + "m" * 12 + "n" * 6, " " * 24, None, (0, 0, 0), 0, 0),
    ],
)
def test_alarms(tmp_path, truth, shown, ids, told, due, missed) -> None:
    """Told: rightly, in vain, of what nobody could judge."""
    film = told_of(tmp_path, truth) if truth else StreetTruth("street", {})
    counts = film_alarms(frames_of(shown, ids), film, min_duration_s=0.5)
    assert (counts.right, counts.in_vain, counts.unjudged) == told
    assert (counts.due, counts.missed) == (due, missed)


def test_alarms_about_faces_without_a_label_are_not_judged_where_only_some_have_one() -> None:
    frames = frames_of("n" * 12)
    elsewhere = [StreetTruth(name, {}) for name in ("street", sorted(WHOLE)[0])]
    counts = [film_alarms(frames, film, 0.5) for film in elsewhere]
    assert [(c.unjudged, c.in_vain) for c in counts] == [(1, 0), (0, 1)]
    both = sum(counts, AlarmCounts())
    assert (both.unjudged, both.in_vain) == (1, 1)
    assert both.face_minutes == pytest.approx(2 * 12 * 0.1 / 60)


def test_boxes_move_between_the_rows_and_people_come_and_go(tmp_path) -> None:
    film = truth_of(
        tmp_path,
        "street,one,1.0,mask,0,0,10,10\nstreet,one,2.0,nothing,10,20,20,30\n"
        "street,one,2.5,gone,10,20,20,30\nstreet,one,3.0,no_mask,0,0,10,10\n",
    )
    assert film.at(0.9) == () and film.at(2.7) == () and film.at(3.1) == ()
    (half,) = film.at(1.5)
    assert (half.state, half.box_xyxy) == (M, (5, 10, 15, 20))
    assert [sight.state for sight in film.at(2.1)] == [None]
    assert [sight.state for sight in film.at(3.0)] == [N]


@pytest.mark.parametrize("content", ["", "film,person\na,b\n", HEAD + "a,b,soon,mask,0,0,1,1\n"])
def test_what_is_no_truth_is_refused_by_name(tmp_path, content) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(content)
    if content:
        with pytest.raises(DataError, match=str(path)):
            read_truth(path)
    else:
        assert read_truth(path) == {}


def test_the_shipped_truth_is_whole() -> None:
    truths = read_truth(TRUTH_FILE)
    assert len(truths) == 9 and set(truths) >= WHOLE
    states = {s.state for film in truths.values() for t in range(100) for s in film.at(t / 10)}
    assert states == {M, N, U, None}


def test_no_film_is_told_in_one_line(tmp_path) -> None:
    result = CliRunner().invoke(cli, ["bench", "street", str(tmp_path)])
    assert result.exit_code != 0
    assert "none of the labelled films is there" in result.output


@pytest.mark.skipif(not FILMS.is_dir(), reason="the films are not beside this checkout")
def test_the_films_are_scored_by_the_command(tmp_path) -> None:
    (tmp_path / "channyhong_cctv_out.gif").symlink_to(FILMS / "channyhong_cctv_out.gif")
    result = CliRunner().invoke(
        cli, ["bench", "street", str(tmp_path), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "out" / "street.json").read_text())
    assert json.loads(result.stdout.splitlines()[-1]) == written
    assert list(written["films"]) == ["channyhong_cctv_out"] and len(written["missing"]) == 8
