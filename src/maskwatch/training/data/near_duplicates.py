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

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import ImageRGB
from maskwatch.training.candidates import candidate_pairs
from maskwatch.training.fingerprint import Fingerprint, take_fingerprint

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
