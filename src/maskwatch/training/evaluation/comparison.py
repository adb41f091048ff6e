"""Who is evaluated on what, and what each model's card says about having seen it before.

A score on rows that a model learnt from is worth nothing. What the cards tell is therefore checked
before anything is scored, and what they do not tell is said beside the scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd

from maskwatch.errors import DataError, SettingError
from maskwatch.files import told_apart
from maskwatch.models.card import ModelCard
from maskwatch.models.evaluation import share
from maskwatch.training.data.catalog import UNCLEAR
from maskwatch.training.data.manifest import data_sha256
from maskwatch.training.data.parts import Part, as_part, groups_of, take_part, take_unclear
from maskwatch.training.data.split import source_groups
from maskwatch.vision.classify import Classifier


class Seen(StrEnum):
    """What a card says about the rows that a model is scored on."""

    NO = "trained on this manifest, but not on this part of it"
    TUNED = "trained on this manifest; its temperature was fitted on this part"
    LEARNT = "trained on this very part: these scores are memory, not knowledge"
    UNKNOWN = (
        "trained on another manifest: it may have learnt from these rows and score far too well"
    )


class Proof(StrEnum):
    """How it is known that a model did not learn from a source."""

    SPLIT = "its data hash is that of this manifest with all groups that touch the source in test"
    COUNTS = "its card counts no training or validation crop of the source"
    ABSENT = "its card does not name the source; copies in other sources cannot be ruled out"
    NONE = "its card does not tell"


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """A model that is scored.

    Attributes:
        name: how tables call it; no two are alike.
        path: its ONNX file.
        classifier: the verified network with its card.
        seen: what its card says about the rows of the part.
    """

    name: str
    path: Path
    classifier: Classifier
    seen: Seen

    @property
    def card(self) -> ModelCard:
        """Its card."""
        return self.classifier.card


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A model trained without a source, and all rows of that source.

    Attributes:
        source: the source.
        model: the model.
        proof: how it is known that it did not learn from the source.
        part: the rows, whatever part of the split they are in.
    """

    source: str
    model: ComparedModel
    proof: Proof
    part: Part


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is evaluated.

    Attributes:
        manifest: name of the manifest's file.
        data_sha256: hash of what it says.
        part_name: the part that is scored.
        part: its rows.
        unclear: its faces that nobody can judge, scored apart, see catalog.UNCLEAR.
        twins: how many of them have a near-identical picture in the training part.
        models: the evaluated model, then the baselines.
        left_out: the models that were trained without a source.
    """

    manifest: str
    data_sha256: str
    part_name: str
    part: Part
    unclear: Part
    twins: int
    models: tuple[ComparedModel, ...]
    left_out: tuple[LeftOut, ...]


def load_comparison(
    model: Path,
    table: pd.DataFrame,
    manifest: str,
    part_name: str = "test",
    baselines: Sequence[Path] = (),
    left_out: Sequence[tuple[str, Path]] = (),
) -> Comparison:
    """Loads what is evaluated, and refuses what would flatter.

    Args:
        model: ONNX file with its card.
        table: a manifest with a split.
        manifest: its file name, for messages.
        part_name: the part to score.
        baselines: other models, scored on the same rows.
        left_out: sources, each with a model that was trained without it.

    Raises:
        ModelError: a model cannot be used.
        DataError: the part has no rows, or a source has none.
        SettingError: a file or a left-out source is given twice, or a left-out model learnt from
            its source.
    """
    part = take_part(table, part_name)
    if not len(part.labels):
        known = table.loc[table["label"] != UNCLEAR, "split"].dropna()
        there = ", ".join(sorted({str(name) for name in known})) or "none"
        raise DataError(
            f"{manifest}: no face to judge is in the part {part_name} (parts with some: {there}); "
            "make a split with `maskwatch data split` or give another --part"
        )
    _check_sources(left_out)
    digest = data_sha256(table)
    paths = [model, *baselines]
    classifiers = [Classifier(path) for path in paths]
    cards = [classifier.card for classifier in classifiers]
    _check_different(paths, cards)
    names = _names(paths, cards)
    models = tuple(
        ComparedModel(name, path, classifier, what_was_seen(classifier.card, digest, part_name))
        for name, path, classifier in zip(names, paths, classifiers, strict=True)
    )
    twins = 0
    if part_name != "train":
        train = set(groups_of(table[table["split"] == "train"]))
        twins = int(groups_of(part.table).isin(train).sum())
    return Comparison(
        manifest,
        digest,
        part_name,
        part,
        take_unclear(table, part_name),
        twins,
        models,
        tuple(_leave_out(source, path, table, digest, part_name) for source, path in left_out),
    )


def caveats(comparison: Comparison) -> list[str]:
    """Why the scores may be too good, one sentence each; empty where nothing is known."""
    sentences = [
        f"{model.name} was {model.seen.value}{_own_test(model)}."
        for model in comparison.models
        if model.seen is not Seen.NO
    ]
    if comparison.twins:
        sentences.append(
            f"{comparison.twins:,} of {len(comparison.part.labels):,} rows have a near-identical "
            "picture in the training part of the manifest: their scores are partly memory."
        )
    if ungrouped := int(comparison.part.table["group"].isna().sum()):
        sentences.append(
            f"{ungrouped:,} of {len(comparison.part.labels):,} rows have no group, so altered "
            "copies of them in training are not known; run `maskwatch data audit` before the split."
        )
    sentences += [
        f"{item.model.card.name}, given as trained without {item.source}: {item.proof.value}."
        for item in comparison.left_out
        if item.proof in (Proof.ABSENT, Proof.NONE)
    ]
    return sentences


def _own_test(model: ComparedModel) -> str:
    """What the card of a model says of its own test part, to compare with; empty if nothing."""
    accuracy = model.card.scores.get("all", {}).get("accuracy", {})
    if model.seen is not Seen.UNKNOWN or model.card.scores.get("part") != "test":
        return ""
    value, low, high = (share(accuracy.get(key)) for key in ("value", "low", "high"))
    return f"; on its own test part its card says {value} ({low} to {high})"


def what_was_seen(card: ModelCard, digest: str, part_name: str) -> Seen:
    """What a card says about the rows of a part, given the manifest's hash."""
    if card.training.get("data_sha256") != digest:
        return Seen.UNKNOWN
    return {"train": Seen.LEARNT, "val": Seen.TUNED}.get(part_name, Seen.NO)


