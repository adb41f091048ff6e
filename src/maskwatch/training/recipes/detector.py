"""The recipe of the face detector: a YAML file read into small frozen records."""

from __future__ import annotations

from dataclasses import dataclass, fields

from maskwatch.io.settings import between, require
from maskwatch.training.recipes.classifier import AugmentRecipe, check_identity, write_record


@dataclass(frozen=True, slots=True)
class DetectorNetworkRecipe:
    """MobileNetV2, a feature pyramid, an anchor-free head.

    Attributes:
        alpha: width of MobileNetV2; 0.35 and 1.0 have ImageNet weights at hand.
        pyramid_channels: width of the pyramid and the head.
        head_layers: separable convolutions before the output of each stride.
        stem: "blocks" are MobileNetV2's first layers, "plain" two convolutions in their place.
    """

    alpha: float = 0.35
    pyramid_channels: int = 64
    head_layers: int = 2
    stem: str = "blocks"

    def __post_init__(self) -> None:
        widths = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)  # those with ImageNet weights
        require(self.alpha in widths, "alpha", f"one of {widths}")
        between("pyramid_channels", self.pyramid_channels, 8, 512)
        between("head_layers", self.head_layers, 1, 8)
        require(self.stem in ("blocks", "plain"), "stem", "blocks or plain")


@dataclass(frozen=True, slots=True)
class SceneRecipe:
    """How training scenes are composed from photos.

    Attributes:
        true_share: share of the photos drawn from sets with hand-drawn boxes; the rest have boxes
            that another detector found.
        mosaic_share: share of the scenes put together from four photos (Bochkovskiy 2020, YOLOv4).
        sized_share: share of the photos scaled so that one face gets a size drawn evenly on a log
            scale between the smallest and the full frame; the rest are scaled by a factor drawn
            between 1/2 and 3, which keeps the sizes that photos really have.
        faceless_share: share of the photos shown at any place rather than round a face, so that
            walls, hands and bags are met as well.
        smallest_face_px: smaller faces in a scene are ignored, neither face nor background.
        largest_enlargement: no photo is enlarged more; there is nothing to see in it.
        turned_share: share of the photos turned by up to augment.rotation_deg, the rest by up to
            a quarter of that.
        cutout_share: share of the faces whose mouth or eyes are covered by a patch.
        veiled_share: share of the faces that are veiled but for the eyes, or from the nose down,
            see overlays.py.
        things_share: share of the scenes with a painted hand or what it holds beside the faces, see
            overlays.py.
        hard_share: share of the photos drawn for a face that is turned, looks down, is dark or has
            no landmarks, rather than at random, see hard_places.py.
        false_share: share of the photos drawn for what the network that the training begins with
            takes for a face and is none, see hard_places.py.
        doubted_share: share of the other photos drawn for a face to which that network gives a low
            score.
    """

    true_share: float = 0.75
    mosaic_share: float = 0.5
    sized_share: float = 0.5
    faceless_share: float = 0.0
    smallest_face_px: float = 7.0
    largest_enlargement: float = 4.0
    turned_share: float = 0.35
    cutout_share: float = 0.1
    veiled_share: float = 0.0
    things_share: float = 0.0
    hard_share: float = 0.0
    false_share: float = 0.0
    doubted_share: float = 0.0

    def __post_init__(self) -> None:
        for name in (item.name for item in fields(self) if item.name.endswith("_share")):
            between(name, getattr(self, name), 0, 1)
        between("smallest_face_px", self.smallest_face_px, 1, 100)
        between("largest_enlargement", self.largest_enlargement, 1, 100)


@dataclass(frozen=True, slots=True)
class DetectorFitRecipe:
    """The optimiser and the schedule.

    Attributes:
        learning_rate: peak of a cosine that ends at zero, after a warm-up of 3 % of the steps.
        weight_decay: of AdamW (Loshchilov and Hutter 2019).
        batch_size: scenes per step.
        side_px: side of the square scenes; small ones are cheap, and a convolution learns the same.
        epochs: passes over scenes_per_epoch scenes.
        scenes_per_epoch: a checkpoint is written after each epoch.
        last_side_px: side in the last epochs, so that faces larger than side_px are met as well.
        last_epochs: how many those are.
        box_weight: of the box loss against the score loss.
        landmark_weight: of the landmark loss.
        score_floor: the least that a point on a face is to answer with, see loss.DetectionLoss.
        teacher_weight: of imitating a teacher's scores against the score loss, see teacher.py; 0
            needs no teacher.
        support_weight: what is imitated counts so much beside a score in the exported file.
        stem_steps: batches in which a plain stem learns to answer as the blocks of the weights do,
            before everything learns; a stem that is in the weights needs none.
    """

    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    batch_size: int = 32
    side_px: int = 256
    epochs: int = 20
    scenes_per_epoch: int = 8192
    last_side_px: int = 384
    last_epochs: int = 3
    box_weight: float = 2.0
    landmark_weight: float = 0.5
    score_floor: float = 0.0
    teacher_weight: float = 0.0
    support_weight: float = 0.0
    stem_steps: int = 900

    def __post_init__(self) -> None:
        between("learning_rate", self.learning_rate, 1e-9, 1)
        between("weight_decay", self.weight_decay, 0, 0.99)
        between("batch_size", self.batch_size, 1, 4096)
        between("epochs", self.epochs, 1, 10_000)
        between("scenes_per_epoch", self.scenes_per_epoch, 1, 10**9)
        between("last_epochs", self.last_epochs, 0, self.epochs)
        for name in ("side_px", "last_side_px"):
            side = getattr(self, name)
            valid = "a multiple of 32 from 64 to 2048"
            require(side % 32 == 0 and 64 <= side <= 2048, name, valid)
        between("box_weight", self.box_weight, 0, 100)
        between("landmark_weight", self.landmark_weight, 0, 100)
        between("score_floor", self.score_floor, 0, 0.99)
        between("teacher_weight", self.teacher_weight, 0, 100)
        between("support_weight", self.support_weight, 0, 1)
        between("stem_steps", self.stem_steps, 0, 10**6)


_UNALTERED = AugmentRecipe()


@dataclass(frozen=True, slots=True)
class DetectorRecipe:
    """Everything that decides what a run learns, apart from the data.

    Attributes:
        name: names the run and the model.
        seed: decides the head's start and every scene.
        left_out: sources of the manifest that are neither trained on nor chosen with, so that the
            detector can be measured on them as on photos from elsewhere.
        found_change: how much lower, wider and higher the boxes of found faces become before they
            are taught, as shares of their sides; those of our own detector need no change.
    """

    name: str
    network: DetectorNetworkRecipe = DetectorNetworkRecipe()
    scenes: SceneRecipe = SceneRecipe()
    augment: AugmentRecipe = _UNALTERED
    fit: DetectorFitRecipe = DetectorFitRecipe()
    seed: int = 0
    left_out: tuple[str, ...] = ()
    found_change: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        check_identity(self.name, self.seed)
        fine = all(-0.9 <= share <= 10 for share in self.found_change)  # NaN is not
        require(fine, "found_change", "three numbers from -0.9 to 10")

    def to_yaml(self) -> str:
        """The recipe with every default filled in."""
        return write_record(self)

    def side_px(self, epoch: int) -> int:
        """Side of the scenes of an epoch, from 0."""
        is_last = epoch >= self.fit.epochs - self.fit.last_epochs
        return self.fit.last_side_px if is_last else self.fit.side_px

    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return -(-self.fit.scenes_per_epoch // self.fit.batch_size) * self.fit.epochs
