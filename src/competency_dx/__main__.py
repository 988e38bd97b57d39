"""The program ``competency-dx``, also ``python -m competency_dx``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from competency_dx.cli import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for bad input, 130 when interrupted."""
    return run(argv)


if __name__ == "__main__":
    sys.exit(main())
