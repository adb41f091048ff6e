"""Would the quality of a face make a better rule for "unsure" than calibrated confidence alone?

    python benchmarks/unsure_rule.py runs/choices/choices-recipe/answers.parquet

Takes what a network said of held-out faces (see classifier_runs.py), measures size, sharpness, the
part inside the picture, roll and yaw of each, and lets a logistic regression foretell whether the
answer is right, from confidence alone and from confidence and quality. Folds by near-identical
group. Prints accuracy beside confidence for each range of each measure, then the errors that
are left when the least certain answers are withheld. The last line of output is one JSON document.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, cross_val_predict

from maskwatch.io.images import load_image
from maskwatch.schema import Face
from maskwatch.training.data.catalog import UNCLEAR
from maskwatch.training.data.manifest import BOX
from maskwatch.training.data.parts import class_indices
from maskwatch.training.synth.head import find_face
from maskwatch.vision.detect import FaceDetector
from maskwatch.vision.quality import measure_quality

EDGES = {
    "side_px": (0, 10, 15, 20, 30, 40, 80, np.inf),
    "sharpness": (0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1),
    "visible_ratio": (0, 0.65, 0.8, 0.9, 1),
    "yaw_deg": (0, 10, 20, 30, 40, 50, 90),
    "roll_deg": (0, 10, 20, 30, 45, 180),
}
ANSWERED = (0.9, 0.95, 0.98, 0.99)


@click.command()
@click.argument("answers", type=click.Path(path_type=Path, exists=True))
def main(answers: Path) -> None:
    told = pd.read_parquet(answers)
    faces = told[told["face"] & (told["label"] != UNCLEAR)].reset_index(drop=True)
    measures = measured(faces)
    probabilities = faces[["p0", "p1", "p2"]].to_numpy(float)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == class_indices(faces)
    bins = {name: by_range(measures[name], name, right, confidence) for name in EDGES}
    bins["landmarks"] = by_group(measures["roll_deg"].notna(), right, confidence)
    logit = np.log(confidence + 1e-6) - np.log(1 - confidence + 1e-6)
    quality = np.column_stack(
        [
            np.log(measures["side_px"]),
            measures[["sharpness", "visible_ratio"]],
            measures[["yaw_deg", "roll_deg"]].fillna(0) / 45,
            measures["roll_deg"].isna(),
        ]
    )
    rules = {
        "confidence": rule(logit[:, None], right, faces["group"]),
        "confidence and quality": rule(np.column_stack([logit, quality]), right, faces["group"]),
    }
    click.echo(json.dumps({"faces": len(faces), "bins": bins, "rules": rules}))


def measured(faces: pd.DataFrame) -> pd.DataFrame:
    """Quality of each face in its labelled box; its turns are those of our detector's landmarks."""
    detector = FaceDetector(side_px=256)
    rows = {}
    for path, places in faces.groupby("image_path").groups.items():
        image_rgb = load_image(str(path))
        for place in places:
            left, top, right, bottom = faces.loc[place, list(BOX)].astype(float)
            found = find_face(detector, image_rgb, (left, top, right, bottom))
            points = tuple(map(tuple, found[1].tolist())) if found else None
            face = Face((left, top, right, bottom), landmarks_xy=points)
            rows[place] = measure_quality(image_rgb, [face])[0].to_dict()
    table = pd.DataFrame.from_dict(rows, orient="index").sort_index()
    return table.astype(float).abs()


def by_range(
    values: pd.Series, name: str, right: NDArray[np.bool_], confidence: NDArray[np.float64]
) -> list[dict[str, object]]:
    return by_group(pd.cut(values, EDGES[name], include_lowest=True), right, confidence)


def by_group(
    groups: pd.Series, right: NDArray[np.bool_], confidence: NDArray[np.float64]
) -> list[dict[str, object]]:
    """A line a group: how many, how many right, how sure."""
    table = pd.DataFrame({"accuracy": right, "confidence": confidence}).groupby(
        groups, observed=True
    )
    lines: list[dict[str, object]] = []
    for name, rows in table:
        means = rows.mean().round(4).to_dict()
        lines.append({"range": str(name), "n": len(rows)} | {str(k): v for k, v in means.items()})
        click.echo(f"{groups.name} {name}: n {len(rows)}, {means}")
    return lines


def rule(
    features: NDArray[np.float64], right: NDArray[np.bool_], groups: pd.Series
) -> dict[str, float]:
    """Log loss of the foretold, and the share of wrong answers among those that are still given."""
    foretold = cross_val_predict(
        LogisticRegression(max_iter=1000),
        features,
        right,
        groups=groups,
        cv=GroupKFold(5),
        method="predict_proba",
    )[:, 1]
    order = np.argsort(-foretold, kind="stable")
    wrong = {
        f"wrong of the surest {share:.0%}": round(
            1 - right[order[: int(len(order) * share)]].mean(), 4
        )
        for share in ANSWERED
    }
    return {"log_loss": round(float(log_loss(right, foretold)), 4), **wrong}


if __name__ == "__main__":
    main()
