"""Which packages are there, which parts of MaskWatch they make up, and which clash.

Only what is written about packages is read (importlib.metadata); none is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from maskwatch.doctor.finding import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_OWN = "maskwatch"
_TOOLS = ("dev", "docs", "fuzz", "notebook", "scale-test")
"""Parts for developers of MaskWatch."""

# What stands in for another package: it is the module that counts, whoever brings it.
_MODULES = {
    "opencv-python-headless": "cv2",
    "onnxruntime": "onnxruntime",
    "tensorflow": "tensorflow",
    "tensorflow-cpu": "tensorflow",
}


@dataclass(frozen=True, slots=True)
class Installed:
    """The packages that this Python finds.

    Attributes:
        versions: by name, in lower case with hyphens.
        bringers: module -> the packages that bring it, for the modules that several may bring.
        parts: name of a part -> what it needs, "" for what MaskWatch always needs; None where
            MaskWatch itself was never installed, or `packaging` is missing.
    """

    versions: Mapping[str, str]
    bringers: Mapping[str, Sequence[str]]
    parts: Mapping[str, Sequence[Requirement]] | None

    def version_of(self, package: str) -> str | None:
        """Its version, or that of a package that stands in for it; None if there is none."""
        bringers = self.bringers.get(_MODULES.get(package, ""), ())
        return next(
            (self.versions[name] for name in (package, *bringers) if name in self.versions), None
        )


def read_installed() -> Installed:
    """Read what is written about the packages of this Python."""
    versions: dict[str, str] = {}
    for package in metadata.distributions():
        # of two of one name the first is the one that is loaded
        if name := package.metadata["Name"]:  # a removal that was cut off leaves nameless ones
            versions.setdefault(_canonical(name), package.version)
    found = metadata.packages_distributions()
    bringers = {
        module: sorted({_canonical(name) for name in found.get(module, ())})
        for module in {*_MODULES.values()}
    }
    return Installed(versions, bringers, _read_parts())


def check_packages(installed: Installed) -> Iterator[Finding]:
    """What MaskWatch always needs, then each of its parts."""
    if installed.parts is None:
        fault = "MaskWatch was not installed, or `packaging` is missing; pip install maskwatch"
        yield Finding("packages", "unknown", (fault,))
        return
    always = installed.parts[""]
    missing = tuple(
        f"{need.name} is missing; pip install '{_name(need)}'"
        for need in always
        if installed.version_of(_canonical(need.name)) is None
    )
    yield Finding("packages", _told(installed, always), missing + _too_old(installed, always))
    for part, needs in installed.parts.items():
        if part:
            yield _check_part(installed, part, needs)


def check_clashes(installed: Installed) -> Iterator[Finding]:
    """OpenCV and ONNX Runtime: whether several packages bring the same files."""
    for topic, module, wanted in (
        ("OpenCV", "cv2", "opencv-python-headless"),
        ("ONNX Runtime", "onnxruntime", "onnxruntime"),
    ):
        bringers = installed.bringers.get(module, ())
        names = ", ".join(f"{name} {installed.versions.get(name, '?')}" for name in bringers)
        fault = (
            f"{' and '.join(bringers)} overwrite each other's files; "
            f"pip uninstall -y {' '.join(bringers)} && pip install {wanted}"
        )
        says = f"{module} comes from {names or 'no package'}"
        yield Finding(topic, says, (fault,) if len(bringers) > 1 else ())


def _check_part(installed: Installed, part: str, needs: Sequence[Requirement]) -> Finding:
    topic = f"part {part}"
    missing = [need.name for need in needs if installed.version_of(_canonical(need.name)) is None]
    if missing:  # nothing wrong: parts are a choice
        absent = f"not installed ({', '.join(missing)} missing); pip install 'maskwatch[{part}]'"
        return Finding(topic, absent)
    return Finding(topic, _told(installed, needs), _too_old(installed, needs))


def _told(installed: Installed, needs: Sequence[Requirement]) -> str:
    names = (_canonical(need.name) for need in needs)
    return ", ".join(f"{name} {installed.version_of(name) or '(missing)'}" for name in names)


def _too_old(installed: Installed, needs: Sequence[Requirement]) -> tuple[str, ...]:
    return tuple(
        f"{need.name} {version} is none of {need.specifier}; pip install --upgrade '{_name(need)}'"
        for need in needs
        if (version := installed.version_of(_canonical(need.name)))
        and not need.specifier.contains(version, prereleases=True)
    )


def _read_parts() -> dict[str, list[Requirement]] | None:
    try:
        from packaging.requirements import Requirement

        own = metadata.distribution(_OWN)
    except (ImportError, metadata.PackageNotFoundError):
        return None
    lines = [Requirement(line) for line in own.requires or ()]
    always = [need for need in lines if _applies(need, "")]
    names = [name for name in own.metadata.get_all("Provides-Extra") or () if name not in _TOOLS]
    parts = {"": always}
    for part in names:
        parts[part] = list(_needs_of(part, lines))
    return parts


def _needs_of(part: str, lines: Sequence[Requirement]) -> Iterator[Requirement]:
    """What a part needs, with the parts that it names."""
    for need in lines:
        if _applies(need, "") or not _applies(need, part):
            continue
        if _canonical(need.name) == _OWN:
            for other in sorted(need.extras):
                yield from _needs_of(other, lines)
        else:
            yield need


def _applies(need: Requirement, part: str) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": part})


def _name(need: Requirement) -> str:
    return f"{need.name}{need.specifier}"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
