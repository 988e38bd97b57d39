"""Programs measured in a process of their own, and the peak of its memory."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")


def peak() -> float:
    """Return the largest resident memory of this process so far, MB.

    `getrusage` counts the parent as it was at the start too: it is asked only where the system does not say.
    """
    if STATUS.exists() and (found := re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text())):
        return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def printed(program: str, *arguments: str) -> str:
    """Return what a program prints; it may import the modules of this folder."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parent).stdout


def measured(program: str, *arguments: str) -> dict[str, Any]:
    """Return the figures that a program prints as a JSON object."""
    found: dict[str, Any] = json.loads(printed(program, *arguments))
    return found
