"""Which worker runs which tests, where several run at a time."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

BROWSER = "browser"
"""The folder whose files share a browser and servers: see `_shared`."""

LIVE = ("test_browser_live.py", "test_browser_statistics.py")
"""Of the app's pages, those with a camera: as much work as all others that a server judges for."""


class Scheduling(LoadFileScheduling):
    """The tests of one file in one process, and so those of files that share what is dear."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        *_, folder, name = ["", *file.split("/")]
        return f"{folder}, {_shared(name)}" if folder == BROWSER else file

    def remove_node(self, node: WorkerController) -> str | None:
        """Where a worker died, others do what it had not done, and only that.

        LoadScopeScheduling hands on what was done as well, as work without a test, and workers
        that have only such work ask for no more: the run would never end.
        """
        work = self.assigned_work[node]
        for file in [file for file, tests in work.items() if all(tests.values())]:
            del work[file]
        return super().remove_node(node)


def _shared(name: str) -> str:
    """With which others a file of that folder is run: no worker is to have most of the work."""
    if name in LIVE:
        return "live"
    return "web" if name.startswith("test_web_") else "pages"
