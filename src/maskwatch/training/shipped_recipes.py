"""Where the shipped recipes are: beside the package in a checkout, in it when it was installed."""

from __future__ import annotations

from pathlib import Path

import maskwatch

_PACKAGE = Path(maskwatch.__file__).parent


def recipes_folder() -> Path:
    """The folder with the recipes; a wheel has a copy of the checkout's in the package."""
    inside = _PACKAGE / "recipes"
    return inside if inside.is_dir() else _PACKAGE.parents[1] / "recipes"


def classifier_recipes() -> dict[str, Path]:
    """The recipes of the classifier by name, in alphabetical order; not those of the detector."""
    paths = sorted(recipes_folder().glob("*.yaml"))
    return {path.stem: path for path in paths if not path.stem.startswith("detector")}
