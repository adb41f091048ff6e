"""Model files and cards: what belongs together loads, everything else says why not."""

import json
from dataclasses import replace

import pytest
from support.toy_detector import write_toy_detector
from support.toy_model import write_toy_model

from maskwatch import Analyzer, DetectorCard, MaskState, ModelError
from maskwatch.models.card import card_path, fingerprint, load_detector, load_model


def test_a_card_reads_back_as_it_was_written(tmp_path):
    path = write_toy_model(tmp_path, temperature=1.5, limits=("one", "two"))
    content, card = load_model(path)
    assert content == path.read_bytes()
    assert card.temperature == 1.5 and card.limits == ("one", "two")
    assert card.classes[0] is MaskState.MASK


def test_one_changed_byte_is_noticed(tmp_path):
    path = write_toy_model(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"toy\.onnx.*sha256 differs"):
        Analyzer(path)


def change(path, **values):
    document = json.loads(card_path(path).read_text())
    document.update(values)
    card_path(path).write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"schema": "other/9"}, "other/9"),
        ({"classes": ["mask", "no_mask"]}, "classes must be"),
        ({"classes": ["mask", "no_mask", "hat"]}, "hat"),
        ({"input_side_px": 0}, "32 to 1024"),
        ({"crop_margin_ratio": -1}, "0 to 2"),
        ({"temperature": 0}, "above 0"),
        ({"unsure_below": 2}, "0 to 1"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_card_with_a_wrong_value_says_which(tmp_path, values, words):
    path = write_toy_model(tmp_path)
    change(path, **values)
    with pytest.raises(ModelError, match=rf"toy\.json: not a valid model card.*{words}"):
        load_model(path)


def test_the_card_of_a_detector_reads_back_as_it_was_written(tmp_path):
    path = write_toy_detector(tmp_path, coarse_side_px=256, scores={"recall": 0.5})
    content, card = load_detector(path)
    assert isinstance(card, DetectorCard)
    assert content == path.read_bytes()
    assert (card.coarse_side_px, card.scores) == (256, {"recall": 0.5})


def test_a_card_without_a_score_for_live_video_takes_that_of_photos(tmp_path):
    path = write_toy_detector(tmp_path, min_score=0.6, live_min_score=0.7)
    assert load_detector(path)[1].live_min_score == 0.7
    document = json.loads(card_path(path).read_text())
    del document["live_min_score"]
    card_path(path).write_text(json.dumps(document))
    assert load_detector(path)[1].live_min_score == 0.6


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"schema": "other/9"}, "detector-card/1"),
        ({"side_px": 31}, "side_px must be 32 to 4096, not 31"),
        ({"side_px": "large"}, "not supported"),
        ({"live_side_px": 5000}, "live_side_px must be 32 to 4096"),
        ({"coarse_side_px": -1}, "coarse_side_px must be 32 to 4096"),
        ({"fine_face_px": 0}, "fine_face_px must be 32 to 4096"),
        ({"min_score": 0}, "min_score must lie between 0 and 1"),
        ({"live_min_score": 1.5}, "live_min_score must lie between 0 and 1"),
        ({"nms_iou": 1}, "nms_iou must lie between 0 and 1"),
        ({"classes": ["mask"]}, "classes"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_detector_card_with_a_wrong_value_says_which(tmp_path, values, words):
    path = write_toy_detector(tmp_path)
    change(path, **values)
    with pytest.raises(ModelError, match=rf"detector\.json: not a valid model card.*{words}"):
        load_detector(path)


def test_a_detector_is_no_classifier_nor_the_reverse(tmp_path):
    with pytest.raises(ModelError, match=r"detector\.onnx: a face detector; give it as --detector"):
        load_model(write_toy_detector(tmp_path))
    with pytest.raises(ModelError, match=r"toy\.onnx: a classifier; give it as --model"):
        load_detector(write_toy_model(tmp_path))


def test_a_picture_is_no_model(tmp_path):
    picture = tmp_path / "photo.jpg"
    picture.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ModelError, match=r"photo\.jpg: not an ONNX file$"):
        load_model(picture)


def test_a_model_without_its_card(tmp_path):
    path = write_toy_model(tmp_path)
    card_path(path).unlink()
    with pytest.raises(ModelError, match=r"toy\.onnx: its card toy\.json is missing; copy it from"):
        load_model(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b"null"])
def test_a_file_that_is_no_card(tmp_path, content):
    path = write_toy_model(tmp_path)
    card_path(path).write_bytes(content)
    with pytest.raises(ModelError, match="not a valid model card"):
        load_model(path)


def test_a_missing_file_is_named(tmp_path):
    path = write_toy_model(tmp_path)
    path.unlink()
    with pytest.raises(ModelError, match=r"toy\.onnx: cannot read the model"):
        load_model(path)


def test_bytes_that_are_no_network(tmp_path):
    import hashlib

    path = write_toy_model(tmp_path)
    path.write_bytes(b"not a network")
    change(path, sha256=hashlib.sha256(b"not a network").hexdigest())
    with pytest.raises(ModelError, match="ONNX Runtime cannot load it") as caught:
        Analyzer(path)
    assert "\n" not in str(caught.value)


def test_a_network_that_does_not_fit_its_card(tmp_path):
    path = write_toy_model(tmp_path, input_side_px=64)
    with pytest.raises(ModelError, match="does not fit its card"):
        Analyzer(path)


def test_a_fingerprint_tells_what_answers_otherwise(tmp_path):
    _, card = load_model(write_toy_model(tmp_path))
    _, detector = load_detector(write_toy_detector(tmp_path))
    known = fingerprint(card, detector)
    assert known == fingerprint(replace(card, training={"a": 1}, scores={"b": 2}), detector)
    others = [
        (replace(card, temperature=2.0), detector),
        (replace(card, logit_shift=(0.0, 0.1, 0.0)), detector),
        (replace(card, unsure_below=0.6), detector),
        (card, replace(detector, min_score=0.6)),
        (card, None),
    ]
    assert len({known, *(fingerprint(*cards) for cards in others)}) == 6
