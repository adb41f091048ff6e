"""Which packages are there, which parts of MaskWatch they make up, and which clash.

Only what is written about packages is read (importlib.metadata); none is loaded.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING

from maskwatch.errors import pip, pip_extra
from maskwatch.files import home_folder
from maskwatch.models.runtime import NO_TELEMETRY

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_OWN = "maskwatch"
_UNTOLD = ("all", "dev", "docs", "fuzz", "lock", "notebook", "scale-test")
"""The sum of the other parts, and parts for developers of MaskWatch."""

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
        add = pip("install maskwatch")
        fault = f"MaskWatch was not installed, or `packaging` is missing; {add}"
        yield Finding("packages", "unknown", (fault,))
        return
    always = installed.parts[""]
    missing = tuple(
        f"{need.name} is missing; " + pip(f'install "{_name(need)}"')
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
            f"{pip('uninstall')} -y {' '.join(bringers)} && {pip('install')} {wanted}"
        )
        says = f"{module} comes from {names or 'no package'}"
        yield Finding(topic, says, (fault,) if len(bringers) > 1 else ())


def _check_part(installed: Installed, part: str, needs: Sequence[Requirement]) -> Finding:
    topic = f"part {part}"
    missing = [need.name for need in needs if installed.version_of(_canonical(need.name)) is None]
    if missing:  # nothing wrong: parts are a choice
        absent = f"not installed ({', '.join(missing)} missing); {pip_extra(part)}"
        return Finding(topic, absent)
    return Finding(topic, _told(installed, needs), _too_old(installed, needs))


def _told(installed: Installed, needs: Sequence[Requirement]) -> str:
    names = (_canonical(need.name) for need in needs)
    return ", ".join(f"{name} {installed.version_of(name) or '(missing)'}" for name in names)


def _too_old(installed: Installed, needs: Sequence[Requirement]) -> tuple[str, ...]:
    return tuple(
        f"{need.name} {version} is none of {need.specifier}; "
        + pip(f'install --upgrade "{_name(need)}"')
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
    names = [name for name in own.metadata.get_all("Provides-Extra") or () if name not in _UNTOLD]
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


# What the doctor says of one thing.


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: what it is, in a word or two.
        says: how it is, in a line.
        faults: what is wrong with it, each in a line that ends with what to do.
    """

    topic: str
    says: str
    faults: tuple[str, ...] = ()

    def without_home(self) -> Finding:
        """The same without the path of the user's folder, which holds a name."""
        home = str(home_folder())
        if len(home) <= 1:  # the root or none; nobody's name
            return self
        says, *faults = (text.replace(home, "~") for text in (self.says, *self.faults))
        return replace(self, says=says, faults=tuple(faults))


# Whether packages can be loaded, tried in a process of its own for each.
#
# A package that was built for another NumPy, or lacks a library of the system, may print a page of
# text or end the process; both stay there.

_LONGEST_S = 60

# -P below keeps files of the current folder from being taken for packages
_TRY = """
import importlib, sys
module = importlib.import_module(sys.argv[1])
print("\\n" + module.__version__, *getattr(module, "get_available_providers", list)())
"""

_JUDGING_MODULES = {
    "numpy": "numpy",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "onnxruntime": "onnxruntime",
}
"""What judging a picture loads, and the package that brings it."""

_BUILT_FOR_ANOTHER_NUMPY = ("multiarray", "_ARRAY_API", "numpy.dtype size", "NumPy 1.x")


def check_loading() -> Iterator[Finding]:
    """Load each package that judging a picture needs."""
    for module, package in _JUDGING_MODULES.items():
        told, reason = load(module)
        if reason is None:
            version, *providers = told.split()
            has = f"; it runs networks on: {', '.join(providers)}"
            yield Finding(f"loads {module}", version + has * bool(providers))
        else:
            fault = f"cannot be loaded ({reason}); {pip('install --force-reinstall')} {package}"
            yield Finding(f"loads {module}", "no", (f"{fault}{_hint(reason)}",))


def load(module: str) -> tuple[str, str | None]:
    """Load a module in a process of its own.

    Returns:
        Its version and, of ONNX Runtime, what it can run networks on, with spaces between; and why
        it cannot be loaded, None if it can.
    """
    command = [sys.executable, "-P", "-c", _TRY, module]
    try:
        tried = subprocess.run(
            command,
            env={NO_TELEMETRY: "1", **os.environ},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST_S,
        )
    except subprocess.TimeoutExpired:
        return "", f"not within {_LONGEST_S} s"
    if tried.returncode == 0:
        return tried.stdout.splitlines()[-1], None
    if tried.returncode < 0:
        return "", f"it ends the process with signal {-tried.returncode}"
    said = [line for line in tried.stderr.splitlines() if line.strip()]
    return "", said[-1].strip() if said else f"exit code {tried.returncode}"


def _hint(reason: str) -> str:
    """What more to do about failures that a new copy of the package does not cure."""
    if any(words in reason for words in _BUILT_FOR_ANOTHER_NUMPY):
        return ", and numpy as well: they were built for different versions of it"
    if ".so" in reason or "DLL" in reason:
        return ", or add the library to the system"
    return ""
