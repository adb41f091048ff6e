"""Frame -> faces. A detector is anything with one method; FaceDetector is the one that ships."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import ModelError, SettingError
from maskwatch.models.card import (
    SHIPPED_DETECTOR,
    SIDE_RANGE_PX,
    check_same,
    fingerprint,
    load_detector,
)
from maskwatch.models.network import Network
from maskwatch.models.runtime import HomeProcess
from maskwatch.schema import BoxXYXY, Face, FaceOrigin, ImageRGB
from maskwatch.vision.letter_box import (
    STRIDES_PX,
    is_within,
    letter_box,
    scaled_size,
    whole_cells,
)
from maskwatch.vision.tiles import (
    LEAST_PX,
    TILE_PX,
    TILED_FROM_PX,
    Tiles,
    is_part,
    is_whole,
    tile_corners,
    tile_scales,
)

# of the least score; turned faces are found but scored lower (docs/RESULTS.md, section 4)
_FAINT = 0.55
# pictures up to so many times the coarse side need no second look: it would show the same
_ONE_LOOK = 1.25
# of the side that is searched: scaled down from twice of it or from more is the same to the network
_SEEN_RATIO = 2


Floats = NDArray[np.floating]

Look = tuple[Floats, Floats, Floats]
"""Boxes (n, 4), scores (n,) and landmarks (n, 5, 2), in pixels of the picture."""


class Detector(Protocol):
    """Finds faces.

    Attributes:
        origin: what reports say about where its boxes come from.
    """

    origin: FaceOrigin

    def detect(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        """Find the faces of one image (H, W, 3); an empty tuple where there is none."""
        ...


class WholeImage:
    """Takes the whole picture for one face, as the student report did."""

    origin = FaceOrigin.WHOLE_IMAGE

    def detect(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        """One face that fills the picture."""
        height, width = image_rgb.shape[:2]
        return (Face(box_xyxy=(0.0, 0.0, float(width), float(height))),)


class FaceDetector:
    """MaskWatch's own network for finding faces. Stateless, so threads may share one.

    Attributes:
        card: what the network is and how to feed it.
        min_score: a candidate with less is no face in a photo ...
        live_min_score: ... and none beyond doubt in live video.
        network: takes padded pictures (1, H, W, 3), answers with what `decode_faces` reads.
    """

    origin = FaceOrigin.DETECTED

    def __init__(
        self,
        model: Path | None = None,
        side_px: int | None = None,
        min_score: float | None = None,
        tiles: Tiles = "off",
        device: str | None = None,
    ) -> None:
        """Load and verify the network.

        Args:
            model: ONNX file with its card beside it; the shipped one if None.
            side_px: what the longer side of a picture is scaled to, 32 to 4096; the card's,
                one for photos and one for live video, if None. More finds smaller faces and costs
                time with its square.
            min_score: a candidate with less is no face, between 0 and 1; the card's, one for
                photos and one for live video, if None.
            tiles: "auto" searches photos of more than 2,000 pixels tile by tile as well, so that
                faces of 12 pixels are found in them; it takes a look for each tile.
            device: what it runs on, see `Network`.

        Raises:
            ModelError: the model or its card is missing, altered or unusable.
            SettingError: a value is out of its range, or there is no such device here.
        """
        path = model or SHIPPED_DETECTOR
        content, self.card = load_detector(path)
        self._side_px = self.card.side_px if side_px is None else side_px
        self._live_side_px = self.card.live_side_px if side_px is None else side_px
        self.min_score = self.card.min_score if min_score is None else min_score
        self.live_min_score = self.card.live_min_score if min_score is None else min_score
        low, high = SIDE_RANGE_PX
        if not low <= self._side_px <= high:
            raise SettingError(f"detector side: must be {low} to {high} pixels, not {side_px}")
        if tiles not in get_args(Tiles):
            raise SettingError(f"tiles: must be one of {', '.join(get_args(Tiles))}, not {tiles}")
        self._tiles = tiles
        if not 0 < self.min_score < 1:
            raise SettingError(f"detector min_score: must lie between 0 and 1, not {min_score}")
        self._path = path.absolute()
        self._given = side_px, min_score, tiles, device
        self._home = HomeProcess(str(path))
        self.network = Network(content, str(path), device)
        width, height = 64, 32
        try:  # the first run is slow (it plans memory), and a wrong shape shows here, not later
            answer = self._run(np.zeros((height, width, 3), np.uint8))
        except Exception as error:
            raise ModelError(f"{path}: the network is no face detector") from error
        expected = (len(grid_points(width, height)[0]), POINT_VALUES)
        if answer.shape != expected:
            raise ModelError(f"{path}: the network answers {answer.shape}, not {expected}")

    @property
    def enough_px(self) -> int | None:
        """Longer side from which on a photo shows it all it sees; None where it takes all."""
        return _SEEN_RATIO * self._side_px if self._tiles == "off" else None

    def __reduce__(self) -> tuple[Any, ...]:
        """Loaded anew in the other process, if the file is still the same."""
        return _loaded, (self._path, *self._given, fingerprint(self.card))

    def detect(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        """Find the faces of one image (H, W, 3), the surest first."""
        longer_px = max(image_rgb.shape[:2])
        if self._tiles == "auto" and longer_px > max(TILED_FROM_PX, self._side_px):
            return self._merged(self._tiled_looks(image_rgb))
        return self._detect(image_rgb, self._side_px, self.min_score)

    def detect_live(
        self, image_rgb: ImageRGB, window_xyxy: BoxXYXY | None = None
    ) -> tuple[Face, ...]:
        """Find the faces of one frame (H, W, 3) of a video, the surest first.

        Looks at the card's side for live video unless another was given. Faces that score less
        than `live_min_score` come along: where one was just seen, they are that face turned away,
        not chance.

        Args:
            image_rgb: (H, W, 3).
            window_xyxy: the part to look at, in pixels of the frame; all of it if None. What its
                border cuts is left out.
        """
        least = _FAINT * self.live_min_score
        if window_xyxy is None:
            return self._detect(image_rgb, self._live_side_px, least)
        return self._merged([self._look(image_rgb, self._live_side_px, least, window=window_xyxy)])

    def _detect(self, image_rgb: ImageRGB, side_px: int, min_score: float) -> tuple[Face, ...]:
        return self._merged(self._looks(image_rgb, side_px, min_score))

    def _looks(
        self, image_rgb: ImageRGB, side_px: int, min_score: float, smallest_px: float = 0
    ) -> list[Look]:
        card = self.card
        # a face that fills much more than the coarse side is larger than any that was learnt
        longer_px = max(scaled_size(image_rgb, side_px))
        if not 0 < _ONE_LOOK * card.coarse_side_px < longer_px:
            return [self._look(image_rgb, side_px, min_score, (smallest_px, np.inf))]
        # at large sides what the coarse look leaves out would be too large for the fine one
        left_px = card.coarse_face_px * longer_px / card.coarse_side_px
        return [
            self._look(
                image_rgb, side_px, min_score, (smallest_px, max(card.fine_face_px, left_px))
            ),
            self._look(image_rgb, card.coarse_side_px, min_score, (card.coarse_face_px, np.inf)),
        ]

    def _tiled_looks(self, image_rgb: ImageRGB) -> list[Look]:
        """At the whole photo, then at its tiles, round by round, each finer than the last."""
        shrunk = max(image_rgb.shape[:2]) / self._side_px
        looks = self._looks(image_rgb, self._side_px, self.min_score, LEAST_PX)
        for scale in tile_scales(shrunk):
            faces_xyxy = np.concatenate([boxes for boxes, _, _ in looks])
            looks.extend(self._tile_looks(image_rgb, scale, faces_xyxy))
        return looks

    def _tile_looks(self, image_rgb: ImageRGB, scale: int, faces_xyxy: Floats) -> Iterator[Look]:
        """What each tile shows that is no part of a face (m, 4) seen before."""
        height, width = image_rgb.shape[:2]
        side_px, face_px = scale * TILE_PX, (LEAST_PX if scale > 1 else 0, np.inf)
        for left, top in tile_corners(width, height, scale):
            tile_rgb = image_rgb[top : top + side_px, left : left + side_px]
            boxes, scores, landmarks = self._look(tile_rgb, TILE_PX, self.min_score, face_px)
            boxes = boxes + np.tile((left, top), 2)
            whole = is_whole(boxes, (left, top), (width, height), scale)
            chosen = whole & ~is_part(boxes, faces_xyxy)
            yield boxes[chosen], scores[chosen], landmarks[chosen] + (left, top)

    def _merged(self, looks: Sequence[Look]) -> tuple[Face, ...]:
        boxes, scores, landmarks = (np.concatenate(parts) for parts in zip(*looks, strict=True))
        faces = []
        for voters in suppress_overlaps(boxes, scores, self.card.nms_iou):
            weights = scores[voters] / scores[voters].sum()
            box = weights @ boxes[voters]
            points = weights @ landmarks[voters].reshape(len(voters), -1)
            landmarks_xy = tuple((x, y) for x, y in points.reshape(-1, 2).tolist())
            faces.append(Face(tuple(box.tolist()), float(scores[voters[0]]), landmarks_xy))
        return tuple(faces)

    def _look(
        self,
        image_rgb: ImageRGB,
        side_px: int,
        min_score: float,
        face_px: tuple[float, float] = (0, np.inf),
        window: BoxXYXY | None = None,
    ) -> Look:
        """What is seen at one scale, its boxes inside the picture.

        Only of faces of a size `face_px`, smallest and largest, in pixels of the scaled picture,
        and only in a window of the picture, if there is one.
        """
        height, width = image_rgb.shape[:2]
        padded, ratio_xy = letter_box(image_rgb, side_px)
        left, top, right, bottom = whole_cells(window, ratio_xy, padded.shape)
        part = np.ascontiguousarray(padded[top:bottom, left:right])
        boxes, scores, landmarks = decode_faces(
            self._run(part), right - left, bottom - top, min_score
        )
        corner = np.array((left, top))
        boxes, landmarks = boxes + np.tile(corner, 2), landmarks + corner
        if window is not None:
            whole = is_within(boxes, (left, top, right, bottom), padded.shape)
            boxes, scores, landmarks = boxes[whole], scores[whole], landmarks[whole]
        smallest_px, largest_px = face_px
        sizes_px = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
        fits = (sizes_px >= smallest_px) & (sizes_px <= largest_px)
        boxes = np.clip(boxes / np.tile(ratio_xy, 2), 0, np.tile((width, height), 2))
        chosen = fits & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return boxes[chosen], scores[chosen], landmarks[chosen] / ratio_xy

    def _run(self, padded_rgb: ImageRGB) -> NDArray[np.float32]:
        self._home.check()
        return np.asarray(self.network.run(padded_rgb[None])[0], np.float32)


def _loaded(
    path: Path,
    side_px: int | None,
    min_score: float | None,
    tiles: Tiles,
    device: str | None,
    expected: str,
) -> FaceDetector:
    """The detector of another process."""
    detector = FaceDetector(path, side_px, min_score, tiles, device)
    check_same(path, detector.card, expected)
    return detector


# A detector's answer -> boxes, scores, landmarks; and which of many boxes to keep. Pure NumPy.
#
# Every cell of three grids is a point that may see a face (FCOS, Tian et al. 2019, "FCOS: Fully
# Convolutional One-Stage Object Detection"). A box is coded as the offset of its centre and the
# logarithm of its size, in cells (YOLOX, Ge et al. 2021), and five landmarks the same way as the
# centre (YuNet, Wu et al. 2023).

LANDMARKS = 5
POINT_VALUES = 5 + 2 * LANDMARKS
"""Values a point: score logit, centre dx, dy, log width, log height, then x, y a landmark."""

MAX_CANDIDATES = 2000
"""Only so many of the best boxes are compared; a crowd of 200 faces has some 1,500."""

VOTE_IOU = 0.6
"""A box that overlaps a kept one by so much sees the same face just as well ..."""
VOTE_SCORE = 0.7
"""... if it is nearly as sure. Both were chosen on validation photos."""

# e^8 cells are more than any picture; more would only overflow (torchvision clips alike)
_MAX_LOG_SIZE = 8.0


@lru_cache(maxsize=8)  # frames of a video have one size; a photo's takes some 100 kB
def grid_points(width: int, height: int) -> tuple[Floats, Floats]:
    """The middles of all cells; not to be written to.

    Args:
        width: of the network's input in pixels, a multiple of 32.
        height: the same.

    Returns:
        (A, 2) x and y in pixels, and (A,) side of the cell in pixels.
    """
    middles, sides = [], []
    for stride in STRIDES_PX:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        cells = np.stack([columns.ravel(), rows.ravel()], axis=1)
        middles.append((cells + 0.5) * stride)
        sides.append(np.full(len(cells), stride))
    points = np.concatenate(middles).astype(np.float32), np.concatenate(sides).astype(np.float32)
    for values in points:
        values.flags.writeable = False
    return points


def decode_faces(
    output: Floats, width: int, height: int, min_score: float
) -> tuple[Floats, Floats, Floats]:
    """Read the faces out of what the network says about one input.

    Args:
        output: (A, 15) values of all points.
        width: of the input in pixels.
        height: the same.
        min_score: points with less see no face; between 0 and 1.

    Returns:
        (n, 4) boxes (left, top, right, bottom), (n,) scores and (n, 5, 2) landmarks, in pixels of
        the input, in the order of the points.
    """
    # nearly all points see nothing: compare logits, and compute only what is left
    chosen = output[:, 0] >= math.log(min_score / (1 - min_score))
    rows = output[chosen]
    middles, sides = (values[chosen] for values in grid_points(width, height))
    scores = 1 / (1 + np.exp(-rows[:, 0]))
    centres = middles + rows[:, 1:3] * sides[:, None]
    halves = np.exp(np.minimum(rows[:, 3:5], _MAX_LOG_SIZE)) * sides[:, None] / 2
    offsets = rows[:, 5:].reshape(-1, LANDMARKS, 2) * sides[:, None, None]
    return np.hstack([centres - halves, centres + halves]), scores, middles[:, None] + offsets


def iou_matrix(boxes_xyxy: Floats, others_xyxy: Floats) -> Floats:
    """Intersection over union of each of (n, 4) boxes with each of (m, 4) others: (n, m).

    A box without area overlaps nothing, not even itself.
    """
    corner = np.maximum(boxes_xyxy[:, None, :2], others_xyxy[None, :, :2])
    opposite = np.minimum(boxes_xyxy[:, None, 2:], others_xyxy[None, :, 2:])
    common: Floats = np.maximum(opposite - corner, 0).prod(axis=-1)
    union = _areas(boxes_xyxy)[:, None] + _areas(others_xyxy)[None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def suppress_overlaps(boxes_xyxy: Floats, scores: Floats, max_iou: float) -> list[NDArray[np.intp]]:
    """Greedy non-maximum suppression: the best box stays, what overlaps it goes, and so on.

    What goes may still have a say on where the face is. Box voting (Gidaris and Komodakis 2015,
    "Object detection via a multi-region and semantic segmentation-aware CNN model"): the mean of
    the boxes that saw the same face is nearer to it than the best of them.

    Args:
        boxes_xyxy: (n, 4).
        scores: (n,).
        max_iou: boxes that overlap more than this show the same face.

    Returns:
        For each box that stays, best first (equal scores in the order given), the indices of the
        boxes that vote on its place: its own, then those that it suppressed and that are close.
    """
    order = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    faces = []
    while order.size:
        best, rest = order[:1], order[1:]
        overlap = iou_matrix(boxes_xyxy[best], boxes_xyxy[rest])[0]
        close = (overlap >= max(VOTE_IOU, max_iou)) & (scores[rest] >= VOTE_SCORE * scores[best])
        faces.append(np.concatenate([best, rest[close]]))
        order = rest[overlap <= max_iou]
    return faces


def _areas(boxes_xyxy: Floats) -> Floats:
    sizes: Floats = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    return sizes[:, 0] * sizes[:, 1]
