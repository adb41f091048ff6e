"""Model files and cards: what belongs together loads, everything else says why not."""

import json

import pytest
from toy_model import write_toy_model

from maskwatch import Analyzer, MaskState, ModelError
from maskwatch.model_card import card_path, load_model


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


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b"null"])
def test_a_file_that_is_no_card(tmp_path, content):
    path = write_toy_model(tmp_path)
    card_path(path).write_bytes(content)
    with pytest.raises(ModelError, match="not a valid model card"):
        load_model(path)


@pytest.mark.parametrize("gone", ["model", "card"])
def test_a_missing_file_is_named(tmp_path, gone):
    path = write_toy_model(tmp_path)
    missing = path if gone == "model" else card_path(path)
    missing.unlink()
    with pytest.raises(ModelError, match=f"{missing.name}: cannot read the model"):
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
