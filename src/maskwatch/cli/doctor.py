"""Everything that is looked at, in order; what rests on broken packages is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maskwatch._version import __version__
from maskwatch.app.launch import STATISTICS_VARIABLE
from maskwatch.doctor.finding import Finding
from maskwatch.doctor.loading import check_loading
from maskwatch.doctor.machine import (
    check_camera,
    check_cameras,
    check_cores,
    check_fonts,
    check_python,
    check_statistics,
    check_turn,
)
from maskwatch.doctor.packages import check_clashes, check_packages, read_installed

SCHEMA = "maskwatch.doctor/1"


def diagnose(camera: str | None) -> Iterator[Finding]:
    """Look at everything, and say each finding when it is made.

    Args:
        camera: the number of one to open, or None.
    """
    for finding in _findings(camera):
        yield finding.without_home()


def to_document(findings: list[Finding]) -> dict[str, Any]:
    """Findings as plain JSON values."""
    return {
        "schema": SCHEMA,
        "well": not any(finding.faults for finding in findings),
        "findings": [
            {"topic": each.topic, "says": each.says, "faults": list(each.faults)}
            for each in findings
        ],
    }


def _findings(camera: str | None) -> Iterator[Finding]:
    yield Finding("MaskWatch", __version__)
    yield check_python()
    yield check_cores()
    installed = read_installed()
    yield from check_packages(installed)
    yield from check_clashes(installed)
    loading = list(check_loading())
    yield from loading
    yield check_cameras()
    yield check_turn(os.environ, (Path.cwd(), Path.home()))
    if any(finding.faults for finding in loading):
        yield Finding("networks", "not tried: see above")
        return
    from maskwatch.doctor.networks import check_networks  # loads what may have been broken
    from maskwatch.store import default_path

    yield from check_networks()
    yield check_fonts()
    named = os.environ.get(STATISTICS_VARIABLE)
    yield check_statistics(Path(named) if named else default_path(), bool(named))
    if camera is not None:
        yield check_camera(camera)
