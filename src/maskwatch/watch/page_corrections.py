"""“This is wrong” on the page of the cameras: what the face of an event really shows, kept."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from maskwatch.errors import DataError, SettingError
from maskwatch.io.settings import require
from maskwatch.schema import MaskState
from maskwatch.store.corrections import NO_FACE, Correction, CorrectionStore
from maskwatch.watch.evidence import EvidenceFolder

_LOG = logging.getLogger(__name__)

_CHOICES = (*(state.value for state in MaskState), NO_FACE)


@dataclass(frozen=True, slots=True)
class EventCorrection:
    """What the face of an event shows.

    Attributes:
        event: its number.
        shows: a state, "unsure" where nobody can tell, or "no_face"; None takes back what was kept.
    """

    event: str
    shows: str | None

    def __post_init__(self) -> None:
        require(self.shows in (*_CHOICES, None), "shows", f"null or one of {', '.join(_CHOICES)}")


class Corrector:
    """Keeps corrected faces of events, and takes them back; for several threads."""

    def __init__(self, evidence: EvidenceFolder, store: CorrectionStore) -> None:
        """Begin with what is kept there.

        Args:
            evidence: keeps the faces of events.
            store: keeps those of them that were corrected.
        """
        self.keep_days = store.keep_days
        self._evidence = evidence
        self._store = store
        self._changing = threading.Lock()

    def correctable(self) -> set[str]:
        """The events whose face is kept."""
        return self._evidence.face_ids()

    def corrected(self) -> dict[str, str]:
        """What was said that faces show, by the numbers of their events."""
        try:
            return {
                one.event_id: NO_FACE if one.right is None else one.right.value
                for one in self._store.entries()
                if one.event_id is not None
            }
        except DataError as error:  # the events are worth more
            _LOG.error("corrections: %s", error)
            return {}

    def correct(self, change: EventCorrection) -> None:
        """Keep what the face of an event shows, in the place of what was kept of it before.

        Raises:
            SettingError: no face of this event is kept.
            DataError: something cannot be read or written.
        """
        with self._changing:
            before = [
                one.correction_id for one in self._store.entries() if one.event_id == change.event
            ]
            if change.shows is not None:
                self._keep(change.event, change.shows)
            self._store.delete(before)

    def _keep(self, event_id: str, shows: str) -> Correction:
        found = self._evidence.find_face(event_id)
        if found is None:
            raise SettingError("event: its face is not kept, or no longer")
        right = None if shows == NO_FACE else MaskState(shows)
        return self._store.keep(
            found.image_rgb, found.face, right, found.source, found.model, event_id
        )
