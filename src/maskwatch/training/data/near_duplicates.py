"""Groups pictures that show the same photograph, however it was altered.

1. Each picture is reduced to a `Fingerprint`; the picture itself is forgotten.
2. `candidate_pairs` proposes pairs, most similar first.
3. A pair is laid one over the other: matching key points vote for a similarity transform, which is
   refined to an affine one on the pixels (ECC, Evangelidis and Psarakis 2008). The correlation of
   the relit pixels where the two overlap has the final say.
4. Pairs that agree are joined. Groups are joined only if more than one pair of members agrees, so
   that one mistake cannot chain two pictures together.

Photographs of one person from one sitting, nearly unmoved between two frames, count as the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from maskwatch.schema import ImageRGB

# Chosen by eye on pairs of the public sets and on altered copies; measured on others (benchmarks)
AGREEMENT = 0.85  # correlation of two relit pictures that show the same photograph
AGREEMENT_BLURRED = 0.88  # two different blurred faces reach 0.87
BLURRED_DETAIL = 0.04
CERTAIN_AGREEMENT = 0.94  # enough to add a single picture to a group without a second witness
WORTH_REFINING = 0.5  # correlation before the refinement
MIN_VOTES = 6  # different pictures rarely reach it, so most candidates end here
VOTE_RADIUS_PX = 8.0  # generous, as shear is not part of the transform that is voted for
MIN_OVERLAP_RATIO = 0.4
WITNESSES = 4  # members asked in each of two groups

Affine = NDArray[np.float32]
"""(2, 3), takes (x, y, 1) in the first picture to (x, y) in the second."""

_REFINEMENT = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 25, 1e-4)


def group_near_duplicates(
    images: Iterable[ImageRGB], *, progress: Callable[[int], None] | None = None
) -> NDArray[np.int32]:
    """Find the pictures that are altered copies of each other.

    Args:
        images: RGB uint8 pictures of any size from 1 x 1, read once.
        progress: called after each picture with the number of pictures read so far.

    Returns:
        One group number per picture, 0 to k-1 in order of first appearance. Pictures of one group
        show the same photograph under other light, rotation (to about 40 degrees), mirroring, small
        crop, zoom, shear, shift, rescaling or JPEG compression. Uniform pictures stay alone.
    """
    prints: list[Fingerprint] = []
    for image in images:
        prints.append(take_fingerprint(image))
        if progress:
            progress(len(prints))
    groups = _Groups(prints)
    for candidate in candidate_pairs(prints):
        groups.consider(candidate.first, candidate.second, candidate.is_mirrored)
    return groups.numbers()


class _Groups:
    """Pictures joined so far."""

    def __init__(self, prints: list[Fingerprint]) -> None:
        self._prints = prints
        self._is_blurred = [p.detail() < BLURRED_DETAIL for p in prints]
        self._members = [[i] for i in range(len(prints))]  # the groupmates of each share one list

    def consider(self, first: int, second: int, is_mirrored: bool) -> None:
        """Join the groups of two pictures that agree, if that cannot be one mistake."""
        left, right = self._members[first], self._members[second]
        if left is right:
            return
        score = self._agreement(first, second, is_mirrored)
        if score < self._needed(first, second):
            return
        alone = (len(left) == 1) + (len(right) == 1)
        certain = alone == 2 or (alone == 1 and score >= CERTAIN_AGREEMENT)
        if certain or self._has_witness(first, second):
            self._join(left, right)

    def numbers(self) -> NDArray[np.int32]:
        """Group number of each picture in order of first appearance."""
        number_of: dict[int, int] = {}
        numbers = [number_of.setdefault(id(group), len(number_of)) for group in self._members]
        return np.array(numbers, np.int32)

    def _has_witness(self, first: int, second: int) -> bool:
        """Whether another pair across the two groups agrees as well."""
        left = [m for m in self._members[first] if m != first][:WITNESSES]
        right = [m for m in self._members[second] if m != second][:WITNESSES]
        pairs = [(a, second) for a in left] + [(first, b) for b in right]
        return any(
            self._agreement(a, b, is_mirrored) >= self._needed(a, b)
            for a, b in pairs
            for is_mirrored in (False, True)
        )

    def _agreement(self, first: int, second: int, is_mirrored: bool) -> float:
        other = self._prints[second]
        return agreement(self._prints[first], other.mirrored() if is_mirrored else other)

    def _needed(self, first: int, second: int) -> float:
        blurred = self._is_blurred[first] or self._is_blurred[second]
        return AGREEMENT_BLURRED if blurred else AGREEMENT

    def _join(self, left: list[int], right: list[int]) -> None:
        keep, move = (left, right) if len(left) >= len(right) else (right, left)
        keep.extend(move)
        for member in move:
            self._members[member] = keep


def agreement(first: Fingerprint, second: Fingerprint) -> float:
    """Correlation of two pictures laid over one another, -1 to 1; -1 if they do not fit at all."""
    placed = _vote(first, second)
    if placed is None:
        return -1.0
    correlation = _correlation(first.relit, second.relit, placed)
    if correlation < WORTH_REFINING:
        return correlation
    refined = _refine(first.relit, second.relit, placed)
    return max(correlation, _correlation(first.relit, second.relit, refined))


def _vote(first: Fingerprint, second: Fingerprint) -> Affine | None:
    """The placement most matching key points agree on.

    Every match of two key points fixes a similarity transform by itself: its size, angle and place.
    The one that carries most other matches along wins, and those then shape an affine transform.
    Points are complex numbers here, so that a similarity is z -> turn * z + shift.
    """
    if min(len(first.points), len(second.points)) < MIN_VOTES:
        return None
    alike = first.descriptors.astype(np.float32) @ second.descriptors.astype(np.float32).T
    match = alike.argmax(axis=1)
    best = np.argsort(-alike.max(axis=1), kind="stable")[:24]
    start, end = first.points[best], second.points[match[best]]
    scale = end[:, 2] / start[:, 2]
    turn = scale * np.exp(1j * (end[:, 3] - start[:, 3]))
    z_start, z_end = start[:, 0] + 1j * start[:, 1], end[:, 0] + 1j * end[:, 1]
    shift = z_end - turn * z_start
    error_px = np.abs(turn[:, None] * z_start + shift[:, None] - z_end)
    supports = (error_px < VOTE_RADIUS_PX) & ((scale > 0.5) & (scale < 2))[:, None]
    votes = supports.sum(axis=1)
    winner = int(votes.argmax())
    if votes[winner] < MIN_VOTES:
        return None
    t, s = turn[winner], shift[winner]
    similarity = np.array([[t.real, -t.imag, s.real], [t.imag, t.real, s.imag]])
    return _fit_affine(similarity, start[supports[winner], :2], end[supports[winner], :2])


def _fit_affine(
    guess: NDArray[np.float64], start_xy: NDArray[np.float32], end_xy: NDArray[np.float32]
) -> Affine:
    """Least squares that stays near the guess where few or clustered points say little."""
    ones = np.ones((len(start_xy), 1))
    known = np.hstack([start_xy, ones]).astype(np.float64)
    pull = np.diag([50.0, 50.0, 0.01])  # px^2, px^2, count: like one point seen 7 px off
    change = np.linalg.solve(known.T @ known + pull, known.T @ (end_xy - known @ guess.T))
    return np.asarray(guess + change.T, np.float32)


def _refine(first: NDArray[np.uint8], second: NDArray[np.uint8], placed: Affine) -> Affine:
    try:
        _, refined = cv2.findTransformECC(
            first, second, placed.copy(), cv2.MOTION_AFFINE, _REFINEMENT
        )
    except cv2.error:  # it did not converge
        return placed
    return np.asarray(refined, np.float32)


def _correlation(first: NDArray[np.uint8], second: NDArray[np.uint8], placed: Affine) -> float:
    """Pearson correlation over the overlap; -1 where that is too small a part of either picture."""
    height, width = first.shape
    laid = cv2.warpAffine(
        second, placed, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    overlap = laid > 0  # relit pixels are never 0
    count = np.count_nonzero(overlap)
    shrink = abs(float(np.linalg.det(placed[:, :2])))
    if count < MIN_OVERLAP_RATIO * max(first.size, second.size / max(shrink, 1e-6)):
        return -1.0
    ours, theirs = first[overlap].astype(np.float32), laid[overlap].astype(np.float32)
    ours -= ours.mean()
    theirs -= theirs.mean()
    return float(ours @ theirs / (np.sqrt((ours @ ours) * (theirs @ theirs)) + 1e-6))


# Which pairs of pictures are worth comparing pixel by pixel.
#
# The key-point descriptors of a picture are pooled into one vector (VLAD, Jegou et al. 2010, with
# the square-root scaling of Delhumeau et al. 2013), which ignores where in the picture they lie.
# The nearest vectors, as is and mirrored, are the candidates. 25,000 pictures take under a minute.

WORDS = 64
DESCRIPTORS_PER_WORD = 50  # fewer, and a word is a descriptor: nothing is left to pool
TRAINING_DESCRIPTORS = 30_000
VECTOR_SIZE = 512
NEIGHBOURS = 8  # per picture and per orientation
BLOCK = 1000  # pictures handled at once, bounds the memory

Vectors = NDArray[np.float32]


class Candidate(NamedTuple):
    """Two pictures that may be the same; `second` mirrored where `is_mirrored`."""

    first: int
    second: int
    is_mirrored: bool


def candidate_pairs(prints: list[Fingerprint]) -> list[Candidate]:
    """The pairs worth a comparison, most similar first, each once and with first < second."""
    if sum(len(p.descriptors) for p in prints) == 0:
        return []
    pool = _Pooling(prints)
    plain = pool.vectors([p.descriptors for p in prints])
    mirrored = pool.vectors([mirrored_descriptors(p.descriptors) for p in prints])
    candidates = {
        Candidate(min(index, nearest), max(index, nearest), is_mirrored): similarity
        for is_mirrored, others in ((False, plain), (True, mirrored))
        for index, nearest, similarity in _nearest(plain, others)
    }
    return sorted(candidates, key=lambda c: (-candidates[c], c))


class _Pooling:
    """Turns the descriptors of a picture into one vector of unit length."""

    def __init__(self, prints: list[Fingerprint]) -> None:
        rng = np.random.default_rng(0)
        everything = np.concatenate([p.descriptors for p in prints])
        chosen = rng.permutation(len(everything))[:TRAINING_DESCRIPTORS]
        sample = everything[chosen].astype(np.float32)
        words = int(np.clip(len(sample) // DESCRIPTORS_PER_WORD, 1, WORDS))
        means = KMeans(words, n_init=1, max_iter=20, random_state=0).fit(sample)
        self._words = means.cluster_centers_.astype(np.float32)
        self._half_squares = np.square(self._words).sum(axis=1) / 2
        # a random projection keeps angles well enough (Johnson-Lindenstrauss) and needs no training
        self._projection = rng.standard_normal((words * 128, VECTOR_SIZE), np.float32)

    def vectors(self, descriptors: list[NDArray[np.uint8]]) -> Vectors:
        """Unit vectors (len(descriptors), VECTOR_SIZE); zero for a picture without key points."""
        blocks = [descriptors[start : start + BLOCK] for start in range(0, len(descriptors), BLOCK)]
        pooled = (np.stack([self._pool(d) for d in block]) for block in blocks)
        return np.concatenate([_unit(p @ self._projection) for p in pooled])

    def _pool(self, descriptors: NDArray[np.uint8]) -> Vectors:
        """Sum, for each word, the directions from the word to its descriptors (N, 128)."""
        values = descriptors.astype(np.float32)
        nearest = (values @ self._words.T - self._half_squares).argmax(axis=1)
        belongs = np.equal.outer(np.arange(len(self._words)), nearest).astype(np.float32)
        sums = belongs @ _unit(values - self._words[nearest])
        # the square root keeps one repeated texture from drowning the rest
        return np.ravel(sums / np.sqrt(np.linalg.norm(sums, axis=1, keepdims=True) + 1e-9))


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)


def _nearest(queries: Vectors, others: Vectors) -> list[tuple[int, int, float]]:
    """(query, other, cosine) of the NEIGHBOURS nearest others of each query, itself excluded."""
    found = []
    count = min(NEIGHBOURS, len(others))
    for start in range(0, len(queries), BLOCK):
        cosine = queries[start : start + BLOCK] @ others.T
        rows = np.arange(len(cosine))
        cosine[rows, start + rows] = -1
        nearest = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(cosine, nearest, axis=1)
        for row, column in np.argwhere(values > -1):
            found.append((start + row, nearest[row, column], values[row, column]))
    return [(int(query), int(other), float(value)) for query, other, value in found]


# What is kept of a picture to recognise it again: a small relit copy and its key points.
#
# The relit copy has its local mean and contrast evened out, so that a darkened or brightened
# picture gives nearly the same copy. Key points are SIFT (Lowe 2004) with RootSIFT scaling
# (Arandjelovic and Zisserman 2012). The descriptor of a mirrored picture is a fixed reordering of
# the 4 x 4 x 8 histogram (MI-SIFT, Ma et al. 2010), so looking for mirrored copies needs no second
# detection.

AREA_PX = 96 * 96
SHORTEST_SIDE_PX = 24  # of the relit copy; a sliver of a picture is stretched to this
KEY_POINTS = 64
CONTRAST_LEVELS = 40
NOISE_LEVELS = 3.0  # contrast below this many grey levels is mostly JPEG noise and stays damped

_MIRRORED_BINS = np.arange(128).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].ravel()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of one picture, about 17 kB.

    Attributes:
        relit: uint8 (H, W) of about AREA_PX pixels, 1 to 255, local mean 128 and standard
            deviation about CONTRAST_LEVELS.
        points: float32 (N, 4): x, y and size in pixels of `relit`, angle in radians.
        descriptors: uint8 (N, 128), RootSIFT of length about 512.
    """

    relit: NDArray[np.uint8]
    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]

    def mirrored(self) -> Fingerprint:
        """The fingerprint of the picture with left and right swapped."""
        points = self.points.copy()
        points[:, 0] = self.relit.shape[1] - 1 - points[:, 0]
        points[:, 3] = np.pi - points[:, 3]
        relit = np.ascontiguousarray(self.relit[:, ::-1])
        return Fingerprint(relit, points, mirrored_descriptors(self.descriptors))

    def detail(self) -> float:
        """How fine the structure is: squared difference of neighbour pixels over variance.

        About 0.01 to 0.04 for a face of 12 to 25 px, 0.1 and more for a sharp picture.
        """
        relit = self.relit.astype(np.float32)
        steps = np.square(np.diff(relit, axis=0)).mean() + np.square(np.diff(relit, axis=1)).mean()
        return float(steps / (2 * relit.var() + 1e-6))


