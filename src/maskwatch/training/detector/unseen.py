"""Which test photos of the detector the classifier has not learnt from either.

`maskwatch data split --test` keeps all of them for testing, as the shipped classifier's split did;
a split made otherwise may not. States scored on photos that were learnt would be too good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import pandas as pd

from maskwatch.errors import DataError
from maskwatch.model_card import ModelCard
from maskwatch.training.detector.holdout import TruthPhoto
from maskwatch.training.manifest import data_sha256


def forget_seen_states(
    photos: Sequence[TruthPhoto], table: pd.DataFrame, card: ModelCard
) -> tuple[TruthPhoto, ...]:
    """Takes the states from all photos but those in the test part of the classifier.

    Photos are found by their content, wherever they lie.

    Args:
        photos: with states.
        table: the manifest the classifier was trained on.
        card: of the classifier.

    Raises:
        DataError: it was trained on another manifest, or no photo is left.
    """
    trained_on = card.training.get("data_sha256")
    if data_sha256(table) != trained_on:
        raise DataError(
            f"{card.name} was trained on other data than this manifest (the hash in its card "
            f"starts with {str(trained_on)[:12]}); give the manifest of its run"
        )
    unseen = set(table.loc[table["split"] == "test", "sha256"])
    kept = tuple(
        photo
        if sha256(photo.path.read_bytes()).hexdigest() in unseen
        else replace(photo, labels=None)
        for photo in photos
    )
    if all(photo.labels is None for photo in kept):
        raise DataError(f"no test photo is in the test part of {card.name}; leave the manifest out")
    return kept
