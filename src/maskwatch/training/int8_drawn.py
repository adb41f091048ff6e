"""The shipped classifier in int8, calibrated on drawn faces, for `maskwatch bench` to time.

python -m maskwatch.training.int8_drawn FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

from maskwatch.bench.scenes import draw_frame
from maskwatch.model_card import SHIPPED_MODEL
from maskwatch.pipeline import Analyzer
from maskwatch.training.quantise import quantise


def main() -> None:
    """Write FILE."""
    analyzer = Analyzer()
    frame = draw_frame((1280, 720), 20)
    faces, _ = analyzer.find_live(frame)
    quantise(SHIPPED_MODEL, [analyzer.crops(frame, faces, analyzer.origin)], Path(sys.argv[1]))


if __name__ == "__main__":
    main()
