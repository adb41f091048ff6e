"""`maskwatch app`: the pages in Streamlit's own server, with Streamlit's own settings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from maskwatch.cli_options import network_options
from maskwatch.errors import MissingExtraError, SettingError

MODEL_VARIABLE = "MASKWATCH_MODEL"
"""Names the ONNX classifier that the pages use, where it is not the shipped one."""

DETECTOR_VARIABLE = "MASKWATCH_DETECTOR"
"""The same for the face detector."""

SIDE_VARIABLE = "MASKWATCH_DETECTOR_SIDE_PX"
"""What the longer side of a photo is scaled to for the face detector, where not as in its card."""

STATISTICS_VARIABLE = "MASKWATCH_STATISTICS"
"""Names the file of the statistics, where it is not the one in the user's folder for data."""

EVALUATION_VARIABLE = "MASKWATCH_EVALUATION"
"""Names the folder of an evaluation, for pictures of mistakes; none are shown without it."""

RUNS_VARIABLE = "MASKWATCH_RUNS"
"""Names the folder of training runs; only with it is there a page for training."""

DATA_VARIABLE = "MASKWATCH_DATA"
"""Names the folders with pictures for training, separated as in PATH."""

WEIGHTS_VARIABLE = "MASKWATCH_WEIGHTS"
"""Names files of ImageNet weights, likewise."""

_HOME = Path(__file__).with_name("home.py")

# Defaults only: an environment variable that is set already, or an option, overrules them.
_SETTINGS = {
    # this computer only; without an address Streamlit listens everywhere and asks a server
    # outside for the public address, to print it
    "STREAMLIT_SERVER_ADDRESS": "localhost",
    "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": "20",  # megabytes; a photo of 50 megapixels fits
    "STREAMLIT_SERVER_SHOW_EMAIL_PROMPT": "false",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "STREAMLIT_CLIENT_TOOLBAR_MODE": "viewer",
    # red, as it comes, would look like an alarm; one colour for all would switch the dark theme off
    "STREAMLIT_THEME_LIGHT_PRIMARY_COLOR": "#0072b2",
    "STREAMLIT_THEME_DARK_PRIMARY_COLOR": "#56b4e9",
}


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]}
)
@network_options
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
    "start trainings on this computer and change the model that judges for everybody, so do this "
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
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[STREAMLIT OPTIONS]...")
def app(
    model: Path | None,
    detector: Path | None,
    detector_side_px: int | None,
    statistics: Path | None,
    evaluation: Path | None,
    runs: Path | None,
    data: tuple[Path, ...],
    weights: tuple[Path, ...],
    options: tuple[str, ...],
) -> None:
    """Open the pages for photos, live video, its statistics and the model in a browser.

    They can be opened on this computer only, unless --server.address says otherwise. Streamlit's
    options and environment variables work as usual, such as --server.port 9000 or
    STREAMLIT_SERVER_HEADLESS=true.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    paths = {
        MODEL_VARIABLE: model,
        DETECTOR_VARIABLE: detector,
        STATISTICS_VARIABLE: statistics,
        EVALUATION_VARIABLE: evaluation,
    }
    for variable, path in paths.items():
        if path is not None:
            os.environ[variable] = str(path.absolute())
    if detector_side_px is not None:
        os.environ[SIDE_VARIABLE] = str(detector_side_px)
    _enable_training(runs, data, weights)
    from streamlit.web.cli import main as streamlit  # here: only this command needs it

    streamlit(["run", str(_HOME), *options], prog_name="streamlit")


def _enable_training(runs: Path | None, data: Sequence[Path], weights: Sequence[Path]) -> None:
    """Hand on to the page for training what it may use.

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
    from maskwatch.training.job_control import require_supported  # needs the extra

    require_supported()
    os.environ[RUNS_VARIABLE] = str(runs.absolute())
    for variable, paths in ((DATA_VARIABLE, data), (WEIGHTS_VARIABLE, weights)):
        if paths:
            os.environ[variable] = os.pathsep.join(str(path.absolute()) for path in paths)


def can_train() -> bool:
    """Whether what trains is installed; importing it would end live video with a crash."""
    return all(find_spec(name) for name in ("keras", "tensorflow", "yaml", "pandas"))
