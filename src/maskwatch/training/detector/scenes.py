"""Photos -> training scenes: one photo or a mosaic of four, turned, scaled, relit, worn out.

Every scene is a function of (seed, epoch, place in the epoch), so that a run that was cut off goes
on with the very scenes it would have met.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskwatch.errors import DataError, ImageError
from maskwatch.io.images import load_image
from maskwatch.models.runtime import available_cpus
from maskwatch.schema import ImageRGB
from maskwatch.training.classifier.augment import degrade, relight
from maskwatch.training.data.parts import load_unchanged
from maskwatch.training.detector.hard_places import Boxes, HardPlaces, is_hard
from maskwatch.training.detector.overlays import Thing, cover_faces, lay_thing, veil_faces
from maskwatch.training.detector.photos import Photo
from maskwatch.training.recipes.detector import DetectorRecipe
from maskwatch.vision.detect import grid_points
from maskwatch.vision.letter_box import STRIDES_PX

LONGEST_SIDE_PX = 800
"""Photos are kept in memory at this size at most; faces of a larger one need no more pixels."""

KEPT_SHARE = 0.4
"""A face of which less than this is inside the scene is ignored."""

COVERED_SHARE = 0.7
"""A photo reaches over so much of its tile's width and height, where its faces allow."""

GREY = (127, 127, 127)
MIRRORED_LANDMARKS = [1, 0, 2, 4, 3]


