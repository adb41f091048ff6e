"""Which pairs of pictures are worth comparing pixel by pixel.

The key-point descriptors of a picture are pooled into one vector (VLAD, Jegou et al. 2010, with
the square-root scaling of Delhumeau et al. 2013), which ignores where in the picture they lie. The
nearest vectors, as is and mirrored, are the candidates. 25,000 pictures take under a minute.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from maskwatch.training.fingerprint import Fingerprint, mirrored_descriptors

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
