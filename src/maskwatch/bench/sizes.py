"""What an installation takes on disk: MaskWatch, what it needs, and the shipped networks."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import maskwatch
from maskwatch.model_card import SHIPPED_DETECTOR, SHIPPED_MODEL

_PACKAGE = Path(maskwatch.__file__).parent


def sizes() -> dict[str, Any]:
    """Megabytes (millions of bytes) of the base installation, by package, and of the networks.

    A package is counted as it lies on disk here, compiled files included. MaskWatch itself is its
    package folder, wherever it runs from.
    """
    packages = {"maskwatch": _folder_bytes(_PACKAGE)}
    for name in base_requirements():
        packages[name] = _distribution_bytes(distribution(name))
    return {
        "base_install_mb": _mb(sum(packages.values())),
        "packages_mb": {name: _mb(size) for name, size in packages.items()},
        "models_mb": {
            path.stem: _mb(path.stat().st_size) for path in (SHIPPED_MODEL, SHIPPED_DETECTOR)
        },
    }


def base_requirements() -> list[str]:
    """All packages that MaskWatch without extras needs, those that they need included.

    Without installed metadata (a bare checkout) there are none.
    """
    found: dict[str, None] = {}
    waiting = ["maskwatch"]
    while waiting:
        try:
            requirements = distribution(waiting.pop()).requires or []
        except PackageNotFoundError:  # for another system, or no installation at all
            continue
        for requirement in requirements:
            name, _, marker = requirement.partition(";")
            name = re.split(r"[\s\[<>=!~(]", name.strip(), maxsplit=1)[0].lower()
            if "extra" not in marker and name not in found and _is_installed(name):
                found[name] = None
                waiting.append(name)
    return sorted(found)


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _distribution_bytes(package: Distribution) -> int:
    paths = [Path(str(package.locate_file(file))) for file in package.files or []]
    return sum(_disk_bytes(path) for path in paths if path.is_file())


def _folder_bytes(folder: Path) -> int:
    return sum(_disk_bytes(path) for path in folder.rglob("*") if path.is_file())


def _disk_bytes(path: Path) -> int:
    status = path.stat()
    return getattr(status, "st_blocks", -(-status.st_size // 512)) * 512


def _mb(size: int) -> float:
    return round(size / 1e6, 1)
