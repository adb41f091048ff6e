"""The detector's network, loss and run: it learns, resumes, exports and says what is wrong."""

import dataclasses
import hashlib
import json
import shutil

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from support.paths import ROOT
from support.training_factory import hash_number, random_base_weights

from maskwatch import DataError, FaceDetector, ModelError, SettingError
from maskwatch.cli.main import cli
from maskwatch.io.images import load_image
from maskwatch.models.card import load_detector
from maskwatch.models.runtime import create_session
from maskwatch.training.data.manifest import BOX, read_manifest, tidy, write_manifest
from maskwatch.training.data.manifest import COLUMNS as MANIFEST_COLUMNS
from maskwatch.training.detector import train as trainer
from maskwatch.training.detector.hard_places import HardPlaces, read_hard_places
from maskwatch.training.detector.network import (
    DetectionLoss,
    add_support,
    build_detector,
    fold_batch_norm,
)
from maskwatch.training.detector.scenes import COLUMNS, Scene, output_points
from maskwatch.training.detector.stem import fit_stem, is_in
from maskwatch.training.detector.teacher import Teacher, seen_upright
from maskwatch.training.detector.train import check_parity, export_detector, train_detector
from maskwatch.training.onnx_file import convert_to_onnx
from maskwatch.training.recipes.detector import (
    DetectorFitRecipe,
    DetectorNetworkRecipe,
    DetectorRecipe,
    SceneRecipe,
)
from maskwatch.training.run_folder import RunFolder
from maskwatch.vision.detect import POINT_VALUES

RECIPE = ROOT / "recipes" / "detector.yaml"
SMALL = DetectorRecipe(
    name="small",
    network=DetectorNetworkRecipe(pyramid_channels=16, head_layers=1),
    scenes=SceneRecipe(false_share=0.2),
    fit=DetectorFitRecipe(
        learning_rate=0.003,
        batch_size=4,
        side_px=64,
        epochs=2,
        scenes_per_epoch=8,
        last_side_px=96,
        last_epochs=1,
    ),
)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("detector")


@pytest.fixture(scope="module")
def weights(work):
    return random_base_weights(work)


@pytest.fixture(scope="module")
def manifest(work):
    """Drawn photos with a bright disc each, in a set with boxes; enough groups for a val part."""
    rows = []
    for number in range(24):
        random = np.random.default_rng((hash_number("detector"), number))
        image = random.integers(0, 60, (80, 100, 3)).astype(np.uint8)
        x, y = random.integers(25, 60, 2)
        image[y - 12 : y + 12, x - 10 : x + 10] = 220
        path = work / f"photo-{number}.png"
        Image.fromarray(image).save(path)
        rows.append(
            {
                "image_path": str(path),
                "label": "mask",
                "source": "drawn",
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "group": f"g{number}",
                "split": None,
                **dict(zip(BOX, (x - 10.0, y - 12.0, x + 10.0, y + 12.0), strict=True)),
            }
        )
    write_manifest(tidy(pd.DataFrame(rows, columns=list(MANIFEST_COLUMNS))), work / "m.parquet")
    (work / "faces.json").write_text("{}")
    return work / "m.parquet"


@pytest.fixture(scope="module")
def run(work, manifest, weights):
    folder = RunFolder(work / "run")
    recipe = work / "small.yaml"
    recipe.write_text(SMALL.to_yaml())
    start = ["--out", str(folder.path), "--weights", str(weights)]
    command("train-detector", str(recipe), *data_of(work), *start)
    return folder


def test_what_the_network_took_for_a_face_is_kept_with_the_run(run):
    assert (
        read_hard_places(run.path / "hard_places.json") == HardPlaces()
    )  # a fresh one believes in no face


def data_of(work):
    return ["--data", str(work / "m.parquet"), "--faces", str(work / "faces.json")]


def command(*words):
    """What `maskwatch` prints when it is told so, and all goes well."""
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("all_layers")
def test_folding_batch_norm_changes_no_answer(tmp_path):
    weights = random_base_weights(tmp_path)
    base = keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=str(weights)
    )
    folded = fold_batch_norm(base)
    assert not [x for x in folded.layers if isinstance(x, keras.layers.BatchNormalization)]
    x = np.random.default_rng(1).uniform(-1, 1, (2, 64, 64, 3))
    expected = np.asarray(base(x, training=False))
    assert np.abs(expected).max() > 0.1
    assert np.allclose(np.asarray(folded(x)), expected, atol=1e-3)


