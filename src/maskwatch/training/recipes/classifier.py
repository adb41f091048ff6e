"""A training recipe: a YAML file read into small frozen records that check themselves."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import maskwatch
from maskwatch.io.settings import between, read_settings, require, yaml_text

LARGEST_SEED = 2**32 - 1
"""Of Keras and scikit-learn."""


def check_identity(name: str, seed: int) -> None:
    """Raise a SettingError unless a recipe's name can be that of a folder, and its seed a seed."""
    plain = name.strip(".") and all(c.isalnum() or c in "-_." for c in name)
    require(bool(plain), "name", "letters, digits, '-', '_' and '.'")
    require(0 <= seed <= LARGEST_SEED, "seed", f"0 to {LARGEST_SEED}")


@dataclass(frozen=True, slots=True)
class NetworkRecipe:
    """MobileNetV2, then average pool, flatten, dense, dropout, softmax, as in the student report.

    Attributes:
        alpha: width of MobileNetV2.
        input_side_px: side of the square input, a multiple of 16.
        value_range: what 0 to 255 becomes inside the graph; the ImageNet weights expect [-1, 1].
        unfrozen_layers: how many of the base's last layers learn; 0 freezes it all, -1 frees it
            all. Batch-norm layers always keep their ImageNet statistics: with batches of 32 the
            running ones are worse, and frozen ones train twice as fast.
        dense_units: width of a hidden layer.
        dense_layers: hidden layers; the student report describes one, its code has two.
        dropout: share of hidden values dropped while training.
    """

    alpha: float = 1.0
    input_side_px: int = 224
    value_range: tuple[float, float] = (-1.0, 1.0)
    unfrozen_layers: int = 0
    dense_units: int = 128
    dense_layers: int = 1
    dropout: float = 0.5

    def __post_init__(self) -> None:
        widths = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)  # those with ImageNet weights
        require(self.alpha in widths, "alpha", f"one of {widths}")
        side = self.input_side_px
        valid = "a multiple of 16 from 32 to 512"
        require(side % 16 == 0 and 32 <= side <= 512, "input_side_px", valid)
        low, high = self.value_range
        require(-1000 <= low < high <= 1000, "value_range", "[low, high] with low < high, to 1000")
        between("unfrozen_layers", self.unfrozen_layers, -1, 1000)
        between("dense_units", self.dense_units, 1, 4096)
        between("dense_layers", self.dense_layers, 1, 8)
        between("dropout", self.dropout, 0, 0.99)


@dataclass(frozen=True, slots=True)
class AugmentRecipe:
    """How training crops are altered; validation and test crops never are.

    Attributes:
        rotation_deg: turn by up to this many degrees either way.
        zoom_ratio: scale each axis by up to this share either way.
        shift_ratio: move by up to this share of the side either way.
        flip: mirror half of the crops.
        context_ratio: how much of the surroundings (share of the side) to keep beyond the crop, so
            that turning and shifting bring in real pixels rather than smeared edges.
        brightness: factor range; every class alike, so that light cannot give the class away.
        contrast_ratio: stretch values around their mean by up to this share either way.
        colour_ratio: scale each channel by up to this share either way.
        blur_sigma_px: blur a third of the crops by up to this much, half of them in one direction.
        low_side_px: shrink a third of the crops to a side between this and full, and enlarge
            again, as a distant face is; 0 never does.
        noise_sigma: add Gaussian noise of up to this many grey levels to a third of the crops.
        noise_grain_px: the grains of that noise are up to so large: from sensor noise to flakes.
        haze_ratio: lay a clouded or veined veil of any grey, up to so dense, over a third of the
            crops, as fog, a dirty pane or a lamp in the picture do.
        snow_ratio: bright streaks, up to this share of white, before a sixth of the crops.
        jpeg_quality: re-encode a third of the crops at this quality or better; 0 never does.
    """

    rotation_deg: float = 0.0
    zoom_ratio: float = 0.0
    shift_ratio: float = 0.0
    flip: bool = False
    context_ratio: float = 0.0
    brightness: tuple[float, float] = (1.0, 1.0)
    contrast_ratio: float = 0.0
    colour_ratio: float = 0.0
    blur_sigma_px: float = 0.0
    low_side_px: int = 0
    noise_sigma: float = 0.0
    noise_grain_px: float = 1.0
    haze_ratio: float = 0.0
    snow_ratio: float = 0.0
    jpeg_quality: int = 0

    def __post_init__(self) -> None:
        between("rotation_deg", self.rotation_deg, 0, 180)
        for name in ("zoom_ratio", "shift_ratio", "contrast_ratio", "colour_ratio"):
            between(name, getattr(self, name), 0, 0.9)
        between("context_ratio", self.context_ratio, 0, 1)
        low, high = self.brightness
        valid = "[low, high] with 0 < low <= high, to 100"
        require(0.001 <= low <= high <= 100, "brightness", valid)
        between("blur_sigma_px", self.blur_sigma_px, 0, 50)
        between("low_side_px", self.low_side_px, 0, 512)
        between("noise_sigma", self.noise_sigma, 0, 100)
        between("noise_grain_px", self.noise_grain_px, 1, 64)
        between("haze_ratio", self.haze_ratio, 0, 0.95)
        between("snow_ratio", self.snow_ratio, 0, 1)
        between("jpeg_quality", self.jpeg_quality, 0, 100)


