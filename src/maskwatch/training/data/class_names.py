"""What people call the three classes, what a name stands for, and which of them a set teaches.

A name is taken only if every word of it is known here; anything else is asked for. So `mask_blue`
or `face_shield` is never guessed. `face` alone means a bare face only beside a class of masks, and
`unclear` is what a manifest calls a face that nobody can judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from maskwatch.errors import DataError
from maskwatch.training.data.catalog import INCORRECT, LABELS, MASK, NO_MASK, UNCLEAR
from maskwatch.training.data.labels import LabelledFace

_MASK = ("masked", "masks", "mask", "worn")
_BARE = ("unmasked", "maskless", "none")
_WITHOUT = ("without", "none", "non", "not", "no", "off")
_WRONG = ("incorrectly", "incorrect", "improperly", "improper", "wrongly", "wrong", "misworn")
_WRONG_MASK = ("partially", "partial", "badly", "chin", "nose", "mouth", "under", "below")
_RIGHT = ("correctly", "correct", "properly", "proper", "ok")
_FACE = ("faces", "face")
_FILLING = ("weared", "wearing", "wears", "wear", "with", "person", "people", "on", "is", "the")

_WORDS = sorted({*_MASK, *_BARE, *_WITHOUT, *_WRONG, *_WRONG_MASK, *_RIGHT, *_FACE, *_FILLING})
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_ALL_WORDS = re.compile(f"(?:{_WORD})+")


def labels_of(
    faces: Iterable[LabelledFace], classes: Mapping[str, str]
) -> dict[tuple[str, str], str | None]:
    """The label of each class of a set, by its name and number; None where nothing is known.

    Args:
        faces: of one set.
        classes: labels by name or number; they are asked before the words of the name.
    """
    kinds = dict.fromkeys((face.class_name, face.class_id) for face in faces)
    guessed = guess(name for name, _ in kinds)
    return {
        (name, number): classes.get(name) or classes.get(number) or guessed[name]
        for name, number in kinds
    }


def guess(class_names: Iterable[str]) -> dict[str, str | None]:
    """The labels that names of classes of one set stand for; None where a name says too little."""
    labels = {name: _by_words(name) for name in class_names}
    if MASK in labels.values() and NO_MASK not in labels.values():
        labels |= {name: NO_MASK for name in labels if _plain(name) in _FACE}
    return labels


def _by_words(name: str) -> str | None:
    plain = _plain(name)
    if plain == UNCLEAR:
        return UNCLEAR
    if not _ALL_WORDS.fullmatch(plain):
        return None
    words = set(re.findall(_WORD, plain))
    masked, denied = words.intersection(_MASK), words.intersection(_WITHOUT)
    wrong = words.intersection((*_WRONG, *_WRONG_MASK))
    if masked and wrong == {"mouth"}:
        return None  # what a mask is called in some places, or one that leaves the nose free
    if words.intersection(_WRONG) or (masked and wrong):
        return INCORRECT
    if words.intersection(_RIGHT):
        if denied:  # "not ok" may be either of two
            return INCORRECT if "not" in words and "ok" not in words else None
        return MASK if masked or "ok" not in words else None
    if words.intersection(_BARE) or plain == "without" or (masked and denied):
        return NO_MASK
    return MASK if masked or plain == "with" else None


def _plain(name: str) -> str:
    """Only the letters and digits of a name, in one case."""
    return re.sub(r"[\W_]+", "", name).casefold()


FEWEST_STATES = 2
"""Of one state alone nothing can be learnt."""


def untaught(counts: Mapping[str, int]) -> tuple[str, ...]:
    """The labels that no picture shows."""
    return tuple(label for label in LABELS if not counts.get(label))


def check_taught(counts: Mapping[str, int], where: str) -> str:
    """What it means that pictures show two of the three states; empty where they show all.

    Args:
        counts: pictures or crops per label.
        where: what holds them, for the message.

    Raises:
        DataError: they show fewer than two.
    """
    missing = untaught(counts)
    if len(LABELS) - len(missing) < FEWEST_STATES:
        names = " or ".join(missing)
        raise DataError(f"{where} shows {names}; at least {FEWEST_STATES} of the three are needed")
    return what_it_means(missing[0]) if missing else ""


def what_it_means(label: str) -> str:
    """What a network is like that was taught without a state."""
    return (
        f"no picture of {label} to learn from: the network will hardly ever answer {label}, and "
        "give such faces one of the other two; add pictures of it, such as a public set, or those "
        "that `maskwatch data synthesise` makes of bare faces"
    )
