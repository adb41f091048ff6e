"""Manifest rows -> people for a film: each a face with its surroundings, and what it shows when.

Some show the same all along, as photographed. Others start from a bare face on which masks are put,
taken off and let slip, so that a change is a change of the mask and of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import Generator

from maskwatch.errors import DataError
from maskwatch.io.images import load_image
from maskwatch.schema import ImageRGB, MaskState
from maskwatch.training.data.catalog import INCORRECT, LABELS, MASK, NO_MASK
from maskwatch.training.data.manifest import BOX
from maskwatch.training.synth.head import FacePicture, cut_picture, find_face
from maskwatch.training.synth.kinds import LABEL_OF, Kind, place
from maskwatch.training.synth.materials import draw_material
from maskwatch.training.synth.render import blend, look_of, render
from maskwatch.training.synth.synthesise import keeps_promise
from maskwatch.vision.detect import Detector

CHANGES = (
    (Kind.BARE, Kind.WORN, Kind.NOSE_OUT),
    (Kind.WORN, Kind.BARE, Kind.WORN),
    (Kind.WORN, Kind.NOSE_OUT, Kind.WORN),
    (Kind.NOSE_OUT, Kind.WORN, Kind.BARE),
)
"""What changing people show one after the other: on, off, slipped below the nose, put right."""

_MIN_SIDE_PX = 72.0
_MAX_YAW_DEG = 45.0
# crops without surroundings; their faces come from the same photos anyway
_WITHOUT_ROOM = ("kaggle-8982",)
_ATTEMPTS = 40


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a film.

    Attributes:
        face: with its surroundings and landmarks.
        looks: pictures (h, w, 3) of the same size as the face's, and what each shows.
    """

    face: FacePicture
    looks: tuple[tuple[ImageRGB, MaskState], ...]


def cast_people(
    table: pd.DataFrame, detector: Detector, steady: int, changing: int, seed: int
) -> tuple[list[Person], list[Person]]:
    """Choose people, each from another near-identical group.

    Args:
        table: the manifest rows to choose from, of one part.
        detector: must give landmarks.
        steady: how many show the same all along, the three states in turn.
        changing: how many show three things one after the other.
        seed: decides who.

    Raises:
        DataError: the part has too few large faces.
    """
    random = np.random.default_rng(seed)
    rows = table[~table["source"].isin(_WITHOUT_ROOM)]
    used: set[str] = set()
    found = {label: _faces(rows[rows["label"] == label], detector, random) for label in LABELS}

    def next_face(label: str) -> FacePicture:
        for face in found[label]:
            if face.group not in used and not face.is_close_up:
                used.add(face.group)
                return face
        raise DataError(f"too few large faces of {label} with surroundings for the films")

    order = (MASK, NO_MASK, INCORRECT)
    as_photographed = []
    for number in range(steady):
        label = order[number % len(order)]
        face = next_face(label)
        as_photographed.append(Person(face, ((face.image_rgb, MaskState(label)),)))
    changes: list[Person] = []
    while len(changes) < changing:
        kinds = CHANGES[len(changes) % len(CHANGES)]
        person = _dressed(next_face(NO_MASK), kinds, random)
        changes += [person] if person else []
    return as_photographed, changes


def _faces(rows: pd.DataFrame, detector: Detector, random: Generator) -> Iterator[FacePicture]:
    ordered = rows.sort_values(["sha256", *BOX], kind="stable")
    for index in random.permutation(len(ordered)):
        row = ordered.iloc[int(index)]
        box = [float(row[name]) for name in BOX]
        boxed = not np.isnan(box[0])
        if boxed and max(box[2] - box[0], box[3] - box[1]) < _MIN_SIDE_PX:
            continue
        image_rgb = load_image(row["image_path"])
        seen = find_face(detector, image_rgb, (box[0], box[1], box[2], box[3]) if boxed else None)
        if seen is None or max(seen[0][2] - seen[0][0], seen[0][3] - seen[0][1]) < _MIN_SIDE_PX:
            continue
        picture = cut_picture(image_rgb, *seen, str(row["group"]), _MAX_YAW_DEG)
        if picture is not None:
            yield picture


def _dressed(face: FacePicture, kinds: tuple[Kind, ...], random: Generator) -> Person | None:
    """The face with one and the same mask in each way; None where it does not lie as promised."""
    material = draw_material(random)
    look = look_of(face.image_rgb, face.pose, random)
    size_wh = (face.image_rgb.shape[1], face.image_rgb.shape[0])
    pictures: dict[Kind, ImageRGB] = {Kind.BARE: face.image_rgb}
    for kind in set(kinds) - {Kind.BARE}:
        for _ in range(_ATTEMPTS):
            placement = place(kind, random, face.pose.yaw_deg)
            assert placement is not None  # only bare faces have none
            layer = render(material, placement, face.pose, size_wh, random)
            if keeps_promise(kind, layer.cover, face.landmarks_xy):
                pictures[kind] = blend(face.image_rgb, layer, look, face.pose, random)
                break
        else:
            return None
    return Person(face, tuple((pictures[kind], MaskState(LABEL_OF[kind])) for kind in kinds))
