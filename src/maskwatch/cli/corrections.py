"""`maskwatch data corrections`: answers that people corrected, listed, exported and deleted."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import click

from maskwatch.cli.main import Range
from maskwatch.errors import DataError, SettingError
from maskwatch.io.style import STYLES
from maskwatch.io.text_files import visible
from maskwatch.schema import MaskState
from maskwatch.store.corrections import Correction, CorrectionStore
from maskwatch.store.export import FORMS, export_folder

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def corrections() -> None:
    """List, export and delete answers that people corrected.

    FOLDER is the one that `maskwatch app --corrections FOLDER` keeps them in. It is a labelled set
    as it stands: `maskwatch data manifest all.parquet mine=FOLDER` reads it. These commands delete
    nothing by its age unless told to.
    """


@corrections.command("list")
@click.argument("folder", type=_FOLDER)
def list_corrections(folder: Path) -> None:
    """Show what is kept in FOLDER, the newest first."""
    kept = _store(folder).entries()
    rows = [("ID", "GIVEN (UTC)", "WHERE", "ANSWERED", "SHOWS"), *map(_row, kept)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
    counts = Counter(_shows(one.right) for one in kept)
    click.echo(f"\n{len(kept)} kept" + "".join(f", {n} {what}" for what, n in counts.items()))


@corrections.command()
@click.argument("folder", type=_FOLDER)
@click.argument("out", type=_FOLDER)
@click.option("--format", "form", type=click.Choice(list(FORMS)), default="yolo", show_default=True)
def export(folder: Path, out: Path, form: str) -> None:
    """Write what is kept in FOLDER as a YOLO or COCO set to OUT, a new folder.

    The copies are yours to delete; nothing does it for you.
    """
    click.echo(f"{out}: {export_folder(_store(folder), form, out)} faces as {form.upper()}")


@corrections.command()
@click.argument("folder", type=_FOLDER)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--older-than", type=Range(min=0), metavar="DAYS", help="All before that.")
@click.option("--all", "everything", is_flag=True, help="All.")
def delete(folder: Path, ids: tuple[str, ...], older_than: float | None, everything: bool) -> None:
    """Delete corrections in FOLDER for good: those with these IDs, the old ones, or all."""
    if bool(ids) + (older_than is not None) + everything != 1:
        raise SettingError("delete: give IDs, --older-than DAYS or --all")
    store = _store(folder)
    if older_than is not None:
        chosen = store.ids(datetime.now(UTC).timestamp() - older_than * 86_400)
    else:
        chosen = store.ids() if everything else list(ids)
    if unknown := set(ids) - set(store.ids()):
        raise SettingError(f"{folder}: no correction {min(unknown)}; `list` shows their IDs")
    click.echo(f"{store.delete(chosen)} deleted")


def _store(folder: Path) -> CorrectionStore:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    return CorrectionStore(folder, keep_days=math.inf)


def _row(one: Correction) -> tuple[str, str, str, str, str]:
    given = datetime.fromtimestamp(one.time_s, UTC).strftime("%Y-%m-%d %H:%M")
    answered = f"{STYLES[one.answered].label} {one.confidence:.0%}"
    return one.correction_id, given, visible(one.source), answered, _shows(one.right)


def _shows(right: MaskState | None) -> str:
    return "No face" if right is None else STYLES[right].label