def prove_left_out(card: ModelCard, source: str, table: pd.DataFrame, digest: str) -> Proof | None:
    """How it is known that a model did not learn from a source; None where it is known it did.

    Cards that count crops by source are clear. Older ones list the sources of their whole manifest,
    held-out ones included, and the size of each scored slice: where fewer rows of the source were
    scored as `test` than the manifest holds, the others were in training or validation.
    """
    trained = card.training
    left = table["group"].isin(source_groups(table, source)) | (table["source"] == source)
    without = table.assign(split=table["split"].mask(left, "test"))
    if trained.get("data_sha256") == data_sha256(without):
        return Proof.SPLIT
    counts = trained.get("crops_by_source")
    if isinstance(counts, Mapping):
        learnt = any(counts.get(part, {}).get(source) for part in ("train", "val"))
        return None if learnt else Proof.COUNTS
    rows = table[(table["source"] == source) & (table["label"] != UNCLEAR)]
    if trained.get("data_sha256") == digest:
        return None if rows["split"].isin(["train", "val"]).any() else Proof.COUNTS
    if "sources" not in trained:
        return Proof.NONE
    if source not in trained["sources"]:
        return Proof.ABSENT
    return Proof.COUNTS if _tested(card.scores, source) >= len(rows) else None


def _tested(scores: Mapping[str, Any], source: str) -> int:
    """Rows of a source that a card was scored on as test part."""
    if scores.get("part") != "test":
        return 0
    return sum(scores.get(f"{source} {kind}", {}).get("n", 0) for kind in ("faces", "pictures"))


def _leave_out(
    source: str, path: Path, table: pd.DataFrame, digest: str, part_name: str
) -> LeftOut:
    source_groups(table, source)  # an unknown source shows before its model is read
    classifier = Classifier(path)
    card = classifier.card
    proof = prove_left_out(card, source, table, digest)
    if proof is None:
        raise SettingError(
            f"--left-out {source}={path}: {card.name} learnt from {source}, its card says; give a "
            f"model trained with every group that touches {source} in the test part"
        )
    seen = what_was_seen(card, digest, part_name)
    model = ComparedModel(f"{card.name} without {source}", path, classifier, seen)
    return LeftOut(source, model, proof, as_part(table[table["source"] == source]))


def _check_sources(left_out: Sequence[tuple[str, Path]]) -> None:
    """The mean over sources would count one that is given twice as two."""
    for source, count in Counter(source for source, _ in left_out).items():
        if count > 1:
            raise SettingError(
                f"--left-out {source}: is given {count} times; give one model for each source"
            )


def _check_different(paths: Sequence[Path], cards: Sequence[ModelCard]) -> None:
    # one network may be calibrated in two ways
    keys = [(c.sha256, c.temperature, c.logit_shift, c.unsure_below) for c in cards]
    for key, count in Counter(keys).items():
        if count > 1:
            same = [str(path) for path, its in zip(paths, keys, strict=True) if its == key]
            raise SettingError(f"{' and '.join(same)} are the same model; leave one out")


def _names(paths: Sequence[Path], cards: Sequence[ModelCard]) -> list[str]:
    """The names in the cards; of alike ones with the start of their hash, then with their file."""
    names = [card.name for card in cards]
    for details in ([card.sha256[:6] for card in cards], [path.name for path in paths]):
        counts = Counter(names)
        names = [
            name if counts[name] == 1 else f"{name} {detail}"
            for name, detail in zip(names, details, strict=True)
        ]
    return told_apart(names)
