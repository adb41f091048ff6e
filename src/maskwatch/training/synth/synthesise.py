"""Supply -> JPEG pictures of three labels in equal parts, some unclear ones, and manifest rows.

Each face appears with its mask worn right, worn wrong and without one, in the same crop and with
the same encoding, so that neither the person nor a trace of the work gives the label away. Every
third face appears once more with something before its mouth that is no mask.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from maskwatch.errors import DataError, SettingError
from maskwatch.files import explained, require_folder, writing
from maskwatch.models.runtime import available_cpus
from maskwatch.schema import BoxXYXY, ImageRGB
from maskwatch.training.data.catalog import LABELS, SYNTHETIC, UNCLEAR
from maskwatch.training.data.manifest import BOX, COLUMNS, tidy, write_manifest
from maskwatch.training.synth.head import FacePicture
from maskwatch.training.synth.kinds import CLOTHS, LABEL_OF, NEEDS_CHIN_ROOM, SHARES, Kind, place
from maskwatch.training.synth.materials import Pixels, draw_fabric, draw_material
from maskwatch.training.synth.objects import HELD, OWN_MATERIAL, render_cover
from maskwatch.training.synth.render import blend, look_of, render
from maskwatch.training.synth.supply import Supply

MANIFEST_NAME = "synthetic.parquet"
JPEG_QUALITY = (70, 95)
SAMPLED_SHARE = 0.5
"""Of the masks, as far as there is material to cut from."""

TURN = 3 * len(LABELS) + 1
"""So many pictures show three faces with three labels each, and one of them unclear."""

_COVERED, _FREE, _HAZE = 0.8, 0.1, 0.35
_SEEN = 0.02  # of the picture
_ATTEMPTS = 25


@dataclass(frozen=True, slots=True)
class Picture:
    """One synthetic picture.

    Attributes:
        image_rgb: (h, w, 3).
        box_xyxy: of the face; None where the face fills the picture.
        kind: what it shows.
        way: how the mask or cover was made: "drawn", "sampled" or "none".
        group: of the bare face's photo.
    """

    image_rgb: ImageRGB
    box_xyxy: BoxXYXY | None
    kind: Kind
    way: str
    group: str


def check_request(folder: Path, count: int) -> None:
    """Raise an error of one line where the pictures cannot be wanted or written.

    Raises:
        SettingError: the count makes no sense.
        DataError: the folder is not empty or not writable.
    """
    if count < 1:
        raise SettingError(f"count must be at least 1, not {count}")
    require_folder(folder)
    if any(folder.iterdir()):
        raise DataError(f"{folder}: is not empty; give a new folder")


def write_pictures(
    supply: Supply,
    table: pd.DataFrame,
    folder: Path,
    count: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Make the pictures, write them and `synthetic.parquet` into a folder.

    Args:
        supply: what to make them from.
        table: the manifest that the supply was taken from.
        folder: an empty one; see `check_request`.
        count: number of pictures: three of ten of each label, one of ten unclear.
        seed: picture number n depends on the seed, n and the supply only.
        progress: called with the number of pictures that were written.

    Returns:
        The manifest as it was written: the rows of `table` and one row per picture.

    Raises:
        DataError: a file cannot be written, another run fills the folder, or no face suits a kind.
    """

    def make(number: int) -> dict[str, object]:
        picture = make_picture(supply, number, seed)
        random = np.random.default_rng((seed, number, 1))
        quality = int(random.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
        content = _encode(picture.image_rgb, quality)
        label = LABEL_OF[picture.kind]
        path = folder / label / f"{number:06d}-{picture.kind}-{picture.way}.jpg"
        with writing(path) as part:
            part.write_bytes(content)
        return {
            "image_path": str(path.absolute()),
            "label": label,
            "source": SYNTHETIC,
            "sha256": hashlib.sha256(content).hexdigest(),
            "group": picture.group,
            "split": "train",
            **dict(zip(BOX, picture.box_xyxy or (None,) * 4, strict=True)),
        }

    with explained(folder):
        try:  # of two runs that found the folder empty one makes this
            (folder / LABELS[0]).mkdir(parents=True)
        except FileExistsError as error:
            raise DataError(f"{folder}: another run has begun to fill it") from error
    rows = []
    with ThreadPoolExecutor(max_workers=available_cpus()) as pool:
        for row in pool.map(make, range(count)):
            rows.append(row)
            if progress:
                progress(1)
    made = tidy(pd.DataFrame(rows, columns=list(COLUMNS)))
    result = tidy(pd.concat([table.astype(object), made.astype(object)], ignore_index=True))
    write_manifest(result, folder / MANIFEST_NAME)
    return result


def make_picture(supply: Supply, number: int, seed: int) -> Picture:
    """Picture `number`; see `plan` for its face and its label.

    What is covered is measured where the face's own landmarks are; a placement that does not
    keep what its label promises is drawn anew, and at last another face is taken.

    Raises:
        DataError: no face suits.
    """
    random = np.random.default_rng((seed, number))
    first, label = plan(number)
    for attempt in range(_ATTEMPTS):
        # a few tries a face; then one that no neighbouring number uses
        index = first + attempt // 5 * 7919
        face = supply.faces[index % len(supply.faces)]
        kind = _pick_kind(label, face, random)
        picture = _try_picture(supply, face, kind, random)
        if picture is not None:
            return picture
    raise DataError(f"no bare face suits a picture of {label}: too few, or landmarks far off")


def plan(number: int) -> tuple[int, str]:
    """Which face, counted from 0, picture `number` shows, and with which label.

    Of ten pictures the first three show one face with the three labels, the next three the next
    face and so on; the tenth shows one of the three faces again, unclear.
    """
    turn, place = divmod(number, TURN)
    if place == TURN - 1:
        return 3 * turn + turn % 3, UNCLEAR
    face, label = divmod(place, len(LABELS))
    return 3 * turn + face, LABELS[label]


def keeps_promise(kind: Kind, cover: Pixels, landmarks_xy: NDArray[np.float64]) -> bool:
    """The cover (h, w) hides, of nose tip and mouth, what the kind says, and leaves the rest free.

    Args:
        kind: what is shown.
        cover: of the mask, 0 to 1.
        landmarks_xy: (5, 2) of the bare face.
    """
    nose = _at(cover, landmarks_xy[2])
    corners = [_at(cover, point) for point in landmarks_xy[3:]]
    mouth = _at(cover, landmarks_xy[3:].mean(axis=0))
    eyes = [_at(cover, point) for point in landmarks_xy[:2]]
    if LABEL_OF[kind] == UNCLEAR:
        below_nose = _at(cover, 0.5 * (landmarks_xy[2] + landmarks_xy[3:].mean(axis=0)))
        return min(mouth, below_nose, *corners) >= _COVERED and max(eyes) <= _FREE
    if kind is Kind.WORN:
        return min(nose, mouth, *corners) >= _COVERED
    if kind is Kind.NOSE_OUT:
        return nose <= _FREE
    if kind is Kind.TILTED:
        return nose <= _FREE and max(mouth, *corners) >= _COVERED
    if kind is Kind.OVER_EYES and min(eyes) < _COVERED:
        return False
    if kind is Kind.BEARD:  # it grows to the lips
        return max(nose, mouth) <= _HAZE
    if kind is Kind.SHIELD:
        return max(nose, mouth, *corners) <= _HAZE
    if kind is Kind.NEAR_HAND and cover.mean() < _SEEN:
        return False
    return max(nose, mouth, *corners) <= _FREE


def _try_picture(
    supply: Supply, face: FacePicture, kind: Kind, random: Generator
) -> Picture | None:
    """One picture; None where mask or cover do not lie as the kind promises."""
    box = None if face.is_close_up else face.box_xyxy
    if kind in HELD:
        look = look_of(face.image_rgb, face.pose, random)
        layer = render_cover(kind, face, look, random)
        if not keeps_promise(kind, layer.cover, face.landmarks_xy):
            return None
        image_rgb = blend(face.image_rgb, layer, look, face.pose, random)
        return Picture(image_rgb, box, kind, "drawn", face.group)
    placement = place(kind, random, face.pose.yaw_deg)
    if placement is None:
        return Picture(face.image_rgb, box, kind, "none", face.group)
    if kind in OWN_MATERIAL:
        material = OWN_MATERIAL[kind](random)
    elif kind in CLOTHS:
        material = draw_fabric(random)
    elif supply.materials and random.random() < SAMPLED_SHARE:
        material = supply.materials[random.integers(len(supply.materials))]
    else:
        material = draw_material(random)
    size_wh = (face.image_rgb.shape[1], face.image_rgb.shape[0])
    layer = render(material, placement, face.pose, size_wh, random)
    if not keeps_promise(kind, layer.cover, face.landmarks_xy):
        return None
    look = look_of(face.image_rgb, face.pose, random)
    image_rgb = blend(face.image_rgb, layer, look, face.pose, random)
    return Picture(image_rgb, box, kind, material.way, face.group)


def _pick_kind(label: str, face: FacePicture, random: Generator) -> Kind:
    shares = {
        kind: share
        for kind, share in SHARES[label].items()
        if face.has_chin_room or kind not in NEEDS_CHIN_ROOM
    }
    weights = np.array(list(shares.values()))
    return list(shares)[int(random.choice(len(shares), p=weights / weights.sum()))]


def _at(cover: Pixels, point_xy: NDArray[np.float64]) -> float:
    """Cover at a point; outside the picture nothing is covered."""
    x, y = (round(value) for value in point_xy.tolist())
    inside = 0 <= y < cover.shape[0] and 0 <= x < cover.shape[1]
    return float(cover[y, x]) if inside else 0.0


def _encode(image_rgb: ImageRGB, quality: int) -> bytes:
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), settings)
    return encoded.tobytes()
