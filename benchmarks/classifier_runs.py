"""What each choice of recipes/best.yaml brings, and how the recipe holds on what it never saw.

    python benchmarks/classifier_runs.py --data split.parquet --weights PATH.h5 --out runs/choices

Every run is `maskwatch data synthesise`, `train` and `export` on its own split of the manifest; the
exported file is asked. Runs that are finished are not repeated, so the command goes on where it was
cut off. Four kinds of splits:

- choices: a third of the rows outside the test part. Whatever is chosen is chosen here.
- folds: each fifth of all rows is tested by a network that saw none of its groups.
- a source left out: no near-identical group that touches it is trained on.
- the student report's own protocol, which leaks; and its system, trained on what it had.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from maskwatch.models.records import to_json
from maskwatch.training.data.catalog import INCORRECT, MASK, SYNTHETIC, UNCLEAR
from maskwatch.training.data.manifest import has_box, read_manifest, write_manifest
from maskwatch.training.data.parts import class_indices
from maskwatch.training.data.split import source_groups, split_grouped, split_report
from maskwatch.training.evaluation.abstention import calibration
from maskwatch.training.evaluation.answers import ask_rows
from maskwatch.training.metrics import score
from maskwatch.training.synth.kinds import LABEL_OF
from maskwatch.vision.classify import Classifier

FOLDS = 5
BEST, REPORT = Path("recipes/best.yaml"), Path("recipes/report-code.yaml")
SHORT = {"fit": {"epochs": 5}}
"""All short runs together fit into two hours; the shipped model has six times as many epochs."""
LONGER = {"fit": {"epochs": 10}}
"""For what is compared with a goal: eight minutes each, a third of the shipped length."""


def merge(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe with some of its values replaced."""
    merged = dict(document)
    for name, value in changes.items():
        inner = merged.get(name)
        merged[name] = merge(inner, value) if isinstance(inner, Mapping) else value
    return merged


@dataclass(frozen=True, slots=True)
class Run:
    """One network.

    Attributes:
        name: of its folder and in the table.
        split: manifest -> the same with other parts.
        changes: to recipes/best.yaml.
        recipe: or another recipe.
        synthetic: pictures to synthesise.
        made_without: parts of the file names of synthetic pictures that are left out.
    """

    name: str
    split: Callable[[pd.DataFrame], pd.DataFrame]
    changes: Mapping[str, Any] = field(default_factory=dict)
    recipe: Path = BEST
    synthetic: int = 3000
    made_without: tuple[str, ...] = ()


def choices(table: pd.DataFrame) -> pd.DataFrame:
    """A third of what is not in the test part validates; the test part is gone."""
    return split_grouped(table[table["split"] != "test"].reset_index(drop=True), folds=3)


