"""What each test costs: `make test-costs` lists the dearest.

Processor time is that of the test's own process and of all that it started, so it is hardly other
on a busy machine; what is left of the time on the clock was spent waiting, or others had it.
"""

from __future__ import annotations

import os
import resource
import time
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

SHOWN = 60
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Seconds since some moment: of this processor, of other processes', and on the clock."""

    own_s: float = 0.0
    others_s: float = 0.0
    clock_s: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.own_s + other.own_s,
            self.others_s + other.others_s,
            self.clock_s + other.clock_s,
        )

    def since(self, start: Cost) -> Cost:
        """What was spent between two moments; of whom others end, nobody tells what they spent."""
        return Cost(
            self.own_s - start.own_s,
            max(0.0, self.others_s - start.others_s),
            self.clock_s - start.clock_s,
        )

    @property
    def processor_s(self) -> float:
        """Of all processes."""
        return self.own_s + self.others_s

    @property
    def waited_s(self) -> float:
        """What no process worked."""
        return max(0.0, self.clock_s - self.processor_s)


def spent() -> Cost:
    """What this process and all it started have spent until now; Linux only."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    others_s = ended.ru_utime + ended.ru_stime + _of_the_living()
    return Cost(time.process_time(), others_s, time.monotonic())


def _of_the_living() -> float:
    """Seconds of all that descends from this process and still runs, with what ended below it."""
    parents, seconds = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            values = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        pid = int(folder.name)
        parents[pid] = int(values[1])
        seconds[pid] = sum(map(int, values[11:15])) / _TICKS_A_SECOND
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(seconds[pid] for pid in ours - {os.getpid()})


class Costs:
    """Costs of parts of tests, in the worker that runs them and where they are told."""

    def __init__(self) -> None:
        self.of: dict[str, Cost] = defaultdict(Cost)
        self._start = spent()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        end = spent()
        cost = end.since(self._start)
        self._start = end
        report.cost = (cost.own_s, cost.others_s, cost.clock_s)  # workers send what a report holds
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        part = "" if report.when == "call" else f" ({report.when})"
        self.of[report.nodeid + part] += Cost(*report.cost)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        files: dict[str, Cost] = defaultdict(Cost)
        for name, cost in self.of.items():
            files[name.partition("::")[0]] += cost
        _table(terminalreporter, "dearest files", files)
        _table(terminalreporter, "dearest tests", self.of)
        total = sum(self.of.values(), Cost())
        terminalreporter.write_line(f"all: {total.processor_s:.0f} s of processor time")


def _table(reporter: pytest.TerminalReporter, title: str, costs: dict[str, Cost]) -> None:
    reporter.section(title)
    reporter.write_line("processor s   own  others  waited")
    by_cost = sorted(costs.items(), key=lambda pair: -pair[1].processor_s)
    for name, cost in by_cost[:SHOWN]:
        reporter.write_line(
            f"{cost.processor_s:11.1f} {cost.own_s:5.1f} {cost.others_s:7.1f} "
            f"{cost.waited_s:7.1f}  {name}"
        )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Costs(), "costs")
