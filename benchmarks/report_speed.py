"""The report's five epochs, trained as its code trains them and with `maskwatch train --cache`.

    python benchmarks/report_speed.py --data split.parquet --weights PATH.weights.h5 --crops 1500

Takes a seeded sample of the rows of `kaggle-8982` in the training and validation parts. First way:
Keras' ImageDataGenerator reads and alters the pictures and `model.fit` trains, all in one process,
as in the report's code. Second and third: our recipe of the same numbers with a cache that is
empty, and once more with the filled one. The pace is that of the epochs after the first, which also
builds things; with what does not depend on the number of pictures added, it gives the time of five
epochs over the report's 7,188 pictures. The last line of output is one JSON document.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import pandas as pd

from maskwatch.io.environment import cpu_name, versions
from maskwatch.models.runtime import available_cpus
from maskwatch.training.classifier.report_way import SIDE_PX, report_network
from maskwatch.training.classifier.train import train
from maskwatch.training.data.manifest import read_manifest
from maskwatch.training.recipes.classifier import load_recipe
from maskwatch.training.run_folder import RunFolder

RECIPE = Path(__file__).parent.parent / "recipes" / "report-code.yaml"
RESULT = Path(__file__).parent / "results" / "report_speed.json"
SOURCE, REPORT_CROPS, EPOCHS = "kaggle-8982", 7188, 5


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path))
@click.option("--weights", required=True, type=click.Path(path_type=Path))
@click.option("--crops", default=1500, show_default=True, help="To train on.")
@click.option("--val-crops", default=600, show_default=True)
def main(data: Path, weights: Path, crops: int, val_crops: int) -> None:
    table = read_manifest(data)
    table = table[table["source"] == SOURCE]
    rows = pd.concat(
        table[table["split"] == part].sample(count, random_state=0)
        for part, count in (("train", crops), ("val", val_crops))
    ).reset_index(drop=True)
    with tempfile.TemporaryDirectory() as folder:
        ways = {"ImageDataGenerator and model.fit, as in the report": report_fit(rows, weights)}
        for name in ("maskwatch train --cache, first run", "maskwatch train --cache, next run"):
            ways[name] = our_fit(rows, weights, Path(folder, name), Path(folder, "cache"))
    for way in ways.values():
        pace = crops / way.pop("epoch_s")
        fixed_s = way["seconds"] - crops * EPOCHS / pace
        way["pictures_per_s"] = round(pace, 1)
        way["report_s"] = round(fixed_s + REPORT_CROPS * EPOCHS / pace)
        way["seconds"] = round(way["seconds"], 1)
    base_s = next(iter(ways.values()))["report_s"]
    for way in ways.values():
        way["share_of_fit"] = round(way["report_s"] / base_s, 3)
    document = {
        "machine": {"cpu": cpu_name(), "cores": available_cpus()},
        "versions": versions(("tensorflow-cpu", "tensorflow", "keras", "onnxruntime")),
        "crops": crops,
        "val_crops": len(rows) - crops,
        "ways": ways,
    }
    RESULT.write_text(json.dumps(document, indent=1) + "\n")
    for name, way in ways.items():
        click.echo(
            f"{name:<52}{way['pictures_per_s']:>8} pictures/s, {EPOCHS} epochs of {REPORT_CROPS} "
            f"in {way['report_s']} s, {way['share_of_fit']:.3f} of the first; validation accuracy "
            f"{way['val_accuracy']:.4f}"
        )
    click.echo(json.dumps(document))


def report_fit(rows: pd.DataFrame, weights: Path) -> dict[str, float]:
    """The report's training loop: seconds of all epochs, and accuracies of the last."""
    import keras
    import tensorflow

    keras.utils.set_random_seed(0)
    generator = tensorflow.keras.preprocessing.image.ImageDataGenerator(
        rescale=1 / 255, rotation_range=20, zoom_range=0.15, horizontal_flip=True
    )
    flows = {
        part: generator.flow_from_dataframe(
            rows[rows["split"] == part].assign(image_path=lambda t: t["image_path"].astype(str)),
            x_col="image_path",
            y_col="label",
            target_size=(SIDE_PX, SIDE_PX),
            batch_size=32,
            seed=0,
        )
        for part in ("train", "val")
    }
    model = report_network(weights)
    model.compile(keras.optimizers.Adam(1e-4), "categorical_crossentropy", metrics=["accuracy"])
    ends: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter())
    )
    began = time.perf_counter()
    history = model.fit(
        flows["train"],
        validation_data=flows["val"],
        epochs=EPOCHS,
        verbose=2,
        callbacks=[clock],
    )
    epochs = [
        {
            "seconds": end - start,
            **{name: values[number] for name, values in history.history.items()},
        }
        for number, (start, end) in enumerate(zip([began, *ends], ends, strict=False))
    ]
    return summary(time.perf_counter() - began, epochs)


def our_fit(rows: pd.DataFrame, weights: Path, path: Path, cache: Path) -> dict[str, float]:
    """The same of our own way, reading the pictures and scoring the parts included."""
    folder = RunFolder(path)
    began = time.perf_counter()
    train(load_recipe(RECIPE), rows, folder, weights, cache)
    return summary(time.perf_counter() - began, folder.history())


def summary(seconds: float, epochs: list[dict[str, Any]]) -> dict[str, float]:
    """What is kept of a training."""
    accuracies = {name: round(float(epochs[-1][name]), 4) for name in ("accuracy", "val_accuracy")}
    later = [epoch["seconds"] for epoch in epochs[1:]]
    return {"seconds": seconds, "epoch_s": statistics.median(later), **accuracies}


if __name__ == "__main__":
    main()