@dataclass(frozen=True, slots=True)
class SamplingRecipe:
    """Which crops an epoch holds.

    Attributes:
        crops_per_epoch: 0 takes every training crop once; otherwise this many.
        max_per_group: with crops_per_epoch, at most this many different photos of one class and
            near-identical group in one epoch (other ones in the next), so that forty copies of one
            photo count as few.
        synthetic_share: with crops_per_epoch, share of each class that is drawn from synthesised
            faces, where the manifest has some of that class; the rest is real.
        faces_share: with crops_per_epoch, share of the real crops of each class that are faces in
            boxes, where the manifest has both; 0 takes them and whole pictures as they come.
        class_shares: with crops_per_epoch, how the classes share an epoch, in the order of
            schema.CLASSES; relative to each other.
        unclear_share: with crops_per_epoch, share of the epoch that is unclear faces, whose target
            is to be unsure; the manifest's unclear rows are left out otherwise.
        min_face_px: leave out boxes whose longer side is smaller.
        hard_times: with crops_per_epoch, how many times as often as the others those crops are
            drawn whose label the network doubts that the run goes on from.
    """

    crops_per_epoch: int = 0
    max_per_group: int = 4
    synthetic_share: float = 0.0
    faces_share: float = 0.0
    class_shares: tuple[float, float, float] = (1.0, 1.0, 1.0)
    unclear_share: float = 0.0
    min_face_px: float = 0.0
    hard_times: int = 1

    def __post_init__(self) -> None:
        between("crops_per_epoch", self.crops_per_epoch, 0, 10**9)
        between("max_per_group", self.max_per_group, 1, 10**9)
        between("synthetic_share", self.synthetic_share, 0, 1)
        between("faces_share", self.faces_share, 0, 1)
        valid = "three numbers above 0, to a million"
        fine = all(1e-6 <= share <= 1e6 for share in self.class_shares)  # NaN is not
        require(fine, "class_shares", valid)
        between("unclear_share", self.unclear_share, 0, 0.5)
        if self.unclear_share:
            valid = "more than 0 where sampling.unclear_share is"
            require(self.crops_per_epoch > 0, "crops_per_epoch", valid)
        between("min_face_px", self.min_face_px, 0, 10**6)
        between("hard_times", self.hard_times, 1, 100)


@dataclass(frozen=True, slots=True)
class FitRecipe:
    """The optimiser.

    Attributes:
        learning_rate: at the start, or the peak where it decays.
        weight_decay: 0 is plain Adam, more is AdamW (Loshchilov and Hutter 2019).
        cosine_decay: bring the rate to zero along a cosine after a warm-up of 5 % of the steps.
        label_smoothing: share of certainty given to the other classes.
        batch_size: crops per step.
        epochs: passes.
        start_share: how much of the weights that a run began with is in those that it keeps: their
            mean with the trained ones knows what both know (Wortsman et al. 2022, "Robust
            fine-tuning of zero-shot models"). For runs that go on from a trained network.
        teacher_share: how much of what a crop is to be called is what a trained network says of it,
            see teacher.py; the rest is its label.
    """

    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    cosine_decay: bool = False
    label_smoothing: float = 0.0
    batch_size: int = 32
    epochs: int = 5
    start_share: float = 0.0
    teacher_share: float = 0.0

    def __post_init__(self) -> None:
        between("learning_rate", self.learning_rate, 1e-9, 1)
        between("weight_decay", self.weight_decay, 0, 0.99)
        between("label_smoothing", self.label_smoothing, 0, 0.99)
        between("batch_size", self.batch_size, 1, 4096)
        between("epochs", self.epochs, 1, 10_000)
        between("start_share", self.start_share, 0, 0.95)
        between("teacher_share", self.teacher_share, 0, 1)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a run learns, apart from the data.

    Attributes:
        name: names the run and the model.
        crop_margin_ratio: how much of the surroundings a face box takes in.
        seed: decides the head's start, the order and every alteration.
    """

    name: str
    network: NetworkRecipe = NetworkRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    sampling: SamplingRecipe = SamplingRecipe()
    fit: FitRecipe = FitRecipe()
    crop_margin_ratio: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_identity(self.name, self.seed)
        between("crop_margin_ratio", self.crop_margin_ratio, 0, 2)

    @property
    def goes_on(self) -> bool:
        """Whether the run needs a trained network to begin with."""
        doubts = self.sampling.hard_times > 1 and not self.fit.teacher_share  # a teacher has them
        return self.fit.start_share > 0 or doubts

    def to_yaml(self) -> str:
        """The recipe with every default filled in."""
        return write_record(self)


def load_recipe(path: Path) -> Recipe:
    """Read a classifier's recipe; see read_settings."""
    return read_settings(path, Recipe)


def write_record(record: Any) -> str:
    """A frozen record as YAML, every default filled in."""
    return yaml_text(dataclasses.asdict(record))


# Where the shipped recipes are: beside the package in a checkout, in it when it was installed.

_PACKAGE = Path(maskwatch.__file__).parent


def recipes_folder() -> Path:
    """The folder with the recipes; a wheel has a copy of the checkout's in the package."""
    inside = _PACKAGE / "recipes"
    return inside if inside.is_dir() else _PACKAGE.parents[1] / "recipes"


def classifier_recipes() -> dict[str, Path]:
    """The recipes of the classifier by name, in alphabetical order; not those of the detector."""
    paths = sorted(recipes_folder().glob("*.yaml"))
    return {path.stem: path for path in paths if not path.stem.startswith("detector")}
