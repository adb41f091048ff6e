"""The evidence of a model is whole and about that model, or there is one line that says why not.

Run: pytest tests/unit/models/test_evidence.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import evidence_factory

from maskwatch.app.figures.base import word
from maskwatch.app.i18n import load_catalogue
from maskwatch.errors import EvidenceError, EvidenceFault
from maskwatch.models.card import SHIPPED_MODEL, load_model
from maskwatch.models.evidence import evidence_path, load_evidence, write_evidence

SHA256 = "a" * 64


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    written = evidence_factory.evidence(SHA256)
    path = write_evidence(written, tmp_path / "mine.onnx")
    assert path == tmp_path / "mine.evidence.json"
    assert load_evidence(tmp_path / "mine.onnx", SHA256) == written
    assert [file.name for file in tmp_path.iterdir()] == ["mine.evidence.json"]


def test_the_shipped_evidence_is_written_again_to_the_letter(tmp_path: Path) -> None:
    shipped = load_evidence(SHIPPED_MODEL, load_model(SHIPPED_MODEL)[1].sha256)
    path = write_evidence(shipped, tmp_path / "mine.onnx")
    assert path.read_bytes() == evidence_path(SHIPPED_MODEL).read_bytes()


def other_evaluation(document: dict[str, Any]) -> None:
    document["evaluation"]["models"][0]["sha256"] = "b" * 64


def no_epochs(document: dict[str, Any]) -> None:
    document["training"]["epochs"] = []


def short_histogram(document: dict[str, Any]) -> None:
    document["data"]["classes"]["mask"]["sizes"].pop()


def small_confusion(document: dict[str, Any]) -> None:
    document["evaluation"]["scores"]["toy 1"]["all"]["confusion"].pop()


def one_model_less(document: dict[str, Any]) -> None:
    del document["evaluation"]["corruptions"]["toy 1"]


def no_score_of_all(document: dict[str, Any]) -> None:
    del document["evaluation"]["scores"]["toy 1"]["all"]


def no_card(document: dict[str, Any]) -> None:
    del document["model_card"]


@pytest.mark.parametrize(
    "spoil",
    [
        other_evaluation,
        no_epochs,
        short_histogram,
        small_confusion,
        one_model_less,
        no_score_of_all,
        no_card,
    ],
)
def test_what_does_not_fit_together_is_damaged(tmp_path: Path, spoil: Any) -> None:
    document = json.loads(json.dumps(evidence_factory.document(SHA256)))
    spoil(document)
    evidence_path(tmp_path / "mine.onnx").write_text(json.dumps(document))
    with pytest.raises(EvidenceError, match=r"mine\.evidence\.json: ") as caught:
        load_evidence(tmp_path / "mine.onnx", SHA256)
    assert caught.value.fault is EvidenceFault.DAMAGED


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff", b"null", b'{"schema": "maskwatch.evidence/0"}']
)
def test_what_is_no_evidence_is_damaged(tmp_path: Path, content: bytes) -> None:
    evidence_path(tmp_path / "mine.onnx").write_bytes(content)
    with pytest.raises(EvidenceError) as caught:
        load_evidence(tmp_path / "mine.onnx", SHA256)
    assert caught.value.fault is EvidenceFault.DAMAGED


def test_none_is_missing_and_that_of_another_model_is_foreign(tmp_path: Path) -> None:
    model = tmp_path / "mine.onnx"
    with pytest.raises(EvidenceError) as missing:
        load_evidence(model, SHA256)
    write_evidence(evidence_factory.evidence("b" * 64), model)
    with pytest.raises(EvidenceError) as foreign:
        load_evidence(model, SHA256)
    assert missing.value.fault is EvidenceFault.MISSING
    assert foreign.value.fault is EvidenceFault.FOREIGN


def test_the_shipped_evidence_is_that_of_the_shipped_model() -> None:
    _, card = load_model(SHIPPED_MODEL)
    shipped = load_evidence(SHIPPED_MODEL, card.sha256)
    own = shipped.evaluation.own
    assert shipped.data.sha256 == card.training["data_sha256"]
    assert shipped.evaluation.data.data_sha256 == card.training["data_sha256"]
    assert shipped.training.name == card.training["recipe"]["name"]
    assert len(shipped.training.epochs) == card.training["recipe"]["fit"]["epochs"]
    accuracy = shipped.evaluation.scores[own.name]["all"].accuracy.value
    assert accuracy == pytest.approx(card.scores["all"]["accuracy"]["value"], abs=5e-4)
    assert card.sha256 in shipped.model_card
    assert evidence_path(SHIPPED_MODEL).stat().st_size < 300_000


def test_every_name_in_the_shipped_evidence_has_words() -> None:
    say = load_catalogue("id")  # in which no word is the name itself
    shipped = load_evidence(SHIPPED_MODEL, load_model(SHIPPED_MODEL)[1].sha256)
    evaluation = shipped.evaluation
    own = evaluation.own.name
    names = [f"slices.{name}" for name in (*evaluation.sizes[own], *evaluation.yaws[own])]
    names += [f"corruptions.{name}" for name in evaluation.corruptions[own].families]
    names += [f"splits.{leak.name}" for leak in shipped.data.leaks]
    names += [f"parts.{part}" for source in shipped.data.sources for part in source.rows]
    assert not [name for name in names if word(say, name) == name.partition(".")[2]]
    for item in evaluation.left_out:
        assert say.text(f"proofs.{item.proof}")
