"""`maskwatch data`: public sets to a checked, grouped and split manifest, and a page about it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from maskwatch.cli.corrections import corrections
from maskwatch.cli.main import CarefulCommand, TriedPath
from maskwatch.errors import SettingError
from maskwatch.files import write_json

if TYPE_CHECKING:
    import pandas as pd

    from maskwatch.training.data.audit import Findings

SEED = click.IntRange(0, 2**32 - 1)
"""What NumPy and scikit-learn take."""

# `maskwatch data synthesise`: pictures of masks worn wrong, and their honest counterparts.


@click.command()
@click.argument("manifest_path", metavar="MANIFEST", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="New or empty folder for the pictures and synthetic.parquet.",
)
@click.option("--count", default=6000, show_default=True, help="Pictures; a tenth are unclear.")
@click.option(
    "--seed", default=0, show_default=True, type=SEED, help="For everything that is drawn by lot."
)
def synthesise(manifest_path: Path, out: Path, count: int, seed: int) -> None:
    """Put masks on the bare faces of a split MANIFEST, right and wrong.

    Of ten pictures three get each label; the tenth shows a hand, a cup or a veil before mouth and
    nose and is labelled unclear.
    Only photos of the train part are used, and each picture gets the group of the photo it was
    made from. OUT/synthetic.parquet holds the rows of MANIFEST and the new ones, ready for
    `maskwatch train --data`.
    """
    from maskwatch.training.data.catalog import ROW_LABELS, SYNTHETIC
    from maskwatch.training.data.collect import counts_per_label
    from maskwatch.training.data.manifest import data_sha256, read_manifest
    from maskwatch.training.synth.supply import find_supply, usable_rows
    from maskwatch.training.synth.synthesise import MANIFEST_NAME, check_request, write_pictures
    from maskwatch.vision.detect import FaceDetector

    table = read_manifest(manifest_path)
    rows = usable_rows(table)
    check_request(out, count)
    # faces are looked for in cut-outs, where each is large
    detector = FaceDetector(side_px=256)
    with click.progressbar(length=len(rows), label="looking", file=sys.stderr) as bar:
        supply = find_supply(rows, detector, seed, count, bar.update)
    click.echo(f"{len(supply.faces)} bare faces, {len(supply.materials)} masks cut from photos")
    with click.progressbar(length=count, label="painting", file=sys.stderr) as bar:
        result = write_pictures(supply, table, out, count, seed, bar.update)
    counts = counts_per_label(result[result["source"] == SYNTHETIC])
    click.echo(", ".join(f"{counts[label]:,} {label}" for label in ROW_LABELS))
    click.echo(f"{out / MANIFEST_NAME}: {len(result)} rows, data {data_sha256(result)}")


# `maskwatch data doubts`: which labels are probably wrong, for a person to look at.

OUT = click.Path(dir_okay=False, path_type=Path)
FILE = click.Path(path_type=Path)
TRIED_OUT = TriedPath(dir_okay=False, path_type=Path)
MANIFEST_OUT = TriedPath(in_place=True, dir_okay=False, path_type=Path)


@click.command(cls=CarefulCommand)
@click.argument("manifest_path", metavar="MANIFEST", type=FILE)
@click.option("--out", type=TRIED_OUT, required=True, help="HTML file to write.")
@click.option("--csv", "csv_path", type=TRIED_OUT, help="Write the doubts as corrections to edit.")
@click.option("--weights", type=FILE, help="ImageNet weights without top, for offline work.")
def doubts(manifest_path: Path, out: Path, csv_path: Path | None, weights: Path | None) -> None:
    """Find the labels of an audited MANIFEST that are probably wrong.

    They stand on one HTML page, the most doubted first, and with --csv in a file of the form that
    `maskwatch data manifest --corrections` takes. The page holds small pictures of the faces, so
    treat it like the data itself.
    """
    from maskwatch.training.data.corrections import write_corrections
    from maskwatch.training.data.manifest import read_manifest
    from maskwatch.training.data.split import deal_folds
    from maskwatch.training.evaluation import label_errors

    table = read_manifest(manifest_path)
    rows = label_errors.judgeable(table)
    folds = deal_folds(rows, label_errors.FOLDS)
    with click.progressbar(length=len(rows), label="reading", file=sys.stderr) as bar:
        features = label_errors.pooled_features(rows, weights, progress=bar.update)
    probabilities = label_errors.out_of_sample(rows, features, folds)
    found = label_errors.find_label_errors(rows, probabilities, len(table) - len(rows))
    label_errors.write_page(found, table, manifest_path.stem, out)
    if csv_path:
        write_corrections(label_errors.as_corrections(found), csv_path)
    share = len(found.table) / found.judged
    click.echo(f"{len(found.table)} of {found.judged} labels are doubted ({share:.1%})")
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


@click.group()
def data() -> None:
    """Fetch, check, group, split and show training data."""


data.command_class = CarefulCommand
data.add_command(corrections)
data.add_command(doubts)
data.add_command(synthesise)


@data.command()
@click.argument("name")
@click.option("--path", type=FILE, help="Check this copy instead of downloading one.")
def fetch(name: str, path: Path | None) -> None:
    """Download the public set NAME (or take a copy) and check that it is complete."""
    from maskwatch.training.data.collect import fetch_set

    folder, collection = fetch_set(name, path)
    _show_notes(collection.notes)
    _show_problems(collection.problems)
    _show_counts(collection.table)
    click.echo(f"{name} is complete: {folder}")


@data.command()
@click.argument("out", type=TRIED_OUT)
@click.argument("sets", nargs=-1, required=True, metavar="NAME[=PATH]...")
@click.option("--detector", type=FILE, help="An ONNX face detector, not the shipped one.")
def find(out: Path, sets: tuple[str, ...], detector: Path | None) -> None:
    """Look for faces in sets with the face detector and write them to OUT (JSON).

    `maskwatch data manifest --faces OUT` then has the box of the face in pictures without boxes,
    where the detector would put it when serving.
    """
    from maskwatch.training.data.collect import set_folders
    from maskwatch.training.data.machine_faces import find_faces, list_pictures, write_found_faces
    from maskwatch.vision.detect import FaceDetector

    finder = FaceDetector(detector)
    pictures = list_pictures(set_folders(sets))
    with click.progressbar(length=len(pictures), label="looking", file=sys.stderr) as bar:
        findings = find_faces(pictures, finder, bar.update)
    _show_problems(findings.problems)
    write_found_faces(findings, out)
    click.echo(f"{out}: {findings.faces} faces in {len(findings.pictures)} pictures")


@data.command()
@click.argument("out", type=OUT)
@click.argument("sets", nargs=-1, required=True, metavar="NAME[=PATH]...")
@click.option("--faces", type=FILE, help="JSON of machine-found faces, for pictures without boxes.")
@click.option(
    "--class",
    "class_names",
    multiple=True,
    metavar="NAME=LABEL",
    help="Map a class; drop leaves it out.",
)
@click.option("--corrections", type=FILE, help="Your own corrections (CSV), not the shipped ones.")
@click.option("--as-published", is_flag=True, help="Correct nothing.")
def manifest(
    out: Path,
    sets: tuple[str, ...],
    faces: Path | None,
    class_names: tuple[str, ...],
    corrections: Path | None,
    as_published: bool,
) -> None:
    """Read sets into one manifest OUT (Parquet).

    NAME is what the set is called in the manifest; a name of the catalog brings its class map, and
    without PATH the set is downloaded. How labels are stored is found out from the folder: a folder
    per class, Pascal VOC, YOLO and darknet, COCO, CreateML, CVAT, CSV. What each class is taken for
    is shown; --class NAME=LABEL (or NUMBER=LABEL) says otherwise. Boxes from --faces are machine
    labels, not ground truth. Labels of the public sets that looking at the faces showed wrong are
    corrected; faces that fit no label, such as those behind a hand, are left out.
    """
    if corrections and as_published:
        raise SettingError("--corrections and --as-published: give one of them")
    from maskwatch.training.data.collect import class_map, collect, set_folders
    from maskwatch.training.data.corrections import SHIPPED, apply_corrections, read_corrections
    from maskwatch.training.data.machine_faces import read_main_faces
    from maskwatch.training.data.manifest import data_sha256, write_manifest

    lines = None if as_published else read_corrections(corrections or SHIPPED)
    boxes = read_main_faces(faces) if faces else None
    collection = collect(set_folders(sets), class_map(class_names), boxes)
    corrected = None if lines is None else apply_corrections(collection.table, lines)
    table = corrected.table if corrected else collection.table
    _show_notes(collection.notes)
    for line in collection.classes:
        click.echo(line)
    write_manifest(table, out)
    _show_problems(collection.problems)
    _show_counts(table)
    if faces:
        click.echo(f"{collection.machine_boxes} rows have a machine-found box")
    if corrected:
        click.echo(
            f"corrected {corrected.relabelled} labels, left out {corrected.dropped} rows; "
            f"{corrected.unmatched} corrections of these sets match no row"
        )
    click.echo(f"{out}: {len(table)} rows, data {data_sha256(table)}")


@data.command()
@click.argument("manifest_path", metavar="MANIFEST", type=FILE)
@click.option(
    "--out", type=MANIFEST_OUT, help="Write the manifest with groups, without unusable rows."
)
@click.option("--json", "json_path", type=TRIED_OUT, help="Write the findings as JSON.")
def audit(manifest_path: Path, out: Path | None, json_path: Path | None) -> None:
    """Find what is wrong in a MANIFEST, and the groups of near-identical pictures in it."""
    from maskwatch.training.data import audit as audits
    from maskwatch.training.data.manifest import (
        data_sha256,
        read_manifest,
        require_real,
        write_manifest,
    )
    from maskwatch.training.data.near_duplicates import group_near_duplicates

    table = require_real(read_manifest(manifest_path))
    with click.progressbar(length=2 * len(table), label="reading", file=sys.stderr) as bar:
        grouped, findings = audits.audit(table, group_near_duplicates, bar.update)
    _show_problems(findings.unusable)
    if warning := audits.labels_warning(findings.under_two_labels):
        _show_notes([warning])
    _show_findings(findings)
    if json_path:
        write_json(json_path, findings.to_dict(), indent=1)
    if out:
        write_manifest(grouped, out)
        click.echo(f"{out}: {len(grouped)} rows, data {data_sha256(grouped)}")


_UNUSED = {
    "public": ("test", "leave_out"),
    "report": ("test", "leave_out", "folds", "fold", "seed"),
}
"""Options that say nothing to a protocol."""


@data.command()
@click.argument("manifest_path", metavar="MANIFEST", type=FILE)
@click.option("--out", type=MANIFEST_OUT, required=True, help="Manifest to write.")
@click.option("--protocol", type=click.Choice(["grouped", "public", "report"]), default="grouped")
@click.option("--folds", default=5, show_default=True, help="Equal parts to deal groups into.")
@click.option("--fold", default=0, show_default=True, help="The part that becomes val.")
@click.option("--seed", default=0, show_default=True, type=SEED, help="For the dealing of groups.")
@click.option(
    "--test", is_flag=True, help="Make the next fold, and the listed photos, the test part."
)
@click.option(
    "--leave-out",
    multiple=True,
    metavar="SOURCE",
    help="Make all that touches SOURCE the test part. Repeat it for several.",
)
@click.pass_context
def split(
    ctx: click.Context,
    manifest_path: Path,
    out: Path,
    protocol: str,
    folds: int,
    fold: int,
    seed: int,
    test: bool,
    leave_out: tuple[str, ...],
) -> None:
    """Split an audited MANIFEST into train, val and (with --test) test.

    grouped keeps all near-identical pictures on one side; with --test the photos that the face
    detector is tested on are in the test part too, so that both can be scored together. public does
    that, with a test part, for your own pictures, and puts those of the public sets where the
    shipped models had them. report repeats the student report's own split, which leaks.
    """
    from maskwatch.training.data import split as splits
    from maskwatch.training.data.manifest import (
        data_sha256,
        read_manifest,
        require_real,
        write_manifest,
    )

    for name in _UNUSED.get(protocol, ()):
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = f"--{name.replace('_', '-')}"
            raise SettingError(f"{option} does nothing with --protocol {protocol}; leave it out")
    table = require_real(read_manifest(manifest_path))
    if protocol == "report":
        table = splits.split_report(table)
    elif protocol == "public":
        table = splits.split_public(table, folds=folds, fold=fold, seed=seed)
    else:
        kept = splits.listed_groups(table) if test else set()
        for source in leave_out:
            kept |= splits.source_groups(table, source)
        table = splits.split_grouped(
            table, folds=folds, fold=fold, seed=seed, test=test, test_groups=kept
        )
    write_manifest(table, out)
    _show_counts(table, "split")
    if protocol == "report":
        click.echo(_leak_sentence(table))
    click.echo(f"{out}: {len(table)} rows, data {data_sha256(table)}")


@data.command()
@click.argument("manifest_path", metavar="MANIFEST", type=FILE)
@click.option("--out", type=TRIED_OUT, required=True, help="HTML file to write.")
def report(manifest_path: Path, out: Path) -> None:
    """Show an audited MANIFEST on one HTML page: counts, samples, sizes, brightness, groups, leaks.

    The page holds small pictures of the faces, so treat it like the data itself.
    """
    from maskwatch.training.data.manifest import read_manifest
    from maskwatch.training.data.report import write_data_report

    table = read_manifest(manifest_path)
    with click.progressbar(length=len(table), label="reading", file=sys.stderr) as bar:
        write_data_report(table, manifest_path.stem, out, bar.update)
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def _leak_sentence(table: pd.DataFrame) -> str:
    from maskwatch.training.data.split import crossing_groups, twin_share

    if table["group"].isna().any():
        return "this split leaks; run `maskwatch data audit` first to see how many groups cross it"
    return (
        f"this split leaks: {crossing_groups(table)} groups lie on both sides, and "
        f"{twin_share(table):.0%} of val has the same photo, or an altered copy of it, in train"
    )


def _show_findings(findings: Findings) -> None:
    tiny = ", ".join(f"{name} {count:,}" for name, count in findings.tiny_faces.items())
    largest = ", ".join(f"{size:,}" for size in findings.largest_groups)
    dropped = findings.rows - findings.usable_rows
    lines = {
        "rows": f"{findings.rows:,}",
        "unusable, dropped": f"{dropped:,}, of which empty or blank {findings.empty:,}",
        "byte-identical": f"{sum(map(len, findings.identical)):,} files in "
        f"{len(findings.identical):,} sets",
        "groups": f"{findings.groups:,}, of which across sources "
        f"{findings.groups_across_sources:,}; rows of the largest: {largest}",
        "tiny faces": tiny or "none",
        **{
            f"brightness {label}": f"{light.mean:.0f} +- {light.std:.0f} of 255"
            for label, light in findings.brightness.items()
        },
    }
    for name, text in lines.items():
        click.echo(f"{name:<26}{text}")


def _show_notes(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"warning: {note}", err=True)


def _show_problems(problems: Iterable[object]) -> None:
    listed = list(problems)
    for problem in listed:
        click.echo(f"warning: {problem}", err=True)
    if listed:
        click.echo(f"{len(listed)} problems, named above; the rest is used", err=True)


def _show_counts(table: pd.DataFrame, by: str = "source") -> None:
    """A small table of rows per label, one line per source or part."""
    from maskwatch.training.data.catalog import ROW_LABELS
    from maskwatch.training.data.collect import counts_per_label

    lines: dict[str, Mapping[str, int]] = {
        str(name): counts_per_label(part) for name, part in table.groupby(by, sort=False)
    }
    if len(lines) != 1:
        lines["all"] = counts_per_label(table)
    width = max(map(len, lines), default=0)
    click.echo("  ".join([" " * width, *(f"{label:>14}" for label in ROW_LABELS)]))
    for name, counts in lines.items():
        click.echo(
            "  ".join([f"{name:<{width}}", *(f"{counts[label]:>14,}" for label in ROW_LABELS)])
        )
