"""How many masks worn wrong a classifier finds, by how they are worn and how large the face is.

    python benchmarks/wear_kinds.py --data split.parquet MODEL.onnx OTHER.onnx

Asks every model about the faces of crowds (`voc-853` and `ilc-2021`) of one part of a manifest;
what is likeliest counts, unsure or not. `wear_kinds.csv` says of 459 faces how the mask is worn:
with the `nose` free, at the `chin` (mouth free, too), on one `ear` or held beside the face, or in
some `other` way, such as over the eyes: each face looked at once, before any model was asked.
`face_attributes.csv` says the same way which of the 1,014 test faces from 32 px on wear glasses, a
hat, hood or helmet, a headscarf, or a beard that can be seen.
Writes benchmarks/results/wear_kinds.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.models.records import to_json
from maskwatch.training.data.manifest import BOX, has_box, read_manifest
from maskwatch.training.data.parts import Part, as_part, longer_side_px
from maskwatch.training.evaluation.answers import ask_rows
from maskwatch.training.metrics import score
from maskwatch.vision.classify import Classifier

KINDS = Path(__file__).with_name("wear_kinds.csv")
ATTRIBUTES = Path(__file__).with_name("face_attributes.csv")
ATTRIBUTES_FROM_PX = 32  # smaller faces were not looked at
RESULT = Path(__file__).parent / "results" / "wear_kinds.json"
CROWDS = ("voc-853", "ilc-2021")
SIDES_PX = {"under 20 px": (0, 20), "20 to 50 px": (20, 50), "50 px and more": (50, np.inf)}
_BOX_KEYS = ["sha256", *BOX]
_PATH = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("models", type=_PATH, nargs=-1, required=True)
@click.option("--data", required=True, type=_PATH, help="Manifest with a split.")
@click.option("--part", default="test", show_default=True)
def main(models: tuple[Path, ...], data: Path, part: str) -> None:
    table = read_manifest(data)
    rows = table[(table["split"] == part) & table["source"].isin(CROWDS) & has_box(table)]
    faces = as_part(rows)
    kinds = kinds_of(faces.table)
    results = {}
    for path in models:
        classifier = Classifier(path)
        results[classifier.card.sha256] = scores_of(classifier, faces, kinds)
        show(classifier, results[classifier.card.sha256])
    RESULT.write_text(json.dumps({"part": part, "models": results}, indent=1) + "\n")


def kinds_of(table: pd.DataFrame) -> pd.Series[str]:
    """How the mask of each row is worn, None where nobody looked."""
    return _beside_boxes(table).merge(pd.read_csv(KINDS)[[*_BOX_KEYS, "kind"]], how="left")["kind"]


def attributes_of(table: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Rows (n,) by what is worn beside the mask, and those that wear nothing of it.

    Empty where nobody looked at the faces of this part.
    """
    keys, known = _beside_boxes(table), pd.read_csv(ATTRIBUTES)
    wearing = {
        str(name): np.asarray(keys.merge(rows, how="left")["attribute"].notna())
        for name, rows in known.groupby("attribute")
    }
    with_any = np.logical_or.reduce([*wearing.values()])
    if not with_any.any():
        return {}
    looked_at = longer_side_px(table) >= ATTRIBUTES_FROM_PX
    return wearing | {"none of these": looked_at & ~with_any}


def _beside_boxes(table: pd.DataFrame) -> pd.DataFrame:
    """The photo and the box of each row, rounded as the files of labels have them."""
    return table[_BOX_KEYS].round(2).reset_index(drop=True)


def scores_of(classifier: Classifier, faces: Part, kinds: pd.Series[str]) -> dict[str, Any]:
    """Scores of all these faces, by source and size, and the recall of each kind of wear."""
    given = ask_rows(classifier, faces.table).probabilities
    side, source = longer_side_px(faces.table), faces.table["source"].to_numpy(str)
    slices = {"all": np.ones(len(side), bool)} | {name: source == name for name in CROWDS}
    slices |= {name: (side >= low) & (side < high) for name, (low, high) in SIDES_PX.items()}
    slices |= attributes_of(faces.table)
    scores = {
        name: to_json(score(faces.labels[rows], given[rows], list(faces.groups[rows]), 0.0))
        for name, rows in slices.items()
        if rows.any()
    }
    said = pd.DataFrame({"kind": kinds, "said": given.argmax(axis=1)})[faces.labels == 2]
    counts = said.groupby("kind")["said"].value_counts().unstack(fill_value=0)
    names = dict(enumerate(state.value for state in classifier.card.classes))
    return {"scores": scores, "said_of_kind": counts.rename(columns=names).to_dict("index")}


def show(classifier: Classifier, result: dict[str, Any]) -> None:
    click.echo(f"{classifier.card.name} {classifier.card.sha256[:8]}")
    for name, row in result["scores"].items():
        classes = row["per_class"]
        cells = [row["macro_f1"], *(scores["recall"] for scores in classes.values())]
        cells.append(classes["incorrect_mask"]["precision"])
        text = " ".join("   -" if c["value"] is None else f"{c['value']:.3f}" for c in cells)
        click.echo(f"  {name:<16}{row['n']:>6} {text}  n {classes['incorrect_mask']['n']}")
    for kind, said in result["said_of_kind"].items():
        click.echo(f"  {kind:<8}{said}")


if __name__ == "__main__":
    main()
