"""How many different photos a set shows each state in, as a split will count them.

    python -m maskwatch.training.jobs.different_photos FOLDER...

Copies count once, and what cannot be read does not count. To find them takes libraries that must
not be loaded beside live video, so a process of its own looks and prints what it found as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maskwatch.errors import DataError, MaskWatchError
from maskwatch.training.data.catalog import LABELS
from maskwatch.training.jobs.data_folders import FEWEST, named_folders

if TYPE_CHECKING:
    import pandas as pd

_FIRST_LOOK = 4 * FEWEST
"""Faces of each state that are compared first; most sets show enough photos among so few."""


def different_photos(folders: Sequence[Path]) -> dict[str, int]:
    """Different photos for each label; of a label with more than FEWEST perhaps not all.

    Raises:
        DataError: the folders cannot be trained on.
    """
    looked = subprocess.run(
        [sys.executable, "-m", __name__, *(str(folder.absolute()) for folder in folders)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if looked.returncode:
        said = looked.stderr.strip().splitlines() or ["the pictures cannot be compared"]
        raise DataError(said[-1])
    found: dict[str, int] = json.loads(looked.stdout)
    return found


def count_photos(table: pd.DataFrame) -> dict[str, int]:
    """Groups of each label in a manifest, among as few of its rows as show FEWEST of them."""
    table = table[table["label"].isin(LABELS)]
    sizes = {label: int((table["label"] == label).sum()) for label in LABELS}
    each = _FIRST_LOOK
    while True:
        counts = _groups(spread(table, each))
        if all(counts.get(label, 0) >= FEWEST or size <= each for label, size in sizes.items()):
            return counts
        each *= 4


def spread(table: pd.DataFrame, each: int) -> pd.DataFrame:
    """So many rows of each label, from all over the table: copies often lie side by side."""
    import numpy as np
    import pandas as pd

    parts = [
        rows.iloc[np.linspace(0, len(rows) - 1, min(each, len(rows))).round().astype(int)]
        for _, rows in table.groupby("label")
    ]
    return pd.concat(parts) if parts else table


def _groups(table: pd.DataFrame) -> dict[str, int]:
    from maskwatch.training.data.audit import audit
    from maskwatch.training.data.near_duplicates import group_near_duplicates

    audited, _ = audit(table, group_near_duplicates)
    found = audited.groupby("label")["group"].nunique()
    return {str(label): int(found.get(label, 0)) for label in table["label"].unique()}


def main(folders: Sequence[str]) -> None:
    """What the process does."""
    from maskwatch.training.data.collect import collect
    from maskwatch.training.data.corrections import apply_corrections, read_corrections

    try:
        table = collect(named_folders(map(Path, folders))).table
        print(json.dumps(count_photos(apply_corrections(table, read_corrections()).table)))
    except MaskWatchError as error:
        raise SystemExit(" ".join(str(error).split())) from None


if __name__ == "__main__":
    main(sys.argv[1:])
