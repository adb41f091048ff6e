"""`maskwatch bench detector` on drawn photos with toy networks: table, JSON, page, one-line errors.

Run: pytest tests/unit/training/detector/test_detector_bench.py
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.data_factory import save, voc_set
from support.toy_detector import MAGENTA, crowd, face_box, write_toy_detector
from support.toy_model import GREEN, GREY, RED, write_toy_model
from support.toy_yunet import write_toy_yunet

from maskwatch.bench.speed import detect_times, network_times
from maskwatch.cli.bench import bench
from maskwatch.errors import MaskWatchError, ModelError
from maskwatch.models.card import SHIPPED_MODEL, load_detector, write_card
from maskwatch.training.data.collect import collect
from maskwatch.training.data.holdout import TruthPhoto, holdout_names
from maskwatch.training.data.manifest import data_sha256, read_manifest, write_manifest
from maskwatch.training.detector.answers import YuNet
from maskwatch.training.detector.average_precision import Found
from maskwatch.training.detector.convention import FOUND_CHANGE
from maskwatch.training.detector.misses import SHOWN, misses_page
from maskwatch.training.detector.scores import evaluate
from maskwatch.vision.detect import FaceDetector

STEMS = [Path(name).stem for name in sorted(holdout_names()) if name.startswith("voc-853/")][:3]
FACES = {
    STEMS[0]: [("with_mask", (3, 3, RED)), ("without_mask", (12, 8, GREEN))],
    STEMS[1]: [("with_mask", (8, 4, RED))],
    STEMS[2]: [("without_mask", (5, 9, GREEN))],
    "unlisted": [("with_mask", (3, 3, RED))],
}
"""Class, (column, row) of the face's cell and its colour, by photo."""


