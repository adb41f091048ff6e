"""Our detector over whole sets: its faces come back through the reader of found faces.

Run: pytest tests/unit/training/data/test_machine_faces.py
"""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from support.data_factory import save
from support.toy_detector import crowd, face_box, write_toy_detector

from maskwatch.cli.main import cli
from maskwatch.errors import DataError
from maskwatch.training.data.machine_faces import (
    find_faces,
    found_boxes,
    list_pictures,
    read_found_faces,
    read_main_faces,
    write_found_faces,
)
from maskwatch.vision.detect import FaceDetector

WHITE = (255, 255, 255)


@pytest.fixture
def pictures(tmp_path):
    save(tmp_path / "set" / "with_mask" / "one.png", crowd((4, 5, WHITE)))
    save(tmp_path / "set" / "with_mask" / "two.png", crowd((4, 5, WHITE), (12, 9, WHITE)))
    save(tmp_path / "set" / "without_mask" / "none.png", crowd())
    return list_pictures({"mine": tmp_path / "set"})


def test_found_faces_survive_the_file(tmp_path, pictures):
    findings = find_faces(pictures, FaceDetector(write_toy_detector(tmp_path)))
    path = tmp_path / "new" / "faces.json"
    write_found_faces(findings, path)
    faces = read_found_faces(path)
    assert {name: len(rows) for name, rows in faces.items()} == {
        "mine/with_mask/one.png": 1,
        "mine/with_mask/two.png": 2,
        "mine/without_mask/none.png": 0,
    }
    assert findings.faces == 3 and findings.problems == ()
    one = faces["mine/with_mask/one.png"]
    assert found_boxes(one)[0] == pytest.approx(face_box(4, 5), abs=0.01)
    assert one[0, 4:6] == pytest.approx([4.5 * 16 - 16, 5.5 * 16 - 8], abs=0.01)
    # two faces of one size: the picture is about neither
    assert list(read_main_faces(path)) == ["mine/with_mask/one.png"]


def test_a_picture_that_cannot_be_read_is_named_and_the_rest_goes_on(tmp_path, pictures):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    detector = FaceDetector(write_toy_detector(tmp_path))
    findings = find_faces({"mine/broken.png": broken, **pictures}, detector)
    assert len(findings.pictures) == 3
    assert str(findings.problems[0]).count(str(broken)) == 1
    assert find_faces({}, detector).pictures == {}


def test_the_command_feeds_the_manifest(tmp_path, pictures):
    faces, table = tmp_path / "faces.json", tmp_path / "all.parquet"
    sets = f"mine={tmp_path / 'set'}"
    detector = write_toy_detector(tmp_path)
    command = ["data", "find", str(faces), sets, "--detector", str(detector)]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    assert "3 faces in 3 pictures" in result.stdout
    result = CliRunner().invoke(cli, ["data", "manifest", str(table), sets, "--faces", str(faces)])
    assert "1 rows have a machine-found box" in result.stdout


def test_a_file_that_cannot_be_written_is_one_line(tmp_path, pictures):
    (tmp_path / "file").write_text("")
    findings = find_faces({}, FaceDetector(write_toy_detector(tmp_path)))
    with pytest.raises(DataError, match=r"faces\.json: cannot be written"):
        write_found_faces(findings, tmp_path / "file" / "faces.json")
