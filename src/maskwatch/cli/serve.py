"""`maskwatch serve`: the HTTP service."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from maskwatch.cli.main import Range, device_option, network_options, tiles_option
from maskwatch.errors import ModelError, SettingError
from maskwatch.pipeline import Networks
from maskwatch.service.app import create_app
from maskwatch.service.engine import Engine, configure_log, where
from maskwatch.service.guard import KEYS_VARIABLE, load_keys
from maskwatch.service.limits import Limits
from maskwatch.service.pages import page_of
from maskwatch.service.server import Server, listen
from maskwatch.vision.tiles import Tiles

_DEFAULT = Limits()
_COUNT = click.IntRange(min=1)
_MILLIONS = Range(min=1e-6, max=1e6)
_PER_S = Range(min=0, max=1e6, min_open=True)
_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[a-z0-9._:\[\]-]+")
_HOST = re.compile(r"(\*\.)?[\w.-]+", re.ASCII)


@click.command(
    epilog="""
\b
Exit codes:
  0  you ended it (Ctrl-C, SIGTERM); what was accepted was answered
  2  wrong usage
  3  a model cannot be loaded, or judges nothing
"""
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any."
)
@click.option(
    "--api-key-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"One API key a line, or sha256: and its hash; as well as those in {KEYS_VARIABLE}. "
    "Needed to listen on more than this computer's own address.",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Pages from there may call, such as https://example.org; can be repeated.",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="It may be called by this name too, such as masks.example.org or *.example.org; can be "
    "repeated. Addresses and the names of this computer are always accepted, and with API keys "
    "any name unless some are given here.",
)
@click.option(
    "--max-body-mb",
    type=_MILLIONS,
    default=_DEFAULT.body_bytes / 1e6,
    show_default=True,
    help="Of one call or one frame.",
)
@click.option(
    "--max-megapixels",
    type=_MILLIONS,
    default=_DEFAULT.image_pixels / 1e6,
    show_default=True,
    help="Of one image.",
)
@click.option(
    "--max-images", type=_COUNT, default=_DEFAULT.images, show_default=True, help="Of one call."
)
@click.option(
    "--max-calls", type=_COUNT, default=_DEFAULT.calls, show_default=True, help="Under way at once."
)
@click.option(
    "--max-streams", type=_COUNT, default=_DEFAULT.sessions, show_default=True, help="Open at once."
)
@click.option(
    "--max-rate",
    type=_PER_S,
    default=_DEFAULT.rate_per_s,
    show_default=True,
    help="Calls a second of one client.",
)
@click.option(
    "--shutdown-s",
    type=_COUNT,
    default=_DEFAULT.shutdown_s,
    show_default=True,
    help="What is under way at the end gets so many seconds.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="One process, or replicas on a Ray cluster (RAY_ADDRESS, else this machine).",
)
@click.option(
    "--max-replicas",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --engine ray: how many replicas of one core there may be; as many as the cluster "
    "has cores if not given. The limits hold for each.",
)
@network_options
@tiles_option
@device_option
def serve(
    host: str,
    port: int,
    api_key_file: Path | None,
    origins: tuple[str, ...],
    allowed_hosts: tuple[str, ...],
    max_body_mb: float,
    max_megapixels: float,
    max_images: int,
    max_calls: int,
    max_streams: int,
    max_rate: float,
    shutdown_s: int,
    engine: str,
    max_replicas: int | None,
    model: Path | None,
    detector: Path | None,
    detector_side_px: int | None,
    tiles: Tiles,
    device: str | None,
) -> None:
    """Judge the masks in pictures and live frames that come over HTTP.

    /openapi.json says how to call it. Without a key it listens to this computer only. /try/ is a
    page on which a browser judges by itself.
    """
    limits = Limits(
        body_bytes=round(max_body_mb * 1e6),
        image_pixels=round(max_megapixels * 1e6),
        images=max_images,
        calls=max_calls,
        sessions=max_streams,
        rate_per_s=max_rate,
        shutdown_s=shutdown_s,
    )
    _check_forms("--origin", origins, _ORIGIN, "as browsers send it: https://example.org, no more")
    _check_forms(
        "--allowed-host", allowed_hosts, _HOST, "a name alone, masks.example.org or *.example.org"
    )
    keys = load_keys(os.environ, api_key_file)
    # whoever has no key learns nothing, by whatever name a page calls
    hosts = None if keys and not allowed_hosts else (host, *allowed_hosts)
    networks = Networks(model, detector, detector_side_px, tiles=tiles, device=device)
    if engine == "ray":
        from maskwatch.service.ray import serve_on_ray

        with listen(host, port, local_only=not keys) as free:  # Ray cannot say which port it took
            address = free.getsockname()[:2]
        configure_log()
        serve_on_ray(networks, limits, keys, origins, hosts, address, max_replicas)
        return
    if max_replicas is not None:
        raise SettingError("--max-replicas N needs --engine ray")
    analyzer = networks.load()
    listener = listen(host, port, local_only=not keys)
    configure_log()
    judge = Engine(analyzer, limits)
    page = page_of(networks, bool(keys))
    server = Server(create_app(judge, keys, origins, hosts, page), limits, judge.end)
    judge.on_failure = server.stop
    server.run([listener])
    if judge.failure is not None:
        reason = where(judge.failure)
        raise ModelError(f"the networks judge nothing here ({reason})") from judge.failure


def _check_forms(option: str, values: tuple[str, ...], form: re.Pattern[str], wanted: str) -> None:
    """Refuse what no call could ever match, instead of refusing every call."""
    for value in values:
        if not form.fullmatch(value):
            raise SettingError(f"{option} {value}: must be {wanted}")
