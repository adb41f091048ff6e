"""`maskwatch events`: what `maskwatch watch` has kept, taken out or deleted."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from maskwatch.cli.main import Range, counted
from maskwatch.errors import DataError, SettingError
from maskwatch.store.export import export_counts, export_events
from maskwatch.store.statistics import StatisticsStore, default_path
from maskwatch.watch.event_store import EventStore
from maskwatch.watch.evidence import purge_evidence

_NAMED = "`maskwatch watch CONFIG.yaml --check` names it"

_store_option = click.option(
    "--store",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file of the events and counts; the user's own if not given.",
)


@click.group()
def events() -> None:
    """Export or delete what was kept of cameras: events and counts.

    An event says that the state of somebody at a camera has changed. There is no picture in it, and
    nothing by which somebody could be followed.
    """


@events.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--counts", is_flag=True, help="Export the counts of 20 minutes instead.")
@_store_option
def export(path: Path, counts: bool, store: Path | None) -> None:
    """Write all events to FILE, which ends in .csv, .jsonl or .parquet."""
    kept = _kept_in(store)
    if not StatisticsStore(kept).exists():  # an empty file would look as if nobody had come
        raise SettingError(f"{kept}: nothing was ever kept there; give --store FILE; {_NAMED}")
    if counts:
        number = export_counts(StatisticsStore(kept).each_entry(), path)
        click.echo(f"{counted(number, 'count')} written to {path}")
    else:
        number = export_events(EventStore(kept).each_event(), path)
        click.echo(f"{counted(number, 'event')} written to {path}")


@events.command()
@click.option(
    "--before",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Delete what is from before this day (YYYY-MM-DD), which begins at midnight here.",
)
@click.option(
    "--older-than",
    "days",
    type=Range(0),
    metavar="DAYS",
    help="Delete what is older than so many days of 24 hours; 0 deletes everything.",
)
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Also delete the pictures of violations in this folder.",
)
@_store_option
def purge(
    before: datetime | None, days: float | None, evidence: Path | None, store: Path | None
) -> None:
    """Delete events, counts and alerts that still wait, all from before some moment."""
    moment_s = _moment_s(before, days)
    kept = _kept_in(store)
    if evidence and not evidence.is_dir():
        raise SettingError(f"--evidence {evidence}: no such folder; nothing was deleted")
    number = EventStore(kept).purge(moment_s)
    StatisticsStore(kept).purge(moment_s)
    click.echo(
        f"{counted(number, 'event')} deleted, and the counts and waiting alerts from before then"
    )
    if evidence:
        try:
            pictures = purge_evidence(evidence, moment_s)
        except DataError as error:
            raise SettingError(f"--evidence {error}") from error
        click.echo(f"{counted(pictures, 'picture')} deleted")


def _kept_in(store: Path | None) -> Path:
    """Where events and counts are; a name that is mistyped would look as if there were none."""
    if store is not None and not store.exists():
        raise SettingError(f"--store {store}: no such file; {_NAMED}")
    return store or default_path()


def _moment_s(before: datetime | None, days: float | None) -> float:
    if (before is None) == (days is None):
        raise SettingError("give either --before DATE or --older-than DAYS")
    if days == 0:  # also what is dated later, by a clock that was ahead
        return math.inf
    try:
        moment = datetime.now(UTC) - timedelta(days=days) if days is not None else before
        return moment.timestamp() if moment else 0.0
    except (ValueError, OverflowError):
        raise SettingError("--before or --older-than: too long ago for this system") from None