def run(*arguments: object):
    result = CliRunner().invoke(bench, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, MaskWatchError | SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The toy detector and the toy YuNet; tests only read them."""
    folder = tmp_path_factory.mktemp("models")
    return write_toy_detector(folder), write_toy_yunet(folder)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A set in Pascal VOC layout under the names of test photos; tests only read it."""
    root = tmp_path_factory.mktemp("sets") / "voc"
    voc_set(
        root,
        {
            stem: [(name, face_box(column, row)) for name, (column, row, _) in faces]
            for stem, faces in FACES.items()
        },
    )
    for stem, faces in FACES.items():
        (root / "images" / f"{stem}.jpg").unlink()
        save(root / "images" / f"{stem}.png", crowd(*(place for _, place in faces)))
    renamed = [root / "images" / f"{stem}.png" for stem in FACES]
    for path in renamed:  # readers go by content; the listed names end in .jpg
        path.rename(path.with_suffix(".jpg"))
    return root


def test_the_command_writes_a_table_numbers_and_a_page(tmp_path, models, photos):
    model, yunet = models
    result = run(
        "detector",
        "--model",
        model,
        "--set",
        f"voc-853={photos}",
        "--yunet",
        yunet,
        "--out",
        tmp_path / "out",
    )
    assert result.exit_code == 0
    assert "voc-853: 3 photos, 4 faces (under 20 px 0, 20 to 60 px 4" in result.stdout
    assert "toy detector 1, 320 px     1.000 (1.000-1.000)  1.000" in result.stdout
    assert "network alone" in result.stdout and "640x480" in result.stdout

    document = json.loads((tmp_path / "out" / "detector.json").read_text())
    _, card = load_detector(model)
    assert document["detector"]["sha256"] == card.sha256
    assert document["detector"]["sides_px"] == [320, 160]
    assert len(document["yunet_sha256"]) == len(document["classifier_sha256"]) == 64
    assert document["photos"] == {"listed": len(holdout_names()), "used": 3, "for_states": 3}
    names = [row["detector"] for row in document["scores"]]
    assert names == [
        "toy detector 1, 320 px",
        "toy detector 1, 160 px",
        "toy_yunet, photo's size",
        "toy_yunet, twice the size",
    ]
    assert list(document["network_ms"]) == ["320x256", "640x480"]
    assert list(document["detect_ms"]) == names

    best = document["scores"][0]
    assert best["part"] == "voc-853" and best["faces"]["20 to 60"] == 4
    assert best["ap50"] == best["recall"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    used = best["at_min_score"]
    assert used["min_score"] == card.min_score and used["false_per_photo"] == 0.0
    assert used["recall"] == {"all": 1.0, "mask": 1.0, "no_mask": 1.0}
    assert best["state_faces"] == {"mask": 2, "no_mask": 2, "incorrect_mask": 0}
    assert list(best["turned_recall"]) == ["15", "30", "45"]
    # the toy sees dots that fill a cell: at one scale only
    assert document["scores"][1]["recall"]["value"] == 0.0
    assert document["scores"][2]["at_min_score"]["min_score"] == 0.6

    page = (tmp_path / "out" / "misses.html").read_text()
    assert "0 were missed" in page and "<img" not in page


def test_with_found_faces_a_set_that_draws_heads_is_scored_by_faces_too(tmp_path, models):
    cells = [(column, row) for row in (2, 6, 10) for column in (2, 6, 10, 14)]
    stems = [f"p{index}" for index in range(3)]  # 36 faces, enough to tell the set's way
    heads = voc_set(
        tmp_path / "heads",
        {stem: [("without_mask", head(*cell)) for cell in cells] for stem in stems},
    )
    picture = save(tmp_path / "crowd.png", crowd(*((*cell, GREEN) for cell in cells)))
    for stem in stems:  # readers go by content
        (heads / "images" / f"{stem}.jpg").write_bytes(picture.read_bytes())
    seen = {"size": [320, 240], "faces": [as_found(*cell) for cell in cells]}
    faces = tmp_path / "faces.json"
    faces.write_text(json.dumps({f"ilc-2021/images/{stem}.jpg": seen for stem in stems}))

    options = ("detector", "--model", models[0], "--set", f"ilc-2021={heads}", "--faces", faces)
    result = run(*options, "--no-classifier", "--side-px", 320, "--out", tmp_path)
    assert result.exit_code == 0
    (row,) = json.loads((tmp_path / "detector.json").read_text())["scores"]
    assert row["ap50"]["value"] == 0.0 and row["at_min_score"]["recall"]["no_mask"] == 0.0
    alike = row["in_convention"]
    assert alike["ap50"]["value"] == 1.0 and alike["at_min_score"]["recall"]["no_mask"] == 1.0
    assert alike["at_min_score"]["false_per_photo"] == 0.0 and alike["undrawn_faces"] == 0
    assert "all drawn in one way: AP50 1.000 (1.000-1.000), recall all 1.000" in result.stdout
    assert "0 were missed" in (tmp_path / "misses.html").read_text()


def head(column: int, row: int) -> tuple[float, float, float, float]:
    """The face with hair and neck: more than twice its area."""
    left, top, right, bottom = face_box(column, row)
    return (left - 10, top - 16, right + 10, bottom + 16)


def as_found(column: int, row: int) -> list[float]:
    """The face as the convention expects it of the other detector: higher and smaller."""
    left, top, right, bottom = face_box(column, row)
    lower, wider, higher = FOUND_CHANGE
    width, height = (right - left) / (1 + wider), (bottom - top) / (1 + higher)
    found = (left + wider / 2 * width, top - (lower - higher / 2) * height, width, height)
    return [*found, *[0.0] * 10, 0.9]


def test_all_photos_of_a_set_are_test_photos_unless_the_detector_learnt_from_it(tmp_path, photos):
    model, out = write_toy_detector(tmp_path), tmp_path / "out"
    options = ("detector", "--model", model, "--set", f"ilc-2021={photos}", "--no-classifier")
    assert run(*options, "--out", out).exit_code == 0
    document = json.loads((out / "detector.json").read_text())
    assert document["photos"]["used"] == len(FACES)
    _, card = load_detector(model)
    write_card(replace(card, training={"sources": {"ilc-2021": "its licence"}}), model)
    assert "ilc-2021: no test photos" in str(run(*options, "--out", out).exception)


def test_settings_can_be_chosen_and_the_classifier_left_out(tmp_path, models, photos):
    result = run(
        "detector",
        "--model",
        models[0],
        "--set",
        f"voc-853={photos}",
        "--out",
        tmp_path,
        "--side-px",
        640,
        "--side-px",
        320,
        "--no-classifier",
    )
    assert result.exit_code == 0
    document = json.loads((tmp_path / "detector.json").read_text())
    assert document["detector"]["sides_px"] == [640, 320]
    assert document["classifier_sha256"] is None and document["yunet_sha256"] is None
    assert [row["map50"] for row in document["scores"]] == [None, None]
    assert "AP50 mask" not in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "voc-853=nowhere"], "nowhere: no such folder"),
        (["--set", "mine=nowhere"], "mine: no test photos in a set of that name"),
        (["--set", "faces-binary=nowhere"], "faces-binary: no test photos in a set of that name"),
        (["--set", "voc-853={set}", "--model", "none.onnx"], "none.onnx: cannot read"),
        (["--set", "voc-853={set}", "--side-px", "7"], "detector side"),
        (["--set", "voc-853={set}", "--yunet", "none.onnx"], "none.onnx: no such file"),
        (["--set", "voc-853={set}", "--yunet", "{model}"], "OpenCV cannot use it as YuNet"),
        (["--set", "voc-853={set}", "--out", "{model}/x"], "cannot be written"),
    ],
    ids=["folder", "set", "without boxes", "model", "side", "no yunet", "not yunet", "out"],
)
def test_mistakes_are_explained_in_one_line(tmp_path, models, photos, options, message):
    known = {"set": photos, "model": models[0]}
    given = [option.format(**known) for option in options]
    result = run("detector", "--model", models[0], "--out", tmp_path, *given)
    assert isinstance(result.exception, MaskWatchError)
    assert message in str(result.exception)
    assert not (tmp_path / "detector.json").exists()