@pytest.mark.usefixtures("all_layers")
def test_the_network_is_small_and_answers_for_every_point(tmp_path):
    model = build_detector(DetectorNetworkRecipe(), random_base_weights(tmp_path), seed=0)
    assert model.count_params() < 1_000_000
    for height, width in ((32, 32), (64, 160)):
        answer = model(np.zeros((2, height, width, 3), np.uint8))
        points = sum((height // s) * (width // s) for s in (8, 16, 32))
        assert answer.shape == (2, points, POINT_VALUES)
        assert (np.asarray(answer)[..., 0] < 0).all()  # a fresh network believes in no face


def test_a_trained_detector_is_taken_over_whole(run, weights, work):
    model = build_detector(SMALL.network, run.path / "model.keras", seed=9)
    image = np.random.default_rng(2).integers(0, 256, (1, 64, 64, 3)).astype(np.uint8)
    assert np.allclose(model(image), run.load_model()(image), atol=1e-5)
    folded = fold_batch_norm(run.load_model())  # as in a run that began with an exported file
    folded.save(work / "folded.keras")
    again = build_detector(SMALL.network, work / "folded.keras", seed=9)
    assert len(again.weights) == len(folded.weights) < len(model.weights)
    assert np.allclose(again(image), folded(image), atol=1e-5)
    with pytest.raises(SettingError, match="no trained detector of this recipe's shape"):
        build_detector(DetectorNetworkRecipe(), run.path / "model.keras", seed=0)
    (work / "none.keras").write_bytes(b"no model")
    with pytest.raises(SettingError, match=r"none\.keras"):
        build_detector(SMALL.network, work / "none.keras", seed=0)


def batch(boxes_and_states):
    """Targets of one 64 px scene with given points set: {point: (state, box, landmarks)}."""
    points = output_points(64)
    targets = np.zeros((1, len(points), COLUMNS), np.float32)
    targets[0, :, 1:5] = (0, 0, 1, 1)
    targets[0, :, 16] = 1
    targets[0, :, 17:] = points
    for point, (state, box, landmarks) in boxes_and_states.items():
        targets[0, point, 0] = state
        targets[0, point, 1:5] = box
        if landmarks is not None:
            targets[0, point, 5:15], targets[0, point, 15] = landmarks, 1
    return targets


def answer_for(targets, logit):
    """What the network should say to be right about box and landmarks, with a given logit."""
    t = targets[0]
    middle, stride = t[:, 17:19], t[:, 19:]
    output = np.zeros((1, len(t), POINT_VALUES), np.float32)
    output[0, :, 0] = logit
    output[0, :, 1:3] = ((t[:, 1:3] + t[:, 3:5]) / 2 - middle) / stride
    output[0, :, 3:5] = np.log((t[:, 3:5] - t[:, 1:3]) / stride)
    marks = t[:, 5:15].reshape(-1, 5, 2) - middle[:, None]
    output[0, :, 5:] = (marks / stride[:, None]).reshape(-1, 10)
    return output


FACE = (1, (4.0, 4.0, 20.0, 24.0), np.arange(10.0) + 5)


def test_a_right_answer_costs_nothing():
    targets = batch({9: FACE})
    logits = np.where(targets[0, :, 0] == 1, 20.0, -20.0)
    assert float(DetectionLoss()(targets, answer_for(targets, logits))) == pytest.approx(
        0, abs=1e-3
    )


def test_what_the_loss_charges():
    targets = batch({9: FACE})
    logits = np.where(targets[0, :, 0] == 1, 20.0, -20.0)
    right = answer_for(targets, logits)
    moved = right.copy()
    moved[0, 9, 1] += 1  # one cell of 8 px to the right: 8 of 16 px overlap, IoU 1/3
    loss = DetectionLoss(box_weight=1.0, landmark_weight=0.0)
    distance = 8**2 / (24**2 + 20**2)
    score = (1 - 1 / 3) ** 2 * 20 * (1 - 1 / 3)  # sure of a box that overlaps by a third
    assert float(loss(targets, moved)) == pytest.approx(2 / 3 + distance + score, rel=1e-3)

    marks = right.copy()
    marks[0, 9, 5:] += 0.5  # 4 px each, of a face of sqrt(16 * 20) px
    loss = DetectionLoss(box_weight=1.0, landmark_weight=1.0)
    assert float(loss(targets, marks)) == pytest.approx(10 * 4 / np.sqrt(320), rel=1e-3)


@pytest.mark.parametrize(
    ("is_placed", "wanted", "box"),
    [(1, 0.8 + 0.2 / 3, 2 / 3 + 8**2 / (24**2 + 20**2)), (0, 0.8 + 0.2 * 0.5, 0)],
)
def test_with_a_floor_the_score_says_face_first_and_an_unplaced_box_is_not_taught(
    is_placed, wanted, box
):
    targets = batch({9: FACE})
    targets[0, 9, 16] = is_placed
    logits = np.where(targets[0, :, 0] == 1, np.log(wanted / (1 - wanted)), -20)
    answer = answer_for(targets, logits)
    answer[0, 9, 1] += 1  # an IoU of 1/3
    loss = DetectionLoss(box_weight=1.0, landmark_weight=0.0, score_floor=0.8)
    assert float(loss(targets, answer)) == pytest.approx(box, abs=1e-3)


def test_ignored_points_cost_nothing():
    targets = batch({9: FACE, 3: (-1, (0, 0, 1, 1), None)})
    logits = np.where(targets[0, :, 0] == 1, 20.0, -20.0)
    answer = answer_for(targets, logits)
    answer[0, 3, 0] = 15.0
    assert float(DetectionLoss()(targets, answer)) == pytest.approx(0, abs=1e-3)
    targets[0, 3, 0] = 0
    assert float(DetectionLoss()(targets, answer)) > 10


def test_a_scene_without_faces_has_a_finite_loss():
    targets = batch({})
    loss = float(DetectionLoss()(targets, np.zeros((1, targets.shape[1], POINT_VALUES), "float32")))
    assert np.isfinite(loss) and loss > 0


def test_the_run_describes_itself(run):
    about = run.read()
    assert about["state"] == "finished"
    assert about["counts"]["train"]["drawn_faces"] + about["counts"]["val"]["drawn_faces"] == 24
    assert [row["epoch"] for row in run.history()] == [1, 2]
    assert run.load_recipe(DetectorRecipe) == SMALL
    assert (run.path / "curves.png").exists()
    assert not list(run.path.glob("checkpoint*"))


def test_a_run_that_was_cut_off_ends_where_an_unbroken_one_does(
    run, work, manifest, weights, monkeypatch
):
    folder = RunFolder(work / "cut")
    folder.path.mkdir()
    shutil.copy(run.path / "hard_places.json", folder.path)  # looked for once; to export costs most
    end_epoch = RunFolder.end_epoch

    def cut_off(self, epoch, *rest):
        end_epoch(self, epoch, *rest)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "end_epoch", cut_off)
        with pytest.raises(KeyboardInterrupt):
            train_detector(SMALL, read_manifest(manifest), {}, folder, weights)
    train_detector(SMALL, read_manifest(manifest), {}, folder, weights)
    unbroken, resumed = run.load_model().get_weights(), folder.load_model().get_weights()
    start = build_detector(SMALL.network, weights, SMALL.seed).get_weights()
    # threads add in any order, and Adam's first steps make much of small gradients
    apart = sum(np.abs(a - b).sum() for a, b in zip(unbroken, resumed, strict=True))
    moved = sum(np.abs(a - b).sum() for a, b in zip(unbroken, start, strict=True))
    assert apart < 0.1 * moved
    with pytest.raises(SettingError, match="finished"):
        train_detector(SMALL, read_manifest(manifest), {}, folder, weights)


@pytest.fixture(scope="module")
def exported(run, work):
    said = command("export-detector", str(run.path), *data_of(work))
    assert "lowest score of a face" in said
    path = run.path / "detector.onnx"
    return path, load_detector(path)[1]


def test_an_export_that_is_cut_off_leaves_the_detector_that_was_there(
    exported, run, manifest, monkeypatch
):
    path, _ = exported
    files = {file: file.read_bytes() for file in path.parent.glob("detector.*")}
    assert len(files) == 3
    monkeypatch.setattr(trainer, "choose_score", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_detector(run, read_manifest(manifest), {}, path)
    assert files == {file: file.read_bytes() for file in path.parent.glob("detector.*")}
    with pytest.raises(ZeroDivisionError):
        export_detector(run, read_manifest(manifest), {}, path.with_name("new.onnx"))
    assert not path.with_name("new.onnx").exists()


def test_photos_and_live_video_get_a_lowest_score_each(run, manifest, monkeypatch, tmp_path):
    def chosen(_path, _photos, side_px=trainer.SIDE_PX, miss_cost=trainer.MISS_COST):
        asked = {(trainer.SIDE_PX, trainer.MISS_COST): 0.5}
        return (asked | {(trainer.LIVE_SIDE_PX, trainer.LIVE_MISS_COST): 0.7})[side_px, miss_cost]

    monkeypatch.setattr(trainer, "choose_score", chosen)
    card = export_detector(run, read_manifest(manifest), {}, tmp_path / "detector.onnx")
    assert (card.min_score, card.live_min_score) == (0.5, 0.7)


def test_the_exported_file_serves_pictures_of_any_size(exported):
    path, card = exported
    detector = FaceDetector(path, side_px=128, min_score=0.001)
    for height, width in ((20, 20), (70, 200), (333, 90)):
        detector.detect(np.zeros((height, width, 3), np.uint8))
    assert card.training["parity_with_keras"] < 1e-3
    assert path.stat().st_size < 4_000_000
    golden = np.load(path.with_suffix(".golden.npz"))
    session = create_session(path.read_bytes(), "exported")
    answer = session.run(None, {session.get_inputs()[0].name: golden["image"][None]})[0][0]
    assert np.allclose(answer, golden["output"], atol=1e-3)


def test_training_goes_on_from_an_exported_file(exported, work):
    path, _ = exported
    model = build_detector(SMALL.network, path, seed=9)
    assert not [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert check_parity(create_session(path.read_bytes(), "exported"), model) < 1e-3
    wider = dataclasses.replace(SMALL.network, pyramid_channels=24)
    with pytest.raises(SettingError, match="its network has another shape"):
        build_detector(wider, path, seed=0)
    (work / "none.onnx").write_bytes(b"no model")
    with pytest.raises(SettingError, match=r"none\.onnx: not a readable ONNX file"):
        build_detector(SMALL.network, work / "none.onnx", seed=0)


def test_a_card_names_what_it_was_trained_and_scored_on(exported):
    document = json.loads(exported[0].with_suffix(".json").read_text())
    assert document["training"]["sources"] == {"drawn": "your own"}
    assert document["training"]["photos"]["train"]["photos"] > 0
    assert document["scores"] == {}  # none of the listed test photos is in this manifest


def test_other_data_than_the_runs_is_refused(run, manifest, work):
    other = read_manifest(manifest).iloc[:-1]
    with pytest.raises(DataError, match="other data"):
        export_detector(run, other, {}, work / "other.onnx")
    assert not (work / "other.onnx").exists()


def test_a_file_that_differs_from_its_model_is_refused(exported, weights):
    session = create_session(exported[0].read_bytes(), "exported")
    other = build_detector(SMALL.network, weights, seed=5)
    with pytest.raises(ModelError, match="differs from Keras"):
        check_parity(session, other)


@pytest.mark.usefixtures("graph")
def test_it_trains_with_a_graph_as_well(work, manifest, weights):
    folder = RunFolder(work / "graph")
    fit = dataclasses.replace(SMALL.fit, epochs=1)
    recipe = dataclasses.replace(SMALL, fit=fit, scenes=SceneRecipe())
    train_detector(recipe, read_manifest(manifest), {}, folder, weights)
    (epoch,) = folder.history()
    assert folder.read()["state"] == "finished" and np.isfinite(epoch["loss"])


def test_found_faces_of_the_wrong_form_are_an_error_of_one_line(work, manifest):
    listed = work / "list.json"
    listed.write_text("[]")
    inputs = ["--data", str(manifest), "--faces", str(listed), "--out", str(work / "none")]
    result = CliRunner().invoke(cli, ["train-detector", str(RECIPE), *inputs])
    assert result.exit_code == 1
    assert "list.json" in result.output and "Traceback" not in result.output


@pytest.fixture(scope="module")
def plain(exported):
    """A network with a plain stem that goes on from one with blocks, and that one."""
    recipe = dataclasses.replace(SMALL.network, stem="plain")
    return build_detector(recipe, exported[0], seed=3), build_detector(
        SMALL.network, exported[0], 3
    )


def test_a_plain_stem_stands_before_what_was_learnt(plain):
    model, blocks = plain
    names = [layer.name for layer in model.get_layer("backbone").layers]
    assert "block_3_expand" in names and "block_2_expand" not in names
    for name in ("block_3_expand", "block_16_project"):
        ours, theirs = (one.get_layer("backbone").get_layer(name) for one in plain)
        assert np.array_equal(ours.get_weights()[0], theirs.get_weights()[0])
    image = np.random.default_rng(3).integers(0, 256, (1, 64, 96, 3)).astype(np.uint8)
    assert model(image).shape == blocks(image).shape


def test_a_plain_stem_learns_what_the_blocks_say_and_nothing_else_changes(plain):
    model, blocks = plain
    behind = model.get_layer("backbone").get_weights()

    def images(index):
        shape = (4, 8, 8, 3)  # coloured blocks: noise would be one mean grey to every layer
        small = np.random.default_rng(index % 2).integers(0, 256, shape)
        return small.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)

    first = fit_stem(model, blocks, images, steps=2)
    assert fit_stem(model, blocks, images, steps=40) < 0.9 * first
    for now, then in zip(model.get_layer("backbone").get_weights(), behind, strict=True):
        assert np.array_equal(now, then)
    assert all(layer.trainable for layer in model.layers)


def test_a_run_fits_a_plain_stem_first_and_its_file_goes_on_as_it_is(
    exported, work, manifest, capsys, monkeypatch
):
    order = []

    def fit(*arguments):
        order.append("stem")
        return fit_stem(*arguments)

    def look(*_):
        order.append("hard places")
        return HardPlaces()

    monkeypatch.setattr(trainer, "fit_stem", fit)
    monkeypatch.setattr(trainer, "find_hard_places", look)
    recipe = dataclasses.replace(
        SMALL,
        name="plain",
        network=dataclasses.replace(SMALL.network, stem="plain"),
        fit=dataclasses.replace(SMALL.fit, epochs=1, last_epochs=0, stem_steps=2),
    )
    folder = RunFolder(work / "plain")
    train_detector(recipe, read_manifest(manifest), {}, folder, exported[0])
    assert order == ["stem", "hard places"]  # a fresh stem knows no faces
    assert "Stem, 2 batches of 64 px" in capsys.readouterr().out
    path = work / "plain.onnx"
    path.write_bytes(convert_to_onnx(folder.load_model()))
    assert is_in(path) and not is_in(exported[0])
    again = build_detector(recipe.network, path, seed=9)
    assert check_parity(create_session(path.read_bytes(), "plain"), again) < 1e-3
    with pytest.raises(SettingError, match="has a plain stem; write `stem: plain`"):
        build_detector(SMALL.network, path, seed=9)


YUNET = ROOT.parent / "shared" / "weights" / "yunet_n_dynamic.onnx"


@pytest.mark.shared
def test_a_teacher_scores_the_points_at_a_face_and_no_others():
    image_rgb = load_image(ROOT / "src" / "maskwatch" / "samples" / "group.jpg")
    faces = [face for face in FaceDetector().detect(image_rgb) if face.detection_score > 0.8]
    left, top, right, bottom = faces[0].box_xyxy
    side = int(3 * max(right - left, bottom - top))
    x, y = int((left + right - side) / 2), int((top + bottom - side) / 2)
    square = np.pad(image_rgb, ((side, side), (side, side), (0, 0)))[y + side :, x + side :]
    scene = cv2.resize(square[:side, :side], (256, 256), interpolation=cv2.INTER_AREA)
    nothing = np.full_like(scene, 90)
    scores = Teacher(YUNET).scores(np.stack([scene, nothing]))
    points = output_points(256)
    assert scores.shape == (2, len(points)) and scores.max() <= 1
    middle = np.abs(points[:, :2] - 128).max(axis=1) < points[:, 2] / 2 + 1
    assert scores[0][middle].min() > 0.5
    assert not scores[1].any()


@pytest.mark.shared
def test_a_teacher_sees_turned_faces_upright():
    image_rgb = load_image(ROOT / "src" / "maskwatch" / "samples" / "group.jpg")
    left, top, right, bottom = FaceDetector().detect(image_rgb)[0].box_xyxy
    middle_xy = ((left + right) / 2, (top + bottom) / 2)
    turn = cv2.getRotationMatrix2D(middle_xy, -60, 80 / (bottom - top))
    turn[:, 2] += 128 - np.array(middle_xy)
    none, tiles = np.empty((0, 4)), np.array([[0.0, 0, 256, 256, 60]])
    picture = cv2.warpAffine(image_rgb, turn, (256, 256))
    scene = Scene(picture, none, np.empty(0, bool), np.empty((0, 5, 2)), none, tiles)
    teacher, points = Teacher(YUNET), output_points(256)
    middle = np.abs(points[:, :2] - 128).max(axis=1) < points[:, 2] / 2 + 1
    as_it_is = teacher.scores(picture[None])[0][middle]
    upright = seen_upright(teacher, [scene])[0][middle]
    assert as_it_is.max() < 0.5 < upright.min()


def test_a_teacher_is_yunet_or_refused(exported, tmp_path):
    with pytest.raises(SettingError, match="no YuNet"):
        Teacher(exported[0])
    other = tmp_path / "broken.onnx"
    other.write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        Teacher(other)


IMITATING = dataclasses.replace(
    SMALL,
    name="imitating",
    fit=dataclasses.replace(SMALL.fit, epochs=1, last_epochs=0, teacher_weight=0.5),
)


def test_a_recipe_that_imitates_wants_its_teacher(manifest, work):
    with pytest.raises(SettingError, match=r"imitating: .* give its file with --teacher"):
        train_detector(IMITATING, read_manifest(manifest), {}, RunFolder(work / "none"), None)


@pytest.mark.shared
def test_what_is_imitated_becomes_a_part_of_the_score(exported, work, manifest):
    folder = RunFolder(work / "imitating")
    train_detector(IMITATING, read_manifest(manifest), {}, folder, exported[0], YUNET)
    model = folder.load_model()
    image = np.random.default_rng(5).integers(0, 256, (1, 64, 64, 3)).astype(np.uint8)
    both = np.asarray(model(image))
    assert both.shape[-1] == POINT_VALUES + 1
    plain = np.asarray(add_support(model, 0.0)(image))
    assert np.allclose(plain, both[..., :POINT_VALUES], atol=1e-5)
    served = np.asarray(add_support(model, 0.2)(image))
    even = np.log(0.35 / 0.65)
    wanted = both[..., 0] + 0.2 * (both[..., POINT_VALUES] - even)
    assert np.allclose(served[..., 0], wanted, atol=1e-4)
    assert np.allclose(served[..., 1:], both[..., 1:POINT_VALUES], atol=1e-5)


def test_imitating_costs_what_it_is_off_at_every_point():
    targets = batch({9: FACE})
    logits = np.where(targets[0, :, 0] == 1, 20.0, -20.0)
    wanted = np.zeros((*targets.shape[:2], 1), np.float32)
    wanted[0, 3] = 1
    said = np.where(wanted == 1, 20.0, -20.0).astype(np.float32)
    said[0, 9] = 20  # a face that is known counts as seen, whatever the teacher says of it
    loss = DetectionLoss(teacher_weight=0.5)
    taught = np.concatenate([targets, wanted], axis=-1)
    right = np.concatenate([answer_for(targets, logits), said], axis=-1)
    assert float(loss(taught, right)) == pytest.approx(0, abs=1e-3)
    wrong = right.copy()
    wrong[0, 3, POINT_VALUES] = -20
    assert float(loss(taught, wrong)) == pytest.approx(0.5 * 20, rel=1e-3)
    wrong = right.copy()
    wrong[0, 9, POINT_VALUES] = -20
    assert float(loss(taught, wrong)) == pytest.approx(0.5 * 20, rel=1e-3)
