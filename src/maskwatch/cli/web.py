"""`maskwatch web`: the page that judges in the visitor's own browser, here or for another host."""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping
from pathlib import Path

import click

from maskwatch.cli.main import network_options, tiles_option
from maskwatch.errors import SettingError
from maskwatch.pipeline import Networks
from maskwatch.vision.tiles import Tiles
from maskwatch.web.bundle import build_page
from maskwatch.web.server import page_server


@click.command(
    epilog="""
\b
Exit codes:
  0  the folder was written, or you ended it (Ctrl-C)
  2  wrong usage
  3  a model cannot be loaded
"""
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8700, show_default=True, help="0 takes any."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the page into this folder instead, for any host of static files.",
)
@click.option(
    "--slim",
    is_flag=True,
    help="Halve the networks: 9 instead of 14 MB to load, and answers that differ a little.",
)
@network_options
@tiles_option
def web(
    port: int,
    out: Path | None,
    slim: bool,
    model: Path | None,
    detector: Path | None,
    detector_side_px: int | None,
    tiles: Tiles,
) -> None:
    """Open a page that judges photos, films and the webcam in the browser itself.

    No picture leaves the browser. The page is on this computer only; the folder that --out writes
    can be put on any web space, and works there without a server of ours.
    """
    files = build_page(Networks(model, detector, detector_side_px, tiles=tiles), slim)
    if out is not None:
        _write(files, out)
        size_mb = sum(map(len, files.values())) / 1e6
        click.echo(f"{out}: {len(files)} files, {size_mb:.1f} MB")
        return
    with page_server(files, port) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        click.echo(f"{address} (Ctrl-C ends it)")
        webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    """Raises SettingError where the folder cannot be written, or holds something else."""
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / "files.js").is_file():
            raise SettingError(f"--out {folder}: holds something else; name an empty folder")
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SettingError(f"--out {folder}: cannot be written ({reason})") from error
