"""What the doctor says of one thing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: what it is, in a word or two.
        says: how it is, in a line.
        faults: what is wrong with it, each in a line that ends with what to do.
    """

    topic: str
    says: str
    faults: tuple[str, ...] = ()

    def without_home(self) -> Finding:
        """The same without the path of the user's folder, which holds a name."""
        home = str(Path.home())
        if len(home) <= 1:  # the root; nobody's name
            return self
        says, *faults = (text.replace(home, "~") for text in (self.says, *self.faults))
        return replace(self, says=says, faults=tuple(faults))
