"""What the page for training says of runs, in the words of a language; without Streamlit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskwatch.app.catalogue import Catalogue
from maskwatch.app.findings import plain
from maskwatch.training.job_folder import JobFolder
from maskwatch.training.job_status import State, Status, Step

NONE = "-"
"""In place of a number that is not there."""


def run_words(job: JobFolder, status: Status, say: Catalogue) -> str:
    """How a run is, in one sentence that stays the same as long as there is no news; Markdown."""
    name = f"**{plain(job.name)}**"
    if status.state is State.RUNNING:
        return f"{name}: {step_words(status, say)}"
    return f"{name}: {say.text(f'run_states.{status.state}')}"


def step_words(status: Status, say: Catalogue) -> str:
    """What a run does now."""
    if status.step is Step.TRAINING:
        return say.text("run_steps.training", epoch=status.epoch, epochs=status.epochs)
    if status.step is Step.AUDITING and 0 < status.total <= status.done:
        return say.text("run_steps.comparing")
    return say.text(f"run_steps.{status.step}")


def share_done(status: Status) -> float | None:
    """How much of its step a run has done, 0 to 1; None where nobody knows."""
    if not status.total:
        return None
    done = status.done / status.total
    if status.step is Step.TRAINING:
        return min((status.epoch - 1 + done) / status.epochs, 1.0)
    return done if done < 1 else None


def time_left(status: Status, say: Catalogue) -> str:
    """How long the step will still take, roughly; empty where nobody knows."""
    if status.left_s is None:
        return ""
    minutes = round(status.left_s / 60)
    if minutes < 1:
        return say.text("training.left_moment")
    if minutes < 90:
        return say.counted("training.left_minutes", minutes)
    return say.counted("training.left_hours", round(minutes / 60))


def spread(score: Mapping[str, Any] | None, say: Catalogue) -> str:
    """A score with its interval, such as "97.3% (96.5-98.0%)"."""
    if not score or any(score.get(name) is None for name in ("value", "low", "high")):
        return NONE
    low, high = say.number(100 * score["low"]), say.percent(score["high"])
    return f"{say.percent(score['value'])} ({low}-{high})"