def test_states_are_scored_where_the_classifier_has_not_learnt(
    tmp_path, models, photos, monkeypatch
):
    parts = dict(zip(STEMS, ("train", "test", "val"), strict=True))
    table = collect({"drawn": photos}).table
    table["split"] = [parts.get(Path(path).stem, "train") for path in table["image_path"]]
    write_manifest(table, tmp_path / "m.parquet")
    options = (
        "detector",
        "--model",
        models[0],
        "--set",
        f"voc-853={photos}",
        "--out",
        tmp_path,
        "--side-px",
        320,
        "--classifier-data",
        tmp_path / "m.parquet",
    )
    assert "trained on other data than this manifest" in str(run(*options).exception)

    training = {"data_sha256": data_sha256(read_manifest(tmp_path / "m.parquet"))}
    toy = write_toy_model(tmp_path, training=training)
    monkeypatch.setattr("maskwatch.cli.bench.SHIPPED_MODEL", toy)
    monkeypatch.setattr("maskwatch.training.detector.bench.SHIPPED_MODEL", toy)
    assert run(*options).exit_code == 0
    document = json.loads((tmp_path / "detector.json").read_text())
    assert document["photos"]["for_states"] == 1
    (row,) = document["scores"]
    assert row["faces"]["all"] == 4
    assert row["state_faces"] == {"mask": 1, "no_mask": 0, "incorrect_mask": 0}
    assert row["map50"] == 1.0

    table["split"] = "train"
    write_manifest(table, tmp_path / "m.parquet")
    training = {"data_sha256": data_sha256(read_manifest(tmp_path / "m.parquet"))}
    write_toy_model(tmp_path, training=training)
    assert "no test photo is in the test part" in str(run(*options).exception)


def test_faces_that_cannot_be_used_are_named(tmp_path, models):
    root = voc_set(tmp_path / "v", {STEMS[0]: [("with_mask", (1, 2, 31, 42)), ("x", (9, 9, 9, 9))]})
    result = run(
        "detector",
        "--model",
        models[0],
        "--set",
        f"voc-853={root}",
        "--out",
        tmp_path,
        "--no-classifier",
    )
    assert result.exit_code == 0
    assert "is empty" in result.stderr


