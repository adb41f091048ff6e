"""Each format says what the reports say, in its own way, and the unreadable are not lost.

Run: pytest tests/unit/io/test_report.py
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.fakes import report, verdict

from maskwatch.errors import ImageError, ImageFault
from maskwatch.io.report import (
    CSV_COLUMNS,
    FORMATS,
    Result,
    count_states,
    to_coco,
    to_csv,
    to_jsonl,
    to_table,
)
from maskwatch.schema import FaceOrigin, MaskState, TrackedFace

TWO_FACES = report(
    verdict(MaskState.MASK, (0.0, 0.0, 20.0, 30.0)),
    verdict(MaskState.UNSURE, (30.5, 5.0, 50.0, 25.0), confidence=0.45),
    source="two, faces.jpg",
    origin=FaceOrigin.GIVEN,
)
BROKEN = ImageError("broken.jpg", "empty file", ImageFault.EMPTY)
NOBODY = report(source="nobody.png", origin=FaceOrigin.DETECTED)
CUT_OUT = report(verdict(MaskState.NO_MASK), source="cut-out.png")
RESULTS: list[Result] = [TWO_FACES, BROKEN, NOBODY, CUT_OUT]


def test_json_lines_have_one_line_an_image() -> None:
    documents = [json.loads(line) for line in to_jsonl(RESULTS)]
    assert documents[0] == json.loads(json.dumps(TWO_FACES.to_dict()))
    assert documents[1] == {
        "schema": documents[0]["schema"],
        "source": "broken.jpg",
        "error": "empty file",
    }
    assert documents[2]["faces"] == []
    assert documents[2]["detector"] == "fake detector"


def test_json_lines_have_landmarks_where_they_are_known() -> None:
    known = replace(
        verdict(), landmarks_xy=((1.234, 2.0), (3.0, 4.0), (5, 6), (7, 8), (-9, 10.999))
    )
    (line,) = to_jsonl([report(known)])
    (face,) = json.loads(line)["faces"]
    assert face["landmarks_xy"] == [[1.23, 2.0], [3.0, 4.0], [5, 6], [7, 8], [-9, 11.0]]
    (line,) = to_jsonl([CUT_OUT])
    assert json.loads(line)["faces"][0]["landmarks_xy"] is None


def test_csv_has_one_row_a_face() -> None:
    header, *rows = csv.reader(to_csv(RESULTS))
    assert tuple(header) == CSV_COLUMNS
    first, second, *_, third = (dict(zip(header, row, strict=True)) for row in rows)
    assert (third["face_origin"], third["detector"]) == ("whole_image", "")
    assert (first["source"], first["face"], first["state"]) == ("two, faces.jpg", "1", "mask")
    assert (second["face"], second["left"], second["state"]) == ("2", "30.5", "unsure")
    assert float(second["mask"]) == pytest.approx(0.45)


def test_csv_leaves_no_picture_out() -> None:
    header, *rows = csv.reader(to_csv(RESULTS))
    told = [{k: v for k, v in zip(header, row, strict=True) if v} for row in rows]
    assert [row["source"] for row in told] == [
        *["two, faces.jpg"] * 2,
        "broken.jpg",
        "nobody.png",
        "cut-out.png",
    ]
    assert told[2] == {"source": "broken.jpg", "error": "empty file"}
    networks = {"model": TWO_FACES.model, "detector": "fake detector"}
    assert told[3] == {"source": "nobody.png", "face_origin": "detected", **networks}


def test_csv_of_a_video_says_who_and_how_old() -> None:
    one = verdict()
    values = {name: getattr(one, name) for name in one.__dataclass_fields__}
    tracked = TrackedFace(**values, track_id=7, raw_state=one.state, state_age_s=0.41234)
    header, *rows = csv.reader(to_csv([report(one), report(tracked)]))
    ends = [row[header.index("track_id") : header.index("error")] for row in rows]
    assert ends == [["", ""], ["7", "0.412"]]


def test_coco_hangs_together() -> None:
    (line,) = to_coco(RESULTS)
    document = json.loads(line)
    assert [image["file_name"] for image in document["images"]] == [
        "two, faces.jpg",
        "nobody.png",
        "cut-out.png",
    ]
    assert document["images"][0]["width"] == 60
    names = {category["id"]: category["name"] for category in document["categories"]}
    assert sorted(names.values()) == sorted(MaskState)
    first, second, _ = document["annotations"]
    assert first["image_id"] == second["image_id"] == document["images"][0]["id"]
    assert first["id"] != second["id"]
    assert [names[a["category_id"]] for a in (first, second)] == ["mask", "unsure"]
    assert second["bbox"] == [30.5, 5.0, 19.5, 20.0]
    assert second["area"] == 390.0
    assert second["score"] == 0.45
    assert second["attributes"]["face_origin"] == "given"


def test_the_table_lines_up_and_counts() -> None:
    assert list(to_table(RESULTS)) == [
        "IMAGE           FACE  VERDICT        CONFIDENCE  WHERE",
        "two, faces.jpg  1     Mask worn      75.0%       20 x 30 at 0, 0",
        "                2     Unsure         45.0%       20 x 20 at 30, 5",
        "nobody.png      -     no face found",
        "cut-out.png     1     No mask        75.0%       whole image",
        "",
        "3 images, 3 faces: 1 mask worn, 1 no mask, 1 unsure",
        "1 image without a face",
        "1 could not be read",
    ]


COUNT_TABLE = [
    ([], "0 faces"),
    ([MaskState.UNSURE], "1 face: 1 unsure"),
    (
        [MaskState.NO_MASK, MaskState.MASK, MaskState.INCORRECT_MASK, MaskState.MASK],
        "4 faces: 2 mask worn, 1 no mask, 1 mask worn incorrectly",
    ),
]


@pytest.mark.parametrize(("states", "words"), COUNT_TABLE)
def test_the_count_in_words(states: list[MaskState], words: str) -> None:
    assert count_states([verdict(state) for state in states]) == words


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_run_is_valid_too(name: str) -> None:
    lines = list(FORMATS[name]([]))
    assert all(json.loads(line) is not None for line in lines if name in ("jsonl", "coco"))


@pytest.mark.parametrize("name", ["jsonl", "csv"])
def test_lines_come_before_the_run_is_over(name: str) -> None:
    def endless() -> Iterator[Result]:
        while True:
            yield TWO_FACES

    lines = FORMATS[name](endless())
    assert [next(lines) for _ in range(3)]
