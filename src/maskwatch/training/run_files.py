"""Reads what a run wrote down, also while it is going on; needs no training framework."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

HISTORY, SCORES = "history.csv", "scores.json"

Epoch = dict[str, float]
"""Values of an epoch by name: epoch (from 1), loss, accuracy, val_loss, val_accuracy, seconds."""


def read_history(run: Path) -> list[Epoch]:
    """The epochs of a run in order; empty before the first."""
    path = run / HISTORY
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def read_scores(run: Path) -> dict[str, Any]:
    """The scores of a run by part; empty before it is finished."""
    path = run / SCORES
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return document