def fold(number: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A fifth is tested; a tenth of the rest fits the temperature."""

    def split(table: pd.DataFrame) -> pd.DataFrame:
        is_test = split_grouped(table, folds=FOLDS, fold=number)["split"] == "val"
        groups = set(table.loc[is_test, "group"])
        return split_grouped(table, folds=10, test_groups=groups)

    return split


def without(source: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """All groups that touch the source are tested; a tenth of the rest fits the temperature."""
    return lambda table: split_grouped(
        table, folds=10, test_groups=frozenset(source_groups(table, source))
    )


def report_data(table: pd.DataFrame) -> pd.DataFrame:
    """The test part, and of the others what the student report had."""
    return table[(table["split"] == "test") | (table["source"] == "kaggle-8982")]


def report_protocol(table: pd.DataFrame) -> pd.DataFrame:
    """The report's own split of its own set: leaky."""
    return split_report(table[table["source"] == "kaggle-8982"].reset_index(drop=True))


SOURCES = (
    "incorrect-photos",
    "voc-853",
    "yolo-800",
    "mask-types",
    "faces-binary",
    "kaggle-8982",
)
DRAWN_MASKS = tuple(
    f"{kind}-drawn" for kind, label in LABEL_OF.items() if label in (MASK, INCORRECT)
)
NO_MASKS_MADE = {"sampling": {"synthetic_share": 0.0}}
SMOOTH = {"augment": {"noise_sigma": 10, "noise_grain_px": 1, "haze_ratio": 0.0}}
OWN_SET = {
    "sampling": {
        "synthetic_share": 0.0,
        "unclear_share": 0.0,
        "max_per_group": 1000,
        "class_shares": [1, 1, 1],
    }
}


def choice(name: str, changes: Mapping[str, Any], **settings: Any) -> Run:
    return Run(f"choices {name}", choices, merge(SHORT, changes), **settings)


RUNS = (
    choice("recipe", {}),
    choice("no-synthesised-masks", NO_MASKS_MADE),
    choice("drawn-masks-only", {}, made_without=("-sampled",)),
    choice("cut-out-masks-only", {}, made_without=DRAWN_MASKS),
    choice("no-unclear", {"sampling": {"unclear_share": 0.0}}),
    choice("no-rough", SMOOTH),
    choice("no-smoothing", {"fit": {"label_smoothing": 0.0}}),
    choice("even-classes", {"sampling": {"class_shares": [1, 1, 1]}}),
    *(choice(f"side-{px}", {"network": {"input_side_px": px}}) for px in (96, 112, 160, 224)),
    *(Run(f"without-{source} recipe", without(source), SHORT) for source in SOURCES),
    Run("without-incorrect-photos longer", without("incorrect-photos"), LONGER),
    Run("without-ilc-2021 longer", without("ilc-2021"), LONGER),  # with all twelve sets as data
    Run(
        "without-incorrect-photos no-synthesised-masks",
        without("incorrect-photos"),
        merge(SHORT, NO_MASKS_MADE),
    ),
    *(Run(f"fold-{number} recipe", fold(number), SHORT) for number in range(FOLDS)),
    *(Run(f"fold-{number} longer", fold(number), LONGER) for number in range(FOLDS)),
    Run("report-protocol recipe", report_protocol, merge(SHORT, OWN_SET), synthetic=0),
    Run("report-protocol longer", report_protocol, merge(LONGER, OWN_SET), synthetic=0),
    Run("report-system", report_data, recipe=REPORT, synthetic=0),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="split manifest without synthesis")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="parts of names; all runs if not given")
    parser.add_argument("--result", type=Path, help="JSON file; runs it has already are replaced")
    args = parser.parse_args()
    table = read_manifest(args.data)
    rows = []
    for run in RUNS:
        if not args.only or any(part in run.name for part in args.only):
            rows.append(result(run, table, args.weights, args.out))
            show(rows[-1])
    for length in ("recipe", "longer"):
        folds = [answers_of(f"fold-{n} {length}", args.out) for n in range(FOLDS)]
        if all(path.exists() for path in folds):
            told = pd.concat(map(pd.read_parquet, folds), ignore_index=True)
            rows.append({"name": f"all folds {length}", "changes": {}, **scores_of(told)})
            show(rows[-1])
    if args.result:
        record(rows, args.result)


