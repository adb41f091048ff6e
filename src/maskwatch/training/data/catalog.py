"""The public data sets by name: where they come from, what their classes mean, what to expect.

Classes of a folder-per-class set are its folder names ("." for pictures that lie in the set's own
folder), of a Pascal VOC set the object names, of a YOLO set the class numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from maskwatch.errors import DataError
from maskwatch.schema import CLASSES

MASK, NO_MASK, INCORRECT = (state.value for state in CLASSES)
LABELS = (MASK, NO_MASK, INCORRECT)
"""The labels of a manifest, in the order of `schema.CLASSES`."""

WORDS = dict(zip(LABELS, ("mask", "no mask", "incorrect mask"), strict=True))
"""The labels as tables and charts name them."""

UNCLEAR = "unclear"
"""Label of a face whose mouth and nose are behind a hand, a scarf or a cup: none of the three, and
right only if UNSURE. A network learns and is scored on such faces apart from the others."""

ROW_LABELS = (*LABELS, UNCLEAR)
"""What a row of a manifest can be labelled."""

SYNTHETIC = "synthetic"
"""`source` of pictures that `maskwatch data synthesise` made from the other rows of a manifest."""


class Layout(StrEnum):
    """How a set stores its labels."""

    FOLDERS = "folder per class"
    VOC = "Pascal VOC boxes"
    YOLO = "YOLO boxes"


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A published data set.

    Attributes:
        name: what the command line calls it, and `source` in a manifest.
        origin: page it is published on.
        layout: how it stores labels.
        classes: label of each class of the set.
        counts: faces (or pictures, where the set has no boxes) per label in a complete copy.
        licence: as its page states it.
        kaggle: handle to download it with; None where it has to be cloned from `origin`.
        shippable: False where the licence keeps models trained on it out of a release.
    """

    name: str
    origin: str
    layout: Layout
    classes: Mapping[str, str]
    counts: Mapping[str, int]
    licence: str
    kaggle: str | None = None
    shippable: bool = True


_THREE_FOLDERS = {
    "with_mask": MASK,
    "without_mask": NO_MASK,
    "mask_weared_incorrect": INCORRECT,
}

PUBLIC_SETS = {
    public.name: public
    for public in (
        PublicSet(
            name="kaggle-8982",
            origin="https://www.kaggle.com/datasets/vijaykumar1799/face-mask-detection",
            layout=Layout.FOLDERS,
            classes=_THREE_FOLDERS,
            counts={MASK: 2994, NO_MASK: 2994, INCORRECT: 2994},
            licence="see its page",
            kaggle="vijaykumar1799/face-mask-detection",
        ),
        PublicSet(
            name="voc-853",
            origin="https://www.kaggle.com/datasets/andrewmvd/face-mask-detection",
            layout=Layout.VOC,
            classes=_THREE_FOLDERS,
            counts={MASK: 3232, NO_MASK: 717, INCORRECT: 123},
            licence="CC0-1.0",
            kaggle="andrewmvd/face-mask-detection",
        ),
        PublicSet(
            name="yolo-800",
            origin="https://github.com/adityap27/face-mask-detector",
            layout=Layout.YOLO,
            classes={"1": MASK, "0": NO_MASK},
            counts={MASK: 3298, NO_MASK: 915},
            licence="MIT",
        ),
        PublicSet(
            name="incorrect-photos",
            origin="https://github.com/karysutariya/Facemask-type-detection",
            layout=Layout.FOLDERS,
            classes={".": INCORRECT},
            counts={INCORRECT: 211},
            licence="see its page",
        ),
        PublicSet(
            name="mask-types",
            origin="https://github.com/karysutariya/Facemask-type-detection",
            layout=Layout.FOLDERS,
            classes={"cloth": MASK, "n95": MASK, "surgical": MASK, "none": NO_MASK},
            counts={MASK: 1043, NO_MASK: 363},
            licence="see its page",
        ),
        PublicSet(
            name="faces-binary",
            origin="https://github.com/chandrikadeb7/Face-Mask-Detection",
            layout=Layout.FOLDERS,
            classes=_THREE_FOLDERS,
            counts={MASK: 1383, NO_MASK: 1662},  # after its byte-identical copies are removed
            licence="MIT",
        ),
        PublicSet(
            name="maskedface-net-500",
            origin="https://github.com/cabani/MaskedFace-Net",
            layout=Layout.FOLDERS,
            classes=_THREE_FOLDERS,
            counts={MASK: 300, INCORRECT: 200},
            licence="CC-BY-NC-SA-4.0",
            shippable=False,
        ),
        PublicSet(
            name="ilc-2021",
            origin="https://github.com/jolignier/face-mask-dataset-ilc-2021",
            layout=Layout.VOC,
            classes={
                "with_mask": MASK,
                "without_mask": NO_MASK,
                "with_incorrect_mask": INCORRECT,
            },
            counts={MASK: 1997, NO_MASK: 1591, INCORRECT: 436},
            licence="none stated",
        ),
        PublicSet(
            name="smartmask-1600",
            origin="https://github.com/haonanshi0125/Yolo-SmartMaskDetector",
            layout=Layout.VOC,
            classes={"mask": MASK, "face": NO_MASK},
            counts={MASK: 1485, NO_MASK: 2217},
            licence="none stated",
        ),
        PublicSet(
            name="mask-wearing-webcam",
            origin="https://universe.roboflow.com/search?q=mask-wearing-uqr7d",
            layout=Layout.YOLO,
            classes={"0": MASK, "1": NO_MASK},
            counts={MASK: 207, NO_MASK: 381},
            licence="CC-BY-4.0",
        ),
        PublicSet(
            name="cymq-567",
            origin="https://github.com/cymqqqq/Mask-Detection-YOLOv3",
            layout=Layout.YOLO,
            classes={"0": MASK, "1": NO_MASK},
            counts={MASK: 860, NO_MASK: 1096},
            licence="MIT",
        ),
        PublicSet(
            name="macwin-498",
            origin="https://github.com/MacwinWin/face_mask_dataset",
            layout=Layout.YOLO,
            classes={"0": MASK, "1": NO_MASK},  # its README counts the other way round
            counts={MASK: 423, NO_MASK: 579},
            licence="none stated",
        ),
        PublicSet(
            name="modelarts-286",
            origin="https://github.com/leoring123/Mask-yolo3-keras-modelarts-notebook",
            layout=Layout.VOC,
            classes={"masks_ok": MASK, "no_masks": NO_MASK},
            counts={MASK: 232, NO_MASK: 309},
            licence="none stated",
        ),
    )
}


def public_set(name: str) -> PublicSet:
    """The record of a public set.

    Raises:
        DataError: no set has that name; the message lists those there are.
    """
    try:
        return PUBLIC_SETS[name]
    except KeyError:
        known = ", ".join(PUBLIC_SETS)
        raise DataError(
            f"{name}: no public set of that name (known: {known}); give a folder as {name}=FOLDER"
        ) from None


def source_licence(name: str) -> str:
    """Under which licence a `source` of a manifest is."""
    if name == SYNTHETIC:  # never made from a set that must not ship, see synth/supply.py
        return "made from the other sources, under their licences"
    return PUBLIC_SETS[name].licence if name in PUBLIC_SETS else "your own"
