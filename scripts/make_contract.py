"""Writes the golden vectors in tests/contract, to which the browser's JavaScript is held.

    python scripts/make_contract.py

To be run when Python is meant to answer otherwise, or when the shipped networks change; what it
changed is then in `git diff`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.contract_factory import FOLDER, write_all


def main() -> None:
    """Write them, and say which."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    write_all()
    print(f"{FOLDER}: {', '.join(sorted(path.name for path in FOLDER.glob('*.json')))}")


if __name__ == "__main__":
    main()
