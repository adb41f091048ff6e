"""`maskwatch app`: the pages in Streamlit's own server, with Streamlit's own settings."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import maskwatch.app
from maskwatch.app.settings import (
    CORRECTIONS_DAYS,
    CORRECTIONS_DAYS_VARIABLE,
    PHOTOS_MB,
    PHOTOS_MB_VARIABLE,
    AppSettings,
    can_train,
)
from maskwatch.cli.main import device_option, network_options, tiles_option
from maskwatch.errors import MissingExtraError, SettingError
from maskwatch.files import home_folder
from maskwatch.models.card import load_detector, load_model
from maskwatch.models.device import DEVICE_VARIABLE, chosen_device
from maskwatch.store.corrections import CorrectionStore, delete_in_time
from maskwatch.vision.tiles import Tiles
from maskwatch.web.server import why_no_port

_DOOR = Path(maskwatch.app.__file__).with_name("door.py")

# Defaults only: an environment variable that is set already, or an option, overrules them.
STREAMLIT_SETTINGS = {
    # this computer only; without an address Streamlit listens everywhere and asks a server
    # outside for the public address, to print it
    "STREAMLIT_SERVER_ADDRESS": "localhost",
    "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": "20",  # megabytes; a photo of 50 megapixels fits
    "STREAMLIT_SERVER_SHOW_EMAIL_PROMPT": "false",
    # else the code of each page is taken apart to print what stands alone in a line
    "STREAMLIT_RUNNER_MAGIC_ENABLED": "false",
    "STREAMLIT_RUNNER_POST_SCRIPT_GC": "false",  # see app/main.py
    # else thousands of installed files are looked at again and again, for nothing
    "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "STREAMLIT_CLIENT_TOOLBAR_MODE": "viewer",
    # red, as it comes, would look like an alarm; one colour for all would switch the dark theme off
    "STREAMLIT_THEME_LIGHT_PRIMARY_COLOR": "#0072b2",
    "STREAMLIT_THEME_DARK_PRIMARY_COLOR": "#56b4e9",
}


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]},
    epilog="""
\b
Exit codes:
  0  you ended it (Ctrl-C)
  1  more packages are needed
  2  wrong usage, or the port is in use
  3  a model cannot be loaded
