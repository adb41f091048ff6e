"""Everything that is looked at, in order; what rests on broken packages is left out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from maskwatch._version import __version__
from maskwatch.app.settings import STATISTICS_VARIABLE
from maskwatch.doctor.machine import (
    check_camera,
    check_cameras,
    check_cores,
    check_fonts,
    check_python,
    check_statistics,
    check_turn,
)
from maskwatch.doctor.packages import (
    Finding,
    check_clashes,
    check_loading,
    check_packages,
    read_installed,
)
from maskwatch.files import home_folder

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
    yield check_turn(os.environ, (*_current_folder(), home_folder()))
    if any(finding.faults for finding in loading):
        yield Finding("networks", "not tried: see above")
        return
    from maskwatch.doctor.networks import check_networks  # loads what may have been broken
    from maskwatch.store.statistics import default_path

    yield from check_networks()
    yield check_fonts()
    named = os.environ.get(STATISTICS_VARIABLE)
    yield check_statistics(Path(named) if named else default_path(), bool(named))
    if camera is not None:
        yield check_camera(camera)


def _current_folder() -> tuple[Path, ...]:
    """The folder that the user is in; none where somebody has removed it."""
    try:
        return (Path.cwd(),)
    except OSError:
        return ()


# `maskwatch doctor`: what is installed, and what is wrong with it.


@click.command(
    epilog="""
\b
Exit codes:
  0  all is well
  1  something is wrong; each fault is a line that ends with what to do
  2  wrong usage
"""
)
@click.option(
    "--camera", metavar="SOURCE", help="Also open this camera, such as 0, and read a picture."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for bug reports.")
@click.pass_context
def doctor(context: click.Context, camera: str | None, as_json: bool) -> None:
    """Say what is installed, whether it works here, and what is wrong.

    Nothing is changed, and nothing is sent anywhere.
    """
    findings = []
    for finding in diagnose(camera):
        findings.append(finding)
        if not as_json:
            click.echo(f"{finding.topic + ':':<18} {finding.says}")
    faults = [(finding.topic, fault) for finding in findings for fault in finding.faults]
    if as_json:
        click.echo(json.dumps(to_document(findings), indent=2))
    else:
        click.echo("")
        for topic, fault in faults:
            click.echo(f"Wrong with {topic}: {fault}")
        if not faults:
            click.echo("All is well.")
    context.exit(1 if faults else 0)
