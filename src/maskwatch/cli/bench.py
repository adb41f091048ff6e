"""`maskwatch bench`: how fast this machine is, and what a model is worth on photos it never saw."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maskwatch.cli.main import Range
from maskwatch.errors import SettingError
from maskwatch.files import require_file, require_folder, write_json, write_text
from maskwatch.models.card import SHIPPED_MODEL, load_model
from maskwatch.models.evaluation import number

if TYPE_CHECKING:
    from maskwatch.training.detector.bench import Bench, BenchRow, Worth
    from maskwatch.training.detector.scores import DetectorScores
    from maskwatch.training.flicker.scores import FlickerScores
    from maskwatch.training.flicker.street_scores import StreetScores

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(invoke_without_command=True)
@click.option(
    "--quick", is_flag=True, help="Rougher numbers, in about 40 seconds on a quiet machine."
)
@click.option("--out", type=_FILE, help="Also write the JSON document to this file.")
@click.pass_context
def bench(ctx: click.Context, quick: bool, out: Path | None) -> None:
    """Measure how fast MaskWatch is here; with a command, what a model is worth.

    Without a command: each stage at several sizes and numbers of faces, start-up, memory, sizes on
    disk, each network beside its arithmetic, and all of it beside the student report's way. Faces
    are drawn, nothing is downloaded. The last line of output is one JSON document.
    """
    if ctx.invoked_subcommand is not None:
        return
    from maskwatch.bench.run import FULL, QUICK, run_speed_bench, to_lines

    if out is not None:
        require_file(out, SettingError)
    result = run_speed_bench(
        QUICK if quick else FULL, lambda part: click.echo(f"measuring {part} ...", err=True)
    )
    document = json.dumps(result.to_dict())
    if out is not None:
        write_text(out, f"{document}\n", SettingError)
    for line in to_lines(result):
        click.echo(line)
    click.echo(document)


@bench.command()
@click.option("--model", type=_FILE, help="ONNX file with its card; the shipped one if not given.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    required=True,
    metavar="NAME[=DIR]",
    help="Set with test photos; downloaded without DIR. Repeat it for several.",
)
@click.option(
    "--side-px",
    "sides_px",
    multiple=True,
    type=int,
    help="Setting to compare, repeatable; the card's for photos and live video if not given.",
)
@click.option("--yunet", type=_FILE, help="ONNX file of OpenCV's YuNet, to compare with.")
@click.option(
    "--faces",
    type=_FILE,
    help="Faces another detector found (JSON): those that nobody drew are also set aside.",
)
@click.option(
    "--classifier/--no-classifier",
    "with_states",
    default=True,
    help="Also judge the masks of the faces found, with the shipped classifier.",
)
@click.option(
    "--classifier-data",
    "manifest",
    type=_FILE,
    metavar="MANIFEST",
    help="What the classifier was trained on: score states on its test part only.",
)
@click.option(
    "--out", type=_FOLDER, default="runs/bench", show_default=True, help="Folder to fill."
)
def detector(
    model: Path | None,
    sets: tuple[str, ...],
    sides_px: tuple[int, ...],
    yunet: Path | None,
    faces: Path | None,
    with_states: bool,
    manifest: Path | None,
    out: Path,
) -> None:
    """Score and time a face detector on the test photos of some sets.

    The photos are listed in the package and were never trained on or used to choose anything; of
    another set with boxes that the detector's card does not name among its sources, all are tested.
    The split of the shipped classifier held them out as well; --classifier-data checks it by their
    content. Writes OUT/detector.json, and OUT/misses.html, which shows faces of the test photos:
    treat it like the data itself.
    """
    from maskwatch.training.data.collect import set_folders
    from maskwatch.training.data.holdout import holdout_photos
    from maskwatch.training.data.machine_faces import read_found_faces
    from maskwatch.training.data.manifest import read_manifest
    from maskwatch.training.detector.bench import forget_seen_states, load_comparison, run_bench

    require_folder(out)
    comparison = load_comparison(model, sides_px, yunet)  # a wrong file shows before sets are read
    found = read_found_faces(faces) if faces else None
    photos, problems = holdout_photos(set_folders(sets), found, comparison.learnt)
    for problem in problems:
        click.echo(f"warning: {problem}", err=True)
    if manifest is not None:
        _, card = load_model(SHIPPED_MODEL)
        photos = forget_seen_states(photos, read_manifest(manifest), card)
    elif with_states:
        click.echo(
            "note: not checked whether the classifier learnt from these photos, see --help",
            err=True,
        )
    length = len(photos) * len(comparison.detectors)
    with click.progressbar(length=length, label="looking", file=sys.stderr) as bar:
        result = run_bench(comparison, photos, out, with_states, found, bar.update)
    _show(result)
    click.echo(f"{out}: detector.json, misses.html")


@bench.command()
@click.option(
    "--data",
    "manifest",
    type=_FILE,
    required=True,
    metavar="MANIFEST",
    help="A manifest with parts, from `maskwatch data split`.",
)
@click.option(
    "--part",
    type=click.Choice(["test", "val"]),
    default="test",
    show_default=True,
    help="Whose faces to film: settings are chosen on val and reported on test.",
)
@click.option("--films", type=click.IntRange(1), default=36, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--steadiness", type=Range(0, 1), default=0.5, show_default=True, help="The dial.")
@click.option("--webcam", type=_FILE, help="The real film webcam_on_off.gif, scored as well.")
@click.option("--model", type=_FILE, help="An ONNX classifier instead of the shipped one.")
@click.option(
    "--out", type=_FOLDER, default="runs/bench", show_default=True, help="Folder to fill."
)
def flicker(
    manifest: Path,
    part: str,
    films: int,
    seed: int,
    steadiness: float,
    webcam: Path | None,
    model: Path | None,
    out: Path,
) -> None:
    """Measure how steady live labels are, and how soon they show a true change.

    Films of ten seconds are drawn from photos: two people each who move, tilt the head, come near,
    cross, are blurred, badly lit or compressed, or hold a hand before the face; one of them puts a
    mask on or off or lets it slip. What is shown frame by frame, by majority and by a Stream is
    compared with what is there. Writes OUT/flicker.json; the last line of output is the same.
    """
    from maskwatch.pipeline import Analyzer
    from maskwatch.training.data.manifest import read_manifest
    from maskwatch.training.flicker.bench import run_flicker

    require_folder(out)
    analyzer = Analyzer(model)
    table = read_manifest(manifest)
    with click.progressbar(length=films, label="filming", file=sys.stderr) as bar:
        result = run_flicker(analyzer, table, part, films, seed, steadiness, webcam, bar.update)
    for name, rows in {**result.films, "webcam": result.webcam}.items():
        _show_flicker(name, rows)
    write_json(out / "flicker.json", result.to_dict(), indent=1)
    click.echo(json.dumps(result.to_dict()))


@bench.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--steadiness", type=Range(0, 1), default=0.5, show_default=True, help="The dial.")
@click.option("--model", type=_FILE, help="An ONNX classifier instead of the shipped one.")
@click.option("--detector", type=_FILE, help="An ONNX face detector instead of the shipped one.")
@click.option(
    "--out", type=_FOLDER, default="runs/bench", show_default=True, help="Folder to fill."
)
def street(
    folder: Path, steadiness: float, model: Path | None, detector: Path | None, out: Path
) -> None:
    """Measure live answers on real films in FOLDER whose faces were labelled by eye.

    How many faces get no answer, whether the answers are right, how soon they come, how often they
    change without cause, and how many stand where no face is; for each film, and for all at every
    step of the dial; and whom a rule of `maskwatch watch` tells of, rightly or in vain. The labels
    are in the package, the films are not; those that are missing are named. Writes OUT/street.json;
    the last line of output is the same.
    """
    from maskwatch.pipeline import Analyzer
    from maskwatch.training.flicker.street import read_truth
    from maskwatch.training.flicker.street_bench import run_street

    require_folder(out)
    analyzer = Analyzer(model, detector)
    with click.progressbar(length=len(read_truth()), label="looking", file=sys.stderr) as bar:
        result = run_street(analyzer, folder, steadiness, bar.update)
    width = max(map(len, result.films))
    click.echo(f"{'':<{width}}  {_STREET_COLUMNS}")
    rows = {f"steadiness {at}": scores for at, scores in result.by_steadiness.items()}
    for name, scores in {**result.films, **rows}.items():
        click.echo(f"{name:<{width}}  {_street_cells(scores)}")
    minutes = max(counts.face_minutes for counts in result.alarms.values())
    click.echo(f"alarms (no_mask), {minutes:.1f} minutes of faces")
    for after_s, counts in result.alarms.items():
        click.echo(
            f"  bare for {after_s:g} s: {counts.right} right, {counts.in_vain} in vain, "
            f"{counts.unjudged} that nobody could judge; {counts.missed} of {counts.due} missed"
        )
    if result.missing:
        click.echo(f"not in {folder}: {', '.join(result.missing)}", err=True)
    write_json(out / "street.json", result.to_dict(), indent=1)
    click.echo(json.dumps(result.to_dict()))


_STREET_COLUMNS = (
    f"{'minutes':<9}{'unsure':<8}{'tellable':<10}{'right':<8}{'alone':<8}{'on nothing':<12}"
    f"{'switches/min':<14}{'lapses/min':<12}{'in .5 s':<9}{'identities/min':<16}delays s"
)


def _street_cells(scores: StreetScores) -> str:
    delays = " ".join("-" if d is None else f"{d:.2f}" for d in scores.delays_s)
    named = "-" if scores.named_in_time is None else f"{scores.named_in_time:.0%}"
    return (
        f"{scores.face_minutes:<9.2f}{scores.unsure:<8.1%}{scores.unsure_tellable:<10.1%}"
        f"{scores.right:<8.1%}{scores.right_alone:<8.1%}{scores.on_nothing:<12.1%}"
        f"{scores.switches:<14.2f}{scores.lapses:<12.2f}{named:<9}"
        f"{scores.identity_switches:<16.2f}{delays}"
    )


def _show_flicker(name: str, rows: dict[str, FlickerScores]) -> None:
    if not rows:
        return
    minutes = next(iter(rows.values())).track_minutes
    click.echo(f"{name}: {minutes:.1f} track-minutes")
    width = max(map(len, rows))
    click.echo(f"  {'':<{width}}  {_FLICKER_COLUMNS}")
    for method, scores in rows.items():
        delay = "-" if scores.delay_median_s is None else f"{scores.delay_median_s:.2f}"
        late = "-" if scores.delay_p95_s is None else f"{scores.delay_p95_s:.2f}"
        shown = "-" if scores.shown_ratio is None else f"{scores.shown_ratio:.0%}"
        click.echo(
            f"  {method:<{width}}  {scores.false_switches:<14.2f}{scores.wrong_ratio:<8.1%}"
            f"{scores.unsure_ratio:<8.1%}{scores.held_ratio:<8.1%}"
            f"{f'{delay} ({late})':<19}{shown:<7}{scores.identity_switches:.2f}"
        )


_FLICKER_COLUMNS = (
    f"{'switches/min':<14}{'wrong':<8}{'unsure':<8}{'held':<8}{'delay s (p95)':<19}"
    f"{'shown':<7}identities/min"
)


def _show(result: Bench) -> None:
    part = ""
    width = max(len(name) for name in result.comparison.detectors)
    for row in result.rows:
        if row.part != part:
            part = row.part
            click.echo(_heading(part, row.as_drawn.scores))
            click.echo(f"  {'':<{width}}  {_COLUMNS}")
        click.echo(f"  {row.detector:<{width}}  {_cells(row.as_drawn.scores)}")
        click.echo(f"  {'':<{width}}  {_details(row)}")
    for what, times in (
        ("network alone, ONNX Runtime", result.network_ms),
        ("whole detection of a test photo", result.detect_ms),
    ):
        click.echo(f"{what}: median ms, p95 ms, times the first")
        for name, row_ms in times.items():
            click.echo(
                f"  {name:<{width}}  {row_ms['median_ms']:>8.1f} {row_ms['p95_ms']:>8.1f} "
                f"{row_ms['ratio']:>7.2f}"
            )


_COLUMNS = (
    f"{'AP50 (95 %)':<21}{'AP50-95':<9}{'<20 px':<8}{'20-60':<8}{'>60 px':<8}"
    f"{'recall at 0.1 false':<23}{'score':<8}{'mAP50':<8}{'15 deg':<8}{'30 deg':<8}45 deg"
)
"""AP50 under the sizes, the share of faces still found under the turns."""


def _cells(scores: DetectorScores) -> str:
    by_size = "".join(f"{number(value):<8}" for value in scores.ap50_by_size.values())
    later = [scores.threshold, scores.map50, *scores.turned_recall.values()]
    rest = "".join(f"{number(value):<8}" for value in later).rstrip()
    start = f"{scores.ap50.text():<21}{number(scores.ap50_95):<9}{by_size}"
    return f"{start}{scores.recall.text():<23}{rest}"


def _heading(part: str, scores: DetectorScores) -> str:
    all_faces, *sizes = scores.faces.items()
    groups = [", ".join(f"{name} px {n:,}" for name, n in sizes)]
    groups += [", ".join(f"{name} {n:,}" for name, n in scores.state_faces.items())]
    details = "; ".join(filter(None, groups))
    return f"{part}: {scores.photos:,} photos, {all_faces[1]:,} faces ({details})"


def _details(row: BenchRow) -> str:
    """The second line of a row: AP50 by state, and what users get at one lowest score."""
    scores, used = row.as_drawn.scores, row.as_drawn.operating
    states = ", ".join(f"{name} {number(ap)}" for name, ap in scores.state_ap50.items())
    parts = [f"AP50 {states}"] if states else []
    aside = scores.recall_undrawn_aside
    if aside.value is not None:
        parts.append(f"recall {aside.text()} with {scores.undrawn_faces} undrawn faces set aside")
    parts.append(
        f"at score {used.min_score:.3f} recall {_shares(used.recall)} with "
        f"{number(used.false_per_photo)} false faces a photo; at IoU 0.3 AP {number(scores.ap30)}, "
        f"recall {_shares(used.loose_recall)}, {number(used.loose_false_per_photo)} false"
    )
    if row.in_convention is not None:
        parts.append(_drawn_in_one_way(row.in_convention))
    return "; ".join(parts)


def _drawn_in_one_way(worth: Worth) -> str:
    scores, used = worth.scores, worth.operating
    turned = "".join(
        f", turned {degrees} deg {number(share)}" for degrees, share in used.turned_recall.items()
    )
    looks = "".join(
        f", {look} {found} of {count}" for look, (found, count) in used.found_by_look.items()
    )
    return (
        f"all drawn in one way: AP50 {scores.ap50.text()}, recall {_shares(used.recall)} with "
        f"{number(used.false_per_photo)} false, at IoU 0.3 {_shares(used.loose_recall)} with "
        f"{number(used.loose_false_per_photo)}{turned}{looks}"
    )


def _shares(by_name: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {number(share)}" for name, share in by_name.items())
