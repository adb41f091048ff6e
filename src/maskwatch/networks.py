"""Which networks judge: told once, loaded wherever they are needed, and the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from maskwatch.detect import WholeImage
from maskwatch.errors import ModelError
from maskwatch.pipeline import Analyzer


@dataclass(frozen=True, slots=True)
class Networks:
    """What an Analyzer is made from, wherever it is made.

    Attributes:
        model: file of the classifier; the shipped one if None.
        detector: file of the face detector; the shipped one if None.
        detector_side_px: what the longer side of a picture is scaled to; the card's if None.
        whole_image: take each picture for one face instead of looking for faces.
        hashes: of classifier and detector, "" for none; None until they have been loaded once.
    """

    model: Path | None = None
    detector: Path | None = None
    detector_side_px: int | None = None
    whole_image: bool = False
    hashes: tuple[str, str] | None = None

    def load(self) -> Analyzer:
        """Make the Analyzer.

        Raises:
            ModelError: a network cannot be loaded, or is another one than the hashes say.
            SettingError: the side is out of range.
        """
        finder = WholeImage() if self.whole_image else self.detector
        analyzer = Analyzer(self.model, finder, self.detector_side_px)
        if self.hashes not in (None, network_hashes(analyzer)):
            raise ModelError("the networks of a worker are not those the run was begun with")
        return analyzer

    def pinned(self) -> Networks:
        """The same with hashes, so that no worker takes other networks unnoticed."""
        return replace(self, hashes=network_hashes(self.load()))


def network_hashes(analyzer: Analyzer) -> tuple[str, str]:
    """Of its classifier and its detector, "" where it has none."""
    detector = analyzer.detector_card
    return analyzer.card.sha256, detector.sha256 if detector else ""
