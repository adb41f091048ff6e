"""Which worker runs which tests, where several run at a time."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

BROWSER = "browser"
"""The folder whose files share a browser and servers: those of the app's pages, and the others."""


class Scheduling(LoadFileScheduling):
    """The tests of one file in one process, and so those of files that share what is dear."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        *_, folder, name = ["", *file.split("/")]
        if folder != BROWSER:
            return file
        return f"{folder}, {'app' if name.startswith('test_browser_') else 'others'}"

    def remove_node(self, node: WorkerController) -> str | None:
        """Where a worker died, others do what it had not done, and only that.

        LoadScopeScheduling hands on what was done as well, as work without a test, and workers
        that have only such work ask for no more: the run would never end.
        """
        work = self.assigned_work[node]
        for file in [file for file, tests in work.items() if all(tests.values())]:
            del work[file]
        return super().remove_node(node)
