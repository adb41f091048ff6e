"""`maskwatch doctor`: what is installed, and what is wrong with it."""

from __future__ import annotations

import json

import click

from maskwatch.doctor.diagnosis import diagnose, to_document


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
