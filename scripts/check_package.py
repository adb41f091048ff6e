"""Builds the wheel and the source distribution, and tries them where the source tree is not.

    python scripts/check_package.py dist     # `make package` does so

What is in them must be what git tracks, no more and no less. The wheel, which is built from the
source distribution, is installed in a fresh environment with the versions of constraints.txt and
judges a drawn photo there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

WHEEL_BYTES, FILE_BYTES = 15e6, 1e6
"""No wheel may be larger, and no file in it but the networks and what runs them in browsers."""

NEEDED = {
    *(f"maskwatch/models/{name}{kind}" for name in ("classifier", "detector")
      for kind in (".onnx", ".json", ".golden.npz")),
    "maskwatch/models/classifier.evidence.json",
    "maskwatch/py.typed", "maskwatch/app/catalogues/en.toml", "maskwatch/samples/group.jpg",
    "maskwatch/web/page/index.html", "maskwatch/web/cameras/index.html",
    "maskwatch/web/page/ort/ort-wasm-simd-threaded.wasm.gz",
    "maskwatch/recipes/best.yaml",
    "maskwatch/pyproject.toml",  # how Streamlit finds the live page's part for browsers
}  # fmt: skip

_KINDS = (
    ".py",
    ".onnx",
    ".json",
    ".npz",
    ".toml",
    ".jpg",
    ".yaml",
    ".html",
    ".css",
    ".txt",
    ".csv",
    ".js",
    ".mjs",
    ".mts",
    ".svg",
    ".webmanifest",
    ".wasm.gz",  # the page for browsers
)


def wheel_faults(sizes: dict[str, int], tracked: Iterable[str]) -> list[str]:
    """What is wrong with the files of a wheel, in lines.

    Args:
        sizes: name -> bytes.
        tracked: paths of all files under git.
    """
    about = {name for name in sizes if name.partition("/")[0].endswith(".dist-info")}
    tracked = set(tracked)
    expected = {
        *(path.removeprefix("src/") for path in tracked if path.startswith("src/maskwatch/")),
        *(f"maskwatch/{path}" for path in tracked if path.startswith("recipes/")),
    }
    faults = _differences(set(sizes) - about, expected)
    faults += [f"{name}: is missing" for name in sorted(NEEDED - set(sizes))]
    for licence in ("LICENSE", "THIRD_PARTY.md"):
        if not any(name.endswith(f"/licenses/{licence}") for name in about):
            faults.append(f"{licence}: is missing")
    for name in sorted(set(sizes) - about):
        if not name.endswith((*_KINDS, "py.typed")):
            faults.append(f"{name}: of a kind that no wheel has held so far")
        if sizes[name] > FILE_BYTES and not name.endswith((".onnx", ".wasm.gz")):
            faults.append(f"{name}: {sizes[name] / 1e6:.1f} MB, more than {FILE_BYTES / 1e6:.0f}")
    return faults


def sdist_faults(names: Iterable[str], tracked: Iterable[str]) -> list[str]:
    """What is wrong with the files of a source distribution, without its folder's name."""
    return _differences(set(names) - {"PKG-INFO"}, set(tracked))


def _differences(found: set[str], expected: set[str]) -> list[str]:
    extra = [f"{name}: does not belong there" for name in sorted(found - expected)]
    return extra + [f"{name}: was left out" for name in sorted(expected - found)]


def build(out: Path) -> tuple[Path, Path]:
    """The source distribution, and the wheel built from it."""
    out.mkdir(parents=True, exist_ok=True)
    for old in [*out.glob("maskwatch-*.whl"), *out.glob("maskwatch-*.tar.gz")]:
        old.unlink()
    run([sys.executable, "-m", "build", "--outdir", out, ROOT])
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> list[str]:
    """What is wrong with what is in them."""
    tracked = run(["git", "-C", ROOT, "ls-files"]).splitlines()
    with zipfile.ZipFile(wheel) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    with tarfile.open(sdist) as archive:
        names = [entry.name.partition("/")[2] for entry in archive if entry.isfile()]
    faults = wheel_faults(sizes, tracked) + sdist_faults(names, tracked)
    if wheel.stat().st_size > WHEEL_BYTES:
        faults.append(f"{wheel.name}: larger than {WHEEL_BYTES / 1e6:.0f} MB")
    return faults


def try_wheel(wheel: Path, folder: Path) -> str:
    """Install a wheel in a fresh environment in a folder, and use it from there.

    Returns:
        What its doctor says.

    Raises:
        SystemExit: something does not work.
    """
    run([sys.executable, "-m", "venv", folder / "venv"])
    binaries = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python, maskwatch = binaries / "python", binaries / "maskwatch"
    quiet = ("--quiet", "--disable-pip-version-check")
    pip: list[str | Path] = [python, "-m", "pip", "install", *quiet]
    run([*pip, "-c", ROOT / "constraints.txt", wheel], folder)
    code = "import maskwatch.samples as s; print(s.FOLDER)"
    samples = Path(run([python, "-c", code], folder).strip())
    require(samples.is_relative_to(folder.resolve()), f"{samples} is not in the new environment")
    version = run([maskwatch, "--version"], folder).split()[-1]
    require(f"-{version}-" in wheel.name, f"{wheel.name} says it is {version}")
    said = run([maskwatch, "predict", samples / "group.jpg", "--format", "jsonl"], folder)
    states = [face["state"] for face in json.loads(said)["faces"]]
    expected = ["mask", "incorrect_mask", "no_mask", "mask"]
    require(states == expected, f"a drawn photo is judged {states}, not {expected}")
    return run([maskwatch, "doctor"], folder)


def run(command: Sequence[str | Path], folder: Path | None = None) -> str:
    """What a command prints; it sees no other source tree.

    Raises:
        SystemExit: it fails.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    told = f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    require(done.returncode == 0, told)
    return done.stdout


def require(fact: bool, otherwise: str) -> None:
    """End with a line unless something is so."""
    if not fact:
        sys.exit(otherwise)


def main() -> None:
    """Build, check, try."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder for the two files")
    sdist, wheel = build(parser.parse_args().out.absolute())
    if faults := check_contents(sdist, wheel):
        sys.exit("\n".join(faults))
    with tempfile.TemporaryDirectory() as folder:
        print(try_wheel(wheel, Path(folder)))
    for made in (sdist, wheel):
        print(f"{made.name}: {made.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
