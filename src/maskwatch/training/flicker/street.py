"""Real films of people -> the same frames with what somebody saw who looked once.

`street.csv` beside this file tells it, a row a moment: from then on the person `shows` a state,
"unsure" where nobody could tell, "nothing" where what stands there is no face to be judged (a hand,
a collar, the back of a head) and "gone" where it is out of sight. Between two rows of a person the
box moves steadily; the last row ends him. Candidates were tracks of the detector, which were looked
at on sheets and named, split and thrown away by hand. No picture is kept with it.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwatch.errors import DataError
from maskwatch.schema import BoxXYXY, MaskState

TRUTH_FILE = Path(__file__).with_name("street.csv")

WHOLE = frozenset(
    {
        "andreaamico_donning",
        "leoring_outdoor_mask",
        "sharjeelch_four_diverse_bare",
        "webcam_on_off",
    }
)
"""Films in which every face is in the file; in the others there are more than are labelled."""

_SUFFIXES = (".mkv", ".mp4", ".gif")
_SIDES = ("left", "top", "right", "bottom")
_NOTHING, _GONE = "nothing", "gone"
_CLOSE_S = 1e-3  # times in the file have so many digits


@dataclass(frozen=True, slots=True)
class Sight:
    """One person, or what could be taken for one, in one frame.

    Attributes:
        person: a name, the same for one person for as long as he stays.
        box_xyxy: where the face is.
        state: what it shows; UNSURE where nobody could tell, None where there is no face.
    """

    person: str
    box_xyxy: BoxXYXY
    state: MaskState | None


@dataclass(frozen=True, slots=True)
class _Row:
    time_s: float
    shows: str
    box_xyxy: BoxXYXY


class StreetTruth:
    """What is to be seen in one film."""

    def __init__(self, film: str, rows: Mapping[str, Sequence[_Row]]) -> None:
        self.film = film
        self._rows = rows

    @property
    def whole(self) -> bool:
        """Whether every face of the film is labelled."""
        return self.film in WHOLE

    def at(self, time_s: float) -> tuple[Sight, ...]:
        """Everybody who can be seen at a time of the film."""
        found = (_sight(person, rows, time_s) for person, rows in self._rows.items())
        return tuple(sight for sight in found if sight is not None)


def read_truth(path: Path = TRUTH_FILE) -> dict[str, StreetTruth]:
    """The labelled films by name.

    Raises:
        DataError: the file is missing or is no such table.
    """
    films: dict[str, dict[str, list[_Row]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for cells in csv.DictReader(file):
                left, top, right, bottom = (float(cells[k]) for k in _SIDES)
                row = _Row(float(cells["time_s"]), cells["shows"], (left, top, right, bottom))
                films.setdefault(cells["film"], {}).setdefault(cells["person"], []).append(row)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as the truth about films ({error})") from error
    return {film: StreetTruth(film, rows) for film, rows in films.items()}


def film_path(folder: Path, film: str) -> Path | None:
    """The file of a film in a folder; None where it is not there."""
    paths = (folder / f"{film}{suffix}" for suffix in _SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _sight(person: str, rows: Sequence[_Row], time_s: float) -> Sight | None:
    index = bisect_right(rows, time_s + _CLOSE_S, key=lambda row: row.time_s) - 1
    if index < 0 or rows[index].shows == _GONE or time_s > rows[-1].time_s + _CLOSE_S:
        return None
    row, following = rows[index], rows[min(index + 1, len(rows) - 1)]
    if following.shows == _GONE or following is row:
        box = row.box_xyxy
    else:
        share = (time_s - row.time_s) / (following.time_s - row.time_s)
        left, top, right, bottom = (
            np.array(row.box_xyxy) * (1 - share) + np.array(following.box_xyxy) * share
        ).tolist()
        box = (left, top, right, bottom)
    return Sight(person, box, None if row.shows == _NOTHING else MaskState(row.shows))
