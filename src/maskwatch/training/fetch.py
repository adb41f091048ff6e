"""Public sets onto this machine: downloaded by kagglehub, or a copy that is already there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import shorten

from maskwatch.errors import DataError, MissingExtraError, SettingError
from maskwatch.training.catalog import PublicSet, public_set
from maskwatch.training.collect import Collection, collect, counts_per_label

_HOW = "fetch NAME --path FOLDER, or manifest NAME=FOLDER"


def fetch_set(name: str, path: Path | None = None) -> tuple[Path, Collection]:
    """Downloads a public set, or takes the copy at `path`, and checks its counts per label.

    Returns:
        Its folder, and what is in it.

    Raises:
        DataError: it cannot be had, or is incomplete.
    """
    public = public_set(name)
    folder = path or _download(public)
    collection = collect({name: folder})
    found = {label: n for label, n in counts_per_label(collection.table).items() if n}
    if found != public.counts:
        raise DataError(
            f"{folder}: expected {_counts(public.counts)}, found {_counts(found)}; the copy is "
            f"incomplete or another version of {name}"
        )
    return folder, collection


def set_folders(sets: Iterable[str]) -> dict[str, Path]:
    """Folder of each `NAME=PATH`; a bare NAME is a public set and is downloaded.

    Raises:
        SettingError: a name is empty or given twice.
        DataError: a bare name is no public set, or it cannot be downloaded.
    """
    folders: dict[str, Path] = {}
    for text in sets:
        name, _, path = text.partition("=")
        if not name or name in folders:
            raise SettingError(f"{text!r}: each set needs a name of its own, as NAME=FOLDER")
        folders[name] = Path(path) if path else _download(public_set(name))
    return folders


def _download(public: PublicSet) -> Path:
    """The folder kagglehub keeps the set in; downloads it the first time."""
    name = public.name
    if public.kaggle is None:
        raise DataError(
            f"{name}: not on Kaggle; get it from {public.origin} and give its folder ({_HOW})"
        )
    try:
        import kagglehub
    except ImportError as error:
        raise MissingExtraError("downloading data sets", "train") from error
    try:
        return Path(kagglehub.dataset_download(public.kaggle))
    except Exception as error:  # requests' errors, and a family of its own without a common base
        reason = shorten(str(error), 100, placeholder=" ...")
        raise DataError(
            f"{name}: download failed ({type(error).__name__}: {reason}); check the network, or "
            f"get it from {public.origin} and give its folder ({_HOW})"
        ) from error


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {label}" for label, count in counts.items())
