"""How well near-identical pictures are found, on altered copies and on the public sets.

    python benchmarks/grouping.py --data ../shared/data --seed 2

Part 1 draws pictures from the sets of PICTURES_PER_SET, alters each as the published sets were, and
groups originals and copies together. Recall counts the pairs of one picture that share a group.
Every merge of two different pictures is listed by name: some are true copies inside the public
data, so look before calling them mistakes. Part 2 groups all pictures of these sets and reports
time and the largest groups. The thresholds were chosen on copies drawn with seed 1; report another
seed.

Faces cut from photos are shown at 128 x 128, as published, before they are altered. The table is
followed by one line of JSON, which is also written to benchmarks/results/grouping.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskwatch.io.images import load_image
from maskwatch.schema import BoxXYXY, ImageRGB
from maskwatch.training.data.near_duplicates import group_near_duplicates
from maskwatch.training.data.readers import read_set

RESULT = Path(__file__).parent / "results" / "grouping.json"
SHORTEST_FACE_PX = 12
PUBLISHED_FACE_PX = 128
INCORRECT = "kaggle-8982/mask_weared_incorrect"
PICTURES_PER_SET = {
    INCORRECT: 25,
    "kaggle-8982/with_mask": 50,
    "kaggle-8982/without_mask": 60,
    "voc-853": 80,
    "yolo-800": 40,
    "faces-binary": 60,
    "mask-types": 55,
    "incorrect-photos": 30,
}
"""400 pictures. The incorrect class holds about 60 photographs only, hence its small share."""

KINDS = (
    "rotation",
    "mirror",
    "zoom",
    "shear",
    "shift",
    "brightness",
    "gamma",
    "jpeg",
    "rescale",
    "all together",
    "all together",
    "all together",
)
"""One altered copy each."""


class Picture(NamedTuple):
    """A whole picture, or the face inside `box_xyxy`."""

    path: Path
    box_xyxy: BoxXYXY | None

    def load(self) -> ImageRGB:
        """The pixels, without margin around a face."""
        image_rgb = load_image(self.path)
        if self.box_xyxy is None:
            return image_rgb
        left, top, right, bottom = (max(round(v), 0) for v in self.box_xyxy)
        return image_rgb[top:bottom, left:right]


def list_pictures(folder: Path) -> list[Picture]:
    """The pictures of one set: face boxes for voc-853, whole pictures for the others."""
    faces = read_set(folder).faces
    if folder.name != "voc-853":
        return [Picture(path, None) for path in sorted({face.image_path for face in faces})]
    boxes = [Picture(face.image_path, face.box_xyxy) for face in faces if face.box_xyxy]
    return [p for p in boxes if _shorter_side_px(p.box_xyxy) >= SHORTEST_FACE_PX]


def _name(picture: Picture) -> str:
    box = "" if picture.box_xyxy is None else " {:g},{:g},{:g},{:g}".format(*picture.box_xyxy)
    return "/".join(picture.path.parts[-3:]) + box


def _shorter_side_px(box_xyxy: BoxXYXY | None) -> float:
    left, top, right, bottom = box_xyxy or (0, 0, 0, 0)
    return min(right - left, bottom - top)


def alter(image_rgb: ImageRGB, kind: str, random: Generator) -> ImageRGB:
    """One altered copy, within the ranges seen in the published sets."""
    everything = kind == "all together"
    if everything or kind in ("rotation", "zoom", "shear", "shift"):
        image_rgb = _warp(
            image_rgb,
            rotation_deg=random.uniform(-40, 40) if everything or kind == "rotation" else 0,
            zoom=random.uniform(0.85, 1.15) if everything or kind == "zoom" else 1,
            shear_deg=random.uniform(-20, 20) if everything or kind == "shear" else 0,
            shift_ratio_xy=random.uniform(-0.15, 0.15, 2)
            if everything or kind == "shift"
            else np.zeros(2),
        )
    if kind == "mirror" or (everything and random.random() < 0.5):
        image_rgb = np.ascontiguousarray(image_rgb[:, ::-1])
    if everything or kind == "brightness":
        image_rgb = np.clip(image_rgb * random.uniform(0.2, 1.3), 0, 255).astype(np.uint8)
    if kind == "gamma":
        gamma = np.exp(random.uniform(-0.7, 0.7))
        image_rgb = (255 * (image_rgb / 255) ** gamma).astype(np.uint8)
    if kind == "rescale":
        ratio = random.uniform(0.5, 1.5)
        method = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
        resized = cv2.resize(image_rgb, None, fx=ratio, fy=ratio, interpolation=method)
        image_rgb = np.asarray(resized, np.uint8)
    if everything or kind == "jpeg":
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(60, 96))]
        jpeg = cv2.imencode(".jpg", image_rgb, quality)[1]
        image_rgb = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
    return image_rgb


def _warp(
    image_rgb: ImageRGB,
    rotation_deg: float,
    zoom: float,
    shear_deg: float,
    shift_ratio_xy: NDArray[np.float64],
) -> ImageRGB:
    """Affine warp about the middle, edges smeared outwards like Keras' fill_mode="nearest"."""
    height, width = image_rgb.shape[:2]
    turn, shear = np.deg2rad([rotation_deg, shear_deg])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = zoom * rotation @ np.array([[1, np.tan(shear)], [0, 1]])
    middle = np.array([width - 1, height - 1]) / 2
    offset = middle - linear @ middle + shift_ratio_xy * [width, height]
    warped = cv2.warpAffine(
        image_rgb,
        np.column_stack([linear, offset]),
        (width, height),
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(warped, np.uint8)


def measure_copies(sets: dict[str, list[Picture]], seed: int) -> dict[str, Any]:
    """Recall over pairs and merges of different pictures, for altered copies of a sample."""
    random = np.random.default_rng(seed)
    chosen = [
        (name, pictures[index])
        for name, pictures in sets.items()
        for index in random.permutation(len(pictures))[: PICTURES_PER_SET[name]]
    ]

    def images() -> Iterator[ImageRGB]:
        for _, picture in chosen:
            image_rgb = picture.load()
            yield image_rgb
            if picture.box_xyxy:
                side = (PUBLISHED_FACE_PX, PUBLISHED_FACE_PX)
                image_rgb = cv2.resize(image_rgb, side, interpolation=cv2.INTER_CUBIC)
            for kind in KINDS:
                yield alter(image_rgb, kind, random)

    groups = group_near_duplicates(images()).reshape(len(chosen), 1 + len(KINDS))
    together = groups[:, :, None] == groups[:, None, :]
    pair_recall = (together.sum(axis=(1, 2)) - groups.shape[1]) / (
        groups.shape[1] * (groups.shape[1] - 1)
    )
    with_original = groups[:, 1:] == groups[:, :1]
    set_of = np.array([name for name, _ in chosen])
    kinds = np.array(KINDS)
    merged = {
        (a, b): int((groups[a][:, None] == groups[b]).sum())
        for a, b in itertools.combinations(range(len(chosen)), 2)
        if set(groups[a]) & set(groups[b])
    }
    different_pairs = len(chosen) * (len(chosen) - 1) / 2 * groups.shape[1] ** 2
    return {
        "pictures": len(chosen),
        "copies_each": len(KINDS),
        "recall": float(pair_recall.mean()),
        "recall_by_set": {s: float(pair_recall[set_of == s].mean()) for s in sets},
        "found_with_original_by_kind": {
            kind: float(with_original[:, kinds == kind].mean()) for kind in dict.fromkeys(KINDS)
        },
        "merged_different": [[_name(chosen[a][1]), _name(chosen[b][1])] for a, b in merged],
        "merged_share_of_pairs": sum(merged.values()) / different_pairs,
    }


def measure_sets(sets: dict[str, list[Picture]]) -> dict[str, Any]:
    """Group all public sets together; time, and the groups that stand out."""
    pictures = [(name, picture) for name, members in sets.items() for picture in members]
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    groups = group_near_duplicates(picture.load() for _, picture in pictures)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    set_of = np.array([name for name, _ in pictures])
    sizes = np.bincount(groups)
    largest = np.argsort(-sizes, kind="stable")[:15]
    sets_per_group: dict[int, set[str]] = {}
    for group, name in zip(groups.tolist(), set_of.tolist(), strict=True):
        sets_per_group.setdefault(group, set()).add(name)
    incorrect = np.unique(groups[set_of == INCORRECT], return_counts=True)[1]
    return {
        "pictures": len(pictures),
        "groups": len(sizes),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "groups_per_set": {s: len(np.unique(groups[set_of == s])) for s in sets},
        "groups_across_sets": sum(len(names) > 1 for names in sets_per_group.values()),
        "incorrect_group_sizes": sorted(incorrect.tolist(), reverse=True),
        "largest": [
            {"pictures": int(sizes[g]), "sets": dict(Counter(set_of[groups == g].tolist()))}
            for g in largest
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the grouping of near-identical pictures.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--seed", type=int, default=2, help="which pictures, and how altered")
    arguments = parser.parse_args()
    sets = {name: list_pictures(arguments.data / name) for name in PICTURES_PER_SET}

    copies = measure_copies(sets, arguments.seed)
    print(f"altered copies    {copies['pictures']} pictures, {copies['copies_each']} copies each")
    print(f"  recall of pairs {copies['recall']:.4f}")
    for part in ("recall_by_set", "found_with_original_by_kind"):
        for name, value in copies[part].items():
            print(f"    {name:36} {value:.4f}")
    print(f"  merged pictures {len(copies['merged_different'])} pairs, to be judged by eye")
    for pair in copies["merged_different"]:
        print(f"    {'  '.join(pair)}")

    whole = measure_sets(sets)
    print(f"public sets       {whole['pictures']} pictures in {whole['groups']} groups")
    print(f"  time            {whole['wall_s']:.0f} s ({whole['cpu_s']:.0f} s of processor time)")
    print(f"  incorrect class {len(whole['incorrect_group_sizes'])} groups")
    for group in whole["largest"]:
        print(f"    {group['pictures']:4} {group['sets']}")

    record = {
        "seed": arguments.seed,
        "machine": f"{platform.machine()}, OpenCV {cv2.__version__}, NumPy {np.__version__}",
        "copies": copies,
        "public_sets": whole,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