def test_our_detector_can_be_scored_on_any_photos(tmp_path, models):
    path = save(tmp_path / "a.png", crowd((3, 3, GREY), (12, 8, GREY)))
    boxes = np.array([face_box(3, 3), face_box(12, 8)], float)
    scores = evaluate(FaceDetector(models[0], min_score=0.02), [TruthPhoto(path, "a", boxes)])
    assert scores.ap50.value == 1.0 and scores.state_ap50 == {}


def test_the_whole_picture_is_no_detection(tmp_path, models):
    path = save(tmp_path / "a.png", np.full((60, 60, 3), 128, np.uint8))
    photo = TruthPhoto(path, "a", np.array([[0.0, 0.0, 60.0, 60.0]]), np.array([0]))
    scores = evaluate(FaceDetector(models[0]), [photo], SHIPPED_MODEL)
    assert scores.ap50.value == 0.0 and scores.map50 == 0.0


# --- the page


def test_missed_and_false_faces_are_shown_up_to_a_limit(tmp_path, models):
    _, card = load_detector(models[0])
    path = save(tmp_path / "a.png", crowd((3, 3, RED)))
    small = [(10.0 * i, 100.0, 10.0 * i + 20, 120.0) for i in range(SHOWN + 4)]
    photo = TruthPhoto(path, "<set>/a.png", np.array([*small, (0, 0, 9, 9)], float))
    found = Found(np.array([[200.0, 10, 260, 90], [0, 0, 50, 50]]), np.array([0.9, card.min_score]))
    below = Found(found.boxes_xyxy, found.scores * 0.4)
    page = misses_page([photo], [found], "toy, 320 px", card)
    assert page.count("<img") == 3 * SHOWN + 2
    assert f"Of {SHOWN + 4} faces" in page and "2 other things" in page
    assert "&lt;set&gt;/a.png" in page and "<set>" not in page
    assert "60 px" not in page and "80 px, brightness" in page and "score 0.90" in page
    assert "http" not in page  # nothing is fetched
    assert misses_page([photo], [below], "toy, 320 px", card).count("<img") == 3 * SHOWN


def test_a_page_without_photos_says_none(models):
    _, card = load_detector(models[0])
    assert misses_page([], [], "toy", card).count("None.") == 4


# --- YuNet and times


@pytest.mark.parametrize("scale", [1, 2])
def test_yunet_finds_a_red_cell_in_pixels_of_the_photo(models, scale):
    image_rgb = np.full((96, 200, 3), 128, np.uint8)
    image_rgb[32:64, 64:96] = RED
    faces = YuNet(models[1], scale).detect(image_rgb)
    boxes = np.array([face.box_xyxy for face in faces])
    assert len(boxes) and (boxes[:, 2:] - boxes[:, :2]).max() <= 48 / scale
    assert boxes.mean(axis=0) == pytest.approx(
        [80 - 24 / scale, 48 - 24 / scale, 80 + 24 / scale, 48 + 24 / scale], abs=2
    )
    assert YuNet(models[1], scale).detect(np.ascontiguousarray(image_rgb[:, :, ::-1])) == ()


def test_an_opencv_without_yunet_is_named(models, monkeypatch):
    monkeypatch.delattr("cv2.FaceDetectorYN")
    with pytest.raises(ModelError, match="has no FaceDetectorYN"):
        YuNet(models[1])


def test_times_are_of_every_size_and_detector(models):
    content, _ = load_detector(models[0])
    times = network_times(content, "toy")
    assert list(times) == ["320x256", "640x480"]
    assert times["320x256"]["ratio"] == 1.0
    assert 0 < times["640x480"]["median_ms"] <= times["640x480"]["p95_ms"]
    detector = FaceDetector(models[0])
    assert detect_times({"a": detector}, []) == {}
    images = [np.full((32, 32, 3), MAGENTA, np.uint8)] * 4
    assert detect_times({"a": detector, "b": detector}, images)["b"]["runs"] == 3
