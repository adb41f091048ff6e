"""The networks of the pages: loaded once for all browser sessions, named in one line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

import maskwatch
from maskwatch.app.components import plain
from maskwatch.app.language import text
from maskwatch.app.settings import AppSettings
from maskwatch.errors import DataError, ModelError, SettingError
from maskwatch.files import write_text
from maskwatch.models.card import SHIPPED_MODEL, ModelCard, card_path, load_model


@st.cache_resource(show_spinner=False)
def app_settings() -> AppSettings:
    """What the operator chose; read once for all browsers.

    Raises:
        SettingError: what should be a number is none.
    """
    return AppSettings.from_environment()


def need_analyzer() -> maskwatch.Analyzer:
    """The one analyzer for all browsers; where there is none, the page ends with why.

    A chosen model that cannot be used gives way to the one the app was started with.
    """
    try:
        with st.spinner(text("networks.loading")):
            return _chosen_analyzer() or _load_analyzer(app_settings().model)
    except (ModelError, SettingError) as error:
        st.error(text("networks.broken", why=plain(str(error))), icon=":material/error:")
        st.stop()


def chosen_model() -> ActiveModel | None:
    """The model that was chosen on the page for training, None where there is none.

    Raises:
        ModelError: the choice cannot be read.
    """
    runs = app_settings().runs
    return active_model(runs) if runs else None


def readable_choice() -> ActiveModel | None:
    """The same, and None where the choice cannot be read: each page has said so."""
    try:
        return chosen_model()
    except ModelError:
        return None


def model_in_use(analyzer: maskwatch.Analyzer) -> Path:
    """The file of the classifier that judges on all pages."""
    chosen = readable_choice()
    if chosen is not None and chosen.sha256 == analyzer.card.sha256:
        return chosen.path.absolute()
    return (app_settings().model or SHIPPED_MODEL).absolute()


def _chosen_analyzer() -> maskwatch.Analyzer | None:
    try:
        chosen = chosen_model()
        if chosen is None:
            return None
        analyzer = _load_analyzer(chosen.path, chosen.version())
        if analyzer.card.sha256 != chosen.sha256:
            raise ModelError(f"{chosen.path}: is no longer the file that was chosen")
        return analyzer
    except ModelError as error:
        st.warning(text("chosen.unusable", why=plain(str(error))), icon=":material/warning:")
        return None


@st.cache_resource(show_spinner=False, max_entries=3)
def _load_analyzer(
    model: Path | None, version: tuple[int, ...] | None = None
) -> maskwatch.Analyzer:
    """The analyzer with this classifier.

    Args:
        model: its file, None for the shipped one.
        version: of the file, so that a changed one is loaded anew.
    """
    settings = app_settings()
    return maskwatch.Analyzer(model, settings.detector, settings.detector_side_px, settings.tiles)


def analyzer_of(model: Path) -> maskwatch.Analyzer:
    """The analyzer with another classifier, the app's own detector and settings.

    Raises:
        ModelError: its file or card is missing, altered or unusable.
    """
    return _load_analyzer(model, file_version(model))


def show_privacy(
    analyzer: maskwatch.Analyzer, *kept: str, not_stored: str = "networks.not_stored"
) -> None:
    """The last line of a page: what is not stored and what is, and which networks judge."""
    cards = (("networks.model", analyzer.card), ("networks.detector", analyzer.detector_card))
    names = (text(key, name=plain(card.name), hash=card.sha256[:12]) for key, card in cards if card)
    st.caption(" ".join((text(not_stored), *kept, *names)))


# Which run's network judges on all pages, if not the one that the app was started with.
#
# The choice is a small file among the runs, so that it holds for every visitor and after a restart.
# It names the very file by its hash: another one in its place is not taken for it.

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
        """What changes whenever the file or its card does; see file_version."""
        return file_version(self.path)


def file_version(model: Path) -> tuple[int, ...]:
    """What changes whenever a model or its card does: when they were written, and their sizes.

    Raises:
        ModelError: one is gone.
    """
    try:
        found = [path.stat() for path in (model, card_path(model))]
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
    write_text(runs / CHOICE, json.dumps(choice) + "\n")
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