""",
)
@network_options
@tiles_option
@device_option
@click.option(
    "--statistics",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where counts are kept once a visitor switches statistics on; until then there is no "
    "file. If not given: maskwatch/statistics.sqlite3 in the user's folder for data "
    "($XDG_DATA_HOME or ~/.local/share on Linux, ~/Library/Application Support on macOS, "
    "%LOCALAPPDATA% on Windows). Not on a network drive.",
)
@click.option(
    "--evaluation",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="What `maskwatch evaluate` wrote about the model, to show pictures of its mistakes. "
    "Everyone who can open the pages sees them.",
)
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Add a page for training, which keeps its runs here. Whoever can open the page can then "
    "start training on this computer and change the model that judges for everybody, so do this "
    "on a trusted computer and network only.",
)
@click.option(
    "--data",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="With --runs: a set of pictures, or a folder of such sets; no others can be trained on. "
    "Repeat it for several.",
)
@click.option(
    "--weights",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="With --runs: ImageNet weights without top, for offline work; Keras downloads them "
    "otherwise. Repeat it for several widths of the network. Or an exported classifier (.onnx) to "
    "go on from.",
)
@click.option(
    "--corrections",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Let visitors say what a face really shows, and keep a picture of such a face here, for "
    "training. Off if not given. Everyone who can open the pages sees these faces.",
)
@click.option(
    "--corrections-days",
    type=float,
    default=CORRECTIONS_DAYS,
    show_default=True,
    envvar=CORRECTIONS_DAYS_VARIABLE,
    metavar="DAYS",
    help="How long such a face is kept.",
)
@click.option(
    "--max-photos-mb",
    type=float,
    default=PHOTOS_MB,
    show_default=True,
    envvar=PHOTOS_MB_VARIABLE,
    help="Of the photos of all visitors together; one visitor may have half of it.",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[STREAMLIT OPTIONS]...")
def app(
    model: Path | None,
    detector: Path | None,
    detector_side_px: int | None,
    tiles: Tiles,
    device: str | None,
    statistics: Path | None,
    evaluation: Path | None,
    runs: Path | None,
    data: tuple[Path, ...],
    weights: tuple[Path, ...],
    corrections: Path | None,
    corrections_days: float,
    max_photos_mb: float,
    options: tuple[str, ...],
) -> None:
    """Open the pages for photos, live video, its statistics and the model in a browser.

    They can be opened on this computer only, unless --server.address says otherwise, by its address
    or a name of its own; --server.allowedHosts names others. Streamlit's
    options and environment variables work as usual, such as --server.port 9000 or
    STREAMLIT_SERVER_HEADLESS=true.
    """
    for name, value in STREAMLIT_SETTINGS.items():
        os.environ.setdefault(name, value)
    _check_training(runs, data, weights)
    os.environ[DEVICE_VARIABLE] = chosen_device(device)  # the pages are another process
    given: dict[str, Any] = {
        "model": model,
        "detector": detector,
        "detector_side_px": detector_side_px,
        "statistics": statistics,
        "evaluation": evaluation,
        "runs": runs,
        "data": data,
        "weights": weights,
        "corrections": corrections,
    }
    chosen = {name: value for name, value in given.items() if value is not None and value != ()}
    chosen |= {"tiles": tiles, "photos_mb": max_photos_mb, "corrections_days": corrections_days}
    settings = replace(AppSettings.from_environment(), **chosen)
    _check_models(settings.model, settings.detector)
    os.environ.update(settings.to_environment())
    if settings.corrections:
        delete_in_time(CorrectionStore(settings.corrections.absolute(), corrections_days))
    if not (home := home_folder()).is_absolute():  # Streamlit ends with a traceback without one
        os.environ["HOME"] = str(home.absolute())
    _run_streamlit(options)


def _check_models(model: Path | None, detector: Path | None) -> None:
    """Raises ModelError for one that the pages could not load; they would start all the same."""
    if model:
        load_model(model)
    if detector:
        load_detector(detector)


def _run_streamlit(options: Sequence[str]) -> None:
    from streamlit import config  # here: only this command needs it
    from streamlit.errors import Error as StreamlitError
    from streamlit.web.cli import main

    try:
        main(["run", str(_DOOR), *options], prog_name="streamlit", standalone_mode=False)
    except click.UsageError as error:
        raise click.UsageError(error.format_message(), click.get_current_context()) from error
    except click.Abort:  # Ctrl-C
        return
    except StreamlitError as error:
        raise SettingError(f"Streamlit's settings: {error}") from error
    except (SystemExit, OSError, OverflowError) as end:
        host, port = config.get_option("server.address"), config.get_option("server.port")
        ended_well = isinstance(end, SystemExit) and not end.code
        if not ended_well and (trouble := _trouble_with(host, port)):
            where = "" if host == "localhost" else f" of {host}"
            raise SettingError(f"--server.port {port}{where}: {trouble}") from end
        if isinstance(end, FileNotFoundError):  # a theme, a certificate
            reason = f"Streamlit's settings name a file that is not there ({end})"
            raise SettingError(reason) from end
        raise


def _trouble_with(host: str, port: int) -> str | None:
    """Why nothing can listen there; None where something can."""
    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError) as error:  # OverflowError: no port has such a number
        return why_no_port(error)
    return None


def _check_training(runs: Path | None, data: Sequence[Path], weights: Sequence[Path]) -> None:
    """Refuse what the page for training could not use.

    Raises:
        SettingError: something is given that needs --runs, or this system cannot do it.
        MissingExtraError: what trains is not installed.
    """
    if runs is None:
        if data or weights:
            raise SettingError(f"{'--data' if data else '--weights'}: is of use with --runs only")
        return
    if not can_train():
        raise MissingExtraError("--runs", "train")
    from maskwatch.training.jobs.control import require_supported  # needs the extra

    require_supported()