@dataclass(frozen=True, slots=True)
class LoadedPhoto:
    """A decoded photo with its faces, and smaller copies of it to shrink from without aliasing.

    Attributes:
        levels: the photo, then halved again and again.
        photo: the faces in pixels of the first level.
        scale: of the first level against the file.
    """

    levels: tuple[ImageRGB, ...]
    photo: Photo
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One training picture.

    Attributes:
        image_rgb: (S, S, 3).
        boxes_xyxy: (n, 4).
        is_placed: (n,) see photos.Photo.
        landmarks_xy: (n, 5, 2), NaN where not known.
        ignore_xyxy: (m, 4).
        tiles: (t, 5), the rectangles that photos fill, left, top, right and bottom, and by how many
            degrees each photo is turned clockwise.
    """

    image_rgb: ImageRGB
    boxes_xyxy: NDArray[np.float64]
    is_placed: NDArray[np.bool_]
    landmarks_xy: NDArray[np.float64]
    ignore_xyxy: NDArray[np.float64]
    tiles: NDArray[np.float64]


def load_photos(photos: Sequence[Photo]) -> list[LoadedPhoto]:
    """Decode every photo once.

    Raises:
        DataError: photos that cannot be read, or have changed since the manifest was made.
    """

    def load(photo: Photo) -> LoadedPhoto | ImageError:
        try:
            known = photo.sha256
            image_rgb = load_unchanged(photo.path, known) if known else load_image(photo.path)
        except ImageError as error:
            return error
        scale = min(1.0, LONGEST_SIDE_PX / max(image_rgb.shape[:2]))
        levels = [_shrink(image_rgb, scale)]
        while min(levels[-1].shape[:2]) >= 64:
            levels.append(_shrink(levels[-1], 0.5))
        scaled = replace(
            photo,
            boxes_xyxy=photo.boxes_xyxy * scale,
            landmarks_xy=photo.landmarks_xy * scale,
            ignore_xyxy=photo.ignore_xyxy * scale,
        )
        return LoadedPhoto(tuple(levels), scaled, scale)

    with ThreadPoolExecutor(max_workers=available_cpus()) as pool:  # decoding releases the GIL
        results = list(pool.map(load, photos))
    errors = [item for item in results if isinstance(item, ImageError)]
    if errors:
        raise DataError(f"{len(errors)} photos cannot be used; the first is {errors[0]}")
    return [item for item in results if isinstance(item, LoadedPhoto)]


class SceneMaker:
    """Makes the scenes of a run."""

    def __init__(
        self,
        photos: Sequence[LoadedPhoto],
        recipe: DetectorRecipe,
        hard_places: HardPlaces | None = None,
        things: Sequence[Thing] = (),
    ) -> None:
        """Keep the photos apart by where their boxes come from.

        Args:
            photos: to compose from.
            recipe: how.
            hard_places: drawn more often than others, see hard_places.py.
            things: drawn beside faces, see overlays.py.
        """
        drawn = [photo for photo in photos if photo.photo.is_drawn]
        found = [photo for photo in photos if not photo.photo.is_drawn]
        self._drawn, self._found = drawn or found, found or drawn
        self._hard_drawn, self._hard_found = _hard_faces(self._drawn), _hard_faces(self._found)
        places = hard_places or HardPlaces()
        self._false = _in_photos(photos, places.false)
        self._doubted = _in_photos(photos, places.doubted)
        self._things = things
        self._recipe = recipe

    def make(self, side_px: int, seed: tuple[int, int, int]) -> Scene:
        """One scene.

        Args:
            side_px: its side.
            seed: (recipe seed, epoch, place in the epoch).
        """
        random = np.random.default_rng(seed)
        recipe = self._recipe
        if random.random() < recipe.scenes.mosaic_share:
            x, y = (int(v) for v in random.uniform(0.3, 0.7, 2) * side_px)
            tiles = [(0, 0, x, y), (x, 0, side_px, y), (0, y, x, side_px), (x, y, side_px, side_px)]
        else:
            tiles = [(0, 0, side_px, side_px)]
        canvas = np.empty((side_px, side_px, 3), np.uint8)
        parts = [self._fill(canvas, tile, random) for tile in tiles]
        boxes, is_placed, landmarks, ignore, turned_deg = (
            np.concatenate(kind) for kind in zip(*parts, strict=True)
        )
        cover_faces(canvas, boxes, landmarks, recipe.scenes.cutout_share, random)
        if recipe.scenes.veiled_share:
            veil_faces(canvas, boxes, landmarks, recipe.scenes.veiled_share, random)
        if self._things and random.random() < recipe.scenes.things_share:
            lay_thing(canvas, boxes, self._things[int(random.integers(len(self._things)))], random)
        image = degrade(relight(canvas, recipe.augment, random), recipe.augment, random)
        turned = np.column_stack([tiles, turned_deg])
        return Scene(image, boxes, is_placed, landmarks, ignore, turned)

    def _fill(
        self, canvas: ImageRGB, tile: tuple[int, int, int, int], random: Generator
    ) -> tuple[NDArray[Any], ...]:
        """Draw one photo into a rectangle of the canvas: its faces as in Scene, its turn (1,)."""
        loaded, box = self._choose(random)
        left, top, right, bottom = tile
        width, height = right - left, bottom - top
        warp = self._random_warp(loaded, box, width, height, random)
        scale = float(np.sqrt(abs(np.linalg.det(warp[:, :2]))))
        level = int(np.clip(np.floor(np.log2(1 / scale)), 0, len(loaded.levels) - 1))
        image = loaded.levels[level]
        ratio = np.array(loaded.levels[0].shape[1::-1]) / image.shape[1::-1]
        linear = warp[:, :2] * ratio
        cv2.warpAffine(
            image,
            # boxes count from the edge of the first pixel, OpenCV from its centre
            np.column_stack([linear, warp[:, 2] + linear @ (0.5, 0.5) - 0.5]),
            (width, height),
            dst=canvas[top:bottom, left:right],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=GREY,  # what serving pads with
        )
        corner = np.array([left, top], float)
        boxes, landmarks = _warp_faces(loaded.photo.boxes_xyxy, loaded.photo.landmarks_xy, warp)
        ignore, _ = _warp_faces(loaded.photo.ignore_xyxy, np.empty((0, 5, 2)), warp)
        clipped, share = _clip(boxes, width, height)
        small = (clipped[:, 2:] - clipped[:, :2]).max(axis=1, initial=0)
        is_face = (share >= KEPT_SHARE) & (small >= self._recipe.scenes.smallest_face_px)
        ignored = np.concatenate(
            [clipped[~is_face & (share > 0.05)], _clip(ignore, width, height)[0]]
        )
        ignored = ignored[(ignored[:, 2:] > ignored[:, :2]).all(axis=1)]
        shift = np.tile(corner, 2)
        is_placed = loaded.photo.is_placed[is_face]
        marks = landmarks[is_face] + corner
        turned_deg = np.rad2deg(np.arctan2([-warp[0, 1]], [warp[1, 1]]))
        return clipped[is_face] + shift, is_placed, marks, ignored + shift, turned_deg

    def _choose(self, random: Generator) -> tuple[LoadedPhoto, NDArray[np.float64]]:
        """A photo, and the box (4,) that it is drawn for: a face, or what was taken for one."""
        scenes = self._recipe.scenes
        for places, share in (
            (self._false, scenes.false_share),
            (self._doubted, scenes.doubted_share),
        ):
            if places and share and random.random() < share:
                return places[int(random.integers(len(places)))]
        is_drawn = random.random() < scenes.true_share
        hard = self._hard_drawn if is_drawn else self._hard_found
        if hard and scenes.hard_share and random.random() < scenes.hard_share:
            return hard[int(random.integers(len(hard)))]
        pool = self._drawn if is_drawn else self._found
        loaded = pool[int(random.integers(len(pool)))]
        boxes = loaded.photo.boxes_xyxy
        return loaded, boxes[int(random.integers(len(boxes)))]

    def _random_warp(
        self,
        loaded: LoadedPhoto,
        box: NDArray[np.float64],
        width: int,
        height: int,
        random: Generator,
    ) -> NDArray[np.float64]:
        """Affine map (2, 3) from photo to tile pixels that brings a face, or any place, into it."""
        scenes, augment = self._recipe.scenes, self._recipe.augment
        face_px = float((box[2:] - box[:2]).max())
        if random.random() < scenes.sized_share:
            low, high = np.log([scenes.smallest_face_px + 1, min(width, height)])
            scale = np.exp(random.uniform(low, high)) / face_px
        else:
            scale = np.exp(random.uniform(np.log(0.5), np.log(3.0)))
        place = (box[:2] + box[2:]) / 2
        if scenes.faceless_share and random.random() < scenes.faceless_share:
            place = random.uniform(0, loaded.levels[0].shape[1::-1])
        # never so small that most of the tile stays empty, never so large that it only shows a nose
        photo_px = np.array(loaded.levels[0].shape[1::-1], float)
        tile_px = np.array([width, height], float)
        scale = max(scale, COVERED_SHARE * (tile_px / photo_px).max())
        scale = min(scale, scenes.largest_enlargement, 1.2 * min(width, height) / face_px)
        angle = augment.rotation_deg * random.uniform(-1, 1)
        if random.random() >= scenes.turned_share:
            angle /= 4
        cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        stretch = np.exp(random.uniform(-0.1, 0.1, 2)) * scale
        mirror = -1.0 if augment.flip and random.random() < 0.5 else 1.0
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([mirror * stretch[0], stretch[1]])
        # the face's centre lands anywhere from which most of the face is still inside
        reach = np.minimum(face_px * scale, tile_px) / 2
        targets = random.uniform(reach * 0.7, tile_px - reach * 0.7, (2, 2))
        offsets = targets - linear @ place
        # of two places the one that leaves less of the tile empty
        misplaced = offsets + linear @ (photo_px / 2) - tile_px / 2
        offset = offsets[np.abs(misplaced).max(axis=1).argmin()]
        return np.column_stack([linear, offset])


def _in_photos(
    photos: Sequence[LoadedPhoto], boxes: Boxes
) -> list[tuple[LoadedPhoto, NDArray[np.float64]]]:
    return [
        (loaded, box * loaded.scale)
        for loaded in photos
        for box in boxes.get(loaded.photo.name, ())
    ]


def _hard_faces(
    photos: Sequence[LoadedPhoto],
) -> list[tuple[LoadedPhoto, NDArray[np.float64]]]:
    return [
        (loaded, box)
        for loaded in photos
        for box in loaded.photo.boxes_xyxy[is_hard(loaded.levels[0], loaded.photo)]
    ]


def _shrink(image_rgb: ImageRGB, scale: float) -> ImageRGB:
    if scale == 1:
        return image_rgb
    height, width = (max(1, round(side * scale)) for side in image_rgb.shape[:2])
    return np.asarray(
        cv2.resize(image_rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8
    )


def _warp_faces(
    boxes: NDArray[np.float64], landmarks: NDArray[np.float64], warp: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn faces with the picture.

    A face is nearer to the ellipse in its box than to the box, so the new box is that around the
    turned ellipse; the box around the turned corners would grow by up to 40 %.
    """
    linear, offset = warp[:, :2], warp[:, 2]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ linear.T + offset
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    extent = np.sqrt(half**2 @ (linear**2).T)
    turned = landmarks @ linear.T + offset
    if np.linalg.det(linear) < 0:
        turned = turned[:, MIRRORED_LANDMARKS]
    return np.concatenate([centre - extent, centre + extent], axis=1), turned


