"""Which run's network judges on all pages, if not the one that the app was started with.

The choice is a small file among the runs, so that it holds for every visitor and after a restart.
It names the very file by its hash: another one in its place is not taken for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from maskwatch.errors import DataError, ModelError
from maskwatch.model_card import ModelCard, card_path, load_model

CHOICE = "active.json"


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """The chosen network.

    Attributes:
        run: name of its run.
        path: its ONNX file.
        sha256: of that file when it was chosen.
    """

    run: str
    path: Path
    sha256: str

    def version(self) -> tuple[int, ...]:
        """What changes whenever the file or its card does: when they were written, and their sizes.

        Raises:
            ModelError: one is gone.
        """
        try:
            found = [path.stat() for path in (self.path, card_path(self.path))]
        except OSError as error:
            raise ModelError(f"{error.filename}: cannot be opened ({error.strerror})") from error
        return tuple(number for about in found for number in (about.st_mtime_ns, about.st_size))


def active_model(runs: Path) -> ActiveModel | None:
    """The choice that was made among the runs in a folder; None where there is none.

    Raises:
        ModelError: the choice cannot be read.
    """
    path = runs / CHOICE
    try:
        choice = json.loads(path.read_text(encoding="utf-8"))
        run, file = map(str, choice["file"])
        sha256 = str(choice["sha256"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: the choice of a model cannot be read") from error
    if Path(run).name != run or Path(file).name != file:
        raise ModelError(f"{path}: the choice is no file of a run")
    return ActiveModel(run, runs / run / file, sha256)


def activate(model_path: Path) -> ModelCard:
    """Choose the network of a run for all pages.

    Args:
        model_path: its ONNX file, in the folder of its run.

    Raises:
        ModelError: the file or its card is missing, altered or unusable.
        DataError: the choice cannot be written.
    """
    _, card = load_model(model_path)
    runs = model_path.parents[1]
    choice = {"file": model_path.parts[-2:], "sha256": card.sha256}
    part = runs / f"{CHOICE}.part"
    try:
        part.write_text(json.dumps(choice) + "\n", encoding="utf-8")
        part.replace(runs / CHOICE)
    except OSError as error:
        raise DataError(f"{runs / CHOICE}: cannot be written ({error.strerror})") from error
    return card


def deactivate(runs: Path) -> None:
    """Go back to the network that the app was started with.

    Raises:
        DataError: the choice cannot be removed.
    """
    try:
        (runs / CHOICE).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{runs / CHOICE}: cannot be removed ({error.strerror})") from error
