"""Which of the 15 corruptions the training itself draws kin of, so that their mean cannot flatter.

What a network has practised it does well in; only what it has never met tells how it takes a
surprise. Judged from training/augment.py with everything switched on, whatever the recipe of a
model leaves out. In doubt a family counts as imitated: kin that was practised would make the mean
of the others look better than it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from maskwatch.training.evaluation.corruptions import FAMILIES

IMITATED: Mapping[str, str] = {
    "gaussian noise": "training adds normal noise, in grains of several sizes",
    "shot noise": "training adds noise; that it follows the light is new",
    "impulse noise": "training adds noise; that single values break off is new",
    "defocus blur": "training blurs; its disc is softer and smaller",
    "glass blur": "training blurs and scales down; thrown pixels look much like it",
    "motion blur": "training smears along a line",
    "zoom blur": "training blurs and zooms, though never both in one stroke",
    "snow": "training draws bright streaks; that everything else pales is new",
    "frost": "training lays clouded and veined veils over pictures; their crystals are finer",
    "fog": "training lays clouded veils over pictures",
    "brightness": "training brightens and darkens",
    "contrast": "training takes contrast away, by itself and with veils",
    "pixelate": "training scales down and up again; that blocks stay sharp is new",
    "jpeg compression": "training saves as JPEG, though seldom as badly",
}
"""Family -> what training does that is kin to it."""

NOT_IMITATED: Mapping[str, str] = {
    "elastic transform": "faces are turned, zoomed and shifted whole, never bent",
}
"""Family -> why nothing in training is kin to it."""


UNPRACTISED = tuple(family for family in FAMILIES if family in NOT_IMITATED)
"""The families without a counterpart in training, in the order of FAMILIES."""


def reasons() -> dict[str, dict[str, bool | str]]:
    """For each family whether training imitates it, and why it is thought so."""
    said = {**IMITATED, **NOT_IMITATED}
    return {family: {"imitated": family in IMITATED, "reason": said[family]} for family in FAMILIES}