def _clip(
    boxes: NDArray[np.float64], width: int, height: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Boxes cut at the tile's edge, and the share of each that is left."""
    limit = np.array([width, height, width, height], float)
    clipped = np.clip(boxes, 0, limit)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return clipped, (clipped[:, 2:] - clipped[:, :2]).prod(axis=1) / np.maximum(area, 1e-9)


# Faces of a scene -> what each point of the network's output should say.
#
# The points are those of FCOS (Tian et al. 2019): one at the centre of each cell of the strides 8,
# 16 and 32. A point answers for a face if it is near the face's centre ("centre sampling", FCOS v2)
# and its stride fits the face's size; neighbouring strides overlap, so that no size falls between
# two.

FACE_PX = ((0.0, 48.0), (32.0, 112.0), (80.0, np.inf))
"""Sizes of the faces of each stride: root of the box's area."""

NEAR_SHARE = 0.2
"""A point is near within this share of the box's width and height around the centre ..."""
NEAR_CELLS = 0.75
"""... and within so many cells, so that the smallest face has a point of its own."""

COLUMNS = 20
"""State (1 face, 0 background, -1 ignored), box_xyxy, landmarks, weight of the landmarks and of the
box, point, stride."""


def output_points(side_px: int) -> NDArray[np.float32]:
    """The points (A, 3) of a square input: x, y and stride in pixels."""
    middles, strides = grid_points(side_px, side_px)
    return np.column_stack([middles, strides]).astype(np.float32)


def make_targets(scene: Scene, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Targets (A, COLUMNS) of a scene.

    Args:
        scene: with n faces.
        points: (A, 3), see output_points.
    """
    targets = np.zeros((len(points), COLUMNS), np.float32)
    targets[:, 1:5] = (0, 0, 1, 1)  # any valid box: the loss multiplies it by zero
    targets[:, 17:] = points
    ignored = _inside(points, scene.ignore_xyxy).any(axis=1)
    targets[ignored, 0] = -1
    boxes = scene.boxes_xyxy
    if not len(boxes):
        return targets
    size = boxes[:, 2:] - boxes[:, :2]
    offset = np.abs(points[:, None, :2] - (boxes[:, :2] + boxes[:, 2:]) / 2)
    reach = np.maximum(size * NEAR_SHARE, NEAR_CELLS * points[:, None, 2:])
    area = size.prod(axis=1)
    limits = dict(zip(STRIDES_PX, FACE_PX, strict=True))
    low, high = np.array([limits[int(stride)] for stride in points[:, 2]]).T
    fits = (np.sqrt(area) >= low[:, None]) & (np.sqrt(area) < high[:, None])
    is_near = (offset <= reach).all(axis=2) & fits
    owner = np.where(is_near, area, np.inf).argmin(axis=1)  # of two faces the smaller one
    is_face = is_near.any(axis=1)
    faces = owner[is_face]
    landmarks = scene.landmarks_xy[faces].reshape(-1, 10)
    known = ~np.isnan(landmarks).any(axis=1)
    targets[is_face, 0] = 1
    targets[is_face, 1:5] = boxes[faces]
    targets[is_face, 5:15] = np.where(known[:, None], landmarks, 0)
    targets[is_face, 15] = known
    targets[is_face, 16] = scene.is_placed[faces]
    return targets


def _inside(points: NDArray[np.float32], boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points (A, 3) lie in which boxes (m, 4): (A, m)."""
    x, y = points[:, None, 0], points[:, None, 1]
    left, top, right, bottom = boxes.T
    return np.asarray((x >= left) & (x <= right) & (y >= top) & (y <= bottom), np.bool_)
