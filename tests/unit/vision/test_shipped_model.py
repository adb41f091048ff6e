"""The model in the package: complete, small, unaltered, and right on real pictures."""

import json
import random

import numpy as np
import pytest
from support.paths import ROOT

import maskwatch
from maskwatch.models.card import SHIPPED_MODEL, load_model
from maskwatch.vision.classify import Classifier

SHARED = ROOT.parent / "shared" / "data"


def test_the_package_holds_model_card_and_golden_tensors_under_15_megabytes():
    content, card = load_model(SHIPPED_MODEL)
    assert len(content) < 15e6
    assert SHIPPED_MODEL.with_suffix(".golden.npz").exists()
    assert card.licence == "Apache-2.0"
    assert "maskedface-net-500" not in card.training["sources"]
    assert card.training["recipe"]["network"]["unfrozen_layers"] == -1
    assert card.training["data_sha256"] and card.limits


def test_the_card_reports_a_test_part_per_class_with_intervals_and_unsure():
    _, card = load_model(SHIPPED_MODEL)
    assert card.scores["part"] == "test"
    scores = card.scores["all"]
    assert scores["unsure_share"]["value"] is not None
    for row in scores["per_class"].values():
        assert row["recall"]["low"] <= row["recall"]["value"] <= row["recall"]["high"]


def test_golden_tensors():
    golden = np.load(SHIPPED_MODEL.with_suffix(".golden.npz"))
    classifier = Classifier(SHIPPED_MODEL)
    assert np.allclose(classifier.network.run(golden["crops"]), golden["probabilities"], atol=1e-4)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_batch_size_changes_nothing(batch):
    crops = np.load(SHIPPED_MODEL.with_suffix(".golden.npz"))["crops"]
    classifier = Classifier(SHIPPED_MODEL)
    whole = classifier.probabilities(crops)
    assert np.allclose(classifier.probabilities(crops[:batch]), whole[:batch], atol=1e-5)


def test_a_copy_with_one_changed_byte_does_not_load(tmp_path):
    copy = tmp_path / "classifier.onnx"
    content = bytearray(SHIPPED_MODEL.read_bytes())
    content[1000] ^= 1
    copy.write_bytes(content)
    copy.with_suffix(".json").write_bytes(SHIPPED_MODEL.with_suffix(".json").read_bytes())
    with pytest.raises(maskwatch.ModelError, match="sha256 differs"):
        maskwatch.Analyzer(copy)


@pytest.mark.shared
def test_it_is_right_on_most_real_faces():
    """A sample of the public sets, with boxes as a detector gives them; not a measurement."""
    if not SHARED.exists():
        pytest.skip(f"the public data is not at {SHARED}")
    found = json.loads((SHARED / "faces.json").read_text())
    wanted = {
        "incorrect-photos/": "incorrect_mask",
        "mask-types/surgical/": "mask",
        "faces-binary/without_mask/": "no_mask",
    }
    analyzer = maskwatch.Analyzer()
    for prefix, state in wanted.items():
        names = [n for n in sorted(found) if n.startswith(prefix) and len(found[n]["faces"]) == 1]
        right = 0
        for name in random.Random(0).sample(names, 40):
            x, y, w, h = found[name]["faces"][0][:4]
            (face,) = analyzer.analyze(SHARED / name, boxes=[(x, y, x + w, y + h)]).faces
            right += face.state == state
        assert right >= 32, f"{right} of 40 in {prefix}"
