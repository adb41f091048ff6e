"""What the service writes to its log: one line an event, without tracebacks, paths or clients."""

from __future__ import annotations

import logging
import logging.config
import traceback

logger = logging.getLogger("maskwatch.service")


class OneLine(logging.Formatter):
    """Time, level and the first line of a message; of an exception only what and where.

    Later lines and tracebacks, also those that other packages log, name files of this machine and
    may quote what a client sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        lines = record.getMessage().splitlines() or [""]
        error = record.exc_info and record.exc_info[1]
        what = f" ({where(error)})" if error else ""
        return f"{self.formatTime(record)} {record.levelname} {lines[0].rstrip(':')}{what}"


def where(error: BaseException) -> str:
    """The type of an exception and the line that raised it, such as "KeyError in pipeline:88".

    Its message may hold anything and is left out.
    """
    frames = [
        (frame.f_globals.get("__name__", "?"), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    ours = [(name, line) for name, line in frames if name.startswith("maskwatch.")] or frames
    place = f" in {ours[-1][0].removeprefix('maskwatch.')}:{ours[-1][1]}" if ours else ""
    return f"{type(error).__name__}{place}"


def configure_log() -> None:
    """All that the service and what it stands on say goes to standard error, a line an event."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": OneLine}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": "WARNING", "handlers": ["stderr"]},
            "loggers": {
                "maskwatch.service": {"level": "INFO"},
                # what it tells below a warning holds addresses and what was asked for
                "uvicorn": {"level": "WARNING"},
                # warns of every form that is not as it should be; the client is told
                "python_multipart": {"level": "ERROR"},
            },
        }
    )