def record(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the rows beside those of other runs; each run tells the code that it was made with."""
    known = json.loads(path.read_text())["runs"] if path.exists() else []
    runs = {row["name"]: row for row in [*known, *rows]}
    path.write_text(json.dumps({"runs": list(runs.values())}, indent=1) + "\n")


def result(run: Run, table: pd.DataFrame, weights: Path, out: Path) -> dict[str, Any]:
    """Train unless it is done, ask the exported file about the held-out part, and score that."""
    answers = answers_of(run.name, out)
    folder = answers.parent
    trained = folder / "run"
    if not answers.exists():
        manifest = prepare(run, table, out, folder)
        recipe = folder / "recipe.yaml"
        changed = merge(yaml.safe_load(run.recipe.read_text()), run.changes)
        recipe.write_text(yaml.safe_dump(changed))
        if about(trained).get("state") != "finished":  # another training there is refused
            arguments = [str(recipe), "--data", str(manifest), "--out", str(trained)]
            maskwatch("train", *arguments, "--weights", str(weights))
        model = trained / "classifier.onnx"
        if not model.exists():
            maskwatch("export", str(trained), "--data", str(manifest))
        ask(model, read_manifest(manifest)).to_parquet(answers)
    made = about(trained)
    origin = {**made["machine"], "revision": made["revision"]}
    told = pd.read_parquet(answers)
    return {"name": run.name, "changes": dict(run.changes), **scores_of(told), **origin}


def about(trained: Path) -> dict[str, Any]:
    """What the folder of a training says of it; nothing where there is none yet."""
    path = trained / "run.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def answers_of(name: str, out: Path) -> Path:
    """Where the answers of a finished run lie."""
    return out / name.replace(" ", "-") / "answers.parquet"


def prepare(run: Run, table: pd.DataFrame, out: Path, folder: Path) -> Path:
    """The manifest of a run, with its synthetic pictures; runs of one split share them."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = run.split(table)
    base = out / "splits" / run.name.split()[0] / "split.parquet"
    if not base.exists():
        write_manifest(parts, base)
    if run.synthetic:
        made = base.parent / "synth"
        if not (made / "synthetic.parquet").exists():  # the last thing that is written
            shutil.rmtree(made, ignore_errors=True)
            maskwatch(
                "data", "synthesise", str(base), "--out", str(made), "--count", str(run.synthetic)
            )
        parts = read_manifest(made / "synthetic.parquet")
    names = parts["image_path"].map(lambda path: Path(path).name)
    unwanted = names.map(lambda name: any(part in name for part in run.made_without))
    parts = parts[(parts["source"] != SYNTHETIC) | ~unwanted]
    path = folder / "manifest.parquet"
    write_manifest(parts, path)
    return path


def ask(model: Path, table: pd.DataFrame) -> pd.DataFrame:
    """What the exported file says of the test part, or of `val` where there is none."""
    part = "test" if (table["split"] == "test").any() else "val"
    rows = table[table["split"] == part].reset_index(drop=True)
    classifier = Classifier(model)
    given = ask_rows(classifier, rows)
    told = rows.assign(face=has_box(rows), unsure_below=given.unsure_below)
    for index in range(given.probabilities.shape[1]):
        told[f"p{index}"] = given.probabilities[:, index]
    return told


def scores_of(told: pd.DataFrame) -> dict[str, Any]:
    """Scores of several slices of the held-out rows, and what is said of unclear faces."""
    unclear = told[told["label"] == UNCLEAR]
    clear = told[told["label"] != UNCLEAR]
    faces = clear[clear["face"]]
    slices = {"all": clear, "faces": faces, "pictures": clear[~clear["face"]]}
    slices |= {str(name): rows for name, rows in clear.groupby("source")}
    slices |= {f"{name} faces": rows for name, rows in faces.groupby("source")}
    return {
        "scores": {name: scored(rows) for name, rows in slices.items() if len(rows)},
        "unclear": {"n": len(unclear), **(confidence_of(unclear) if len(unclear) else {})},
    }


def confidence_of(rows: pd.DataFrame) -> dict[str, float]:
    best = given_to(rows).max(axis=1)
    return {
        "unsure_share": round(float((best < rows["unsure_below"]).mean()), 4),
        "mean_confidence": round(float(best.mean()), 4),
    }


def scored(rows: pd.DataFrame) -> dict[str, Any]:
    labels, probabilities = class_indices(rows), given_to(rows)
    groups = list(rows["group"].to_numpy(str))
    ece = calibration(labels, probabilities).ece
    scores = score(labels, probabilities, groups, float(rows["unsure_below"].iloc[0]))
    return {"ece": ece, **to_json(scores)}


def given_to(rows: pd.DataFrame) -> np.ndarray:
    return rows[["p0", "p1", "p2"]].to_numpy(np.float32)


def show(row: Mapping[str, Any]) -> None:
    """A line a slice."""
    print(f"{row['name']}: unclear {row['unclear']}")
    for name, scores in row["scores"].items():
        wrong = scores["per_class"]["incorrect_mask"]
        cells = [
            scores["accuracy"],
            scores["macro_f1"],
            *(c["recall"] for c in scores["per_class"].values()),
        ]
        cells.append(wrong["precision"])
        text = " ".join(
            "    -" if cell["value"] is None else f"{cell['value']:.3f}" for cell in cells
        )
        print(
            f"  {name:<24}{scores['n']:>6} {text}  n {wrong['n']}  ece {scores['ece']}", flush=True
        )


def maskwatch(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "maskwatch", *arguments], check=True)


if __name__ == "__main__":
    main()