def take_fingerprint(image_rgb: ImageRGB) -> Fingerprint:
    """The fingerprint of one picture of at least one pixel."""
    grey = np.asarray(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    relit = _relight(_shrink(grey))
    # the thresholds are loose because a blurred face has few corners, and weak ones place as well
    sift = cv2.SIFT.create(nfeatures=KEY_POINTS, contrastThreshold=0.01, edgeThreshold=20)
    found, histograms = sift.detectAndCompute(relit, None)
    if histograms is None:
        return Fingerprint(relit, np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8))
    points = np.array([(*p.pt, p.size, np.deg2rad(p.angle)) for p in found], np.float32)
    shares = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-9)
    return Fingerprint(relit, points, np.minimum(np.sqrt(shares) * 512, 255).astype(np.uint8))


def mirrored_descriptors(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """SIFT descriptors (N, 128) as they would be in the mirrored picture."""
    return descriptors[:, _MIRRORED_BINS]


def _shrink(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Resize to about AREA_PX pixels; proportions are kept so that a rotation stays one."""
    height, width = grey.shape
    scale = (AREA_PX / (height * width)) ** 0.5
    longest_px = AREA_PX // SHORTEST_SIDE_PX
    size_wh = [
        int(np.clip(round(side * scale), SHORTEST_SIDE_PX, longest_px)) for side in (width, height)
    ]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey.astype(np.float32), size_wh, interpolation=method))


def _relight(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Even out local mean and contrast over windows of about a quarter of the picture."""
    sigma_px = AREA_PX**0.5 / 8
    detail = grey - cv2.GaussianBlur(grey, (0, 0), sigma_px)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), sigma_px))
    relit = 128 + CONTRAST_LEVELS * detail / (contrast + NOISE_LEVELS)
    return np.clip(relit, 1, 255).astype(np.uint8)
