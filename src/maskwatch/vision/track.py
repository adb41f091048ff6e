"""Boxes of moment after moment -> which face is which. Looks at boxes only, never at labels.

Each track expects its face where a steady movement would have brought it (a Kalman filter in
seconds, so frames may come as irregularly as they like), and takes the box that is nearest in place
and size. Sure boxes choose first; what the detector only faintly sees can go on a track but never
start one (ByteTrack, Zhang et al. 2022). Why no library: docs/LOG.md.

While no frame comes nobody is missed: who was in the last frame before a pause is looked for in the
first one after it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.vision.cadence import Cadence

Floats = NDArray[np.float64]

LOST_S = 1.0
"""A face that frames did not show for longer comes back as somebody else; see `lost_after_s`."""

# Where pictures come further apart than the first of these, and 1 a second is never quite regular,
# whoever is in the next one is known again, as far as place and size tell. The next is reached and
# none after it, so regular pictures up to 1 s apart are followed as they would be without this.
_RARE_S, _LOST_INTERVALS = 0.9, 1.5
# so much later anybody may stand there, however few pictures there were
_LONGEST_LOST_S = 15.0
# and so much later where the others came closer together: the stream stood still, or connects again
_LONGEST_PAUSE_S = 4.0

# lengths below are in sides of the face, so that near and far heads are treated alike
_BOX_NOISE = 0.05  # how far a detector's box wanders on a head that is still
_FIRST_SPEED = 1.5  # a second; what a face that has just appeared may be doing
_PROCESS_NOISE = 2.0  # squared speed that a head gains in a second
_KEEPS_MOVING_S = 1.0  # nobody walks on in the same way for long
# a face is looked for within so many standard deviations, but at least and at most so far
_GATE_DEVIATIONS, _LEAST_GATE, _WIDEST_GATE = 3.0, 0.7, 1.5
# a faint box is often half of a face, or of another one behind it: it must be so much nearer
_FAINT_GATE = 0.5
_SIZE_GATE = math.log(2.0)
# as long unseen as may be weighs as much as being so many gates away
_HIDDEN_COST = 2.0


@dataclass(slots=True)
class _Tracks:
    """What is known of m faces; a row each.

    Attributes:
        ids: (m,) the identities.
        centre_xy: (m, 2) where the face is expected, pixels.
        speed_xy: (m, 2) pixels a second.
        size_wh: (m, 2) of the box last seen, pixels.
        covariance: (m, 3) variance of place, covariance with speed, variance of speed; in sides.
        unseen_s: (m,) since the face was last seen.
    """

    ids: NDArray[np.int64]
    centre_xy: Floats
    speed_xy: Floats
    size_wh: Floats
    covariance: Floats
    unseen_s: Floats

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def sides_px(self) -> Floats:
        return np.asarray(self.size_wh.max(axis=1))

    def chosen(self, which: NDArray[np.bool_]) -> _Tracks:
        return _Tracks(*(column[which] for column in self._columns()))

    def joined(self, other: _Tracks) -> _Tracks:
        pairs = zip(self._columns(), other._columns(), strict=True)
        return _Tracks(*(np.concatenate(pair) for pair in pairs))

    def _columns(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


class Tracker:
    """Gives each face a number that stays with it. One per camera; not for several threads."""

    def __init__(self) -> None:
        self._next_id = 1
        self._cadence = Cadence()
        self.forget()

    @property
    def track_ids(self) -> frozenset[int]:
        """The faces that are seen now, or were a moment ago and may come back."""
        return frozenset(self._tracks.ids.tolist())

    @property
    def lost_s(self) -> float:
        """A face that frames did not show for longer comes back as somebody else."""
        return lost_after_s(self._cadence.usual_s)

    def forget(self) -> None:
        """Let everybody go: the picture or the stream is another one. No number comes back."""
        self._tracks = _started(np.empty((0, 4)), 0)

    def scale(self, ratio_xy: tuple[float, float]) -> None:
        """Be told that the same view comes in so many times the pixels across and down."""
        self._tracks = _scaled(self._tracks, ratio_xy)

    def update(
        self, boxes_xyxy: Floats, sure: NDArray[np.bool_], elapsed_s: float
    ) -> tuple[int | None, ...]:
        """Say which face each box shows.

        Args:
            boxes_xyxy: (n, 4) pixels.
            sure: (n,) whether a box is a face beyond doubt; others only go on a track.
            elapsed_s: since the last call, 0 or more; any on the first.

        Returns:
            An identity for each box, counted from 1 and never used again; None for a faint box
            that goes on no track.
        """
        self._cadence.see(elapsed_s)
        lost_s = self.lost_s
        was_seen = (self._tracks.unseen_s == 0) & (elapsed_s <= _LONGEST_PAUSE_S)
        moved = _moved(self._tracks, elapsed_s)
        tracks = moved.chosen(was_seen | (moved.unseen_s <= lost_s))
        of_box = np.full(len(boxes_xyxy), -1)
        for candidates, gate in ((sure, 1.0), (~sure, _FAINT_GATE)):
            free = np.setdiff1d(np.arange(len(tracks)), of_box)
            boxes = np.flatnonzero(candidates)
            for row, column in _matches(tracks, free, boxes_xyxy, boxes, gate, lost_s):
                of_box[column] = row
        known = of_box >= 0
        _correct(tracks, of_box[known], boxes_xyxy[known])
        new = sure & ~known
        started = _started(boxes_xyxy[new], self._next_id)
        self._next_id += len(started)
        self._tracks = tracks.chosen(tracks.unseen_s <= lost_s).joined(started)
        ids = np.zeros(len(boxes_xyxy), np.int64)
        ids[known] = tracks.ids[of_box[known]]
        ids[new] = started.ids
        return tuple(track_id or None for track_id in ids.tolist())


def lost_after_s(usual_s: float) -> float:
    """How long a face may be unseen and come back as itself, of pictures that come so far apart."""
    return min(_LOST_INTERVALS * usual_s, _LONGEST_LOST_S) if usual_s > _RARE_S else LOST_S


def _started(boxes_xyxy: Floats, first_id: int) -> _Tracks:
    count = len(boxes_xyxy)
    low, high = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    return _Tracks(
        ids=np.arange(first_id, first_id + count),
        centre_xy=(low + high) / 2,
        speed_xy=np.zeros((count, 2)),
        size_wh=high - low,
        covariance=np.tile([_BOX_NOISE**2, 0.0, _FIRST_SPEED**2], (count, 1)),
        unseen_s=np.zeros(count),
    )


def _moved(tracks: _Tracks, elapsed_s: float) -> _Tracks:
    """Where the faces are expected after a time: on their way, ever slower, ever less certain."""
    left = math.exp(-elapsed_s / _KEEPS_MOVING_S)
    way_s = _KEEPS_MOVING_S * (1 - left)
    place, both, speed = tracks.covariance.T
    gained = _PROCESS_NOISE * elapsed_s
    covariance = [
        place + 2 * way_s * both + way_s**2 * speed + gained * elapsed_s**2 / 3,
        left * (both + way_s * speed) + gained * elapsed_s / 2,
        left**2 * speed + gained,
    ]
    return _Tracks(
        ids=tracks.ids,
        centre_xy=tracks.centre_xy + tracks.speed_xy * way_s,
        speed_xy=tracks.speed_xy * left,
        size_wh=tracks.size_wh,
        covariance=np.stack(covariance, axis=1),
        unseen_s=tracks.unseen_s + elapsed_s,
    )


def _scaled(tracks: _Tracks, ratio_xy: tuple[float, float]) -> _Tracks:
    return replace(
        tracks,
        centre_xy=tracks.centre_xy * ratio_xy,
        speed_xy=tracks.speed_xy * ratio_xy,
        size_wh=tracks.size_wh * ((ratio_xy[0] + ratio_xy[1]) / 2),
    )


def _matches(
    tracks: _Tracks,
    rows: NDArray[np.int64],
    boxes_xyxy: Floats,
    columns: NDArray[np.int64],
    gate: float,
    lost_s: float,
) -> list[tuple[int, int]]:
    """Pairs of tracks and boxes, the nearest first, each used once.

    The nearest pair is right nearly always, because faces cannot stand in one place; the best sum
    over all pairs (Hungarian method) kept no more than one identity in twenty-five that this loses.
    """
    low, high = boxes_xyxy[columns, :2], boxes_xyxy[columns, 2:]
    sides_px = tracks.sides_px[rows, None]
    away = np.linalg.norm((low + high)[None] / 2 - tracks.centre_xy[rows, None], axis=2) / sides_px
    reach = _GATE_DEVIATIONS * np.sqrt(tracks.covariance[rows, :1] + _BOX_NOISE**2)
    reach = gate * np.clip(reach, _LEAST_GATE, _WIDEST_GATE)
    grown = np.abs(np.log((high - low).max(axis=1)[None] / sides_px))
    # of two in one place the one that was just seen is in front
    hidden = _HIDDEN_COST * tracks.unseen_s[rows, None] / lost_s
    near = (away < reach) & (grown < _SIZE_GATE)
    cost = np.where(near, away / reach + grown / _SIZE_GATE + hidden, np.inf)
    pairs = []
    for index in np.argsort(cost, axis=None, kind="stable")[: np.count_nonzero(near)]:
        row, column = divmod(int(index), len(columns))
        if np.isfinite(cost[row, column]):  # neither has been taken
            pairs.append((int(rows[row]), int(columns[column])))
            cost[row], cost[:, column] = np.inf, np.inf
    return pairs


def _correct(tracks: _Tracks, rows: NDArray[np.int64], boxes_xyxy: Floats) -> None:
    """Tell tracks what was seen of them, one box (k, 4) for each row (k,)."""
    low, high = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    place, both, speed = tracks.covariance[rows].T
    trust = place / (place + _BOX_NOISE**2)
    speed_trust = both / (place + _BOX_NOISE**2)
    missed = (low + high) / 2 - tracks.centre_xy[rows]
    tracks.centre_xy[rows] += trust[:, None] * missed
    tracks.speed_xy[rows] += speed_trust[:, None] * missed
    tracks.covariance[rows] = np.stack(
        [(1 - trust) * place, (1 - trust) * both, speed - speed_trust * both], axis=1
    )
    tracks.size_wh[rows] = high - low
    tracks.unseen_s[rows] = 0
