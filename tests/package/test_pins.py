"""What is fetched to build, check and run is named by what is in it, not by a name that can move.

Run: pytest tests/package/test_pins.py
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.paths import ROOT

COMMIT = r"[0-9a-f]{40}"
DIGEST = r"@sha256:[0-9a-f]{64}"
# No digest of it could be confirmed.
BY_TAG = {"coturn/coturn:4.7-alpine"}


def locked() -> Iterator[tuple[Requirement, list[str]]]:
    """What requirements.lock names, each with the hashes of its files."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line and line[0] != "#":
            need, *hashes = line.split(" --hash=")
            yield Requirement(need.strip()), [each.strip() for each in hashes]


def test_the_lock_holds_hashes_of_the_versions_that_were_tested_together() -> None:
    constraints = {
        canonicalize_name(name): version
        for name, _, version in (
            line.partition("==") for line in (ROOT / "constraints.txt").read_text().splitlines()
        )
    }
    found = list(locked())
    assert found
    for need, hashes in found:
        assert str(need.specifier) == f"=={constraints[canonicalize_name(need.name)]}"
        assert hashes and all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in hashes), need


def test_the_lock_holds_what_the_image_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parts = project["optional-dependencies"]
    needed = [
        canonicalize_name(need.name)
        for part in ("app", "live", "serve", "watch", "apprise")
        for line in (*project["dependencies"], *parts[part])
        if (need := Requirement(line)).name != "maskwatch" and not need.marker
    ]
    assert set(needed) <= {canonicalize_name(need.name) for need, _ in locked()}


def test_actions_are_named_by_commit_with_the_version_beside_it() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        steps = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
        used = [step["uses"] for step in steps if "uses" in step]
        assert used
        for action in used:
            assert re.fullmatch(rf"[\w/-]+@{COMMIT}", action)
            assert re.search(rf"uses: {action} # v\d+\.\d+\.\d+\n", text), action


def test_newer_ones_are_offered_for_all_that_is_pinned() -> None:
    offered = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))
    kinds = {each["package-ecosystem"] for each in offered["updates"]}
    assert kinds == {"pip", "github-actions", "docker", "docker-compose"}


def test_hooks_are_named_by_commit_with_the_version_beside_it() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    fetched = [each for each in yaml.safe_load(text)["repos"] if each["repo"] != "local"]
    assert fetched
    assert len(re.findall(rf"rev: {COMMIT} # frozen: v[\d.]+\n", text)) == len(fetched)


@pytest.mark.parametrize("name", ["Dockerfile", *sorted(p.name for p in ROOT.glob("compose*"))])
def test_images_are_named_by_digest(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    images = re.findall(r"^ *(?:FROM|image:) +(\S+)", text, re.MULTILINE)
    assert images
    for image in images:
        own = image.startswith("maskwatch:")
        assert own or image in BY_TAG or re.search(f"{DIGEST}$", image), image
