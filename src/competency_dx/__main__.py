"""The program ``competency-dx``, also ``python -m competency_dx``."""

import sys

from competency_dx.cli import run as main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
