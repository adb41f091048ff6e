"""The folder of a training job: what was asked for, how it is, and all that came of it.

order.yaml           what to train on what
status.json          how it is, see job_status.py
stop                 somebody wants it to stop
log.txt              what it printed
all.parquet          its pictures; audited.parquet with groups, split.parquet with parts
data.json            what the audit and the split found
classifier.onnx      the exported network, with its card and golden tensors
...                  and everything that run_folder.py writes

Needs no training framework, so that the page can read it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from maskwatch.errors import SettingError
from maskwatch.model_card import card_path
from maskwatch.settings import read_settings, require
from maskwatch.training.data_folders import named_folders
from maskwatch.training.job_status import Status, read_status
from maskwatch.training.recipe import Recipe, write_record
from maskwatch.training.run_files import SCORES, Epoch, read_history

GROUPED, REPORT = "grouped", "report"
PROTOCOLS = (GROUPED, REPORT)
"""Splits: near-identical pictures on one side, or as the student report did it; see split.py."""

ORDER, LOG, MODEL, DATA = "order.yaml", "log.txt", "classifier.onnx", "data.json"

_LOG_BYTES = 20_000
# what TensorFlow's own libraries say of themselves, such as "I0000 00:00:1795612780.98 port.cc"
_CHATTER = re.compile(r"[IW]\d{4} \d|WARNING: All log messages before absl")


@dataclass(frozen=True, slots=True)
class Order:
    """What to train on what.

    Attributes:
        data: folders of the sets.
        protocol: one of PROTOCOLS.
        recipe: how to train.
    """

    data: tuple[str, ...]
    protocol: str
    recipe: Recipe

    def __post_init__(self) -> None:
        require(bool(self.data), "data", list(self.data), "at least one folder")
        valid = f"one of {', '.join(PROTOCOLS)}"
        require(self.protocol in PROTOCOLS, "protocol", self.protocol, valid)

    @property
    def sets(self) -> dict[str, Path]:
        """The folders by the name that their pictures have as `source`."""
        return named_folders(map(Path, self.data))


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Reads a job; see above for what is in it."""

    path: Path

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.path.name

    @property
    def model_path(self) -> Path:
        """Where the exported network is, or will be."""
        return self.path / MODEL

    def order(self) -> Order:
        """What was asked for.

        Raises:
            SettingError: it cannot be read.
        """
        path = self.path / ORDER
        try:
            return _read_order(path, path.stat().st_mtime_ns)
        except OSError as error:
            raise SettingError(f"{path}: cannot be read ({error.strerror})") from error

    def write_order(self, order: Order) -> None:
        """Write what is asked for."""
        (self.path / ORDER).write_text(write_record(order), encoding="utf-8")

    def status(self) -> Status:
        """How it is now."""
        return read_status(self.path)

    def history(self) -> list[Epoch]:
        """The epochs so far; none where they cannot be read."""
        try:
            return read_history(self.path)
        except (OSError, ValueError):
            return []

    def scores(self) -> dict[str, Any]:
        """Scores of the validation part; empty before there are any."""
        scores: dict[str, Any] = _read_json(self.path / SCORES).get("val", {})
        return scores

    def data(self) -> dict[str, Any]:
        """What audit and split found; empty before that."""
        return _read_json(self.path / DATA)

    def card(self) -> dict[str, Any]:
        """The card of the exported network as it stands there; empty before there is one."""
        return _read_json(card_path(self.model_path))

    def log_lines(self, count: int) -> list[str]:
        """The last lines of what it printed."""
        try:
            with (self.path / LOG).open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - _LOG_BYTES))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return []
        lines = [line.rstrip() for line in text.splitlines()]
        return [line for line in lines if line and not _CHATTER.match(line)][-count:]


@lru_cache(maxsize=512)
def _read_order(path: Path, _changed_ns: int) -> Order:
    """YAML is slow, and a page reads all orders again and again."""
    return read_settings(path, Order)


def list_jobs(runs: Path) -> list[JobFolder]:
    """The jobs in a folder, the newest first; what is no job is passed over."""
    found = [JobFolder(path) for path in runs.iterdir()] if runs.is_dir() else []
    return sorted(filter(_is_job, found), key=lambda job: (_age(job), job.name), reverse=True)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_job(job: JobFolder) -> bool:
    try:
        return bool(not job.name.startswith(".") and job.order())
    except SettingError:
        return False


def _age(job: JobFolder) -> int:
    try:
        return (job.path / ORDER).stat().st_mtime_ns
    except OSError:  # somebody has just deleted it
        return 0
